"""The loop in lines, for pipes, screen readers and small terminals: the same events, printed."""

from __future__ import annotations

import queue
import sys
import threading
from typing import Any, TextIO

from rich.text import Text

from grader.book import terminal
from grader.book.errors import KoansError
from grader.book.verdict import Status
from grader.book.workbook import Workbook
from grader.learn.app.session import AppSession
from grader.learn.app.state import Command, State
from grader.learn.report.recall import count
from grader.learn.report.standing import unlocked

KEYS = {"n": "next", "p": "previous", "h": "hint", "r": "run", "x": "reset"}
HELP = "Enter r run · h hint · n next · p previous · x reset · NAME go to a koan · q quit"


class Plain:
    """Prints what changed in the state; reads commands as lines until end of file."""

    def __init__(self, workbook: Workbook, *, poll: bool = False, source: TextIO | None = None) -> None:
        self.workbook = workbook
        self.console = terminal.console()
        self.source = source or sys.stdin
        self.states: queue.Queue[State | str | None] = queue.Queue()
        self.session = AppSession(workbook, self.states.put, poll=poll)
        self.seen: Any = None
        self.told: list[str] = []
        self.hints = -1
        self.prompted = ""

    def run(self) -> None:
        """Until q, end of input or Ctrl-C."""
        threading.Thread(target=self._read, daemon=True).start()
        ended = False
        try:
            self.session.start()
            while True:
                try:
                    item = self.states.get(timeout=0.05 if ended else None)
                except queue.Empty:
                    if self.session.idle and self.states.empty():
                        return
                    continue
                if item is None:
                    ended = True
                elif isinstance(item, str):
                    if item == "q":
                        return
                    self._obey(item)
                else:
                    self._show(item)
        finally:
            self.session.stop()

    def _read(self) -> None:
        try:
            for line in self.source:
                self.states.put(line.strip())
        except (OSError, ValueError):
            pass
        self.states.put(None)

    def _obey(self, line: str) -> None:
        if not line or line in KEYS:
            self.session.post(Command(KEYS.get(line, "run")))
            return
        try:
            self.session.post(Command("go", self.workbook.koan(line).id))
        except KoansError as error:
            self.console.print(Text(f"{error}; {HELP}"))

    def _show(self, state: State) -> None:
        told = [line for line in (state.told, state.trouble) if line]
        if told and told != self.told:
            self.console.print(Text("\n".join(told), "yellow"))
        self.told = told
        if state.koan != self.prompted:
            self.prompted, self.hints = state.koan, state.hints
        if state.hints > self.hints:
            self.hints = state.hints
            text = self.workbook.notes(self.workbook.koans[state.koan]).hints[state.hints - 1]
            self.console.print(Text(f"hint {state.hints}", "bold"), "", terminal.markdown(text))
        if state.step is None or state.step is self.seen:
            return
        self.seen = step = state.step
        koan = step.koan
        if step.verdict.passed:
            self.console.print(terminal.verdict(koan, step.verdict), unlocked(step.unlocked))
            self.console.print("", terminal.markdown(self.workbook.notes(koan).afterword), "")
            if state.passed < len(state.order):
                self.session.post(Command("next"))
            else:
                self.console.print(f"{state.passed} of {len(state.order)} koans passed", "Every koan has passed.")
            return
        due = f", {count(state.due, 'card')} due (koans review)" if state.due else ""
        self.console.print(Text(f"{state.passed} of {len(state.order)} koans passed{due}", "dim"), "")
        if step.verdict.status == Status.not_started:
            self.console.print(terminal.prompt(self.workbook, koan), "")
            first = self.workbook.first_test(koan)
            self.console.print(
                Text.assemble(("fails first: ", "dim"), f"{first}, because the function is still to be written")
            )
        else:
            self.console.print(terminal.verdict(koan, step.verdict))
        steps = [(f"edit exercises/{koan.id}.py", ""), ("koans", "try again"), (f"koans hint {koan.name}", "a hint")]
        self.console.print(terminal.next_steps(steps))
        if self.source.isatty():
            self.console.print(Text(f"watching for changes · {HELP}", "dim"))
