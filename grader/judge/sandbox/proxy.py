"""The trusted side's end of the wire: a submission's functions as functions, and what becomes of their worker.

A proxy is called like the function it stands for. What the call did to its inputs is done to them, what it printed is
printed, what it raised is raised: by name and as text, never as an object of the submission's.
"""

from __future__ import annotations

import builtins
import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from grader.book.policy import Forbidden
from grader.book.values import Malformed, Unpacker, pack
from grader.judge.sandbox import wire
from grader.judge.sandbox.confine import Level

SUBMITTED_TEXT = "submitted_text"  # of an exception whose own str() has lost it
SUBMITTED_FRAMES = "submitted_frames"  # of an exception: (line number, line) of the submission, outermost first
COPIES = 8  # of its inputs that a worker may hold while they and the result cross
NAMES, NAME, TEXT = 10_000, 200, 4000  # functions of a submission; characters of a name, and of any text that is shown
STARTING = 20.0  # seconds for a worker to be forked and confined, on a machine that is busy


@dataclass(frozen=True)
class End:
    """How a worker ended before its time: its wait status, or None if it was given up (`late`) or talked nonsense."""

    status: int | None
    tail: str = ""
    late: bool = False
    nonsense: str = ""


def _stop(end: End) -> NoReturn:
    raise RuntimeError(f"the submission's process ended: {end}")


@dataclass(frozen=True)
class Limits:
    """Seconds one worker may live, bytes it may map beyond what the warm process has, and its CPU seconds."""

    seconds: float = 20.0
    memory: int = 2 << 30


class Worker:
    """One worker of a zygote, holding one submission. `on_end` is what is done when it is gone before its time."""

    def __init__(
        self, address: str, load: wire.Load, limits: Limits, on_end: Callable[[End], NoReturn] = _stop
    ) -> None:
        self.load, self.limits, self.address, self.on_end = load, limits, address, on_end
        self._deadline = time.monotonic() + STARTING + limits.seconds
        self._calls = 0
        self._others: list[Worker] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(STARTING)
        self._socket.connect(address)
        self._socket.setblocking(True)
        self._fd = self._socket.fileno()
        ready = self._ask(wire.Start(limits.memory, int(limits.seconds * 4) + 5))
        if not isinstance(ready, wire.Ready):
            self._gone(nonsense="a worker that does not say how it is confined")
        self.level = Level(ready.parts, ready.missing)
        self._deadline = time.monotonic() + limits.seconds

    def names(self) -> list[str]:
        """Load the submission; its functions. Raises what its import raised."""
        loaded = self._ask(self.load)
        if isinstance(loaded, wire.Raised):
            _print(loaded.output)
            error = as_exception(loaded.error, self.load.file, self.load.text)
            if isinstance(error, SystemExit):
                raise ImportError("the file calls exit while it is being imported")
            raise error
        if not isinstance(loaded, wire.Loaded):
            self._gone(nonsense="an answer to another question")
        _print(loaded.output)
        names = loaded.names
        if len(names) > NAMES or not all(n.isidentifier() and len(n) <= NAME and n[0] != "_" for n in names):
            self._gone(nonsense="names that no function of an exercise has")  # `__getattr__`, say, or `__spec__`
        return names

    def load_next(self, load: wire.Load, on_end: Callable[[End], NoReturn]) -> None:
        """Replace the text by another one of ours: what ran before shares the CPU seconds, and what it left in the
        worker's memory is still there.
        """
        for other in self._others:
            other.close()
        self._others.clear()
        self.load, self.on_end = load, on_end
        self._deadline = time.monotonic() + self.limits.seconds

    def call(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function's result, or what it raised. Inputs are left as the call left them."""
        self._calls += 1
        answer = self._ask(wire.Call(self._calls, function, pack(args), pack(kwargs)))
        if isinstance(answer, wire.Raised) and answer.id == self._calls:
            _print(answer.output)
            raise as_exception(answer.error, self.load.file, self.load.text)
        if not isinstance(answer, wire.Returned) or answer.id != self._calls:
            self._gone(nonsense="an answer to another question")
        _print(answer.output)
        try:
            value = Unpacker()(answer.value)
            left = Unpacker()(answer.inputs)
        except Malformed as error:
            self._gone(nonsense=str(error))
        if answer.inputs is not None:
            if not (isinstance(left, list) and list(map(type, left)) == [tuple, dict]):
                self._gone(nonsense="inputs that are none")
            _leave_as([args, kwargs], left)
        return value

    def again(self, memory: int) -> Worker:
        """A second worker with the same submission and another limit on memory."""
        other = Worker(self.address, self.load, Limits(self.limits.seconds, memory), self.on_end)
        self._others.append(other)
        other.names()
        return other

    def close(self) -> None:
        """The zygote kills the worker when the connection closes."""
        self._socket.close()
        self._fd = -1
        for other in self._others:
            other.close()

    def give_up(self, nonsense: str) -> NoReturn:
        """What it answered cannot be."""
        self._gone(nonsense=nonsense)

    def _ask(self, message: wire.Request) -> wire.Reply:
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                wire.write(self._fd, wire.frame(message), self._deadline)
            reply = wire.reply(wire.read_frame(self._fd, self._deadline))
        except TimeoutError:
            self._gone(late=True)
        except Malformed as error:
            self._gone(nonsense=str(error))
        except MemoryError:
            self._gone(nonsense="a message too large for the memory there is")
        except (EOFError, OSError):
            self._gone(nonsense="it closed the connection")
        if isinstance(reply, wire.Ended):
            self._gone(status=reply.status, tail=reply.tail)
        return reply

    def _gone(self, status: int | None = None, tail: str = "", late: bool = False, nonsense: str = "") -> NoReturn:
        self.close()
        self.on_end(End(status, tail[-TEXT:], late, nonsense[:TEXT]))


class Proxy:
    """A submission's function. Call it like one."""

    def __init__(self, worker: Worker, name: str) -> None:
        self._worker = worker
        self.__name__ = name
        self._with_memory: dict[int, Proxy] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._worker.call(self.__name__, args, kwargs)

    def give_up(self, nonsense: str) -> NoReturn:
        """End the worker, because of what it answered."""
        self._worker.give_up(nonsense)

    def within(self, memory: int) -> Callable[..., Any]:
        """The same function in a worker that may map only so many bytes more than its inputs take to arrive."""

        def call(*args: Any, **kwargs: Any) -> Any:
            cap = memory + COPIES * sum(x.nbytes for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor))
            if cap not in self._with_memory:
                self._with_memory[cap] = Proxy(self._worker.again(cap), self.__name__)
            return self._with_memory[cap](*args, **kwargs)

        return call


def _print(output: str) -> None:
    if output:
        print(output[:TEXT], end="")


def as_exception(error: wire.Error, file: str, text: str) -> BaseException:
    """An exception to raise in the place of the one described, with the lines of the submission it passed as a note.

    A builtin class is raised as itself, another as a class of its name below its nearest builtin one.
    """
    message = error.message[:TEXT]
    if "Forbidden" in error.types[:1]:
        return Forbidden(message)
    base: type[BaseException] = Exception
    for name in error.types[:100]:
        known = getattr(builtins, name, None)
        if isinstance(known, type) and issubclass(known, Exception | SystemExit) and known is not ExceptionGroup:
            base = known
            break
    name = error.types[0] if error.types else "Exception"
    kind: Any = base if name == base.__name__ else type(_printable(name), (base,), {})
    made: BaseException = kind.__new__(kind)  # without __init__: some builtin ones want more than a message
    made.args = (message,)
    if isinstance(made, SyntaxError):
        made.msg, made.filename, made.lineno = message, file, error.line
        made.text = error.text and error.text[:TEXT]
        made.offset = error.offset and max(0, min(error.offset, len(made.text or "") + 1))
    if isinstance(made, ImportError):
        made.name = error.name and error.name[:NAME]
        made.msg = message
    if isinstance(made, UnicodeError):  # its text comes from fields that did not cross
        setattr(made, SUBMITTED_TEXT, error.message)
    lines = text.splitlines()
    passed = [(f.line, lines[f.line - 1].strip() if 0 < f.line <= len(lines) else "") for f in error.frames[-3:]]
    setattr(made, SUBMITTED_FRAMES, passed)
    return made


def _printable(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[:100] or "Exception"


def _leave_as(inputs: Any, left: Any) -> None:
    """Change `inputs` in place to what the call left of them. What no longer has its shape or type is given up."""
    keys = list(inputs) if isinstance(inputs, Mapping) else range(min(len(inputs), len(left)))
    for before, after in ((inputs[k], left[k]) for k in keys if not isinstance(left, Mapping) or k in left):
        if isinstance(before, Tensor):
            with torch.no_grad(), contextlib.suppress(RuntimeError, TypeError):
                if isinstance(after, Tensor) and before.shape == after.shape and before.dtype == after.dtype:
                    before.copy_(after)
                else:
                    before.zero_().add_(1)  # reshaped in place: say that it is not what it was
        elif isinstance(before, np.ndarray):
            if isinstance(after, np.ndarray) and before.shape == after.shape and before.dtype == after.dtype:
                before[...] = after
        elif isinstance(before, list) and isinstance(after, list):
            _leave_as(before, after)
            before[:] = [b if _same(b, a) else a for b, a in zip(before, after, strict=False)] + after[len(before) :]
        elif isinstance(before, dict) and isinstance(after, dict):
            _leave_as(before, after)
            for key in [k for k in before if k not in after]:
                del before[key]
            for key, value in after.items():
                if key not in before or not _same(before[key], value):
                    before[key] = value
        elif isinstance(before, tuple) and isinstance(after, tuple):
            _leave_as(before, after)


def _same(a: Any, b: Any) -> bool:
    """Containers and tensors have been changed in place; anything else is compared."""
    if isinstance(a, (Tensor, np.ndarray, list, dict, tuple)):
        return type(a) is type(b)
    return type(a) is type(b) and (a == b or (a != a and b != b))
