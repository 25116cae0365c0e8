"""What the app knows, and how an event changes it. No threads, no files, no screen."""

from __future__ import annotations

import msgspec

from grader.book.verdict import Status
from grader.book.workbook import HINTS
from grader.learn.attempts import Step
from grader.learn.progress import Standing


class Warmed(msgspec.Struct, frozen=True):
    """The runner is ready; `mode` says how it runs."""

    mode: str


class Saved(msgspec.Struct, frozen=True):
    """Files of these koans changed on disk. `mine`: the exercise itself did, not only what it is tested with."""

    koans: tuple[str, ...]
    mine: bool = True


class Ran(msgspec.Struct, frozen=True):
    """An attempt has its verdict."""

    step: Step


class Trouble(msgspec.Struct, frozen=True):
    """Something outside the learner's code went wrong. One line."""

    text: str


class Notice(msgspec.Struct, frozen=True):
    """A line for the learner: where a copy was kept, how files are watched."""

    text: str


class Command(msgspec.Struct, frozen=True):
    """What the learner asked for: next, previous, go (with a koan's id), run, hint, reset."""

    verb: str
    koan: str = ""


Event = Warmed | Saved | Ran | Trouble | Notice | Command


class State(msgspec.Struct, frozen=True):
    """`order` are the koans in walking order, `koan` the current one, `step` its last attempt in this sitting.

    `told` is a line for the learner, `trouble` one about what went wrong outside their code; `due` cards to review.
    """

    order: tuple[str, ...]
    koan: str
    standings: dict[str, Standing]
    step: Step | None = None
    running: bool = False
    hints: int = 0
    mode: str = "warming up"
    told: str = ""
    trouble: str = ""
    due: int = 0

    @property
    def passed(self) -> int:
        return sum(s.status == Status.passed for s in self.standings.values())


class AppEffect(msgspec.Struct, frozen=True):
    """What the session must do for a new state: run (cancelling what runs), reset, hint (record it)."""

    verb: str
    koan: str
    force: bool = False


def update(state: State, event: Event) -> tuple[State, list[AppEffect]]:
    """The next state and what is to be done."""
    match event:
        case Warmed(mode):
            return msgspec.structs.replace(state, mode=mode), []
        case Notice(text):
            return msgspec.structs.replace(state, told=text), []
        case Trouble(text):
            return msgspec.structs.replace(state, trouble=text, running=False), []
        case Saved(koans, mine):
            return _saved(state, koans, mine)
        case Ran(step):
            if step.koan.id != state.koan:
                return state, []
            return msgspec.structs.replace(state, step=step, running=False, trouble=""), []
        case Command("next"):
            return go(state, following(state))
        case Command("previous"):
            place = state.order.index(state.koan)
            return go(state, state.order[place - 1])
        case Command("go", koan):
            return go(state, koan)
        case Command("run"):
            return msgspec.structs.replace(state, running=True, told=""), [AppEffect("run", state.koan, force=True)]
        case Command("hint"):
            tier = min(state.hints + 1, HINTS)
            return msgspec.structs.replace(state, hints=tier), [AppEffect("hint", state.koan)]
        case Command("reset"):
            return state, [AppEffect("reset", state.koan)]
        case _:
            return state, []


def _saved(state: State, koans: tuple[str, ...], mine: bool) -> tuple[State, list[AppEffect]]:
    if state.koan in koans or (not koans and not mine):
        return msgspec.structs.replace(state, running=True), [AppEffect("run", state.koan, force=not mine)]
    if not koans or not mine:
        return state, []
    return go(state, koans[0])  # the learner has turned to another file: follow


def go(state: State, koan: str) -> tuple[State, list[AppEffect]]:
    """Make `koan` the current one and run it."""
    hints = state.standings[koan].hints if koan in state.standings else 0
    moved = msgspec.structs.replace(state, koan=koan, step=None, hints=hints, running=True, told="")
    return moved, [AppEffect("run", koan, force=True)]


def following(state: State) -> str:
    """The next koan: after a pass the next that has not passed, else the neighbour; after the last the first."""
    place = state.order.index(state.koan)
    after = [*state.order[place + 1 :], *state.order[:place]]
    if state.standings[state.koan].status == Status.passed:
        return next((k for k in after if state.standings[k].status != Status.passed), after[0] if after else state.koan)
    return after[0] if after else state.koan
