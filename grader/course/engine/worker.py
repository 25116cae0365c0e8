"""What a worker process does: it holds one warm runner and judges one task at a time.

Dask calls `judge` in the worker's only thread. A submission's code runs further down, in the runner's sandbox.
"""

from __future__ import annotations

from pathlib import Path

from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.course.engine import identity, task
from grader.judge.runner import Runner

STARTED = "koans-started"  # the topic of Dask events that say that a task has started on a worker


class OtherWorkbook(KoansError):
    """The worker judges with another workbook or other versions than the client has seen. It judged nothing."""


class Unstarted(KoansError):
    """The process has no runner. The message says why."""


class _Worker:
    """The runner of this process, and what it judges with."""

    def __init__(self, root: Path, resource: task.Resource) -> None:
        self.workbook, self.resource = Workbook(root), resource
        self.runner = Runner(self.workbook, isolated=True)
        self.runner.warm_up()

    def identity(self) -> task.Identity:
        return identity.own_identity(self.workbook, self.resource, self.runner.level())


_worker: _Worker | None = None
_trouble = "was not started by `koans engine worker`"  # why there is none


def start(root: Path, resource: task.Resource) -> None:
    """Start the runner of this process. It takes some seconds.

    Dask ignores what a preload raises. So an error is kept, and raised when a client asks for this worker.
    """
    global _worker, _trouble
    try:
        _worker = _Worker(root, resource)
        _worker.identity()  # so that the first task does not wait for it
    except KoansError as error:
        _trouble = f"cannot run koans: {error}"


def stop() -> None:
    """End the runner of this process, if there is one."""
    global _worker
    worker, _worker = _worker, None
    if worker is not None:
        worker.runner.close()


def own_identity() -> bytes:
    """The identity of this process. Raises Unstarted."""
    return task.pack(_started().identity())


def judge(data: bytes) -> bytes:
    """The verdicts on a task. Raises OtherWorkbook, Unstarted, or KoansError if this machine cannot run koans."""
    from distributed import get_worker

    worker, given = _started(), task.unpack_task(data)
    if worker.identity().digest() not in given.accepted:
        where = f"worker {get_worker().address}"
        raise OtherWorkbook(f"{where} has another workbook, other versions or another sandbox than the others")
    get_worker().log_event(STARTED, given.id)
    worker.runner.limits = given.limits
    asks = task.asks_of(given, worker.workbook)
    return task.pack(tuple(verdict for _, verdict in worker.runner.run_all(asks, parallel=1)))


def _started() -> _Worker:
    if _worker is None:
        raise Unstarted(_trouble)
    return _worker
