"""What a worker does: shut itself in, run the submitted text, then answer calls with data.

This runs in the submission's own process. Nothing here is a secret and nothing it sends is believed: a submission may
rewrite all of it once its first line has run.
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

from grader.book import policy
from grader.book.values import ListData, Malformed, Unpacker, pack
from grader.judge.sandbox import confine, wire

STACK = 2000  # Python frames, as in a run that is not isolated
OUTPUT = 4000  # characters of what a call prints that are sent on
FRAMES = 3
MESSAGE = 2000  # characters of an exception's text


def main(fd: int, scratch: Path, hidden: Path) -> None:
    """Serve the one connection `fd` until it closes. Returns only then."""
    start = wire.request(wire.read_frame(fd))
    if not isinstance(start, wire.Start):
        return
    level = confine.confine(fd, scratch, hidden, start.memory, start.seconds)
    wire.write(fd, wire.frame(wire.Ready(level.parts, level.missing)))
    printed = _Printed()
    sys.stdout = sys.stderr = printed
    sys.setrecursionlimit(STACK)
    module: dict[str, Any] = {}
    while True:
        body = wire.read_frame(fd)
        asked = wire.request(body)
        if isinstance(asked, wire.Load):
            answer = _load(asked, module, printed)
        elif isinstance(asked, wire.Call):
            answer = _call(asked, module, printed)
        else:
            return
        try:
            data = wire.frame(answer)
        except (Malformed, msgspec.MsgspecError) as error:
            data = wire.frame(wire.Raised(getattr(asked, "id", 0), wire.Error(["ValueError"], str(error)[:MESSAGE])))
        wire.write(fd, data)


class _Printed(io.TextIOBase):
    """The first characters of what was printed since it was last asked."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.left = OUTPUT

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.left > 0:
            self.parts.append(text[: self.left])
            self.left -= len(text)
        return len(text)

    def take(self) -> str:
        text, self.parts, self.left = "".join(self.parts), [], OUTPUT
        return text.encode(errors="replace").decode()


def _load(asked: wire.Load, module: dict[str, Any], printed: _Printed) -> wire.Reply:
    module.clear()  # the gate has its own answers follow each other in one worker
    try:
        says = policy.found(asked.text, asked.forbids) if asked.forbids else ""
        if says:  # it never runs, so it cannot undo this
            module.update(policy.refusal(asked.text, says))
            return wire.Loaded([name for name in module if not name.startswith("_")])
        module.update(_run(asked.text, asked.file))
        if asked.replace is not None:
            for name, text in asked.replace.needs.items():
                sys.modules.setdefault(name.rpartition(".")[0], types.ModuleType("reference.chapter"))
                sys.modules[name] = other = types.ModuleType(name)
                other.__dict__.update(_run(text, f"{name}.py"))
            reference = _run(asked.replace.text, asked.replace.file)
            oracle = reference[asked.replace.oracle]
            module[asked.replace.oracle] = (oracle.wrongs | oracle.rights)[asked.replace.name].fn
        elif asked.forbids:
            policy.enforce(module, asked.text, asked.forbids)
    except BaseException as error:
        return wire.Raised(0, _as_data(error, asked.file), printed.take())
    names = [name for name, value in module.items() if callable(value) and not name.startswith("_")]
    return wire.Loaded(names, printed.take())


def _run(text: str, file: str) -> dict[str, Any]:
    """The namespace of a module after its text has run."""
    code = compile(text, file, "exec")
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    module = types.ModuleType(Path(file).stem)
    module.__file__ = file
    sys.modules[module.__name__] = module  # dataclasses and typing look their module up
    exec(code, module.__dict__)
    return dict(module.__dict__)


def _call(asked: wire.Call, module: dict[str, Any], printed: _Printed) -> wire.Reply:
    unpack = Unpacker(budget=1 << 62, items=1 << 62)  # the trusted side may send what it likes
    args, kwargs = unpack(asked.args), unpack(asked.kwargs)
    try:
        value = pack(module[asked.function](*args, **kwargs))
    except BaseException as error:
        return wire.Raised(asked.id, _as_data(error, module.get("__file__", "")), printed.take())
    after = ListData([pack(args), pack(kwargs)])
    changed = after != ListData([asked.args, asked.kwargs])  # a NaN is no other NaN: then they cross for nothing
    return wire.Returned(asked.id, value, after if changed else None, printed.take())


def _as_data(error: BaseException, file: str) -> wire.Error:
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
    try:
        if isinstance(error, SyntaxError):
            text = str(error.msg)
        elif isinstance(error, KeyError) and len(error.args) == 1 and isinstance(error.args[0], str):
            text = error.args[0]
        else:
            text = str(error)
    except Exception:  # the submission's own class may fail to say what it is
        text = ""
    return text[:MESSAGE].encode(errors="replace").decode()
