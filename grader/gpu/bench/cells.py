"""The data of the bench: its cells, measurements and predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from grader.gpu.devices import Facts, Peak

LENGTHS = (512, 4096, 16384)
WIDTHS = (64, 128)
WAYS = ("loops", "einsum", "triton", "yours", "sdpa", "sdpa-flash", "sdpa-cudnn")
TOKENS, WIDTH = 16384, 2048  # of all sequences and heads together: enough to fill a GPU at every length


class BenchCell(msgspec.Struct, frozen=True):
    """One case of attention in bf16: `heads` heads with `n` queries and `n` keys of width `d`."""

    n: int
    d: int
    causal: bool
    heads: int = 1

    def __str__(self) -> str:
        return f"{self.n} tokens, width {self.d}{', causal' if self.causal else ''}"

    @property
    def flops(self) -> int:
        """The FLOPs of the two products. A causal mask leaves out half of them."""
        scores = self.n * (self.n + 1) // 2 if self.causal else self.n * self.n
        return 4 * self.heads * scores * self.d


class BenchRow(msgspec.Struct, frozen=True):
    """A measurement: milliseconds (median), their relative spread, and TFLOP/s.

    `lack`: why there is none. `share`: the share of this device's roofline, if that is known. `asked`: the bytes that
    the kernels request, as derived from their algorithm.
    """

    cell: BenchCell
    way: str
    ms: float = 0.0
    spread: float = 0.0
    calls: int = 0
    how: str = ""
    tflops: float = 0.0
    share: float | None = None
    asked: int = 0
    lack: str = ""


class Prediction(msgspec.Struct, frozen=True):
    """A prediction from FLOPs and bytes by a roofline; nothing was measured. `flops` counts whole tiles.

    `least_ms`: each byte crosses the memory bus at most once, and caches serve the rest. `most_ms`: without caches.
    `known` says how the bytes were found.
    """

    cell: BenchCell
    way: str
    flops: int
    least_bytes: int
    asked_bytes: int
    least_ms: float
    most_ms: float
    known: str
    prediction: bool = True  # so that the JSON says so too

    def tflops(self, ms: float) -> float:
        """TFLOP/s if the cell takes this long."""
        return self.cell.flops / ms / 1e9


class Bench(msgspec.Struct, frozen=True):
    """The result of a bench: measurements on a GPU, or measurements on a CPU with predictions for a GPU."""

    kind: Literal["gpu", "cpu"]
    facts: Facts
    rows: tuple[BenchRow, ...]
    predictions: tuple[Prediction, ...] = ()
    predicted_for: str = ""
    chosen: Mapping[str, Mapping[str, object]] = {}
    at: str = ""
    complete: bool = True


def cells(lengths: tuple[int, ...], widths: tuple[int, ...], *, gpu: bool) -> list[BenchCell]:
    """All cells, in the order in which they run: short ones first, so that a stopped bench has as many as possible."""
    plan = [BenchCell(n, d, causal) for n in lengths for d in widths for causal in (False, True)]
    return [filled(cell) for cell in plan] if gpu else plan


def filled(cell: BenchCell) -> BenchCell:
    """The same cell with as many heads as fill a GPU."""
    return msgspec.structs.replace(cell, heads=max(1, TOKENS // cell.n) * max(1, WIDTH // cell.d))


def share(cell: BenchCell, ms: float, peak: Peak | None) -> float | None:
    """The share of the speed that the roofline allows for this cell, if q, k, v and the output move once."""
    if peak is None:
        return None
    moved = 4 * cell.heads * cell.n * cell.d * 2
    return peak.seconds(cell.flops, moved) * 1e3 / ms
