"""A process for runs that was not forked: `python -m grader.judge.runner.spare ROOT`.

It imports everything, says `ready` in a line on stdout, and waits for a job on stdin. A run without a group ends it.
After each run of a group it reports the exit code, and 1 if it makes no further run, else 0. It ends when stdin is
closed, even within a run: then nobody waits for the verdict.
"""

from __future__ import annotations

import _thread
import os
import queue
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.book import heap
from grader.book.processes import end_abandoned, end_this_one
from grader.judge.runner.child import begin, execute, prepare
from grader.judge.runner.preload import warm_up
from grader.judge.runner.protocol import MAX_GROWTH, Job, Lines

Jobs = queue.SimpleQueue[bytes]


def main() -> None:
    jobs: Jobs = queue.SimpleQueue()
    requests, reports = os.dup(0), os.dup(1)  # no process that a run starts inherits them
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    # A thread that `threading` does not know: the verdict counts the threads that a run leaves behind.
    _thread.start_new_thread(_listen, (requests, jobs))
    workbook = warm_up(Path(sys.argv[1]))
    os.write(reports, b"ready\n")
    job = msgspec.json.decode(jobs.get(), type=Job)
    prepare(job)
    if not job.group:
        end_this_one(execute(job, workbook))

    from grader.judge.runner.session import run_all

    most = heap.mapped() + MAX_GROWTH if heap.can_limit() else 0

    def of_group() -> Iterator[Job]:
        begin(job)
        yield job
        while True:
            next_job = msgspec.json.decode(jobs.get(), type=Job)
            begin(next_job)
            yield next_job

    def ended(code: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        grown = bool(most) and heap.mapped() > most
        os.write(reports, f"{code} {int(grown)}\n".encode())

    end_this_one(run_all(job.root, of_group(), ended, workbook))


def _listen(requests: int, jobs: Jobs) -> None:
    """Read jobs until stdin is closed, and then end this process and all that it has started."""
    lines = Lines()
    try:
        while data := os.read(requests, 1 << 16):
            for line in lines.feed(data):
                jobs.put(line)
    finally:
        end_abandoned()


if __name__ == "__main__":
    main()
