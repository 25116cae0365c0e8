"""What students earn under assignments: arithmetic over verdicts that exist.

A changed date, extension or override regrades nothing. All amounts are exact fractions, and each is rounded once to
hundredths of a point, half up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

import msgspec

from grader.book.points import tidy
from grader.book.verdict import Status, Verdict, one_line
from grader.book.workbook import Workbook
from grader.course.assignment import BY_TESTS, NO_PARTIAL, Worth, due, length, moment, of_points, same
from grader.course.classroom import Entry, Spool, entries, sorted_class
from grader.course.exceptions import Extension, Override
from grader.course.grade import Class, Grade, Graded
from grader.course.intake.ids import identify
from grader.course.mark import FAST, Line, Mark
from grader.course.scheme import Scheme
from grader.course.students import NOTHING_HANDED_IN, hand_ins_by_student, not_handed_in

DAY = timedelta(days=1)
NO_VERDICT = "these results have no verdict on it"
OF_COMMIT = "this is the time of the commit, by its author's clock"


def marked(results: Class, schemes: Sequence[Scheme], workbook: Workbook, spool: Spool) -> Class:
    """The class with a mark for each student and assignment, one grade for each student.

    A grade has the koans of the assignments only. If a student handed in several times, each assignment says which
    hand-in counts. What a member of a group handed in counts for all its members. Rows of extensions and overrides that
    are about nobody in the class, or about several people, are noted and change nothing.
    """
    by_student = hand_ins_by_student(entries(results.grades))
    students = [_Student(tuple(own)) for own in by_student]
    for scheme in schemes:
        students = _with_groups(students, scheme, results)
    called = _Called(students)
    notes = list(results.notes)
    decisions = []
    for scheme in schemes:
        found, lines = _decisions(scheme, called, len(students))
        decisions.append(found)
        notes += [*lines, *_lacking(scheme, students)]
    made = []
    for i, student in enumerate(students):
        own = [found[i] for found in decisions]
        made.append(spool.add(_grade(student, schemes, own, workbook)))
    return sorted_class(results.name, results.seed, _identified(made), notes)


class _Student(NamedTuple):
    """A student, and the hand-ins that are theirs.

    Of a student who handed in nothing, that is the hand-in. `shared` maps an assignment's title to what the others of
    their group handed in.
    """

    own: tuple[Entry, ...]
    shared: Mapping[str, tuple[Entry, ...]] = {}

    @property
    def ids(self) -> list[str]:
        return [entry.head.student for entry in self.own if entry.head.student]

    @property
    def names(self) -> list[str]:
        return [entry.head.submission for entry in self.own]

    def hand_ins(self, title: str) -> tuple[Entry, ...]:
        """What may count for the assignment: what could be graded, if there is something."""
        found = self._handed_in_for(title)
        return tuple(entry for entry in found if not entry.head.problem) or found

    def unread(self, title: str) -> tuple[Entry, ...]:
        """What was handed in for the assignment and could not be graded."""
        found = self._handed_in_for(title)
        return tuple(entry for entry in found if entry.head.problem not in ("", NOTHING_HANDED_IN))

    def _handed_in_for(self, title: str) -> tuple[Entry, ...]:
        """All hand-ins, or those that were already marked under this assignment, if there are some.

        Files of results of several assignments have a hand-in for each.
        """
        found = (*self.own, *self.shared.get(title, ()))
        if len(found) == 1:
            return found
        return tuple(entry for entry in found if any(m.assignment == title for m in entry.head.marks)) or found


class _Decisions(NamedTuple):
    """What an instructor decided for one student, in order."""

    extensions: tuple[Extension, ...] = ()
    overrides: tuple[Override, ...] = ()


class _Try(NamedTuple):
    """A hand-in under an assignment: its mark, when it was handed in, and whether that was too late to count.

    `own` are its points after deductions, whatever an override of the whole assignment says.
    """

    entry: Entry
    mark: Mark
    time: datetime | None
    refused: bool
    own: Fraction

    def noted(self, note: str) -> _Try:
        """The same with a further note, before the others."""
        return self._replace(mark=msgspec.structs.replace(self.mark, notes=(note, *self.mark.notes)))


class _Called:
    """Which students an instructor's file means by a name.

    That is who has this id. If nobody has it, a name counts: everybody may choose a name, and nobody an id.
    """

    def __init__(self, students: Iterable[_Student]) -> None:
        self.ids: dict[str, dict[int, None]] = {}
        self.names: dict[str, dict[int, None]] = {}
        for i, student in enumerate(students):
            for known, words in ((self.ids, student.ids), (self.names, student.names)):
                for word in words:
                    known.setdefault(same(word), {})[i] = None

    def of(self, name: str) -> list[int]:
        return list(self.ids.get(same(name)) or self.names.get(same(name)) or ())


def _with_groups(students: Sequence[_Student], scheme: Scheme, results: Class) -> list[_Student]:
    """The students, each with what the others of their group handed in, and the members who handed in nothing."""
    found = list(students)
    called = _Called(students)
    for members in scheme.assignment.groups.values():
        places = [called.of(name) for name in members]
        known = {place[0]: found[place[0]].own for place in places if len(place) == 1}
        if not any(known.values()):
            continue
        with_ids = any(entry.head.student for own in known.values() for entry in own)
        for name, place in zip(members, places, strict=True):
            if not place:
                known[len(found)] = ()
                found.append(_Student((Entry(not_handed_in(name, name if with_ids else "", results)),)))
        for i in known:
            others = tuple(entry for j, own in known.items() if j != i for entry in own)
            found[i] = found[i]._replace(shared={**found[i].shared, scheme.title: others})
    return found


def _decisions(scheme: Scheme, called: _Called, students: int) -> tuple[list[_Decisions], list[str]]:
    """What was decided for each student, and notes on rows that are about nobody or about several students.

    A row may name a group: then it is about all its members.
    """
    groups = {same(name): members for name, members in scheme.assignment.groups.items()}
    notes: list[str] = []

    def meant(place: str, name: str) -> list[int]:
        found = []
        for one in groups.get(same(name), (name,)):
            who = called.of(one)
            found += who if len(who) == 1 else []
            if len(who) != 1 and (who or same(name) not in groups):
                count = f"{len(who)} students of this class are" if who else "no student of this class is"
                notes.append(f"{scheme.title}: {place}: {count} called {one_line(one, 80)}")
        return found

    extensions: list[list[Extension]] = [[] for _ in range(students)]
    overrides: list[list[Override]] = [[] for _ in range(students)]
    for extension in scheme.extensions.rows:
        for i in meant(f"{scheme.extensions.file.name}:{extension.line}", extension.student):
            extensions[i].append(extension)
    for override in scheme.overrides.rows:
        for i in meant(f"{scheme.overrides.file.name}:{override.line}", override.student):
            overrides[i].append(override)
    for group, members in scheme.assignment.groups.items():
        for name in members:
            if len(called.of(name)) > 1:
                notes.append(f"{scheme.title}: group {one_line(group, 80)}: several are called {one_line(name, 80)}")
    both = zip(extensions, overrides, strict=True)
    return [_Decisions(tuple(given), tuple(changed)) for given, changed in both], notes


def _lacking(scheme: Scheme, students: Sequence[_Student]) -> Iterator[str]:
    """A note, if the results come from a file that has only one of a student's hand-ins: another may count now."""

    def lacks(student: _Student) -> bool:
        had = (m.hand_ins for entry in student.own for m in entry.head.marks if m.assignment == scheme.title)
        return max(had, default=0) > len(student.hand_ins(scheme.title))

    if count := sum(map(lacks, students)):
        who = "1 student" if count == 1 else f"{count} students"
        yield (
            f"{scheme.title}: these results have not all hand-ins of {who}, and another may count now: use the files "
            "of each grading, or grade again (verdicts are cached)"
        )


def _grade(student: _Student, schemes: Sequence[Scheme], decisions: Sequence[_Decisions], workbook: Workbook) -> Grade:
    """The student's grade: its marks, and the verdicts on their koans, each from the hand-in that counts."""
    chosen = [_counts(student, scheme, own) for scheme, own in zip(schemes, decisions, strict=True)]
    base = max(chosen, key=lambda one: _order(one.time)).entry
    grade = base.grade()
    if base not in student.own:  # another member of the group handed in
        head = student.own[0].head
        grade = msgspec.structs.replace(grade, submission=head.submission, student=head.student, id=head.id)
    koans: dict[str, Graded] = {}
    for one, scheme in zip(chosen, schemes, strict=True):
        verdicts = {graded.verdict.koan: graded for graded in one.entry.grade().koans}
        if verdicts or not one.entry.head.problem:
            koans |= {koan: verdicts.get(koan) or _without_verdict(koan, workbook) for koan in scheme.koans}
    ordered = tuple(koans[koan] for koan in workbook.koans if koan in koans)
    return msgspec.structs.replace(
        grade,
        koans=ordered,
        points=sum(graded.points for graded in ordered) or grade.points,
        earned=sum(graded.earned for graded in ordered),
        marks=tuple(one.mark for one in chosen),
        handed_in_by="" if any(one.entry in student.own for one in chosen) else base.head.submission,
    )


def _identified(found: Sequence[Entry]) -> list[Entry]:
    """The entries, with an id for each that no other has: members of a group share a folder."""
    ids = identify(
        [(entry.head.id or entry.head.submission, f"{entry.head.folder}\0{i}") for i, entry in enumerate(found)]
    )
    return [entry.renamed(id_) for id_, entry in zip(ids, found, strict=True)]


def _without_verdict(koan: str, workbook: Workbook) -> Graded:
    verdict = Verdict(koan, "", Status.not_run_here, NO_VERDICT, NO_VERDICT)
    return Graded(workbook.koans[koan].points, 0, verdict, workbook.koans[koan].rung)


def _counts(student: _Student, scheme: Scheme, decisions: _Decisions) -> _Try:
    """The hand-in that counts. One that came too late or could not be graded counts only if there is no other."""
    tries = [_try(student, entry, scheme, decisions) for entry in student.hand_ins(scheme.title)]
    accepted = [one for one in tries if not one.refused] or tries
    if scheme.assignment.counts == "best":
        best = max(one.own for one in accepted)
        found = min((one for one in accepted if one.own == best), key=lambda one: _order(one.time))
    else:
        found = max(accepted, key=lambda one: (_order(one.time), one.entry.head.started))
    if len(tries) > 1:
        which = f"the {scheme.assignment.counts} of {len(tries)} hand-ins counts"
        found = found.noted(which)
        found = found._replace(mark=msgspec.structs.replace(found.mark, hand_ins=len(tries)))
    unread = student.unread(scheme.title)
    return found if not unread or found.entry in unread else found.noted(_left_out(unread))


def _left_out(unread: Sequence[Entry]) -> str:
    """A note about hand-ins that could not be graded."""
    return "; ".join(f"another hand-in could not be graded: {one_line(entry.head.problem, 200)}" for entry in unread)


def _order(time: datetime | None) -> float:
    return time.timestamp() if time is not None else float("-inf")


def _try(student: _Student, entry: Entry, scheme: Scheme, decisions: _Decisions) -> _Try:
    """The mark of one hand-in, by the dates and overrides of this student. Of several rows, the last counts."""
    assignment, grade = scheme.assignment, entry.grade()
    by_koan = {row.koan: row for row in decisions.overrides}
    lines = tuple(_lines(grade, scheme, by_koan))
    possible = sum((_fraction(line.points) for line in lines if not line.extra), Fraction())
    earned = sum((_fraction(line.earned) for line in lines), Fraction())
    notes = [f"{koan}: {tidy(float(row.points))} points {row.words}" for koan, row in by_koan.items() if koan]
    until = due(assignment)
    if decisions.extensions:
        last = decisions.extensions[-1]
        until = last.of(until)
        notes.append(f"extension {last.words}")
    if entry not in student.own and student.shared:
        notes.append(f"handed in by {one_line(entry.head.submission, 80)}, for the group")
    time, source = _time(grade, scheme)
    days, refused, deducted = 0, False, Fraction()
    if grade.problem:
        pass
    elif until is not None and time is None:
        notes.append("the time of hand-in is not known: counted as on time")
    elif until is not None and time is not None:
        notes += [source] if source else []
        late = time.astimezone(UTC) - until.astimezone(UTC)  # clocks may have been changed in between
        days = _days(late, length(assignment.late.grace))
        refused = bool(days) and _is_refused(late, scheme)
        deducted = earned if refused else min(earned, _deduction(days, possible, scheme))
        notes += ["not accepted: handed in too late"] if refused else []
    deducted = _rounded(deducted)
    final = earned - deducted
    if "" in by_koan:
        row = by_koan[""]
        final = row.points
        notes.append(f"{tidy(float(row.points))} points for all {row.words}")
    mark = Mark(
        scheme.title,
        _number(final),
        _number(possible),
        lines if grade.koans else (),
        time.isoformat() if time else "",
        until.isoformat() if until else "",
        days,
        _number(deducted),
        tuple(notes),
        missing=bool(grade.problem) and not by_koan,
    )
    return _Try(entry, mark, time, refused, earned - deducted)


def _time(grade: Grade, scheme: Scheme) -> tuple[datetime | None, str]:
    """When the work was handed in, and a note if only the learner's clock says so.

    In a grade from a file, several assignments may have several hand-ins. Then the time of the assignment's mark
    counts.
    """
    times = {mark.assignment: moment(mark.handed_in, scheme.assignment) for mark in grade.marks if mark.handed_in}
    if scheme.title in times and len(set(times.values())) > 1:
        return times[scheme.title], "" if grade.handed_in else OF_COMMIT
    if grade.handed_in:
        return moment(grade.handed_in, scheme.assignment), ""
    if grade.authored:
        return moment(grade.authored, scheme.assignment), OF_COMMIT
    return None, ""


def _days(late: timedelta, grace: timedelta) -> int:
    return 0 if late <= grace else max(1, ceil(late / DAY))


def _is_refused(late: timedelta, scheme: Scheme) -> bool:
    rule = scheme.assignment.late
    return rule.rule == "not accepted" or (bool(rule.closes) and late > length(rule.closes))


def _deduction(days: int, possible: Fraction, scheme: Scheme) -> Fraction:
    late = scheme.assignment.late
    if late.rule != "per day":
        return Fraction()
    return min(days * of_points(late.per_day, possible), of_points(late.most, possible))


def _lines(grade: Grade, scheme: Scheme, overrides: Mapping[str, Override]) -> Iterator[Line]:
    known = {graded.verdict.koan: graded for graded in grade.koans}
    for koan, worth in scheme.koans.items():
        graded = known.get(koan)
        earned, comment = _earned(graded, worth)
        if koan in overrides:
            row = overrides[koan]
            earned, comment = row.points, f"override {row.words}"
        yield Line(koan, _number(worth.points), _number(earned), worth.extra, comment)
        if graded is not None and (line := _fast(graded, scheme)):
            yield line


def _earned(graded: Graded | None, worth: Worth) -> tuple[Fraction, str]:
    """The points of a koan before anybody decides otherwise, and a comment on partial credit."""
    if graded is None:
        return Fraction(), NO_VERDICT
    if graded.verdict.passed:
        return worth.points, ""
    if graded.verdict.status != Status.failed or worth.partial == NO_PARTIAL or not graded.tests_passed:
        return Fraction(), ""
    if worth.partial == BY_TESTS:
        part = Fraction(graded.tests_passed, graded.tests)
        return _rounded(worth.points * part), f"{graded.tests_passed} of {graded.tests} tests passed"
    assert isinstance(worth.partial, Fraction)
    return _rounded(worth.points * worth.partial), f"partial credit, {float(100 * worth.partial):g}%"


def _fast(graded: Graded, scheme: Scheme) -> Line | None:
    """The line of the claim that a kernel is fast, if it counts and could be tested."""
    mode, verdict = scheme.assignment.fast, graded.verdict
    if mode == "ignored" or not graded.fast_points or verdict.fast in (None, Status.not_run_here):
        return None
    return Line(f"{verdict.koan}{FAST}", graded.fast_points, graded.fast_earned, mode == "extra credit")


def _fraction(points: float) -> Fraction:
    return Fraction(str(points))


def _rounded(points: Fraction) -> Fraction:
    """To hundredths, half up."""
    return Fraction(floor(points * 100 + Fraction(1, 2)), 100)


def _number(points: Fraction) -> float:
    return tidy(float(_rounded(points)))
