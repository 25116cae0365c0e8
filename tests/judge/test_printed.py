"""What the code prints is shown by its first and last lines, with the true number of the others."""

import io

import pytest

from grader.book import terminal
from grader.book.terminal import printed_lines
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Workbook
from grader.judge.printed import Printed
from tests.conftest import ROOT

SPAM = "".join(f"{i} spam\n" for i in range(3003))


def taken(*texts):
    printed = Printed()
    for text in texts:
        printed.stdout.write(text)
    return printed.take()


def test_of_three_thousand_lines_the_first_and_the_last_are_shown_and_all_are_counted():
    shown = ["0 spam", "1 spam", "2 spam", "… 2,997 more lines …", "3000 spam", "3001 spam", "3002 spam"]
    assert printed_lines(taken(SPAM)) == shown
    assert printed_lines(taken(*SPAM.splitlines(keepends=True))) == shown
    assert len(taken(SPAM)) < 4000


@pytest.mark.parametrize(
    "texts", [(SPAM,), (SPAM, SPAM), (SPAM, "one\n" * 9), ("one\n" * 9, SPAM), (SPAM + "end", "!")]
)
def test_what_a_worker_has_shortened_after_each_call_is_what_a_run_at_home_keeps(texts):
    assert taken(*(taken(text) for text in texts)) == taken(*texts)


def test_few_lines_are_shown_whole_and_a_long_line_by_its_ends():
    assert taken("one\ntwo") == "one\ntwo"
    assert printed_lines("one\ntwo\n") == ["one", "two"]
    first, last = taken("a" * 5000 + "b" * 5000).splitlines()
    assert (first[0], first[-1], last[0], last[-1]) == ("a", "…", "…", "b")


def test_a_note_about_an_import_stands_below_the_status_and_other_notes_stand_last():
    notes = ("this reads a file", "it imports ch06_numerics/dot, which has not passed: fix that koan first")
    verdict = Verdict("ch06_numerics/softmax", "learner", Status.broken, "ImportError", notes=notes)
    koan = Workbook(ROOT).koan("softmax")
    console = terminal.SafeConsole(file=io.StringIO(), width=100, color_system=None)
    console.print(terminal.verdict(koan, verdict))
    lines = [line for line in console.file.getvalue().splitlines() if line]
    assert lines[1:] == [f"note: {notes[1]}", "ImportError", f"note: {notes[0]}"]
