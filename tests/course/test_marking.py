"""What students earn under an assignment: dates, late work, partial and extra credit, exceptions, groups, hand-ins."""

import json

import msgspec
import pytest

from grader.book import verdict as verdicts
from grader.book.errors import KoansError
from grader.book.verdict import Exit, Status, judge
from grader.book.workbook import Workbook
from grader.course.classroom import Spool
from grader.course.grade import Class
from grader.course.marking import marked
from grader.course.report import as_json, canvas, read_json
from grader.course.report.common import rows, total
from grader.course.report.formats import PER_SUBMISSION, Options
from grader.course.report.names import identified
from grader.course.scheme import koans_of, read, seeding
from grader.course.seeds import derived, new_secret
from grader.course.students import Found, combine, together
from tests.classes import grade, verdict
from tests.conftest import ROOT

BOOK = Workbook(ROOT)
SOFTMAX, MASK, DOT = "ch06_numerics/softmax", "ch07_attention/causal_mask", "ch01_tensors/dot"  # 3, 2 and 1 points
KOANS = 'koans = ["softmax", "causal_mask", "dot"]\n'
PASSED = [verdict(koan, Status.passed) for koan in (SOFTMAX, MASK, DOT)]
DUE = 'time_zone = "Europe/Berlin"\ndue = 2026-11-20T23:59:00\n'
PER_DAY = '[late]\nrule = "per day"\nper_day = "10%"\nmost = "50%"\ngrace = "15 min"\ncloses = "7 days"\n'


def partly(koan, passed, tests, status=Status.failed):
    """A verdict on a koan of which some tests passed."""
    results = [
        verdicts.TestResult(
            f"test_{i}", f"test {i}", Status.passed if i < passed else status, function="f", message="no"
        )
        for i in range(tests)
    ]
    return judge(koan, "x", results, "", Exit(finished=True), seconds=0.1, seed=7, output="")


def scheme_of(folder, text, extensions="", overrides=""):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "assignment.toml").write_text(text)
    if extensions:
        (folder / "extensions.csv").write_text(f"student,due,comment,by,at\n{extensions}")
    if overrides:
        (folder / "overrides.csv").write_text(f"student,koan,points,comment,by,at\n{overrides}")
    return read(folder, BOOK)


def marks_of(scheme, *grades):
    """The class, and the mark of each student by name."""
    found = marked(Class("c", 7, grades), [scheme], BOOK, Spool())
    return found, {one.submission: one.marks[0] for one in found.grades}


def mark(scheme, one):
    _, found = marks_of(scheme, one)
    return found[one.submission]


def handed_in(time, verdicts=PASSED, name="ada", **more):
    return grade(BOOK, name, verdicts, handed_in=time, student=name, **more)


def test_a_koan_earns_its_own_points_and_extra_credit_is_not_among_the_possible_ones(tmp_path):
    text = f'title = "Koans 1"\n{KOANS}extra_credit = ["dot"]\n[points]\nch06 = 1\nsoftmax = 3.5\nch07 = 2.25\n'
    found = mark(scheme_of(tmp_path, text), handed_in(""))
    assert (found.assignment, found.earned, found.points) == ("Koans 1", 6.75, 5.75)
    assert [(line.koan, line.points, line.earned, line.extra) for line in found.lines] == [
        (DOT, 1, 1, True),
        (SOFTMAX, 3.5, 3.5, False),
        (MASK, 2.25, 2.25, False),
    ]


@pytest.mark.parametrize(
    ("partial", "earned"),
    [
        ('"none"', 0),
        ('"tests"', 2.14),  # 3 * 5/7 = 2.142857
        ('{ "stabilize it" = "tests" }', 2.14),
        ('{ "stabilize it" = "50%" }', 1.5),
        ('{ "compute it" = "50%" }', 0),
    ],
)
def test_a_failed_koan_earns_partial_credit_by_its_tests_or_its_rung_where_the_instructor_wants_it(
    tmp_path, partial, earned
):
    assert BOOK.koans[SOFTMAX].rung == "stabilize it"
    scheme = scheme_of(tmp_path, f'koans = ["softmax"]\npartial = {partial}\n')
    assert mark(scheme, handed_in("", [partly(SOFTMAX, 5, 7)])).earned == earned
    for none in (partly(SOFTMAX, 0, 7), verdict(SOFTMAX, Status.broken), verdict(SOFTMAX, Status.not_started)):
        assert mark(scheme, handed_in("", [none])).earned == 0


@pytest.mark.parametrize(
    ("time", "days", "deducted", "earned"),
    [
        ("2026-11-20T23:59:00", 0, 0, 6),  # in the assignment's time zone
        ("2026-11-20T22:59:00+00:00", 0, 0, 6),
        ("2026-11-21T00:14:00", 0, 0, 6),  # the end of the grace
        ("2026-11-21T00:14:01", 1, 0.6, 5.4),
        ("2026-11-21T23:59:00", 1, 0.6, 5.4),  # 24 hours
        ("2026-11-21T23:59:01", 2, 1.2, 4.8),
        ("2026-11-26T12:00:00", 6, 3, 3),  # at most half
        ("2026-11-27T23:59:00", 7, 3, 3),
        ("2026-11-27T23:59:01", 8, 6, 0),  # closed
        ("2026-11-20T23:59:01+01:00", 0, 0, 6),
    ],
)
def test_each_day_that_began_takes_its_share_of_the_possible_points(tmp_path, time, days, deducted, earned):
    found = mark(scheme_of(tmp_path, KOANS + DUE + PER_DAY), handed_in(time))
    assert (found.days_late, found.deducted, found.earned, found.points) == (days, deducted, earned, 6)
    assert ("not accepted: handed in too late" in found.notes) == (earned == 0)


def test_days_are_24_hours_also_when_clocks_are_put_back(tmp_path):
    text = KOANS + 'time_zone = "Europe/Berlin"\ndue = 2026-10-24T23:59:00\n' + PER_DAY
    scheme = scheme_of(tmp_path, text)  # in the following night an hour is repeated
    assert mark(scheme, handed_in("2026-10-25T22:59:00")).days_late == 1
    assert mark(scheme, handed_in("2026-10-25T22:59:01")).days_late == 2


def test_a_time_of_hand_in_that_no_clock_showed_is_taken_as_it_is(tmp_path):
    text = KOANS + 'time_zone = "Europe/Berlin"\ndue = 2026-03-28T12:00:00\n' + PER_DAY
    assert mark(scheme_of(tmp_path, text), handed_in("2026-03-29T02:30:00")).days_late == 1


@pytest.mark.parametrize(
    ("rule", "earned"),
    [
        ('rule = "no penalty"', 6),
        ('rule = "not accepted"', 0),
        ('rule = "per day"\nper_day = 1.5', 3),
        ('rule = "per day"\nper_day = 1.5\nmost = 2', 4),
        ('rule = "per day"\nper_day = 4', 0),  # never below 0
    ],
)
def test_the_rule_decides_what_two_days_cost(tmp_path, rule, earned):
    found = mark(scheme_of(tmp_path, f"{KOANS}{DUE}[late]\n{rule}\n"), handed_in("2026-11-22T10:00:00"))
    assert (found.days_late, found.earned, found.deducted) == (2, earned, 6 - earned)


def test_the_commits_time_counts_where_no_other_is_known_and_a_note_says_so(tmp_path):
    scheme = scheme_of(tmp_path, KOANS + DUE + PER_DAY)
    found = mark(scheme, handed_in("", authored="2026-11-21T10:00:00+01:00"))
    assert (found.days_late, found.handed_in) == (1, "2026-11-21T10:00:00+01:00")
    assert found.notes == ("this is the time of the commit, by its author's clock",)
    unknown = mark(scheme, handed_in(""))
    assert (unknown.earned, unknown.notes) == (6, ("the time of hand-in is not known: counted as on time",))


def test_an_extension_moves_the_time_of_one_student_and_the_last_row_counts(tmp_path):
    rows = "ada,+1 day,ill,prof,2026-11-19\nada,2026-11-24,ill again,prof,2026-11-21\nzoe,+1 day,,prof,2026-11-19\n"
    scheme = scheme_of(tmp_path, KOANS + DUE + PER_DAY, extensions=rows)
    found, by_name = marks_of(scheme, handed_in("2026-11-24T23:59:59"), handed_in("2026-11-22T12:00:00", name="ben"))
    assert (by_name["ada"].earned, by_name["ada"].due) == (6, "2026-11-24T23:59:59+01:00")
    assert by_name["ada"].notes == ("extension by prof on 2026-11-21: ill again",)
    assert (by_name["ben"].earned, by_name["ben"].days_late) == (4.8, 2)
    assert found.notes == (f"{scheme.title}: extensions.csv:4: no student of this class is called zoe",)


def test_an_override_of_a_koan_counts_before_the_deduction_and_one_of_all_after_it(tmp_path):
    rows = "ada,softmax,2.5,half right,prof,2026-11-25\nben,,5.5,oral exam,prof,2026-11-25\n"
    scheme = scheme_of(tmp_path, KOANS + DUE + PER_DAY, overrides=rows)
    failed = [verdict(SOFTMAX, Status.failed), *PASSED[1:]]
    _, found = marks_of(scheme, handed_in("2026-11-21T10:00:00", failed), handed_in("2026-11-22", failed, name="ben"))
    assert (found["ada"].earned, found["ada"].deducted) == (4.9, 0.6)
    assert found["ada"].lines[1].comment == "override by prof on 2026-11-25: half right"
    assert found["ben"].earned == 5.5
    assert found["ben"].notes == ("5.5 points for all by prof on 2026-11-25: oral exam",)


def test_of_several_hand_ins_the_latest_or_the_best_counts_and_never_one_that_came_too_late(tmp_path):
    none = [verdict(koan, Status.failed) for koan in (SOFTMAX, MASK, DOT)]
    tries = [
        handed_in("2026-11-20T10:00:00", folder="one"),
        handed_in("2026-11-20T12:00:00", none, folder="two"),
        handed_in("2026-12-24T10:00:00", folder="three"),
    ]
    latest, best = (
        mark_of_several(scheme_of(tmp_path / way, f'counts = "{way}"\n{KOANS}{DUE}{PER_DAY}'), tries)
        for way in ("latest", "best")
    )
    assert (latest.earned, latest.handed_in) == (0, "2026-11-20T12:00:00+01:00")
    assert (best.earned, best.handed_in) == (6, "2026-11-20T10:00:00+01:00")
    assert latest.notes == ("the latest of 3 hand-ins counts",)


def test_a_file_that_has_only_the_hand_in_that_counted_says_so_when_marks_are_computed_anew(tmp_path):
    scheme = scheme_of(tmp_path, KOANS + DUE)
    tries = [handed_in("2026-11-20T10:00:00", folder="one"), handed_in("2026-11-20T12:00:00", folder="two")]
    found, _ = marks_of(scheme, *tries)
    assert found.notes == ()
    again, _ = marks_of(scheme, *found.grades)
    (note,) = again.notes
    assert "these results have not all hand-ins of 1 student, and another may count now" in note


def mark_of_several(scheme, tries):
    found, _ = marks_of(scheme, *tries)
    (one,) = found.grades
    return one.marks[0]


def test_work_of_one_member_counts_for_the_group_and_each_has_own_dates(tmp_path):
    text = f'{KOANS}{DUE}{PER_DAY}[groups]\nred = ["ada", "ben", "cyd"]\n'
    rows = "ben,+3 days,,prof,2026-11-19\n"
    nothing = grade(BOOK, "ben", [], student="ben", problem="nothing handed in")
    found, by_name = marks_of(scheme_of(tmp_path, text, extensions=rows), handed_in("2026-11-21T10:00:00"), nothing)
    assert {name: (one.earned, one.days_late) for name, one in by_name.items()} == {
        "ada": (5.4, 1),
        "ben": (6, 0),
        "cyd": (5.4, 1),
    }
    assert "handed in by ada, for the group" in by_name["ben"].notes
    assert len({one.id for one in found.grades}) == 3
    assert [one.student for one in found.grades] == ["ada", "ben", "cyd"]


def test_who_leaves_a_group_has_only_their_own_work_when_marks_are_computed_anew(tmp_path):
    """A file of results has the work for each member of a group. For those who did not hand it in, it is not theirs."""
    members = scheme_of(tmp_path / "all", f'{KOANS}{DUE}[groups]\nred = ["ada", "ben", "cyd"]\n')
    ben = grade(BOOK, "Ben", [], student="ben", problem="nothing handed in")
    found, _ = marks_of(members, handed_in("2026-11-19T10:00:00"), ben)
    file = tmp_path / "class.json"
    file.write_text("".join(as_json.classroom(identified(found))))
    results = together("c", [Found("class.json", read_json.read(file))])
    again = marked(results, [members], BOOK, Spool())
    assert {g.submission: (g.student, g.handed_in_by, g.marks[0].earned) for g in again.grades} == {
        "ada": ("ada", "", 6),
        "Ben": ("ben", "ada", 6),
        "cyd": ("cyd", "ada", 6),
    }
    assert {g.marks[0].notes for g in again.grades if g.handed_in_by} == {("handed in by ada, for the group",)}
    left = scheme_of(tmp_path / "left", f'{KOANS}{DUE}[groups]\nred = ["ada", "cyd"]\n')
    says = {g.submission: (g.problem, g.marks[0].earned) for g in marked(results, [left], BOOK, Spool()).grades}
    assert says == {"ada": ("", 6), "Ben": ("nothing handed in", 0), "cyd": ("", 6)}


def test_a_member_who_is_in_no_list_has_handed_in_nothing_for_an_assignment_without_the_group(tmp_path):
    one = scheme_of(tmp_path / "one", f'title = "One"\n{KOANS}[groups]\nred = ["ada", "cyd"]\n')
    two = scheme_of(tmp_path / "two", f'title = "Two"\n{KOANS}')
    found = marked(Class("c", 7, (handed_in("2026-11-19T10:00:00"),)), [one, two], BOOK, Spool())
    says = {g.student: [(mark.earned, mark.missing) for mark in g.marks] for g in found.grades}
    assert says == {"ada": [(6, False), (6, False)], "cyd": [(6, False), (0, True)]}


def test_each_of_several_assignments_keeps_the_time_of_its_hand_in_when_marks_are_computed_anew(tmp_path):
    rule = '[late]\nrule = "not accepted"\n'
    schemes = [
        scheme_of(tmp_path / "one", f'title = "One"\nkoans = ["softmax"]\ndue = 2026-11-20\n{rule}'),
        scheme_of(tmp_path / "two", f'title = "Two"\nkoans = ["causal_mask"]\ndue = 2026-12-20\n{rule}'),
    ]
    work = [handed_in("2026-11-20T10:00:00"), handed_in("2026-12-10T10:00:00")]
    found = marked(Class("c", 7, tuple(work)), schemes, BOOK, Spool())
    file = tmp_path / "class.json"
    file.write_text("".join(as_json.classroom(identified(found))))
    results = together("c", [Found("class.json", read_json.read(file))])
    again = marked(results, schemes, BOOK, Spool())
    assert [mark.earned for mark in found.grades[0].marks] == [3, 2]
    assert [mark.earned for mark in again.grades[0].marks] == [3, 2]
    assert [m.handed_in for m in again.grades[0].marks] == [m.handed_in for m in found.grades[0].marks]


def test_the_best_of_several_hand_ins_is_shown_also_if_all_points_are_overridden(tmp_path):
    scheme = scheme_of(tmp_path, f'counts = "best"\n{KOANS}{DUE}', overrides="ada,,5,oral exam,prof,2026-11-25\n")
    worse = handed_in("2026-11-18T10:00:00", [verdict(SOFTMAX, Status.failed)])
    mark = mark_of_several(scheme, [worse, handed_in("2026-11-19T10:00:00")])
    assert (mark.earned, sum(line.earned for line in mark.lines)) == (5, 6)


def test_an_assignment_that_closes_before_the_grace_ends_is_an_error(tmp_path):
    says = "late.closes: 1 h is less than the grace of 2 h"
    with pytest.raises(KoansError, match=says):
        scheme_of(tmp_path, f'{DUE}[late]\ngrace = "2 h"\ncloses = "1 h"\n')


def test_canvas_gets_points_that_an_instructor_gave_for_nothing_and_keeps_other_cells(tmp_path):
    rows = "ada,softmax,1.5,on paper,prof,2026-11-25\nben,,0,copied,prof,2026-11-25\n"
    names = ("ada", "ben", "cyd")
    class_ = [grade(BOOK, name, [], student=name, problem="nothing handed in") for name in names]
    found, by_name = marks_of(scheme_of(tmp_path, KOANS, overrides=rows), *class_)
    assert [by_name[name].missing for name in names] == [False, False, True]
    export = "Student,ID,Section,Koans\n" + "".join(f"{name},{name},A,9\n" for name in names)
    text = canvas.merge(export, found, "Koans").text
    assert text.splitlines()[1:] == ["ada,ada,A,1.5", "ben,ben,A,0", "cyd,cyd,A,9"]


def test_a_row_never_reaches_a_student_who_only_chose_somebodys_id_as_a_name(tmp_path):
    rows = "ada,,6,,prof,2026-11-25\n"
    none = [verdict(koan, Status.failed) for koan in (SOFTMAX, MASK, DOT)]
    scheme = scheme_of(tmp_path, KOANS, overrides=rows)
    real = grade(BOOK, "Ada L", none, student="ada")
    thief = grade(BOOK, "ada", none, student="eve")
    _, found = marks_of(scheme, real, thief)
    assert (found["Ada L"].earned, found["ada"].earned) == (6, 0)
    twins = [grade(BOOK, "ada", none, folder=place) for place in ("one", "two")]
    results, _ = marks_of(scheme, *twins)
    assert [one.marks[0].earned for one in results.grades] == [0, 0]
    assert "2 students of this class are called ada" in results.notes[0]


def test_a_koan_without_a_verdict_says_so_and_other_koans_are_left_out(tmp_path):
    scheme = scheme_of(tmp_path, 'koans = ["softmax", "causal_mask"]\n')
    found, by_name = marks_of(scheme, handed_in("", [PASSED[0], PASSED[2]]))
    (one,) = found.grades
    assert [(k.verdict.koan, k.verdict.status) for k in one.koans] == [
        (SOFTMAX, Status.passed),
        (MASK, Status.not_run_here),
    ]
    assert by_name["ada"].lines[1].comment == "these results have no verdict on it"
    assert (by_name["ada"].earned, by_name["ada"].points) == (3, 5)


def test_marks_survive_a_file_of_results_and_can_be_computed_anew_from_it(tmp_path):
    scheme = scheme_of(tmp_path, KOANS + DUE + PER_DAY, overrides="ada,dot,0,,prof,2026-11-25\n")
    found, _ = marks_of(scheme, handed_in("2026-11-21T10:00:00", [partly(SOFTMAX, 5, 7), *PASSED[1:]]))
    file = tmp_path / "class.json"
    file.write_text("".join(as_json.classroom(identified(found))))
    back = read_json.read(file)
    assert back.grades[0].marks == found.grades[0].marks
    later = scheme_of(tmp_path / "later", f'{KOANS}partial = "tests"\n{DUE}'.replace("11-20", "11-30"))
    again, _ = marks_of(later, *back.grades)
    assert again.grades[0].marks[0].earned == 5.14  # 3 * 5/7, and the other koans


def test_several_assignments_of_a_student_are_added_up_and_files_of_each_are_put_together(tmp_path):
    one = scheme_of(tmp_path / "one", f'title = "One"\nkoans = ["softmax"]\n{DUE}')
    two = scheme_of(tmp_path / "two", 'title = "Two"\nkoans = ["causal_mask", "dot"]\n')
    work = handed_in("2026-11-20T10:00:00")
    both = marked(Class("c", 7, (work,)), [one, two], BOOK, Spool())
    assert total(both.grades[0]) == (6, 6)
    assert [row.name for row in rows(both.grades[0])] == [f"One: {SOFTMAX}", f"Two: {DOT}", f"Two: {MASK}"]
    apart = [marked(Class("c", 7, (work,)), [scheme], BOOK, Spool()) for scheme in (one, two)]
    together = combine("c", [Found(f"{i}.json", results) for i, results in enumerate(apart)])
    assert [[m.assignment for m in grade.marks] for grade in together.grades] == [["Two", "One"]]
    assert total(together.grades[0]) == (6, 6)
    assert {k.verdict.koan for k in together.grades[0].koans} == {SOFTMAX, MASK, DOT}


def test_an_autograder_gets_the_mark_and_the_reason(tmp_path):
    scheme = scheme_of(tmp_path, f'title = "Koans 1"\n{KOANS}extra_credit = ["dot"]\n{DUE}{PER_DAY}')
    found, _ = marks_of(scheme, handed_in("2026-11-22T10:00:00"))
    results = json.loads(PER_SUBMISSION["gradescope"][1](found.grades[0], Options()))
    assert results["score"] == 5
    assert [(test["name"], test["score"], test["max_score"]) for test in results["tests"]] == [
        (DOT, 1, 0),
        (SOFTMAX, 3, 3),
        (MASK, 2, 2),
    ]
    assert "Koans 1: 2 days late: 1 points deducted" in results["output"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('koans = ["sofmax"]', "koans: no koan is called 'sofmax'"),
        ('koans = ["ch06"]\nextra_credit = ["dot"]', "extra_credit: 'dot' is not among the koans"),
        ('koans = ["ch06"]\n[points]\ndot = 1', "points: 'dot' is not among the koans"),
        ("[points]\ndot = 1.005", "points.dot: 1.005 has more than two decimals"),
        ("[points]\ndot = -1", "points.dot: -1.0 is not a number of points"),
        ('partial = "some"', "partial: 'some' is not none or tests, nor a table"),
        ('partial = { "do it" = "tests" }', "partial: 'do it' is not a rung"),
        ('partial = { "fuse it" = "150%" }', "partial.fuse it: '150%' is not a share"),
        ('time_zone = "Berlin"', "time_zone: 'Berlin' is not a time zone"),
        ('due = "tomorrow"', "due: 'tomorrow' is not a time"),
        ("due = 2026-01-01\nopens = 2026-01-02", "opens: it opens after it is due"),
        ('time_zone = "Europe/Berlin"\ndue = 2026-03-29T02:30:00', "does not exist in Europe/Berlin"),
        ('[late]\nrule = "per day"', 'late.per_day: the rule "per day" needs it'),
        ('[late]\nper_day = "10%"', 'late.per_day: it needs rule = "per day"'),
        ('[late]\ngrace = "soon"', "late.grace: 'soon' is not a length of time"),
        ('[late]\nrule = "never"', "Invalid enum value 'never'"),
        ('[groups]\na = ["x"]\nb = ["X "]', "groups: X  is in a and in b"),
        ('title = "two\\nlines"', "title: one line"),
    ],
)
def test_a_mistake_in_an_assignment_is_named(tmp_path, text, says):
    with pytest.raises(KoansError) as error:
        scheme_of(tmp_path, f"{text}\n")
    assert says in str(error.value) and str(tmp_path / "assignment.toml") in str(error.value)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("ada,soon,,prof,now\n", "extensions.csv:2: 'soon' is not a time"),
        ("ada,+3 dys,,prof,now\n", "'3 dys' is not a length of time"),
        ("ada,2026-03-29T02:30:00,,prof,now\n", "extensions.csv:2: 2026-03-29T02:30:00 does not exist"),
        ("ada,+3 days,,,now\n", "the cell 'by' is empty"),
        (",+3 days,,prof,now\n", "the cell 'student' is empty"),
        ('ada,"+3 days,,prof,now\n', "cannot be read as CSV"),
    ],
)
def test_a_mistake_in_a_row_is_named_with_its_line(tmp_path, rows, says):
    with pytest.raises(KoansError) as error:
        scheme_of(tmp_path, KOANS + DUE, extensions=rows)
    assert says in str(error.value)


def test_seeds_follow_from_the_secret_and_differ_between_students_if_the_assignment_says_so(tmp_path):
    scheme = scheme_of(tmp_path / "class", KOANS)
    assert seeding([scheme]) is None
    new_secret(tmp_path / "class" / "secret")
    scheme = read(tmp_path / "class", BOOK)
    assert seeding([scheme]) == derived(scheme.secret) >= 2**31
    assert koans_of([scheme]) == {SOFTMAX, MASK, DOT}
    own = scheme_of(tmp_path / "class", f'seeds = "student"\n{KOANS}')
    seed = seeding([own])
    ada, ben, again = (seed(handed_in("", name=name)) for name in ("ada", "ben", "ada"))
    assert ada == again != ben
    assert len({ada, ben, derived(scheme.secret)}) == 3
    with pytest.raises(KoansError, match="needs a file secret"):
        seeding([scheme_of(tmp_path / "none", f'seeds = "student"\n{KOANS}')])
    (tmp_path / "class" / "secret").write_text("abc")
    with pytest.raises(KoansError, match="is not a secret of 64 digits"):
        read(tmp_path / "class", BOOK)


def test_the_largest_class_and_every_koan_stay_within_the_room_of_a_file(tmp_path):
    scheme = scheme_of(tmp_path, DUE)
    work = [
        handed_in("2026-11-20T10:00:00", [verdict(koan, Status.passed) for koan in BOOK.koans], name=f"s{i}")
        for i in range(20)
    ]
    found, _ = marks_of(scheme, *work)
    size = len("".join(as_json.classroom(identified(found))))
    assert size <= 20_000 * 20
    assert msgspec.json.decode("".join(as_json.classroom(identified(found))))["grades"][0]["marks"][0]["earned"] == sum(
        koan.points for koan in BOOK.koans.values()
    )
