"""Measures what each wrong answer on the model's path costs, for docs/PRICES.md: `python -m grader.author.prices`.

Every answer runs in a process of its own, with limits, because a wrong answer may not return. What was measured is kept
in content/ch15_model/model/prices.json, and is measured again only if the code or a file that it rests on has changed.
The right answers are measured, too: they differ by rounding alone, so they say how large such a difference is.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import platform
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path

import msgspec
import torch

from grader.author import price_results
from grader.author.price_results import FILE, HANGS, Answer, Digests, Healthy, Prices, Result, Yardstick
from grader.author.report import price_list
from grader.book import heap
from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.processes import FOLDER, environment, module
from grader.book.workbook import Workbook, find_root
from grader.model import functions, price
from grader.model.client import folder_of_ours
from grader.model.functions import FunctionFailed, Functions
from grader.model.path import PATH
from grader.model.price import SEEDS, Bench, Kind, Measured, Run, Start

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MEMORY = 3 << 30  # bytes that may be mapped beyond what the imports took
SECONDS = 90  # of the CPU, for all runs of an answer
WAITING = 900.0  # seconds of the clock
EVERY = 20  # answers after which the file is written
FACTOR = 16  # roundings that another processor may move our own figures by, as in `grader.checks.agreement`
HASH_SEED = "PYTHONHASHSEED"  # the order of a set follows it
# A training run is not finished if it begins as with our functions: apart from rounding for these roles, to the bit for
# koans whose functions do the same at every step. Other mistakes may show late.
SAME_ROLES = ("forward", "loss", "tokenizer")
SAME_KOANS = (
    *("ch15_model/get_batch", "ch15_model/init_std", "ch15_model/accumulate_gradients"),
    *("ch15_model/weight_decay_groups", "ch04_optimization/adamw_step"),
)


class Work(msgspec.Struct, frozen=True):
    """An answer, or our functions with a seed (`answer` is None), and the runs to measure."""

    answer: Answer | None
    runs: tuple[Run, ...]
    seed: int = SEEDS[0]


class Outcome(msgspec.Struct, frozen=True):
    """What came of one run of a piece of work. If it is the `same` as with our functions, it has no figures."""

    run: Run
    figures: dict[str, float] = {}
    agreement: float = 0.0
    error: str = ""
    same: bool = False


class Shop:
    """Measures pieces of work, each in a process of its own that is forked from this one."""

    def __init__(self, workbook: Workbook, folder: Path) -> None:
        torch.set_num_threads(1)  # also so that a fork has no other threads
        self._workbook = workbook
        self.bench: Bench = price.bench(workbook, folder)
        self._ours: dict[Run, Measured] = {}
        self._starts: dict[Run, list[Start]] = {}  # how training begins with our functions, then by other routes

    def prepare(self, work: Sequence[Work]) -> None:
        """Run it with our functions first, so that outcomes say how often the model chooses the same."""
        for run in dict.fromkeys(run for piece in work if piece.answer for run in piece.runs):
            if run.kind != "training":
                self._ours[run] = price.measure(self.bench, self.bench.ours, run, SEEDS[0])
            elif run not in self._starts:
                routes = [route for route in price.by_routes(run) if route != run]
                starts = [price.first_steps(self.bench, self.bench.ours, route) for route in (run, *routes)]
                self._starts[run] = starts

    def measured(self, work: Sequence[Work], jobs: int) -> Iterator[tuple[Work, list[Outcome]]]:
        """Each piece of work with what came of its runs, as they end."""
        waiting, busy = list(reversed(work)), dict[Connection, _Child]()
        while waiting or busy:
            while waiting and len(busy) < jobs:
                child = self._start(waiting.pop())
                busy[child.reader] = child
            for reader in wait(list(busy), timeout=1.0):
                busy[reader].receive()  # type: ignore[index]
            for reader, child in list(busy.items()):
                if child.late():
                    child.end()
                if child.ended:
                    del busy[reader]
                    yield child.work, child.outcomes

    def _start(self, work: Work) -> _Child:
        reader, writer = multiprocessing.Pipe(duplex=False)
        process = multiprocessing.get_context("fork").Process(target=self._run, args=(work, writer))
        process.start()
        writer.close()
        return _Child(work, process, reader)

    def _run(self, work: Work, writer: Connection) -> None:
        """In the child: send what comes of each run."""
        os.setsid()  # it gets a share of the CPU of its own, and signals to the terminal do not reach it
        _limit()
        with open(os.devnull, "w") as nowhere:
            for descriptor in (1, 2):
                os.dup2(nowhere.fileno(), descriptor)
        try:
            f = functions.load(self._workbook, {work.answer.koan: work.answer.whose} if work.answer else {})
        except Exception as error:
            outcomes: Iterator[Outcome] = (Outcome(run, error=_line(str(error))) for run in work.runs)
        else:
            outcomes = (self.outcome(f, work, run) for run in work.runs)
        for outcome in outcomes:
            writer.send_bytes(msgspec.msgpack.encode(outcome))
        os._exit(0)

    def outcome(self, f: Functions, work: Work, run: Run) -> Outcome:
        """In the child: what comes of a run with these functions."""
        try:
            if work.answer and work.answer.kind == "wrong" and self._begins_the_same(f, run, work.answer.koan):
                return Outcome(run, same=True)
            found = price.measure(self.bench, f, run, work.seed)
        except Exception as error:  # also where the model uses the result
            return Outcome(run, error=error_line(error))
        ours = self._ours.get(run)
        return Outcome(run, found.figures, price.agreement(found.tokens, ours.tokens) if ours else 0.0)

    def _begins_the_same(self, f: Functions, run: Run, koan: str) -> bool:
        """Whether a training run begins as with our functions, so that it need not be finished."""
        by_rounding = PATH[koan].role in SAME_ROLES
        if run not in self._starts or not (by_rounding or koan in SAME_KOANS):
            return False
        ours, *others = self._starts[run]
        own = price.first_steps(self.bench, f, run)
        if not by_rounding:
            return own == ours
        rounding = [
            max(abs(a - b) for b in routes)
            for a, *routes in zip(ours.figures, *(o.figures for o in others), strict=True)
        ]
        return all(abs(a - b) <= most for a, b, most in zip(own.figures, ours.figures, rounding, strict=True))


class _Child:
    """A process at work, and what it has sent."""

    def __init__(self, work: Work, process: ForkProcess, reader: Connection) -> None:
        self.work, self.reader = work, reader
        self.outcomes: list[Outcome] = []
        self.ended = False
        self._process = process
        self._until = time.monotonic() + WAITING

    def receive(self) -> None:
        try:
            self.outcomes.append(msgspec.msgpack.decode(self.reader.recv_bytes(), type=Outcome))
        except EOFError:
            self.end()

    def late(self) -> bool:
        return time.monotonic() > self._until

    def end(self) -> None:
        """End it. Its run that gave nothing, and those after it, hang."""
        self._process.kill()
        self._process.join()
        self.ended = True
        for run in self.work.runs[len(self.outcomes) :]:
            self.outcomes.append(Outcome(run, error=f"{HANGS}no result after {SECONDS} seconds of CPU time"))


def _limit() -> None:
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        if heap.can_limit():
            most = heap.mapped() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (most, most))


def error_line(error: Exception) -> str:
    """How a run failed, and in which function, in a line."""
    if isinstance(error, FunctionFailed):
        return _line(f"{type(error.cause).__name__} in {error.function}: {error.cause}")
    return _line(f"{type(error).__name__}: {error}")


def _line(text: str) -> str:
    """Its first line, shortened."""
    line = (text.splitlines() or [""])[0]
    return line if len(line) <= 120 else line[:119] + "…"


# ------------------------------------------------------------------------------------------------------ the whole list


class Ledger:
    """What has been measured and still holds, in prices.json. The rest is due."""

    def __init__(self, workbook: Workbook, folder: Path) -> None:
        self._file = folder_of_ours(workbook.root) / FILE
        old = price_results.load(self._file.parent) if self._file.exists() else Prices()
        digests = Digests(workbook, folder)
        self._runs = price_results.wanted_healthy(digests)
        self._wanted = price_results.wanted(workbook, digests)
        self._healthy = {h.run: h for h in old.healthy if h.run in self._runs and h.digest == self._runs[h.run][1]}
        self._results = {(r.answer, r.run): r for r in old.results if self._wanted.get((r.answer, r.run)) == r.digest}
        self._seeds: dict[str, dict[int, dict[str, float]]] = {}  # figures of our functions, by run
        self.machine = old.machine

    def due(self, kinds: Sequence[Kind], koans: Sequence[str]) -> list[Work]:
        """What is missing of these kinds of run and these koans, or of all of them: our functions first."""
        healthy = [run for name, (run, _) in self._runs.items() if name not in self._healthy]
        runs: dict[Answer, list[Run]] = {}
        for answer, kind in self._wanted:
            if (answer, kind) not in self._results and (not koans or answer.koan in koans):
                runs.setdefault(answer, []).extend(run for run in price.runs(answer.koan) if run.kind == kind)
        every = [Work(None, (run,), seed) for run in healthy for seed in SEEDS]
        every += [Work(answer, tuple(own)) for answer, own in runs.items()]
        limited = [
            msgspec.structs.replace(w, runs=tuple(r for r in w.runs if not kinds or r.kind in kinds)) for w in every
        ]
        return [work for work in limited if work.runs]

    def add(self, work: Work, outcome: Outcome) -> None:
        """Keep an outcome. Raises KoansError if our functions failed."""
        run = outcome.run
        if work.answer is not None:
            key = work.answer, run.kind
            if outcome.same:
                figures = {name: values[0] for name, values in self._healthy[run.name].figures.items()}
                outcome = msgspec.structs.replace(outcome, figures=figures)
            self._results[key] = _result(work.answer, outcome, self._wanted[key])
            return
        if outcome.error:
            raise KoansError(f"{run.name} with our functions: {outcome.error}")
        by_seed = self._seeds.setdefault(run.name, {})
        by_seed[work.seed] = price.rounded(outcome.figures)
        if len(by_seed) == len(SEEDS):
            of_seeds = {name: tuple(by_seed[seed][name] for seed in SEEDS) for name in outcome.figures}
            self._healthy[run.name] = Healthy(run.name, self._runs[run.name][1], of_seeds)

    def save(self) -> None:
        """Write the file: our functions in the order of the path, then the answers."""
        healthy = tuple(self._healthy[name] for name in self._runs if name in self._healthy)
        results = tuple(self._results[key] for key in self._wanted if key in self._results)
        write_file(self._file, price_results.encoded(Prices(self.machine, healthy, results)))


def update(workbook: Workbook, folder: Path, jobs: int, kinds: Sequence[Kind] = (), koans: Sequence[str] = ()) -> int:
    """Measure what is due, of these kinds of run and koans, and keep it. Returns how many pieces of work there were."""
    ledger = Ledger(workbook, folder)
    work = ledger.due(kinds, koans)
    if work:
        ledger.machine = machine_here()
        shop = Shop(workbook, folder)
        shop.prepare(work)
        ours, answers = [w for w in work if w.answer is None], [w for w in work if w.answer is not None]
        results = chain(shop.measured(ours, jobs), shop.measured(answers, jobs))
        for done, (piece, outcomes) in enumerate(results, 1):
            for outcome in outcomes:
                ledger.add(piece, outcome)
            if done % EVERY == 0:
                ledger.save()
                print(f"{done} of {len(work)}", flush=True)
    ledger.save()
    return len(work)


def machine_here() -> str:
    """The machine that measures, in a line."""
    version, instructions = str(torch.__version__).partition("+")[0], torch.backends.cpu.get_cpu_capability()
    return f"torch {version} on {platform.machine()} with {instructions}, one thread"


def _result(answer: Answer, outcome: Outcome, digest: str) -> Result:
    return Result(
        answer, outcome.run.kind, digest, price.finite(outcome.figures), round(outcome.agreement, 4), outcome.error
    )


# ------------------------------------------------------------------------------------------------------------ a sample


def check(workbook: Workbook, folder: Path, count: int, seed: int, jobs: int) -> list[str]:
    """Measure a sample of the wrong answers again. Returns where it differs from what was kept by more than rounding.

    The figures of a run that is seen may be chaotic, so that rounding grows in them. Then the outcome must be the same.
    """
    prices = price_results.load(folder_of_ours(workbook.root))
    kept = {price.answer: price for price in price_results.priced(prices)}
    sample = random.Random(seed).sample(sorted(kept), count)
    sticks = kept_sticks = price_results.yardsticks(prices)
    problems = []
    work = [Work(answer, price.runs(answer.koan)) for answer in sample]
    shop = Shop(workbook, folder)
    # Another processor adds in another order. So our functions run here, too, and what is compared is the difference.
    runs = {run.name: run for piece in work for run in piece.runs}
    for _, outcomes in shop.measured([Work(None, tuple(runs.values()))], 1):
        for outcome in outcomes:
            name, own = outcome.run.name, sticks[outcome.run.name]
            sticks = {**sticks, name: _moved(own, outcome)}
            problems += [
                f"our functions, {name}: {figure} was {own[figure].value} and is {here.value}: measure anew"
                for figure, here in sticks[name].items()
                if abs(here.value - own[figure].value) > FACTOR * _rounding(own[figure])
            ]
    for piece, outcomes in shop.measured(work, jobs):
        assert piece.answer is not None
        for outcome in outcomes:
            result = _result(piece.answer, outcome, "")
            before = kept[piece.answer].results[outcome.run.kind]
            own = sticks[outcome.run.name]
            was = price_results.verdict(before, kept_sticks[outcome.run.name])
            now = price_results.verdict(result, own)
            name = f"{piece.answer.koan}: {piece.answer.whose}, {outcome.run.kind}"
            print(f"{name}: {now.outcome}")
            if was.outcome != now.outcome or before.error.partition(":")[0] != result.error.partition(":")[0]:
                problems.append(f"{name}: {was.outcome} {before.error}, and now {now.outcome} {result.error}")
            elif was.outcome in ("unseen", "not met"):
                for figure, stick in own.items():
                    a, b = before.figures[figure], result.figures[figure]
                    if a is not None and b is not None and abs(a - b) > stick.noise:
                        problems.append(f"{name}: {figure} was {a} and is {b}; rounding moves it by {stick.noise}")
    return problems


def _rounding(stick: Yardstick) -> float:
    """What rounding moves a figure by. It comes from float32 numbers, so never less than their own rounding."""
    return max(stick.noise, abs(stick.value) * 2**-23)


def _moved(sticks: Mapping[str, Yardstick], outcome: Outcome) -> dict[str, Yardstick]:
    """The yardsticks of this machine: our figures as they are here. Their distance from those kept is rounding, too."""
    moved = {}
    for figure, stick in sticks.items():
        here = price.finite(outcome.figures).get(figure)
        value = stick.value if here is None else here
        moved[figure] = Yardstick(value, stick.spread, stick.noise + abs(value - stick.value))
    return moved


def main() -> None:
    """Run the command in a process with a fixed hash seed, and exit."""
    with_fixed_hashes("prices")
    sys.exit(run(sys.argv[1:]))


def with_fixed_hashes(name: str) -> None:
    """Start `main` of a module of this package anew with a fixed hash seed, unless this process has it."""
    variables = environment(FOLDER)
    if os.environ.get(HASH_SEED) != variables[HASH_SEED]:
        os.execve(sys.executable, [sys.executable, *module(__package__, name), *sys.argv[1:]], variables)


def run(argv: Sequence[str]) -> int:
    """Run the command. Returns its exit status: 0 all is well, 1 a check found differences, 2 it could not run."""
    parser = argparse.ArgumentParser(prog="python -m grader.author.prices", description=__doc__)
    parser.add_argument("--model", type=Path, help="the folder of the model; default: content/ch15_model/model")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--kinds", nargs="*", default=[], choices=price.KINDS, help="only these kinds of run")
    parser.add_argument("--koans", nargs="*", default=[], help="only answers of these koans")
    parser.add_argument("--write", action="store_true", help="measure nothing; write docs/PRICES.md from what was kept")
    parser.add_argument("--check", type=int, metavar="SAMPLE", help="measure this many again, and compare")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    given = parser.parse_args(argv)
    try:
        workbook = Workbook(find_root(Path.cwd()))
        folder = given.model or folder_of_ours(workbook.root)
        if given.write:
            changed = price_list.write(workbook)
            print(f"{price_list.PAGE}: {'written' if changed else 'is up to date'}")
            return 0
        if given.check is not None:
            problems = check(workbook, folder, given.check, given.seed, given.jobs)
            print("\n".join([*problems, f"problems: {len(problems)}"]))
            return 1 if problems else 0
        measured = update(workbook, folder, given.jobs, given.kinds, [workbook.koan(k).id for k in given.koans])
    except KoansError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"measured: {measured}")
    return 0


if __name__ == "__main__":
    main()
