"""The trusted side's end of the wire: workers, and proxies for the functions of a submission.

A proxy is called like the function it stands for. It changes its inputs as the call changed them, prints what the call
printed, and raises what the call raised. An exception is sent as the name of its class and a text, never as an object
of the submission's.
"""

from __future__ import annotations

import builtins
import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from grader.book import source_text
from grader.book.forbidden import Forbidden
from grader.book.no_terminal import CALLS, NoTerminal
from grader.book.own_lines import SENT, OwnLine
from grader.book.processes import FOLDER
from grader.book.serialization import Malformed, Unpacker, pack
from grader.judge.sandbox import wire
from grader.judge.sandbox.answers import NAME, NAMES, is_function_name
from grader.judge.sandbox.confine import Level

SUBMITTED_TEXT = "submitted_text"  # the attribute of a submission's exception with its text, where str() would lose it
COPIES = 8  # how many copies of its inputs a worker may hold while they and the result are sent
TEXT = 4000  # the most characters of any text that is shown
STARTING = 20.0  # seconds a busy machine may take to fork and confine a worker
TRIES, PAUSE = 3, 0.5  # to get a worker, and the seconds between two


@dataclass(frozen=True)
class End:
    """Why a worker ended early. `status` is its wait status.

    `status` is None if the trusted side ended it, because it was `late` or sent `nonsense`. Without `started` there was
    no worker: the machine had no room for one, or the zygote has ended.
    """

    status: int | None
    tail: str = ""
    late: bool = False
    nonsense: str = ""
    started: bool = True


def _stop(end: End) -> NoReturn:
    raise RuntimeError(f"the submission's process ended: {end}")


@dataclass(frozen=True)
class WorkerLimits:
    """Seconds one worker may live, and bytes it may map beyond what the warm process has mapped.

    `exact`: see wire.Start.
    """

    seconds: float = 20.0
    memory: int = 512 << 20
    exact: bool = False


class SandboxWorker:
    """One worker of a zygote, with one submission. `on_end` is called if it ends early."""

    def __init__(
        self, address: str, load: wire.Load, limits: WorkerLimits, on_end: Callable[[End], NoReturn] = _stop
    ) -> None:
        self.load, self.limits, self.address, self.on_end = load, limits, address, on_end
        self._deadline = time.monotonic() + STARTING + limits.seconds
        self._calls = 0
        self.imports: tuple[str, ...] = ()  # the koans whose files the submission imports
        self._others: list[SandboxWorker] = []
        ready = self._start()
        if isinstance(ready, wire.Ended):
            self._end(status=ready.status, tail=ready.tail)
        if not isinstance(ready, wire.WorkerReady):
            self._end(nonsense="a worker that does not say how it is confined")
        self.level = Level(ready.parts, ready.missing)
        self._deadline = time.monotonic() + limits.seconds

    def _start(self) -> wire.Reply:
        """The first answer of a new worker, or the end if there is none.

        The zygote closes a connection for which it can start no process. It may have died, and a new one may start. No
        submitted line has run yet, so a second try is as good as the first.
        """
        start = wire.frame(wire.Start(self.limits.memory, int(self.limits.seconds * 4) + 5, self.limits.exact))
        until, closed = time.monotonic() + STARTING, 0
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            self._fd = self._socket.fileno()
            try:
                self._socket.settimeout(STARTING)
                self._socket.connect(self.address)
                self._socket.setblocking(True)
                wire.write(self._fd, start, self._deadline)
                return wire.reply(wire.read_frame(self._fd, self._deadline))
            except TimeoutError:
                self._end(late=True)
            except Malformed as error:
                self._end(nonsense=str(error))
            except (FileNotFoundError, ConnectionRefusedError):  # nobody listens
                pass
            except (EOFError, OSError):
                closed += 1
            if closed == TRIES or time.monotonic() > until:
                self._end(started=False)
            self._socket.close()
            time.sleep(PAUSE)

    def names(self) -> list[str]:
        """Load the submission. Returns the names of its functions. Raises what its import raised."""
        reply = self._ask(self.load)
        if isinstance(reply, wire.Raised | wire.Loaded):
            self.imports = tuple(dict.fromkeys(koan for koan in reply.imports if koan in self.load.imports))
        if isinstance(reply, wire.Raised):
            _print(reply.output)
            error = as_exception(reply.error, self.load)
            if isinstance(error, SystemExit):
                raise ImportError("the file calls exit while it is being imported")
            raise error
        if not isinstance(reply, wire.Loaded):
            self._end(nonsense="an answer to another question")
        _print(reply.output)
        if len(reply.names) > NAMES or not all(is_function_name(name) for name in reply.names):
            self._end(nonsense="names that no function of an exercise has")
        return reply.names

    def load_next(self, load: wire.Load, on_end: Callable[[End], NoReturn]) -> None:
        """Replace the text by another one of the workbook's own.

        All texts of a worker share its CPU seconds and its memory.
        """
        self._close_others()
        self.load, self.on_end = load, on_end
        self._deadline = time.monotonic() + self.limits.seconds

    def call(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the function and return its result. Raises what it raised, and changes the inputs as it changed them."""
        self._calls += 1
        reply = self._ask(wire.Call(self._calls, function, pack(args), pack(kwargs)))
        if isinstance(reply, wire.Raised) and reply.id == self._calls:
            _print(reply.output)
            raise as_exception(reply.error, self.load)
        if not isinstance(reply, wire.Returned) or reply.id != self._calls:
            self._end(nonsense="an answer to another question")
        _print(reply.output)
        try:
            value = Unpacker()(reply.value)
            inputs = Unpacker()(reply.inputs)
        except Malformed as error:
            self._end(nonsense=str(error))
        if reply.inputs is not None:
            if not (isinstance(inputs, list) and list(map(type, inputs)) == [tuple, dict]):
                self._end(nonsense="inputs that are none")
            _copy_back(args, inputs[0])
            _copy_back(kwargs, inputs[1])
        return value

    def with_memory(self, memory: int) -> SandboxWorker:
        """A second worker with the same submission, for a claim about memory."""
        limits = WorkerLimits(self.limits.seconds, memory, exact=True)
        other = SandboxWorker(self.address, self.load, limits, self.on_end)
        self._others.append(other)
        other.names()
        return other

    def close(self) -> None:
        """The zygote kills the worker when the connection closes."""
        self._socket.close()
        self._fd = -1
        self._close_others()

    def _close_others(self) -> None:
        for other in self._others:
            other.close()
        self._others.clear()

    def give_up(self, nonsense: str) -> NoReturn:
        """End the worker, because its answer cannot be right."""
        self._end(nonsense=nonsense)

    def _ask(self, message: wire.Request) -> wire.Reply:
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                wire.write(self._fd, wire.frame(message), self._deadline)
            reply = wire.reply(wire.read_frame(self._fd, self._deadline))
        except TimeoutError:
            self._end(late=True)
        except Malformed as error:
            self._end(nonsense=str(error))
        except MemoryError:
            self._end(nonsense="a message too large for the available memory")
        except (EOFError, OSError):
            self._end(nonsense="it closed the connection")
        if isinstance(reply, wire.Ended):
            self._end(status=reply.status, tail=reply.tail)
        return reply

    def _end(
        self, status: int | None = None, tail: str = "", late: bool = False, nonsense: str = "", started: bool = True
    ) -> NoReturn:
        self.close()
        self.on_end(End(status, tail[-TEXT:], late, nonsense[:TEXT], started))


class Proxy:
    """A submission's function. Call it like one."""

    def __init__(self, worker: SandboxWorker, name: str) -> None:
        self._worker = worker
        self.__name__ = name
        self._with_memory: dict[int, Proxy] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._worker.call(self.__name__, args, kwargs)

    def give_up(self, nonsense: str) -> NoReturn:
        """End the worker, because of what it answered."""
        self._worker.give_up(nonsense)

    def within(self, memory: int) -> Callable[..., Any]:
        """The same function in a worker that may map only `memory` bytes more than its inputs need to arrive."""

        def call(*args: Any, **kwargs: Any) -> Any:
            cap = memory + COPIES * sum(x.nbytes for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor))
            if cap not in self._with_memory:
                self._with_memory[cap] = Proxy(self._worker.with_memory(cap), self.__name__)
            return self._with_memory[cap](*args, **kwargs)

        return call


def _print(output: str) -> None:
    if output:
        print(output[:TEXT], end="")


def as_exception(error: wire.Error, load: wire.Load) -> BaseException:
    """The exception to raise for the one described. It carries the lines of the submission that it passed through.

    A builtin class is raised as it is. Any other becomes a new class of the same name, derived from its builtin base
    classes.
    """
    message = error.message[:TEXT].replace(f"{FOLDER}/", "")  # the place of the grader means nothing to a learner
    if "Forbidden" in error.types[:1]:
        return Forbidden(message)
    if error.types[:1] == [NoTerminal.__name__]:
        raised: BaseException = NoTerminal(message if message in CALLS else CALLS[0])
        setattr(raised, SENT, [_own_line(frame, load) for frame in error.frames[-3:]])
        return raised
    kind: Any = _class(error.types[0] if error.types else "Exception", _builtin_bases(error.types[1:100]))
    raised = kind.__new__(kind)  # without __init__, because some builtin classes need more arguments
    raised.args = (message,)
    if isinstance(raised, SyntaxError):
        file = Path(load.file).parent.parent / f"{error.koan}.py" if error.koan in load.imports else load.file
        raised.msg, raised.filename, raised.lineno = message, str(file), error.line
        raised.text = error.text and error.text[:TEXT]
        raised.offset = error.offset and max(0, min(error.offset, len(raised.text or "") + 1))
    if isinstance(raised, ImportError):
        raised.name = error.name and error.name[:NAME]
        raised.msg = message
    if isinstance(raised, UnicodeError):  # its str() is made of fields that were not sent
        setattr(raised, SUBMITTED_TEXT, error.message)
    setattr(raised, SENT, [_own_line(frame, load) for frame in error.frames[-3:]])
    return raised


def _own_line(frame: wire.Frame, load: wire.Load) -> OwnLine:
    other = load.imports.get(frame.koan)
    lines = source_text.lines(load.text if other is None else other.text)
    text = lines[frame.line - 1].strip() if 0 < frame.line <= len(lines) else ""
    return OwnLine(load.koan if other is None else frame.koan, frame.line, text)


def _builtin_bases(types: list[str]) -> tuple[type[BaseException], ...]:
    """The builtin exceptions with these names that may be raised here, without the bases of others. Exception if none.

    A class may derive from several: AxisError of numpy is a ValueError and an IndexError.
    """
    named = (getattr(builtins, name, None) for name in types)
    known = [k for k in dict.fromkeys(named) if isinstance(k, type) and issubclass(k, Exception | SystemExit)]
    known = [k for k in known if k is not ExceptionGroup]
    return tuple(k for k in known if not any(other is not k and issubclass(other, k) for other in known)) or (
        Exception,
    )


def _class(name: str, bases: tuple[type[BaseException], ...]) -> type[BaseException]:
    """The builtin class of this name if it is the only base. Otherwise a new class."""
    if len(bases) == 1 and name == bases[0].__name__:
        return bases[0]
    try:
        return type(_printable(name), bases, {})
    except TypeError:  # objects of these classes cannot be laid out as one
        return type(_printable(name), bases[:1], {})


def _printable(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[:100] or "Exception"


def _copy_back(before: Any, after: Any) -> None:
    """Change `before` in place to `after`. Values of other types cannot be changed, and a tuple only in its parts."""
    if isinstance(before, Tensor):
        _copy_tensor(before, after)
    elif isinstance(before, np.ndarray):
        _copy_array(before, after)
    elif isinstance(before, list) and isinstance(after, list):
        before[:] = after
    elif isinstance(before, dict) and isinstance(after, dict):
        before.clear()
        before.update(after)
    elif isinstance(before, tuple) and isinstance(after, tuple):
        for old, new in zip(before, after, strict=False):
            _copy_back(old, new)


def _copy_tensor(before: Tensor, after: Any) -> None:
    if not isinstance(after, Tensor):
        return
    with torch.no_grad():
        before.requires_grad_(False)
        before.data = after.detach()  # also takes over another shape or dtype
        before.requires_grad_(after.requires_grad)
        before.grad = after.grad


def _copy_array(before: np.ndarray[Any, Any], after: Any) -> None:
    if not isinstance(after, np.ndarray):
        return
    if before.shape == after.shape and before.dtype == after.dtype:
        before[...] = after
    else:  # an array cannot take over every other shape and dtype; other values show that it was changed
        flipped = np.frombuffer(before.tobytes(), np.uint8) ^ 0xFF
        before[...] = flipped.view(before.dtype).reshape(before.shape)
