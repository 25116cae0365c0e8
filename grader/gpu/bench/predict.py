"""What an H100 would need, from FLOPs and bytes: a prediction, and marked as one wherever it is shown.

Bytes of kernels are counted by the interpreter at 512 tokens; if they are what the koan derives on paper, that formula
gives the longer ones, and if not they are scaled. What torch's operations move is derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.gpu.bench.cells import BenchCell, Prediction
from grader.gpu.devices import H100, Peak
from reference import Moves

NAME = "NVIDIA H100 SXM, by its data sheet: 989 TFLOP/s in bf16, 67 in fp32 without tensor cores, 3.35 TB/s"
SCALAR = 66.9e12  # FLOP/s of fp32 outside tensor cores: where loops over single queries run
COUNTED = 512  # tokens: the interpreter takes a fraction of a second
BYTES = 2  # of a bf16 number


def torch_way(cell: BenchCell, way: str) -> Prediction:
    """Loops, einsum or SDPA, as the bench runs them."""
    side = cell.heads * cell.n * cell.d * BYTES  # q, k, v and the output are this large each
    table = cell.heads * cell.n * cell.n * BYTES
    if way == "einsum":
        # Scores written; scaled, (masked,) softmaxed: each reads and writes the table; read for the last product.
        # torch multiplies out the half that the mask hides.
        crossings = 8 if cell.causal else 6
        moved = 4 * side + crossings * table
        known = f"derived: the table of scores moves {crossings} times"
        return _predict(cell, way, 4 * cell.heads * cell.n * cell.n * cell.d, moved, moved, known, H100)
    if way == "loops":
        keys = cell.n * (cell.n + 1) // 2 if cell.causal else cell.n * cell.n
        asked = 2 * side + 2 * cell.heads * keys * cell.d * BYTES
        known = "derived: every query reads its keys and values for itself"
        return _predict(cell, way, cell.flops, 4 * side, asked, known, Peak(SCALAR, H100.bandwidth))
    return _predict(cell, way, cell.flops, 4 * side, 4 * side, "derived: q, k, v and the output once", H100)


def asked_by(cell: BenchCell, fn: Any, config: Mapping[str, Any]) -> Moves:
    """What a kernel is derived to ask for with these tiles. Nothing is run."""
    import torch

    large = [torch.empty(cell.heads, cell.n, cell.d, dtype=torch.bfloat16, device="meta")] * 3
    moves: Moves = fn.oracle.moves(config, *large)
    return moves


def total(moves: Moves) -> int:
    return sum(moves.loads.values()) + sum(moves.stores.values())


def kernel_way(cell: BenchCell, way: str, fn: Any) -> Prediction:
    """A kernel behind its launcher (`launched.Launched`), with its own CONFIG. Raises what the kernel raises."""
    import torch

    small = [torch.randn(1, COUNTED, cell.d).bfloat16() for _ in range(3)]
    fn(*small)
    traffic, derived = fn.traffic, fn.oracle.moves(fn.config, *small)
    on_paper = total(derived)
    counted = traffic.loaded + traffic.stored
    there = asked_by(cell, fn, fn.config)
    asked = total(there)
    flops = there.flops if there.flops is not None else cell.flops
    known = f"counted at {COUNTED} tokens"
    if counted == on_paper and traffic.flops == (derived.flops or traffic.flops):
        known += ", where it is what is derived on paper, and derived"
    else:
        asked, flops = asked * counted // on_paper, flops * traffic.flops // (derived.flops or traffic.flops)
        known += f" ({counted / on_paper:.3g} times what is needed), and scaled"
    side = cell.heads * cell.n * cell.d * BYTES
    return _predict(cell, way, flops, 4 * side, asked, known, H100)


def _predict(cell: BenchCell, way: str, flops: int, least: int, asked: int, known: str, peak: Peak) -> Prediction:
    low, high = (1e3 * peak.seconds(flops, moved) for moved in (least, asked))
    return Prediction(cell, way, flops, least, asked, low, high, known)
