"""The client of a Dask cluster: it sends submissions out as tasks and collects verdicts.

Dask decides which worker gets which task, and gives the tasks of a lost worker to others. The client alone knows the
verdict cache, so a client that was killed continues where it stopped.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from grader.book.errors import KoansError
from grader.book.verdict import Verdict, one_line, wants_fast, with_fast
from grader.book.workbook import Koan, Workbook
from grader.course.engine import task, worker
from grader.course.engine.identity import difference, own_identity
from grader.course.engine.protocol import Ungraded
from grader.course.engine.task import Identity, Resource, Task
from grader.judge.runner import Limits
from grader.judge.sandbox.confine import Level, in_words
from grader.judge.targets import Target

if TYPE_CHECKING:
    from distributed import Client, Future

TRIES = 3  # workers that may end or fail with one task; then its submission is given up
AHEAD = 2  # tasks that are with the cluster for each worker: one runs, and the next is there when it ends
SOON = 5.0  # seconds until the user is told that there is no worker yet
FIRST_WORKER = 600.0  # seconds to wait for the first one: a job may be in a queue, and a busy machine starts slowly
LOOK_AGAIN = 1.0  # seconds between two looks at a cluster from which nothing comes

Tell = Callable[[str], None]


@dataclass
class _Sent:
    """A task that is with the cluster. `first` is the verdict of the first claim, if the task is about the second."""

    future: Future[bytes]
    task: Task
    first: Verdict | None
    failures: int = 0


class DaskEngine:
    """Judges on the workers of a cluster. Use it as a context manager: it closes the client.

    `address` is for messages. `tell` is called with lines for the user.
    """

    def __init__(self, workbook: Workbook, client: Client, address: str, *, tell: Tell = lambda line: None) -> None:
        self.workbook, self.client, self.address, self.tell = workbook, client, address, tell
        self.limits = Limits()
        self._accepted: dict[Resource, set[str]] = {"CPU": set(), "GPU": set()}
        self._level, self.device = self._compare()
        self._name, self._numbers = secrets.token_hex(4), itertools.count()
        self._sent: dict[str, _Sent] = {}
        self._ended: queue.SimpleQueue[Future[bytes]] = queue.SimpleQueue()
        self._starts: Counter[str] = Counter()
        self._counted, self._workers = 0.0, 0
        client.subscribe_topic(worker.STARTED, self._note_start)

    def __enter__(self) -> DaskEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the cluster. Tasks of this client that have not started are dropped."""
        with contextlib.suppress(Exception):  # the cluster may be gone
            self.client.close(timeout=5)

    def level(self) -> Level:
        return self._level

    def run_many(
        self,
        pairs: Iterable[tuple[Koan, Target]],
        *,
        seed: int | Callable[[str], int] = 0,
        parallel: int | None = None,
    ) -> Iterator[Verdict | Ungraded]:
        """The verdicts, submission by submission, as their tasks end. `parallel` has no meaning here."""
        submissions = (list(group) for _, group in itertools.groupby(pairs, lambda pair: pair[1].name))
        try:
            while True:
                self._fill(submissions, seed)
                if not self._sent:
                    return
                ended = self._next()
                results = self._results(ended)
                for sent in ended:
                    yield from self._collect(sent, results.get(sent.future.key))
                    sent.future.release()
        finally:
            for sent in self._sent.values():
                sent.future.release()
            self._sent.clear()

    # Workers

    def _compare(self) -> tuple[Level, str]:
        """What separates submissions from the grader, and the devices. Raises KoansError unless all workers agree."""
        found = self._identities()
        cpus = {where: one for where, one in found.items() if one.resource == "CPU"}
        if not cpus:
            raise KoansError(f"{self.address}: only GPU workers are connected: start `koans engine worker` on CPUs too")
        first, like = next(iter(cpus.items()))
        own = own_identity(self.workbook, "CPU", like.isolation)
        for where, one in found.items():
            if unlike := difference(own, one):
                raise KoansError(f"worker {where} has {unlike}; nothing was graded")
            if one.resource == "CPU" and (one.isolation, one.device) != (like.isolation, like.device):
                words = [f"{in_words(each.isolation)}, on {each.device}" for each in (like, one)]
                raise KoansError(f"workers differ: {first} is {words[0]}; {where} is {words[1]}; nothing was graded")
            self._accepted[one.resource].add(one.digest())
        gpus = sorted({one.device for one in found.values() if one.resource == "GPU"})
        return like.isolation, ", ".join([like.device, *gpus])

    def _identities(self) -> dict[str, Identity]:
        """The identity of each worker, by its address. Raises KoansError if there is no worker, or a foreign one."""
        self._wait_for_worker()
        answers: dict[str, Any] = self.client.run(worker.own_identity, on_error="return")
        for where, answer in answers.items():
            if not isinstance(answer, bytes):
                why = str(answer) if isinstance(answer, KoansError) else f"is of no use ({_in_words(answer)})"
                raise KoansError(f"worker {where} {why}; nothing was graded")
        return {where: task.unpack_identity(answer) for where, answer in sorted(answers.items())}

    def _wait_for_worker(self) -> None:
        """Raises KoansError if no worker comes."""
        missing = f"{self.address}: no worker is connected: start one with `koans engine worker {self.address}`"
        with contextlib.suppress(TimeoutError):
            self.client.wait_for_workers(1, timeout=SOON)
            return
        self.tell(f"{missing}; waiting for one")
        try:
            self.client.wait_for_workers(1, timeout=FIRST_WORKER)
        except TimeoutError:
            raise KoansError(missing) from None

    def _room(self) -> int:
        """How many tasks may be with the cluster. Workers may come and go. Raises KoansError if the cluster is gone."""
        if time.monotonic() > self._counted + LOOK_AGAIN:
            with self._talking():
                workers = self.client.scheduler_info(n_workers=-1)["workers"].values()
            self._workers = sum("CPU" in one["resources"] for one in workers)
            self._counted = time.monotonic()
        return AHEAD * max(self._workers, 1)

    @contextlib.contextmanager
    def _talking(self) -> Iterator[None]:
        """Within the block the client asks the scheduler. Raises KoansError if the connection is lost."""
        self._check_connection()
        try:
            yield
        except (OSError, RuntimeError, LookupError, CancelledError) as error:
            self._check_connection()
            raise KoansError(f"{self.address}: the scheduler does not answer ({_in_words(error)})") from None

    def _check_connection(self) -> None:
        """Wait while Dask tries to connect again, for a minute at most. Raises KoansError if it cannot."""
        while self.client.status == "connecting":
            time.sleep(0.1)
        if self.client.status != "running":
            raise KoansError(f"{self.address}: the connection is lost; the same command with --seed continues the run")

    # Tasks

    def _fill(self, submissions: Iterator[list[tuple[Koan, Target]]], seed: int | Callable[[str], int]) -> None:
        """Send tasks until there is enough with the cluster, or none is left."""
        room = self._room()
        while sum(sent.task.resource == "CPU" for sent in self._sent.values()) < room:
            pairs = next(submissions, None)
            if pairs is None:
                return
            self._send(self._task(pairs, seed if isinstance(seed, int) else seed(pairs[0][1].name), "CPU"))

    def _task(self, pairs: Sequence[tuple[Koan, Target]], seed: int, resource: Resource) -> Task:
        number = f"submission-{self._name}-{next(self._numbers)}"  # the dashboard shows it, so it names nobody
        return task.task_of(
            number, pairs, seed=seed, limits=self.limits, resource=resource, accepted=self._accepted[resource]
        )

    def _send(self, given: Task, first: Verdict | None = None, failures: int = 0) -> None:
        key = f"{given.id}-{failures}" if failures else given.id
        with self._talking():
            future = self.client.submit(
                worker.judge, task.pack(given), key=key, pure=False, resources={given.resource: 1}
            )
        self._sent[future.key] = _Sent(future, given, first, failures)
        future.add_done_callback(self._ended.put)

    def _note_start(self, event: tuple[float, str]) -> None:
        """Count how often a task was started. Called in a thread of the client."""
        self._starts[event[1]] += 1

    def _next(self) -> list[_Sent]:
        """The tasks that have ended, at least one. Raises KoansError if the cluster is gone."""
        told = False
        while True:
            ended = self._take_ended()
            if ended:
                return ended
            self._check_connection()
            if not told and self._room() and not self._workers:
                told = True
                self.tell(f"{self.address}: no worker is connected any more; waiting for one")

    def _take_ended(self) -> list[_Sent]:
        """The tasks that have ended by now. It waits a moment for the first."""
        futures: list[Future[bytes]] = []
        with contextlib.suppress(queue.Empty):
            futures.append(self._ended.get(timeout=LOOK_AGAIN))
            while True:
                futures.append(self._ended.get_nowait())
        return [self._sent.pop(future.key) for future in futures if future.key in self._sent]

    def _results(self, ended: Sequence[_Sent]) -> dict[str, bytes]:
        """The results of the tasks that have ended well, by key. All in one request, which costs half as much.

        If a result was lost with its worker, there are none: then each is asked for alone, and computed again.
        """
        finished = [sent.future for sent in ended if sent.future.status == "finished"]
        with self._talking():
            results = self.client.gather(finished, errors="skip")
        complete = len(results) == len(finished)
        return {one.key: data for one, data in zip(finished, results, strict=True)} if complete else {}

    def _collect(self, sent: _Sent, data: bytes | None) -> Iterator[Verdict | Ungraded]:
        """The verdicts of a task that has ended. One that failed is sent again, or its submission is given up."""
        try:
            data = sent.future.result() if data is None else data
        except CancelledError:  # the scheduler has forgotten it
            self._check_connection()
            self._send(sent.task, sent.first, sent.failures + 1)
            return
        except worker.OtherWorkbook as error:
            raise KoansError(f"{error}: stop it, and the same command with --seed continues the run") from None
        except Exception as error:
            yield from self._failed(sent, error)
            return
        self._starts.pop(sent.task.id, None)
        for verdict in task.unpack_verdicts(data):
            if sent.first is not None:
                yield with_fast(sent.first, verdict)
            elif self._accepted["GPU"] and wants_fast(self.workbook.koans[verdict.koan], verdict):
                pairs = task.pairs_of(sent.task, self.workbook, verdict.koan)
                self._send(self._task(pairs, sent.task.seed, "GPU"), verdict)
            else:
                yield verdict

    def _failed(self, sent: _Sent, error: Exception) -> Iterator[Verdict | Ungraded]:
        """Send the task again, unless it has failed too often or has ended too many workers.

        Dask also suspects tasks that only waited on a lost worker. So a task has ended a worker only if it had started.
        """
        from distributed import KilledWorker

        failures, starts = sent.failures + 1, self._starts[sent.task.id]
        if failures < TRIES and starts < TRIES:
            self._send(sent.task, sent.first, failures)
            return
        killed = isinstance(error, KilledWorker)
        why = f"{TRIES} workers ended while they judged it" if killed else f"{TRIES} workers failed: {_in_words(error)}"
        if sent.first is None:
            yield Ungraded(sent.task.submission, why)
        else:
            yield msgspec.structs.replace(sent.first, notes=(*sent.first.notes, f"its speed was not measured: {why}"))


def _in_words(error: object) -> str:
    """An unexpected error of a worker, on one line."""
    text = one_line(str(error))
    return text if isinstance(error, KoansError) else f"{type(error).__name__}: {text}"
