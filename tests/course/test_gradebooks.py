"""The plain gradebook, and Moodle's grading worksheet: whose row is whose, what is written, and what is kept.

The worksheets have the columns that Moodle's mod/assign/gradingtable.php writes.
"""

import csv
import io
import json
import random
import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.book.errors import KoansError
from grader.book.points import amount
from grader.book.workbook import Workbook
from grader.course.grade import Class
from grader.course.mark import Line, Mark
from grader.course.report import as_json, classroom50, formats, gradebook, moodle
from grader.course.students import NOTHING_HANDED_IN
from tests.classes import a_class, a_hostile_class, grade
from tests.conftest import ROOT
from tests.course.test_reports import CONTRACT, ENVIRONMENT

BOOK = Workbook(ROOT)
POINTS = sum(koan.points for koan in BOOK.koans.values())
HEADER = (
    'Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed",'
    '"Last modified (submission)","Last modified (grade)","Feedback comments"'
)
NEVER = '-,"Friday, 20 November 2026, 10:11 PM"'
WORKSHEET = "\n".join(
    [
        HEADER,
        f'"Participant 7","Ada Lovelace",ada@uni.example,"Submitted for grading",,{POINTS}.00,Yes,{NEVER},',
        f'"Participant 8","Ben Blum",ben@uni.example,"No submission",3.00,{POINTS}.00,Yes,{NEVER},"see me"',
        f'"Participant 9","Tom Twin",tom1@uni.example,"",,{POINTS}.00,No,{NEVER},',
        f'"Participant 10","Tom Twin",tom2@uni.example,"",,{POINTS}.00,Yes,{NEVER},',
        f'"Participant 11","=1+1",eve@uni.example,"@SUM(1)",-1.50,{POINTS}.00,Yes,{NEVER},"=HYPERLINK(""x"")"',
        "",
    ]
)


def a_grade(name: str, points: int = 2, **more):
    """A grade that earns points for so many koans."""
    koans = a_class(BOOK).grades[0].koans[:points]
    return grade(BOOK, name, [], koans=koans, earned=sum(koan.earned for koan in koans), **more)


def rows(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def merge(*grades, worksheet: str = WORKSHEET):
    return moodle.merge(worksheet, Class("C", 7, grades))


def given_to(merged) -> dict[str, str]:
    """The points by the identifier's number."""
    return {row[0].split()[1]: row[4] for row in rows(merged.text)[1:] if row}


def earned(one) -> str:
    return str(one.earned)


# The plain gradebook


def test_a_plain_gradebook_has_a_row_for_each_student_with_points_and_what_to_look_at():
    results = Class(
        "C",
        7,
        (
            a_grade("Ada", student="u1", handed_in="2026-11-21T20:05:00Z", notes=("3 files do not match", "late")),
            grade(BOOK, "Dan", [], earned=0, problem=NOTHING_HANDED_IN, student="u2"),
        ),
    )
    text = "".join(gradebook.gradebook(results))
    assert text.splitlines(keepends=True)[0] == "student,name,total,possible,handed in,problem,notes\n"
    ada, dan = rows(text)[1:]
    assert ada == [
        "u1",
        "Ada",
        earned(results.grades[0]),
        "2",
        "2026-11-21T20:05:00Z",
        "",
        "3 files do not match; late",
    ]
    assert dan == ["u2", "Dan", "0", str(POINTS), "", NOTHING_HANDED_IN, ""]


def test_a_plain_gradebook_has_no_formula_and_one_line_for_each_student():
    results = a_hostile_class(BOOK)
    text = "".join(gradebook.gradebook(results))
    found = rows(text)
    assert len(found) == len(results.grades) + 1 == text.count("\n")
    for row in found:
        assert len(row) == 7
        assert not any(re.match(r"\s*[=+\-@\t\r]", cell) for cell in row), row
        assert all(cell.isprintable() for cell in row)


@pytest.mark.parametrize(
    ("points", "text"), [(7, "7"), (7.5, "7.5"), (7.25, "7.25"), (0, "0"), (10.0, "10"), (1 / 3, "0.33")]
)
def test_points_have_at_most_two_decimals(points, text):
    assert amount(points) == text


# Moodle's worksheet


def test_moodle_gets_points_and_a_line_and_keeps_all_other_cells():
    ada, ben = a_grade("Ada Lovelace"), a_grade("whoever", 3, student="ben@uni.example")
    merged = merge(ada, ben)
    before, after = rows(WORKSHEET), rows(merged.text)
    assert after[0] == before[0] and after[3:5] == before[3:5]
    assert after[1] == [*before[1][:4], earned(ada), *before[1][5:9], f"{earned(ada)} of {earned(ada)} points"]
    assert after[2] == [*before[2][:4], earned(ben), *before[2][5:]], "a comment that is there stays"
    assert merged.notes == (
        f"Moodle has {POINTS}.00 possible points, but the koans have {earned(ben)}: nothing was scaled",
    )


def test_moodle_gets_no_formula_and_signed_numbers_stay():
    eve = rows(merge().text)[5]
    assert eve[1:5] == ["'=1+1", "eve@uni.example", "'@SUM(1)", "-1.50"] and eve[9] == '\'=HYPERLINK("x")'
    merged = moodle.merge(WORKSHEET, a_hostile_class(BOOK))
    assert [row[4] for row in rows(merged.text)[1:]] == [row[4] for row in rows(WORKSHEET)[1:]]
    assert len(merged.notes) >= len(a_hostile_class(BOOK).grades)
    assert all(note.isprintable() for note in merged.notes)


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("Ada Lovelace", "7"),  # a folder of Moodle's download
        ("Participant 7", "7"),  # the same, where students are anonymous
        ("Participant 7", ""),
        ("ada", ""),
        ("ADA@uni.example", ""),
        ("x", "Ada@Uni.example"),
        ("x", "participant 7"),
    ],
)
def test_moodle_finds_a_student_by_identifier_address_or_name(name, student):
    merged = merge(a_grade(name, student=student))
    assert given_to(merged)["7"] != "" and len(merged.notes) == 1


@pytest.mark.parametrize(
    ("name", "student", "says"),
    [
        ("Bob Bell", "7", "left out, Participant 7 is called Ada Lovelace in the worksheet"),
        ("7", "", "left out, Participant 7 is called Ada Lovelace in the worksheet"),
        ("Ada Lovelace", "u999", "no student with the id u999 in the gradebook"),
        ("Tom Twin", "", "several students of this name in the gradebook"),
        ("nobody", "", "no student of this name in the gradebook"),
    ],
)
def test_moodle_guesses_at_nobody(name, student, says):
    merged = merge(a_grade(name, student=student))
    assert rows(merged.text)[1:5] == rows(WORKSHEET)[1:5]
    assert merged.notes[0] == f"{name}: {says}"


def test_two_submissions_of_one_row_of_moodle_are_both_left_out_unless_one_is_known():
    one, other = a_grade("Ada Lovelace"), a_grade("ada", 5)
    merged = merge(one, other)
    assert given_to(merged)["7"] == ""
    assert merged.notes[:2] == (
        "Ada Lovelace: left out, ada belongs to the same student",
        "ada: left out, Ada Lovelace belongs to the same student",
    )
    known = a_grade("ada", 5, student="ada@uni.example")
    assert given_to(merge(one, known))["7"] == earned(known)


CLAIMS = ["Ada Lovelace", "ada", "7", "Participant 7", "Ben Blum", "Tom Twin", "tom1", "nobody", "Participant 10"]


@given(
    st.lists(
        st.tuples(st.sampled_from(CLAIMS), st.sampled_from(["", "", "7", "8", "ada@uni.example", "z"])), max_size=7
    ),
    st.integers(0, 1000),
)
def test_the_order_of_submissions_does_not_matter_to_moodle(claims, order):
    grades = [a_grade(name, i + 1, student=student, id=f"s{i}") for i, (name, student) in enumerate(claims)]
    shuffled = random.Random(order).sample(grades, len(grades))
    assert merge(*grades).text == merge(*shuffled).text


def test_what_moodle_will_not_take_is_said():
    tight = WORKSHEET.replace(f",{POINTS}.00,", ",2.00,")
    tom = a_grade("tom1", 4)
    merged = merge(tom, a_grade("dan", problem=NOTHING_HANDED_IN), worksheet=tight)
    assert given_to(merged)["9"] == earned(tom) and tom.earned > 2
    assert merged.notes == (
        f"tom1: {earned(tom)} points, but Moodle takes at most 2",
        "tom1: Moodle says that this grade cannot be changed, so it will ignore the points",
        f"dan: left out, {NOTHING_HANDED_IN}",
        f"Moodle has 2.00 possible points, but the koans have {POINTS}: nothing was scaled",
    )


def test_moodle_keeps_semicolons_marks_line_ends_and_the_decimal_comma():
    sheet = '\ufeffIdentifier;Full name;Grade;Maximum grade\r\nParticipant 7;Ada;;"10,00"\r\n\r\nParticipant 8;Ben\r\n'
    merged = moodle.merge(sheet, Class("C", 7, (a_grade("Ada"),)))
    points = earned(a_grade("Ada"))
    assert merged.text == (
        f"\ufeffIdentifier;Full name;Grade;Maximum grade\r\nParticipant 7;Ada;{points};10,00\r\n\r\nParticipant 8;Ben;;\r\n"
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,points\nada,1\n", "not a grading worksheet of Moodle"),
        ("", "not a grading worksheet of Moodle"),
        ("Identifiant,Nom complet,Note\nParticipant 7,Ada,\n", "choose English there"),
        ("Identifier,Full name,Grade,Scale\nParticipant 7,Ada,,A B C\n", "graded with a scale"),
        ("Identifier,Grade\n" + "x" * 200_000 + ",\n", "cannot be read as a CSV file"),
    ],
)
def test_what_is_no_worksheet_is_said_before_grading(tmp_path, text, says):
    (tmp_path / "sheet.csv").write_text(text, encoding="utf-8")
    options = formats.Options(tmp_path / "sheet.csv")
    with pytest.raises(KoansError, match=says):
        formats.check([formats.parse("moodle=-")], 1, options)
    with pytest.raises(KoansError, match="needs --gradebook, the grading worksheet that Moodle exports"):
        formats.check([formats.parse("moodle=-")], 1, formats.Options())


def test_the_command_writes_both(play, tmp_path):
    results = Class("C", 7, (a_grade("Ada Lovelace"),))
    (tmp_path / "class.json").write_text("".join(as_json.classroom(results)))
    (tmp_path / "sheet.csv").write_text(WORKSHEET)
    wanted = [f"--format=moodle={tmp_path / 'import.csv'}", f"--format=csv={tmp_path / 'plain.csv'}"]
    run = play.says("report", str(tmp_path / "class.json"), "--gradebook", str(tmp_path / "sheet.csv"), *wanted)
    assert run.returncode == 0, run.stderr
    points = earned(results.grades[0])
    assert rows((tmp_path / "import.csv").read_text())[1][4] == points
    assert rows((tmp_path / "plain.csv").read_text())[1][:4] == ["", "Ada Lovelace", points, points]
    assert f"{tmp_path / 'import.csv'}: Moodle has {POINTS}.00 possible points" in run.stderr


# Under assignments

FIRST = Mark("Koans 1", 7.5, 10, handed_in="2026-11-21T20:05:00Z", days_late=2, deducted=1.5, notes=("extension",))
SECOND = Mark("=Koans 2", 4, 4, days_late=1)


def test_a_plain_gradebook_has_a_column_for_each_assignment():
    both, one = a_grade("Ada", marks=(FIRST, SECOND), notes=("look",)), a_grade("Ben", marks=(SECOND,), handed_in="t")
    header, ada, ben = rows("".join(gradebook.gradebook(Class("C", 7, (both, one)))))
    titles = ["Koans 1", "'=Koans 2", "total", "possible", "days late", "handed in", "problem", "notes"]
    assert header == ["student", "name", *titles]
    assert ada[2:] == ["7.5", "4", "11.5", "14", "3", "2026-11-21T20:05:00Z", "", "extension; look"]
    assert ben[2:] == ["", "4", "4", "4", "1", "t", "", ""]


def test_moodle_gets_the_points_of_the_assignment_with_the_decimal_sign_of_its_language():
    ada = a_grade("Ada Lovelace", marks=(FIRST,))
    assert rows(merge(ada).text)[1][4] == "7.5"
    with_commas = WORKSHEET.replace(f",{POINTS}.00,", ',"10,00",')
    merged = merge(ada, worksheet=with_commas)
    row = rows(merged.text)[1]
    assert (row[4], row[9], merged.notes) == ("7,5", "7.5 of 10 points; 2 days late", ())


def test_classroom50_has_whole_points_and_none_above_its_maximum():
    koans = a_class(BOOK).grades[0].koans[:3]
    first, second, third = (koan.verdict.koan for koan in koans)
    lines = (Line(first, 2.5, 1.25), Line(second, 3, 3), Line(third, 2, 2, extra=True))
    ada = grade(BOOK, "ada", [], koans=koans, marks=(Mark("Koans 1", 6.25, 5.5, lines),))
    result = json.loads(classroom50.result(ada, ENVIRONMENT))
    jsonschema.validate(result, CONTRACT)
    assert (result["score"], result["max-score"]) == (6, 6)
    told = [(test["score"], test["max-score"], test["points"]) for test in result["tests"]]
    assert told == [(1, 3, "1.25 of 2.5"), (3, 3, "3 of 3"), (0, 0, "2 of 2 (extra credit)")]
