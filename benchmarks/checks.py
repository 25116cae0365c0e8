"""What one check costs: agrees on passing answers, per dtype and function, beside torch.testing.assert_close.

python benchmarks/checks.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from grader.checks import KINDS, agrees, randn, signal
from reference.ch06_numerics.softmax import softmax
from reference.ch07_attention.attention import attention
from reference.ch07_attention.scores import scores

ROUNDS = 5


def milliseconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def compared(fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    torch.testing.assert_close(fn(*args), fn(*args), equal_nan=True)


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'function':10} {'dtype':16} {'agrees, median':>15} {'worst':>8} {'assert_close':>13}")
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        cases = {
            "softmax": (softmax, [(signal(kind, 8, 64, dtype=dtype),) for kind in KINDS]),
            "scores": (scores, [(randn(2, 4, 16, 64, dtype=dtype), randn(2, 4, 24, 64, dtype=dtype, seed=1))]),
            "attention": (attention, [tuple(randn(2, 4, 16, 32, dtype=dtype, seed=s) for s in range(3))]),
        }
        for name, (oracle, inputs) in cases.items():
            right = next(iter(oracle.rights.values())).fn
            for args in inputs:
                agrees(right, *args, with_=oracle)
            took = [milliseconds(partial(agrees, right, *args, with_=oracle)) for args in inputs for _ in range(ROUNDS)]
            close = [milliseconds(partial(compared, right, args)) for args in inputs for _ in range(ROUNDS)]
            print(
                f"{name:10} {dtype!s:16} {statistics.median(took):12.1f} ms {max(took):5.1f} ms"
                f" {statistics.median(close):10.2f} ms"
            )


if __name__ == "__main__":
    main()
