"""From save to verdict: the warm runner beside cold pytest and pytest-watcher, in one run on one copy of the workbook.

    python benchmarks/feedback.py [--rounds N] [--json FILE]

Every round saves each koan's file (the model answer with another comment at its end) and waits for the verdict on
that text, once with each of the three. Reported: median and spread (quartiles) in milliseconds, the ratios, and the
memory of the warm process and of one run (proportional set size, so shared pages count once).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import queue
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from grader.app.session import Session
from grader.app.state import Command, State
from grader.stubs import strip_markers
from grader.workbook import Koan, Workbook

ROOT = Path(__file__).resolve().parent.parent
WRONG = "def softmax_by_hand(x, dim=0):\n    return x\n"
KOANS = ("exp_overflow", "causal_mask", "softmax", "attention", "vector_add")
WAIT = 120.0
SETTLE = 2.0  # seconds after pytest's last line in which pytest-watcher forgets a save, because pytest is still ending


def copy_workbook(folder: Path) -> Workbook:
    for part in ("exercises", "solutions", "reference", "content", "grader"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, folder / file)
    return Workbook(folder)


class Warm:
    """The app's session, as the screen uses it."""

    name = "koans, warm"

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.states: queue.Queue[State] = queue.Queue()
        self.session = Session(book, self.states.put)
        self.session.start()
        self._until(lambda state: state.mode == "warm" and state.step is not None)

    def _until(self, holds: Callable[[State], bool]) -> State:
        while True:
            state = self.states.get(timeout=WAIT)
            if holds(state):
                return state

    def prepare(self, koan: Koan, text: str) -> None:
        self.book.exercise(koan).write_text(text)
        self.session.post(Command("go", koan.id))
        self._until(lambda s: s.koan == koan.id and s.step is not None and s.step.text == text and not s.running)

    def measure(self, koan: Koan, text: str) -> float:
        start = time.perf_counter()
        self.book.exercise(koan).write_text(text)
        state = self._until(lambda s: s.step is not None and s.step.text == text)
        took = time.perf_counter() - start
        assert state.step is not None and state.step.verdict.passed, state.step
        return took

    def server(self) -> int:
        # A child is listed under the thread that started it.
        children = [p for file in Path("/proc/self/task").glob("*/children") for p in file.read_text().split()]
        return next(int(p) for p in children if b"grader.runner.server" in Path(f"/proc/{p}/cmdline").read_bytes())

    def close(self) -> None:
        self.session.stop()


class ColdPytest:
    """`python -m pytest FILE`, started when the file is saved."""

    name = "pytest, cold"

    def __init__(self, book: Workbook) -> None:
        self.book = book

    def prepare(self, koan: Koan, text: str) -> None:
        self.book.exercise(koan).write_text(text)

    def measure(self, koan: Koan, text: str) -> float:
        start = time.perf_counter()
        self.book.exercise(koan).write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", str(self.book.test_file(koan))]
        subprocess.run(command, cwd=self.book.root, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    def close(self) -> None:
        pass


class Watcher:
    """pytest-watcher (`ptw`) on the koan's test file, from save to pytest's last line."""

    name = "pytest-watcher"

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.process: subprocess.Popen[str] | None = None

    def prepare(self, koan: Koan, text: str) -> None:
        self.close()
        self.book.exercise(koan).write_text(text)
        command = [
            sys.executable,
            "-m",
            "pytest_watcher",
            "exercises",
            "--delay",
            "0",
            "--patterns",
            "**/*.py",
            "--now",
            "-q",
        ]
        self.process = subprocess.Popen(
            [*command, str(self.book.test_file(koan))],
            cwd=self.book.root,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, args=(self.process,), daemon=True).start()
        self._until_summary()
        time.sleep(SETTLE)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.lines.put(line)

    def _until_summary(self) -> None:
        while not re.search(r"\d+ passed.* in ", self.lines.get(timeout=WAIT)):
            pass

    def measure(self, koan: Koan, text: str) -> float:
        while not self.lines.empty():
            self.lines.get()
        start = time.perf_counter()
        self.book.exercise(koan).write_text(text)
        self._until_summary()
        took = time.perf_counter() - start
        time.sleep(SETTLE)
        return took

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def pss(pid: int) -> float:
    """Proportional set size of a process in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def peak_of_a_run(warm: Warm, koan: Koan, text: str) -> float:
    """The largest PSS seen of the fork while it runs."""
    server, seen = warm.server(), [0.0]
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split():
                try:
                    seen.append(pss(int(pid)))
                except OSError:
                    continue

    thread = threading.Thread(target=look)
    thread.start()
    warm.measure(koan, text)
    done.set()
    thread.join()
    return max(seen)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="saves per koan and tool (default 9)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as folder:
        book = copy_workbook(Path(folder))
        first = [typed_to_verdict(book) for _ in range(4)]
        warm = Warm(book)
        tools = [warm, ColdPytest(book), Watcher(book)]
        rows = []
        try:
            for name in KOANS:
                koan = book.koan(name)
                text = strip_markers(book.solution(koan).read_text())
                times: dict[str, list[float]] = {}
                for tool in tools:
                    tool.prepare(koan, f"{text}# {tool.name}\n")
                    rounds = options.rounds if tool is warm else max(3, options.rounds // 3)
                    times[tool.name] = [tool.measure(koan, f"{text}# {tool.name} {i}\n") for i in range(rounds)]
                    if isinstance(tool, Watcher):
                        tool.close()
                rows.append({"koan": koan.id, "seconds": times})
                report(rows[-1])
            memory = {"warm process": pss(warm.server())}
            koan = book.koan("softmax")
            text = strip_markers(book.solution(koan).read_text())
            warm.prepare(koan, text)
            memory["one run of softmax"] = peak_of_a_run(warm, koan, text + "# peak\n")
        finally:
            for tool in tools:
                tool.close()
    for what, mib in memory.items():
        print(f"memory of the {what}: {mib:.0f} MiB")
    print(f"from `koans` typed to the first verdict: {first[0]:.1f} s the first time (no bytecode yet), then", end=" ")
    print(", ".join(f"{seconds:.1f} s" for seconds in first[1:]))
    if options.json:
        machine = {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.platform()}
        figures = {"machine": machine, "rows": rows, "memory_mib": memory, "typed_to_verdict_seconds": first}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def typed_to_verdict(book: Workbook) -> float:
    """Seconds from starting `koans` on a koan that has been started to the first verdict on the screen."""
    book.exercise(book.koan("softmax_by_hand")).write_text(WRONG)
    command = [sys.executable, "-m", "grader", "--plain"]
    environment = {**os.environ, "PYTHONPATH": str(book.root)}
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=book.root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    for line in process.stdout:
        if b"failed" in line:
            break
    else:
        raise RuntimeError("no verdict came")
    seconds = time.perf_counter() - started
    process.terminate()
    process.wait()
    return seconds


def report(row: dict[str, object]) -> None:
    seconds = row["seconds"]
    assert isinstance(seconds, dict)
    base = statistics.median(seconds[Warm.name])
    print(row["koan"])
    for name, values in seconds.items():
        low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
        ratio = "" if name == Warm.name else f"  {middle / base:5.1f} times the warm run"
        print(f"  {name:15} {1e3 * middle:7.0f} ms  ({1e3 * low:.0f}-{1e3 * high:.0f}){ratio}", flush=True)


if __name__ == "__main__":
    main()
