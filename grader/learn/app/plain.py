"""The app as plain lines, for pipes, screen readers and small terminals."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from rich.text import Text

from grader.book import terminal
from grader.book.errors import KoansError
from grader.book.verdict import Status
from grader.book.workbook import HINTS, Workbook
from grader.learn.app.session import AppSession
from grader.learn.app.state import Command, Run, Shown, State, Verb
from grader.learn.attempts import Step
from grader.learn.report.model import runs_now
from grader.learn.report.recall import count
from grader.learn.report.standing import unlocked
from grader.learn.report.symptom import SymptomView
from grader.learn.report.tracks import done, progress

KEYS: dict[str, Verb] = {"n": "next", "p": "previous", "h": "hint", "r": "run", "x": "reset"}
HELP = (
    "a letter, then Enter: r run, h hint, n next, p previous, x reset, ? help, q quit · Enter alone runs · "
    "the name of a koan opens it"
)
LASTS = 2  # seconds after which a run is said to go on; then again after each ten


class Plain:
    """Prints each change of the state. Reads commands as lines until the end of the input."""

    def __init__(self, workbook: Workbook, *, poll: bool = False, source: TextIO | None = None) -> None:
        self.workbook = workbook
        self.console = terminal.console()
        self.source = source or sys.stdin
        self.items: queue.Queue[State | str | None] = queue.Queue()
        self.session = AppSession(workbook, self.items.put, poll=poll)
        self.shown_step: Step | None = None
        self.shown_messages: list[str] = []
        self.shown_hints = -1
        self.shown_koan = ""
        self.asks_reset = ""  # the koan whose reset waits for y
        self.shown_seconds = 0  # the age of the oldest run, as last told
        self.runs: tuple[Run, ...] = ()

    def run(self) -> None:
        """Run until q, the end of the input or Ctrl-C."""
        threading.Thread(target=self._read, daemon=True).start()
        ended = False
        try:
            self.session.start()
            while True:
                try:
                    item = self.items.get(timeout=0.05 if ended else 1.0 if self.runs else None)
                except queue.Empty:
                    if ended and self.session.idle and self.items.empty():
                        return
                    self._tell_runs()
                    continue
                if item is None:
                    ended = True
                elif isinstance(item, str):
                    if item == "q":
                        return
                    self._safely(self._handle, item)
                else:
                    self._safely(self._show, item)
        finally:
            self.session.stop()

    def _read(self) -> None:
        try:
            for line in self.source:
                self.items.put(line.strip())
        except (OSError, ValueError):
            pass
        self.items.put(None)

    def _handle(self, line: str) -> None:
        if line == "?":
            self.console.print(Text(HELP))
            return
        if self.asks_reset:
            self._answer_reset(line)
            return
        if KEYS.get(line) == "reset":
            self.asks_reset = self.session.state.koan
            name = self.workbook.koans[self.asks_reset].name
            self.console.print(
                Text(f"reset {name} to its stub? your version is saved under .koans/replaced (y, then Enter: yes)")
            )
            return
        if KEYS.get(line) == "hint" and self.session.state.hints >= HINTS:
            self._show_all_hints(self.session.state.koan)
        if not line or line in KEYS:
            self.session.post(Command(KEYS.get(line, "run")))
            return
        try:
            self.session.post(Command("go", self.workbook.koan(line).id))
        except KoansError as error:
            self.console.print(Text(f"{error}; {HELP}"))

    def _answer_reset(self, line: str) -> None:
        """Reset after y, unless another koan has become the current one meanwhile."""
        asked, self.asks_reset = self.asks_reset, ""
        if line.lower() in ("y", "yes") and asked == self.session.state.koan:
            self.session.post(Command("reset"))
        else:
            self.console.print("nothing was reset")

    def _safely(self, act: Callable[[Any], None], item: State | str) -> None:
        try:
            act(item)
        except BrokenPipeError:
            raise
        except Exception as error:  # somebody edits the content while the app runs
            self.console.print(Text(self.session.reason(error), "red"))

    def _tell_runs(self) -> None:
        """Say that a run lasts, to somebody who waits at the keyboard."""
        if not (self.runs and self.source.isatty()):
            return
        run = self.runs[0]
        seconds = int(time.monotonic() - run.since)
        due = LASTS if not self.shown_seconds else self.shown_seconds // 10 * 10 + 10
        if seconds >= due:
            self.shown_seconds = seconds
            self.console.print(Text(f"running {run.koan}: {seconds} s", "dim"))

    def _show(self, state: State) -> None:
        self.runs = state.runs
        if not state.runs:
            self.shown_seconds = 0
        self._show_messages(state)
        self._show_hint(state)
        if state.step is None or state.step is self.shown_step:
            return
        self.shown_step = step = state.step
        if step.verdict.passed:
            self._show_pass(state, step)
        else:
            self._show_no_pass(state, step)

    def _show_messages(self, state: State) -> None:
        messages = [line for line in (state.notice, state.trouble) if line]
        if messages and messages != self.shown_messages:
            self.console.print(Text("\n".join(messages), "yellow"))
        self.shown_messages = messages

    def _show_hint(self, state: State) -> None:
        if state.koan != self.shown_koan:
            self.shown_koan, self.shown_hints = state.koan, state.hints
        if state.hints > self.shown_hints:
            text = self.workbook.notes(self.workbook.koans[state.koan]).hints[state.hints - 1]
            self.console.print(Text(f"hint {state.hints}", "bold"), "", terminal.markdown(text))
            self.shown_hints = state.hints
            self.session.post(Shown(state.koan, state.hints))

    def _show_all_hints(self, koan: str) -> None:
        for tier, text in enumerate(self.workbook.notes(self.workbook.koans[koan]).hints, 1):
            self.console.print(Text(f"hint {tier}", "bold"), "", terminal.markdown(text))

    def _show_symptom(self, step: Step) -> None:
        if step.symptom is not None:
            self.console.print(SymptomView(step.symptom), "")

    def _show_pass(self, state: State, step: Step) -> None:
        self._show_symptom(step)
        self.console.print(terminal.verdict(step.koan, step.verdict), unlocked(step.unlocked))
        runs = runs_now(self.workbook, step.koan.id, state.standings) if step.first else None
        if runs is not None:
            self.console.print(Text("  ").append_text(runs))
        self.console.print("", terminal.markdown(self.workbook.notes(step.koan).afterword), "")
        if state.finished is not None:
            self.console.print(done(state.finished), "")
        if state.passed < len(state.standings):
            self.session.post(Command("next"))
        else:
            self.console.print(f"{state.passed} of {len(state.standings)} koans passed", "Every koan has passed.")

    def _show_no_pass(self, state: State, step: Step) -> None:
        koan = step.koan
        reviews = f", {count(state.due, 'card')} to review (koans review)" if state.due else ""
        track = f"{progress(state.track, state.walked, len(state.order))} · " if state.track else ""
        self.console.print(Text(f"{track}{state.passed} of {len(state.standings)} koans passed{reviews}", "dim"), "")
        if step.verdict.status == Status.not_started:
            self.console.print(terminal.prompt(self.workbook, koan), "")
            self._show_symptom(step)
            first = self.workbook.first_test(koan)
            why = "" if koan.kind == "hunt" else ", because the function is not written yet"
            self.console.print(Text.assemble(("fails first: ", "dim"), f"{first}{why}"))
        else:
            self._show_symptom(step)
            self.console.print(terminal.verdict(koan, step.verdict))
        steps = [(f"edit exercises/{koan.id}.py", "")]
        if not self.source.isatty():  # there a save runs it and h gives the hint
            steps += [("koans", "try again"), (f"koans hint {koan.name}", "a hint")]
        self.console.print(terminal.next_steps(steps))
        if self.source.isatty():
            self.console.print(Text(f"watching for changes · {HELP}", "dim"))
