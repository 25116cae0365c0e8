"""The tile machine beside Triton's compiler, numpy and Triton's interpreter: a few seconds of each. The long runs are
`python -m tests.fuzz.tiles`.
"""

import os
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from grader.kernels.kernel_text import read
from grader.kernels.tiles.findings import KernelError, Refused
from grader.kernels.tiles.launch import load
from tests.conftest import ROOT
from tests.fuzz.tiles import check_types, check_values, disagreements
from tests.fuzz.tiles.front_end import Job, ask
from tests.fuzz.tiles.programs import HEAD
from tests.fuzz.tiles.value_programs import KINDS, value_program

SEED, PROGRAMS = int(os.environ.get("KOANS_FUZZ_SEED", "21")), 500
needs_triton = pytest.mark.needs("triton")
KERNEL = "@triton.jit\ndef kernel(p, q, r, n):\n    i = tl.arange(0, 128)\n    x, y = tl.load(p + i), tl.load(q + i)\n"
DOT = """@triton.jit
def kernel(p, q, r, c):
    i = tl.arange(0, 32)
    at = i[:, None] * 32 + i[None, :]
    tl.store(r + at, tl.dot(tl.load(p + at), tl.load(q + at), tl.load(c + at)))
"""
TORCH = {
    "fp8e4nv": torch.float8_e4m3fn, "fp8e5": torch.float8_e5m2, "fp16": torch.float16, "fp32": torch.float32,
    "fp64": torch.float64, "i8": torch.int8, "i32": torch.int32, "i1": torch.bool,
}  # fmt: skip


def run(line, *tensors, **numbers):
    """One line on tiles of 16: x and y are loaded, and z is stored in the last tensor."""
    names = ", ".join([*(f"p{i}" for i in range(len(tensors))), *numbers])
    body = "    i = tl.arange(0, 16)\n" + "".join(
        f"    {v} = tl.load(p{j} + i)\n" for j, v in enumerate("xyw"[: len(tensors) - 1])
    )
    source = (
        f"{HEAD}@triton.jit\ndef kernel({names}):\n{body}    z = {line}\n    tl.store(p{len(tensors) - 1} + i, z)\n"
    )
    load(read(source, "<test>")).kernel[(1,)](*tensors, **numbers)
    return tensors[-1]


@needs_triton
def test_the_types_of_random_kernels_are_those_of_tritons_compiler_and_both_refuse_the_same():
    outcomes = Counter()
    found = list(check_types.compare(SEED, PROGRAMS, outcomes))
    assert not found, "\n\n".join(map(str, found[:3]))
    assert outcomes["compiled"] > 200 and outcomes["refused by the compiler"] > 100
    assert outcomes["variables compared"] > 5000


@pytest.mark.parametrize("kind", KINDS)
def test_random_kernels_compute_what_numpy_does_with_every_rounding_written_out(kind):
    outcomes = Counter()
    found = list(check_values.compare(kind, SEED, PROGRAMS // len(KINDS), outcomes))
    assert not found, "\n\n".join(map(str, found[:3]))
    assert outcomes[f"{kind}: programs"] == PROGRAMS // len(KINDS)


def test_a_wrong_result_is_noticed():
    made = value_program("elementwise", "1 3")
    right = [check.value.data.copy() for check in made.checks]
    assert [check_values.difference(c, x) for c, x in zip(made.checks, right, strict=True)] == [""] * len(right)
    for check, data in zip(made.checks, right, strict=True):
        data[0] = (
            ~data[0]
            if data.dtype != np.float64
            else np.nextafter(np.nan_to_num(data[0], posinf=1.0, neginf=1.0) + 1, 9)
        )
        assert check.line in check_values.difference(check, data)


def test_a_type_that_differs_and_a_refusal_of_one_side_are_noticed():
    answer = check_types.Answer
    right = answer({"v0": ["fp32[16]"]})
    assert check_types.difference(right, right) == ""
    assert "v0 is ['fp16[16]']" in check_types.difference(right, answer({"v0": ["fp16[16]"]}))
    assert check_types.difference(answer(error="no", line=3), right) == "only the compiler refuses"
    assert check_types.difference(right, answer(error="no", line=3)) == "only the machine refuses"
    assert "lines" in check_types.difference(answer(error="no", line=3), answer(error="no", line=4))


@needs_triton
def test_answers_of_kernel_koans_give_the_same_as_in_tritons_interpreter_or_differ_for_a_known_reason():
    """In a process of its own, because Triton is imported with its interpreter."""
    command = [
        sys.executable,
        "-m",
        "tests.fuzz.tiles",
        "solutions",
        "--inputs",
        "1",
        "--koans",
        "vector_add,fused_scale_bias_relu,matmul_kernel",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}{done.stderr}"
    assert "0 differences" in done.stdout
    for name in ("races", "undefined lanes", "types", "`and` of tiles", "`max` of tiles"):
        assert f"differ as known: {name}\n" in done.stdout


def test_every_known_disagreement_has_a_reason_and_a_link_to_triton_where_there_is_a_thread():
    known = [one for table in disagreements.TABLES for one in table]
    assert len(known) > 15
    for one in known:
        assert len(one.why) > 20 and one.name
        assert one.link == "" or one.link.startswith("https://github.com/triton-lang/triton/")


# What the front end of the compiler takes and a later stage refuses, beside what works: line, types of p, q and r.
LATER = {
    "a sum": ("x + y", "fp8e4nv fp8e4nv fp8e4nv", False),
    "a sum of scalars": ("x * 2", "fp8e5 fp8e5 fp8e5", False),
    "a comparison": ("x > y", "fp8e4nv fp8e4nv i1", False),
    "a maximum": ("tl.maximum(x, y)", "fp8e5 fp8e5 fp8e5", False),
    "a running sum": ("tl.cumsum(x, 0)", "fp8e4nv fp8e4nv fp8e4nv", False),
    "a cast to fp64": ("x.to(tl.float64)", "fp8e4nv fp8e4nv fp64", False),
    "a cast of fp8 to fp8": ("x.to(tl.float8e5)", "fp8e4nv fp8e4nv fp8e5", False),
    "a literal that fp8 has not": ("tl.full((128,), 1.1, tl.float8e4nv)", "fp8e4nv fp8e4nv fp8e4nv", False),
    "a literal that fp8 has": ("tl.full((128,), 2, tl.float8e4nv)", "fp8e4nv fp8e4nv fp8e4nv", True),
    "a choice": ("tl.where(i < n, x, y)", "fp8e5 fp8e5 fp8e5", True),
    "a sum with fp16": ("x + y", "fp8e4nv fp16 fp16", True),
    "a quotient": ("x / y", "fp8e4nv fp8e4nv fp32", True),
    "a cast to fp16": ("x.to(tl.float16)", "fp8e4nv fp8e4nv fp16", True),
    "a mask of numbers": ("tl.load(p + i, mask=i, other=0.0)", "fp32 fp32 fp32", False),
    "a product with a sum of integers": ("tl.fma(x, y, y)", "i32 i32 i32", False),
    "a function of a constant": ("x + tl.exp(2)", "fp32 fp32 fp32", False),
    "an atomic sum of floats": ("tl.atomic_add(p + i, x)", "fp32 fp32 fp32", True),
    "two types joined": ("tl.sum(tl.join(x, y), 1)", "fp32 fp16 fp32", False),
}


@needs_triton
def test_what_a_later_stage_of_the_compiler_refuses_is_refused():
    """Compiled down to PTX: it takes long, so this is where the table LATER_STAGES is proved."""
    jobs = []
    for line, kinds, _ in LATER.values():
        signature = {name: f"*{kind}" for name, kind in zip("pqr", kinds.split(), strict=True)} | {"n": "i32"}
        source = f"{HEAD}{KERNEL}    tl.store(r + i, {line})\n"
        jobs.append(Job(source, signature, {}, whole=True))
    wrong = []
    for (name, (_, kinds, compiles)), job, answer in zip(LATER.items(), jobs, ask(jobs), strict=True):
        tensors = [torch.ones(128).to(TORCH[kind]) for kind in kinds.split()]
        try:
            load(read(job.source, "<test>")).kernel[(1,)](*tensors, 64)
            refused = ""
        except KernelError as error:
            refused = str(error)
        if (bool(answer.error), bool(refused)) != (not compiles, not compiles):
            wrong.append((name, answer.error[-200:], refused))
        if refused and not disagreements.later_stage(refused):
            wrong.append((name, "has no reason", refused))
    assert wrong == []


@needs_triton
@pytest.mark.parametrize("accumulator, compiles", [("i32", True), ("fp32", False)])
def test_an_accumulator_of_another_type_than_the_product_is_refused_as_by_the_compiler(accumulator, compiles):
    signature = {"p": "*i8", "q": "*i8", "r": "*i32", "c": f"*{accumulator}"}
    (answer,) = ask([Job(HEAD + DOT, signature, {})])
    assert bool(answer.error) is not compiles
    tensors = [torch.ones(32, 32).to(TORCH[kind[1:]]) for kind in signature.values()]
    if compiles:
        load(read(HEAD + DOT, "<test>")).kernel[(1,)](*tensors)
        assert torch.equal(tensors[2], torch.full((32, 32), 33, dtype=torch.int32))
    else:
        with pytest.raises(Refused, match="accumulator"):
            load(read(HEAD + DOT, "<test>")).kernel[(1,)](*tensors)


def test_fma_rounds_once_in_every_float_type():
    """1 + 2ε squared is 1 + 4ε + 4ε²; minus 1 + 4ε, the last term alone is left, which a rounded product has lost."""
    for dtype, bits in ((torch.float16, 10), (torch.bfloat16, 7), (torch.float32, 23), (torch.float64, 52)):
        e = 2.0**-bits
        x = torch.full((16,), 1 + 2 * e, dtype=dtype)
        z = run("tl.fma(x, x, y)", x, torch.full_like(x, -(1 + 4 * e)), torch.zeros_like(x))
        assert z[0] == 4 * e * e


def test_zeros_have_an_order_in_max_and_min():
    plus, minus = torch.zeros(16), -torch.zeros(16)
    for x, y in ((plus, minus), (minus, plus)):
        assert not run("tl.maximum(x, y)", x, y, torch.ones(16)).signbit().any()
        assert run("tl.minimum(x, y)", x, y, torch.ones(16)).signbit().all()
    mixed = torch.where(torch.arange(16) == 5, -0.0, 0.0)
    assert run("tl.min(x, 0)", mixed, torch.ones(16)).signbit().all()
    assert not run("tl.max(x, 0)", mixed, torch.ones(16)).signbit().any()


def test_a_float_becomes_8_bits_over_16():
    """cvt.rzi.s16.f32 and the lower byte, as the PTX for sm_90 has it."""
    x = torch.tensor([40000.0, -3.9, 300.0, float("nan")] * 4)
    assert run("x.to(tl.int8)", x, torch.zeros(16, dtype=torch.int8))[:4].tolist() == [-1, -3, 44, 0]


@pytest.mark.parametrize(
    "line, says",
    [
        ("+x", "unary +"),
        ("tl.flip(n, 0)", "takes a tile, not a number"),
        ("tl.cumsum(n, 0)", "takes a tile, not a number"),
        ("tl.broadcast_to(1, (16,))", "takes a tile, not a number"),
        ("tl.sum(x, 0).reshape(1)", "not a scalar"),
        ("tl.full((16,), -1, tl.uint8)", "no negative numbers"),
        ("tl.fma(i, i, i)", "takes floats"),
        ("tl.umulhi(i.to(tl.uint8), i)", "32 or 64 bits"),
    ],
)
def test_what_triton_refuses_is_refused_with_a_reason(line, says):
    with pytest.raises(Refused, match=says.replace("+", r"\+")):
        run(line, torch.ones(16), torch.ones(16), n=1)


def test_a_number_wraps_in_tl_full_and_operations_on_two_constants_are_scalars():
    assert run("tl.full((16,), 300, tl.int8)", torch.zeros(16), torch.zeros(16, dtype=torch.int8))[0] == 44
    assert run("tl.minimum(n, 16) + x", torch.ones(16), torch.ones(16), n=1)[0] == 2.0


def test_the_function_of_a_reduction_is_checked_even_if_nothing_calls_it():
    source = (
        HEAD
        + "@triton.jit\ndef half(a, b):\n    return (a + b) / 2\n@triton.jit\ndef kernel(p):\n    i = tl.arange(0, 1)\n"
    )
    for call in ("tl.reduce(i, 0, half)", "tl.associative_scan(i, 0, half)"):
        with pytest.raises(Refused, match="must return"):
            load(read(f"{source}    x = {call}\n", "<test>")).kernel[(1,)](torch.zeros(1))


def test_gather_takes_positions_for_another_length_along_its_axis():
    x = torch.arange(16.0)
    source = f"{HEAD}@triton.jit\ndef kernel(p, r):\n    x = tl.load(p + tl.arange(0, 16))\n    i = tl.arange(0, 4)\n    tl.store(r + i, tl.gather(x, 3 * i, 0))\n"
    out = torch.zeros(4)
    load(read(source, "<test>")).kernel[(1,)](x, out)
    assert out.tolist() == [0, 3, 6, 9]


@needs_triton
def test_topk_widens_narrow_types_where_it_drops_elements_as_the_compiler_has_it():
    body = "    x = tl.load(p + tl.arange(0, 16))\n    a, b, c = tl.topk(x, 4), tl.topk(x, 16), tl.sort(x)\n    tl.flip(tl.sum(x, 0))\n"
    source = f"{HEAD}@triton.jit\ndef kernel(p):\n{body}"
    (answer,) = ask([Job(source, {"p": "*i8"}, {})])
    assert [answer.types[name] for name in "abc"] == [["i32[4]"], ["i8[16]"], ["i8[16]"]]
    assert answer.error and answer.line == 8
    types = {}
    with pytest.raises(Refused, match=r"tl\.flip"):
        load(
            read(source, "<test>"), assigned=lambda name, x: types.setdefault(name, f"{x.dtype}{list(x.shape)}")
        ).kernel[(1,)](torch.ones(16, dtype=torch.int8))
    assert [types[name] for name in "abc"] == ["i32[4]", "i8[16]", "i8[16]"]
