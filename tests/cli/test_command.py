"""Bad input is one clear line and exit code 2; every verb explains itself."""

import errno
import re
import sqlite3

import pytest

from grader import cli
from grader.judge.sandbox import probe
from grader.judge.sandbox.confine import trusted
from tests.conftest import ROOT

VERBS = [
    "run",
    "list",
    "track",
    "hint",
    "solution",
    "reset",
    "read",
    "doctor",
    "grade",
    "stubs",
    "new",
    "verify",
    "facts",
    "cards",
    "cards export",
    "cheatsheet",
    "review",
    "again",
    "quiz",
    "stats",
    "settings",
    "sync",
    "debug",
    "watch",
]


def _one_line(result, *parts):
    assert result.returncode == 2, result.stdout + result.stderr
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("koans: ")
    for part in parts:
        assert part in lines[0], lines[0]


def test_an_unknown_koan(play):
    _one_line(play.koans("run", "softmux"), "no koan is called 'softmux'", "did you mean softmax")


def test_an_ambiguous_short_name(play):
    toml = play.root / "content/ch07_attention/chapter.toml"
    toml.write_text(toml.read_text() + '\n[[koans]]\nname = "softmax"\ntitle = "Again"\nrung = "compute it"\n')
    _one_line(play.says("hint", "softmax"), "ch06_numerics/softmax or ch07_attention/softmax", "give the full id")


def test_an_unknown_chapter(play):
    _one_line(play.says("read", "alchemy"), "no chapter is called 'alchemy'", "ch06_numerics")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (
            'rung = "stabilize it"',
            'rung = "guess it"',
            ["chapter.toml", "koan 'softmax'", "guess it", "rung"],
        ),
        ("points = 3", 'points = "three"', ["chapter.toml", "koan 'softmax'", "Expected `int`", "points"]),
        ("points = 3", "pionts = 3", ["chapter.toml", "koan 'softmax'", "pionts"]),
        ('title = "Softmax', "title = Softmax", ["chapter.toml", "not valid TOML", "line"]),
    ],
)
def test_a_malformed_chapter_names_file_entry_and_field(play, old, new, parts):
    toml = play.root / "content/ch06_numerics/chapter.toml"
    assert old in toml.read_text()
    toml.write_text(toml.read_text().replace(old, new))
    _one_line(play.says("list"), *parts)


def test_a_malformed_card_names_file_and_entry(play):
    toml = play.root / "content/ch13_triton/cards.toml"
    toml.write_text(toml.read_text().replace('facts = ["D1-8"]', 'facts = ["D1-99"]'))
    _one_line(play.says("cards", "export", "x.tsv"), "cards.toml", "kernel-tail-mask", "D1-99")


def test_plain_pytest_says_the_same_about_malformed_content(play):
    toml = play.root / "content/ch06_numerics/chapter.toml"
    toml.write_text(toml.read_text().replace("points = 3", "points = -"))
    result = play.python("-m", "pytest", "exercises", "-q")
    assert result.returncode == 4
    assert "chapter.toml: not valid TOML" in result.stderr
    assert "Traceback" not in result.stderr


def test_outside_a_workbook(play, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    _one_line(play.koans("list", cwd=tmp_path / "elsewhere"), "there is no workbook in this folder or above it")


def test_the_workbook_is_found_from_a_folder_inside_it(play):
    assert play.koans("list", cwd=play.root / "exercises/ch06_numerics").returncode == 0


@pytest.mark.needs("links")
def test_a_tree_that_cannot_be_written(play):
    (play.root / ".koans").symlink_to("/proc/nonesuch/koans")
    _one_line(play.says("review"), ".koans", "cannot be written", "a copy of the workbook that you can write to")


def test_a_damaged_progress_file_is_kept_aside(play):
    play.says("list")
    file = play.root / ".koans/progress.db"
    file.write_bytes(b"this is no database" * 100)
    _one_line(play.says("list"), "damaged", "renamed to progress-")
    assert play.says("list").returncode == 0
    backups = list((play.root / ".koans").glob("progress-*.db"))
    assert [f.read_bytes() for f in backups] == [b"this is no database" * 100]


def test_a_progress_file_of_another_version_is_kept_aside(play):
    play.says("list")
    file = play.root / ".koans/progress.db"
    with sqlite3.connect(file) as db:
        db.execute("pragma user_version = 99")
    db.close()
    _one_line(play.says("list"), "format 99", "renamed to progress-")
    assert play.says("list").returncode == 0


@pytest.mark.parametrize(
    "args",
    [["grade", "nowhere"], ["new", "softmax"], ["cards", "export", "/nonesuch/deck.tsv"]],
    ids=" ".join,
)
def test_other_bad_input(play, args):
    _one_line(play.says(*args))


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example(play, verb):
    result = play.says(*verb.split(), "--help")
    assert result.returncode == 0
    assert re.search(rf"Examples?:\n( .*\n)*? +koans {verb}", result.stdout), result.stdout


def test_doctor_finds_this_machine_fit(alone):
    result = alone.koans("doctor")
    assert result.returncode == 0, result.stdout
    for part in ("Python", "torch", "numpy", "triton", "kernels", "GPU"):
        assert part in result.stdout
    assert "gives the known answer" in result.stdout
    assert ("✓ sandbox" in result.stdout) == trusted(probe.level(ROOT))
    assert "runs leave no warm process behind here, because of KOANS_WARM_SECONDS or CI" in result.stdout


def test_doctor_says_when_a_version_is_outside_the_tested_range(play):
    file = play.root / "pyproject.toml"
    file.write_text(file.read_text().replace('"numpy>=1.26"', '"numpy>=99"'))
    result = play.says("doctor")
    assert result.returncode == 1
    assert "outside the tested range >=99" in result.stdout


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/tmp/x"),
            "koans: /tmp/x: the disk is full: free some space\n",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "none"), "koans: none: permission denied\n"),
        (OSError(errno.EROFS, "Read-only file system"), "koans: this file system is read-only\n"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x.py"), "koans: x.py: it is a folder\n"),
    ],
)
def test_a_system_that_will_not_write_is_one_line(error, says, monkeypatch, capsys):
    def refuse(**_):
        raise error

    monkeypatch.setattr(cli, "app", refuse)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert (end.value.code, capsys.readouterr().err) == (2, says)


def test_a_database_that_cannot_grow_is_one_line(monkeypatch, capsys):
    def fill(**_):
        db = sqlite3.connect(":memory:")
        db.execute("pragma max_page_count = 1")
        db.execute("create table t (x)")

    monkeypatch.setattr(cli, "app", fill)
    with pytest.raises(SystemExit) as end:
        cli.main()
    stderr = capsys.readouterr().err
    assert end.value.code == 2
    assert stderr == "koans: a file in .koans/ cannot be used: the disk is full: free some space\n"


def test_any_other_error_keeps_its_traceback(monkeypatch):
    def fail(**_):
        raise OSError(errno.EINVAL, "a mistake of ours")

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(OSError, match="a mistake of ours"):
        cli.main()


@pytest.mark.parametrize(
    "verb",
    [
        ["engine", "certificates", "folder"],
        ["engine", "scheduler"],
        ["engine", "worker", "tcp://127.0.0.1:8786"],
    ],
    ids=" ".join,
)
def test_a_verb_for_many_machines_says_in_one_line_that_it_is_not_for_windows(play, monkeypatch, verb):
    monkeypatch.setattr("sys.platform", "win32")
    _one_line(play.says(*verb), f"`koans {verb[0]}", "needs Linux")
