"""A limit on memory holds, whatever the process has allocated and freed before."""

import pytest
import torch

from grader.checks.memory import TooMuchMemory, limited


def table(mib):
    return torch.zeros(mib << 18).add_(1).sum().item()


@pytest.mark.parametrize("mib", [3, 12, 24, 31])
def test_memory_that_was_freed_before_is_no_room_for_a_limited_call(mib):
    for _ in range(3):
        table(mib)  # freed again: glibc keeps blocks of up to 32 MiB for the next one
    for _ in range(3):
        with pytest.raises(TooMuchMemory, match="wanted more than 2 MiB beyond its inputs"):
            limited(table, 2 << 20)(mib)
        table(mib)
    assert limited(table, (mib + 8) << 20)(mib) == mib << 18
