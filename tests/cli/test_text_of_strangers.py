"""What a stranger chose to be called, or to write, reaches a terminal as text: no markup, no escapes, no forged lines."""

import ast
import io
import re

import msgspec
import pytest
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book import terminal
from grader.book.errors import KoansError
from grader.book.verdict import one_line
from grader.cli import base
from grader.course.grade import Class
from grader.course.report import as_json
from tests.classes import HOSTILE, a_class, a_hostile_class
from tests.conftest import ROOT
from tests.course.test_reports import obeyed

NAMES = ["name[x]", "name[/b]", "[red]x[/red]", ":smile: [link=http://evil.example]x[/link]", "\\[x]"]
ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def a_terminal(monkeypatch, stream):
    """Let `terminal.console` write to this stream as to a terminal of 80 columns."""

    def console(*, stderr: bool = False):
        return terminal.SafeConsole(file=stream, force_terminal=True, color_system=None, width=80)

    monkeypatch.setattr(terminal, "console", console)


@pytest.mark.parametrize("name", NAMES)
def test_a_string_is_shown_as_it_is_wherever_it_is_printed(monkeypatch, name):
    out = io.StringIO()
    a_terminal(monkeypatch, out)
    table = Table(name, title=name)
    table.add_row(name)
    base.show(name, Group(name), Padding(name), table)
    assert out.getvalue().count(name) == 6


@pytest.mark.parametrize("name", NAMES)
def test_the_progress_line_shows_a_name_as_it_is(monkeypatch, name):
    out = io.StringIO()
    a_terminal(monkeypatch, out)
    with base.waiting(f"first {name}") as set_line:
        set_line(f"then {name}")
    assert f"then {name}" in out.getvalue()


def test_the_progress_line_is_one_line_without_the_escapes_of_a_name(monkeypatch):
    out = io.StringIO()
    a_terminal(monkeypatch, out)
    monkeypatch.setattr(terminal.SafeConsole, "status", a_status := Recorded())
    with base.waiting("grading") as set_line:
        for text in (*HOSTILE, "x" * 1000):
            set_line(text)
    assert len(a_status.lines) == 1 + len(HOSTILE) + 1
    for line in a_status.lines:
        assert isinstance(line, Text)
        assert not ESCAPES.search(line.plain) and "\n" not in line.plain and len(line.plain) <= 80


class Recorded:
    """Stands for Console.status, and keeps what is shown."""

    def __init__(self):
        self.lines = []

    def __call__(self, line, spinner):
        self.lines.append(line)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def update(self, line):
        self.lines.append(line)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_printed_moves_the_cursor_or_rings_the_bell(monkeypatch, text):
    out = io.StringIO()
    a_terminal(monkeypatch, out)
    table = Table(box=None)
    table.add_row(text, Text(text))
    base.show(text, Text(text), Padding(text), table)
    out.getvalue().encode()
    assert not ESCAPES.search(out.getvalue())


def test_an_error_that_quotes_a_stranger_has_no_escapes_and_forges_no_line(play, monkeypatch):
    def fail():
        raise KoansError("a\x1b]0;owned\x07b\x9b31m: no such folder\nkoans: everything passed \ud800")

    monkeypatch.setattr("grader.cli.workbook", fail)
    result = play.says("run", "softmax")
    assert result.returncode == 2
    result.stderr.encode()
    assert not ESCAPES.search(result.stderr)
    assert [line for line in result.stderr.splitlines() if line.startswith("koans: ")] == [
        result.stderr.splitlines()[0]
    ]


def test_a_report_of_hostile_results_reaches_the_terminal_as_text(play, tmp_path):
    found = a_hostile_class(play.workbook)
    names = tuple(
        msgspec.structs.replace(found.grades[i % len(found.grades)], submission=name, folder=f"forks/{i}", student="")
        for i, name in enumerate(NAMES)
    )
    file = tmp_path / "hostile.json"
    file.write_text("".join(as_json.classroom(msgspec.structs.replace(found, grades=(*found.grades, *names)))))
    assert not ESCAPES.search(file.read_text())
    result = play.says("report", str(file), env={"COLUMNS": "200"})
    assert result.returncode == 0, result.stderr
    for text in (result.stdout, result.stderr):
        assert not ESCAPES.search(text)
    for name in NAMES:
        assert name in result.stdout


def test_no_line_of_the_log_of_a_workflow_is_a_command_of_a_stranger(play, tmp_path):
    file = tmp_path / "hostile.json"
    file.write_text("".join(as_json.classroom(a_hostile_class(play.workbook))))
    options = ("--format", f"canvas={tmp_path / 'x.csv'}", "--gradebook", str(tmp_path / "export.csv"))
    (tmp_path / "export.csv").write_text("Student,ID,SIS Login ID,Section\n")
    said = play.says("report", str(file), *options, env={"GITHUB_ACTIONS": "true"})
    assert "error" in said.stdout and "error" in said.stderr
    assert obeyed(said.stdout) == obeyed(said.stderr) == []


def test_one_line_keeps_a_name_and_drops_what_would_end_the_line():
    assert one_line(" Ada\n\tLovelace\x1b[31m\r ") == "Ada Lovelace"
    assert one_line("x" * 30, 10) == "x" * 9 + "…"


def test_every_console_and_every_message_goes_through_the_place_that_cleans():
    """A new `Console(`, `print(…, file=sys.stderr)` or `typer.echo` would be a new place to clean."""
    consoles, markup, prints = [], [], []
    for file in sorted((ROOT / "grader").rglob("*.py")):
        name = str(file.relative_to(ROOT / "grader"))
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called.split(".")[-1] == "Console":
                consoles.append(name)
            if called.split(".")[-1] in ("from_markup", "render_markup"):
                markup.append(name)
            to_stderr = any(k.arg == "file" and "stderr" in ast.unparse(k.value) for k in node.keywords) and node.args
            if name.startswith("cli/") and (called == "typer.echo" or (called == "print" and to_stderr)):
                prints.append(name)
    assert (consoles, markup, prints) == ([], [], ["cli/base.py"])


def test_the_class_fits_a_terminal_of_80_columns(play, tmp_path):
    file = tmp_path / "class.json"
    file.write_text("".join(as_json.classroom(a_class(play.workbook))))
    lines = play.says("report", str(file)).stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    assert any(line.startswith("dan ") and "has no exercises/ folder" in line for line in lines)
    assert "notes.txt is no submission" in lines and "ben: 3 files do not match any koan" in lines


def test_an_empty_class_is_a_class(play, tmp_path):
    file = tmp_path / "none.json"
    file.write_text("".join(as_json.classroom(Class("C", 0, ()))))
    result = play.says("report", str(file))
    assert result.returncode == 0 and result.stdout.splitlines()[-1].startswith("0 submissions")
