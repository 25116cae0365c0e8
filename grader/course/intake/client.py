"""The trusted end of intake: starts the process that reads submissions, asks it, and checks what it answers."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO

import msgspec

from grader.book.notebook_parser.answers import outlines
from grader.book.processes import environment, module
from grader.book.verdict import clean
from grader.book.workbook import Workbook
from grader.course.intake.lms_names import Handed
from grader.course.intake.reader import (
    Failed,
    FirstLine,
    Line,
    List,
    Listing,
    Owners,
    Reply,
    Request,
    Setup,
    Take,
    Taken,
    WhoseFolders,
    read_frame,
    write_frame,
)
from grader.course.intake.reading import Found
from grader.course.intake.submission import Place, Source, Submission
from grader.judge.sandbox.submission import LARGEST

MOST_NOTES = 20
LONGEST_NOTE = 300  # characters
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
BRANCH = re.compile(r"[\w./@+#-]{1,100}")


class Intake:
    """Reads submissions for the grader of a workbook. A context manager."""

    def __init__(self, workbook: Workbook) -> None:
        self.workbook = workbook
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # it has died with a request unread
                    if pipe is not None:
                        pipe.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def take_all(self, sources: Iterable[Source]) -> Iterator[Submission]:
        """The submission at each source."""
        return map(self.take, sources)

    def take(self, source: Source) -> Submission:
        """The submission at a source. If it cannot be read, it has a `problem`."""
        if source.problem:
            return _submission(source, Found(problem=source.problem), self.workbook)
        reply = self._ask(Take(source.places))
        found = reply.found if isinstance(reply, Taken) else Found(problem=_reason(reply))
        if isinstance(reply, Taken) and not reply.confined:
            found = msgspec.structs.replace(found, notes=("it was read without the complete sandbox", *found.notes))
        return _submission(source, found, self.workbook)

    def list(self, place: Place) -> Listing | Failed:
        """The names in an archive's root, or in one of its folders, and some of those in each folder there."""
        reply = self._ask(List(place))
        return reply if isinstance(reply, Listing | Failed) else Failed("an answer to another question")

    def owners(self, place: Place) -> Mapping[str, tuple[Handed, ...]]:
        """What Gradescope's file of metadata tells about each folder. Empty if it cannot be read."""
        reply = self._ask(WhoseFolders(place))
        return reply.folders if isinstance(reply, Owners) else {}

    def first_line(self, place: Place) -> str:
        """The first line of a platform's text file. Empty if it cannot be read."""
        reply = self._ask(FirstLine(place))
        return reply.text if isinstance(reply, Line) else ""

    def _ask(self, request: Request) -> Reply:
        try:
            frame = msgspec.msgpack.encode(request)
        except UnicodeEncodeError:
            return Failed("a name in its path is not UTF-8: rename it")
        for _ in range(2):  # if the process has died, a new one is started once
            process = self._process or self._start()
            assert process.stdin is not None and process.stdout is not None
            try:
                write_frame(_binary(process.stdin), frame)
                data = read_frame(_binary(process.stdout))
                if data:
                    return _decoded(data)
            except OSError:
                pass
            self.close()
        return Failed("the process that reads submissions has ended")

    def _start(self) -> subprocess.Popen[bytes]:
        root = self.workbook.root
        self._process = subprocess.Popen(
            [sys.executable, *module(__package__, "reader")],
            env=environment(self.workbook.code, strangers=True),
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdin is not None
        setup = Setup(str(self.workbook.shipped.resolve()), tuple(self.workbook.koans), tuple(outlines(self.workbook)))
        write_frame(_binary(self._process.stdin), msgspec.msgpack.encode(setup))
        return self._process


def _binary(stream: object) -> BinaryIO:
    return stream  # type: ignore[return-value]


def _decoded(data: bytes) -> Reply:
    """A reply of a child that a stranger may have taken over."""
    try:
        reply: Reply = msgspec.msgpack.decode(data, type=Reply)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return Failed("the reply makes no sense")
    return reply


def _reason(reply: Reply) -> str:
    return reply.reason if isinstance(reply, Failed) else "an answer to another question"


def _submission(source: Source, found: Found, workbook: Workbook) -> Submission:
    """The submission, with nothing in it that a child should not have sent."""
    koans = workbook.koans
    notes = [_line(note) for note in (*source.notes, *found.notes)]
    if len(notes) > MOST_NOTES:
        notes = [*notes[: MOST_NOTES - 1], f"and {len(notes) - MOST_NOTES + 1} more like these"]
    return Submission(
        id=source.id,
        name=source.name,
        origin=source.origin,
        student=source.student,
        texts={k: text for k, text in found.texts.items() if k in koans and len(text) <= LARGEST},
        refused=_lines({k: why for k, why in found.refused.items() if k in koans}),
        commit=found.commit if HASH.fullmatch(found.commit) else "",
        branch=found.branch if BRANCH.fullmatch(found.branch) else "",
        authored=found.authored if TIME.fullmatch(found.authored) else "",
        handed_in=source.handed_in,
        notes=tuple(notes),
        problem=_line(found.problem),
    )


def _lines(texts: Mapping[str, str]) -> dict[str, str]:
    return {key: _line(text) for key, text in texts.items()}


def _line(text: str) -> str:
    """One line of printable text."""
    return " ".join(clean(text).split())[:LONGEST_NOTE]
