"""All that `koans trace` says about one call of a kernel koan, as frozen data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from grader.learn.trace import reuse
from grader.learn.trace.gather import trace_of
from grader.learn.trace.model import Trace
from reference import Example, Moves


@dataclass(frozen=True)
class Bytes:
    """What all launches load from, or store to, the arguments of one name, in bytes, of `size` bytes each.

    `needed` is None where nobody derived it.
    """

    argument: str
    kind: Literal["load", "store"]
    bytes: int
    needed: int | None
    size: int

    @property
    def times(self) -> float:
        """How many times the whole argument is loaded or stored."""
        return self.bytes / self.size if self.size else 0.0


@dataclass(frozen=True)
class Failure:
    """Why the kernel did not run to its end: the kind of error, its sentence, and its line (0: none)."""

    kind: str
    message: str
    line: int = 0


@dataclass(frozen=True)
class Report:
    """One call. `inputs` says what was given, `code` has the lines of the learner's file that access memory."""

    koan: str
    file: str
    inputs: str
    config: Mapping[str, Any]
    trace: Trace
    bytes: tuple[Bytes, ...]
    reads: tuple[reuse.Reads, ...]
    waves: tuple[reuse.Wave, ...]
    clashes: tuple[reuse.Clash, ...]
    code: Mapping[int, str]
    layout: tuple[tuple[str, ...], ...] = ()
    failure: Failure | None = None


def report_of(
    koan: str,
    file: str,
    text: str,
    config: Mapping[str, Any],
    example: Example,
    accesses: Sequence[Any],
    least: Moves | None,
    failure: Failure | None = None,
) -> Report:
    """What there is to say about the accesses of a call."""
    trace = trace_of(accesses)
    lines = text.splitlines()
    numbers = {step.line for step in trace.steps} | ({failure.line} if failure else set())
    tables = reuse.tables_of_reads(trace)
    if example.seen is not None:
        seen: Any = np.asarray(example.seen)
        tables = tuple(
            reuse.with_needs(table, trace, example.queries, seen)
            if set(table.arguments) <= set(example.keys)
            else table
            for table in tables
        )
    return Report(
        koan=koan,
        file=file,
        inputs=described(example.inputs),
        config=dict(config),
        trace=trace,
        bytes=_bytes(trace, least),
        reads=tables,
        waves=tuple(wave for launch in range(len(trace.launches)) for wave in reuse.waves(trace, launch)),
        clashes=reuse.clashes(trace),
        code={n: lines[n - 1].strip() for n in sorted(numbers) if 0 < n <= len(lines)},
        layout=example.layout,
        failure=failure,
    )


def described(inputs: Sequence[Any]) -> str:
    """The inputs in words: float16 (320, 80), float16 (80, 224)."""
    parts = []
    for value in inputs:
        shape = getattr(value, "shape", None)
        dtype = str(getattr(value, "dtype", "")).removeprefix("torch.")
        parts.append(str(value) if shape is None else f"{dtype} ({', '.join(map(str, shape))})")
    return ", ".join(parts)


def _bytes(trace: Trace, least: Moves | None) -> tuple[Bytes, ...]:
    rows = []
    for name in dict.fromkeys(tensor.argument for tensor in trace.tensors):
        size = next(tensor.bytes for tensor in trace.tensors if tensor.argument == name)
        steps = [step for step in trace.steps if step.argument == name]
        loaded = sum(step.bytes for step in steps if step.kind != "store")
        stored = sum(step.bytes for step in steps if step.kind != "load")
        if loaded:
            rows.append(Bytes(name, "load", loaded, least.loads.get(name, 0) if least else None, size))
        if stored:
            rows.append(Bytes(name, "store", stored, least.stores.get(name, 0) if least else None, size))
    return tuple(rows)
