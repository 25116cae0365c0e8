"""The process that runs the model. It reads one request from stdin and writes events to stdout.

The learner's functions run here. What they print goes to stderr. The memory of the process is limited. A function that
does not return within `PATIENCE` seconds ends the process, which says first whose function it was.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable

import msgspec
import torch

from grader.book import heap, no_terminal
from grader.book.errors import KoansError
from grader.model.functions import LEARNER, FunctionFailed, Functions
from grader.model.protocol import Done, Event, Failed, Request

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MEMORY = 3 << 30  # bytes that may be mapped beyond what the imports took
OUTPUT = 64 << 20  # bytes of the largest file that may be written
PATIENCE = 20.0  # seconds that may pass between two events
Emit = Callable[[Event], None]


class Watch:
    """Ends the process if no event comes for `PATIENCE` seconds, and says which koan's function was running."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._last = time.monotonic()
        self.functions: list[Functions] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def event(self, event: Event) -> None:
        self._last = time.monotonic()
        self._emit(event)

    def _watch(self) -> None:
        while time.monotonic() - self._last < PATIENCE:
            time.sleep(0.2)
        koan = next((f.running for f in self.functions if f.running), "")
        whose = next((f.whose.get(koan, "ours") for f in self.functions if f.running), "")
        name = koan.partition("/")[2] or "the model"
        self._emit(Failed(f"{name} did not return within {PATIENCE:.0f} seconds", koan=koan, whose=whose))
        os._exit(1)


def main() -> None:
    """Answer the request on stdin."""
    out = os.dup(1)
    os.dup2(2, 1)  # what functions print must not come between the events
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request)
    lock = threading.Lock()

    def emit(event: Event) -> None:
        data = msgspec.msgpack.encode(event)
        with lock:
            os.write(out, len(data).to_bytes(4, "big") + data)

    no_terminal.install()
    torch.set_num_threads(1)  # the products are small: a second thread costs more than it gives
    _limit()
    watch = Watch(emit)
    from grader.model import requests

    try:
        requests.answer(request, watch.event, watch.functions)
        watch.event(Done())
    except FunctionFailed as failed:
        watch.event(_failed(failed))
    except KoansError as error:
        watch.event(Failed(str(error)))
    except MemoryError:
        watch.event(_running(watch.functions, "the model needs more memory than its process may have"))
    except BrokenPipeError:
        pass  # whoever asked has gone
    os._exit(0)  # without the ends of threads that a function may have started


def _limit() -> None:
    if resource is None:
        return
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
        if heap.can_limit():
            most = heap.mapped() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _failed(failed: FunctionFailed) -> Failed:
    """Where the function failed: the last line of its own file in the traceback."""
    frames = traceback.extract_tb(failed.cause.__traceback__)
    own = [f.lineno or 0 for f in frames if f.filename.endswith(f"{failed.koan}.py")]
    return Failed(str(failed), failed.koan, failed.function, failed.whose, own[-1] if own else 0)


def _running(functions: list[Functions], message: str) -> Failed:
    for f in functions:
        if f.running:
            return Failed(message, koan=f.running, whose=f.whose.get(f.running, LEARNER))
    return Failed(message)


if __name__ == "__main__":
    main()
