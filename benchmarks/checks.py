"""What one check costs: agrees on passing answers, per dtype and function, beside torch.testing.assert_close.

python benchmarks/checks.py
python benchmarks/checks.py --quick --json
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from _common import Figures, main

from grader.checks import KINDS, agrees, randn, signal
from reference.ch06_numerics.softmax import softmax
from reference.ch07_attention.attention import attention
from reference.ch07_attention.scores import scores

ROUNDS = 5
DTYPES = (torch.float16, torch.bfloat16, torch.float32)


def milliseconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return 1e3 * (time.perf_counter() - start)


def run_assert_close(fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    torch.testing.assert_close(fn(*args), fn(*args), equal_nan=True)


def measure(options: argparse.Namespace) -> Figures:
    rounds, dtypes, kinds = (1, DTYPES[-1:], list(KINDS)[:1]) if options.quick else (ROUNDS, DTYPES, list(KINDS))
    torch.set_num_threads(1)
    rows = []
    print(f"{'function':10} {'dtype':16} {'agrees, median':>15} {'worst':>8} {'assert_close':>13}")
    for dtype in dtypes:
        cases = {
            "softmax": (softmax, [(signal(kind, 8, 64, dtype=dtype),) for kind in kinds]),
            "scores": (scores, [(randn(2, 4, 16, 64, dtype=dtype), randn(2, 4, 24, 64, dtype=dtype, seed=1))]),
            "attention": (attention, [tuple(randn(2, 4, 16, 32, dtype=dtype, seed=s) for s in range(3))]),
        }
        for name, (oracle, inputs) in cases.items():
            right = next(iter(oracle.rights.values())).fn
            for args in inputs:
                agrees(right, *args, with_=oracle)
                run_assert_close(right, args)
            agrees_times = [
                milliseconds(partial(agrees, right, *args, with_=oracle)) for args in inputs for _ in range(rounds)
            ]
            assert_close_times = [
                milliseconds(partial(run_assert_close, right, args)) for args in inputs for _ in range(rounds)
            ]
            row = {
                "agrees": statistics.median(agrees_times),
                "worst": max(agrees_times),
                "assert_close": statistics.median(assert_close_times),
            }
            rows.append({"function": name, "dtype": str(dtype), "milliseconds": row})
            print(
                f"{name:10} {dtype!s:16} {row['agrees']:12.1f} ms {row['worst']:5.1f} ms"
                f" {row['assert_close']:10.2f} ms",
                flush=True,
            )
    return {"rows": rows}


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
