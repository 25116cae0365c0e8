"""The state of the app, and how an event changes it. No threads, no files, no screen."""

from __future__ import annotations

from typing import Literal

import msgspec

from grader.book.symptom_run import SymptomRun
from grader.book.verdict import SYMBOLS, Status, Verdict
from grader.book.workbook import HINTS, Koan
from grader.learn.attempts import Step
from grader.learn.progress import Standing
from grader.learn.tracks import Finished, first_open

Verb = Literal["next", "previous", "go", "run", "hint", "reset"]


class Warmed(msgspec.Struct, frozen=True):
    """The runner is ready. `mode` describes how it runs, as `Runner.warm_up` returns it."""

    mode: str


class Saved(msgspec.Struct, frozen=True):
    """Files of these koans, at least one, changed on disk. `exercises`: the learner's own files did, not only tests."""

    koans: tuple[str, ...]
    exercises: bool = True


class Deleted(msgspec.Struct, frozen=True):
    """The exercise files of these koans, at least one, are gone."""

    koans: tuple[str, ...]


class Began(msgspec.Struct, frozen=True):
    """A run of this koan has begun."""

    koan: str


class Ended(msgspec.Struct, frozen=True):
    """A run of this koan was ended before it had a verdict, because a newer text of it waits."""

    koan: str


class Judged(msgspec.Struct, frozen=True):
    """A run of this text has a verdict, which is not recorded yet. `symptom` is what a hunt showed."""

    koan: Koan
    verdict: Verdict
    text: str
    symptom: SymptomRun | None = None


class Ran(msgspec.Struct, frozen=True):
    """An attempt has a verdict."""

    step: Step


class Shown(msgspec.Struct, frozen=True):
    """This tier of the koan's hints is on the screen now. Only then it counts as seen."""

    koan: str
    tier: int


class Trouble(msgspec.Struct, frozen=True):
    """Something outside the learner's code went wrong. `text` is one line."""

    text: str


class Spoke(msgspec.Struct, frozen=True):
    """The small model has said this sentence, on the learner's functions, after this koan passed."""

    koan: str
    sentence: str


class Notice(msgspec.Struct, frozen=True):
    """A line for the learner, for example where a copy was saved or that files are polled."""

    text: str


class Command(msgspec.Struct, frozen=True):
    """A command of the learner. `koan` is the id of the koan to go to."""

    verb: Verb
    koan: str = ""


Event = Warmed | Saved | Deleted | Began | Ended | Judged | Ran | Shown | Trouble | Spoke | Notice | Command


class Run(msgspec.Struct, frozen=True):
    """A run that goes on. `since` is when it began, on the clock `time.monotonic`."""

    koan: str
    since: float


class State(msgspec.Struct, frozen=True):
    """The state of the app.

    `order` holds the ids of the koans to walk: of the active `track` or, if that is empty, of all. `koan` is the
    current one, which may be another, and `step` its last attempt since it became current. `finished` is set if
    this attempt was the last one of the track. `standings` are of all koans, in the order of the workbook.
    `running`: the current koan runs or waits for its run. `runs` holds all runs that go on, also of koans that were
    left. `hints` is the number of tiers shown. `mode` describes how koans run. `notice` is a line for the learner,
    which soon disappears; `trouble` is a line about an error outside their code. `due` is the number of cards to
    review. `spoke` is what the small model said last.
    """

    order: tuple[str, ...]
    koan: str
    standings: dict[str, Standing]
    step: Step | None = None
    running: bool = False
    runs: tuple[Run, ...] = ()
    hints: int = 0
    mode: str = "warming up"
    notice: str = ""
    trouble: str = ""
    due: int = 0
    spoke: Spoke | None = None
    track: str = ""
    finished: Finished | None = None

    @property
    def passed(self) -> int:
        """The number of koans that pass as they are now."""
        return sum(s.status == Status.passed for s in self.standings.values())

    @property
    def walked(self) -> int:
        """The number of koans of `order` that pass as they are now."""
        return sum(self.standings[koan].status == Status.passed for koan in self.order)

    @property
    def walk(self) -> tuple[str, ...]:
        """The koans that "next" and "previous" go through: `order`, or all koans once these have passed."""
        return self.order if self.walked < len(self.order) else tuple(self.standings)


class AppEffect(msgspec.Struct, frozen=True):
    """What the session must do for a new state: run the koan (and cancel its run before), reset it, record a hint.

    `force`: run also if the text has not changed since its last run. `passing`: the learner only came by, so the run
    is not needed once they are at another koan. `tier` is the tier of a hint.
    """

    verb: Literal["run", "reset", "hint"]
    koan: str
    force: bool = False
    passing: bool = False
    tier: int = 0


def update(state: State, event: Event) -> tuple[State, list[AppEffect]]:
    """The state after an event, and what the session must do."""
    match event:
        case Warmed(mode):
            return msgspec.structs.replace(state, mode=mode), []
        case Spoke():
            return msgspec.structs.replace(state, spoke=event), []
        case Notice(text):
            return msgspec.structs.replace(state, notice=text), []
        case Trouble(text):
            return msgspec.structs.replace(state, trouble=text), []
        case Saved(koans, exercises):
            return _saved(state, koans, exercises)
        case Deleted(koans):
            return _deleted(state, koans)
        case Ran(step):
            return _ran(state, step), []
        case Shown(koan, tier):
            return state, [AppEffect("hint", koan, tier=tier)]
        case Command("next"):
            return go_to(state, next_koan(state))
        case Command("previous"):
            walk = state.walk
            return go_to(state, walk[walk.index(state.koan) - 1] if state.koan in walk else next_koan(state))
        case Command("go", koan):
            return go_to(state, koan)
        case Command("run"):
            return msgspec.structs.replace(state, running=True, notice=""), [AppEffect("run", state.koan, force=True)]
        case Command("hint"):
            if state.hints < HINTS:
                return msgspec.structs.replace(state, hints=state.hints + 1), []
            name = state.koan.partition("/")[2]
            told = f"that was the last hint; koans solution {name} --peek shows the model answer"
            return msgspec.structs.replace(state, notice=told), []
        case Command("reset"):
            return state, [AppEffect("reset", state.koan)]
        case _:
            return state, []


def _saved(state: State, koans: tuple[str, ...], exercises: bool) -> tuple[State, list[AppEffect]]:
    if any(state.notice.startswith(_gone(koan)) for koan in koans):
        state = msgspec.structs.replace(state, notice="")
    if state.koan in koans:
        return msgspec.structs.replace(state, running=True), [AppEffect("run", state.koan, force=not exercises)]
    if not exercises:
        return state, []
    return go_to(state, koans[0], passing=False)  # the learner works on another koan: follow


def _deleted(state: State, koans: tuple[str, ...]) -> tuple[State, list[AppEffect]]:
    """Say which file is gone. The current koan is run, so that its verdict says so too."""
    here = state.koan in koans
    koan = state.koan if here else koans[0]
    do = "x writes its stub again" if here else f"koans reset {koan.partition('/')[2]} writes its stub again"
    state = msgspec.structs.replace(state, notice=f"{_gone(koan)}; {do}")
    return state, [AppEffect("run", koan, force=True)] if here else []


def _gone(koan: str) -> str:
    return f"exercises/{koan}.py is gone"


def _ran(state: State, step: Step) -> State:
    trouble = f"not recorded: {step.not_recorded}" if step.not_recorded else ""
    if step.koan.id == state.koan:
        return msgspec.structs.replace(state, step=step, trouble=trouble)
    return msgspec.structs.replace(state, notice=verdict_line(step), trouble=trouble or state.trouble)


def verdict_line(step: Step) -> str:
    """The koan and its verdict in a few words."""
    status = step.verdict.status
    return f"{step.koan.name}  {SYMBOLS[status]} {status.value}"


def go_to(state: State, koan: str, *, passing: bool = True) -> tuple[State, list[AppEffect]]:
    """Make `koan` the current one and run it. `passing`: as in AppEffect."""
    hints = state.standings[koan].hints if koan in state.standings else 0
    moved = msgspec.structs.replace(state, koan=koan, step=None, hints=hints, running=True, notice="")
    return moved, [AppEffect("run", koan, force=True, passing=passing)]


def next_koan(state: State) -> str:
    """The id of the next koan: after a pass the next one that has not passed, otherwise the next one in order.

    The first koan follows the last. A koan outside the track is followed by the first one of the track that has not
    passed.
    """
    walk = state.walk
    if state.koan not in walk:
        return first_open(walk, state.standings) or walk[0]
    place = walk.index(state.koan)
    after = [*walk[place + 1 :], *walk[:place]]
    if state.standings[state.koan].status == Status.passed:
        return next((k for k in after if state.standings[k].status != Status.passed), after[0] if after else state.koan)
    return after[0] if after else state.koan
