"""What a hunt shows before any test: pictures of a run, and a number that tells a planted run from a healthy one.

A hunt's oracle registers a function `symptom(run, seed) -> Symptom`. It calls `run`, the learner's function or the
oracle, on data made from `seed`.
"""

from __future__ import annotations

from msgspec import Struct


class Curve(Struct, frozen=True, tag=True):
    """Values over steps, such as the loss of each. A value may be NaN or inf. Files have None for such a value."""

    title: str
    values: tuple[float | None, ...]
    x: str = "step"
    y: str = "loss"


class Text(Struct, frozen=True, tag=True):
    """What a model or a tokenizer wrote."""

    title: str
    text: str


class Histogram(Struct, frozen=True, tag=True):
    """How values are spread, such as the gradients of a layer. Values that are not finite are counted apart."""

    title: str
    values: tuple[float | None, ...]
    x: str = "value"


class Counts(Struct, frozen=True, tag=True):
    """Numbers with names, such as bytes or norms by layer."""

    title: str
    rows: dict[str, float | None]
    unit: str = ""


View = Curve | Text | Histogram | Counts


class Symptom(Struct, frozen=True):
    """What a run shows. `number` is finite, and its ranges over seeds do not overlap for planted and healthy runs."""

    number: float
    views: tuple[View, ...]
