"""What the tile machine finds is said with what to do, and tells one mistake from another."""

import pytest
import torch

from grader.checks import Disagreement, agrees
from grader.kernels.kernel_function import launched
from grader.kernels.kernel_text import read
from grader.kernels.tiles.findings import Race, StrayAddress, UndefinedValue
from grader.kernels.tiles.launch import load
from reference.ch13_triton.matmul_kernel import matmul_kernel
from reference.ch13_triton.vector_add import vector_add
from tests.conftest import ROOT

HEAD = "import triton\nimport triton.language as tl\nCONFIG = {}\n@triton.jit\ndef k(x_ptr, out_ptr, n, BLOCK: tl.constexpr):\n"
FIRST = 6  # the first line of a kernel's body


def run(*lines, programs=1, n=6, size=8, out=16):
    """The output of a kernel of these lines: `programs` programs on a block of 8, x is 0, 1, 2 … of `size` elements."""
    kernels = load(read(HEAD + "".join(f"    {line}\n" for line in ("i = tl.arange(0, BLOCK)", *lines)), "<test>"))
    result = torch.zeros(out)
    kernels.k[(programs,)](torch.arange(float(size)), result, n, BLOCK=8)
    return result.tolist()


def finding(kind, *lines, **sizes):
    with pytest.raises(kind) as caught:
        run(*lines, **sizes)
    return caught.value


LOAD = "x = tl.load(x_ptr + i, mask=i < n)"


def test_what_was_loaded_without_other_is_not_stored():
    error = finding(UndefinedValue, LOAD, "tl.store(out_ptr, tl.sum(x, axis=0))")
    assert str(error) == (
        "k: program (0, 0, 0) stores an undefined value: line 7 loads x_ptr with a mask and without `other`, so masked "
        "lanes may hold anything: give other=… to tl.load, replace them with tl.where, or mask the store"
    )
    assert (error.line, error.cause) == (FIRST + 2, ("k", "value", "x_ptr"))


@pytest.mark.parametrize(
    ("use", "what"),
    [
        ("tl.store(out_ptr + i, 1.0, mask=x > 2)", "the mask"),
        ("tl.store(out_ptr + x.to(tl.int32), 1.0)", "the address"),
    ],
)
def test_what_is_undefined_decides_no_access(use, what):
    error = finding(UndefinedValue, LOAD, use)
    assert f"writes memory, but {what} is undefined: line 7 loads x_ptr" in str(error)
    assert error.cause == ("k", what, "x_ptr")


def test_what_is_undefined_decides_no_branch():
    error = finding(UndefinedValue, LOAD, "if tl.sum(x, axis=0) > 3:", "    tl.store(out_ptr, 1.0)")
    assert "uses an undefined value as the condition of `if`: line 7 loads x_ptr" in str(error)


def test_in_a_product_only_the_row_of_an_undefined_lane_is_undefined():
    lines = (
        "d = tl.arange(0, 16)",
        "at = d[:, None] * 16 + d[None, :]",
        "a = tl.load(x_ptr + at, mask=d[:, None] < n)",
        "b = tl.load(x_ptr + at)",
        "y = tl.dot(a, b, input_precision='ieee')",
    )
    store = "tl.store(out_ptr + at, y, mask=d[:, None] < {})"
    x = torch.arange(256.0).reshape(16, 16)
    assert run(*lines, store.format("n"), size=256, out=256)[: 6 * 16] == (x[:6] @ x).flatten().tolist()
    finding(UndefinedValue, *lines, store.format("n + 1"), size=256, out=256)


@pytest.mark.parametrize(
    ("store", "says"),
    [
        (
            "tl.store(out_ptr + i, 1.0)",
            "k: program (0, 0, 0) and program (1, 0, 0) both write out_ptr at element 0: programs run in any order, so "
            "only one program may use an element that is written",
        ),
        ("tl.store(out_ptr + tl.program_id(0) * 4 + i, 1.0)", "both write out_ptr at element 4"),
        ("tl.store(out_ptr + tl.program_id(0), tl.load(out_ptr + 1 - tl.program_id(0)))", "in the same launch"),
    ],
)
def test_two_programs_have_no_element_in_common_that_one_writes(store, says):
    error = finding(Race, store, programs=2)
    assert says in str(error)
    assert error.line == FIRST + 1
    assert error.cause[:2] == ("k", "out_ptr")


def test_a_program_may_write_an_element_again_and_read_what_it_wrote():
    lines = "at = out_ptr + tl.program_id(0) * 8 + i", "tl.store(at, 1.0)", "tl.store(at, tl.load(at) + 1)"
    assert run(*lines, programs=2) == [2.0] * 16


def test_without_a_mask_a_store_is_stray_before_its_value_is_undefined():
    error = finding(StrayAddress, LOAD, "tl.store(out_ptr + i, x)", out=6)
    assert "writes out_ptr at element 6 (and 1 more), but out_ptr has 6 elements: is the mask missing" in str(error)


def test_offsets_of_8_bits_wrap_round():
    lines = "at = (tl.program_id(0) * BLOCK + i).to(tl.int8)", "tl.store(out_ptr + i, tl.load(x_ptr + at))"
    error = finding(StrayAddress, *lines, programs=17, size=200, out=8)
    says = "k: program (16, 0, 0) reads x_ptr at element -128 (and 7 more), but x_ptr has 200 elements: "
    assert str(error) == says + "does an offset start too early, or wrap around?"


def test_what_triton_would_not_compile_is_said_in_these_words():
    text = (ROOT / "solutions/ch13_triton/vector_add.py").read_text().replace("tl.arange(0, BLOCK)", "tl.arange(0, n)")
    with pytest.raises(Disagreement) as caught:
        agrees(launched(vector_add, text, "<test>"), torch.ones(3), torch.ones(3), with_=vector_add)
    headline, *_, actual = str(caught.value).splitlines()
    assert headline == "vector_add: does not compile"
    assert actual.startswith("  actual   does not compile: tl.arange takes numbers that are known at compile time")


@pytest.mark.parametrize(
    ("start", "step", "named"),
    [
        ("total = 0", "total += tl.dot(a, b)", ["total_from_a_number"]),
        ("total = 0.0", "total += tl.dot(a, b)", ["total_from_a_number"]),
        ("total = tl.zeros((BLOCK_M, BLOCK_N), tl.float16)", "total = tl.dot(a, b, total)", []),
        ("total = tl.zeros((BLOCK_N, BLOCK_K), tl.float32)", "total = tl.dot(a, b, total)", []),
    ],
)
def test_what_does_not_compile_for_another_reason_is_not_named(start, step, named):
    text = (ROOT / "solutions/ch13_triton/matmul_kernel.py").read_text()
    text = text.replace("total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)", start)
    text = text.replace('total = tl.dot(a, b, total, input_precision="ieee")', step)
    with pytest.raises(Disagreement) as caught:
        agrees(launched(matmul_kernel, text, "<test>"), *torch.ones(2, 2, 2), with_=matmul_kernel)
    assert caught.value.message.sentence == "matmul_kernel: does not compile"
    assert list(caught.value.message.looks) == named
