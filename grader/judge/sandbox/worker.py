"""What a worker does: it confines itself, runs the submitted text, and then answers calls with data.

This code runs in the submission's own process. It holds no secret, and nothing that it sends is trusted, because a
submission can replace all of it as soon as its first line has run.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from grader.book import forbidden, heap, no_terminal
from grader.book.koan_imports import PACKAGE, Imported, imported, koan_of, module_name
from grader.book.serialization import ListData, Malformed, Unpacker, pack, pack_result
from grader.judge import settings
from grader.judge.printed import Printed
from grader.judge.sandbox import confine, wire
from grader.judge.sandbox.answers import MESSAGE, STACK, as_data, functions, refusals, rules, run


def main(fd: int, scratch: Path, hidden: Path, user: int | None) -> None:
    """Serve the connection `fd` until it closes, as this user if the process is root."""
    start = wire.request(wire.read_frame(fd))
    if not isinstance(start, wire.Start):
        return
    if start.exact:
        heap.count_exactly()
    level = confine.confine(confine.Confinement((fd,), scratch, hidden, start.memory, start.seconds, user))
    wire.write(fd, wire.frame(wire.WorkerReady(level.parts, level.missing)))
    printed = Printed()
    printed.install()
    no_terminal.install()
    sys.setrecursionlimit(STACK)
    settings.seed()
    submission = _Submission()
    while True:
        body = wire.read_frame(fd)
        request = wire.request(body)
        if isinstance(request, wire.Load):
            reply = _load(request, submission, printed)
        elif isinstance(request, wire.Call):
            reply = _call(request, submission, printed)
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


class _Submission(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The loaded submission: its functions by name, and the importer of its files. They have the names that they have
    at home, `exercises.CHAPTER.NAME`.
    """

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {}
        self.forbids: Sequence[str] = ()
        self.files: dict[str, tuple[str, Imported]] = {}  # by module: where it would lie, and what it is
        sys.meta_path.insert(0, self)

    def load(self, load: wire.Load) -> dict[str, Any]:
        """Forget what was loaded before, run the text of the koan, and return its namespace."""
        if self.files:  # a look at every module's name copies a megabyte of the zygote's memory
            for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
                del sys.modules[name]
        folder = Path(load.file).parent.parent if load.imports else Path()
        self.files = {module_name(k): (str(folder / f"{k}.py"), file) for k, file in load.imports.items()}
        main = module_name(load.koan) if load.koan else Path(load.file).stem
        self.files[main] = load.file, Imported(load.text)
        return importlib.import_module(main).__dict__

    def koan_at(self, file: str) -> str | None:
        """The id of the koan whose file this is, None if it is no koan's."""
        return next((koan_of(module) for module, (name, _) in self.files.items() if name == file), None)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname in self.files:
            return importlib.util.spec_from_file_location(fullname, self.files[fullname][0], loader=self)
        if any(name.startswith(f"{fullname}.") for name in self.files):  # a package
            return importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        name, file = self.files[module.__name__]
        if file.refusal:
            raise ImportError(file.refusal, name=module.__name__)
        run(file.text, name, module.__dict__)
        if file.forbids:
            forbidden.enforce(module.__dict__, file.text, file.forbids, koan_of(module.__name__), self.texts())

    def texts(self) -> dict[str, str]:
        """The texts by koan id."""
        return {koan_of(module): file.text for module, (_, file) in self.files.items()}


def _load(load: wire.Load, submission: _Submission, printed: Printed) -> wire.Reply:
    submission.functions, submission.forbids = {}, load.forbids  # in the gate one worker loads several answers of ours
    sys.argv = [load.file]
    others = {koan: file.text for koan, file in load.imports.items()}
    imports = list(imported(load.text, load.koan, others)) if others else []
    try:
        refusing = refusals(load)
        names = (
            submission.load(load) if refusing is None else refusing
        )  # what is refused never runs, so it undoes nothing
        if load.replace is not None:
            names[load.replace.oracle] = _variant(load.replace)
        submission.functions = functions(names, load.wanted)
    except BaseException as error:
        return wire.Raised(0, as_data(error, submission.koan_at), printed.take(), imports)
    return wire.Loaded(list(submission.functions), printed.take(), imports)


def _variant(replace: wire.Replace) -> Any:
    """The function of a wrong or right answer, from the texts of the reference modules."""
    for name, text in replace.needs.items():
        sys.modules.setdefault(name.rpartition(".")[0], types.ModuleType("reference.chapter"))
        sys.modules[name] = module = types.ModuleType(name)
        run(text, f"{name}.py", module.__dict__)
    module = types.ModuleType(Path(replace.file).stem)
    sys.modules[module.__name__] = module  # dataclasses and typing look up the module of a class
    run(replace.text, replace.file, module.__dict__)
    oracle = module.__dict__[replace.oracle]
    return (oracle.wrongs | oracle.rights)[replace.name].fn


def _call(call: wire.Call, submission: _Submission, printed: Printed) -> wire.Reply:
    unpack = Unpacker(budget=1 << 62, items=1 << 62)  # no limits, because the trusted side sent the call
    args, kwargs = unpack(call.args), unpack(call.kwargs)
    try:
        with rules(submission.forbids):
            value = pack_result(submission.functions[call.function](*args, **kwargs))
    except BaseException as error:
        return wire.Raised(call.id, as_data(error, submission.koan_at), printed.take())
    after = ListData([pack(args), pack(kwargs)])
    # NaNs differ from each other, so unchanged inputs with a NaN are sent too. That does no harm.
    changed = after != ListData([call.args, call.kwargs])
    return wire.Returned(call.id, value, after if changed else None, printed.take())
