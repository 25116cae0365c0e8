"""What a process of this package needs to start: the module to run, where Python finds it, and its variables.

Also how many processes may compute at once.

A verdict must depend on nothing that is set outside: not on options for pytest, Python, torch or Triton, and not on the
locale of a shell. So our processes get the variables that are listed here, and no others.

A process that lives longer than a call is started by `start`, in a group of its own. Ctrl-C in a terminal goes to the
group of the command, which then closes its end of the pipe or socket, and so the process ends. `end` also ends all that
the process has started.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NoReturn

_OWN_GROUP = 0  # flags for the start of a process

if sys.platform == "win32":
    from grader.book.job_object import JobObject

    _OWN_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    _jobs: weakref.WeakKeyDictionary[subprocess.Popen[bytes], JobObject] = weakref.WeakKeyDictionary()

NAME = __name__.partition(".")[0]
WAKE = 0.2  # seconds between looks whether Ctrl-C was pressed: on Windows it does not end a wait
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
# The same on Windows, where programs and libraries look for the user and the system in these.
ON_WINDOWS = (
    *(
        "SYSTEMROOT",
        "SYSTEMDRIVE",
        "WINDIR",
        "COMSPEC",
        "PATHEXT",
        "USERPROFILE",
        "USERNAME",
        "APPDATA",
        "LOCALAPPDATA",
    ),
    *("PROGRAMDATA", "PROGRAMFILES", "PROCESSOR_ARCHITECTURE", "NUMBER_OF_PROCESSORS"),
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
    if name in (*PLACES, *LANGUAGE, *INSTRUCTIONS) or (sys.platform == "win32" and name in ON_WINDOWS):
        return True
    return name.startswith((*OURS, *DEVICES)) and name not in NO_DEVICES


def is_ours(module_name: str) -> bool:
    """Whether this is the name of a module of this package."""
    return module_name.partition(".")[0] == NAME


def start(
    arguments: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | str,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int | IO[bytes] = subprocess.DEVNULL,
    lasting: bool = False,
) -> subprocess.Popen[bytes]:
    """Start Python with these arguments, in a group of its own and without the terminal. Raises OSError.

    A `lasting` process may outlive this one. On Windows any other process ends together with this one.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=env,
        cwd=cwd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=sys.platform != "win32",
        creationflags=_OWN_GROUP,
    )
    if sys.platform == "win32" and not lasting:
        _jobs[process] = JobObject(process.pid)
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that `start` has started, and all that it started.

    If it has ended already, what it started in its group is killed. Windows knows the rest, too.
    """
    if sys.platform == "win32":
        job = _jobs.pop(process, None)
        if job is not None:
            job.end()
    else:
        left_group = _descendants(process.pid) if process.returncode is None else []
        _kill_group(process.pid)
        _kill_all(left_group)
    process.kill()


def end_this_one(code: int) -> NoReturn:
    """End this process, which `start` has started, with this exit code, and kill all that it started.

    Whoever started it kills the rest of its group, or, on Windows, of its job object.
    """
    try:
        if _has_children():
            _kill_all(_descendants(os.getpid()))
    finally:
        os._exit(code)


def end_abandoned() -> NoReturn:
    """The same for a process whose starter has gone."""
    try:
        if _has_children():
            _kill_all(_descendants(os.getpid()))
        _kill_group(os.getpid())
    finally:
        os._exit(1)  # Windows closes its job object now


def _has_children() -> bool:
    if hasattr(os, "WNOHANG"):
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
            return True
    return False


def _kill_group(pid: int) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _kill_all(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def _descendants(pid: int) -> list[int]:
    """The processes that this one has started, and those that they have. Some may have a group of their own."""
    children: dict[int, list[int]] = {}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], stdin=subprocess.DEVNULL, capture_output=True)
        for child, parent in (map(int, line.split()) for line in table.stdout.splitlines()):
            children.setdefault(parent, []).append(child)
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found[1:]


class PipeReader:
    """Reads a pipe in a thread, so that a wait for data can have a limit on every platform.

    It closes the pipe at its end. Data that nobody takes makes the writer wait.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._parts: queue.Queue[bytes] = queue.Queue(maxsize=16)
        self._ended = self._closed = False
        self._rest = b""  # the beginning of a line
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self._pipe, contextlib.suppress(OSError):
            while not self._closed and (part := os.read(self._pipe.fileno(), 1 << 16)):
                self._parts.put(part)
        self._parts.put(b"")

    def read(self, seconds: float | None = None) -> bytes:
        """The next bytes; empty at the end of the pipe. Raises TimeoutError if none arrive within so many seconds."""
        deadline = math.inf if seconds is None else time.monotonic() + seconds
        while not self._ended:
            with contextlib.suppress(queue.Empty):
                part = self._parts.get(timeout=max(0.0, min(WAKE, deadline - time.monotonic())))
                self._ended = not part
                return part
            if time.monotonic() >= deadline:
                raise TimeoutError(f"nothing was read within {seconds} s")
        return b""

    def line(self, seconds: float | None = None) -> bytes:
        """The next line, which ends with a line break. Raises TimeoutError like `read`, and EOFError at the end."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._rest:
            part = self.read(None if deadline is None else deadline - time.monotonic())
            if not part:
                raise EOFError("the pipe has ended within a line")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line + b"\n"

    def close(self) -> None:
        """Read no more. The pipe is closed when its writer has ended."""
        self._closed = self._ended = True
        with contextlib.suppress(queue.Empty):
            while True:
                self._parts.get_nowait()  # makes room for what the thread is about to put


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
