"""`koans run` twice in a row, whole processes: the first starts cold and leaves a warm process, the second uses it.

    python benchmarks/warm.py
    python benchmarks/warm.py --quick --json

Each round starts with no warm process. Seconds of the first run, the second one, a second one whose answer is wrong,
and one with --cold; and how many times faster the second is than the first, of medians. Then the same where processes
do not fork, as on macOS and Windows: the first run, one with a spare process that is ready, and one right after it.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Literal

from _common import CannotMeasure, Figures, copy_workbook, main, progress

from grader.book.stubs import strip_markers, stub_of
from grader.book.workbook import Workbook
from grader.judge.runner.shared_server import find_warm
from grader.judge.runner.start import Start

KOAN = "dot"
WHOLE, QUICK = 9, 1  # rounds
MAX_SECONDS, MIN_RATIO = 0.6, 5.0  # the goal for the second run: its time, and how many times faster than the first


def run(book: Workbook, koan: str, *more: str, code: int = 0, start: Start | Literal[""] = "") -> float:
    """Seconds of wall time of `koans run KOAN`, from its start to its end. `start` is as in KOANS_START."""
    path = os.pathsep.join(filter(None, [str(book.root), os.environ.get("PYTHONPATH")]))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"KOANS_WARM_SECONDS": "120", "PYTHONPATH": path, "KOANS_START": start}
    began = time.perf_counter()
    command = [sys.executable, "-m", "grader", "run", koan, *more]
    done = subprocess.run(command, cwd=book.root, env=environment, capture_output=True, text=True, check=False)
    duration = time.perf_counter() - began
    if done.returncode != code:
        output = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise CannotMeasure(f"`koans run {koan}` ended with {done.returncode}, not {code}: {output[-1]}")
    return duration


def end_warm_processes(root: Path) -> None:
    for each in find_warm(root):
        os.kill(each.pid, signal.SIGTERM)
    while find_warm(root):
        time.sleep(0.02)


def seconds(book: Workbook, name: str, rounds: int) -> dict[str, list[float]]:
    koan = book.koan(name)
    file = book.exercise(koan)
    right = strip_markers(book.solution(koan).read_text(encoding="utf-8"))
    wrong = stub_of(book, koan).replace('raise NotImplementedError("your turn")', "return None")
    times: dict[str, list[float]] = {"first": [], "second": [], "second, wrong answer": [], "cold": []}
    file.write_text(right, encoding="utf-8")
    run(book, name, "--cold")  # writes the bytecode and the progress file
    for number in range(rounds):
        progress(f"round {number + 1} of {rounds}")
        end_warm_processes(book.root)
        times["first"].append(run(book, name))
        warm = [each.pid for each in find_warm(book.root)]
        times["second"].append(run(book, name))
        file.write_text(wrong, encoding="utf-8")
        times["second, wrong answer"].append(run(book, name, code=1))
        file.write_text(right, encoding="utf-8")
        if len(warm) != 1 or [each.pid for each in find_warm(book.root)] != warm:
            raise CannotMeasure("the first run left no warm process, or the second did not use it")
        times["cold"].append(run(book, name, "--cold"))
    return times


def seconds_without_fork(book: Workbook, name: str, rounds: int) -> dict[str, list[float]]:
    """The same runs with spare processes. A spare is ready after the time of two starts."""
    times: dict[str, list[float]] = {"first": [], "spare ready": [], "spare not ready": []}
    for number in range(rounds):
        progress(f"without fork: round {number + 1} of {rounds}")
        end_warm_processes(book.root)
        times["first"].append(run(book, name, start="spawn"))
        time.sleep(2 * times["first"][-1])
        times["spare ready"].append(run(book, name, start="spawn"))
        times["spare not ready"].append(run(book, name, start="spawn"))
    return times


def spread(times: list[float]) -> tuple[float, float, float]:
    """The median and the two quartiles."""
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    return middle, low, high


def measure(options: argparse.Namespace) -> Figures:
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as folder:
        book = copy_workbook(Path(folder))
        try:
            rounds = QUICK if options.quick else WHOLE
            times = seconds(book, KOAN, rounds)
            spawned = seconds_without_fork(book, KOAN, rounds)
        finally:
            end_warm_processes(book.root)
    for name, seconds_of_runs in times.items():
        middle, low, high = spread(seconds_of_runs)
        print(f"{name:<22}{middle:6.2f} s  ({low:.2f} to {high:.2f})")
    first, second = statistics.median(times["first"]), statistics.median(times["second"])
    reached = "yes" if second <= min(MAX_SECONDS, first / MIN_RATIO) else "no"
    print(f"the second run is {first / second:.1f} times as fast as the first")
    print(f"wanted: at most {MAX_SECONDS} s, and {MIN_RATIO:.0f} times as fast: {reached}")
    for name, seconds_of_runs in spawned.items():
        middle, low, high = spread(seconds_of_runs)
        ratio = f"{middle / second:.1f} times the second"
        print(f"without fork, {name:<16}{middle:6.2f} s  ({low:.2f} to {high:.2f}), {ratio}")
    return {"koan": KOAN, "seconds": times, "times as fast": round(first / second, 2), "seconds without fork": spawned}


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
