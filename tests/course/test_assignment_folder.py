"""`koans assignment`: the folder of an assignment is made, checked, listed, and keeps who decided what."""

import csv
import getpass
import json
import os
import stat
import tomllib
from datetime import datetime

import pytest


@pytest.fixture
def course(small, tmp_path):
    """An empty folder, with the command that uses a workbook of three koans."""

    def says(*args):
        return small.says("assignment", *args, "--workbook", str(small.root))

    return tmp_path / "course" / "koans-1", says


def new(course, *more):
    folder, says = course
    run = says("new", str(folder), "--due", "2026-11-20 23:59", "--time-zone", "Europe/Berlin", *more)
    assert run.returncode == 0, run.stderr
    return folder, says


def rows_of(file):
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_new_assignment_explains_every_field_and_has_a_secret_that_only_its_owner_reads(course):
    folder, says = new(course, "--title", 'Koans "1"', "--koan", "ch07", "--koan", "exp_overflow")
    table = tomllib.loads((folder / "assignment.toml").read_text(encoding="utf-8"))
    assert table["title"] == 'Koans "1"' and table["koans"] == ["ch07", "exp_overflow"]
    assert set(table) | {"opens"} == {
        *("title", "koans", "extra_credit", "partial", "time_zone", "opens", "due", "counts", "seeds", "fast"),
        *("assistants", "points", "late", "groups"),
    }
    assert len(bytes.fromhex((folder / "secret").read_text())) == 32
    assert stat.S_IMODE(os.stat(folder / "secret").st_mode) == 0o600
    assert {"/secret", "/extensions.csv", "/overrides.csv"} <= set((folder / ".gitignore").read_text().splitlines())
    run = says("new", str(folder))
    assert (run.returncode, run.stderr) == (
        2,
        f"koans: {folder}/assignment.toml: exists; change it, or give another folder\n",
    )


def test_a_choice_that_makes_no_sense_leaves_nothing(course):
    folder, says = course
    run = says("new", str(folder), "--koan", "nothing")
    assert run.returncode == 2 and "no koan is called 'nothing'" in run.stderr
    assert not folder.exists()
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    assert says("new", str(folder), "--due", "soon").returncode == 2
    assert [file.name for file in folder.iterdir()] == ["notes.txt"]


def test_rows_are_only_added_and_say_who_decided_and_when(course):
    folder, says = new(course)
    assert "has until Mon 23 Nov 2026, 23:59 CET" in says("extend", str(folder), "ada", "+3 days").stdout
    assert says("extend", str(folder), "ben", "2026-11-25", "--comment", "ill, and\nalone").returncode == 0
    assert (
        "2.5 points for ch07_attention/scores" in says("override", str(folder), "ada", "2.5", "--koan", "scores").stdout
    )
    assert says("override", str(folder), "=cmd", "4").returncode == 0
    extensions, overrides = rows_of(folder / "extensions.csv"), rows_of(folder / "overrides.csv")
    assert [(row["student"], row["due"], row["comment"]) for row in extensions] == [
        ("ada", "+3 days", ""),
        ("ben", "2026-11-25", "ill, and alone"),
    ]
    assert [(row["student"], row["koan"], row["points"]) for row in overrides] == [
        ("ada", "scores", "2.5"),
        ("=cmd", "", "4"),
    ]
    for row in (*extensions, *overrides):
        assert row["by"] == getpass.getuser()
        assert datetime.fromisoformat(row["at"]).tzinfo is not None


def test_a_file_that_a_spreadsheet_wrote_keeps_its_columns_and_line_ends(course):
    folder, says = new(course)
    before = "at,by,Student,due,comment,team\r\n2026-11-01,prof,ada,+1 day,,x\r\n"
    (folder / "extensions.csv").write_bytes(before.encode())
    assert says("extend", str(folder), "ben", "+2 days").returncode == 0
    after = (folder / "extensions.csv").read_bytes().decode()
    assert after.startswith(before) and after.endswith(",ben,+2 days,,\r\n")


@pytest.mark.parametrize(
    ("args", "says_what"),
    [
        (("extend", "ada", "3 days"), "'3 days' is not a time"),
        (("override", "ada", "many"), "'many' is not a number of points"),
        (("override", "ada", "-1"), "No such option: -1"),
        (("override", "ada", "1", "--koan", "sofmax"), "'sofmax' is not a koan of the assignment"),
        (("extend", "", "+1 day"), "the cell 'student' is empty"),
    ],
)
def test_a_row_that_makes_no_sense_is_not_written(course, args, says_what):
    folder, says = new(course)
    verb, *rest = args
    run = says(verb, str(folder), *rest)
    assert run.returncode == 2 and says_what in run.stderr and "Traceback" not in run.stderr
    assert not (folder / "extensions.csv").exists() and not (folder / "overrides.csv").exists()


def test_check_shows_what_an_assignment_says_and_its_json_does_not_tell_the_secret(course):
    folder, says = new(course, "--title", "Koans 1", "--koan", "ch07")
    says("override", str(folder), "ada", "2", "--koan", "scores", "--comment", "our slip")
    shown = says("check", str(folder)).stdout
    assert "Koans 1" in shown and "due Fri 20 Nov 2026, 23:59 CET" in shown
    assert "late work loses nothing" in shown and "a failed koan earns nothing" in shown
    assert "one seed for the class" in shown
    assert "ada: 2 points for ch07_attention/scores" in shown and "our slip" in shown
    run = says("check", str(folder), "--json")
    record = json.loads(run.stdout)
    assert (record["title"], record["due"]) == ("Koans 1", "2026-11-20T23:59:00+01:00")
    assert record["overrides"][0]["points"] == 2
    assert (folder / "secret").read_text().strip() not in run.stdout


def test_the_list_is_in_the_order_of_dates(course):
    folder, says = new(course, "--title", "Later")
    says("new", str(folder.with_name("koans-0")), "--due", "2026-11-01", "--title", "Sooner")
    says("new", str(folder.with_name("koans-2")), "--title", "Never due")
    records = json.loads(says("list", str(folder.parent), "--json").stdout)
    assert [record["title"] for record in records] == ["Sooner", "Later", "Never due"]
    run = says("list", str(folder.parent / "no"))
    assert run.returncode == 2 and "has no assignments; `koans assignment new" in run.stderr
