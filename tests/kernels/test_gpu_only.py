"""The tile machine shows what only a GPU showed: undefined lanes, races, tf32, wrap-around, and programs that differ."""

import numpy as np
import pytest
import torch

from grader.kernels.kernel_text import read
from grader.kernels.tiles.findings import OutOfBudget, Race, Refused, StrayAddress, UndefinedValue
from grader.kernels.tiles.launch import load

HEAD = "import triton\nimport triton.language as tl\nCONFIG = {}\n"
KERNEL = (
    "@triton.jit\ndef k(x_ptr, y_ptr, out_ptr, n, B: tl.constexpr):\n    i = tl.program_id(0) * B + tl.arange(0, B)\n"
)
FIRST_LINE = 7  # of the lines below


def run(*lines, x=None, y=None, out=None, n=6, block=4, programs=2, helpers="", budget=None):
    """Runs a kernel of these lines with blocks of 4 on tensors of 8 elements. Returns `out`."""
    x = torch.arange(8.0) if x is None else x
    y = torch.arange(8.0) if y is None else y
    out = torch.zeros(8) if out is None else out
    text = read(HEAD + helpers + KERNEL + "".join(f"    {line}\n" for line in lines), "<test>")
    kernels = load(text) if budget is None else load(text, budget=budget)
    kernels.k[(programs,)](x, y, out, n, B=block)
    return out.tolist()


X = "x = tl.load(x_ptr + i, mask=i < n)"
STORE = "tl.store(out_ptr + i, y)"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("y = x", "stores an undefined value"),
        ("y = x * 0.0", "stores an undefined value"),
        ("y = x - x", "stores an undefined value"),
        ("y = tl.sum(x, axis=0) + tl.zeros((B,), tl.float32)", "stores an undefined value"),
        ("y = tl.cumsum(x, 0, reverse=True)", "stores an undefined value"),
        ("y = tl.sort(x)", "stores an undefined value"),
        ("y = tl.where(x > 0.0, 1.0, 2.0)", "stores an undefined value"),
        ("y = tl.where(i < n - 1, x, 0.0) + tl.where(i < n, 0.0, x)", "stores an undefined value"),
        ("y = tl.load(y_ptr + x.to(tl.int32))", "reads memory, but the address is undefined"),
        ("y = tl.load(y_ptr + i, mask=x > 0.0, other=0.0)", "reads memory, but the mask is undefined"),
    ],
)
def test_a_masked_lane_without_other_is_not_used(line, says):
    with pytest.raises(UndefinedValue) as caught:
        run(X, line, STORE, n=6)
    assert f"program (1, 0, 0) {says}: line {FIRST_LINE} loads x_ptr with a mask" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("y = tl.where(i < n, x, 0.0)", [0, 1, 2, 3, 4, 5, 0, 0]),
        ("y = tl.where((i < n) & (x > 2.0), x, 0.0)", [0, 0, 0, 3, 4, 5, 0, 0]),
        ("y = tl.load(y_ptr + i, mask=(i < n) & (x > 2.0), other=0.0)", [0, 0, 0, 3, 4, 5, 0, 0]),
        ("y = tl.cumsum(tl.where(i < n, x, 0.0), 0)", [0, 1, 3, 6, 4, 9, 9, 9]),
    ],
)
def test_a_masked_lane_may_be_left_out_later(line, result):
    assert run(X, line, STORE, n=6) == result


def test_a_masked_lane_may_be_stored_where_the_store_is_masked_too():
    assert run(X, "tl.store(out_ptr + i, x + 1, mask=i < n)") == [1, 2, 3, 4, 5, 6, 0, 0]


def test_the_load_that_is_to_blame_is_named_where_several_have_masks():
    with pytest.raises(UndefinedValue) as caught:
        run(X, "y = tl.load(y_ptr + i, mask=i < n - 1)", "tl.store(out_ptr + i, x + y, mask=i < n)")
    assert f"line {FIRST_LINE + 1} loads y_ptr" in str(caught.value)
    assert caught.value.line == FIRST_LINE + 2


def test_what_a_gpu_gives_for_a_division_by_zero_is_not_stored():
    y = "y = (i // (i - 2)).to(tl.float32)"
    with pytest.raises(UndefinedValue, match="stores an undefined value"):
        run(y, STORE)
    assert run(y, "tl.store(out_ptr + i, y, mask=i != 2)") == [0, -1, 0, 3, 2, 1, 1, 1]


def test_two_programs_that_write_one_element_race():
    with pytest.raises(Race) as caught:
        run("tl.store(out_ptr + i % 4, 1.0)")
    assert "k: program (0, 0, 0) and program (1, 0, 0) both write out_ptr at element 0" in str(caught.value)
    assert caught.value.line == FIRST_LINE
    assert run("tl.store(out_ptr + i % 4, 1.0)", programs=1) == [1, 1, 1, 1, 0, 0, 0, 0]


def test_a_program_that_reads_what_another_one_writes_races():
    shifted = ("x = tl.load(out_ptr + i + 1, mask=i < 7, other=0.0)", "tl.store(out_ptr + i, x)")
    with pytest.raises(Race) as caught:
        run(*shifted)
    assert "program (1, 0, 0) writes out_ptr at element 4, and program (0, 0, 0) reads it" in str(caught.value)
    assert run("x = tl.load(out_ptr + i)", "tl.store(out_ptr + i, x + 1)") == [1.0] * 8
    assert run(*shifted, out=torch.arange(8.0), programs=1) == [1, 2, 3, 4, 4, 5, 6, 7]


def test_atomic_operations_are_no_race_and_give_the_value_before():
    assert run("tl.atomic_add(out_ptr + i % 2, 1.0)") == [4, 4, 0, 0, 0, 0, 0, 0]
    out = torch.zeros(8, dtype=torch.int32)
    lines = ("place = tl.atomic_add(out_ptr + i * 0, i * 0 + 1)", "tl.store(y_ptr + place, i.to(tl.float32))")
    y = torch.full((8,), -1.0)
    run(*lines, y=y, out=out)
    assert sorted(y.tolist()) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert out[0] == 8


@pytest.mark.parametrize(
    ("dtype", "line", "result"),
    [
        (torch.int8, "y = x + x", [100 + 100 - 256]),
        (torch.int32, "y = x * 1000000000", [(100 * 10**9 + 2**31) % 2**32 - 2**31]),
        (torch.int32, "y = (-x) // 3", [-33]),
        (torch.int32, "y = (-x) % 3", [-1]),
        (torch.uint8, "y = x - 101", [255]),
        (torch.int32, "y = (x * 3.7).to(tl.int32)", [370]),
        (torch.int32, "y = (x * 1e10).to(tl.int32)", [2**31 - 1]),
    ],
)
def test_integers_wrap_and_divide_as_on_a_gpu(dtype, line, result):
    x, out = torch.full((1,), 100, dtype=dtype), torch.zeros(1, dtype=dtype)
    got = run("x = tl.load(x_ptr)", line, "tl.store(out_ptr, y)", x=x, out=out, programs=1, block=1)
    assert got == result


def test_a_product_of_fp32_tiles_keeps_10_bits_unless_ieee_is_asked_for():
    at = "at = tl.arange(0, B)[:, None] * B + tl.arange(0, B)[None, :]"
    x, one = torch.full((16, 16), 1 + 2.0**-11), torch.eye(16)
    for precision, want in [("", 1 + 2.0**-10), (', input_precision="ieee"', 1 + 2.0**-11)]:
        dot = f"tl.store(out_ptr + at, tl.dot(tl.load(x_ptr + at), tl.load(y_ptr + at){precision}))"
        out = run(at, dot, x=x, y=one, out=torch.zeros(16, 16), block=16, programs=1)
        assert out[0][0] == want


def test_programs_may_differ_in_loops_and_branches():
    p = "p = tl.program_id(0)"
    total = ("s = 0", "for j in range(0, p + 2):", "    s += j", "tl.store(out_ptr + i, s + i * 0.0)")
    assert run(p, *total) == [1, 1, 1, 1, 3, 3, 3, 3]
    halves = (
        "s = p * 20 + 5",
        "m = 0",
        "while s > 1:",
        "    s = s // 2",
        "    m += 1",
        "tl.store(out_ptr + i, m + i * 0.0)",
    )
    assert run(p, *halves, programs=2) == [2, 2, 2, 2, 4, 4, 4, 4]
    branch = ("if p == 0:", "    y = i * 2.0", "else:", "    y = i * 0.0", "tl.store(out_ptr + i, y)")
    assert run(p, *branch) == [0, 2, 4, 6, 0, 0, 0, 0]
    assert run(p, "if p == 1:", "    return", "tl.store(out_ptr + i, i + 1.0)") == [1, 2, 3, 4, 0, 0, 0, 0]
    assert run(p, "tl.store(out_ptr + i, (1.0 if p == 1 else 2.0) + i * 0.0)") == [2, 2, 2, 2, 1, 1, 1, 1]


def test_a_loop_counts_down_with_a_constant_step_alone():
    lines = ("s = 0", "for j in range(3, 0, STEP):", "    s += j", "tl.store(out_ptr + i, s + i * 0.0)")
    down, computed = (tuple(line.replace("STEP", step) for line in lines) for step in ("-1", "n - 7"))
    assert run(*down) == [6] * 8
    with pytest.raises(UndefinedValue, match=r"program \(0, 0, 0\) runs a loop whose computed step is below 1"):
        run(*computed)


def test_a_branch_that_no_program_takes_reads_nothing_and_is_still_checked():
    assert run("if n > 100:", "    tl.store(out_ptr + i + 1000, 1.0)") == [0.0] * 8
    with pytest.raises(Refused, match="axes must have the same length, or length 1"):
        run("if n > 100:", "    y = i + tl.arange(0, 8)")
    with pytest.raises(Refused, match=r"s is i32 before the loop and fp32 after an iteration"):
        run("s = 0", "for j in range(0, n - n):", "    s += 1.0")


def test_helpers_return_and_combine():
    helper = "@triton.jit\ndef sign(x):\n    if x < 0.0:\n        return -1.0\n    return 1.0\n"
    lines = ("p = tl.program_id(0)", "tl.store(out_ptr + i, sign(p - 0.5) + i * 0.0)")
    assert run(*lines, helpers=helper) == [-1, -1, -1, -1, 1, 1, 1, 1]
    combine = "@triton.jit\ndef first(a, b):\n    if a < 0.0:\n        return b\n    return a\n"
    line = "tl.store(out_ptr + i, tl.reduce(tl.load(x_ptr + i) - 2.0, 0, first) + i * 0.0)"
    assert run(line, helpers=combine) == [0, 0, 0, 0, 2, 2, 2, 2]


def test_a_large_grid_runs_in_parts():
    n = 70_000
    x, out = torch.arange(float(n)), torch.zeros(n)
    run("tl.store(out_ptr + i, tl.load(x_ptr + i) + 1)", x=x, out=out, n=n, block=1, programs=n)
    assert torch.equal(out, x + 1)
    out = torch.zeros(300)
    lines = (
        "t = tl.arange(0, 1024)[:, None] + tl.arange(0, 16)[None, :] + tl.program_id(0)",
        "tl.store(out_ptr + i, tl.max(t).to(tl.float32) + i * 0.0)",
    )
    run(*lines, x=x, out=out, block=1, programs=300)
    assert out.tolist() == [1038.0 + p for p in range(300)]


def test_a_stray_address_names_the_program_that_goes_astray():
    with pytest.raises(StrayAddress, match=r"program \(1, 0, 0\) reads x_ptr at element 8 \(and 3 more\)"):
        run("x = tl.load(x_ptr + i * 2)", "tl.store(out_ptr + i, x)")


def test_a_kernel_without_end_is_stopped():
    with pytest.raises(OutOfBudget, match="takes too many steps: does every loop end"):
        run("s = 1", "while s > 0:", "    s = s * 0 + 1", budget=10_000_000)


def test_nothing_is_written_by_a_kernel_that_fails():
    out = torch.zeros(8)
    with pytest.raises(StrayAddress):
        run("tl.store(out_ptr + i, 1.0)", "tl.store(out_ptr + i + 4, 1.0)", out=out)
    assert out.tolist() == [0.0] * 8


def test_numpy_warns_of_nothing(recwarn):
    x = torch.tensor([0.0, -1.0, torch.inf, torch.nan])
    lines = ("x = tl.load(x_ptr + i)", "y = tl.log(x) + 1.0 / x + tl.sqrt(x)", STORE)
    got = run(*lines, x=x, out=torch.zeros(4), programs=1)
    assert np.isnan(got[1])
    assert not recwarn.list
