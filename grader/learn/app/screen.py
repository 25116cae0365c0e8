"""The full screen: shows the state of the session, and posts commands to it when keys are pressed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar, TypeVar

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Footer, Static

from grader.book import terminal
from grader.book.verdict import Status
from grader.book.workbook import HINTS, RUNGS, Koan, Workbook
from grader.learn import attempts
from grader.learn.app import header
from grader.learn.app.editor import command, edit
from grader.learn.app.header import Progressed
from grader.learn.app.panels import ChooseKoan, Confirm, OverScreen, Page, PassedScreen
from grader.learn.app.session import AppSession
from grader.learn.app.state import Command, Notice, Run, Shown, State, Verb, verdict_line
from grader.learn.report.standing import unlocked
from grader.learn.report.symptom import SymptomView

WIDE = 100  # columns from which prompt and verdict are shown side by side
TICK = 0.25  # seconds between looks at the clock while a koan runs

GRAY = (217, 217, 217)
GRAYS = TerminalTheme((12, 12, 12), GRAY, [(26, 26, 26)] + 7 * [GRAY], 8 * [GRAY])  # every color of a text is legible

Result = TypeVar("Result")  # of a screen

HELP = """
Edit the koan's file in your own editor. Each time you save it, the koan runs, and its verdict appears here.

| key | |
|---|---|
| ↑ ↓ PgUp PgDn Home End | scroll the part of the screen that has a thick edge |
| Tab | move the thick edge to the other part |
| n, p | the next koan, the previous koan (after a pass, n goes to the next koan that has not passed) |
| l | the list of koans: type to filter it (also by the name of your track), Enter opens a koan |
| r | run now |
| h | the next of three hints |
| e | open the file in $EDITOR |
| s | the model answer beside yours, once yours has passed |
| c | read the chapter |
| x | reset to the stub (your version is saved) |
| q, Ctrl-C | quit, at any time; Esc closes a page, Ctrl-Z suspends |

If you leave a koan while it runs, the run continues and its verdict counts.

The first line says which koan runs, or how koans run. "warm": the libraries are loaded already. "shared": all commands
here use the same loaded libraries. "cold": each run loads the libraries again, which takes longer. "to review" counts
the cards for `koans review`. If you walk a track (`koans track`), the line shows how far you are on it, and n and p
follow its order.

A verdict is passed, failed, not started, broken, timed out, crashed or not run here. "not run here" is never a pass.
"""


class Pane(VerticalScroll):
    """A part of the screen that scrolls. After a change of its size the text that came last is in view again."""

    latest: Static | None = None

    def reveal(self, latest: Static) -> None:
        self.latest = latest
        latest.scroll_visible(animate=False, top=True, immediate=True)

    def to_top(self) -> None:
        self.latest = None
        self.scroll_home(animate=False)

    def on_resize(self) -> None:
        if self.latest is not None:
            self.call_after_refresh(self.reveal, self.latest)


class KoansApp(App[None]):
    """The current koan on the left and its verdict on the right; on a narrow terminal, one below the other."""

    TITLE = "Tensor Koans"
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: auto; padding: 0 1; background: $panel; }
    #body { height: 1fr; }
    #prompt, #verdict { width: 1fr; height: 1fr; padding: 1 1 0 1; border-left: vkey $panel; }
    #prompt:focus, #verdict:focus { border-left: outer $accent; }
    .hint { display: none; height: auto; }
    .hint.shown { display: block; }
    .narrow #body { layout: vertical; }
    .narrow #prompt { height: auto; max-height: 45%; }
    .narrow #verdict { border-top: solid $panel; }
    """
    # The first ones are in the footer also where it has little room.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", "quit"),
        Binding("question_mark", "help", "help", key_display="?"),
        Binding("n", "post('next')", "next"),
        Binding("h", "hint", "hint"),
        Binding("r", "post('run')", "run", show=False),
        Binding("l", "list", "list"),
        Binding("c", "read", "text"),
        Binding("s", "solution", "answer"),
        Binding("p", "post('previous')", "previous", show=False),
        Binding("e", "edit", "edit", show=False),
        Binding("x", "reset", "reset", show=False),
        Binding("ctrl+c", "quit", "quit", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", "suspend", show=False, priority=True),
    ]

    class Changed(Message):
        """The session has a new state."""

        def __init__(self, state: State) -> None:
            super().__init__()
            self.state = state

    def __init__(self, workbook: Workbook, *, poll: bool = False) -> None:
        super().__init__()
        self.workbook = workbook
        self.session = AppSession(workbook, self._post_state, poll=poll, speaks=True)
        self.state = self.session.state
        self._width = 0
        self._seconds: tuple[int, ...] = ()  # for which the runs go on, as shown
        self._last_pass: attempts.Step | None = None

    def _post_state(self, state: State) -> None:
        self.post_message(self.Changed(state))

    def compose(self) -> ComposeResult:
        yield Static(id="head")
        with Horizontal(id="body"):
            with Pane(id="prompt"):
                yield Static(id="prompt-text")
                for tier in range(1, HINTS + 1):
                    yield Static(id=f"hint-{tier}", classes="hint")
                yield Static(id="more-hints")
            with Pane(id="verdict"):
                yield Static(id="verdict-text")
        yield Footer()

    def on_mount(self) -> None:
        self._width = self.size.width
        if self.no_color:  # Textual turns colors to the gray of their luminance, which is dark for red and magenta
            self.ansi_theme_dark = self.ansi_theme_light = GRAYS
        self._show(self.state)
        self.app_resume_signal.subscribe(self, lambda _: self._repaint())
        self.session.start()
        self.set_interval(TICK, self._count_seconds)

    def on_unmount(self) -> None:
        self.session.stop()

    async def action_quit(self) -> None:
        self.quit()

    def action_help_quit(self) -> None:
        """Textual calls it for Ctrl-C where that does not quit. Here it always quits."""
        self.quit()

    def quit(self) -> None:
        """End the app. The session ends meanwhile: Textual needs a fifth of a second to give the terminal back."""
        self.session.give_up()
        self.exit()

    def on_resize(self, event: events.Resize) -> None:
        self._width = event.size.width
        self.set_class(self._narrow, "narrow")
        self._show(self.state)

    def _repaint(self) -> None:
        """Draw all of the screen. The terminal was somebody else's meanwhile, so nothing is left of what was drawn."""
        self.call_after_refresh(self.screen.refresh)

    @property
    def _is_whole(self) -> bool:
        """The main screen has its parts. Messages still come when they are gone, because the app is about to end."""
        return bool(self.screen_stack) and len(self.screen_stack[0].query("#head, #verdict-text")) == 2

    @property
    def _narrow(self) -> bool:
        return self._width < WIDE

    def _count_seconds(self) -> None:
        """Show for how many seconds the runs have gone on, when these have changed."""
        now = time.monotonic()
        seconds = tuple(int(now - run.since) for run in self.state.runs)
        if seconds != self._seconds and self._is_whole:
            self._seconds = seconds
            self._show(self.state)

    def on_koans_app_changed(self, message: Changed) -> None:
        if not self._is_whole:
            return
        before, self.state = self.state, message.state
        state = self.state
        self._show(state)
        self._bring_into_view(before, state)
        self._tell_open_screen(before, state)
        step = state.step
        if step is not None and step is not self._last_pass and step.verdict.passed:
            self._last_pass = step
            if step.first and len(self.screen_stack) == 1:
                self._show_pass(step)

    def _tell_open_screen(self, before: State, state: State) -> None:
        """A screen that lies over the main one says what is new. The page of a pass goes once it is no longer true."""
        opened, step = self.screen, state.step
        if isinstance(opened, PassedScreen) and (state.koan != opened.step.koan.id or step not in (None, opened.step)):
            opened.dismiss(None)
            if step is not None and step.verdict.passed:
                self.call_later(self._show_pass, step)
        elif isinstance(opened, PassedScreen) and state.spoke is not before.spoke:
            opened.hear(state)
        elif isinstance(opened, OverScreen):
            if step is not None and step is not before.step:
                opened.tell(verdict_line(step), state)
            elif state.notice not in ("", before.notice):
                opened.tell(state.notice, state)
            elif state.trouble not in ("", before.trouble):
                opened.tell(state.trouble, state)

    def _bring_into_view(self, before: State, state: State) -> None:
        """Scroll to what is new: the prompt of another koan, a verdict, a hint. The keys that scroll go to it, too."""
        main = self.screen_stack[0]
        prompt, verdict = main.query_one("#prompt", Pane), main.query_one("#verdict", Pane)
        if state.koan != before.koan:
            prompt.to_top()
            verdict.to_top()
            main.set_focus(prompt)
        elif state.step is not before.step:
            verdict.to_top()
            if before.step is not None:
                main.set_focus(verdict)
        elif state.hints > before.hints:
            self._reveal_hint(state)

    def _reveal_hint(self, state: State) -> None:
        """Scroll to the last hint. It counts as seen only then."""
        main = self.screen_stack[0]
        hint = main.query_one(f"#hint-{state.hints}", Static)
        prompt = main.query_one("#prompt", Pane)
        main.set_focus(prompt)

        def reveal() -> None:
            if self.state.koan != state.koan:
                return
            if hint.has_class("shown"):
                prompt.reveal(hint)
                self.session.post(Shown(state.koan, state.hints))
            else:  # the line below the hints says why it is not there
                prompt.reveal(main.query_one("#more-hints", Static))

        self.call_after_refresh(reveal)

    @property
    def koan(self) -> Koan:
        return self.workbook.koans[self.state.koan]

    def _show(self, state: State) -> None:
        main = self.screen_stack[0]
        parts = {"#head": self._head, "#prompt-text": self._prompt, "#verdict-text": self._verdict}
        for where, render in parts.items():
            try:
                content = render(state)
            except Exception as error:  # somebody edits the content while the app runs
                content = Text(self.session.reason(error), "red")
            main.query_one(where, Static).update(content)
        self._show_hints(state)

    def _show_hints(self, state: State) -> None:
        main = self.screen_stack[0]
        try:
            hints = self.workbook.notes(self.koan).hints[: state.hints]
        except Exception as error:
            hints = ()
            main.query_one("#more-hints", Static).update(Text(self.session.reason(error), "red"))
        else:
            more = "" if state.hints >= HINTS else "h for one more hint" if state.hints else "h for a hint"
            main.query_one("#more-hints", Static).update(Text(f"\n{more}", "dim"))
        for tier in range(1, HINTS + 1):
            shown = tier <= len(hints)
            widget = main.query_one(f"#hint-{tier}", Static)
            widget.set_class(shown, "shown")
            if shown:
                head = Text(f"\nhint {tier} of {HINTS}", "bold yellow")
                widget.update(Group(head, Markdown(hints[tier - 1])))

    def _head(self, state: State) -> RenderableType:
        koan = self.koan
        chapter = next(c for c in self.workbook.chapters if c.id == koan.chapter)
        passed = sum(state.standings[k.id].status == Status.passed for k in chapter.koans)
        rungs = Text("rungs  ", "dim", no_wrap=True, overflow="ellipsis")
        for rung in RUNGS:
            koans = [k for k in self.workbook.koans.values() if k.rung == rung]
            done = sum(state.standings[k.id].status == Status.passed for k in koans)
            if koans:
                here = rung == koan.rung
                name = f"{'▸' if here else ''}{rung.removesuffix(' it')} {done}/{len(koans)}  "
                rungs.append(name, "bold" if here else "dim")
        whole = (state.walked, len(state.order)) if state.track else (state.passed, len(state.standings))
        progress = Progressed(chapter.id, passed, len(chapter.koans), *whole, state.track)
        line = header.line(progress, self._mode(state), state.due, self._width - 2, running=state.running)
        parts = [line] if self._narrow else [line, rungs]
        parts += [Text(line, "yellow") for line in (state.notice, state.trouble) if line]
        return Group(*parts)

    def _mode(self, state: State) -> list[str]:
        """What runs and for how many seconds, or how koans run."""
        runs = [f"{run.koan.partition('/')[2]} {self._age(run)}" for run in state.runs]
        if runs:
            return [f"running {', '.join(runs)}", f"running {runs[0]} +{len(runs) - 1}"][: len(runs)]
        return ["running…" if state.running and not state.mode.startswith("cold") else state.mode]

    def _age(self, run: Run) -> str:
        return f"{int(time.monotonic() - run.since)} s"

    def _prompt(self, state: State) -> RenderableType:
        koan = self.koan
        number = f"{state.order.index(koan.id) + 1}. " if koan.id in state.order else ""  # none outside the track
        return Group(Text(f"{number}{koan.name}", "bold cyan"), terminal.prompt(self.workbook, koan))

    def _verdict(self, state: State) -> RenderableType:
        step = state.step
        age = next((f" {self._age(run)}" for run in state.runs if run.koan == state.koan), "")
        if step is None:
            return Text(f"running your code…{age}" if state.running else "", "dim")
        verdict = step.verdict
        parts: list[RenderableType] = [terminal.verdict(step.koan, verdict)]
        if step.symptom is not None:
            parts += [Text(), SymptomView(step.symptom)]
        if verdict.status == Status.not_started:
            first = self.workbook.first_test(step.koan)
            parts += [Text(), Text.assemble(("the first test: ", "dim"), first)]
            todo = "Find the wrong line in" if step.koan.kind == "hunt" else "Edit"
            parts += [Text(), Text(f"{todo} exercises/{step.koan.id}.py and save it: each save runs the koan.")]
        elif verdict.passed:
            keys = "n for the next koan, s for the model answer beside yours"
            parts += [Text(), unlocked(step.unlocked), Text(keys, "dim")]
        if state.running:
            parts.insert(0, Text(f"running…{age}", "yellow"))
        return Group(*parts)

    def _show_pass(self, step: attempts.Step) -> None:
        self._open(lambda: PassedScreen(self.workbook, step, self.state), self._after_pass)

    def _open(self, screen: Callable[[], Screen[Result]], then: Callable[[Result | None], None] | None = None) -> None:
        """Open a screen. If what it shows cannot be read, a notice says why."""
        try:
            opened = screen()
        except Exception as error:
            self.session.post(Notice(self.session.reason(error)))
        else:
            self.push_screen(opened, then)

    def _after_pass(self, verb: Verb | None) -> None:
        if verb:
            self.session.post(Command(verb))

    def action_post(self, verb: Verb) -> None:
        self.session.post(Command(verb))

    def action_hint(self) -> None:
        if self.state.hints >= HINTS:
            self._reveal_hint(self.state)
        self.session.post(Command("hint"))

    def action_list(self) -> None:
        def go_to(koan: str | None) -> None:
            if koan:
                self.session.post(Command("go", koan))

        self.push_screen(ChooseKoan(self.workbook, self.state), go_to)

    def action_help(self) -> None:
        self.push_screen(Page("Keys", HELP))

    def action_read(self) -> None:
        chapter = next(c for c in self.workbook.chapters if c.id == self.koan.chapter)
        self._open(lambda: Page(chapter.title, self.workbook.text_for_terminal(chapter)))

    def action_solution(self) -> None:
        step = self.state.step
        if step is not None and step.verdict.passed:
            self._show_pass(step)
        elif self.state.standings[self.koan.id].passed:
            koan = self.koan
            self._open(lambda: Page(koan.title, f"```python\n{attempts.solution_text(self.workbook, koan)}```"))
        else:
            self.session.post(
                Notice(
                    "the model answer is shown once your answer passes; "
                    f"koans solution {self.koan.name} --peek shows it now"
                )
            )

    def action_reset(self) -> None:
        def reset_if(confirmed: bool | None) -> None:
            if confirmed:
                self.session.post(Command("reset"))

        self.push_screen(
            Confirm(f"Reset {self.koan.name} to its stub? Your version is saved under .koans/replaced."), reset_if
        )

    def action_edit(self) -> None:
        editor = command()
        if not editor:
            self.session.post(Notice(f"$EDITOR is not set; open exercises/{self.koan.id}.py yourself"))
            return
        with self.suspend():  # nothing may be raised in here: Textual would not take the terminal back
            trouble = edit(editor, self.workbook.exercise(self.koan))
        if trouble:
            self.session.post(Notice(trouble))
        self._repaint()
