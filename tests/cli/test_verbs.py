"""Verbs that few people call: what they print and write."""

import json
import sys

import pytest

from grader.author import gate
from tests.classes import a_class


def test_stubs_writes_what_is_missing_leaves_what_differs_and_overwrites_only_when_told(play):
    gone, edited = (play.workbook.exercise(play.workbook.koan(name)) for name in ("dot", "l2_norm"))
    stub = gone.read_text()
    gone.unlink()
    edited.write_text("mine = 1\n")

    first = play.says("stubs", env={"COLUMNS": "100"})
    assert first.stdout.splitlines() == [
        "exercises/ch01_tensors/l2_norm.py differs from its stub: not changed (--overwrite replaces it)",
        "exercises/ch01_tensors/dot.py written",
    ]
    assert (first.returncode, gone.read_text(), edited.read_text()) == (0, stub, "mine = 1\n")

    second = " ".join(play.says("stubs", "--overwrite").stdout.split())
    place = second.removeprefix("exercises/ch01_tensors/l2_norm.py written; your version is saved at ")
    assert (play.root / place).read_text() == "mine = 1\n"
    assert "raise NotImplementedError" in edited.read_text()


def test_verify_lock_adds_new_ids_and_takes_none_out(play):
    lock = play.root / "content/ids.lock"
    ids = lock.read_text().splitlines()
    lock.write_text("\n".join(["card long-gone", *ids[3:]]) + "\n")

    run = play.says("verify", "causal_mask", "--seeds", "1", "--lock")
    assert run.stdout.startswith("3 new ids locked\n")
    assert sorted([*ids, "card long-gone"]) == lock.read_text().splitlines()
    assert gate.lock(play.workbook) == 0


def test_badges_are_written_once_and_taken_out_again(play):
    text = (play.root / "content/ch06_numerics/chapter.md").read_text()
    (play.root / "README.md").write_text("# A fork\n\n<!-- notebooks -->\n<!-- /notebooks -->\n")
    written = play.says("notebook", "badges", "--source", "ada/tensor-koans")
    assert "content/ch06_numerics/chapter.md" in written.stdout.splitlines()
    assert "ada/tensor-koans" in (play.root / "content/ch06_numerics/chapter.md").read_text()
    assert play.says("notebook", "badges", "--source", "ada/tensor-koans").stdout == "nothing to do\n"
    play.says("notebook", "badges", "--source", "")
    assert (play.root / "content/ch06_numerics/chapter.md").read_text() == text


@pytest.fixture
def saved(play, tmp_path):
    """Two results of `koans grade --format json=…`, graded in two places."""
    from grader.course.grade import Class
    from grader.course.report import as_json

    found = a_class(play.workbook)
    files = []
    for i, grade in enumerate(found.grades[:2]):
        files.append(tmp_path / f"{i}.json")
        files[-1].write_text("".join(as_json.classroom(Class("", 7, (grade,)))))
    return found.grades[:2], files


def test_report_makes_one_class_of_results_from_many_places(play, saved, tmp_path):
    grades, files = saved
    run = play.says("report", *map(str, files), "--class", "Numerics", "--format", f"json={tmp_path / 'all.json'}")
    assert run.returncode == 0, run.stderr
    assert [line for line in run.stdout.splitlines() if "2 submissions" in line]
    assert all(grade.submission in run.stdout for grade in grades)
    together = json.loads((tmp_path / "all.json").read_bytes())
    assert (together["name"], [one["submission"] for one in together["grades"]]) == (
        "Numerics",
        [grade.submission for grade in grades],
    )


@pytest.mark.parametrize("data", [b"{}", b"", b"\xff", b'{"schema": 1, "name": "\xff"}', b"[" * 100_000])
def test_report_says_in_one_line_which_file_holds_no_grade(play, tmp_path, data):
    (tmp_path / "x.json").write_bytes(data)
    run = play.says("report", str(tmp_path / "x.json"))
    assert run.returncode == 2
    assert len(run.stderr.strip().splitlines()) == 1
    assert str(tmp_path / "x.json") in run.stderr


@pytest.mark.parametrize(
    "words, platform, systems",
    [
        (("grade", "."), "darwin", "Linux"),
        (("grade", "."), "win32", "Linux"),
        (("update", "."), "win32", "Linux or macOS"),
        (("release", "edition"), "win32", "Linux or macOS"),
    ],
)
def test_what_a_system_cannot_do_is_said_in_one_line(play, monkeypatch, words, platform, systems):
    monkeypatch.setattr(sys, "platform", platform)
    run = play.says(*words)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == (
        f"koans: `koans {words[0]}` needs {systems}: use another machine, a virtual machine or, on Windows, WSL\n"
    )
