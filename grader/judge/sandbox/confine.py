"""Restricts this process permanently, before any submitted line runs: files, system calls, network and resources.

Each part is tried, and the parts that the system lacks are named. A grade can be trusted if all `REQUIRED` parts are
there. The others are a second line of defense. All of this needs Linux.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grader.judge.sandbox import landlock, seccomp

PRIVILEGES, FILES, CALLS, LIMITS = "no new privileges", "files by Landlock", "system calls by seccomp", "limits"
REQUIRED = (PRIVILEGES, FILES, CALLS, LIMITS)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8

FILE_SIZE = 8 << 20  # the most bytes of one file that a worker writes
OPEN_FILES = 64
THREADS = 64
SCRATCH = b"size=16m,nr_inodes=256,mode=0700"  # the private temporary folder, in memory

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Level:
    """The parts that confine a worker, and the parts that this system lacks, with the reasons."""

    parts: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def trusted(level: Level) -> bool:
    """Whether all the required parts are there, so that a grade can be trusted."""
    return all(any(part.startswith(name) for part in level.parts) for name in REQUIRED)


def in_words(level: Level) -> str:
    """The level as a text for the result."""
    confined = "isolated: " + ", ".join(level.parts) if trusted(level) else "NOT isolated"
    return confined + "".join(f"; without {lack}" for lack in level.missing)


def confine(keep: int, scratch: Path, hidden: Path, memory: int, seconds: int) -> Level:
    """Confine the calling process, which must have one thread. All descriptors above 2 except `keep` are closed.

    `scratch` is an empty folder. Where mounts are allowed, it becomes the private temporary folder. `hidden` is the
    workbook, which must not be readable. `memory` is in bytes beyond those mapped now. `seconds` is CPU time.
    """
    level = Level()

    def attempt(name: str, part: Callable[[], str]) -> bool:
        try:
            detail = part()
        except OSError as error:
            level.missing.append(f"{name} ({error.strerror or error})")
            return False
        level.parts.append(f"{name} ({detail})" if detail else name)
        return True

    attempt(PRIVILEGES, _no_new_privileges)
    own_user = attempt("namespaces", _namespaces)
    writable = attempt("a private temporary folder", lambda: _mount_scratch(scratch))
    _close_all_but(keep)
    attempt(LIMITS, lambda: _limits(memory, seconds, own_user))
    attempt(FILES, lambda: landlock.restrict(*readable(hidden), [scratch] if writable else []))
    _drop_capabilities()
    _prctl(PR_SET_DUMPABLE, 0)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # after the namespaces, because a change of credentials clears it
    attempt(CALLS, seccomp.install)
    return level


def readable(hidden: Path) -> tuple[list[Path], list[Path]]:
    """The folders and files a worker may read: the interpreter, its packages, the system's libraries.

    Raises OSError if one of the folders contains the workbook or its oracles, because then answers could be read.
    """
    names = {sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    names |= {p for p in sys.path if p.endswith(("site-packages", "dist-packages"))}
    names |= {f"{sys.base_prefix}/lib", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"}
    folders = sorted({Path(n).resolve() for n in names if os.path.isdir(n)})
    for folder in folders:
        if hidden.resolve().is_relative_to(folder):
            raise OSError(0, f"the workbook lies inside {folder}, which code must be able to read")
        if any((folder / "reference").glob("ch*/*.py")):
            raise OSError(0, f"the answers are installed in {folder}, which code must be able to read: pip install -e")
    devices = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
    files = [Path(f) for f in ("/etc/ld.so.cache", "/etc/localtime", *devices) if os.path.exists(f)]
    return folders, files


def _check(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0))


def _no_new_privileges() -> str:
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    return ""


def _namespaces() -> str:
    """Enter a new user namespace (with the same ids), and new namespaces without network, IPC or other mounts."""
    uid, gid = os.getuid(), os.getgid()
    wanted = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWUTS
    _check(_libc.unshare(CLONE_NEWUSER | wanted))
    for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{file}", os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
    return "user, network, IPC, mounts"


def _mount_scratch(folder: Path) -> str:
    _check(_libc.mount(b"none", os.fsencode(folder), b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SCRATCH))
    os.environ["TMPDIR"] = str(folder)
    return ""


def _close_all_but(keep: int) -> None:
    os.closerange(3, keep)
    os.closerange(keep + 1, 1 << 16)


def _limits(memory: int, seconds: int, own_user: bool) -> str:
    with open("/proc/self/statm") as file:
        mapped = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    for limit, value in (
        (resource.RLIMIT_AS, mapped + memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, FILE_SIZE),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 64),
        # The kernel counts all threads of a user. In a new user namespace these are only the worker's own. The limit
        # does not bind root.
        *([(resource.RLIMIT_NPROC, THREADS)] if own_user else []),
    ):
        try:
            resource.setrlimit(limit, (value, value))
        except ValueError as error:  # a lower hard limit is set already
            raise OSError(0, str(error)) from None
    return ""


def _drop_capabilities() -> None:
    """Drop all capabilities, which the process has in its new user namespace. It needs none from here on."""

    class Header(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    nothing = (ctypes.c_uint32 * 6)()
    header = Header(0x2008_0522, 0)
    with contextlib.suppress(OSError, AttributeError):
        _check(_libc.capset(ctypes.byref(header), ctypes.byref(nothing)))
