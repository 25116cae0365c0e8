"""What the verdicts of this machine depend on, so that client and workers can compare it before the first task."""

from __future__ import annotations

import importlib.metadata
import platform
from functools import cache
from pathlib import Path

from grader.book.workbook import Workbook
from grader.course.engine.task import Identity, Resource
from grader.course.verdict_key import LIBRARIES, workbook_digest
from grader.course.versions import versions
from grader.gpu import device
from grader.judge.runner.server_address import fingerprint
from grader.judge.sandbox.confine import Level

CPU: Resource = "CPU"
ALSO = ("distributed", "msgspec")  # client and worker speak through these


def own_identity(workbook: Workbook, resource: Resource, level: Level) -> Identity:
    """The identity of this process, if it judges with this workbook, for tasks that ask for this resource.

    It takes a second, and then 2 ms as long as the files stay the same.
    """
    digest, found = _measured(workbook.root, fingerprint(workbook.root))
    return Identity(digest, dict(found), resource, level, cpu() if resource == CPU else device())


def cpu() -> str:
    """The device of a run without a GPU, as `device` names it on a machine that has none."""
    return f"CPU ({platform.machine()})"


@cache
def _measured(root: Path, now: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The digest of the workbook, and the versions, while its files have the fingerprint `now`."""
    workbook = Workbook(root)
    named = {name: importlib.metadata.version(name) for name in (*LIBRARIES, *ALSO)}
    return workbook_digest(workbook), tuple((versions(workbook) | named).items())


def difference(own: Identity, other: Identity) -> str:
    """How another process differs in what both must share, in words. Empty if it does not."""
    parts = ["another workbook or other code of the grader"] if own.workbook != other.workbook else []
    for name in sorted(own.versions.keys() | other.versions.keys()):
        here, there = own.versions.get(name, "none"), other.versions.get(name, "none")
        if here != there:
            parts.append(f"{name} {there} instead of {here}")
    return ", ".join(parts)
