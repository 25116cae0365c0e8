"""What grading on Dask costs beside the runner of one machine, and that kills lose nothing.

    python benchmarks/engine.py --quick
    python benchmarks/engine.py overhead --out benchmarks/results/engine.json
    python benchmarks/engine.py kills
    python benchmarks/engine.py whole --out benchmarks/results/engine-whole.json

`overhead`: the class of `grading.py`, twice as large (200 submissions of the koans of chapter 6), graded by 1, 2 and 4
worker processes on this machine, each beside the runner of one machine with as many runs at a time. Each pair grades
the same files with the same seed, and their results must be equal to the byte, times apart. Start-up is measured apart.

`kills`: a class of 40 submissions on two workers. Worker processes are killed at random moments, then the command
itself is killed at random moments and started again. The results must be equal to an undisturbed run, with no
submission missing and none twice. Moments are drawn from --seed.

`whole`: a class for all koans: of 20 submissions 2 solve all, 8 half, and 10 one koan. It gives what `cost_of_class.py`
needs: seconds of a core that grades, seconds of the client (which reads submissions, and reads and writes the verdict
cache), bytes of tasks and of verdicts, and bytes and files of the verdict cache, each for a submission.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from _common import ROOT, CannotMeasure, Figures, copy_workbook, main, progress
from grading import ClassMember, Kind, cpu_seconds, process_tree, submissions, workbook_of

from grader.book.verdict import Verdict
from grader.book.workbook import Koan, Workbook
from grader.course.engine import task
from grader.course.engine.dask_engine import DaskEngine
from grader.course.engine.opening import opened
from grader.course.engine.protocol import Engine
from grader.course.grade import Grade, grade_all
from grader.course.intake.client import Intake
from grader.course.intake.collect import collect
from grader.course.verdict_cache import VerdictCache
from grader.judge.runner import Runner
from grader.judge.targets import Target

SEED = 1
TIMES = ("seconds", "started")


def without_times(data: Any) -> Any:
    """The same data without what the clock decides."""
    if isinstance(data, dict):
        return {key: without_times(value) for key, value in data.items() if key not in TIMES}
    return [without_times(value) for value in data] if isinstance(data, list | tuple) else data


def as_bytes(grades: dict[str, Grade]) -> bytes:
    return msgspec.json.encode([without_times(msgspec.to_builtins(grades[name])) for name in sorted(grades)])


def class_of(scratch: Path, full: int, half: int, begun: int, hostile: int, koans: int) -> tuple[Workbook, Path]:
    """A workbook of the first koans of chapter 6, and the folder of a class for it."""
    book = workbook_of(scratch / "workbook", Workbook(ROOT).chapter("ch06").koans[:koans])
    number = len(book.koans)
    kinds = [Kind("full", number, full, 0), Kind("half", number // 2, half, 0), Kind("begun", 1, begun, 0, hostile)]
    members: list[ClassMember] = submissions(book, scratch / "forks", kinds)
    assert len(members) == full + half + begun
    return book, scratch / "forks"


@contextmanager
def one_machine(book: Workbook) -> Iterator[Runner]:
    with Runner(book, isolated=True) as runner:
        runner.warm_up()
        yield runner


def grades_of(
    book: Workbook, forks: Path, engine: Engine, parallel: int | None, what: str, cache: VerdictCache | None = None
) -> dict[str, Grade]:
    """Grade the class. Raises CannotMeasure if a submission is missing or comes twice."""
    found: dict[str, Grade] = {}
    with Intake(book) as intake:
        sources = collect(sorted(forks.iterdir()), intake, one_each=True).sources
        taken = intake.take_all(sources)
        for grade in grade_all(book, taken, engine, seed=SEED, count=len(sources), cache=cache, parallel=parallel):
            if grade.submission in found:
                raise CannotMeasure(f"{grade.submission} was graded twice")
            found[grade.submission] = grade
            progress(f"{what}: {len(found)} of {len(sources)}")
    if len(found) != len(sources):
        raise CannotMeasure(f"{len(found)} of {len(sources)} submissions were graded")
    return found


def timed(
    book: Workbook, forks: Path, start: Callable[[], Any], parallel: int | None, what: str
) -> tuple[Figures, bytes]:
    """Seconds to start and to grade, and the results."""
    cpu, wall = cpu_seconds(), time.perf_counter()
    with start() as engine:
        started = time.perf_counter() - wall
        grades = grades_of(book, forks, engine, parallel, what)
        graded = time.perf_counter() - wall - started
    figures = {"start": started, "wall": graded, "cpu": cpu_seconds() - cpu}
    return figures, as_bytes(grades)


def overhead(options: argparse.Namespace) -> Figures:
    sizes = (1, 1, 1, 1, 2) if options.quick else (20, 80, 100, 5, 99)
    measured: list[Figures] = []
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as scratch:
        book, forks = class_of(Path(scratch), *sizes)
        for workers in (1,) if options.quick else (1, 2, 4):
            alone, expected = timed(
                book, forks, lambda: one_machine(book), workers, f"one machine, {workers} at a time"
            )
            on = f"local:{workers}"
            dask, actual = timed(book, forks, lambda on=on: opened(on, book, None, progress), None, on)
            if actual != expected:
                raise CannotMeasure(f"{on}: the results differ from the results of one machine")
            ratios = {"wall": dask["wall"] / alone["wall"], "cpu": dask["cpu"] / alone["cpu"]}
            measured.append({"workers": workers, "dask": dask, "one_machine": alone, "ratios": ratios})
            print(f"{workers} workers: results equal; start {dask['start']:.1f} s beside {alone['start']:.1f} s")
            for kind in ("wall", "cpu"):
                print(
                    f"  {kind:4} {dask[kind]:7.1f} s beside {alone[kind]:7.1f} s: {ratios[kind]:.3f} times", flush=True
                )
    return {"submissions": sum(sizes[:3]), "clusters": measured}


# Kills


def kills(options: argparse.Namespace) -> Figures:
    drawn = random.Random(options.seed)
    print(f"moments are drawn from seed {options.seed}")
    sizes = (2, 2, 2, 1, 3) if options.quick else (10, 15, 15, 1, 99)
    workers, clients = (2, 1) if options.quick else (20, 5)
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as scratch:
        book, forks = class_of(Path(scratch), *sizes)
        with one_machine(book) as runner:
            expected = as_bytes(grades_of(book, forks, runner, None, "undisturbed"))
        lost = kill_workers(book, forks, workers, drawn, expected)
        ended = kill_clients(book, forks, clients, drawn, expected)
    return {"workers_killed": lost, "clients_killed": ended, "submissions": sum(sizes[:3]), "seed": options.seed}


def kill_workers(book: Workbook, forks: Path, count: int, drawn: random.Random, expected: bytes) -> int:
    """Grade again and again, and kill a worker every few seconds until `count` were killed."""
    killed, passes = 0, 0
    with opened("local:2", book, None, progress) as engine:
        while killed < count:
            stop = threading.Event()
            victims: list[int] = []
            moments = [drawn.uniform(5.0, 11.0) for _ in range(count - killed)]
            thread = threading.Thread(target=_kill_at, args=(engine, moments, stop, victims, drawn.random()))
            thread.start()
            try:
                grades = grades_of(book, forks, engine, None, f"{killed} workers killed")
            finally:
                stop.set()
                thread.join()
            killed, passes = killed + len(victims), passes + 1
            if as_bytes(grades) != expected:
                problems = "; ".join(f"{name}: {grade.problem}" for name, grade in grades.items() if grade.problem)
                raise CannotMeasure(f"after {killed} kills the results differ from an undisturbed run: {problems}")
    print(f"workers: {killed} killed in {passes} runs of the class; nothing lost, nothing twice, results equal")
    return killed


def _kill_at(engine: DaskEngine, moments: list[float], stop: threading.Event, victims: list[int], start: float) -> None:
    """Kill one worker after another with SIGKILL, each so many seconds after the one before."""
    drawn = random.Random(start)
    for seconds in moments:
        if stop.wait(seconds):
            return
        pids = sorted(engine.client.run(os.getpid, on_error="ignore").values())
        if pids and not stop.is_set():
            pid = drawn.choice(pids)
            os.kill(pid, signal.SIGKILL)
            victims.append(pid)


def kill_clients(book: Workbook, forks: Path, count: int, drawn: random.Random, expected: bytes) -> int:
    """Kill `koans grade --on local:2` at random moments. Each run continues with the verdicts of those before."""
    command = [sys.executable, "-m", "grader", "grade", *map(str, sorted(forks.iterdir())), "--seed", str(SEED)]
    command += ["--workbook", str(book.root), "--on", "local:2"]
    environment = {**os.environ, "PYTHONPATH": str(book.root)}

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=book.root, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )

    killed = early = 0
    while killed < count:
        process = start()
        seconds = drawn.uniform(3.0, 20.0)
        progress(f"client {killed + 1} of {count} is killed after {seconds:.1f} s")
        try:
            process.wait(seconds)
            early += 1
            shutil.rmtree(book.root / ".koans")  # all is graded: start anew
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    cache = CountingCache(book.root)
    with opened("local:2", book, None, progress) as engine:
        grades = grades_of(book, forks, engine, None, "the last client", cache)
    if as_bytes(grades) != expected:
        raise CannotMeasure(f"after {killed} killed clients the results differ from an undisturbed run")
    print(
        f"clients: {killed} killed, and {early} ended before their moment; nothing lost, nothing twice, results equal"
    )
    print(f"  the last run found {cache.found} of {cache.asked} verdicts in the cache")
    return killed


class CountingCache(VerdictCache):
    """The cache of a workbook. `found` counts the verdicts that it had, of those that it was `asked` for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked = self.found = 0

    def get(self, key: str) -> Verdict | None:
        verdict = super().get(key)
        self.asked, self.found = self.asked + 1, self.found + (verdict is not None)
        return verdict


# A whole workbook


class Replay:
    """An engine that knows all verdicts. It packs tasks and verdicts as a cluster does, and counts their bytes."""

    def __init__(self, runner: Runner, verdicts: dict[tuple[str, str], Verdict]) -> None:
        self.limits, self.device, self.level, self.verdicts = runner.limits, runner.device, runner.level, verdicts
        self.sent = self.received = 0

    def run_many(
        self, pairs: Iterable[tuple[Koan, Target]], *, seed: int = 0, parallel: int | None = None
    ) -> Iterator[Verdict]:
        for name, group in itertools.groupby(pairs, lambda pair: pair[1].name):
            of_one = list(group)
            given = task.task_of(name, of_one, seed=seed, limits=self.limits, resource="CPU", accepted=())
            answer = task.pack(tuple(self.verdicts[name, koan.id] for koan, _ in of_one))
            self.sent, self.received = self.sent + len(task.pack(given)), self.received + len(answer)
            yield from task.unpack_verdicts(answer)


def whole(options: argparse.Namespace) -> Figures:
    full, half, begun = (1, 0, 1) if options.quick else (2, 8, 10)
    count = full + half + begun
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as scratch:
        folder = Path(scratch)
        book = (
            workbook_of(folder / "w", Workbook(ROOT).chapter("ch06").koans[:2])
            if options.quick
            else copy_workbook(folder / "w")
        )
        number = len(book.koans)
        kinds = [Kind("full", number, full, 0), Kind("half", number // 2, half, 0), Kind("begun", 1, begun, 0)]
        submissions(book, folder / "forks", kinds)
        with one_machine(book) as runner:
            core = tree_seconds()
            grades = grades_of(book, folder / "forks", runner, None, "whole")
            core = tree_seconds() - core
            verdicts = {(grade.id, one.verdict.koan): one.verdict for grade in grades.values() for one in grade.koans}
            replay, cache = Replay(runner, verdicts), VerdictCache(book.root)
            client = cpu_seconds()
            grades_of(book, folder / "forks", replay, None, "the client", cache)
            client = cpu_seconds() - client
        files = [file.stat() for file in cache.folder.rglob("*") if file.is_file()]
    figures = {
        "submissions": count,
        "koans": number,
        "core_seconds": core / count,
        "client_seconds": client / count,
        "task_bytes": replay.sent / count,
        "verdict_bytes": replay.received / count,
        "cache_files": len(files) / count,
        "cache_bytes_on_disk": sum(512 * one.st_blocks for one in files) / count,
    }
    for name, value in figures.items():
        print(f"  {name:20} {value:12,.3f}", flush=True)
    return figures


def tree_seconds() -> float:
    """CPU seconds of this process and of all below it, also of those that have ended."""
    ticks = 0
    for pid in process_tree(os.getpid()):
        with contextlib.suppress(OSError):
            ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


PARTS = {"overhead": overhead, "whole": whole, "kills": kills}


def measure(options: argparse.Namespace) -> Figures:
    """The figures of one part, or of all but the kills, which measure nothing."""
    names = ("overhead", "whole") if options.what == "all" else (options.what,)
    return {name: PARTS[name](options) for name in names}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="?", choices=["all", *PARTS], default="all", help="(default: all, without kills)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of kills (default: 1)")
    main(__doc__, measure, parser)
