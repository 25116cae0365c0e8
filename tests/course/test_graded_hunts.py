"""Hunts in a class: the planted text is not started, whatever its comments, and a repair is judged as at home."""

import json

from grader.book.stubs import strip_markers, stub_of

NAME = "ch07_attention/hunt_growing"


def test_hunts_are_graded_with_their_planted_text_as_the_stub(small, tmp_path):
    assert small.says("new", NAME, "--hunt").returncode == 0
    koan = small.workbook.koan(NAME)
    planted = stub_of(small.workbook, koan)
    answers = {
        "as_given": planted,
        "commented": planted.replace("    losses = []", "    # what grows here?\n\n    losses = []"),
        "elsewhere": planted.replace("losses = []", "losses: list[float] = []"),
        "mended": strip_markers(small.workbook.solution(koan).read_text()),
    }
    for student, text in answers.items():
        file = tmp_path / "class" / student / "exercises" / f"{NAME}.py"
        file.parent.mkdir(parents=True)
        file.write_text(text)
    run = small.says("grade", str(tmp_path / "class"), "--format", "json=-", "--seed", "3")
    assert run.returncode == 0, run.stderr
    data = json.loads(run.stdout)
    position = [koan for koan, *_ in data["koans"]].index(NAME)
    statuses = {
        grade["submission"]: next(row[1] for row in grade["koans"] if row[0] == position) for grade in data["grades"]
    }
    assert statuses == {
        "as_given": "not started",
        "commented": "not started",
        "elsewhere": "failed",
        "mended": "passed",
    }
