"""Restricts this process permanently, before any submitted line runs: files, system calls, network and resources.

Each part is tried, and the parts that the system lacks are named. A grade can be trusted if all `REQUIRED` parts are
there. The others are a second line of defense. All of this needs Linux.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from grader.book.places import DATA
from grader.judge.sandbox import landlock, seccomp

try:
    import resource
except ImportError:  # Windows, where only the names in this module are of use
    resource = None  # type: ignore[assignment]

PRIVILEGES, FILES, CALLS, LIMITS = "no new privileges", "files by Landlock", "system calls by seccomp", "limits"
REQUIRED = (PRIVILEGES, FILES, CALLS, LIMITS)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x0002_0000, 0x0400_0000, 0x0800_0000
CLONE_NEWUSER, CLONE_NEWNET = 0x1000_0000, 0x4000_0000
SEPARATE = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWUTS
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 1 << 14, 1 << 18
PR_SET_SECUREBITS, NO_SETUID_FIXUP, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 28, 1 << 2, 47, 2
CAPABILITIES = 0x2008_0522  # the version of the calls below
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2

FILE_SIZE = 8 << 20  # the most bytes of one file that a worker writes
OPEN_FILES = 64
THREADS = 64
PACKAGES = ("site-packages", "dist-packages")  # folders for packages have one of these names
LOADERS = ("lib*/ld-*.so*", "usr/lib*/ld-*.so*", "lib/*-linux-*/ld-*.so*")
# The private temporary folder, in memory. Whatever its mode, nobody else sees it.
SCRATCH = b"size=16m,nr_inodes=256,mode=0777"

if sys.platform != "win32":
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


@dataclass(frozen=True)
class Confinement:
    """What a confined process may still use.

    Only the descriptors 0, 1, 2 and the ones in `keep` stay open. `scratch` is an empty folder. Where mounts are
    allowed, it becomes the private temporary folder. `hidden` is the workbook, which must not be readable (None: there
    is none). `memory` is in bytes beyond those mapped now. `seconds` is CPU time. If this process is root, it takes on
    the id `user`.

    With `on_disk` the folder `scratch` itself may be written where mounts are not allowed.

    `readable` are further folders and files that may be read. `programs` are those that may be started, or folders of
    them. Each process that is started has limits of the same size of its own. None can leave the process group, so
    the caller can end all of them. Signals to each other are allowed where Landlock keeps them inside.
    """

    keep: tuple[int, ...]
    scratch: Path
    hidden: Path | None
    memory: int
    seconds: int
    user: int | None = None
    readable: tuple[Path, ...] = ()
    programs: tuple[Path, ...] = ()
    file_size: int = FILE_SIZE
    on_disk: bool = False


def confine(what: Confinement) -> Level:
    """Confine the calling process, which must have one thread, and all that it starts."""
    level = Level()
    root = os.geteuid() == 0

    def attempt(name: str, part: Callable[[], str]) -> bool:
        try:
            detail = part()
        except OSError as error:
            level.missing.append(f"{name} ({error.strerror or error})")
            return False
        level.parts.append(f"{name} ({detail})" if detail else name)
        return True

    system = readable(what.hidden)
    needed = [*what.programs, *system.folders, *system.files]
    attempt(PRIVILEGES, _no_new_privileges)
    if root and what.user is not None:
        own_mounts = attempt("namespaces", _namespaces_of_root)
    else:
        own_mounts = attempt("namespaces", _namespaces)
    writable = attempt("a private temporary folder", lambda: _mount_scratch(what.scratch, own_mounts))
    if writable:
        needed.append(what.scratch)
    _close_all_but(what.keep)
    attempt(LIMITS, lambda: _limits(what))
    # Landlock opens the folders, which perhaps only root can enter. So it comes before the change of the user.
    places = [what.scratch] if writable or what.on_disk else []
    guarded = attempt(FILES, lambda: _restrict_files(what, system, places))
    own_user = root and attempt("a separate user id", lambda: _become(what, needed))
    attempt("a limit on threads", lambda: _limit_threads(own_user or (own_mounts and not root), root))
    if not own_user:
        _set_capabilities(0, 0)
    _prctl(PR_SET_DUMPABLE, 0)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # at the end, because a change of credentials clears it
    signals = guarded and landlock.keeps_signals_in(landlock.version())
    attempt(CALLS, lambda: seccomp.install(programs=bool(what.programs), signals=signals))
    return level


class Readable(NamedTuple):
    """What a worker may read: all in `folders`, the single `files`, and the names of files in `listed`."""

    folders: tuple[Path, ...]
    files: tuple[Path, ...]
    listed: tuple[Path, ...]


@cache
def readable(hidden: Path | None = None) -> Readable:
    """The interpreter, its packages and the system's libraries, without the workbook `hidden`, and without any workbook
    that is installed as a package.

    Landlock can only add to what may be read. So a folder around a workbook is replaced by all its entries but this
    one. Links among them are left out: they would allow what they point to. They are looked up once in a process and
    its forks.
    """
    names = {sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")}
    names |= {p for p in sys.path if p.endswith(PACKAGES)}
    names |= {f"{sys.base_prefix}/lib", "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"}
    whole = sorted({Path(n).resolve() for n in names if os.path.isdir(n)})
    secret = {path for folder in whole for path in _installed_in(folder)}
    secret |= {hidden.resolve()} if hidden is not None else set()
    folders: list[Path] = []
    devices = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
    files = [Path(f) for f in ("/etc/ld.so.cache", "/etc/localtime", *devices) if os.path.exists(f)]
    listed: list[Path] = []
    for folder in whole:
        if any(path.is_relative_to(folder) for path in secret):
            listed.append(folder)
            _add_entries(folder, secret, folders, files)
        else:
            folders.append(folder)
    return Readable(tuple(dict.fromkeys(folders)), tuple(dict.fromkeys(files)), tuple(listed))


def _installed_in(folder: Path) -> Iterator[Path]:
    """The packages of every workbook that is installed in a folder, for any version of Python."""
    for packages in (folder, *(place for name in PACKAGES for place in folder.glob(f"python3*/{name}"))):
        if (packages / DATA).is_dir() or any((packages / "reference").glob("ch*/*.py")):
            yield from (packages.resolve() / name for name in (DATA, "reference", "grader"))


def _add_entries(folder: Path, secret: Collection[Path], folders: list[Path], files: list[Path]) -> None:
    """Add what is in a folder, without the secret parts."""
    if folder in secret:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.is_symlink() or path in secret:
                continue
            if not entry.is_dir():
                files += [path] if entry.is_file() else []
            elif any(other.is_relative_to(path) for other in secret):
                _add_entries(path, secret, folders, files)
            else:
                folders.append(path)


def _check(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _prctl(option: int, value: int) -> None:
    _check(_libc.prctl(option, value, 0, 0, 0))


def _no_new_privileges() -> str:
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    return ""


def _namespaces_of_root() -> str:
    """Enter new namespaces without network, IPC or the machine's mounts. Root needs no user namespace for that."""
    _check(_libc.unshare(SEPARATE))
    _check(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))  # mounts from here on are seen by nobody else
    return "network, IPC, mounts"


def _namespaces() -> str:
    """Enter a new user namespace (with the same ids), and new namespaces without network, IPC or other mounts."""
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(CLONE_NEWUSER | SEPARATE))
    for file, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{file}", os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
    return "user, network, IPC, mounts"


def _mount_scratch(scratch: Path, own_mounts: bool) -> str:
    if not own_mounts:
        raise OSError(0, "every process would see it")
    _check(_libc.mount(b"none", os.fsencode(scratch), b"tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, SCRATCH))
    os.environ["TMPDIR"] = str(scratch)
    return ""


def _close_all_but(keep: tuple[int, ...]) -> None:
    first = 3
    for fd in sorted(fd for fd in keep if fd >= first):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, 1 << 16)


def _limits(what: Confinement) -> str:
    with open("/proc/self/statm") as file:
        pages = [int(number) for number in file.read().split()]
    mapped, writable = (number * os.sysconf("SC_PAGE_SIZE") for number in (pages[0], pages[5]))
    for limit, value in (
        (resource.RLIMIT_AS, mapped + what.memory),
        (resource.RLIMIT_DATA, writable + what.memory),  # so that nothing is gained by unmapping a library's code
        (resource.RLIMIT_CPU, what.seconds),
        (resource.RLIMIT_FSIZE, what.file_size),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, 64),
    ):
        _set_limit(limit, value)
    return ""


def _limit_threads(alone: bool, root: bool) -> str:
    """The kernel counts all threads and processes of a user. `alone`: these are only the worker's own."""
    if not alone:
        raise OSError(
            0, "this limit does not apply to root" if root else "it would also count this user's other processes"
        )
    _set_limit(resource.RLIMIT_NPROC, THREADS)
    return ""


def _set_limit(limit: int, value: int) -> None:
    try:
        resource.setrlimit(limit, (value, value))
    except ValueError as error:  # a lower hard limit is set already
        raise OSError(0, str(error)) from None


def _restrict_files(what: Confinement, system: Readable, writable: list[Path]) -> str:
    if what.hidden is not None and what.hidden.resolve() in system.listed:
        raise OSError(0, f"the workbook is inside {what.hidden}, which code must be able to read")
    more = [path.resolve() for path in what.readable]
    folders = [*system.folders, *(path for path in more if path.is_dir())]
    files = [*system.files, *(path for path in more if not path.is_dir())]
    programs, sinks = [path.resolve() for path in what.programs], [Path(os.devnull)]
    if programs:  # a program that is linked with libraries is started through the loader
        programs += {path.resolve() for pattern in LOADERS for path in Path("/").glob(pattern)}
    return landlock.restrict(folders, files, system.listed, writable, programs, sinks)


def _become(what: Confinement, needed: list[Path]) -> str:
    """Take on the user id. Keeps the right to enter and read all folders if what is needed lies in closed ones.

    Landlock still limits which files can be opened.
    """
    user = what.user
    if user is None:
        raise OSError(0, "no user id is free here")
    permitted = _capabilities()[1]
    _prctl(PR_SET_SECUREBITS, NO_SETUID_FIXUP)  # the change of the user keeps capabilities, and access(2) respects them
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    _set_capabilities(0, permitted)
    closed = bool(what.readable) or not _can_read(needed)
    kept = 0
    if closed:  # some containers have only the second
        kept = next((1 << right for right in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if permitted >> right & 1), 0)
    _set_capabilities(kept, kept)
    if kept and what.programs:  # the programs that it starts have the right too
        _check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept.bit_length() - 1, 0, 0))
    return "may enter closed folders" if kept else ""


def _can_read(paths: list[Path]) -> bool:
    """Whether this user can read these files and folders, and the packages in them, as far as their modes tell."""
    packages = [path for path in paths if path.name in PACKAGES and os.access(path, os.R_OK)]
    entries = [entry.path for folder in packages for entry in os.scandir(folder)]
    return all(os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)) for path in paths) and all(
        os.access(entry, os.R_OK) for entry in entries
    )


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


def _capabilities() -> tuple[int, int]:
    """The effective and the permitted capabilities, as bits."""
    sets = (ctypes.c_uint32 * 6)()
    _check(_libc.capget(ctypes.byref(_CapabilityHeader(CAPABILITIES, 0)), ctypes.byref(sets)))
    low, high = sets[:3], sets[3:]
    return low[0] | high[0] << 32, low[1] | high[1] << 32


def _set_capabilities(effective: int, permitted: int) -> None:
    """Drop all other capabilities. Those that are effective pass to programs that this process starts."""
    both = [bits >> shift & 0xFFFF_FFFF for shift in (0, 32) for bits in (effective, permitted, effective)]
    sets = (ctypes.c_uint32 * 6)(*both)
    _check(_libc.capset(ctypes.byref(_CapabilityHeader(CAPABILITIES, 0)), ctypes.byref(sets)))
