"""Decides which code `exercises.*` imports: the learner's, the solution, a stub, a wrong or right answer, a submission.

One meta-path finder decides, so a test file imports the same name for all of them. With the address of a sandbox the
import gives proxies: the same functions, but they run in a worker.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import msgspec

from grader.book import forbidden, source_text
from grader.book.errors import KoansError
from grader.book.koan_imports import PACKAGE, Imported, imported, koan_of, module_name
from grader.book.oracles import oracles
from grader.book.stubs import strip_markers, stub_of
from grader.book.syntax import parse as parse_python
from grader.book.workbook import Koan, Workbook
from grader.judge.import_closure import KERNELS, closure
from grader.judge.sandbox import submission
from grader.kernels.kernel_function import launched
from reference import Oracle, Variant

if TYPE_CHECKING:
    from grader.judge.at_home import Answer, AtHome
    from grader.judge.sandbox.proxy import End, Proxy, SandboxWorker
    from grader.judge.sandbox.wire import Load

Plain = Literal["learner", "solutions", "stub"]
VariantKind = Literal["wrong", "right"]
Kind = Plain | VariantKind | Literal["mutant", "path", "text"]


LEARNERS = ("learner", "path", "text")  # kinds of targets whose code is no answer of the workbook's own


class Target(msgspec.Struct, frozen=True):
    """The code to test.

    `name` is the name of a wrong or right answer, the number of a mutant (see `mutation.mutants`), a folder with
    exercises/ (kind path), or the id of a submission (kind text). `text` is the koan's file of that submission: no file
    is read. `imports` are its files of other koans that the text may import, each after its koan's id.
    """

    kind: Kind
    name: str = ""
    text: str = ""
    imports: tuple[tuple[str, Imported], ...] = ()

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.is_variant or self.kind == "mutant" else self.name or self.kind

    @property
    def is_variant(self) -> bool:
        """Whether it is a wrong or right answer, which replaces one function of the solution."""
        return self.kind in ("wrong", "right")


def parse(text: str) -> Target:
    """Read `--target`. Raises KoansError."""
    plain: tuple[Plain, ...] = ("learner", "solutions", "stub")
    for kind in plain:
        if text == kind:
            return Target(kind)
    variants: tuple[VariantKind, ...] = ("wrong", "right")
    for variant_kind in variants:
        if text.startswith(f"{variant_kind}:"):
            return Target(variant_kind, text.removeprefix(f"{variant_kind}:"))
    if text.startswith("mutant:") and text.removeprefix("mutant:").isdecimal():
        return Target("mutant", text.removeprefix("mutant:"))
    if Path(text).is_dir():
        folder = Path(text).resolve()
        return Target("path", str(folder.parent if folder.name == PACKAGE else folder))
    raise KoansError(f"--target {text}: give learner, solutions, stub, wrong:NAME, right:NAME or a folder that exists")


def exercise_file(workbook: Workbook, koan: Koan, target: Target) -> Path:
    """The file with the code of the target. A variant has the solution's file: it replaces one function of it."""
    if target.kind == "learner":
        return workbook.exercise(koan)
    if target.kind == "path":
        return Path(target.name) / PACKAGE / f"{koan.id}.py"
    if target.kind == "text":  # there is no such file; messages show its name
        return Path("/submission") / PACKAGE / f"{koan.id}.py"
    return workbook.solution(koan)


def source(workbook: Workbook, koan: Koan, target: Target) -> str:
    """The text of the target's code. Raises FileNotFoundError, and SyntaxError if the file's bytes are no text."""
    if target.kind == "stub":
        return stub_of(workbook, koan)
    if target.kind == "text":
        return target.text
    if target.kind == "path":
        return submission.read(Path(target.name), PACKAGE, koan.chapter, f"{koan.name}.py")
    text = source_text.read(exercise_file(workbook, koan, target))
    return text if target.kind == "learner" else strip_markers(text)


def variant(koan: Koan, target: Target) -> tuple[Oracle[..., Any], Variant]:
    """The oracle and its variant that a wrong: or right: target names. Raises KoansError with the known names."""
    pools = [(o, o.wrongs if target.kind == "wrong" else o.rights) for o in oracles(koan).values()]
    for oracle, pool in pools:
        if target.name in pool:
            return oracle, pool[target.name]
    known = ", ".join(name for _, pool in pools for name in pool) or "none"
    raise KoansError(f"{koan.id} has no {target.kind} answer '{target.name}'; it has: {known}")


class Sandbox(msgspec.Struct, frozen=True):
    """The address of the zygote that starts workers, and what each may use: seconds, and bytes beyond the warm process.

    `opened` is called with each new worker, and `ended` when one ends early. `join` combines a function in this process
    and its proxy into one function. Without it the code runs only in the sandbox. `reuse` holds the worker of the koan
    that was run last, because several of the workbook's own answers may run in one worker.
    """

    address: str
    seconds: float
    memory: int
    opened: Callable[[SandboxWorker], None]
    ended: Callable[[End], NoReturn]
    join: Callable[[Callable[..., Any], Proxy], Any] | None = None
    reuse: dict[str, SandboxWorker] | None = None


@cache
def _imported(text: str) -> tuple[str, ...]:
    """The modules that a text imports from."""
    return tuple(n.module for n in parse_python(text).body if isinstance(n, ast.ImportFrom) and n.module)


@cache
def _compiled(text: str, file: str) -> CodeType:
    return compile(text, file, "exec")


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `exercises`, its chapters and its koans. Python finds everything else, also the tests, as usual."""

    def __init__(self, workbook: Workbook, target: Target, sandbox: Sandbox | None = None, memory: int = 0) -> None:
        self.workbook = workbook
        self.memory = memory
        self.home: AtHome | None = None
        self.known: set[str] = set()  # the names of all modules below `exercises` that were looked for
        self.target = target
        self.sandbox = sandbox
        self.workers: list[SandboxWorker] = []
        self.imports: dict[str, tuple[str, ...]] = {}  # by koan: the other koans that its file imports

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        head, _, rest = fullname.partition(".")
        if head != PACKAGE:
            return None
        (self.home or self).known.add(fullname)
        if rest.count(".") == 0:
            folder = self.workbook.root / PACKAGE / rest.replace(".", "/")
            if folder.is_dir() or (self.workbook.shipped / PACKAGE / rest.replace(".", "/")).is_dir():
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
        koan = self.workbook.koans[koan_of(module.__name__)]
        if koan_of(_importer()) in self.workbook.koans:  # a learner's file imports it, and no test
            self._import(koan, module)
            return
        text = self._source(koan)
        file = str(module.__file__)
        if koan.kind == "kernel":
            self._define_launchers(module, koan, text, file)
            return
        try:
            self._define_functions(module, koan, text, file)
        except SystemExit:
            raise ImportError("the file calls exit while it is being imported") from None

    def _import(self, koan: Koan, module: ModuleType) -> None:
        """Run the file of a koan that the learner's file for another koan imports."""
        file = self._imported(koan)
        if file.refusal:
            raise ImportError(file.refusal, name=module.__name__)
        self._run(koan, file.text, str(module.__file__), file.forbids, module.__dict__, imported_by_another=True)

    def _imported(self, koan: Koan) -> Imported:
        """The file of another koan. What a folder of answers lacks is taken from the learner's own exercises."""
        if koan.kind == "kernel":
            return Imported(refusal=KERNELS.format(koan=koan.id))
        if self.target.kind == "text":
            return dict(self.target.imports).get(koan.id) or Imported(
                refusal=f"{koan.id} was not found among the imports"
            )
        forbids = koan.forbids if self.target.kind in ("learner", "path", "solutions") else ()
        # The stub of a hunt is a whole program. It runs on the solutions of the koans that it imports.
        target = Target("solutions") if self.target.kind == "stub" else self.target
        try:
            return Imported(source(self.workbook, koan, target), forbids)
        except FileNotFoundError as error:
            own = self.workbook.exercise(koan)
            if self.target.kind == "path" and own.exists():
                return Imported(source_text.read(own), forbids)
            raise _missing(koan, error) from None

    def _closure(self, koan: Koan, text: str) -> dict[str, Imported]:
        """The files of other koans that a text may import."""
        if self.target.kind == "text":
            return dict(self.target.imports)
        return closure(koan, text, self.workbook.koans, self._imported_or_refused)

    def _imported_or_refused(self, koan: Koan) -> Imported:
        try:
            return self._imported(koan)
        except (OSError, ImportError, SyntaxError, KoansError) as error:
            return Imported(refusal=f"exercises/{koan.id}.py cannot be imported: {error}")

    def _source(self, koan: Koan) -> str:
        try:
            return source(self.workbook, koan, self.target)
        except FileNotFoundError as error:
            raise _missing(koan, error) from None
        except source_text.NotPlain as error:
            raise ImportError(f"exercises/{koan.id}.py {error.strerror}") from None

    def _define_functions(self, module: ModuleType, koan: Koan, text: str, file: str) -> None:
        """Fill the module with the functions, with their proxies, or with both joined."""
        forbids = koan.forbids if self.target.kind in ("learner", "path", "text", "solutions") else ()
        if self.sandbox is None and self.target.kind in LEARNERS:
            module.__dict__.update(self._at_home(module, koan, text, file, forbids))
            return
        if self.sandbox is None:
            self._run(koan, text, file, forbids, module.__dict__)
            return
        proxies = self._proxies(koan, text, file, forbids, self.sandbox)
        join = self.sandbox.join
        if join is None:
            module.__dict__.update(proxies)
            return
        here: dict[str, Any] = {"__name__": module.__name__}
        self._run(koan, text, file, forbids, here)
        module.__dict__.update({name: join(here[name], proxy) for name, proxy in proxies.items()})

    def _at_home(
        self, module: ModuleType, koan: Koan, text: str, file: str, forbids: Sequence[str]
    ) -> Mapping[str, Answer]:
        """Run a learner's code in this process as a worker would. Returns its functions."""
        from grader.judge.at_home import AtHome  # imports torch
        from grader.judge.sandbox import answers
        from grader.judge.sandbox.wire import Load

        home = self.home = self.home or AtHome(self.memory)
        home.known |= self.known
        load = Load(text, file, koan.id, list(forbids), None, self._closure(koan, text), list(oracles(koan)))
        self.imports[koan.id] = imported(text, koan.id, self.workbook.koans)

        def execute() -> dict[str, Any]:
            assert module.__spec__ is not None
            before = sys.modules.get(module.__name__)  # another file of the learner's has imported it
            if before is not None:
                return before.__dict__
            importlib.import_module(module.__name__.rpartition(".")[0])
            own = sys.modules[module.__name__] = importlib.util.module_from_spec(module.__spec__)
            try:
                answers.run(text, file, own.__dict__)
            except BaseException:
                del sys.modules[module.__name__]
                raise
            return own.__dict__

        return home.answers(load, execute)

    def _run(
        self,
        koan: Koan,
        text: str,
        file: str,
        forbids: Sequence[str],
        names: dict[str, Any],
        *,
        imported_by_another: bool = False,
    ) -> None:
        """Run the code in this process, in the namespace `names`.

        A variant or a mutant is an answer to one koan. The koans that this koan's file imports keep their solutions.
        """
        self.imports[koan.id] = imported(text, koan.id, self.workbook.koans)
        exec(_compiled(text, file), names)
        if forbids:
            others = {name: file.text for name, file in self._closure(koan, text).items()}
            forbidden.enforce(names, text, forbids, koan.id, others)
        if imported_by_another:
            return
        if self.target.is_variant:
            oracle, chosen = variant(koan, self.target)
            names[oracle.__name__] = chosen.fn
        elif self.target.kind == "mutant":
            from grader.judge.mutation import mutants  # imports torch

            mutant = mutants.mutants(self.workbook, koan)[int(self.target.name)]
            mutants.put_into(names, mutant, oracles(koan)[mutant.function])

    def _proxies(self, koan: Koan, text: str, file: str, forbids: Sequence[str], sandbox: Sandbox) -> dict[str, Proxy]:
        """Run the code in a worker. Returns a proxy for each of its functions."""
        from grader.judge.sandbox import wire  # imports torch
        from grader.judge.sandbox.proxy import Proxy

        replace = None
        if self.target.is_variant:
            oracle, chosen = variant(koan, self.target)
            file_of_oracle = self.workbook.reference(koan)
            reference = file_of_oracle.read_text("utf-8")
            needs = self._imported_references(reference)
            replace = wire.Replace(reference, str(file_of_oracle), oracle.__name__, chosen.name, needs)
        imports = self._closure(koan, text)
        load = wire.Load(text, file, koan.id, list(forbids), replace, imports, list(oracles(koan)))
        worker = self._worker(koan, load, sandbox)
        sandbox.opened(worker)
        try:
            return {name: Proxy(worker, name) for name in worker.names()}
        finally:
            self.imports[koan.id] = worker.imports

    def _worker(self, koan: Koan, load: Load, sandbox: Sandbox) -> SandboxWorker:
        """The worker to be reused, or a new one."""
        from grader.judge.sandbox.proxy import SandboxWorker, WorkerLimits  # imports torch

        reuse = sandbox.reuse
        if reuse is not None and koan.id in reuse:
            worker = reuse[koan.id]
            worker.load_next(load, sandbox.ended)
            return worker
        worker = SandboxWorker(sandbox.address, load, WorkerLimits(sandbox.seconds, sandbox.memory), sandbox.ended)
        if reuse is None:
            self.workers.append(worker)
            return worker
        while reuse:
            _, former = reuse.popitem()
            former.close()
        reuse[koan.id] = worker
        return worker

    def _imported_references(self, text: str) -> dict[str, str]:
        """The texts of the reference modules that this text imports, by name. A module comes after those it imports."""
        texts: dict[str, str] = {}
        for name in _imported(text):
            if name.startswith("reference.") and name not in texts:
                other = (self.workbook.code / name.replace(".", "/")).with_suffix(".py").read_text("utf-8")
                texts |= {**self._imported_references(other), name: other}
        return texts

    def _define_launchers(self, module: ModuleType, koan: Koan, text: str, file: str) -> None:
        """Fill the module with the launchers of the learner's kernels. Tests call them like other functions."""
        if self.target.kind == "mutant":
            from grader.judge.mutation import mutants  # imports torch

            text = mutants.mutants(self.workbook, koan)[int(self.target.name)].text
        for name, oracle in oracles(koan).items():
            chosen = variant(koan, self.target)[1] if self.target.is_variant else None
            setattr(module, name, launched(oracle, text, file, chosen))


def _missing(koan: Koan, error: FileNotFoundError) -> ModuleNotFoundError:
    place = Path(str(error.filename))
    missing = f"does not exist: `koans reset {koan.name}` writes its stub again"
    message = f"{place} {source_text.no_plain_file(place) or missing}"
    return ModuleNotFoundError(message, name=module_name(koan.id))


def _importer() -> str:
    """The name of the module with the import statement that is being executed, or an empty string."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("importlib", __name__)):
        frame = frame.f_back  # type: ignore[assignment]
    return str(frame.f_globals.get("__name__", "")) if frame is not None else ""


def install(workbook: Workbook, target: Target, sandbox: Sandbox | None = None, memory: int = 0) -> Finder:
    """Put a new finder first, and forget the modules that another one imported.

    `memory` is what one call of a learner's code may map in this process, in bytes. 0 stands for no limit.
    """
    uninstall()
    finder = Finder(workbook, target, sandbox, memory)
    sys.meta_path.insert(0, finder)
    return finder


def imports_of(koan: str) -> tuple[str, ...]:
    """The other koans that the code under test imports in its file for this koan (an id)."""
    return next((f.imports.get(koan, ()) for f in sys.meta_path if isinstance(f, Finder)), ())


def uninstall() -> None:
    """Remove the finder, the modules that it imported, and its workers."""
    for finder in [f for f in sys.meta_path if isinstance(f, Finder)]:
        sys.meta_path.remove(finder)
        for worker in finder.workers:
            worker.close()
    for name in [n for n in sys.modules if n[: len(PACKAGE)] == PACKAGE]:
        if name.partition(".")[0] == PACKAGE:
            del sys.modules[name]
