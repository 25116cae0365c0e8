"""Where an edition is read from: a folder, or a git repository, of which only the files that are asked for are read.

A repository is cloned bare and never checked out. So nothing in it becomes a link, runs a filter or a hook, or is
written under a name of its own.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.book.errors import KoansError, writing
from grader.course.edition.tree import FILE_LIMIT, Tree
from grader.course.intake.git_tree import Commit, GitTree, open_repository
from grader.judge.sandbox.submission import Unreadable

try:
    import resource
except ImportError:  # Windows: what needs it is refused there
    resource = None  # type: ignore[assignment]

SECONDS = 300  # for a clone
CLONE_LIMIT = 1 << 30  # bytes of one file that git may write
PROTOCOLS = "file:git:http:https:ssh"  # not ext, which runs a command, nor helpers that an address can name
# Variables of git that are about reaching a server. The others (GIT_DIR, …) would point it at another repository.
KEPT = re.compile(r"GIT_(SSH|SSL|HTTP|PROXY|CONFIG_|ASKPASS)")
SETTINGS = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "core.symlinks=false", "protocol.ext.allow=never")
STALLED = ("http.lowSpeedLimit=1", "http.lowSpeedTime=60")  # git gives up by itself, even if nobody waits for it
CLONE = (
    *("clone", "--bare", "--quiet", "--depth=1", "--single-branch", "--no-tags", "--no-local"),
    *("--no-recurse-submodules", "--template="),
)


class FolderSource:
    """An edition in a folder."""

    commit = ""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.label = str(tree.root)

    def read(self, name: str, limit: int = FILE_LIMIT) -> bytes | None:
        return self._tree.read(name, limit)


class GitSource:
    """An edition in the last commit of a bare repository."""

    def __init__(self, address: str, commit: Commit, tree: GitTree) -> None:
        self.label = address
        self.commit = commit.hash
        self._tree = tree

    def read(self, name: str, limit: int = FILE_LIMIT) -> bytes | None:
        try:
            return self._tree.read(tuple(name.split("/")), limit)
        except FileNotFoundError:
            return None
        except Unreadable as error:
            reason = str(error).partition(": hand in")[0]
            raise KoansError(f"{self.label}: {reason}") from None


def as_folder(place: str) -> Path | None:
    """The folder at `place`, or None if it is an address. Raises KoansError if it can be neither."""
    if place and Path(place).is_dir():
        return Path(place)
    if not place or place.startswith("-") or not place.isprintable():
        raise KoansError(f"{place[:80]!r}: is neither a folder nor an address")
    return None


@contextmanager
def opened(place: str, scratch: Path) -> Iterator[FolderSource | GitSource]:
    """The edition at `place`, a folder or anything that `git clone` accepts. A clone goes to the new folder `scratch`.

    Raises KoansError if it can be neither found nor cloned.
    """
    if folder := as_folder(place):
        with Tree(folder) as tree:
            yield FolderSource(tree)
        return
    address = re.sub(r"(?<=://)[^/@]*@", "", place)  # without a password
    _clone(place, address, scratch)
    try:
        with open_repository(scratch, scratch.parent, SECONDS) as repository:
            head = repository.head()
            yield GitSource(address, head, repository.tree(head))
    except Unreadable as error:
        raise KoansError(f"{address}: {error}") from None


def _clone(place: str, address: str, scratch: Path) -> None:
    with writing(scratch):
        log = open(f"{scratch}.log", "w+b")  # noqa: SIM115
    with log:
        command = [*_command(), *CLONE, "--", place, str(scratch)]
        try:
            # In a session of its own it has no terminal, so nothing can ask for a password.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                env=git_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise KoansError(f"{address}: is not a folder, and git cannot be started ({error.strerror})") from None
        try:
            if hasattr(resource, "prlimit"):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (_file_limit(), _file_limit()))
            code = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            raise KoansError(f"{address}: git did not finish within {SECONDS} s") from None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if code:
            log.seek(0)
            reason = _reason(log.read(1 << 16)) or f"it ended with {code}"
            raise KoansError(f"{address}: is not a folder, and git could not clone it ({reason})")


def _file_limit() -> int:
    """CLONE_LIMIT, or less if this process has a lower limit."""
    limits = [limit for limit in resource.getrlimit(resource.RLIMIT_FSIZE) if limit != resource.RLIM_INFINITY]
    return min([CLONE_LIMIT, *limits])


def _reason(log: bytes) -> str:
    """The line of git's messages that says most."""
    lines = [line.strip() for line in log.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith(("Cloning into", "warning:", "hint:"))]
    return "".join(c if c.isprintable() else " " for c in lines[0])[:200] if lines else ""


def _command() -> list[str]:
    return ["git", *(word for setting in (*SETTINGS, *STALLED) for word in ("-c", setting))]


def git_environment() -> dict[str, str]:
    """Variables for a git that cannot be pointed at another repository, asks nothing, and uses few protocols."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or KEPT.match(name)}
    ours = {"GIT_ALLOW_PROTOCOL": PROTOCOLS, "GIT_TERMINAL_PROMPT": "0", "GIT_LFS_SKIP_SMUDGE": "1", "LC_ALL": "C"}
    return {**kept, **ours, "GIT_NO_LAZY_FETCH": "1", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_ATTR_NOSYSTEM": "1"}
