"""A re-solve on the screen: what a save, a verdict or a key does. No clock, no files, no terminal."""

from __future__ import annotations

from typing import Literal

import msgspec

from grader.book.verdict import Verdict
from grader.learn.cards.schedule import RATINGS


class ReSolveSession(msgspec.Struct, frozen=True):
    """`verdict` is that of the last run, if there was one."""

    phase: Literal["working", "rating", "ended"] = "working"
    verdict: Verdict | None = None


Effect = Literal["run", "give up", "1", "2", "3", "4", "as proposed"]


def saved(state: ReSolveSession) -> tuple[ReSolveSession, Effect | None]:
    """The scratch file was saved: it runs."""
    return state, "run" if state.phase == "working" else None


def ran(state: ReSolveSession, verdict: Verdict) -> ReSolveSession:
    """A pass ends the work; how hard it was is asked then."""
    return msgspec.structs.replace(state, verdict=verdict, phase="rating" if verdict.passed else "working")


def step(state: ReSolveSession, key: str) -> tuple[ReSolveSession, Effect | None]:
    """Working: r runs, g gives up, q or the end of input leaves it for later. Rating: 1 to 4, Enter as proposed."""
    ended = msgspec.structs.replace(state, phase="ended")
    if state.phase == "rating":
        if key in map(str, RATINGS):
            return ended, key  # type: ignore[return-value]
        return (ended, "as proposed") if key in ("enter", "q", "") else (state, None)
    if key == "r":
        return state, "run"
    if key == "g":
        return ended, "give up"
    return (ended, None) if key in ("q", "") else (state, None)
