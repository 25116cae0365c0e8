"""What an instructor decides about an assignment, in `assignment.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from grader.book.assistants import DEFAULT, Policy, checked
from grader.book.errors import KoansError, read_file
from grader.book.workbook import RUNGS, Chapter, Koan, Workbook

NAME = "assignment.toml"
LARGEST = 1 << 20  # bytes
LONGEST_TITLE = 100  # characters
UNITS = {"min": 1, "minute": 1, "minutes": 1, "h": 60, "hour": 60, "hours": 60, "day": 1440, "days": 1440}  # minutes
LENGTH = re.compile(r"(\d{1,5}) ?(" + "|".join(UNITS) + ")")
SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,2})?) ?%")

Rule = Literal["no penalty", "per day", "not accepted"]
Counts = Literal["latest", "best"]
Fast = Literal["counted", "extra credit", "ignored"]
Seeds = Literal["class", "student"]
NO_PARTIAL, BY_TESTS = "none", "tests"


class Late(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What late work loses. Days are counted from the time that it was due; each 24 hours that began count.

    `grace`: work that comes within this time after it was due is on time. With the rule "per day" each day takes
    `per_day`, and all days together at most `most`: points, or a share of the possible points, as in "10%". Work that
    comes later than `closes` after it was due is not accepted, whatever the rule.
    """

    rule: Rule = "no penalty"
    grace: str = "0 min"
    per_day: float | str = 0
    most: float | str = "100%"
    closes: str = ""


class Assignment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The fields of `assignment.toml`.

    `assistants` is what the course asks of coding assistants: see `grader.book.assistants`. `koans` are chapters and
    koans; () means all. `points` overrides the points of koans, or of each koan of a chapter. `extra_credit` names
    those whose points are not among the possible ones. `partial` says what a koan earns that failed: nothing ("none"),
    the share of its tests that passed ("tests"), or for each rung "none", "tests" or a share such as "50%", which needs
    one passed test. `fast` says how the claim counts that a kernel is fast on a GPU. Times without an offset are in
    `time_zone`. `counts`: which of several hand-ins of a student counts. `groups` maps a group's name to its students:
    what one of them hands in is handed in for all. `seeds`: whether all students get the same random inputs.
    """

    assistants: Policy = DEFAULT
    title: str = ""
    koans: tuple[str, ...] = ()
    points: dict[str, float] = {}
    extra_credit: tuple[str, ...] = ()
    partial: str | dict[str, str] = NO_PARTIAL
    fast: Fast = "counted"
    time_zone: str = "UTC"
    opens: str = ""
    due: str = ""
    late: Late = Late()
    counts: Counts = "latest"
    groups: dict[str, tuple[str, ...]] = {}
    seeds: Seeds = "class"


class Worth(msgspec.Struct, frozen=True):
    """What a koan is worth under an assignment: its points, whether they are extra credit, and its partial credit.

    `partial` is "none", "tests" or a share.
    """

    points: Fraction
    extra: bool
    partial: str | Fraction


def read(file: Path) -> Assignment:
    """The assignment in a file. Raises KoansError if it cannot be read, or for an unknown field or a wrong value."""
    try:
        table = tomllib.loads(read_file(file, LARGEST).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise KoansError(f"{file}: {error}") from None
    unknown = [name for name in table if name not in Assignment.__struct_fields__]
    if unknown:
        known = ", ".join(Assignment.__struct_fields__)
        raise KoansError(f"{file}: the field '{unknown[0]}' is not known; the fields are: {known}")
    if "assistants" in table:
        checked(table["assistants"], str(file))
    for name in ("opens", "due"):
        if isinstance(table.get(name), date):  # TOML has times; the field is in ISO 8601
            table[name] = table[name].isoformat()
    try:
        found = msgspec.convert(table, Assignment)
        _check(found)
    except (msgspec.ValidationError, KoansError) as error:
        raise KoansError(f"{file}: {error}") from None
    return found


def worths(assignment: Assignment, workbook: Workbook) -> dict[str, Worth]:
    """What each koan of the assignment is worth, by id, in the order of the workbook.

    Raises KoansError for a koan or chapter that the workbook does not have or the assignment does not name.
    """
    chosen = _named(assignment.koans, workbook, "koans") if assignment.koans else set(workbook.koans)
    extra = _within(assignment.extra_credit, workbook, chosen, "extra_credit")
    points: dict[str, Fraction] = {}
    # A koan's own entry counts, and not its chapter's, wherever they stand.
    for name, own in sorted(assignment.points.items(), key=lambda item: _chapter(item[0], workbook) is None):
        for koan in _within([name], workbook, chosen, "points"):
            points[koan] = Fraction(str(own))
    return {
        koan.id: Worth(points.get(koan.id, Fraction(koan.points)), koan.id in extra, _partial(assignment, koan))
        for koan in workbook.koans.values()
        if koan.id in chosen
    }


def zone(assignment: Assignment) -> ZoneInfo:
    """The assignment's time zone. Raises KoansError if this machine does not know it."""
    try:
        return ZoneInfo(assignment.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise KoansError(
            f"time_zone: '{assignment.time_zone}' is not a time zone; write it as in Europe/Berlin"
        ) from None


def moment(text: str, assignment: Assignment, *, last: bool = False) -> datetime | None:
    """The time in ISO 8601, as an aware time. A time without an offset is in the assignment's time zone.

    A day alone is its first moment or, with `last`, its last second. None if this is no time.
    """
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = time(23, 59, 59) if last else time()
            return aware(datetime.combine(date.fromisoformat(text), day), assignment)
        return aware(datetime.fromisoformat(text), assignment)
    except (ValueError, OverflowError):
        return None


def aware(when: datetime, assignment: Assignment) -> datetime:
    """The time with the assignment's time zone, if it has no offset."""
    return when if when.tzinfo is not None else when.replace(tzinfo=zone(assignment))


def exists(when: datetime) -> bool:
    """Whether clocks show this time. They skip an hour when they are put forward."""
    return when.astimezone(UTC).astimezone(when.tzinfo).replace(tzinfo=None) == when.replace(tzinfo=None)


def opens(assignment: Assignment) -> datetime | None:
    """When students may begin, or None. Raises KoansError if this is no time."""
    return _when("opens", assignment.opens, assignment)


def due(assignment: Assignment) -> datetime | None:
    """When the work is due, or None. A day ends with its last second. Raises KoansError if this is no time."""
    return _when("due", assignment.due, assignment, last=True)


def _when(field: str, text: str, assignment: Assignment, *, last: bool = False) -> datetime | None:
    found = moment(text, assignment, last=last) if text else None
    if text and found is None:
        raise KoansError(f"{field}: '{text}' is not a time; write it as in 2026-11-20T23:59:00")
    if found is not None and not exists(found):
        raise KoansError(f"{field}: {text} does not exist in {assignment.time_zone}: clocks are put forward then")
    return found


def length(text: str, field: str = "") -> timedelta:
    """A length of time, as in "15 min", "2 h" or "3 days". Raises KoansError that names the field."""
    found = LENGTH.fullmatch(text.strip())
    if found is None:
        raise KoansError(f"{field}: '{text}' is not a length of time; write it as in 15 min, 2 h or 3 days")
    return timedelta(minutes=int(found[1]) * UNITS[found[2]])


def of_points(value: float | str, possible: Fraction, field: str = "") -> Fraction:
    """A number of points, or a share of the possible ones, as in "10%", as points. Raises KoansError."""
    if isinstance(value, str):
        return possible * share(value, field)
    if not 0 <= value <= 1_000_000:
        raise KoansError(f"{field}: {value} is not a number of points")
    return Fraction(str(value))


def share(text: str, field: str = "") -> Fraction:
    """A share such as "50%", at most 1. Raises KoansError that names the field."""
    found = SHARE.fullmatch(text.strip())
    if found is None or Fraction(found[1]) > 100:
        raise KoansError(f"{field}: '{text}' is not a share; write it as in 50%")
    return Fraction(found[1]) / 100


def late_rule(assignment: Assignment) -> str:
    """The late rule in one sentence, for students."""
    late = assignment.late
    words = {
        "no penalty": "late work loses nothing",
        "per day": f"each day late takes {_said(late.per_day)}, at most {_said(late.most)}",
        "not accepted": "late work is not accepted",
    }[late.rule]
    if length(late.grace):
        words += f"; work within {late.grace} after the time counts as on time"
    if late.closes and late.rule != "not accepted":
        words += f"; nothing is accepted later than {late.closes} after the time"
    return words


def partial_rule(assignment: Assignment) -> str:
    """What a koan earns that failed, in one sentence, for students."""
    partial = assignment.partial
    by_rung = dict.fromkeys(RUNGS, partial) if isinstance(partial, str) else partial
    rungs: dict[str, list[str]] = {}
    for rung, value in by_rung.items():
        if value != NO_PARTIAL:
            what = "the share of its tests that passed" if value == BY_TESTS else value
            rungs.setdefault(what, []).append(f"“{rung}”")
    if not rungs:
        return "a failed koan earns nothing"
    parts = [what if len(names) == len(RUNGS) else f"{what} ({', '.join(names)})" for what, names in rungs.items()]
    return f"a failed koan earns {'; '.join(parts)}"


def _said(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g} points"


def _check(assignment: Assignment) -> None:
    """Raise KoansError for a value that makes no sense. Koans are checked with a workbook, by `worths`."""
    if len(assignment.title) > LONGEST_TITLE or not assignment.title.isprintable():
        raise KoansError(f"title: one line of at most {LONGEST_TITLE} characters")
    zone(assignment)
    start, end = opens(assignment), due(assignment)
    if start and end and start >= end:
        raise KoansError("opens: it opens after it is due")
    late = assignment.late
    grace = length(late.grace, "late.grace")
    if late.closes and length(late.closes, "late.closes") < grace:
        raise KoansError(f"late.closes: {late.closes} is less than the grace of {late.grace}")
    if late.rule == "per day" and not late.per_day:
        raise KoansError('late.per_day: the rule "per day" needs it, as in "10%"')
    if late.rule != "per day" and late.per_day:
        raise KoansError(f'late.per_day: it needs rule = "per day", and the rule is "{late.rule}"')
    for field, value in (("late.per_day", late.per_day), ("late.most", late.most)):
        of_points(value, Fraction(1), field)
    for name, own in assignment.points.items():
        of_points(own, Fraction(0), f"points.{name}")
        if Fraction(str(own)) * 100 % 1:
            raise KoansError(f"points.{name}: {own} has more than two decimals")
    _check_partial(assignment.partial)
    _check_groups(assignment.groups)


def _check_partial(partial: str | Mapping[str, str]) -> None:
    if isinstance(partial, str):
        if partial not in (NO_PARTIAL, BY_TESTS):
            raise KoansError(
                f"partial: '{partial}' is not {NO_PARTIAL} or {BY_TESTS}, nor a table with a line per rung"
            )
        return
    for rung, value in partial.items():
        if rung not in RUNGS:
            raise KoansError(f"partial: '{rung}' is not a rung; the rungs are: {', '.join(RUNGS)}")
        if value not in (NO_PARTIAL, BY_TESTS):
            share(value, f"partial.{rung}")


def _check_groups(groups: Mapping[str, tuple[str, ...]]) -> None:
    seen: dict[str, str] = {}
    for name, students in groups.items():
        for student in students:
            if not student.strip():
                raise KoansError(f"groups.{name}: a student without a name")
            key = same(student)
            if key in seen:
                raise KoansError(f"groups: {student} is in {seen[key]} and in {name}")
            seen[key] = name
        if same(name) in {same(student) for student in students}:
            raise KoansError(f"groups.{name}: a group and its student have one name")


def same(name: str) -> str:
    """A student's id or name as it is compared: without capital letters and without spaces at its ends."""
    return " ".join(name.casefold().split())


def _partial(assignment: Assignment, koan: Koan) -> str | Fraction:
    partial = assignment.partial
    value = partial if isinstance(partial, str) else partial.get(koan.rung, NO_PARTIAL)
    return value if value in (NO_PARTIAL, BY_TESTS) else share(value)


def _chapter(name: str, workbook: Workbook) -> Chapter | None:
    """The chapter that is called so, as in "ch06" and "ch06_numerics", or None."""
    try:
        return workbook.chapter(name)
    except KoansError:
        return None


def _named(names: Iterable[str], workbook: Workbook, field: str) -> set[str]:
    """The koans that these chapters and koans mean. Raises KoansError that names the field."""
    found: set[str] = set()
    for name in names:
        chapter = _chapter(name, workbook)
        try:
            found |= {workbook.koan(name).id} if chapter is None else {koan.id for koan in chapter.koans}
        except KoansError as error:
            raise KoansError(f"{field}: {error}") from None
    return found


def _within(names: Iterable[str], workbook: Workbook, chosen: set[str], field: str) -> set[str]:
    """Those koans of the assignment that these names mean. Raises KoansError if a name means none of them."""
    found: set[str] = set()
    for name in names:
        koans = _named([name], workbook, field) & chosen
        if not koans:
            raise KoansError(f"{field}: '{name}' is not among the koans of the assignment")
        found |= koans
    return found
