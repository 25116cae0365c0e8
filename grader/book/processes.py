"""What a process of this package needs to start: the module to run, and where Python finds the package.

Also how many processes may compute at once.

A process that lives longer than a call starts with `process_group=0` or in a session of its own. Ctrl-C in a terminal
goes to the group of the command, which then closes its end of the pipe or socket, and so the process ends.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

NAME = __name__.partition(".")[0]
FORK_TRIES, FORK_PAUSE = 5, 0.1  # a machine that has no room for a process may have some in a moment
FOLDER = Path(__file__).resolve().parents[2]  # the folder in which Python found the package


def module(package: str | None, name: str) -> tuple[str, str, str]:
    """Python's arguments for running a module of the caller's own package: `module(__package__, "worker")`.

    No module of another package can be named. So the rules for imports between packages also hold for commands. With
    -P nothing is imported from the current folder, which may be a stranger's.
    """
    return "-P", "-m", f"{package}.{name}"


def environment(folder: Path, base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables of `base`, with `folder` first in PYTHONPATH. Python then imports the copy of the package there.

    Relative entries are left out: they would name a folder in the current one, which may be a stranger's.
    """
    given = filter(os.path.isabs, base.get("PYTHONPATH", "").split(os.pathsep))
    return {**base, "PYTHONPATH": os.pathsep.join([str(folder), *given])}


def is_ours(module_name: str) -> bool:
    """Whether this is the name of a module of this package."""
    return module_name.partition(".")[0] == NAME


def fork() -> int:
    """`os.fork`. If the machine has no room for a process, it tries again for a moment. Raises OSError."""
    for _ in range(FORK_TRIES - 1):
        try:
            return os.fork()
        except OSError:
            time.sleep(FORK_PAUSE)
    return os.fork()


def cores(root: Path = Path("/")) -> int:
    """How many cores this process may keep busy: those it may run on, or fewer if its cgroup has a quota of time.

    `root` is the folder with `proc` and `sys`.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(int(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """The quotas of this process's cgroup and of those above it, in cores."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # it is not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        # Version 2 has one tree, without names of controllers. Beside version 1 it may be mounted as `unified`.
        mounts = ("cpu", "cpu,cpuacct") if controllers else ("", "unified")
        for folder in (root / "sys/fs/cgroup" / mount for mount in mounts):
            yield from _quota(folder)  # in a container this is its own cgroup, and the path may be the machine's
            for part in Path(path).parts:
                if part not in ("/", ".."):
                    folder /= part
                    yield from _quota(folder)


def _quota(folder: Path) -> Iterator[float]:
    """The quota of one cgroup, in cores. It is given as CPU time in a period, both in microseconds."""
    with contextlib.suppress(OSError, ValueError):  # `max` stands for no limit
        quota, period = (folder / "cpu.max").read_text().split()
        yield int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):  # version 1, where -1 stands for no limit
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        if int(quota) > 0:
            yield int(quota) / int(period)
