"""The full screen: shows the state of the session, and posts commands to it when keys are pressed."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.widgets import Footer, Static

from grader.book import terminal
from grader.book.errors import KoansError
from grader.book.verdict import Status
from grader.book.workbook import HINTS, RUNGS, Koan, Workbook
from grader.learn import attempts
from grader.learn.app.panels import ChooseKoan, Confirm, Page, PassedScreen
from grader.learn.app.session import AppSession
from grader.learn.app.state import Command, Notice, State, Verb
from grader.learn.report.recall import count
from grader.learn.report.standing import unlocked

WIDE = 100  # columns from which prompt and verdict are shown side by side
BAR = 12  # width of the bar of progress in cells

HELP = """
Edit the koan's file in your own editor. Every time you save it, it runs, and the verdict appears here.

| key | |
|---|---|
| n, p | the next koan, the one before (after a pass, n goes to the next that has not passed) |
| l | the list: type to filter, Enter to go there |
| r | run now |
| h | a hint, one tier more each time |
| e | open the file in $EDITOR |
| s | the model answer beside yours, once yours has passed |
| c | read the chapter |
| x | put the stub back (yours is kept) |
| q | quit |

A verdict is one of passed, failed, not started, broken, timed out, crashed, not run here. "Not run" is never a pass.
"""


class KoansApp(App[None]):
    """The current koan on the left and its verdict on the right; on a narrow terminal, one below the other."""

    TITLE = "Tensor Koans"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: auto; padding: 0 1; background: $panel; }
    #body { height: 1fr; }
    #prompt, #verdict { width: 1fr; height: 1fr; padding: 1 1 0 1; }
    #verdict { border-left: solid $panel; }
    .narrow #body { layout: vertical; }
    .narrow #prompt { height: auto; max-height: 45%; }
    .narrow #verdict { border-left: none; border-top: solid $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "post('next')", "next"),
        Binding("p", "post('previous')", "previous", show=False),
        Binding("l", "list", "list"),
        Binding("r", "post('run')", "run"),
        Binding("h", "post('hint')", "hint"),
        Binding("e", "edit", "edit", show=False),
        Binding("s", "solution", "solution"),
        Binding("c", "read", "chapter"),
        Binding("x", "reset", "reset", show=False),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("q", "quit", "quit"),
    ]

    class Changed(Message):
        """The session has a new state."""

        def __init__(self, state: State) -> None:
            super().__init__()
            self.state = state

    def __init__(self, workbook: Workbook, *, poll: bool = False) -> None:
        super().__init__()
        self.workbook = workbook
        self.session = AppSession(workbook, self._post_state, poll=poll)
        self.state = self.session.state
        self._last_pass: attempts.Step | None = None

    def _post_state(self, state: State) -> None:
        self.post_message(self.Changed(state))

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        with Horizontal(id="body"):
            with VerticalScroll(id="prompt"):
                yield Static(id="prompt-text")
            with VerticalScroll(id="verdict"):
                yield Static(id="verdict-text")
        yield Footer()

    def on_mount(self) -> None:
        self._show(self.state)
        self.session.start()

    def on_unmount(self) -> None:
        self.session.stop()

    def on_resize(self) -> None:
        self.set_class(self.size.width < WIDE, "narrow")
        self._show(self.state)

    def on_koans_app_changed(self, message: Changed) -> None:
        moved = message.state.koan != self.state.koan
        self.state = message.state
        self._show(message.state)
        if moved:
            self.query_one("#prompt").scroll_home(animate=False)
        step = message.state.step
        if step is not None and step is not self._last_pass and step.verdict.passed:
            self._last_pass = step
            if step.first and len(self.screen_stack) == 1:
                self._show_pass(step)

    @property
    def koan(self) -> Koan:
        return self.workbook.koans[self.state.koan]

    def _show(self, state: State) -> None:
        parts = {"#head": self._head, "#prompt-text": self._prompt, "#verdict-text": self._verdict}
        for where, render in parts.items():
            try:
                content = render(state)
            except KoansError as error:  # somebody edits the content while the app runs
                content = Text(str(error), "red")
            self.query_one(where, Static).update(content)

    def _head(self, state: State) -> RenderableType:
        koan = self.koan
        chapter = next(c for c in self.workbook.chapters if c.id == koan.chapter)
        passed = [state.standings[k.id].status == Status.passed for k in chapter.koans]
        filled = round(BAR * sum(passed) / len(passed))
        line = Text.assemble(
            ("Tensor Koans  ", "bold"),
            f"{state.passed}/{len(state.order)}  ",
            (chapter.id, "cyan"),
            " ",
            ("━" * filled, "green"),
            ("━" * (BAR - filled), "dim"),
            f" {sum(passed)}/{len(passed)}",
        )
        rungs = Text("rungs  ", "dim")
        for rung in RUNGS:
            koans = [k for k in self.workbook.koans.values() if k.rung == rung]
            done = sum(state.standings[k.id].status == Status.passed for k in koans)
            if koans:
                style = "bold" if rung == koan.rung else "dim"
                rungs.append(f"{rung.removesuffix(' it')} {done}/{len(koans)}  ", style)
        mode = state.mode if state.mode.startswith("cold") else ("running…" if state.running else state.mode)
        status = Text.assemble(("  " + mode, "yellow" if state.running else "dim"))
        line.append_text(status)
        if state.due:
            cards = f"{state.due} due" if self.size.width < WIDE else f"{count(state.due, 'card')} due (koans review)"
            line.append(f"  {cards}", "magenta")
        parts = [line] if self.size.width < WIDE else [line, rungs]
        parts += [Text(line, "yellow") for line in (state.notice, state.trouble) if line]
        return Group(*parts)

    def _prompt(self, state: State) -> RenderableType:
        koan = self.koan
        number = state.order.index(koan.id) + 1
        parts: list[RenderableType] = [
            Text(f"{number}. {koan.name}", "bold cyan"),
            terminal.prompt(self.workbook, koan),
        ]
        hints = self.workbook.notes(koan).hints[: state.hints]
        for i, hint in enumerate(hints, 1):
            parts += [Text(), Text(f"hint {i} of {HINTS}", "bold yellow"), Markdown(hint)]
        if not hints:
            parts += [Text(), Text("h for a hint", "dim")]
        return Group(*parts)

    def _verdict(self, state: State) -> RenderableType:
        step = state.step
        if step is None:
            return Text("running your code…" if state.running else "", "dim")
        verdict = step.verdict
        parts: list[RenderableType] = [terminal.verdict(step.koan, verdict)]
        if verdict.status == Status.not_started:
            first = self.workbook.first_test(step.koan)
            parts += [Text(), Text.assemble(("the first test: ", "dim"), first)]
            parts += [Text(), Text(f"Edit exercises/{step.koan.id}.py and save it; it runs by itself.")]
        elif verdict.passed:
            keys = "n for the next koan, s for the model answer beside yours"
            parts += [Text(), unlocked(step.unlocked), Text(keys, "dim")]
        if state.running:
            parts.append(Text("running…", "yellow"))
        return Group(*parts)

    def _show_pass(self, step: attempts.Step) -> None:
        self.push_screen(PassedScreen(self.workbook, step), self._after_pass)

    def _after_pass(self, verb: Verb | None) -> None:
        if verb:
            self.session.post(Command(verb))

    def action_post(self, verb: Verb) -> None:
        self.session.post(Command(verb))

    def action_list(self) -> None:
        def go_to(koan: str | None) -> None:
            if koan:
                self.session.post(Command("go", koan))

        self.push_screen(ChooseKoan(self.workbook, self.state), go_to)

    def action_help(self) -> None:
        self.push_screen(Page("Keys", HELP))

    def action_read(self) -> None:
        chapter = next(c for c in self.workbook.chapters if c.id == self.koan.chapter)
        try:
            self.push_screen(Page(chapter.title, self.workbook.text_for_terminal(chapter)))
        except KoansError as error:
            self.session.post(Notice(str(error)))

    def action_solution(self) -> None:
        step = self.state.step
        if step is not None and step.verdict.passed:
            self._show_pass(step)
        elif self.state.standings[self.koan.id].passed:
            try:
                self.push_screen(
                    Page(self.koan.title, f"```python\n{attempts.solution_text(self.workbook, self.koan)}```")
                )
            except KoansError as error:
                self.session.post(Notice(str(error)))
        else:
            self.session.post(
                Notice(f"the solution opens when yours passes; koans solution {self.koan.name} --peek shows it")
            )

    def action_reset(self) -> None:
        def reset_if(confirmed: bool | None) -> None:
            if confirmed:
                self.session.post(Command("reset"))

        self.push_screen(
            Confirm(f"Put the stub of {self.koan.name} back? Yours is kept under .koans/replaced."), reset_if
        )

    def action_edit(self) -> None:
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        if not editor:
            self.session.post(Notice(f"$EDITOR is not set; open exercises/{self.koan.id}.py yourself"))
            return
        try:
            with self.suspend():
                subprocess.run([*shlex.split(editor), str(self.workbook.exercise(self.koan))], check=False)
        except OSError as error:
            self.session.post(Notice(f"$EDITOR ({editor}) cannot be run: {error.strerror}"))
        self.refresh(layout=True)
