"""The help of the command, its version, and the names by which koans, files and settings are given."""

import contextlib
import re
import tomllib

import pytest
import typer

from grader import cli
from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.cli import base
from grader.cli.sections import SECTIONS
from grader.learn import settings
from tests.conftest import ROOT


def test_the_help_lists_every_verb_once_by_whom_it_is_for(play):
    lines = play.says("--help").stdout.splitlines()
    listed = [name for verbs in SECTIONS.values() for name in verbs]
    commands = typer.main.get_command(cli.app).commands
    assert len(listed) == len(set(listed)) and set(commands) <= set(listed)
    starts = [lines.index(f"{title}:") for title in SECTIONS]
    assert starts == sorted(starts)
    shown = [line.split()[0] for line in lines[starts[0] :] if line.startswith("  ")]
    assert shown == [name for name in listed if name in commands]
    assert lines.index("For maintainers of a workbook:") < next(
        i for i, line in enumerate(lines) if "  verify " in line
    )


def test_the_help_of_every_verb_fits_80_columns_and_no_line_of_it_is_cut_off(play):
    commands = typer.main.get_command(cli.app).commands
    below = [
        f"{verb} {own}"
        for verb in ("cards", "notebook", "bench", "engine", "model", "assignment")
        for own in commands[verb].commands
    ]
    for verb in ("", *commands, *below):
        text = play.says(*verb.split(), "--help").stdout
        assert max(map(len, text.splitlines())) <= 80, verb
        assert "[[" not in text and not re.search(r"\w\.\.\.$", text, re.MULTILINE), f"{verb}: cut off"


def test_the_version_is_that_of_the_project(play):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for args in (["--version"], ["-V"]):
        result = play.says(*args)
        assert (result.returncode, result.stdout, result.stderr) == (0, f"koans {version}\n", "")


NUMERICS = sum(koan.chapter == "ch06_numerics" for koan in Workbook(ROOT).koans.values())


@pytest.mark.parametrize(
    ("name", "folder", "koans"),
    [
        (".", "exercises/ch14_budget", 6),
        (".", ".", len(Workbook(ROOT).koans)),
        ("exercises", ".", len(Workbook(ROOT).koans)),
        ("exercises/ch06_numerics/", ".", NUMERICS),
        ("./exercises/ch06_numerics/softmax.py", ".", 1),
        ("softmax.py", ".", 1),
        ("softmax.py", "exercises/ch06_numerics", 1),
        ("test_softmax.py", "exercises/ch06_numerics", 1),
        ("../ch06_numerics/softmax.py", "exercises/ch07_attention", 1),
        ("ROOT/exercises/ch06_numerics/test_softmax.py", ".", 1),
        ("ROOT/solutions/ch06_numerics/softmax.py", ".", 1),
        ("content/ch06_numerics/softmax.md", ".", 1),
    ],
)
def test_a_path_names_the_koans_that_are_there(book, name, folder, koans):
    with contextlib.chdir(ROOT / folder):
        found = book.named([name.replace("ROOT", str(ROOT))])
    assert len(found) == koans
    assert koans > 1 or found[0].id == "ch06_numerics/softmax"


def test_a_koan_that_is_named_twice_runs_once(book):
    assert [koan.name for koan in book.named(["softmax", "exp_overflow", "ch06_numerics/softmax"])] == [
        "softmax",
        "exp_overflow",
    ]


def test_a_path_at_which_no_koan_is_gets_similar_names(play):
    wrong = play.says("run", "exercises/ch06_numerics/sofmax.py")
    assert wrong.returncode == 2 and "did you mean ch06_numerics/softmax" in wrong.stderr
    folder = play.says("hint", "exercises/ch06_numerics")
    assert (folder.returncode, folder.stderr) == (
        2,
        f"koans: 'exercises/ch06_numerics' is a folder of {NUMERICS} koans: name one of them\n",
    )
    assert play.says("list", "exercises/ch14_budget/").stdout.startswith("ch14_budget ")


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("stats -o x.txt", "x.txt: its name must end in .html"),
        ("cheatsheet -o x.txt", "x.txt: its name must end in .md, .html or .pdf"),
        ("notebook export 6 -o x.txt", "x.txt: its name must end in .ipynb"),
        ("cards export x", "x: its name must end in .apkg (a package for Anki), .tsv or .txt (Anki's text format)"),
        ("settings retention 2", "retention = 2: give a number from 0.7 to 0.99"),
        ("settings retention nan", "retention = nan: give a number from 0.7 to 0.99"),
        ("settings session 1.5", "session = 1.5: give a whole number from 1 to 9999"),
        ("settings resolve maybe", "resolve = maybe: give true or false"),
    ],
)
def test_what_may_be_given_is_said_in_one_line(play, command, says):
    result = play.says(*command.split())
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"koans: {says}\n")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("session = 0", "session must be a whole number from 1 to 9999, but is 0; `koans settings session VALUE`"),
        ("resolve = 3", "resolve must be true or false, but is 3"),
        ("sesion = 3", "'sesion' is not a setting; the settings are new_per_day, session, "),
        ("session =", "is not TOML"),
    ],
)
def test_a_settings_file_that_is_wrong_is_explained_in_our_words(play, text, says):
    (play.root / ".koans").mkdir()
    settings.settings_file(play.root).write_text(text)
    result = play.says("settings")
    assert result.returncode == 2 and says in result.stderr and len(result.stderr.splitlines()) == 1
    assert "Expected" not in result.stderr and "$." not in result.stderr


def test_the_command_mends_a_settings_file_with_a_wrong_value(play):
    (play.root / ".koans").mkdir()
    settings.settings_file(play.root).write_text("session = 0\nnew_per_day = 5\n")
    assert play.says("settings", "session", "20").returncode == 0
    changed = settings.load(play.root)
    assert (changed.session, changed.new_per_day) == (20, 5)


def test_every_setting_says_what_it_is_and_what_it_may_be():
    assert set(settings.ALLOWED) == set(settings.DESCRIPTIONS) == set(settings.Settings.__struct_fields__)


def test_a_folder_that_was_removed_is_one_line(play, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    with contextlib.chdir(gone):
        gone.rmdir()
        with pytest.raises(KoansError, match="the current folder was removed: change to"):
            base.workbook()
