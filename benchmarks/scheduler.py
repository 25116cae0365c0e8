"""How many workers one Dask scheduler and one client can keep busy: 10,000 tasks that sleep.

    python benchmarks/scheduler.py --quick
    python benchmarks/scheduler.py --out benchmarks/results/scheduler.json

The workers are simulated: many of Dask's workers in one process, each with one thread. A task gets as many bytes as the
texts of a submission have, sleeps, and returns as many bytes as its verdicts have. So scheduler, client and connections
(TLS) do what they do for a class, and nothing is judged. Two tasks for each worker are out at any time, as in
`koans grade`. Durations are drawn for a class of which 10 % solve all koans, 40 % half of them, and 50 % have begun;
--full, --half and --begun set their ranges in seconds.

`flood`: 10,000 tasks with durations divided by 1000, so scheduler and client are the bottleneck. The CPU seconds that
each spends on a task tell how many tasks a second it can handle on a core of its own. `workers`: 10 to 400 workers,
with the durations of a class. `idle` is the share of the workers' time in which they wait for a task, while there are
tasks to send. It is an upper bound, because this machine also computes for all workers.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import multiprocessing
import os
import queue
import random
import resource
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from _common import CannotMeasure, Figures, main, progress

# The processes below read these when they import Dask. A profiler for each of 400 workers in one process would be the
# largest part of the load.
os.environ["PYTHONWARNINGS"] = "ignore"  # on a busy machine Dask warns that it is slow
os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"
os.environ["DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"] = "False"
os.environ["DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL"] = "10s"

AHEAD = 2  # tasks that are out for each worker, as in the engine
LOOK_AGAIN = 1.0  # seconds between two looks at the workers, as in the engine
TEXTS = 270_000  # bytes of the texts of a submission of 135 koans
STARTING = 120.0  # seconds the simulated workers may take to start
STAMPS = "dd"  # begin a result: when the task began and ended, by the clock that all processes share
FLOOD, FLOOD_WORKERS = 1000.0, 50  # durations are divided by the first
WORKERS, EACH = (10, 50, 100, 400), 4  # how many workers, and how many tasks for each
HOST = "127.0.0.1"
QUIET: dict[str, Any] = {"dashboard": False, "dashboard_address": f"{HOST}:0"}


class Kind(NamedTuple):
    """A kind of submission: its share of the class, how long its task takes, and the bytes of its verdicts."""

    share: float
    seconds: tuple[float, float]
    verdicts: int


class Task(NamedTuple):
    seconds: float
    texts: int
    verdicts: int


def kinds(options: argparse.Namespace) -> list[Kind]:
    return [
        Kind(0.1, tuple(options.full), 400_000),
        Kind(0.4, tuple(options.half), 225_000),
        Kind(0.5, tuple(options.begun), 50_000),
    ]


def drawn(of: Sequence[Kind], count: int, shorter: float, seed: int = 1) -> list[Task]:
    """The tasks of a class, in any order. The shares of the kinds are exact."""
    rng = random.Random(seed)
    tasks = []
    for i in range(count):
        place, at = 0, (i + 0.5) / count
        while at > sum(kind.share for kind in of[: place + 1]):
            place += 1
        tasks.append(Task(rng.uniform(*of[place].seconds) / shorter, TEXTS, of[place].verdicts))
    rng.shuffle(tasks)
    return tasks


def sleep(data: bytes, seconds: float, result: int) -> bytes:
    """What a simulated worker does: it announces the task as a real one does, and sleeps."""
    from distributed import get_worker

    start = time.monotonic()
    get_worker().log_event("koans-started", len(data))
    time.sleep(max(0.0, seconds - (time.monotonic() - start)))
    stamps = struct.pack(STAMPS, start, time.monotonic())
    return stamps + bytes(result - len(stamps))


# Processes. Each answers a message on its pipe with its CPU seconds, and ends when the pipe closes.


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def answer(pipe: Connection) -> None:
    loop, closed = asyncio.get_running_loop(), asyncio.Event()

    def read() -> None:
        try:
            pipe.recv()
            pipe.send(cpu_seconds())
        except (EOFError, OSError):
            loop.remove_reader(pipe.fileno())
            closed.set()

    loop.add_reader(pipe.fileno(), read)
    await closed.wait()


def run_scheduler(pipe: Connection, security: Any) -> None:
    from distributed import Scheduler

    async def serve() -> None:
        async with Scheduler(host=HOST, protocol="tls://", security=security, port=0, **QUIET) as one:
            pipe.send(one.address)
            await answer(pipe)

    asyncio.run(serve())


def run_workers(pipe: Connection, security: Any, address: str, count: int) -> None:
    from distributed import Worker

    def one() -> Worker:
        return Worker(address, nthreads=1, memory_limit=0, resources={"CPU": 1}, security=security, host=HOST, **QUIET)

    async def serve() -> None:
        workers: list[Worker] = []
        for first in range(0, count, 20):  # each has files and connections to open
            workers += await asyncio.gather(*(one() for _ in range(min(20, count - first))))
        pipe.send(count)
        await answer(pipe)
        await asyncio.gather(*(worker.close(timeout=5) for worker in workers), return_exceptions=True)

    asyncio.run(serve())


class Process:
    """A process of the cluster, and the pipe to it."""

    def __init__(self, target: Any, *args: Any) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=target, args=(theirs, *args), daemon=True)
        self.process.start()
        theirs.close()

    def hear(self) -> Any:
        """The next message. Raises CannotMeasure if the process has ended."""
        try:
            if self.pipe.poll(STARTING):
                return self.pipe.recv()
        except (EOFError, OSError):
            pass
        raise CannotMeasure(f"the process of the {self.process.name} does not answer")

    def cpu(self) -> float:
        self.pipe.send(None)
        return float(self.hear())

    def close(self) -> None:
        self.pipe.close()
        self.process.join(20)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class Cluster(NamedTuple):
    client: Any
    scheduler: Process
    workers: Process


@contextmanager
def cluster(count: int) -> Iterator[Cluster]:
    """A scheduler, its simulated workers and a client, in three processes."""
    from distributed import Client
    from distributed.security import Security

    security = Security.temporary()
    scheduler = Process(run_scheduler, security)
    try:
        address = scheduler.hear()
        workers = Process(run_workers, security, address, count)
        try:
            workers.hear()
            with Client(address, security=security, set_as_default=False) as client:
                client.wait_for_workers(count, timeout=STARTING)
                yield Cluster(client, scheduler, workers)
        finally:
            workers.close()
    finally:
        scheduler.close()


# Measuring


def window(ran: Sequence[tuple[float, float]], until: float) -> tuple[float, float]:
    """Seconds from the first start to `until`, and the seconds of work in them, of all workers together."""
    begin = min(start for start, _ in ran)
    return until - begin, sum(max(0.0, min(end, until) - start) for start, end in ran)


def drained(ended: queue.SimpleQueue[Any]) -> Iterator[Any]:
    """What is in the queue now."""
    with contextlib.suppress(queue.Empty):
        while True:
            yield ended.get_nowait()


def measure_run(count: int, tasks: Sequence[Task], what: str) -> Figures:
    """Send these tasks to so many workers, and measure until the last one is back."""
    with cluster(count) as made:
        texts = random.Random(2).randbytes(TEXTS)
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        waiting, out, ran, sent = collections.deque(tasks), set(), [], 0
        looked, last_sent = time.monotonic(), 0.0
        before, begun = [cpu_seconds(), made.scheduler.cpu()], time.monotonic()
        while waiting or out:
            while waiting and len(out) < AHEAD * count:
                task = waiting.popleft()
                future = made.client.submit(
                    sleep,
                    texts,
                    task.seconds,
                    task.verdicts,
                    key=f"task-{len(waiting)}",
                    pure=False,
                    resources={"CPU": 1},
                )
                sent += len(texts)
                out.add(future)
                future.add_done_callback(ended.put)
                last_sent = time.monotonic()
            futures = [ended.get(timeout=STARTING), *drained(ended)]
            for data in made.client.gather(futures):
                sent += len(data)
                ran.append(struct.unpack_from(STAMPS, data))
            for future in futures:
                out.discard(future)
                future.release()
            progress(f"{what}: {len(ran)} of {len(tasks)}")
            if time.monotonic() > looked + LOOK_AGAIN:
                made.client.scheduler_info(n_workers=-1)
                looked = time.monotonic()
        wall = time.monotonic() - begun
        client, scheduler = (
            now - then for now, then in zip([cpu_seconds(), made.scheduler.cpu()], before, strict=True)
        )
    span, busy = window(ran, last_sent)
    mean = sum(task.seconds for task in tasks) / len(tasks)
    figures = {
        "workers": count,
        "tasks": len(tasks),
        "task_seconds": mean,
        "tasks_asked_per_second": count / mean,
        "tasks_per_second": len(tasks) / wall,
        "client_cpu_per_task": client / len(tasks),
        "scheduler_cpu_per_task": scheduler / len(tasks),
        "bytes_per_task": sent / len(tasks),
        "idle": max(1e-6, 1 - busy / (count * span)),
    }
    print(
        f"  {count:4} workers, {len(tasks):6} tasks of {1e3 * mean:6.1f} ms: "
        f"{figures['tasks_per_second']:6.0f} of {figures['tasks_asked_per_second']:6.0f} tasks/s; CPU a task: client "
        f"{1e3 * client / len(tasks):.2f} ms, scheduler {1e3 * scheduler / len(tasks):.2f} ms; "
        f"workers idle {100 * figures['idle']:.1f} %",
        flush=True,
    )
    return figures


def measure(options: argparse.Namespace) -> Figures:
    of = kinds(options)
    sizes, each, shorter, flood_workers, flood_tasks = WORKERS, EACH, 1.0, FLOOD_WORKERS, 10_000
    if options.quick:
        sizes, shorter, flood_workers, flood_tasks = (4,), 500.0, 4, 40
    mean = sum(task.seconds for task in drawn(of, 10_000, 1.0)) / 10_000
    print(f"a task of a real class takes {mean:.1f} s")
    flood = measure_run(flood_workers, drawn(of, flood_tasks, FLOOD), "flood")
    rows = [measure_run(count, drawn(of, each * count, shorter), f"{count} workers") for count in sizes]
    most = {part: 1 / flood[f"{part}_cpu_per_task"] for part in ("client", "scheduler")}
    first = min(most, key=lambda part: most[part])
    full = mean * most[first]
    print(
        f"the {first} is full first, at {most[first]:.0f} tasks a second on a core of its own: {full:.0f} workers "
        f"with tasks of {mean:.1f} s"
    )
    return {
        "real_task_seconds": mean,
        "texts_bytes": TEXTS,
        "flood": flood,
        "workers": rows,
        "tasks_per_second_of_a_core": most,
        "bottleneck": first,
        "workers_at_the_bottleneck": full,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name, low, high, what in (
        ("full", 13.0, 26.0, "all koans"),
        ("half", 6.5, 13.0, "half of the koans"),
        ("begun", 0.2, 1.0, "few koans"),
    ):
        help_text = f"least and most seconds of a submission that solves {what} (default: {low:g} {high:g})"
        parser.add_argument(
            f"--{name}", type=float, nargs=2, default=[low, high], metavar=("LOW", "HIGH"), help=help_text
        )
    main(__doc__, measure, parser)
