"""What a process of this package needs to start: the module to run, where Python finds it, and its variables.

Also how many processes may compute at once.

A verdict must depend on nothing that is set outside: not on options for pytest, Python, torch or Triton, and not on the
locale of a shell. So our processes get the variables that are listed here, and no others.

A process that lives longer than a call starts with `process_group=0` or in a session of its own. Ctrl-C in a terminal
goes to the group of the command, which then closes its end of the pipe or socket, and so the process ends.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

NAME = __name__.partition(".")[0]
FORK_TRIES, FORK_PAUSE = 5, 0.1  # a machine that has no room for a process may have some in a moment
FOLDER = Path(__file__).resolve().parents[2]  # the folder in which Python found the package


# Where things are: programs, libraries, packages, caches, and a folder for temporary files.
PLACES = (
    *("PATH", "HOME", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "VIRTUAL_ENV", "CONDA_PREFIX"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONPYCACHEPREFIX"),
    *("CC", "CXX", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    *("TORCH_HOME", "TRITON_HOME", "TRITON_CACHE_DIR", "TRITON_PTXAS_PATH", "TRITON_LIBCUDA_PATH", "SYSTEMROOT"),
    "PYTHONDONTWRITEBYTECODE",  # whether there is a place for compiled files at all
)
# The language of messages, and the encoding in which this process and ours write the names of files.
LANGUAGE = ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ")
# Which GPUs there are and how they are reached. None of these changes a result or a time.
DEVICES = ("CUDA_", "NVIDIA_")
NO_DEVICES = ("CUDA_LAUNCH_BLOCKING", "NVIDIA_TF32_OVERRIDE")  # these do
# The instruction sets that libraries use: `koans verify --soak` sets them. The gate shows that verdicts are the same.
INSTRUCTIONS = ("ATEN_CPU_CAPABILITY", "OPENBLAS_CORETYPE", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA")
OURS = ("KOANS_", "COVERAGE_")  # coverage measures the processes that our own tests start
# What a process that may run a stranger's code gets. Any other variable may hold a secret.
FOR_STRANGERS = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
SEARCHED_FIRST = "KOANS_FOLDER"  # the variable with the folder in which Python looks for the package first
# PYTHONPATH cannot hold a folder with a colon in its path, so the program below puts it first.
_START = f"""
import importlib, os, sys
sys.path.insert(0, os.environ["{SEARCHED_FIRST}"])
importlib.import_module(sys.argv.pop(1)).main()
"""


def module(package: str | None, name: str) -> tuple[str, ...]:
    """Python's arguments for calling `main` of a module of the caller's own package: `module(__package__, "worker")`.

    The process needs the variables of `environment`. No module of another package can be named. So the rules for
    imports between packages also hold for commands. With -P nothing is imported from the current folder, which may be a
    stranger's.
    """
    return "-P", "-c", _START, f"{package}.{name}"


def environment(folder: Path, base: Mapping[str, str] = os.environ, *, strangers: bool = False) -> dict[str, str]:
    """The variables of a process of ours, which finds the copy of the package in `folder`. `base` are ours.

    With `strangers` it may run a stranger's code. Relative entries of PYTHONPATH are left out: they would name a folder
    in the current one, which may be a stranger's.
    """
    variables = {name: value for name, value in base.items() if _kept(name, strangers)}
    given = filter(os.path.isabs, base.get("PYTHONPATH", "").split(os.pathsep))
    first = [] if os.pathsep in str(folder) else [str(folder)]
    utf8 = sys.getfilesystemencoding() == "utf-8"
    return variables | {
        "PYTHONPATH": os.pathsep.join([*first, *given]),
        SEARCHED_FIRST: str(folder),
        "PYTHONHASHSEED": "0",  # the order of a set is the same in each run
        "PYTHONUTF8": str(int(utf8)),  # names of files are read as they were written here
        "PYTHONIOENCODING": "utf-8:backslashreplace",  # whatever is printed, printing raises nothing
    }


def _kept(name: str, strangers: bool) -> bool:
    if strangers:
        return name in FOR_STRANGERS
    if name in (*PLACES, *LANGUAGE, *INSTRUCTIONS):
        return True
    return name.startswith((*OURS, *DEVICES)) and name not in NO_DEVICES


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
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
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
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        yield int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError):  # version 1, where -1 stands for no limit
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period"))
        if int(quota) > 0:
            yield int(quota) / int(period)
