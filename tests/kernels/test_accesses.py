"""The list of accesses is whole: chunks of a large grid, and what a kernel did before it failed."""

import pytest
import torch

from grader.kernels.kernel_text import read
from grader.kernels.tiles import launch
from grader.kernels.tiles.findings import Race, StrayAddress

KERNEL = """
import triton
import triton.language as tl
CONFIG = {}
@triton.jit
def k(x_ptr, out_ptr, n, STEP: tl.constexpr):
    at = tl.program_id(0) * STEP + tl.arange(0, 4)
    tl.store(out_ptr + at, tl.load(x_ptr + at, mask=at < n, other=0), mask=at < n)
"""


def accesses_of(step, n=14, programs=4):
    kept = []
    kernels = launch.load(read(KERNEL, "<test>"), accesses=kept)
    error = None
    try:
        kernels.k[(programs,)](torch.ones(14), torch.ones(14), n, STEP=step)
    except (Race, StrayAddress) as found:
        error = found
    return kept, error


def test_the_chunks_of_a_grid_count_their_steps_alike(monkeypatch):
    monkeypatch.setattr(launch, "MOST_PROGRAMS", 2)
    kept, error = accesses_of(step=4)
    assert error is None
    assert [(a.first[0], a.programs[0], a.step, a.kind) for a in kept] == [
        (0, 2, 0, "load"),
        (0, 2, 1, "store"),
        (2, 2, 0, "load"),
        (2, 2, 1, "store"),
    ]


@pytest.mark.parametrize(
    ("call", "error", "kinds"),
    [
        ({"step": 2}, Race, ["load", "store"]),
        ({"step": 4, "n": 16}, StrayAddress, ["load"]),
        ({"step": 4, "n": 16, "programs": 5}, StrayAddress, ["load"]),
    ],
)
def test_the_access_at_which_a_kernel_fails_is_kept(call, error, kinds):
    kept, found = accesses_of(**call)
    assert isinstance(found, error)
    assert [a.kind for a in kept] == kinds
    inside = kept[0].positions[kept[0].active] if kept[0].active is not None else kept[0].positions
    assert int(inside.max()) <= 13
