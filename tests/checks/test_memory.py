"""A limit on memory counts what a call uses, whatever its process has allocated and freed before."""

import pytest
import torch

from grader.checks.memory import TooMuchMemory, limited

pytestmark = pytest.mark.needs("limits")


def table(mib):
    return torch.zeros(mib << 18).add_(1).sum().item()


def crumbs(mib):
    """Keeps 4 KiB of each 256 KiB, so that no gap in a heap would have room for the next 256 KiB."""
    return len([torch.zeros(1 << 16)[:1024].clone() for _ in range(4 * mib)])


def with_gaps(mib):
    """Small blocks in use, with gaps of more than so many MiB between them."""
    table(31)  # from now on glibc takes blocks of this size from its heap
    blocks = [torch.zeros(n) for _ in range(3) for n in ((mib << 18) + 999, 1 << 14)]
    return blocks[1::2]


@pytest.mark.parametrize("mib", [3, 12, 24, 31])
def test_memory_that_was_freed_before_is_no_room_for_a_limited_call(mib):
    held = with_gaps(mib)
    for _ in range(3):
        with pytest.raises(TooMuchMemory, match="needed more than 2 MiB in addition to its inputs"):
            limited(table, 2 << 20)(mib)
        table(mib)
    assert limited(table, (mib + 2) << 20)(mib) == mib << 18
    assert len(held) == 3


def test_only_memory_in_use_counts_whatever_small_blocks_lie_between():
    assert limited(crumbs, 4 << 20)(32) == 128
    assert limited(crumbs, 4 << 20)(32) == 128
