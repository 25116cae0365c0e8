"""The tile machine beside Triton's compiler, numpy and Triton's interpreter: a few seconds of each. The long runs are
`python -m tests.fuzz.tiles`.
"""

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

SEED, PROGRAMS = 21, 500
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
