"""The app as a program in the background of an editor: after each save it prints the problems, between two marks."""

from __future__ import annotations

import queue

from grader.book.verdict import one_line
from grader.book.workbook import Workbook
from grader.learn.app.session import AppSession
from grader.learn.app.state import State
from grader.learn.attempts import Step
from grader.learn.report import problems
from grader.learn.report.recall import count

# An editor forgets the problems of the run before at the first mark, and shows the new ones at the second.
BEGIN, END = "koans: begin", "koans: end"


class ProblemList:
    """Runs the koan that was saved last and prints its problems. It reads nothing and runs until it is interrupted."""

    def __init__(self, workbook: Workbook, form: problems.Format, *, poll: bool = False) -> None:
        self.workbook, self.form = workbook, form
        self.states: queue.Queue[State] = queue.Queue()
        self.session = AppSession(workbook, self.states.put, poll=poll)
        self.shown: Step | None = None
        self.trouble = ""
        self.begun = ""  # the koan that is running

    def run(self) -> None:
        try:
            self.session.start()
            while True:
                self.show(self.states.get())
        finally:
            self.session.stop()

    def show(self, state: State) -> None:
        """Print what a new state changes."""
        if state.running and self.begun != state.koan:
            self.begun = state.koan
            _print(f"{BEGIN} {state.koan}")
        if state.trouble and state.trouble != self.trouble:
            self._end(f"not run: {one_line(state.trouble)}")
        self.trouble = state.trouble
        step = state.step
        if step is None or step is self.shown:
            return
        self.shown = step
        if self.begun != step.koan.id:
            _print(f"{BEGIN} {step.koan.id}")
        found = list(problems.lines(self.workbook, step.koan, step.verdict, step.text, self.form))
        for line in found:
            _print(line)
        self._end(f"{step.koan.id} {step.verdict.status}, {count(len(found), 'problem')}")

    def _end(self, text: str) -> None:
        self.begun = ""
        _print(f"{END} {text}")


def _print(line: str) -> None:
    print(line, flush=True)
