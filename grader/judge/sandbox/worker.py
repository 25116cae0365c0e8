"""What a worker does: it confines itself, runs the submitted text, and then answers calls with data.

This code runs in the submission's own process. It holds no secret, and nothing that it sends is trusted, because a
submission can replace all of it as soon as its first line has run.
"""

from __future__ import annotations

import io
import linecache
import sys
import traceback
import types
from pathlib import Path
from typing import Any

import msgspec

from grader.book import forbidden, heap, source_text
from grader.book.serialization import ListData, Malformed, Unpacker, pack
from grader.judge.sandbox import confine, wire

STACK = 2000  # Python frames, as in a run that is not isolated
OUTPUT = 4000  # the most characters of a call's output that are sent
FRAMES = 3  # the most frames of a traceback that are sent
MESSAGE = 2000  # the most characters of an exception's text that are sent


def main(fd: int, scratch: Path, hidden: Path, user: int | None) -> None:
    """Serve the connection `fd` until it closes, as this user if the process is root."""
    start = wire.request(wire.read_frame(fd))
    if not isinstance(start, wire.Start):
        return
    if start.exact:
        heap.count_exactly()
    level = confine.confine(confine.Confinement((fd,), scratch, hidden, start.memory, start.seconds, user))
    wire.write(fd, wire.frame(wire.WorkerReady(level.parts, level.missing)))
    printed = _Printed()
    sys.stdout = sys.stderr = printed
    sys.setrecursionlimit(STACK)
    module: dict[str, Any] = {}
    while True:
        body = wire.read_frame(fd)
        request = wire.request(body)
        if isinstance(request, wire.Load):
            reply = _load(request, module, printed)
        elif isinstance(request, wire.Call):
            reply = _call(request, module, printed)
        else:
            return
        wire.write(fd, _frame(request, reply))


def _frame(request: wire.Load | wire.Call, reply: wire.Reply) -> bytes:
    """The reply's frame. A reply that cannot be sent becomes an exception."""
    try:
        return wire.frame(reply)
    except (Malformed, msgspec.MsgspecError) as error:
        number = request.id if isinstance(request, wire.Call) else 0
        return wire.frame(wire.Raised(number, wire.Error(["ValueError"], str(error)[:MESSAGE])))


class _Printed(io.TextIOBase):
    """Collects what is printed, up to OUTPUT characters. The rest is dropped."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.remaining = OUTPUT

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.remaining > 0:
            self.parts.append(text[: self.remaining])
            self.remaining -= len(text)
        return len(text)

    def flush_text(self) -> str:
        """The text that was printed since the last call."""
        text, self.parts, self.remaining = "".join(self.parts), [], OUTPUT
        return text.encode(errors="replace").decode()


def _load(load: wire.Load, module: dict[str, Any], printed: _Printed) -> wire.Reply:
    module.clear()  # in the gate one worker loads several of the workbook's own answers
    try:
        violation = forbidden.forbidden_use(load.text, load.forbids) if load.forbids else ""
        if violation:  # the text never runs, so it cannot undo this
            module.update(forbidden.refusing_functions(load.text, violation))
            return wire.Loaded([name for name in module if not name.startswith("_")])
        module.update(_run(load.text, load.file))
        if load.replace is not None:
            module[load.replace.oracle] = _variant(load.replace)
        elif load.forbids:
            forbidden.enforce(module, load.text, load.forbids)
    except BaseException as error:
        return wire.Raised(0, _as_data(error, load.file), printed.flush_text())
    names = [name for name, value in module.items() if callable(value) and not name.startswith("_")]
    return wire.Loaded(names, printed.flush_text())


def _variant(replace: wire.Replace) -> Any:
    """The function of a wrong or right answer, from the texts of the reference modules."""
    for name, text in replace.needs.items():
        sys.modules.setdefault(name.rpartition(".")[0], types.ModuleType("reference.chapter"))
        sys.modules[name] = module = types.ModuleType(name)
        module.__dict__.update(_run(text, f"{name}.py"))
    oracle = _run(replace.text, replace.file)[replace.oracle]
    return (oracle.wrongs | oracle.rights)[replace.name].fn


def _run(text: str, file: str) -> dict[str, Any]:
    """The namespace of a module after its text has run."""
    code = compile(text, file, "exec")
    linecache.cache[file] = (len(text), None, source_text.lines(text), file)
    module = types.ModuleType(Path(file).stem)
    module.__file__ = file
    sys.modules[module.__name__] = module  # dataclasses and typing look up the module of a class
    exec(code, module.__dict__)
    return dict(module.__dict__)


def _call(call: wire.Call, module: dict[str, Any], printed: _Printed) -> wire.Reply:
    unpack = Unpacker(budget=1 << 62, items=1 << 62)  # no limits, because the trusted side sent the call
    args, kwargs = unpack(call.args), unpack(call.kwargs)
    try:
        value = pack(module[call.function](*args, **kwargs))
    except BaseException as error:
        return wire.Raised(call.id, _as_data(error, module.get("__file__", "")), printed.flush_text())
    after = ListData([pack(args), pack(kwargs)])
    # NaNs differ from each other, so unchanged inputs with a NaN are sent too. That does no harm.
    changed = after != ListData([call.args, call.kwargs])
    return wire.Returned(call.id, value, after if changed else None, printed.flush_text())


def _as_data(error: BaseException, file: str) -> wire.Error:
    """The exception as text. `file` is the submitted file, the only one whose frames are sent."""
    frames = [
        wire.Frame(frame.lineno or 0, frame.name)
        for frame in traceback.extract_tb(error.__traceback__, limit=-200)
        if frame.filename == file
    ]
    if isinstance(error, RecursionError):
        frames = frames[:1]
    syntax = error if isinstance(error, SyntaxError) else None
    return wire.Error(
        [t.__name__ for t in type(error).__mro__ if t not in (BaseException, object)] or ["BaseException"],
        _message(error),
        frames[-FRAMES:],
        syntax.lineno if syntax else None,
        syntax.offset if syntax else None,
        syntax.text[:MESSAGE] if syntax and syntax.text else None,
        error.name if isinstance(error, ImportError) else None,
    )


def _message(error: BaseException) -> str:
    """The exception's text, up to MESSAGE characters."""
    try:
        if isinstance(error, SyntaxError):
            text = str(error.msg)
        elif isinstance(error, KeyError) and len(error.args) == 1 and isinstance(error.args[0], str):
            text = error.args[0]
        else:
            text = str(error)
    except Exception:  # the __str__ of the submission's own class may fail
        text = ""
    return text[:MESSAGE].encode(errors="replace").decode()
