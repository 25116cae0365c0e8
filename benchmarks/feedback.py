"""From save to verdict: the warm runner beside cold pytest and pytest-watcher, in one run on one copy of the workbook.

    python benchmarks/feedback.py
    python benchmarks/feedback.py --quick
    python benchmarks/feedback.py --rounds 15 --out benchmarks/results/feedback.json

Every round saves each koan's file (the model answer with another comment at its end) and waits for the verdict on
that text, once with each of the three. Reported: median and spread (quartiles) in milliseconds, the ratios, and the
memory of the warm process and of one run (proportional set size, so shared pages count once).
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import queue
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from _common import CannotMeasure, Figures, children, copy_workbook, main, progress, pss

from grader.book.stubs import STUB, strip_markers, stub_of
from grader.book.workbook import Koan, Workbook
from grader.learn.app.session import AppSession
from grader.learn.app.state import Command, State

LARGE = "softmax"  # the koan whose run's memory is measured
KOANS = ("exp_overflow", "causal_mask", LARGE, "attention", "vector_add")
STARTS = 4  # how often `koans` is started; the first start finds no bytecode
WAIT = 120.0  # seconds for anything, on a loaded machine
SETTLE = 0.5  # seconds from the end of pytest until pytest-watcher notices saves


class Warm:
    """The session of the app, used as the screen uses it."""

    name = "koans, warm"

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.states: queue.Queue[State] = queue.Queue()
        self.session = AppSession(book, self.states.put)

    def start(self) -> None:
        self.session.start()
        first = self.session.state.mode
        state = self._until(lambda state: state.mode != first and state.step is not None)
        if state.mode.partition(",")[0] != "warm":
            raise CannotMeasure(f"{self.name}: {state.mode}")

    def _until(self, holds: Callable[[State], bool]) -> State:
        while True:
            try:
                state = self.states.get(timeout=WAIT)
            except queue.Empty:
                raise CannotMeasure(f"{self.name}: no verdict came in {WAIT:.0f} s") from None
            if state.trouble:
                raise CannotMeasure(f"{self.name}: {state.trouble}")
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
        seconds = time.perf_counter() - start
        if state.step is None or not state.step.verdict.passed:
            raise CannotMeasure(f"{self.name}: the model answer of {koan.id} did not pass")
        return seconds

    def server(self) -> int:
        """The process id of the warm process: it has the workbook's folder among its arguments."""
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                words = file.read_bytes().decode(errors="replace").split("\0")
                if "grader.judge.runner.server" in words and str(self.book.root) in words:
                    return int(file.parent.name)
        raise CannotMeasure("the memory of the warm process: it was not found in /proc")

    def peak(self, koan: Koan, text: str) -> float:
        """The largest PSS of the fork while it runs, in MiB."""
        server, samples = self.server(), [0.0]
        done = threading.Event()

        def sample() -> None:
            while not done.is_set():
                samples.extend(pss(pid) for pid in children(server))

        thread = threading.Thread(target=sample, daemon=True)
        thread.start()
        try:
            self.measure(koan, text)
        finally:
            done.set()
            thread.join()
        return max(samples)

    def close(self) -> None:
        self.session.stop()


class ColdPytest:
    """`python -m pytest FILE`, started when the file is saved."""

    name = "pytest, cold"

    def __init__(self, book: Workbook) -> None:
        self.book = book

    def start(self) -> None:
        pass

    def prepare(self, koan: Koan, text: str) -> None:
        self.book.exercise(koan).write_text(text)

    def measure(self, koan: Koan, text: str) -> float:
        start = time.perf_counter()
        self.book.exercise(koan).write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", str(self.book.test_file(koan))]
        done = subprocess.run(
            command, cwd=self.book.root, env=environment(self.book), capture_output=True, text=True, timeout=WAIT
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            raise CannotMeasure(f"{self.name}: {last_line(done.stdout + done.stderr)}")
        return seconds

    def close(self) -> None:
        pass


class Watcher:
    """pytest-watcher (`ptw`) on the koan's test file, from save to pytest's last line."""

    name = "pytest-watcher"

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        if importlib.util.find_spec("pytest_watcher") is None:
            raise CannotMeasure(f"{self.name} is not installed; pip install -e '.[dev]' brings it")

    def prepare(self, koan: Koan, text: str) -> None:
        self.close()
        self.book.exercise(koan).write_text(text)
        options = ["exercises", "--delay", "0", "--patterns", "**/*.py", "--now", "-q", str(self.book.test_file(koan))]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pytest_watcher", *options],
            cwd=self.book.root,
            env=environment(self.book),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, args=(self.process, self.lines), daemon=True).start()
        self._until_summary()

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)
        lines.put(None)

    def _until_summary(self) -> None:
        summary = ""
        while not re.search(r"\d+ (passed|failed|error).* in ", summary):
            try:
                line = self.lines.get(timeout=WAIT)
            except queue.Empty:
                raise CannotMeasure(f"{self.name}: no summary came in {WAIT:.0f} s") from None
            if line is None:
                raise CannotMeasure(f"{self.name} ended: {summary}")
            summary = line.strip() or summary
        if re.search(r"\d+ (failed|error)", summary):
            raise CannotMeasure(f"{self.name}: {summary}")

    def _settle(self) -> None:
        """Wait until pytest has ended after its last line. pytest-watcher misses a save that comes earlier."""
        assert self.process is not None
        deadline = time.monotonic() + WAIT
        while children(self.process.pid):
            if time.monotonic() > deadline:
                raise CannotMeasure(f"{self.name}: pytest did not end in {WAIT:.0f} s")
            time.sleep(0.05)
        time.sleep(SETTLE)

    def measure(self, koan: Koan, text: str) -> float:
        self._settle()
        while not self.lines.empty():
            self.lines.get()
        start = time.perf_counter()
        self.book.exercise(koan).write_text(text)
        self._until_summary()
        return time.perf_counter() - start

    def close(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def environment(book: Workbook) -> dict[str, str]:
    """The environment of a process on the copy of the workbook. Commands installed beside this Python come first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(book.root), "COLUMNS": "1000"}  # a message stays one line


def last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def typed_to_verdict(book: Workbook) -> float:
    """Seconds from the start of `koans` to the verdict on the screen. The answer to the current koan is wrong."""
    koan = next(iter(book.koans.values()))  # nothing has passed in this copy
    book.exercise(koan).write_text(stub_of(book, koan).replace(STUB, "return None"))
    command = [sys.executable, "-m", "grader", "--plain"]
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=book.root,
        env=environment(book),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        last_output: deque[str] = deque(maxlen=1)
        for line in process.stdout:
            if koan.name in line and "failed" in line:
                return time.perf_counter() - start
            last_output.extend([line.strip()] if line.strip() else [])
        raise CannotMeasure(f"`koans` gave no verdict on {koan.id}; it said: {''.join(last_output) or 'nothing'}")
    finally:
        process.terminate()
        process.wait()


def report(koan: str, seconds: dict[str, list[float]]) -> None:
    base = statistics.median(seconds[Warm.name])
    print(koan)
    for name, values in seconds.items():
        # a single value has no spread
        low, middle, high = statistics.quantiles(values if len(values) > 1 else values * 2, n=4, method="inclusive")
        ratio = "" if name == Warm.name else f"  {middle / base:5.1f} times the warm run"
        print(f"  {name:15} {1e3 * middle:7.0f} ms  ({1e3 * low:.0f}-{1e3 * high:.0f}){ratio}", flush=True)


def measure(options: argparse.Namespace) -> Figures:
    koans, starts, rounds = ((LARGE,), 1, 1) if options.quick else (KOANS, STARTS, options.rounds)
    rows = []
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as folder, contextlib.ExitStack() as closing:
        book = copy_workbook(Path(folder))
        warm = Warm(book)
        tools = (Watcher(book), ColdPytest(book), warm)
        tools[0].start()  # first, so that a missing pytest-watcher shows before minutes are spent on the others
        first = []
        for i in range(starts):
            progress(f"starting `koans`, {i + 1} of {starts}")
            first.append(typed_to_verdict(book))
        for tool in tools:
            closing.callback(tool.close)
        warm.start()
        for name in koans:
            koan = book.koan(name)
            text = strip_markers(book.solution(koan).read_text())
            times: dict[str, list[float]] = {}
            for tool in reversed(tools):
                progress(f"{koan.id}: {tool.name}")
                tool.prepare(koan, f"{text}# {tool.name}\n")
                count = rounds if tool is warm or options.quick else max(3, rounds // 3)
                times[tool.name] = [tool.measure(koan, f"{text}# {tool.name} {i}\n") for i in range(count)]
                if isinstance(tool, Watcher):
                    tool.close()
            rows.append({"koan": koan.id, "seconds": times})
            report(koan.id, times)
        memory = {"warm process": pss(warm.server())}
        koan = book.koan(LARGE)
        text = strip_markers(book.solution(koan).read_text())
        warm.prepare(koan, text)
        memory[f"one run of {LARGE}"] = warm.peak(koan, text + "# peak\n")
    for process, mib in memory.items():
        print(f"memory of the {process}: {mib:.0f} MiB")
    print(f"from `koans` typed to the first verdict: {first[0]:.1f} s the first time (no bytecode yet)", end="")
    print("".join(f", then {seconds:.1f} s" for seconds in first[1:]))
    return {"rows": rows, "memory_mib": memory, "typed_to_verdict_seconds": first}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="saves per koan and tool (default 9)")
    main(__doc__, measure, parser)
