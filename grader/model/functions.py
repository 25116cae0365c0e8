"""Loads the functions that the model runs on: for each koan the learner's, ours, or a wrong answer.

Every import of `exercises.*` follows the same choice. So our `train_step` calls the learner's `adamw_step`.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from grader.book.errors import KoansError
from grader.book.koan_imports import PACKAGE, koan_of, module_name
from grader.book.oracles import oracles
from grader.book.workbook import Koan, Workbook
from grader.judge import targets
from grader.judge.targets import Target
from grader.model.path import LEARNER, ORACLE, OURS, PATH

Observer = Callable[[str, str, Any], None]  # gets the koan, the function's name and its result after each call
Whose = Mapping[str, str]  # by koan id: LEARNER, OURS, ORACLE, "wrong:NAME" or "right:NAME"; OURS for the others


class FunctionFailed(Exception):
    """A function on the path raised an error. `koan` and `function` say which, `whose` says who wrote it.

    `function` is empty if the learner's file could not even be imported.
    """

    def __init__(self, koan: str, function: str, whose: str, cause: BaseException) -> None:
        said = ": ".join(filter(None, (type(cause).__name__, str(cause).strip())))
        super().__init__(f"{function} raised {said}" if function else f"the file cannot be imported: {said}")
        self.koan, self.function, self.whose, self.cause = koan, function, whose, cause


class Functions:
    """The functions on the model's path, as attributes: `functions.rms_norm(x, gain)`.

    A call that raises an error raises FunctionFailed, of the innermost function on the path. `running` is the koan
    whose function is being called, `calls` counts the calls that have returned, and `observe` is called with each
    result. `enter` is told each new value of `running`.
    """

    def __init__(self, whose: Whose) -> None:
        self.whose = dict(whose)
        self.running = ""
        self.calls = 0
        self.observe: Observer | None = None
        self.enter: Callable[[str], None] = _nobody

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise AttributeError(f"no function {name} is on the model's path")

    def guarded(self, koan: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, so that its errors name the koan."""

        def call(*args: Any, **kwargs: Any) -> Any:
            outer, self.running = self.running, koan
            self.enter(koan)
            try:
                result = function(*args, **kwargs)
            except FunctionFailed:
                raise
            except (Exception, SystemExit) as error:
                raise FunctionFailed(koan, name, self.whose.get(koan, OURS), error) from error
            finally:
                self.running = outer
                self.enter(outer)
            self.calls += 1
            if self.observe is not None:
                self.observe(koan, name, result)
            return result

        return call


def _nobody(koan: str) -> None:
    """Nobody wants to know which koan runs."""


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `exercises`, its chapters and its koans by the choice."""

    def __init__(self, workbook: Workbook, functions: Functions) -> None:
        self._workbook = workbook
        self._functions = functions

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        head, _, rest = fullname.partition(".")
        if head != PACKAGE:
            return None
        if rest.count(".") == 0:
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = []
            return spec
        koan = self._workbook.koans.get(rest.replace(".", "/"))
        if koan is None:
            return None
        file = self._workbook.exercise(koan)
        return importlib.util.spec_from_file_location(fullname, file, loader=self)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        koan = self._workbook.koans[koan_of(module.__name__)]
        whose = self._functions.whose.get(koan.id, OURS)
        if whose == LEARNER:
            self._execute_learners(koan, module)
        elif whose == ORACLE or not self._workbook.solution(koan).is_file():
            module.__dict__.update({name: oracle.fn for name, oracle in oracles(koan).items()})
        else:
            self._execute(koan, Target("solutions"), module)
        if whose.startswith(("wrong:", "right:")):
            oracle, chosen = targets.variant(koan, targets.parse(whose))
            setattr(module, oracle.__name__, chosen.fn)
        for name in PATH[koan.id].functions if koan.id in PATH else ():
            function = getattr(module, name, None)
            if not callable(function):
                raise KoansError(f"{koan.id}: the file has no function {name}")
            setattr(module, name, self._functions.guarded(koan.id, name, function))

    def _execute_learners(self, koan: Koan, module: ModuleType) -> None:
        """Run the learner's file, so that an error in it is not taken for one of ours."""
        run = self._functions.guarded(koan.id, "", self._execute)
        run(koan, Target("learner"), module)

    def _execute(self, koan: Koan, target: Target, module: ModuleType) -> None:
        text = targets.source(self._workbook, koan, target)
        exec(compile(text, str(targets.exercise_file(self._workbook, koan, target)), "exec"), module.__dict__)


def load(workbook: Workbook, whose: Whose | None = None, begin: Callable[[Functions], None] | None = None) -> Functions:
    """The functions on the path. `begin` is called with them before any file is run.

    The learner's code runs in this process, so only a process of its own may ask for it. Raises FunctionFailed if a
    file of the learner's cannot be imported. Raises KoansError if another cannot, if a file lacks a function, or if
    there is no such wrong answer.
    """
    functions = Functions(whose or {})
    if begin is not None:
        begin(functions)
    with _installed(workbook, functions):
        for entry in PATH.values():
            module = _imported(entry.koan, functions.whose.get(entry.koan, OURS))
            for name in entry.functions:
                setattr(functions, name, getattr(module, name))
    return functions


def _imported(koan: str, whose: str) -> ModuleType:
    try:
        return importlib.import_module(module_name(koan))
    except (KoansError, FunctionFailed):
        raise
    except (Exception, SystemExit) as error:
        raise KoansError(f"{koan} ({whose}) cannot be imported: {type(error).__name__}: {error}") from None


@contextmanager
def _installed(workbook: Workbook, functions: Functions) -> Iterator[None]:
    """Within the block, `exercises.*` follows the choice. Later imports in the body of a function do so, too."""
    for old in [finder for finder in sys.meta_path if isinstance(finder, _Finder)]:
        sys.meta_path.remove(old)
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == PACKAGE}
    finder = _Finder(workbook, functions)
    sys.meta_path.insert(0, finder)
    if str(workbook.code) not in sys.path:
        sys.path.insert(0, str(workbook.code))  # where `reference` is
    try:
        yield
    finally:
        if LEARNER not in functions.whose.values():
            sys.meta_path.remove(finder)
            for name in [n for n in sys.modules if n.partition(".")[0] == PACKAGE]:
                del sys.modules[name]
            sys.modules.update(before)
