"""User ids that no account has. A grader that is root gives each of its workers one, so that the workers' limits bind
and no worker can touch what belongs to root or to another worker.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

# systemd's list of ids leaves these to nobody. A container may have fewer ids. Then it is those that systemd gives to
# services while they run, because containers rarely run systemd.
UNUSED, OF_SERVICES = range(1_900_000_000, 2_100_000_000), range(61_184, 65_520)
BLOCK = 256  # how many ids one grader takes
MAPS = ("uid_map", "gid_map")  # the ids that exist in this container


def block(proc: Path = Path("/proc/self")) -> range:
    """Ids for this process to give away. Two graders on one machine rarely get the same ones, in any container.

    Empty if this process is not root, or has no such ids.
    """
    if os.geteuid() != 0:
        return range(0)
    mapped = [_mapped(proc / name) for name in MAPS]
    for usable in (UNUSED, OF_SERVICES):
        if all(any(usable[0] in ids and usable[-1] in ids for ids in map_) for map_ in mapped):
            start = random.SystemRandom().randrange(len(usable) // BLOCK) * BLOCK
            return usable[start : start + BLOCK]
    return range(0)


def free() -> int | None:
    """One id of a new block, for a process that needs no more than one."""
    return next(iter(block()), None)


def _mapped(file: Path) -> list[range]:
    def ranges() -> Iterator[range]:
        for line in file.read_text().splitlines():
            first, _, count = map(int, line.split())
            yield range(first, first + count)

    return list(ranges())
