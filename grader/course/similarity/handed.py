"""What a class and earlier classes handed in, read one submission after another by the confined process of intake."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.verdict import one_line
from grader.book.workbook import Workbook
from grader.course.intake.client import Intake
from grader.course.intake.collect import apart, collect
from grader.course.intake.submission import Source, Submission
from grader.course.similarity.survey import Handed

LONGEST_NAME = 80


class Classes:
    """The submissions of the class, `now`, and of earlier ones, each read when it is asked for. `notes` are for both.

    Raises KoansError if there is no submission.
    """

    def __init__(self, workbook: Workbook, intake: Intake, paths: Sequence[Path], earlier: Sequence[Path]) -> None:
        self.intake = intake
        collected = collect(paths, intake)
        before = [collect([path], intake) for path in earlier]
        self.notes = (*collected.notes, *(note for one in before for note in one.notes))
        self._now = [*apart(workbook.root, collected.sources)]
        self._earlier = [*apart(workbook.root, (source for one in before for source in one.sources))]
        if not self._now:
            raise KoansError(f"{', '.join(map(str, paths))}: there is no submission to compare")

    @property
    def now(self) -> Iterator[Handed]:
        return self._read(self._now)

    @property
    def earlier(self) -> Iterator[Handed]:
        return self._read(self._earlier)

    def _read(self, sources: Iterable[Source]) -> Iterator[Handed]:
        sources = list(sources)
        names = _names(sources)
        for source, name, submission in zip(sources, names, self.intake.take_all(sources), strict=True):
            yield Handed(_bare(submission), name, source.team)


def _bare(submission: Submission) -> Submission:
    """The submission without notes about its grading."""
    return msgspec.structs.replace(submission, notes=())


def _names(sources: Sequence[Source]) -> list[str]:
    """The names as they are shown. Of two that are equal, each has its id beside it."""
    names = [one_line(source.name, LONGEST_NAME) or "submission" for source in sources]
    several = Counter(names)
    return [f"{name} ({source.id})" if several[name] > 1 else name for name, source in zip(names, sources, strict=True)]
