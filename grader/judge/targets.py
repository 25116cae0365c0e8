"""Whose code answers to `exercises.*`: the learner's, the solutions, a stub, one wrong or right variant, a submission.

One meta-path finder decides, so a test file imports the same name for all of them. With a sandbox's address it answers
with proxies: the same functions, in a worker of their own.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from grader.book import policy
from grader.book.errors import KoansError
from grader.book.oracles import oracles
from grader.book.stubs import strip_markers, stub_of
from grader.book.syntax import parse as parse_python
from grader.book.workbook import Koan, Workbook
from grader.kernels.launched import launched
from reference import Oracle, Variant

if TYPE_CHECKING:
    from grader.judge.sandbox.proxy import End, Proxy, Worker

PACKAGE = "exercises"


class NotRunHere(ImportError):
    """This machine lacks something the koan needs. The text says what."""


class Target(msgspec.Struct, frozen=True):
    """`kind` learner, solutions, stub, wrong or right (with the variant's `name`), or path (with a submission's
    folder).
    """

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.kind in ("wrong", "right") else self.name or self.kind


def parse(text: str) -> Target:
    """Read `--target`. Raises KoansError."""
    kind, colon, name = text.partition(":")
    if text in ("learner", "solutions", "stub"):
        return Target(text)
    if kind in ("wrong", "right") and colon:
        return Target(kind, name)
    if Path(text).is_dir():
        folder = Path(text).resolve()
        return Target("path", str(folder.parent if folder.name == PACKAGE else folder))
    raise KoansError(f"--target {text}: give learner, solutions, stub, wrong:NAME, right:NAME or a folder that exists")


def exercise_file(workbook: Workbook, koan: Koan, target: Target) -> Path:
    """The file whose text answers for the koan (variants stand in for functions of the solution)."""
    if target.kind == "learner":
        return workbook.exercise(koan)
    if target.kind == "path":
        return Path(target.name) / PACKAGE / f"{koan.id}.py"
    return workbook.solution(koan)


def source(workbook: Workbook, koan: Koan, target: Target) -> str:
    """The text that answers for the koan. Raises FileNotFoundError."""
    if target.kind == "stub":
        return stub_of(workbook, koan)
    if target.kind == "path":
        from grader.judge.sandbox import submission

        return submission.read(Path(target.name), PACKAGE, koan.chapter, f"{koan.name}.py")
    text = exercise_file(workbook, koan, target).read_text(encoding="utf-8")
    return text if target.kind == "learner" else strip_markers(text)


def variant(koan: Koan, target: Target) -> tuple[Oracle[..., Any], Variant]:
    """The variant a wrong: or right: target names. Raises KoansError naming those there are."""
    pools = [(o, o.wrongs if target.kind == "wrong" else o.rights) for o in oracles(koan).values()]
    for oracle, pool in pools:
        if target.name in pool:
            return oracle, pool[target.name]
    known = ", ".join(name for _, pool in pools for name in pool) or "none"
    raise KoansError(f"{koan.id} has no {target.kind} answer '{target.name}'; it has: {known}")


def missing_requirement(koan: Koan) -> str:
    """What this machine lacks to run the koan, or an empty string."""
    if koan.kind != "kernel":
        return ""
    from grader.gpu.devices import present
    from grader.kernels.interpreter.run import installed, unfit

    # A GPU times kernels with versions of Triton that cannot interpret them; the other tests are not run then.
    return unfit() if not (installed() and present()) else ""


class Sandbox(msgspec.Struct, frozen=True):
    """Where workers are to be had, and what each may use: seconds, and bytes beyond the warm process.

    `opened` is told of each worker, `ended` of one that is gone before its time. `join` makes one function of the one
    here and its proxy; without, the code runs in the sandbox alone. `reuse` holds the worker of the koan that was run
    last: the workbook's own answers may follow each other in one.
    """

    address: str
    seconds: float
    memory: int
    opened: Callable[[Worker], None]
    ended: Callable[[End], NoReturn]
    join: Callable[[Callable[..., Any], Proxy], Any] | None = None
    reuse: dict[str, Worker] | None = None


@cache
def _imported(text: str) -> tuple[str, ...]:
    """The modules that a text imports from."""
    return tuple(n.module for n in parse_python(text).body if isinstance(n, ast.ImportFrom) and n.module)


@cache
def _compiled(text: str, file: str) -> CodeType:
    return compile(text, file, "exec")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers to `exercises`, its chapters and its koans. Everything else, the tests among it, is found as usual."""

    def __init__(self, workbook: Workbook, target: Target, sandbox: Sandbox | None = None) -> None:
        self.workbook = workbook
        self.target = target
        self.sandbox = sandbox
        self.workers: list[Worker] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        head, _, rest = fullname.partition(".")
        if head != PACKAGE:
            return None
        folder = self.workbook.root / PACKAGE / rest.replace(".", "/")
        if rest.count(".") == 0 and folder.is_dir():
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(folder)]
            return spec
        koan = self.workbook.koans.get(rest.replace(".", "/"))
        if koan is None:
            return None
        file = exercise_file(self.workbook, koan, self.target)
        return importlib.util.spec_from_file_location(fullname, file, loader=self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        koan = self.workbook.koans[module.__name__.partition(".")[2].replace(".", "/")]
        lack = missing_requirement(koan)
        if lack:
            raise NotRunHere(lack)
        try:
            text = source(self.workbook, koan, self.target)
        except FileNotFoundError as error:
            raise ModuleNotFoundError(
                f"{error.filename} does not exist: `koans reset {koan.name}` makes it anew"
            ) from None
        file = str(module.__file__)
        if koan.kind == "kernel":
            self._kernel_module(module, koan, text, file)
            return
        forbids = koan.forbids if self.target.kind in ("learner", "path", "solutions") else ()
        try:
            if self.sandbox is None:
                self._run(koan, text, file, forbids, module.__dict__)
                return
            proxies = self._proxies(koan, text, file, forbids, self.sandbox)
            join = self.sandbox.join
            if join is not None:
                here: dict[str, Any] = {"__name__": module.__name__}
                self._run(koan, text, file, forbids, here)
                module.__dict__.update({name: join(here[name], there) for name, there in proxies.items()})
            else:
                module.__dict__.update(proxies)
        except SystemExit:
            raise ImportError("the file calls exit while it is being imported") from None

    def _run(self, koan: Koan, text: str, file: str, forbids: Sequence[str], names: dict[str, Any]) -> None:
        """The code in this process, in the namespace `names`."""
        exec(_compiled(text, file), names)
        if forbids:
            policy.enforce(names, text, forbids)
        if self.target.kind in ("wrong", "right"):
            oracle, chosen = variant(koan, self.target)
            names[oracle.__name__] = chosen.fn

    def _proxies(self, koan: Koan, text: str, file: str, forbids: Sequence[str], sandbox: Sandbox) -> dict[str, Proxy]:
        """The submission in a worker, and a proxy for each of its functions."""
        from grader.judge.sandbox import wire
        from grader.judge.sandbox.proxy import Limits, Proxy, Worker

        replace = None
        if self.target.kind in ("wrong", "right"):
            oracle, chosen = variant(koan, self.target)
            reference = self.workbook.reference(koan)
            own = reference.read_text("utf-8")
            replace = wire.Replace(own, str(reference), oracle.__name__, chosen.name, self._needs(own))
        limits = Limits(sandbox.seconds, sandbox.memory)
        load = wire.Load(text, file, list(forbids), replace)
        reuse = sandbox.reuse
        if reuse is not None and koan.id in reuse:
            worker = reuse[koan.id]
            worker.load_next(load, sandbox.ended)
        else:
            worker = Worker(sandbox.address, load, limits, sandbox.ended)
            if reuse is None:
                self.workers.append(worker)
            else:
                while reuse:
                    reuse.popitem()[1].close()
                reuse[koan.id] = worker
        sandbox.opened(worker)
        return {name: Proxy(worker, name) for name in worker.names()}

    def _needs(self, text: str) -> dict[str, str]:
        """The texts of the reference modules that a reference module imports, those it depends on first."""
        found: dict[str, str] = {}
        for name in _imported(text):
            if name.startswith("reference.") and name not in found:
                other = (self.workbook.root / name.replace(".", "/")).with_suffix(".py").read_text("utf-8")
                found |= {**self._needs(other), name: other}
        return found

    def _kernel_module(self, module: ModuleType, koan: Koan, text: str, file: str) -> None:
        """A kernel koan's functions are its launchers over the learner's kernels: tests call them like any other."""
        for name, oracle in oracles(koan).items():
            chosen = variant(koan, self.target)[1] if self.target.kind in ("wrong", "right") else None
            setattr(module, name, launched(oracle, text, file, chosen))


def install(workbook: Workbook, target: Target, sandbox: Sandbox | None = None) -> Finder:
    """Put the finder first, and forget what was imported under the name before."""
    uninstall()
    finder = Finder(workbook, target, sandbox)
    sys.meta_path.insert(0, finder)
    return finder


def uninstall() -> None:
    """Take the finder away, what was imported by it, and the workers it has."""
    for finder in [f for f in sys.meta_path if isinstance(f, Finder)]:
        sys.meta_path.remove(finder)
        for worker in finder.workers:
            worker.close()
    for name in [n for n in sys.modules if n[: len(PACKAGE)] == PACKAGE]:
        if name.partition(".")[0] == PACKAGE:
            del sys.modules[name]
