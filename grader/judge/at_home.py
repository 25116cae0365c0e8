"""Runs a learner's code in the process of the tests as a worker would run it in its own.

Its modules and its settings are in place only while it runs. So what it changes for itself (a default dtype, a module
that it imports) changes no oracle. Results and errors take the way that they take from a worker: as data.
"""

from __future__ import annotations

import contextlib
import re
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from grader.book import heap
from grader.book.serialization import Unpacker, pack_result
from grader.checks.memory import soft_limit
from grader.judge import settings
from grader.judge.sandbox import wire
from grader.judge.sandbox.answers import STACK, as_data, functions, refusals, rules
from grader.judge.sandbox.proxy import as_exception

RANDOM = re.compile(r"rand|seed|shuffle|dropout|bernoulli|multinomial|normal|uniform")


class DebuggerEnded(BaseException):
    """Somebody ended the debugger, in which the learner's code ran. It is no error that the code raised."""


class AtHome:
    """The learner's side of this process. `memory` is what one call may map (0: no limit).

    `modules` are those below `exercises` that the learner's code has imported, by name. `known` are the names of all
    such modules, imported by the learner's code or by tests.
    """

    def __init__(self, memory: int = 0) -> None:
        self.memory = memory if heap.can_limit() else 0
        self.modules: dict[str, ModuleType] = {}
        self.known: set[str] = set()
        self._stack = STACK
        self._settings = settings.current()
        self._generators: settings.Generators | None = None
        self._argv = [""]
        self._entered = False

    def answers(self, load: wire.Load, execute: Callable[[], dict[str, Any]]) -> dict[str, Answer]:
        """Run a learner's file. Returns what the tests may import from it. Raises what the file raised."""
        self._argv = [load.file]
        if self._generators is None and any(
            RANDOM.search(t) for t in (load.text, *(i.text for i in load.imports.values()))
        ):
            self._generators = _seeded()

        def loaded() -> dict[str, Any]:
            refusing = refusals(load)
            with self._inside(self.memory), warnings.catch_warnings():
                return functions(execute() if refusing is None else refusing, load.wanted)

        names = _converted(loaded, load)
        return {name: Answer(self, load, name, value) for name, value in names.items()}

    def call(self, load: wire.Load, function: Any, args: Any, kwargs: Any, memory: int | None) -> Any:
        """Call the function and return its result. Raises what it raised."""

        def called() -> Any:
            with rules(load.forbids):
                with self._inside(memory or self.memory, exact=memory is not None):
                    result = function(*args, **kwargs)
                node = pack_result(result)
                del result  # what it says when it is deleted is a warning too
            return node

        return Unpacker()(_converted(called, load))

    @contextlib.contextmanager
    def _inside(self, memory: int, *, exact: bool = False) -> Iterator[None]:
        """Within the block, this process is the learner's: modules, settings, the limits of memory and of the stack."""
        if self._entered:
            yield
            return
        self._entered = True
        modules = self._exchange(self.modules)
        before, argv, stack = settings.current(), sys.argv, sys.getrecursionlimit()
        states = settings.generators() if self._generators is not None else None
        settings.put_in_place(self._settings, before)
        if self._generators is not None:
            self._generators.put_in_place()
        given = self._stack + _depth()
        sys.argv = self._argv
        sys.setrecursionlimit(given)
        try:
            with soft_limit(memory) if exact else _limit(memory):
                yield
        finally:
            if sys.getrecursionlimit() != given:
                self._stack = sys.getrecursionlimit()
            sys.setrecursionlimit(stack)
            sys.argv = argv
            if states is not None:
                self._generators = settings.generators()
                states.put_in_place()
            self._settings = settings.current()
            settings.put_in_place(before, self._settings)
            self.modules = self._exchange(modules)
            self._entered = False

    def _exchange(self, modules: dict[str, ModuleType]) -> dict[str, ModuleType]:
        """Replace the modules below `exercises` by these. Returns the modules that were replaced."""
        others = {name: sys.modules.pop(name) for name in self.known if name in sys.modules}
        sys.modules.update(modules)
        return others


class Answer:
    """A learner's function. Call it like one."""

    def __init__(self, home: AtHome, load: wire.Load, name: str, function: Any, memory: int | None = None) -> None:
        self._home, self._load, self._function, self._memory = home, load, function, memory
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._home.call(self._load, self._function, args, kwargs, self._memory)

    def within(self, memory: int) -> Answer:
        """The same with a limit, in bytes, on what a call may map: see grader.checks.memory."""
        return Answer(self._home, self._load, self.__name__, self._function, memory)


def _converted(action: Callable[[], Any], load: wire.Load) -> Any:
    """What the action returns. An error becomes what it would be if it came from a worker."""
    try:
        return action()
    except DebuggerEnded:
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            raise  # somebody pressed Ctrl-C
        raised = as_exception(as_data(error, _koans_of(load).get), load)
        raised.__traceback__ = error.__traceback__  # a debugger then starts in the learner's own code
    raise raised


def _koans_of(load: wire.Load) -> dict[str, str]:
    """The koan of each file that may be run."""
    folder = Path(load.file).parent.parent
    return {load.file: load.koan, **{str(folder / f"{koan}.py"): koan for koan in load.imports}}


@contextlib.contextmanager
def _limit(memory: int) -> Iterator[None]:
    if not memory:
        yield
        return
    with heap.limit(heap.mapped() + memory):
        yield


def _depth() -> int:
    """How many Python frames there are."""
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    return depth


def _seeded() -> settings.Generators:
    """The states that the generators have in a new worker."""
    before = settings.generators()
    settings.seed()
    try:
        return settings.generators()
    finally:
        before.put_in_place()
