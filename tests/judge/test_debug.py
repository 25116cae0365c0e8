"""`koans debug` runs the first failing test in the terminal, and the debugger starts in the learner's code."""

import io
import sys

import pytest

from grader.judge.at_home import DebuggerEnded
from grader.judge.runner.debug import step_through, up_to
from tests.terminal import Terminal

pytestmark = pytest.mark.needs("pty")


def test_without_a_terminal_it_is_one_line(play):
    run = play.says("debug", "dot")
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "koans: `koans debug` needs a terminal: its input and output must not be a pipe or a file\n"


@pytest.mark.needs("pty")
def test_breakpoint_and_input_work_and_an_exception_stops_at_the_line_that_raised_it(play):
    lines = ("    breakpoint()", "    name = input('name? ')", "    return u[len(name)]")
    play.write("dot", "\n".join(["def dot(u, v):", *lines, ""]))
    terminal = Terminal(play, "debug", "dot")
    terminal.until("-> name = input('name? ')")
    terminal.press("c\n")
    terminal.until("name? ")
    terminal.press("eleven char\n")
    terminal.until("dot.py(4)dot()")
    terminal.until("-> return u[len(name)]")
    terminal.press("p name\n")
    terminal.until("'eleven char'")
    terminal.press("q\n")
    assert terminal.end() == (1, True)
    assert "Quitting" not in terminal.seen and "!!!" not in terminal.seen


@pytest.mark.needs("pty")
def test_after_a_breakpoint_the_next_tests_run_until_one_fails_and_up_leads_to_the_test(play):
    lines = (
        "    breakpoint()",
        "    if 'float16' in str(u.dtype):",
        "        raise KeyError('none')",
        "    return u @ v",
    )
    play.write("dot", "\n".join(["def dot(u, v):", *lines, ""]))
    terminal = Terminal(play, "debug", "dot")
    terminal.until("-> if 'float16' in str(u.dtype):")
    terminal.press("u\n")
    assert terminal.until("-> agrees(dot,").count("> ") == 1
    stops = 0
    while "KeyError" not in (shown := terminal.until("(Pdb) ")):
        terminal.press("c\n")
        stops += 1
    assert stops == 3
    assert "-> raise KeyError('none')" in shown
    terminal.press("q\n")
    assert terminal.end() == (1, True)


def test_a_wrong_result_is_computed_again_step_by_step_without_stops_in_libraries(monkeypatch, capsys):
    names = {}
    exec(compile("def dot(u, v):\n    total = add(u, v)\n    return total\n", "dot.py", "exec"), names)
    names["add"] = lambda u, v: u + v
    monkeypatch.setattr(sys, "stdin", io.StringIO("a\ns\ns\np total\nq\n"))
    with pytest.raises(DebuggerEnded):
        step_through("dot.py", names["dot"], (2, 3), {})
    printed = capsys.readouterr().out
    assert "u = 2\nv = 3\n" in printed
    assert "(Pdb) 5\n" in printed
    assert "lambda" not in printed


def test_a_call_that_ends_in_the_debugger_goes_on_to_the_test(monkeypatch, capsys):
    names = {}
    exec(compile("def dot(u):\n    return u[7]\n", "dot.py", "exec"), names)
    monkeypatch.setattr(sys, "stdin", io.StringIO("c\n"))
    step_through("dot.py", names["dot"], ([],), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "(Pdb) The call raised IndexError: list index out of range",
        "The call has ended. This is the test:",
    ]


@pytest.mark.parametrize(
    "text, code, says",
    [
        (None, 0, "every test passes (seed 0), so there is nothing to debug"),
        ("def dot(:\n", 1, "SyntaxError in dot.py, line 1"),
    ],
)
def test_where_no_test_fails_it_says_so(play, monkeypatch, text, code, says):
    monkeypatch.setattr("grader.cli.debugging.on_a_terminal", lambda: True)
    if text is None:
        play.solve("dot")
    else:
        play.write("dot", text)
    run = play.says("debug", "dot")
    assert run.returncode == code
    assert says in run.stdout


def test_a_traceback_is_cut_below_the_last_frame_of_a_file():
    def below():
        raise ValueError

    def above():
        below()

    try:
        exec(compile("def own(f):\n    f()", "own.py", "exec"), namespace := {})
        namespace["own"](above)
    except ValueError as error:
        cut = up_to(error.__traceback__, "own.py")
        none = up_to(error.__traceback__, "other.py")
    names = []
    while cut is not None:
        names.append(cut.tb_frame.f_code.co_name)
        cut = cut.tb_next
    assert names[-1] == "own"
    assert none is None
