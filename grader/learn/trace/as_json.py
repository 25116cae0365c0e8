"""The trace as data for a program."""

from __future__ import annotations

from typing import Any

import msgspec

from grader.learn.trace.model import Step
from grader.learn.trace.report import Report


def as_data(report: Report) -> dict[str, Any]:
    """What the page shows, in dicts and lists. Programs are numbers; a rectangle is [top, left, bottom, right]."""
    return {
        "koan": report.koan,
        "file": report.file,
        "inputs": report.inputs,
        "config": dict(report.config),
        "failure": msgspec.to_builtins(report.failure),
        "launches": [
            {"kernel": launch.kernel, "grid": list(launch.grid), "programs": launch.programs}
            for launch in report.trace.launches
        ],
        "tensors": msgspec.to_builtins(report.trace.tensors),
        "steps": [_step(step, report.code.get(step.line, "")) for step in report.trace.steps],
        "bytes": msgspec.to_builtins(report.bytes),
        "reads": [
            {
                "launch": table.launch,
                "arguments": list(table.arguments),
                "programs": list(table.programs),
                "blocks": [[r.top, r.left, r.bottom, r.right] for r in table.columns],
                "times": [list(row) for row in table.times],
                "needed": table.needed and [list(row) for row in table.needed],
            }
            for table in report.reads
        ],
        "l2": msgspec.to_builtins(report.waves),
        "clashes": [
            {
                "launch": clash.launch,
                "argument": clash.argument,
                "elements": clash.elements,
                "programs": list(clash.programs),
                "rectangles": [[r.top, r.left, r.bottom, r.right] for r in clash.rectangles],
            }
            for clash in report.clashes
        ],
    }


def _step(step: Step, code: str) -> dict[str, Any]:
    return {
        "launch": step.launch,
        "step": step.number,
        "line": step.line,
        "code": code,
        "kind": step.kind,
        "argument": step.argument,
        "bytes": step.bytes,
        "tiles": [
            {
                "programs": list(tile.programs),
                "lanes": tile.lanes,
                "exact": tile.is_exact,
                "rectangles": [[r.top, r.left, r.bottom, r.right] for r in tile.rectangles],
            }
            for tile in step.tiles
        ],
    }
