"""What a worker and a run at home do alike: how a file's functions are found and called, and its errors become data."""

from __future__ import annotations

import contextlib
import linecache
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from grader.book import forbidden, source_text
from grader.judge.sandbox import wire

STACK = 2000  # Python frames that the code under test may have
FRAMES = 3  # the most frames of a traceback that are sent
MESSAGE = 2000  # the most characters of an exception's text that are sent
NAMES, NAME = 10_000, 200  # the most functions of a file, and characters of a name

KoanAt = Callable[[str], str | None]  # the id of the koan whose file this is, or None


def run(text: str, file: str, names: dict[str, Any]) -> None:
    """Run a text in the namespace of its module."""
    linecache.cache[file] = (len(text), None, source_text.lines(text), file)
    exec(compile(text, file, "exec"), names)


def refusals(load: wire.Load) -> dict[str, Callable[..., Any]] | None:
    """If the text uses a function that it must not: functions that say so. The text is then not run.

    Raises SyntaxError.
    """
    others = {koan: file.text for koan, file in load.imports.items()}
    violation = forbidden.forbidden_use(load.text, load.forbids, load.koan, others) if load.forbids else ""
    return forbidden.refusing_functions(load.text, violation) if violation else None


def functions(names: Mapping[str, Any], wanted: Sequence[str] = ()) -> dict[str, Any]:
    """What tests may import from a module with this namespace. `wanted` may come from the module's `__getattr__`.

    Values that cannot be called are among them. A call of one says so.
    """
    found = {name: value for name, value in names.items() if isinstance(name, str) and is_function_name(name)}
    lazy = names.get("__getattr__")
    for name in wanted if callable(lazy) else ():
        if name not in found:
            with contextlib.suppress(AttributeError):
                found[name] = lazy(name)  # type: ignore[misc]
    return dict(list(found.items())[:NAMES])


def is_function_name(name: str) -> bool:
    """Names like `__getattr__` and `__spec__` would change the module that the tests import."""
    return name.isidentifier() and len(name) <= NAME and not name.startswith("_")


@contextlib.contextmanager
def rules(forbids: Sequence[str]) -> Iterator[None]:
    """For one call: warnings say nothing, and forbidden operations are refused."""
    with warnings.catch_warnings(), forbidden.forbidding(forbids):
        warnings.simplefilter("ignore")
        yield


def as_data(error: BaseException, koan_at: KoanAt) -> wire.Error:
    """The exception as text. Only frames in the submission's own files are sent."""
    syntax = error if isinstance(error, SyntaxError) else None
    return wire.Error(
        [type(error).__name__, *(t.__name__ for t in type(error).__mro__ if t.__module__ == "builtins")],
        _message(error),
        _frames(error, koan_at),
        syntax.lineno if syntax else None,
        syntax.offset if syntax else None,
        syntax.text[:MESSAGE] if syntax and syntax.text else None,
        error.name if isinstance(error, ImportError) else None,
        (koan_at(syntax.filename or "") or "") if syntax else "",
    )


def _frames(error: BaseException, koan_at: KoanAt) -> list[wire.Frame]:
    """The last frames in the submission's own files. For endless recursion the first."""
    found: deque[wire.Frame] = deque(maxlen=FRAMES)
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        koan = koan_at(code.co_filename)
        if koan is not None:
            found.append(wire.Frame(at.tb_lineno, code.co_name, koan))
            if isinstance(error, RecursionError):
                break
        at = at.tb_next
    return list(found)


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
