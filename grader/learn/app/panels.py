"""The screens that open over the main screen: the list of koans, a page of text, a pass, a yes-or-no question."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from rich.console import Group
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Input, OptionList, Static
from textual.widgets.option_list import Option

from grader.book import terminal
from grader.book.stubs import without_docstrings
from grader.book.workbook import Koan, Workbook
from grader.learn.app.state import State, Verb
from grader.learn.attempts import Step, solution_text
from grader.learn.report.model import runs_now
from grader.learn.report.standing import unlocked
from grader.learn.report.tracks import done

CHOSEN, OTHER = "▸ ", "  "  # before the line that Enter would choose, and before the others
KEYS = "Esc closes · ↑ ↓ PgUp PgDn scroll · q quits"
LIST_KEYS = "↑ ↓ choose · Enter opens the koan · Esc closes · Ctrl-C quits"
NONE_MATCHES = "no koan matches · Backspace deletes a letter · Esc closes · Ctrl-C quits"
SIDE_BY_SIDE = 110  # columns from which two answers are shown side by side


Result = TypeVar("Result")


class OverScreen(ModalScreen[Result]):
    """A screen that lies over the main screen, in a frame. Its border says what is new on the main screen."""

    heading = ""
    frame_type: ClassVar[str] = "VerticalScroll"

    def tell(self, news: str, state: State) -> None:
        """Show this line in the border, before the heading. `state` is the new state of the app."""
        for frame in self.query(f"{type(self).__name__} > {self.frame_type}"):  # none before the screen is composed
            frame.border_title = Text(f"{news} · {self.heading}" if self.heading else news).markup


class ChooseKoan(OverScreen[str | None]):
    """A list of all koans. Typing filters by id, title, rung and standing. Enter returns the id of the chosen koan."""

    CSS = """
    ChooseKoan { align: center middle; }
    ChooseKoan > Vertical { width: 92%; height: 90%; border: round $accent; background: $surface; }
    ChooseKoan OptionList { height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "close"),
        Binding("down", "move(1)", "down", show=False),
        Binding("up", "move(-1)", "up", show=False),
    ]

    frame_type = "Vertical"

    def __init__(self, workbook: Workbook, state: State) -> None:
        super().__init__()
        self.workbook = workbook
        self.state = state
        self._marked: int | None = None  # the index of the line that has the sign

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Input(placeholder="filter: a name, a chapter, a rung, failed, not started …")
            yield OptionList()
            yield Static(id="keys")

    def on_mount(self) -> None:
        self._fill("")
        self.query_one(Input).focus()

    def _fill(self, words: str) -> None:
        options = self.query_one(OptionList)
        options.clear_options()
        for koan in self.workbook.koans.values():
            line = self._line(koan)
            track = self.state.track if koan.id in self.state.order else ""
            if all(word in f"{koan.id} {line.plain} {track}".lower() for word in words.lower().split()):
                options.add_option(Option(Text.assemble(OTHER, line), id=koan.id))
        if options.option_count:
            ids = [str(options.get_option_at_index(i).id) for i in range(options.option_count)]
            options.highlighted = ids.index(min(ids, key=lambda koan: self._distance(koan, words)))
        self.query_one("#keys", Static).update(Text(LIST_KEYS if options.option_count else NONE_MATCHES, "dim"))

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Mark the line by a sign, too: not everybody sees its color."""
        options = event.option_list
        for index in {self._marked, event.option_index} - {None}:
            if index is not None and index < options.option_count:
                self._sign(options, index)
        self._marked = event.option_index

    def tell(self, news: str, state: State) -> None:
        super().tell(news, state)
        self.state = state
        options = self.query_one(OptionList)
        for index in range(options.option_count):
            self._sign(options, index)

    def _sign(self, options: OptionList, index: int) -> None:
        """Write this line anew, with the sign if it is the chosen one."""
        koan = self.workbook.koans.get(str(options.get_option_at_index(index).id))
        if koan is not None:
            sign = CHOSEN if index == options.highlighted else OTHER
            options.replace_option_prompt_at_index(index, Text.assemble(sign, self._line(koan)))

    def _distance(self, koan: str, words: str) -> int:
        """How far a koan is from what was typed: 0 for its name, 1 for the start of its name, 2 otherwise."""
        name = koan.partition("/")[2]
        if not words:
            return 0 if koan == self.state.koan else 1
        return 0 if name == words else 1 if name.startswith(words) else 2

    def _line(self, koan: Koan) -> Text:
        standing = self.state.standings[koan.id]
        status = terminal.status_text(standing.status, changed=standing.changed, in_notebook=standing.in_notebook)
        status.pad_right(max(0, 16 - status.cell_len))
        chapter = Text(koan.chapter.partition("_")[0] + " ", "dim")
        return Text.assemble(status, chapter, (koan.name, "bold"), f"  {koan.title}  ", (koan.rung, "dim"))

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_move(self, step: int) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            options.highlighted = ((options.highlighted or 0) + step) % options.option_count

    def action_close(self) -> None:
        self.dismiss(None)


class Page(OverScreen[None]):
    """A text to read. Escape or Enter closes it."""

    CSS = """
    Page { align: center middle; }
    Page > VerticalScroll {
        width: 92%; max-width: 104; height: 92%; border: round $accent; background: $surface; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.quit", "quit"),
        Binding("escape,enter", "close", "close"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.heading = title
        self.text = text

    def compose(self) -> ComposeResult:
        with VerticalScroll() as scroll:
            scroll.border_title = self.heading
            scroll.border_subtitle = KEYS
            yield Static(terminal.markdown(self.text))  # a widget for each paragraph would take a second

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        self.dismiss(None)


class PassedScreen(OverScreen[Verb | None]):
    """A pass: the cards it unlocked, the afterword, and the learner's answer beside the model answer.

    The result is the command to post next, or None. Raises KoansError if the afterword cannot be read.
    """

    CSS = """
    PassedScreen { align: center middle; }
    PassedScreen > VerticalScroll {
        width: 96%; height: 94%; border: round $success; background: $surface; padding: 0 1;
    }
    PassedScreen .code { width: 1fr; height: auto; padding: 0 1; }
    PassedScreen Horizontal { height: auto; margin-top: 1; }
    PassedScreen .stacked { layout: vertical; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.quit", "quit"),
        Binding("n,enter", "next", "next koan"),
        Binding("escape", "stay", "stay"),
    ]

    def __init__(self, workbook: Workbook, step: Step, state: State) -> None:
        super().__init__()
        self.step = step
        self.model = runs_now(workbook, step.koan.id, state.standings)
        self.said = sentence(state, step)
        self.finished = state.finished if step is state.step else None
        self.heading = f"{step.koan.id} passed"
        self.afterword = workbook.notes(step.koan).afterword
        has_solution = workbook.solution(step.koan).exists()  # a student edition has none
        self.solution = solution_text(workbook, step.koan) if has_solution else None

    def compose(self) -> ComposeResult:
        with VerticalScroll() as scroll:
            scroll.border_title = self.heading
            if self.finished is not None:
                yield Static(Group(done(self.finished), ""), id="finished")
            if self.step.unlocked:
                yield Static(unlocked(self.step.unlocked))
            if self.model is not None:
                yield Static(Group(self.model, self.said), id="model")
            yield Static(terminal.markdown(self.afterword))
            # Side by side where there is room. The class is set before anything is mounted.
            with Horizontal(classes="" if self.app.size.width >= SIDE_BY_SIDE else "stacked"):
                with Vertical(classes="code"):
                    yield Static(Text("yours", "bold"))
                    yield Static(terminal.code(without_docstrings(self.step.text)))
                if self.solution is not None:
                    with Vertical(classes="code"):
                        yield Static(Text("the model answer", "bold"))
                        yield Static(terminal.code(without_docstrings(self.solution)))
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()

    def on_resize(self, event: events.Resize) -> None:
        for answers in self.query(Horizontal):  # none before the screen is composed
            answers.set_class(event.size.width < SIDE_BY_SIDE, "stacked")

    def hear(self, state: State) -> None:
        """Show what the model says, once it has said something."""
        said = sentence(state, self.step)
        if self.model is not None and said.plain != self.said.plain:
            self.said = said
            for shown in self.query("#model").results(Static):  # none before the screen is composed
                shown.update(Group(self.model, said))

    def action_next(self) -> None:
        self.dismiss("next")

    def action_stay(self) -> None:
        self.dismiss(None)


def sentence(state: State, step: Step) -> Text:
    """What the model said after this pass, or that it will."""
    if state.spoke is not None and state.spoke.koan == step.koan.id:
        return Text(f"“{state.spoke.sentence} …”", "italic")
    return Text()


class Confirm(OverScreen[bool]):
    """A yes-or-no question. y means yes, any other key no. q quits."""

    CSS = """
    Confirm { align: center middle; }
    Confirm > Static {
        width: auto; max-width: 80%; height: auto; border: round $warning; background: $surface; padding: 1 2;
    }
    """

    frame_type = "Static"

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        yield Static(Text.assemble(self.question, "\n\n", ("y", "bold"), " yes   ", ("any other key", "bold"), " no"))

    async def on_key(self, event: events.Key) -> None:
        event.stop()
        if event.key == "q":
            await self.run_action("app.quit")
        else:
            self.dismiss(event.key == "y")
