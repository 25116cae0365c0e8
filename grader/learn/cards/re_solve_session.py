"""The state of a re-solve, and how a save, a verdict or a key changes it. No clock, no files, no terminal."""

from __future__ import annotations

from typing import Literal

import msgspec

from grader.book.verdict import Verdict


class ReSolveSession(msgspec.Struct, frozen=True):
    """A re-solve. `verdict` is the verdict on the last run, if there was one."""

    phase: Literal["working", "rating", "ended"] = "working"
    verdict: Verdict | None = None


Effect = Literal["run", "give up", "1", "2", "3", "4", "as proposed"]  # the digits are ratings
RATING_KEYS: dict[str, Effect] = {"1": "1", "2": "2", "3": "3", "4": "4"}


def saved(state: ReSolveSession) -> tuple[ReSolveSession, Effect | None]:
    """The scratch file was saved: run it."""
    return state, "run" if state.phase == "working" else None


def ran(state: ReSolveSession, verdict: Verdict) -> ReSolveSession:
    """The scratch file was run. After a pass the learner rates how hard it was."""
    return msgspec.structs.replace(state, verdict=verdict, phase="rating" if verdict.passed else "working")


def step(state: ReSolveSession, key: str) -> tuple[ReSolveSession, Effect | None]:
    """The state after a key, and what to do.

    Working: r runs the file, g gives up, q or the end of input ("") leaves it for later.
    Rating: 1 to 4 rate; Enter, q or the end of input rates as proposed.
    """
    ended = msgspec.structs.replace(state, phase="ended")
    if state.phase == "rating":
        if key in RATING_KEYS:
            return ended, RATING_KEYS[key]
        return (ended, "as proposed") if key in ("enter", "q", "") else (state, None)
    if key == "r":
        return state, "run"
    if key == "g":
        return ended, "give up"
    return (ended, None) if key in ("q", "") else (state, None)
