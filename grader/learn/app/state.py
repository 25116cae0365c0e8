"""The state of the app, and how an event changes it. No threads, no files, no screen."""

from __future__ import annotations

from typing import Literal

import msgspec

from grader.book.verdict import Status
from grader.book.workbook import HINTS
from grader.learn.attempts import Step
from grader.learn.progress import Standing

Verb = Literal["next", "previous", "go", "run", "hint", "reset"]


class Warmed(msgspec.Struct, frozen=True):
    """The runner is ready. `mode` describes how it runs, as `Runner.warm_up` returns it."""

    mode: str


class Saved(msgspec.Struct, frozen=True):
    """Files of these koans, at least one, changed on disk. `exercises`: the learner's own files did, not only tests."""

    koans: tuple[str, ...]
    exercises: bool = True


class Ran(msgspec.Struct, frozen=True):
    """An attempt has a verdict."""

    step: Step


class Trouble(msgspec.Struct, frozen=True):
    """Something outside the learner's code went wrong. `text` is one line."""

    text: str


class Notice(msgspec.Struct, frozen=True):
    """A line for the learner, for example where a copy was saved or that files are polled."""

    text: str


class Command(msgspec.Struct, frozen=True):
    """A command of the learner. `koan` is the id of the koan to go to."""

    verb: Verb
    koan: str = ""


Event = Warmed | Saved | Ran | Trouble | Notice | Command


class State(msgspec.Struct, frozen=True):
    """The state of the app.

    `order` holds the ids of all koans in the order of the workbook, `koan` is the current one and `step` its last
    attempt since it became current. `hints` is the number of tiers shown. `mode` describes how koans run. `notice` is
    a line for the learner, `trouble` a line about an error outside their code. `due` is the number of cards to review.
    """

    order: tuple[str, ...]
    koan: str
    standings: dict[str, Standing]
    step: Step | None = None
    running: bool = False
    hints: int = 0
    mode: str = "warming up"
    notice: str = ""
    trouble: str = ""
    due: int = 0

    @property
    def passed(self) -> int:
        """The number of koans that pass as they are now."""
        return sum(s.status == Status.passed for s in self.standings.values())


class AppEffect(msgspec.Struct, frozen=True):
    """What the session must do for a new state: run the koan (and cancel the run before), reset it, record a hint.

    `force`: run also if the text has not changed since its last run.
    """

    verb: Literal["run", "reset", "hint"]
    koan: str
    force: bool = False


def update(state: State, event: Event) -> tuple[State, list[AppEffect]]:
    """The state after an event, and what the session must do."""
    match event:
        case Warmed(mode):
            return msgspec.structs.replace(state, mode=mode), []
        case Notice(text):
            return msgspec.structs.replace(state, notice=text), []
        case Trouble(text):
            return msgspec.structs.replace(state, trouble=text, running=False), []
        case Saved(koans, exercises):
            return _saved(state, koans, exercises)
        case Ran(step):
            if step.koan.id != state.koan:
                return state, []
            return msgspec.structs.replace(state, step=step, running=False, trouble=""), []
        case Command("next"):
            return go_to(state, next_koan(state))
        case Command("previous"):
            place = state.order.index(state.koan)
            return go_to(state, state.order[place - 1])
        case Command("go", koan):
            return go_to(state, koan)
        case Command("run"):
            return msgspec.structs.replace(state, running=True, notice=""), [AppEffect("run", state.koan, force=True)]
        case Command("hint"):
            tier = min(state.hints + 1, HINTS)
            return msgspec.structs.replace(state, hints=tier), [AppEffect("hint", state.koan)]
        case Command("reset"):
            return state, [AppEffect("reset", state.koan)]
        case _:
            return state, []


def _saved(state: State, koans: tuple[str, ...], exercises: bool) -> tuple[State, list[AppEffect]]:
    if state.koan in koans:
        return msgspec.structs.replace(state, running=True), [AppEffect("run", state.koan, force=not exercises)]
    if not exercises:
        return state, []
    return go_to(state, koans[0])  # the learner works on another koan: follow


def go_to(state: State, koan: str) -> tuple[State, list[AppEffect]]:
    """Make `koan` the current one and run it."""
    hints = state.standings[koan].hints if koan in state.standings else 0
    moved = msgspec.structs.replace(state, koan=koan, step=None, hints=hints, running=True, notice="")
    return moved, [AppEffect("run", koan, force=True)]


def next_koan(state: State) -> str:
    """The id of the next koan: after a pass the next one that has not passed, otherwise the next one in order.

    The first koan follows the last.
    """
    place = state.order.index(state.koan)
    after = [*state.order[place + 1 :], *state.order[:place]]
    if state.standings[state.koan].status == Status.passed:
        return next((k for k in after if state.standings[k].status != Status.passed), after[0] if after else state.koan)
    return after[0] if after else state.koan
