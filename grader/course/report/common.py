"""What several reports share: rows with points, facts about a submission, and the misconceptions of a class."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from grader.book.points import amount, tidy
from grader.book.verdict import Status, clean, one_line
from grader.course.classroom import encodable, heads
from grader.course.grade import Class, Grade, Graded
from grader.course.lean import descriptions
from grader.course.mark import FAST, Mark
from grader.course.report.names import labels
from grader.course.seeds import digest

LONGEST = 4000  # characters of one text in a report
CUT = re.compile(r"(?:\A|\n)… (\d{1,9}) more characters\Z")  # ends a text that was cut
# JSON does not ask for an escape of these, but a terminal would obey them.
UNSHOWN = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff]")


class ReportRow(msgspec.Struct, frozen=True):
    """A claim with points of its own: that a koan passed, or that it is fast.

    Under an assignment, `assignment` is its title, `extra` says that the points are extra credit, which is not among
    the possible points, and `comment` says what decided about the points besides the verdict.
    """

    name: str
    graded: Graded
    status: Status
    points: float
    earned: float
    assignment: str = ""
    extra: bool = False
    comment: str = ""


class Misconception(msgspec.Struct, frozen=True):
    """A named wrong answer, and the submissions whose failures look like it.

    In `alone` are submissions that look like no other wrong answer, in `among` those that look like several.
    """

    koan: str
    name: str
    description: str
    alone: tuple[str, ...]
    among: tuple[str, ...]

    @property
    def count(self) -> int:
        return len(self.alone) + len(self.among)


def rows(grade: Grade) -> Iterator[ReportRow]:
    """Every claim that counts. Nobody loses points for a `fast` that this machine could not test: it is left out.

    Under assignments these are the claims that have points there. With several, a name begins with the assignment's.
    """
    if grade.marks:
        yield from _rows_of_marks(grade)
        return
    for graded in grade.koans:
        verdict = graded.verdict
        yield ReportRow(verdict.koan, graded, verdict.status, graded.points, graded.earned)
        if graded.fast_points and verdict.fast not in (None, Status.not_run_here):
            assert verdict.fast is not None
            yield ReportRow(f"{verdict.koan}{FAST}", graded, verdict.fast, graded.fast_points, graded.fast_earned)


def _rows_of_marks(grade: Grade) -> Iterator[ReportRow]:
    known = {graded.verdict.koan: graded for graded in grade.koans}
    for mark in grade.marks:
        title = one_line(mark.assignment)
        for line in mark.lines:
            koan = line.koan.removesuffix(FAST)
            if koan not in known:
                continue
            verdict = known[koan].verdict
            status = verdict.status if koan == line.koan else verdict.fast or Status.not_run_here
            name = line.koan if len(grade.marks) == 1 else f"{title}: {line.koan}"
            yield ReportRow(
                name, known[koan], status, line.points, line.earned, title, line.extra, one_line(line.comment, 300)
            )


def total(grade: Grade) -> tuple[float, float]:
    """Points earned and points possible. A submission that could not be graded has earned 0.

    Under assignments, the marks decide.
    """
    if grade.marks:
        earned, points = (sum(values) for values in zip(*((m.earned, m.points) for m in grade.marks), strict=True))
        return tidy(earned), tidy(points)
    if grade.problem:
        return 0, grade.points
    counted = list(rows(grade))
    return sum(r.earned for r in counted), sum(r.points for r in counted)


def with_marks(grade: Grade) -> list[str]:
    """A line for each assignment: its points, and what decided about them. Empty without assignments."""
    return [f"{one_line(mark.assignment)}: {line}" for mark in grade.marks for line in told_of(mark)]


def told_of(mark: Mark) -> list[str]:
    """What decided about a mark, in words: its points, when it was due and handed in, deductions, notes."""
    lines = [f"{amount(mark.earned)} of {amount(mark.points)} points"]
    times = [f"due {one_line(mark.due, 40)}"] if mark.due else []
    times += [f"handed in {one_line(mark.handed_in, 40)}"] if mark.handed_in else []
    lines += [", ".join(times)] if times else []
    if mark.days_late:
        lines.append(f"{days_of(mark)} late" + (f": {amount(mark.deducted)} points deducted" if mark.deducted else ""))
    return [*lines, *(one_line(note, 400) for note in mark.notes)]


def days_of(mark: Mark) -> str:
    return "1 day" if mark.days_late == 1 else f"{mark.days_late} days"


def safe_text(text: str, longest: int = LONGEST) -> str:
    """The text without control characters, cut to `longest` characters.

    A text that was cut before can be cut again: its last line then counts all that is missing.
    """
    text = clean(text)
    start, missing = _uncut(text)
    return text if len(start) <= longest else f"{start[:longest]}\n{left_out(missing + len(start) - longest)}"


def left_out(characters: int) -> str:
    """What stands for so many characters of a text."""
    return f"… {characters} more characters"


def length(text: str) -> int:
    """The characters of a text, with those that were cut before."""
    start, missing = _uncut(text)
    return len(start) + missing


def is_left_out(text: str) -> bool:
    """Whether nothing of a text is left but the number of its characters."""
    return text.startswith("… ") and not _uncut(text)[0]


def _uncut(text: str) -> tuple[str, int]:
    """What is left of a text, and how many characters of it are missing."""
    found = CUT.search(text[-40:])
    if not found:
        return text, 0
    return text[: len(text) - len(found[0])], int(found[1])


def seed_digest(result: Grade | Class) -> str:
    """What students may know of the seed: the same digest means the same inputs. Empty if a class has several seeds."""
    if isinstance(result, Class) and result.grades:
        digests = {seed_digest(grade) for grade in heads(result.grades)}
        return digests.pop() if len(digests) == 1 else ""
    return one_line(result.seed_digest) or digest(result.seed)


def seed_for_students(result: Grade | Class) -> str:
    return f"seed digest {digest}" if (digest := seed_digest(result)) else "several seeds"


def seed_for_instructors(result: Grade | Class) -> str:
    """The seed, where it is known. A file of results tells only its digest."""
    graded = [result] if isinstance(result, Grade) else heads(result.grades)
    known = len({(one.seed, one.seed_digest) for one in graded}) == 1
    first = graded[0] if known else result
    return f"seed {first.seed}" if known and not first.seed_digest else seed_for_students(result)


def version(grade: Grade) -> str:
    """Which version of the work was graded, in words. Empty if nothing is known of it."""
    of = f" of branch {one_line(grade.branch, 80)}" if grade.branch else ""
    parts = [f"commit {one_line(grade.commit)[:12]}{of}" if grade.commit else of.removeprefix(" of ")]
    parts += [f"written {one_line(grade.authored, 40)}"] if grade.authored else []
    parts += [f"handed in {one_line(grade.handed_in, 40)}"] if grade.handed_in else []
    return ", ".join(part for part in parts if part)


def explanation(row: ReportRow) -> str:
    """What a learner reads about a row: the reason for its status, and what their code printed."""
    verdict = row.graded.verdict
    if row.name.endswith(FAST):
        return f"fast: {row.status.value}"
    parts = [safe_text(verdict.message) or row.status.value]
    parts += [f"points: {row.comment}"] if row.comment else []
    parts += [f"note: {safe_text(note)}" for note in verdict.notes]
    if verdict.output.strip():
        parts.append(f"printed by the code:\n{safe_text(verdict.output.strip())}")
    return "\n\n".join(parts)


def misconceptions(classroom: Class) -> list[Misconception]:
    """The named wrong answers that the failures of a class look like, the most common first."""
    texts: dict[tuple[str, str], str] = {}
    alone: dict[tuple[str, str], list[str]] = {}
    among: dict[tuple[str, str], list[str]] = {}
    for label, grade in zip(labels(classroom.grades), classroom.grades, strict=True):
        for graded in grade.koans:
            verdict = graded.verdict
            for name, says in descriptions(verdict).items():
                key = verdict.koan, name
                texts.setdefault(key, says)
                (alone if len(verdict.names) == 1 else among).setdefault(key, []).append(label)
    result = [
        Misconception(*key, text, tuple(alone.get(key, ())), tuple(among.get(key, ()))) for key, text in texts.items()
    ]
    return sorted(result, key=lambda m: (-m.count, -len(m.alone), m.koan, m.name))


def json_text(data: Any) -> str:
    """The data as JSON, of which every byte may be printed. Half a character is replaced, because it has no bytes."""
    return _shown(msgspec.json.format(msgspec.json.encode(encodable(data)), indent=2)) + "\n"


def json_line(data: Any) -> str:
    """The same on one line, without spaces and without an end of line."""
    try:
        return _shown(msgspec.json.encode(data))
    except UnicodeEncodeError:
        return _shown(msgspec.json.encode(encodable(data)))


def schema_text(document: dict[str, Any]) -> str:
    """A JSON Schema as it is published. It is the same for every Python: since 3.13 docstrings come without indents."""
    return (
        msgspec.json.format(msgspec.json.encode(_without_indents(document), order="deterministic"), indent=2).decode()
        + "\n"
    )


def _without_indents(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: inspect.cleandoc(value) if key == "description" and isinstance(value, str) else _without_indents(value)
            for key, value in node.items()
        }
    return [_without_indents(item) for item in node] if isinstance(node, list | tuple) else node


def _shown(data: bytes) -> str:
    return UNSHOWN.sub(lambda match: f"\\u{ord(match[0]):04x}", data.decode())
