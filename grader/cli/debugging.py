"""`koans debug` and `koans watch`: what works beside an editor."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from grader.book import terminal
from grader.book.errors import KoansError
from grader.book.verdict import Status
from grader.cli import completion
from grader.cli.base import show, waiting, workbook
from grader.cli.tracking import koan_or_current
from grader.judge.runner import Runner
from grader.learn import attempts
from grader.learn.progress import Progress
from grader.learn.report import problems

HELP = """In the debugger:
  n       the next line          a       the arguments        p NAME  a variable
  s       step into a call       u, d    up to the caller, down again
  c       continue               q       quit
"""


def on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def debug(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ID", help="A koan; default: the current one.", show_default=False, autocompletion=completion.koans
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all random inputs.", min=0, max=2**63 - 1)] = 0,
) -> None:
    """Run the first failing test of a koan in this terminal, and start a debugger where it fails.

    First, the koan runs as usual. Then the tests that did not pass run here, without a time limit, until one fails.
    breakpoint() and input() work in your file, and you see everything that it prints. If your code raises an exception,
    the debugger starts there (pytest's --pdb). If the result is wrong, the debugger calls your function again with the
    inputs from the message, and stops at its first line.

    Exit code 0 if no test fails, 1 if one does, 2 without a terminal.

    \b
    Examples:
      koans debug                the current koan
      koans debug softmax
      koans debug softmax --seed 5
    """
    if not on_a_terminal():
        raise KoansError("`koans debug` needs a terminal: its input and output must not be a pipe or a file")
    book = workbook()
    with Progress(book.root) as progress:
        koan = koan_or_current(book, progress, name)
    with Runner(book) as runner, waiting(f"running {koan.id}"):
        verdict = runner.run(koan, attempts.LEARNER, seed)
    if verdict.passed:
        show(f"{koan.id}: every test passes (seed {seed}), so there is nothing to debug")
        return
    if verdict.status in (Status.not_started, Status.broken, Status.not_run_here):  # no test can run
        show(terminal.verdict(koan, verdict), terminal.next_steps([(f"edit exercises/{koan.id}.py", "")]))
        raise typer.Exit(1)
    from grader.judge.runner import debug as debugger  # imports torch

    show(HELP)
    raise typer.Exit(0 if debugger.first_failure(book, koan, verdict) else 1)


def watch(
    form: Annotated[problems.Format, typer.Option("--format", help="The form of a line.")] = "gcc",
    poll: Annotated[
        bool, typer.Option("--poll", help="Check files regularly, for drives that send no file events.")
    ] = False,
) -> None:
    """For an editor: after each save, print the lines at fault as a compiler would, until Ctrl-C.

    The command runs the koan that you saved last; it starts with the current one. It prints a line before and after the
    problems, so that an editor knows where the list begins and ends:

    \b
      koans: begin ch06_numerics/softmax
      exercises/ch06_numerics/softmax.py:12:1: error: softmax: 3 of 3 …
      koans: end ch06_numerics/softmax failed, 1 problem

    docs/EDITORS.md says how VS Code, PyCharm, Vim, Neovim and Zed read it. `koans run --format gcc` does it once.

    \b
    Examples:
      koans watch
      koans watch --format github
    """
    from grader.learn.app.problem_list import ProblemList

    book = workbook()
    Progress(book.root).close()  # fail now if the workbook cannot be written
    ProblemList(book, form, poll=poll).run()
