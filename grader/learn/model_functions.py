"""Which functions of the small model are the learner's: those that have passed, as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from grader.book.verdict import Status
from grader.book.workbook import Workbook
from grader.learn.progress import Progress, Standing
from grader.model.client import folder_of_ours
from grader.model.path import LEARNER, PATH


class Yours(msgspec.Struct, frozen=True):
    """The koans on the model's path, `total` of them, whose functions are the learner's, in the order of the path."""

    koans: tuple[str, ...]
    total: int

    @property
    def whose(self) -> Mapping[str, str]:
        """The choice, as the model's process takes it."""
        return dict.fromkeys(self.koans, LEARNER)

    @property
    def count(self) -> str:
        return f"{len(self.koans)} of {self.total}"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(koan.partition("/")[2] for koan in self.koans)


def on_path(workbook: Workbook) -> list[str]:
    """The koans of this workbook that the model runs on."""
    return [koan for koan in PATH if koan in workbook.koans]


def yours(workbook: Workbook, progress: Progress) -> Yours:
    """The learner's, by what is recorded."""
    return yours_by(workbook, progress.standings(workbook))


def yours_by(workbook: Workbook, standings: Mapping[str, Standing]) -> Yours:
    """The learner's, by these standings."""
    koans = on_path(workbook)
    return Yours(tuple(koan for koan in koans if _runs(standings.get(koan))), len(koans))


def _runs(standing: Standing | None) -> bool:
    return standing is not None and standing.status == Status.passed and not standing.changed


def has_model(workbook: Workbook) -> bool:
    """Whether the workbook has its trained model."""
    return (folder_of_ours(workbook.root) / "model.safetensors").is_file()


def own_model(root: Path) -> Path:
    """Where a model that the learner trained is kept."""
    return root / ".koans" / "model"


def nobodys(workbook: Workbook) -> Yours:
    """None is the learner's."""
    return Yours((), len(on_path(workbook)))
