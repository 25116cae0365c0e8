"""What is measured and what is predicted, as data."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grader.gpu.devices import Facts, Peak

LENGTHS = (512, 4096, 16384)
WIDTHS = (64, 128)
WAYS = ("loops", "einsum", "triton", "yours", "sdpa", "sdpa-flash", "sdpa-cudnn")
TOKENS, WIDTH = 16384, 2048  # on a GPU, of all sequences and heads together: enough to fill it at every length


class BenchCell(msgspec.Struct, frozen=True):
    """One kind of attention: `heads` heads of `n` queries on as many keys, of width `d`, in bf16."""

    n: int
    d: int
    causal: bool
    heads: int = 1

    def __str__(self) -> str:
        return f"{self.n} tokens, width {self.d}{', causal' if self.causal else ''}"

    @property
    def flops(self) -> int:
        """Of the two products, half of which a mask leaves out."""
        seen = self.n * (self.n + 1) // 2 if self.causal else self.n * self.n
        return 4 * self.heads * seen * self.d


class BenchRow(msgspec.Struct, frozen=True):
    """A measurement: milliseconds (median), their spread, TFLOP/s. `lack`: why there is none. `share` of the roofline
    of this device, where that is known; `asked`: bytes that are asked for by the kernels, as derived on paper.
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
    """No measurement: what a roofline makes of FLOPs and bytes. `flops` are those executed (whole tiles).

    `least_ms`: each byte crosses the memory bus once at most, caches catch the rest. `most_ms`: caches catch nothing of
    what the kernel asks for. `known` says where the bytes are from.
    """

    cell: BenchCell
    way: str
    flops: int
    least_bytes: int
    asked_bytes: int
    least_ms: float
    most_ms: float
    known: str
    prediction: bool = True  # in the JSON too, wherever it travels

    def tflops(self, ms: float) -> float:
        return self.cell.flops / ms / 1e9


class Bench(msgspec.Struct, frozen=True):
    """All of it. `kind` tells results that hold measurements on a GPU from those of a CPU with predictions."""

    kind: str
    facts: Facts
    rows: tuple[BenchRow, ...]
    predictions: tuple[Prediction, ...] = ()
    predicted_for: str = ""
    chosen: Mapping[str, Mapping[str, object]] = {}
    at: str = ""
    complete: bool = True


def cells(lengths: tuple[int, ...], widths: tuple[int, ...], *, gpu: bool) -> list[BenchCell]:
    """In the order in which they are run: short ones first, so that what is stopped has the most."""
    plan = [BenchCell(n, d, causal) for n in lengths for d in widths for causal in (False, True)]
    return [filled(cell) for cell in plan] if gpu else plan


def filled(cell: BenchCell) -> BenchCell:
    """The same with as many heads as fill a GPU."""
    return msgspec.structs.replace(cell, heads=max(1, TOKENS // cell.n) * max(1, WIDTH // cell.d))


def share(cell: BenchCell, ms: float, peak: Peak | None) -> float | None:
    """Of what the roofline allows for this cell when q, k, v and the output move once."""
    if peak is None:
        return None
    moved = 4 * cell.heads * cell.n * cell.d * 2
    return peak.seconds(cell.flops, moved) * 1e3 / ms
