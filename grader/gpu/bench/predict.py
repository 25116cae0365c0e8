"""Predicts the time on an H100 from FLOPs and bytes. Every place that shows a prediction marks it as one.

The tile machine counts the bytes of kernels at 512 tokens. If the count equals the koan's formula, the formula gives
the bytes of longer cells; if not, they are scaled. The bytes that torch's operations move are derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grader.gpu.bench.cells import BenchCell, Prediction
from grader.gpu.devices import H100, Peak
from reference import Moves

NAME = "NVIDIA H100 SXM, from its data sheet: 989 TFLOP/s in bf16, 67 in fp32 without tensor cores, 3.35 TB/s"
SCALAR = 66.9e12  # FLOP/s of fp32 without tensor cores, which loops over single queries cannot use
COUNTED = 512  # tokens: so few take a fraction of a second
BYTES = 2  # of a bf16 number


def predict_torch(cell: BenchCell, way: str) -> Prediction:
    """The prediction for loops, einsum or SDPA, as the bench runs them."""
    side = cell.heads * cell.n * cell.d * BYTES  # the size of each of q, k, v and the output
    table = cell.heads * cell.n * cell.n * BYTES
    if way == "einsum":
        # The scores are written; scaling, masking and softmax each read and write the table; the last product reads it.
        # torch also computes the half that the mask hides.
        crossings = 8 if cell.causal else 6
        moved = 4 * side + crossings * table
        known = f"derived: the score matrix moves {crossings} times"
        return _predict(cell, way, 4 * cell.heads * cell.n * cell.n * cell.d, moved, moved, known, H100)
    if way == "loops":
        keys = cell.n * (cell.n + 1) // 2 if cell.causal else cell.n * cell.n
        requested = 2 * side + 2 * cell.heads * keys * cell.d * BYTES
        known = "derived: each query reads all of its keys and values"
        return _predict(cell, way, cell.flops, 4 * side, requested, known, Peak(SCALAR, H100.bandwidth))
    return _predict(cell, way, cell.flops, 4 * side, 4 * side, "derived: q, k, v and the output once", H100)


def derived_moves(cell: BenchCell, fn: Any, config: Mapping[str, Any]) -> Moves:
    """The bytes and FLOPs of a kernel with these tiles, by the koan's formula. Nothing runs."""
    import torch

    large = [torch.empty(cell.heads, cell.n, cell.d, dtype=torch.bfloat16, device="meta")] * 3
    moves: Moves = fn.oracle.moves(config, *large)
    return moves


def total_bytes(moves: Moves) -> int:
    return sum(moves.loads.values()) + sum(moves.stores.values())


def predict_kernel(cell: BenchCell, way: str, fn: Any) -> Prediction:
    """The prediction for a kernel behind its launcher (`launched.Launched`), with its own CONFIG.

    Raises what the kernel raises.
    """
    import torch

    small = [torch.randn(1, COUNTED, cell.d).bfloat16() for _ in range(3)]
    fn(*small)
    traffic, derived = fn.traffic, fn.oracle.moves(fn.config, *small)
    derived_bytes = total_bytes(derived)
    counted = traffic.loaded + traffic.stored
    full_size = derived_moves(cell, fn, fn.config)
    requested = total_bytes(full_size)
    flops = full_size.flops if full_size.flops is not None else cell.flops
    known = f"counted at {COUNTED} tokens"
    if counted == derived_bytes and traffic.flops == (derived.flops or traffic.flops):
        known += ", where the count equals the formula; from the formula here"
    else:
        requested, flops = (
            requested * counted // derived_bytes,
            flops * traffic.flops // (derived.flops or traffic.flops),
        )
        known += f" ({counted / derived_bytes:.3g} times what is needed), then scaled"
    side = cell.heads * cell.n * cell.d * BYTES
    return _predict(cell, way, flops, 4 * side, requested, known, H100)


def _predict(cell: BenchCell, way: str, flops: int, least: int, requested: int, known: str, peak: Peak) -> Prediction:
    low, high = (1e3 * peak.seconds(flops, moved) for moved in (least, requested))
    return Prediction(cell, way, flops, least, requested, low, high, known)
