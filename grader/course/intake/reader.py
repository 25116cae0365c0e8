"""A process that forks a child for each submission. The child confines itself, reads the submission and ends.

`python -m grader.course.intake.reader` reads frames from standard input, a Setup and then Requests, and answers each
Request with one frame: what the child wrote, or a Failed. It never looks at a submission itself, so a submission can
harm only its own child. It has one thread, because a fork copies only the thread that calls it.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec

from grader.book.notebook_parser.answers import Outline
from grader.course.intake.archive_tree import outline
from grader.course.intake.lms_names import Handed, gradescope
from grader.course.intake.reading import Found, take, text_at
from grader.course.intake.submission import Place
from grader.course.intake.tree import Entry, Unreadable
from grader.judge.sandbox import landlock, users
from grader.judge.sandbox.confine import FILES, Confinement, confine, trusted

SECONDS = 20  # for one submission, by the clock; git and all parsers share them
ANSWERING = 2  # seconds of them that are left for an answer
MEMORY = 1 << 30  # bytes that a child may map beyond what this process has
LARGEST_REPLY = 64 << 20  # bytes
ENDING = 2.0  # seconds for a child to end after its last byte
HEADER = 8  # bytes of the length before a frame


class Setup(msgspec.Struct, frozen=True):
    """The workbook, which no child can read, the ids of its koans, and what to look for in notebooks."""

    root: str
    koans: tuple[str, ...]
    outlines: tuple[Outline, ...]


class Take(msgspec.Struct, frozen=True, tag=True):
    """Read the submission at these places."""

    places: tuple[Place, ...]


class List(msgspec.Struct, frozen=True, tag=True):
    """List some names of an archive, or of one of its folders: those in its root, and in each folder there."""

    place: Place


class WhoseFolders(msgspec.Struct, frozen=True, tag=True):
    """Read Gradescope's file of metadata."""

    place: Place


class Owners(msgspec.Struct, frozen=True, tag=True):
    """What the metadata tell about each folder."""

    folders: dict[str, tuple[Handed, ...]]


class FirstLine(msgspec.Struct, frozen=True, tag=True):
    """Read the first line of a text file that a platform wrote."""

    place: Place


class Line(msgspec.Struct, frozen=True, tag=True):
    """That line."""

    text: str


class Listing(msgspec.Struct, frozen=True, tag=True):
    """The entries of an archive's root, and some of each folder in it. Notes are about the root only."""

    entries: tuple[Entry, ...]
    folders: dict[str, tuple[Entry, ...]]
    notes: tuple[str, ...] = ()


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Nothing could be read, and why."""

    reason: str


class Taken(msgspec.Struct, frozen=True, tag=True):
    """What a submission holds. `confined`: the child that read it had the whole sandbox."""

    found: Found
    confined: bool = True


Request = Take | List | WhoseFolders | FirstLine
Reply = Taken | Listing | Owners | Line | Failed


def answer(request: Request, setup: Setup, scratch: Path) -> Reply:
    """Read what the request names. In a confined process."""
    try:
        if isinstance(request, Take):
            return Taken(take(request.places, setup.koans, setup.outlines, scratch, SECONDS - ANSWERING))
        if isinstance(request, WhoseFolders):
            return Owners(gradescope(text_at(request.place)))
        if isinstance(request, FirstLine):
            return Line(text_at(request.place).partition("\n")[0])
        return _listing(request.place)
    except (Unreadable, FileNotFoundError) as error:
        return Failed(str(error))
    except (MemoryError, RecursionError):
        return Failed("it is too large to be read")
    except OSError as error:
        return Failed(f"cannot be read ({error.strerror or type(error).__name__})")


def _listing(place: Place) -> Listing:
    file = Path(place.file)
    with file.open("rb") as stream:
        found, notes = outline(stream, file.name, time.monotonic() + SECONDS - ANSWERING, place.inside)
    top = {name: found[name] for name in sorted(found) if name.isprintable()}
    if odd := len(found) - len(top):
        notes = (*notes, f"names that cannot be printed, ignored: {odd}")
    entries = tuple(Entry(name, "folder" if isinstance(kind, dict) else kind) for name, kind in top.items())
    folders = {
        name: tuple(Entry(inner, kind) for inner, kind in sorted(inside.items()) if inner.isprintable())
        for name, inside in top.items()
        if isinstance(inside, dict)
    }
    return Listing(entries, folders, notes)


class Reader:
    """Answers requests one after another."""

    def __init__(self, setup: Setup, scratch: Path) -> None:
        self.setup, self.scratch = setup, scratch
        self.users = users.block()
        self.count = 0

    def reply(self, request: Request) -> bytes:
        """The encoded reply: from a child, if this system can fork."""
        self.count += 1
        scratch = self.scratch / str(self.count)
        try:
            scratch.mkdir(mode=0o700)
            if not hasattr(os, "fork"):
                return _encoded(answer(request, self.setup, scratch))
            return self._reply_of_child(request, scratch)
        except OSError as error:
            return _encoded(Failed(f"no process to read it can be started ({error.strerror})"))
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _reply_of_child(self, request: Request, scratch: Path) -> bytes:
        read, write = os.pipe()
        try:
            pid = os.fork()
        except OSError:
            os.close(read)
            os.close(write)
            raise
        if pid == 0:
            self._become_child(request, write, scratch)
        os.close(write)
        patience = 0.0
        try:
            data = _until_end(read, time.monotonic() + SECONDS)
            patience = ENDING
        except TimeoutError:
            return _encoded(Failed(f"it could not be read within {SECONDS} s"))
        finally:
            os.close(read)
            status = _end(pid, patience)
        if len(data) > LARGEST_REPLY:
            return _encoded(Failed(f"its files have more than {LARGEST_REPLY >> 20} MiB together"))
        return data if data and status == 0 else _encoded(Failed(f"reading it ended early ({_why(status)})"))

    def _become_child(self, request: Request, write: int, scratch: Path) -> NoReturn:
        code = 1
        try:
            os.setsid()  # so that the parent can end git with it
            null = os.open(os.devnull, os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(null, fd)
            reply = self._confined_answer(request, write, scratch)
            data = memoryview(_encoded(reply))
            while data:  # the pipe closes when this process ends, so what follows is its wait status
                data = data[os.write(write, data) :]
            code = 0
        except BaseException:
            code = 1
        finally:
            os._exit(code)

    def _confined_answer(self, request: Request, write: int, scratch: Path) -> Reply:
        if missing := [file for file in _files(request) if not os.path.exists(file)]:
            return Failed(f"{Path(missing[0]).name}: does not exist")
        confined = sys.platform == "linux" and self._confine(request, write, scratch)
        if confined is None:
            return Failed("it disappeared while it was read")
        reply = answer(request, self.setup, scratch)
        return Taken(reply.found, confined) if isinstance(reply, Taken) else reply

    def _confine(self, request: Request, write: int, scratch: Path) -> bool | None:
        """Confine this process. Returns whether the whole sandbox is there.

        Returns None if there is no rule for the files although this system has them: then a file has just gone.
        """
        user = self.users[self.count % len(self.users)] if self.users else None
        files = _files(request)
        if user is not None:
            os.chown(scratch, user, user)
        level = confine(
            Confinement(
                keep=(write,),
                scratch=scratch,
                hidden=Path(self.setup.root),
                memory=MEMORY,
                seconds=SECONDS,
                user=user,
                readable=tuple(Path(file) for file in files),
                on_disk=True,
                programs=_git() if any(map(os.path.isdir, files)) else (),
            )
        )
        if not any(part.startswith(FILES) for part in level.parts) and _has_landlock():
            return None
        return trusted(level)


def _has_landlock() -> bool:
    try:
        return landlock.version() > 0
    except OSError:
        return False


def _files(request: Request) -> list[str]:
    """The files and folders on disk that a request is about."""
    if isinstance(request, Take):
        return [place.file for place in request.places]
    return [request.place.file]


def _git() -> tuple[Path, ...]:
    program = shutil.which("git")
    return (Path(program),) if program else ()


def _encoded(reply: Reply) -> bytes:
    return msgspec.msgpack.encode(reply)


def _until_end(fd: int, deadline: float) -> bytes:
    """All bytes until the other end closes, but not many more than LARGEST_REPLY. Raises TimeoutError."""
    data = bytearray()
    while len(data) <= LARGEST_REPLY:
        if not select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        part = os.read(fd, 1 << 20)
        if not part:
            break
        data += part
    return bytes(data)


def _end(pid: int, patience: float) -> int:
    """End a child and all that it started. It may end by itself within `patience` seconds. Returns its wait status."""
    deadline = time.monotonic() + patience
    ended, status = os.waitpid(pid, os.WNOHANG)
    while not ended and time.monotonic() < deadline:
        time.sleep(0.001)
        ended, status = os.waitpid(pid, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)  # git, if it still runs
    return status if ended else os.waitpid(pid, 0)[1]


def _why(status: int) -> str:
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"


def read_frame(stream: BinaryIO) -> bytes:
    """The next frame, or no bytes if the other end has closed."""
    length = int.from_bytes(stream.read(HEADER), "little")
    return stream.read(length)


def write_frame(stream: BinaryIO, data: bytes) -> None:
    stream.write(len(data).to_bytes(HEADER, "little") + data)
    stream.flush()


def main() -> None:
    requests, replies = sys.stdin.buffer, sys.stdout.buffer
    frame = read_frame(requests)
    if not frame:  # the grader has ended
        return
    setup = msgspec.msgpack.decode(frame, type=Setup)
    with tempfile.TemporaryDirectory(prefix="koans-intake-") as scratch:
        os.chmod(scratch, 0o711)  # children with another user id pass through it to their own folder
        reader = Reader(setup, Path(scratch))
        with contextlib.suppress(BrokenPipeError):  # the grader has ended
            while data := read_frame(requests):
                write_frame(replies, reader.reply(msgspec.msgpack.decode(data, type=Request)))


if __name__ == "__main__":
    main()
