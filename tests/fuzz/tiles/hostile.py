"""Measures what hostile texts take: CPU time, and memory above the imports. Each runs in a process of its own."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tests.kernels.hostile_runs import RUNS, ending
from tests.kernels.hostile_texts import TEXTS, Hostile, body

MOST_SECONDS, MOST_MIB = 2.0, 512
STOPPED_AFTER = 10  # seconds of CPU time


@dataclass(frozen=True)
class Cost:
    """How a text ended, and what it took."""

    name: str
    end: str
    message: str
    seconds: float
    mib: float

    @property
    def is_fine(self) -> bool:
        """Was it refused or stopped in time, within memory?"""
        return not self.end.startswith("crash") and self.seconds <= MOST_SECONDS and self.mib <= MOST_MIB

    def __str__(self) -> str:
        mark = " " if self.is_fine else "!"
        return f"{mark} {self.name:42} {self.end:15} {self.seconds:5.2f} s {self.mib:5.0f} MiB  {self.message[:80]}"


def costs() -> Iterator[Cost]:
    """The cost of each text."""
    harmless = Hostile(lambda: body("tl.store(out_ptr + i, x, mask=tl.program_id(0) == 0)"))
    base = _measured("harmless", harmless, 0.0)
    assert base.end == RUNS, base
    for name, hostile in TEXTS.items():
        yield _measured(name, hostile, base.mib)


def _measured(name: str, hostile: Hostile, base: float) -> Cost:
    """Run a text in a fork. `base` is the memory of a process that runs a harmless one, in MiB."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _run(hostile, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    _, status, usage = os.wait4(child, 0)
    seconds = usage.ru_utime + usage.ru_stime
    mib = usage.ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20) - base
    end, message = json.loads(answer) if answer else (f"crash {status}", "")
    return Cost(name, end, message, seconds, mib)


def _run(hostile: Hostile, writer: int) -> None:
    signal.setitimer(signal.ITIMER_PROF, STOPPED_AFTER)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # for the machine that measures
    try:
        answer = ending(hostile)
    except BaseException as error:
        answer = f"crash {type(error).__name__}", str(error)
    os.write(writer, json.dumps(answer).encode()[:60_000])
    os._exit(0)
