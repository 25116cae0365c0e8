"""Reads the objects of a stranger's repository by hash. git unpacks them; nothing of the repository's settings counts.

git runs on an empty repository of ours whose objects are the stranger's. It gets a hash and answers with bytes: it
never sees a ref, a path or a name. Sizes are asked before contents, one allocation of git is limited, and contents are
only believed if they have the hash that was asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from grader.judge.sandbox.submission import Unreadable

try:
    import resource
except ImportError:  # Windows: what needs it is refused there
    resource = None  # type: ignore[assignment]

MEMORY = 1 << 30  # bytes of address space for one git
LARGEST_ALLOCATION = 24 << 20  # bytes that git may ask for at once: a few times in a deltified object, and a tree
LARGEST_REASON = 4096  # bytes of git's error output that are looked at
LONGEST_LINE = 128  # bytes of git's answer about one object
AT_ONCE = 256  # hashes in one question about sizes

ObjectKind = Literal["commit", "tree", "blob", "tag"]
KINDS: dict[bytes, ObjectKind] = {b"commit": "commit", b"tree": "tree", b"blob": "blob", b"tag": "tag"}

# Small windows, because a mapped pack counts as address space. An own cache of deltas, smaller than git's.
CONFIG = """\
[core]
    bare = true
    packedGitWindowSize = 8m
    packedGitLimit = 128m
    deltaBaseCacheLimit = 16m
    multiPackIndex = false
    commitGraph = false
    fsmonitor = false
    hooksPath = /dev/null
[protocol]
    allow = never
"""
FORMATS = {
    "sha1": "[core]\n    repositoryformatversion = 0\n",
    "sha256": "[core]\n    repositoryformatversion = 1\n[extensions]\n    objectFormat = sha256\n",
}
TOO_LARGE = (b"attempting to allocate", b"ut of memory", b"mmap failed", b"cannot allocate", b"Cannot allocate")


class Missing(Unreadable):
    """The repository lacks an object, or only has something that is none."""


class TooLarge(Unreadable):
    """An object has more bytes than are read."""

    def __init__(self, size: int) -> None:
        super().__init__("it is too large")
        self.size = size


class Stopped(Unreadable):
    """No more of the repository can be read: its time is over, or git does not run."""


class Facts(msgspec.Struct, frozen=True):
    """What an object is, and its size in bytes, as the repository says. The size of a delta need not be true."""

    kind: ObjectKind
    size: int


class Objects:
    """The objects in a folder, which are all in SHA-1 or all in SHA-256.

    `scratch` is a folder of ours that a folder for git is made in. Close it when done: two processes may run.
    """

    def __init__(self, objects: Path, scratch: Path, hash_format: Literal["sha1", "sha256"], deadline: float) -> None:
        self.hash_format = hash_format
        self._end = f"end.{secrets.token_hex(8)}"  # no object is called so
        program = shutil.which("git")
        if program is None or not os.path.isabs(program):
            raise Unreadable("git is not installed, so no repository can be read")
        home = Path(tempfile.mkdtemp(prefix="git-", dir=scratch))
        (home / "refs").mkdir()
        (home / "HEAD").write_text("ref: refs/heads/none\n")
        (home / "global").touch()
        (home / "config").write_text(CONFIG + FORMATS[hash_format])
        self._sizes = _Git([program, "cat-file", "--batch-check"], home, objects, deadline)
        self._contents = _Git([program, "cat-file", "--batch"], home, objects, deadline)

    def close(self) -> None:
        self._sizes.stop()
        self._contents.stop()

    def facts(self, hashes: Sequence[str]) -> list[Facts | None]:
        """What these objects are; None for one that is missing or damaged. Raises Unreadable."""
        found: list[Facts | None] = []
        for start in range(0, len(hashes), AT_ONCE):
            found += self._facts(hashes[start : start + AT_ONCE])
        return found

    def _facts(self, hashes: Sequence[str]) -> list[Facts | None]:
        def done(got: bytearray) -> bool:
            return got.count(b"\n") >= len(hashes)

        try:
            answer = self._sizes.ask(hashes, done, LONGEST_LINE * len(hashes))
        except Stopped:
            raise
        except Unreadable:  # git has died of one of them: find out which
            half = len(hashes) // 2
            return [*self._facts(hashes[:half]), *self._facts(hashes[half:])] if half else [None]
        return [_facts(line, name) for line, name in zip(answer.split(b"\n"), hashes, strict=False)]

    def read(self, name: str, kind: ObjectKind, largest: int) -> bytes:
        """The contents of the object with this hash. Raises Unreadable."""
        [facts] = self.facts([name])
        if facts is None:
            raise Missing("an object is missing or damaged")
        if facts.kind != kind:
            raise Unreadable(f"it is not a {kind}")
        if facts.size > largest:
            raise TooLarge(facts.size)
        head = f"{name} {kind} {facts.size}\n".encode()
        tail = f"\n{self._end} missing\n".encode()  # git may write less of a damaged object than it has announced
        whole = len(head) + facts.size + len(tail)
        answer = self._contents.ask([name, self._end], lambda got: got.endswith(tail) or len(got) > whole, whole)
        data = answer[len(head) : -len(tail)]
        if len(answer) != whole or not answer.startswith(head) or self.hash_of(kind, data) != name:
            raise Unreadable("an object is damaged")
        return data

    def hash_of(self, kind: ObjectKind, data: bytes) -> str:
        """The name of an object with these contents."""
        name = hashlib.new(self.hash_format, f"{kind} {len(data)}\0".encode(), usedforsecurity=False)
        name.update(data)
        return name.hexdigest()


def _facts(line: bytes, name: str) -> Facts | None:
    """Parse "HASH KIND SIZE". Everything else stands for an object that is not there."""
    words = line.split(b" ")
    if len(words) != 3 or words[0] != name.encode() or words[1] not in KINDS or not words[2].isdigit():
        return None
    return Facts(KINDS[words[1]], int(words[2][:20]))


class _Git:
    """A git process that answers lines of hashes. It is started when it is asked, again after it has died."""

    def __init__(self, command: Sequence[str], home: Path, objects: Path, deadline: float) -> None:
        self._command = command
        self._home = home
        self._deadline = deadline
        self._environment = {
            "PATH": os.path.dirname(command[0]),
            "LC_ALL": "C",
            "GIT_DIR": str(home),
            "GIT_OBJECT_DIRECTORY": str(objects.absolute()),
            "GIT_ALLOC_LIMIT": str(LARGEST_ALLOCATION),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(home / "global"),  # empty: where files are confined, /dev/null may be out of reach
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
        }
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, hashes: Sequence[str], done: Callable[[bytearray], bool], most: int) -> bytes:
        """What git answers to these hashes, until `done` or `most` bytes. Raises Unreadable."""
        if self._process is None:
            self._process = self._start()
            try:  # what no object can be called: git answers that, or does not work here at all
                self._exchange(self._process, b"works?\n", lambda got: got.endswith(b"\n"), LONGEST_LINE)
            except Unreadable as error:
                self.stop()
                raise error if isinstance(error, Stopped) else Stopped("git does not work here") from None
        question = "".join(f"{name}\n" for name in hashes).encode()
        try:
            return self._exchange(self._process, question, done, most)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _start(self) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        try:
            process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=self._home,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                bufsize=0,
            )
        except OSError:
            raise Stopped("git could not be started") from None
        _limit(process.pid, max(1, int(self._deadline - time.monotonic()) + 1))
        for stream in (process.stdin, process.stdout, process.stderr):
            assert stream is not None
            os.set_blocking(stream.fileno(), False)
        return process

    def _exchange(
        self, process: subprocess.Popen[bytes], question: bytes, done: Callable[[bytearray], bool], most: int
    ) -> bytes:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        to, answers, errors = process.stdin.fileno(), process.stdout.fileno(), process.stderr.fileno()
        poll = select.poll()
        poll.register(to, select.POLLOUT)
        poll.register(answers, select.POLLIN)
        poll.register(errors, select.POLLIN)
        got, said = bytearray(), bytearray()
        while not done(got):
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise Stopped("reading it takes too long")
            ready = dict(poll.poll(left * 1000))
            if errors in ready:
                part = _read_some(errors, LARGEST_REASON)
                said += (part or b"")[: LARGEST_REASON - len(said)]
                if part == b"":
                    poll.unregister(errors)
            if answers in ready:
                part = _read_some(answers, most - len(got) + 1)
                got += part or b""
                if part == b"":
                    raise Unreadable(_reason(_rest(process, errors, said)))
                if len(got) > most:
                    raise Unreadable("an object is damaged")
            if to in ready:
                try:
                    question = question[os.write(to, question[:4096]) :]
                except BlockingIOError:
                    pass
                except OSError:
                    question = b""
                if not question:
                    poll.unregister(to)
        return bytes(got)


def _limit(process: int, seconds: int) -> None:
    """Limit a git that has not been asked anything yet. It may be limited already, as its parent is."""
    if sys.platform == "linux":
        for what, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, seconds), (resource.RLIMIT_CORE, 0)):
            with contextlib.suppress(OSError, ValueError):
                resource.prlimit(process, what, (most, most))


def _read_some(fd: int, most: int) -> bytes | None:
    """What is in a pipe: b"" at its end, and None if it is empty for now."""
    try:
        return os.read(fd, max(1, min(most, 1 << 20)))
    except BlockingIOError:
        return None


def _rest(process: subprocess.Popen[bytes], errors: int, said: bytearray) -> bytes:
    """All that a git wrote before it ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)
    return bytes(said) + (_read_some(errors, LARGEST_REASON) or b"")


def _reason(said: bytes) -> str:
    """Why git ended, in our words: its own may hold text of the repository."""
    return "an object is too large" if any(sign in said for sign in TOO_LARGE) else "an object is damaged"
