"""`koans grade --assignment` and `koans report --assignment` on real submissions."""

import csv
import json

import pytest

from grader.book.stubs import strip_markers
from grader.course.seeds import new_secret

TEXT = 'title = "Koans 1"\nkoans = ["causal_mask", "scores"]\ntime_zone = "UTC"\ndue = 2026-11-20T12:00:00\n'
LATE = '[late]\nrule = "per day"\nper_day = 0.5\n'
GRADEBOOK = "Student,ID,Section\n    Points Possible,,\nLovelace,1,a\nBabbage,2,a\n"


@pytest.fixture
def course(small, tmp_path):
    """Two students on a roster, an assignment, and the commands."""
    for student, koans in (("ada", ("causal_mask", "scores", "exp_overflow")), ("ben", ("causal_mask",))):
        for name in koans:
            koan = small.workbook.koan(name)
            file = tmp_path / "forks" / student / "exercises" / f"{koan.id}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(strip_markers(small.workbook.solution(koan).read_text()))
    (tmp_path / "roster.csv").write_text(
        "student,id,path,handed in\nLovelace,1,forks/ada,2026-11-21 13:00\nBabbage,2,forks/ben,2026-11-20 11:00\n"
    )
    folder = tmp_path / "koans-1"
    folder.mkdir()
    (folder / "assignment.toml").write_text(TEXT + LATE)
    return folder


def graded(play, folder, *more):
    run = play.says(
        "grade", str(folder.parent / "roster.csv"), "--assignment", str(folder), "--format", "json=-", *more
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout), run.stderr


def marks(found):
    return {grade["submission"]: [mark["earned"] for mark in grade["marks"]] for grade in found["grades"]}


def test_only_the_koans_of_the_assignment_are_graded_and_late_work_loses_points(small, course):
    found, _ = graded(small, course, "--seed", "5")
    assert sorted(koan for koan, *_ in found["koans"]) == ["ch07_attention/causal_mask", "ch07_attention/scores"]
    worth = {koan: points for koan, _, points, *_ in found["koans"]}
    assert marks(found) == {
        "Lovelace": [sum(worth.values()) - 1],  # 25 hours are two days
        "Babbage": [worth["ch07_attention/causal_mask"]],
    }


def test_a_koan_that_an_answer_imports_is_graded_too_and_has_no_points(small, course):
    (course / "assignment.toml").write_text('koans = ["causal_mask"]\n')
    file = course.parent / "forks" / "ben" / "exercises" / "ch07_attention" / "causal_mask.py"
    file.write_text("from exercises.ch07_attention.scores import scores\n" + file.read_text())
    found, _ = graded(small, course, "--seed", "5")
    ben = next(grade for grade in found["grades"] if grade["submission"] == "Babbage")
    names = [koan for koan, *_ in found["koans"]]
    assert [names[row[0]] for row in ben["koans"]] == ["ch07_attention/causal_mask"]
    assert "it imports ch07_attention/scores, which has not passed" in json.dumps(ben)


def test_a_changed_date_regrades_nothing_and_the_same_secret_repeats_the_grading(small, course):
    small.says("assignment", "extend", str(course), "1", "+1 day", "--workbook", str(small.root))
    new_secret(course / "secret")
    found, said = graded(small, course)
    assert "--seed" not in said
    cached = sorted((small.root / ".koans" / "verdicts").rglob("*"))
    assert found["grades"][1]["marks"][0]["deducted"] == 0.5  # an hour more than the extension
    (course / "assignment.toml").write_text(TEXT.replace("11-20", "12-20") + LATE)
    again, _ = graded(small, course)
    assert "deducted" not in again["grades"][1]["marks"][0]
    assert [grade["koans"] for grade in again["grades"]] == [grade["koans"] for grade in found["grades"]]
    assert sorted((small.root / ".koans" / "verdicts").rglob("*")) == cached


def test_each_student_has_a_seed_and_a_digest_of_it_and_results_repeat(small, course):
    new_secret(course / "secret")
    (course / "assignment.toml").write_text(f'seeds = "student"\n{TEXT}')
    found, _ = graded(small, course)
    digests = [grade["seed_digest"] for grade in found["grades"]]
    assert len(set(digests)) == 2 and found["seed_digest"] == ""
    again, _ = graded(small, course, "--again")
    assert [grade["seed_digest"] for grade in again["grades"]] == digests
    (course / "secret").write_text("ab" * 32)
    other, _ = graded(small, course)
    assert [grade["seed_digest"] for grade in other["grades"]] != digests


def test_reports_are_computed_anew_from_a_file_of_results(small, course, tmp_path):
    whole, file = tmp_path / "class.json", tmp_path / "later.json"
    small.says("grade", str(tmp_path / "roster.csv"), "--seed", "5", "--format", f"json={whole}")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "assignment.toml").write_text('title = "Koans 2"\nkoans = ["exp_overflow"]\n')
    (tmp_path / "export.csv").write_text(GRADEBOOK)
    both = ("--assignment", str(course), "--assignment", str(tmp_path / "two"), "--workbook", str(small.root))
    canvas = tmp_path / "import.csv"
    run = small.says(
        *("report", str(whole), *both, "--format", f"json={file}"),
        *("--format", f"canvas={canvas}", "--gradebook", str(tmp_path / "export.csv")),
    )
    assert run.returncode == 0, run.stderr
    assert [len(of) for of in marks(json.loads(file.read_text())).values()] == [2, 2]
    header, possible, ada, ben = csv.reader(canvas.read_text().splitlines())
    points = {koan.name: koan.points for koan in small.workbook.koans.values()}
    first = points["causal_mask"] + points["scores"]
    assert header[3:] == ["Koans 1", "Koans 2"]
    assert possible[3:] == [str(first), str(points["exp_overflow"])]
    assert (ada[3:], ben[3:]) == ([str(first - 1), str(points["exp_overflow"])], [str(points["causal_mask"]), "0"])


def test_the_screen_shows_points_and_days_late_and_a_wrong_place_is_one_line(small, course):
    run = small.says("grade", str(course.parent / "roster.csv"), "--assignment", str(course), "--seed", "5")
    line = next(line for line in run.stdout.splitlines() if line.startswith("Lovelace"))
    assert line.endswith("2 days late")
    run = small.says("grade", str(course.parent / "roster.csv"), "--assignment", "Koans 1")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "koans: Koans 1: is no folder of an assignment, and no file of one\n"
    run = small.says("grade", str(small.root), "--assignment", str(course), "--feedback")
    assert run.returncode == 2 and "--feedback is no grade" in run.stderr
