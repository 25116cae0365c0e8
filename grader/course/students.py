"""One class out of several results: each student once, and those on the roster who handed in nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from grader.book.verdict import one_line
from grader.course.classroom import Entry, entries, heads, sorted_class
from grader.course.grade import Class, Grade
from grader.course.intake.roster import Roster, missing
from grader.course.mark import Mark

NOTHING_HANDED_IN = "nothing handed in"


class Found(msgspec.Struct, frozen=True):
    """The grades of one file of results, and what the file is called."""

    file: str
    results: Class


def combine(name: str, found: Sequence[Found]) -> Class:
    """The grades of several files as one class. If they have several seeds, the class has seed 0.

    A student whose work stands in several files, or several times in one, has one grade: the work that was handed in
    last, else the one that was graded last. A note says which. Two grades are one student's if they have the same
    student id, or, where one of them has none, the same name and the same place. Other grades of one name are kept, and
    a note says so. Of a student's marks, those for other assignments stay, with their koans.
    """
    kept: list[_Kept] = []
    alike: dict[tuple[str, str], dict[int, None]] = {}  # places in `kept` of grades with the same id or name
    notes = [note for one in found for note in one.results.notes]
    for second in (_Kept(one.file, entry) for one in found for entry in entries(one.results.grades)):
        others = sorted({i for key in _keys(second.grade) for i in alike.get(key, ())})
        same = next((i for i in others if _same_student(second.grade, kept[i].grade)), None)
        for key in _keys(second.grade):
            alike.setdefault(key, {})[len(kept) if same is None else same] = None
        if same is None:
            notes += _namesakes(second, [kept[i] for i in others])
            kept.append(second)
            continue
        first = kept[same]
        counts, loses = (second, first) if _time(second.grade) >= _time(first.grade) else (first, second)
        if other := _other_marks(counts.grade, loses.grade):
            kept[same] = counts._replace(entry=_with_marks(counts.entry, loses.entry, other))
            continue
        kept[same] = counts
        both = f"{_where(loses)} and {_where(counts)} belong to the same student"
        names = dict.fromkeys(one_line(one.grade.submission) for one in (first, second))
        notes.append(f"{', '.join(names)}: {both}; the second one counts")
    seeds = {one.grade.seed for one in kept}
    return sorted_class(name, seeds.pop() if len(seeds) == 1 else 0, [one.entry for one in kept], notes)


def together(name: str, found: Sequence[Found]) -> Class:
    """The grades of several files as one class, in which a student may have several.

    If a student has what another member of their group handed in, and that member's grade is here, the student has
    handed in nothing: `marked` gives them the group's work anew. A student whom only the group names is left out.
    """
    notes = [note for one in found for note in one.results.notes]
    all_entries = [entry for one in found for entry in _own(one.results)]
    seeds = {entry.head.seed for entry in all_entries}
    return sorted_class(name, seeds.pop() if len(seeds) == 1 else 0, all_entries, notes)


def hand_ins_by_student(found: Iterable[Entry]) -> list[list[Entry]]:
    """The grades of each student, in order. `combine` says which grades are one student's."""
    students: list[list[Entry]] = []
    alike: dict[tuple[str, str], dict[int, None]] = {}
    for entry in found:
        others = dict.fromkeys(i for key in _keys(entry.head) for i in alike.get(key, ()))
        place = next((i for i in others if any(_same_student(entry.head, o.head) for o in students[i])), len(students))
        if place == len(students):
            students.append([])
        students[place].append(entry)
        for key in _keys(entry.head):
            alike.setdefault(key, {})[place] = None
    return students


def _own(results: Class) -> Iterator[Entry]:
    """What students have without their groups."""
    known = {_work(grade) for grade in heads(results.grades) if not grade.handed_in_by}
    for entry in entries(results.grades):
        head = entry.head
        if not head.handed_in_by or _work(head) not in known:
            yield entry
        elif head.submission != head.student:
            yield Entry(not_handed_in(head.submission, head.student, results))


def _work(grade: Grade) -> tuple[str, ...]:
    """What tells one hand-in from another."""
    return grade.folder, grade.commit, grade.handed_in, grade.authored


class _Kept(NamedTuple):
    """A grade, and the file that it comes from."""

    file: str
    entry: Entry

    @property
    def grade(self) -> Grade:
        """Its short fields."""
        return self.entry.head


def _other_marks(counts: Grade, loses: Grade) -> set[str]:
    """The titles of the assignments for which only the second grade has marks."""
    return {mark.assignment for mark in loses.marks} - {mark.assignment for mark in counts.marks}


def _with_marks(counts: Entry, loses: Entry, titles: set[str]) -> Entry:
    """The first grade, with the second one's marks for these assignments, and its verdicts on other koans."""
    one, other = counts.grade(), loses.grade()
    known = {graded.verdict.koan for graded in one.koans}
    more = tuple(graded for graded in other.koans if graded.verdict.koan not in known)
    return Entry(
        msgspec.structs.replace(
            one,
            koans=(*one.koans, *more),
            points=one.points + sum(graded.points for graded in more),
            earned=one.earned + sum(graded.earned for graded in more),
            cards=tuple(dict.fromkeys((*one.cards, *other.cards))),
            marks=tuple(sorted((*one.marks, *(m for m in other.marks if m.assignment in titles)), key=_due)),
        )
    )


def _due(mark: Mark) -> tuple[float, str]:
    return _seconds(mark.due), mark.assignment


def _keys(grade: Grade) -> Iterator[tuple[str, str]]:
    """What two grades may have in common that are of one student, or have one name."""
    yield "name", grade.submission
    if grade.student:
        yield "id", grade.student.casefold()


def same_students(now: Sequence[Grade], before: Sequence[Grade]) -> list[int | None]:
    """The position in `before` of the grade of each student in `now`, None for a student who is not there.

    Grades belong together as in `combine`. Work is often handed in at another place the next time, so a name that only
    one grade of each class has belongs to one student, too, unless two ids say otherwise.
    """
    by_key: dict[tuple[str, str], list[int]] = {}
    for i, grade in enumerate(before):
        for key in _keys(grade):
            by_key.setdefault(key, []).append(i)
    names = Counter(grade.submission for grade in now)
    found: list[int | None] = []
    for grade in now:
        alike = sorted({i for key in _keys(grade) for i in by_key.get(key, ())})
        same = next((i for i in alike if _same_student(grade, before[i])), None)
        namesakes = by_key.get(("name", grade.submission), [])
        if same is None and names[grade.submission] == len(namesakes) == 1:
            (only,) = namesakes
            same = None if grade.student and before[only].student else only
        found.append(same)
    return found


def _same_student(one: Grade, other: Grade) -> bool:
    if one.student and other.student:
        return one.student.casefold() == other.student.casefold()
    return (one.submission, one.folder) == (other.submission, other.folder)


def _time(grade: Grade) -> tuple[float, float]:
    return _seconds(grade.handed_in), _seconds(grade.started)


def _seconds(time: str) -> float:
    """A time in ISO 8601 as a number. What is no time is the earliest."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return -math.inf
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _where(one: _Kept) -> str:
    """The file of a grade, and when its work was handed in or graded."""
    grade = one.grade
    when = f"handed in {one_line(grade.handed_in)}" if grade.handed_in else f"graded {one_line(grade.started)}"
    return f"{one.file} ({when})"


def _namesakes(one: _Kept, kept: Iterable[_Kept]) -> Iterable[str]:
    grade = one.grade
    for other_one in kept:
        other = other_one.grade
        if other.submission == grade.submission and not (other.student and grade.student):
            places = f"{one_line(other.folder)} in {other_one.file} and {one_line(grade.folder)} in {one.file}"
            yield f"{one_line(grade.submission)}: {places} are counted as two students, because they have no student id"
            return


class _Work(NamedTuple):
    """A grade, as `roster.missing` wants it."""

    name: str
    student: str


def with_roster(results: Class, roster: Roster) -> Class:
    """The class with a grade of 0 points for each student of the roster of whom it has no work.

    The roster may say why.
    """
    works = [_Work(grade.submission, grade.student) for grade in heads(results.grades)]
    absent = [
        Entry(not_handed_in(row.name, row.id, results, row.problem or NOTHING_HANDED_IN))
        for row in missing(roster.rows, works)
    ]
    together = [*entries(results.grades), *absent]
    return sorted_class(results.name, results.seed, together, (*results.notes, *roster.notes))


def not_handed_in(name: str, student: str, results: Class, problem: str = NOTHING_HANDED_IN) -> Grade:
    """The grade of a student of whom the class has no work: 0 points, and why."""
    graded = heads(results.grades)
    first = graded[0] if graded else None
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Grade(
        submission=name,
        folder="",
        seed=first.seed if first else results.seed,
        points=max((grade.points for grade in graded), default=0),
        earned=0,
        isolation="",
        trusted=True,
        koans=(),
        cards=(),
        versions=first.versions if first else {},
        device="",
        started=max((grade.started for grade in graded), default=now),
        seconds=0.0,
        problem=problem,
        student=student,
        seed_digest=first.seed_digest if first else results.seed_digest,
    )
