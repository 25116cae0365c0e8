"""The process that runs the model. It reads one request from stdin and writes events to stdout.

The learner's functions run here. What they print goes to stderr. The memory of the process is limited. A call that does
not return within some seconds ends the process, which says first whose function it was, and where it was. These are
seconds of the processor, because a busy machine is no fault of a function. A function that only waits gets more.
"""

from __future__ import annotations

import contextlib
import faulthandler
import mmap
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

import msgspec
import torch

from grader.book import heap, no_terminal
from grader.book.errors import KoansError
from grader.model.functions import FunctionFailed, Functions
from grader.model.path import LEARNER, OURS
from grader.model.protocol import BOX, Done, Event, Failed, Note, Request

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MEMORY = 3 << 30  # bytes that may be mapped beyond what the imports took
OUTPUT = 64 << 20  # bytes of the largest file that may be written
HEARTBEAT = 5.0  # seconds without an event after which the process says that it still works
GRACE = 3.0  # seconds more than its patience after which the process ends even if no other thread of it can run
WAITING = 5.0  # as many times its patience may a call take in which the processor does nothing
Emit = Callable[[Event], None]


class Watch:
    """Ends the process if a call does not return within `patience` seconds, and says which koan's function it was.

    A function that is slow, but returns, may go on. `box` is a file in which the running koan is noted for whoever
    finds the process ended.
    """

    def __init__(self, emit: Emit, patience: float, box: Path) -> None:
        self._emit = emit
        self._patience = patience
        with box.open("r+b") as file:
            self._box = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self._said = time.monotonic()  # when the last event was sent
        self._sending = False
        self._calls = 0
        self._functions: list[Functions] = []
        self._main = threading.get_ident()
        self._alive()
        if resource is not None:  # its handler needs no lock of the interpreter, which a call into C may hold for ever
            faulthandler.register(signal.SIGPROF, chain=True)
        threading.Thread(target=self._watch, daemon=True).start()

    def watch(self, functions: Functions) -> None:
        """These functions run from now on, too."""
        self._functions.append(functions)
        functions.enter = self._note

    def event(self, event: Event) -> None:
        self._sending = True  # for as long as nobody reads, which is no fault of a function
        self._emit(event)
        self._alive()
        self._said = time.monotonic()
        self._sending = False

    def failed(self, message: str) -> Failed:
        """The request ended in the function that is running now."""
        for functions in self._functions:
            if koan := functions.running:
                line = _line(koan, _frames(sys._current_frames().get(self._main)))
                return Failed(message, koan, whose=functions.whose.get(koan, OURS), line=line)
        return Failed(message)

    def _note(self, koan: str) -> None:
        self._box[:BOX] = koan.encode()[:BOX].ljust(BOX, b"\0")

    def _alive(self) -> None:
        """Something has happened now."""
        self._cpu, self._wall = time.process_time(), time.monotonic()

    def _is_patient(self) -> bool:
        waited = time.monotonic() - self._wall
        return time.process_time() - self._cpu < self._patience and waited < WAITING * self._patience

    def _watch(self) -> None:
        while self._is_patient():
            if resource is not None:
                signal.setitimer(signal.ITIMER_PROF, self._patience + GRACE)
            time.sleep(min(0.2, self._patience / 4))
            calls = sum(functions.calls for functions in self._functions)
            running = any(functions.running for functions in self._functions)
            if calls != self._calls or not running or self._sending:
                self._calls = calls
                self._alive()
                if not self._sending and time.monotonic() - self._said > HEARTBEAT:
                    self.event(Note(""))
        failed = self.failed("")
        name = failed.koan.partition("/")[2] or "the model"
        message = f"{name} did not return within {self._patience:.0f} seconds"
        self._emit(msgspec.structs.replace(failed, message=message))
        os._exit(1)


def main() -> None:
    """Answer the request on stdin. The arguments are the patience in seconds and the file that is the box."""
    patience, box = float(sys.argv[1]), Path(sys.argv[2])
    out = os.dup(1)
    os.dup2(2, 1)  # what functions print must not come between the events
    request = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Request)
    lock = threading.Lock()

    def emit(event: Event) -> None:
        data = msgspec.msgpack.encode(event)
        with lock:
            _write(out, len(data).to_bytes(4, "big") + data)

    no_terminal.install()
    torch.set_num_threads(1)  # the products are small: a second thread costs more than it gives
    _limit()
    watch = Watch(emit, patience, box)
    watch.event(Note(""))
    from grader.model import requests

    try:
        requests.answer(request, watch.event, watch.watch)
        watch.event(Done())
    except FunctionFailed as failed:
        watch.event(_failed(failed))
    except KoansError as error:
        watch.event(Failed(str(error)))
    except MemoryError:
        watch.event(watch.failed("the model needs more memory than its process may have"))
    except BrokenPipeError:
        pass  # whoever asked has gone
    except Exception as error:  # a learner's function has returned something that no other can use
        if LEARNER not in request.source.whose.values():
            raise
        said = " ".join(str(error).split())
        watch.event(Failed(f"the model stopped with {type(error).__name__}: {said}", whose=LEARNER))
    os._exit(0)  # without the ends of threads that a function may have started


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


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
    frames = traceback.walk_tb(failed.cause.__traceback__)
    line = _line(failed.koan, ((frame.f_code.co_filename, number) for frame, number in frames))
    if isinstance(failed.cause, SyntaxError) and failed.cause.lineno:
        line = failed.cause.lineno
    return Failed(str(failed), failed.koan, failed.function, failed.whose, line)


def _frames(frame: FrameType | None) -> Iterable[tuple[str, int]]:
    """File and line of each frame, the outermost first."""
    frames = [(f.f_code.co_filename, number) for f, number in traceback.walk_stack(frame)]
    return reversed(frames)


def _line(koan: str, frames: Iterable[tuple[str, int]]) -> int:
    """The last line of the koan's own file in these frames; 0 if it is not there."""
    return next((number for file, number in reversed(list(frames)) if Path(file).as_posix().endswith(f"{koan}.py")), 0)


if __name__ == "__main__":
    main()
