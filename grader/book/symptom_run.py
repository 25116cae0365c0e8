"""What a hunt showed: the symptom of the code under test beside a healthy one, as data."""

from __future__ import annotations

import msgspec

from reference.symptom import Symptom


class SymptomRun(msgspec.Struct, frozen=True):
    """Both sides of a hunt's symptom. `measure` names their number, with its unit.

    `shown` is of the code under test. If it is None, `problem` says why.
    """

    measure: str = ""
    healthy: Symptom | None = None
    shown: Symptom | None = None
    problem: str = ""
