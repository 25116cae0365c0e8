"""The manual page is the help of the command: all of it, and as it is now."""

import re
import subprocess
import sys

import pytest

from grader.cli import manual
from grader.cli.sections import SECTIONS
from tests.conftest import ROOT

PAGE = ROOT / "docs/man/koans.1"


def unescaped(text):
    text = re.sub(r"\\\[u([0-9A-F]{4,6})\]", lambda sign: chr(int(sign[1], 16)), text)
    return text.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def test_the_page_that_is_installed_is_the_help_of_now():
    written = PAGE.read_text("utf-8")
    assert written == manual.text(), "run `python -m grader.cli.manual --write`"


def test_the_page_is_the_same_on_a_terminal_of_any_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("TERM", "dumb")
    assert manual.text() == PAGE.read_text("utf-8")


def test_every_verb_is_in_it_in_the_order_of_the_help():
    headings = [unescaped(name) for name in re.findall(r"^\.SS koans (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)]
    verbs = [verb for section in SECTIONS.values() for verb in section]
    assert [name for name in headings if " " not in name] == verbs
    assert {"cards export", "notebook import", "model say", "engine worker"} <= set(headings)


def test_a_verb_has_its_usage_its_text_its_examples_and_its_options():
    text = unescaped(PAGE.read_text("utf-8"))
    run = text.partition(".SS koans run\n")[2].partition(".SS ")[0]
    assert run.startswith(".B koans run\n[OPTIONS] [ID...]\n.PP\nRun koans and show their verdicts.")
    assert ".EX\nExamples:\n  koans run                     the current koan\n" in run
    assert "\\fB--format gcc|github\\fR\nFor an editor: print only the lines at fault, in this form.\n" in run
    assert "\\fB--all\\fR\nRun every koan.\n" in run


def test_it_is_ascii_so_every_formatter_reads_it():
    assert PAGE.read_bytes().isascii()


def test_no_line_of_text_is_taken_for_a_request():
    requests = {line.split()[0] for line in PAGE.read_text("utf-8").splitlines() if line.startswith((".", "'"))}
    assert requests == {".TH", ".SH", ".SS", ".B", ".PP", ".TP", ".EX", ".EE"}


@pytest.mark.needs("groff")
def test_groff_finds_nothing_wrong_with_it():
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", str(PAGE)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Run koans and show their verdicts." in done.stdout


def test_the_command_prints_what_it_would_write():
    done = subprocess.run([sys.executable, "-m", "grader.cli.manual"], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout == PAGE.read_bytes()
