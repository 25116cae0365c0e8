"""What a student earns for one assignment, as data. `marking` computes it from verdicts."""

from __future__ import annotations

from typing import Annotated

import msgspec

MOST = 1_000_000
# Points, with at most two decimals. A whole number is an int, so that files hold 7 and not 7.0.
Amount = Annotated[int, msgspec.Meta(ge=0, le=MOST)] | Annotated[float, msgspec.Meta(ge=0, le=MOST)]


FAST = " (fast)"  # ends the name of the claim that a koan is fast on a GPU


class Line(msgspec.Struct, frozen=True, array_like=True):
    """A koan's points under an assignment. `extra`: extra credit, which is not among the possible points.

    `comment` says what decided about the points besides the verdict: partial credit, an override, a missing verdict.
    """

    koan: str
    points: Amount
    earned: Amount
    extra: bool = False
    comment: str = ""


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """The points of a student for one assignment.

    `assignment` is its title. `earned` is what counts, after deductions and overrides. `points` are possible, without
    extra credit. `handed_in` is when the work was handed in that counts, and `due` when it was due for this student
    (times in ISO 8601, empty if they are unknown). `deducted` are the points lost by handing in `days_late` days late.
    `notes` say in words what else decided: an extension, an override, a group, which hand-in counts. `missing`: nothing
    could be graded, and nobody decided about the points. `hand_ins` are how many there were.
    """

    assignment: str
    earned: Amount
    points: Amount
    lines: tuple[Line, ...] = ()
    handed_in: str = ""
    due: str = ""
    days_late: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    deducted: Amount = 0
    notes: tuple[str, ...] = ()
    missing: bool = False
    hand_ins: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1
