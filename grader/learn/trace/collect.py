"""Runs a kernel koan on its example, and keeps what its programs access."""

from __future__ import annotations

import math

from grader.book import source_text
from grader.book.errors import KoansError, reading
from grader.book.oracles import oracles
from grader.book.own_lines import own_lines
from grader.book.workbook import Koan, Workbook
from grader.kernels.kernel_function import launched
from grader.kernels.kernel_text import YourTurn, is_stub
from grader.kernels.tiles.accesses import Access
from grader.learn.trace.report import Failure, Report, report_of

BUDGET = 100_000_000  # of a launch, about in nanoseconds: three times what a model answer takes with any of its CONFIGs
MOST_PROGRAMS = 4096  # that can be drawn


class NothingYet(Exception):
    """The koan's file is still the stub, so there is nothing to trace."""


def check_is_kernel(koan: Koan, workbook: Workbook) -> None:
    """Raises KoansError for a koan in which nobody writes a kernel."""
    if koan.kind != "kernel":
        kernels = [other.name for other in workbook.koans.values() if other.kind == "kernel"]
        hint = f": it shows only kernels, such as {kernels[0]}" if kernels else ""
        raise KoansError(f"{koan.id} is not a kernel koan, so `koans trace` has nothing to show{hint}")


def traced(workbook: Workbook, koan: Koan) -> Report:
    """What the kernels in a koan's exercise access on the koan's example. A kernel that fails is shown up to there.

    Raises NothingYet for a stub, and KoansError for another koan, a file that cannot be read or is no kernel file.
    """
    check_is_kernel(koan, workbook)
    file = workbook.exercise(koan)
    try:
        with reading(file):
            text = source_text.read(file)
    except SyntaxError as error:
        raise KoansError(f"{_shown(koan)}: {error.msg or error}") from None
    return traced_text(koan, text)


def traced_text(koan: Koan, text: str, variant: str = "", **config: int) -> Report:
    """The same for a text, in which a named answer of the oracle may replace a kernel, with changes to CONFIG.

    Raises NothingYet and KoansError as `traced` does.
    """
    oracle = oracles(koan)[koan.name]
    if oracle.shown is None:
        raise KoansError(f"{koan.id} has no example to trace: its reference module needs an @{koan.name}.example")
    variants = oracle.wrongs | oracle.rights
    if variant and variant not in variants:
        raise KoansError(f"{koan.id} has no answer called {variant!r}")
    try:
        fn = launched(oracle, text, f"exercises/{koan.id}.py", variants.get(variant))
    except SyntaxError as error:  # KernelSyntaxError is one
        where = f":{error.lineno}" if error.lineno else ""
        raise KoansError(f"{_shown(koan)}{where}: {error.msg}") from None
    if all(is_stub(node) for node in fn.text.functions.values()):
        raise NothingYet
    fn.config.update(config)
    example = oracle.shown(fn.config)
    accesses: list[Access] = []
    failure = None
    try:
        fn.traced(accesses, BUDGET)(*example.inputs)
    except YourTurn:
        if not accesses:
            raise NothingYet from None
        stub = next(name for name, node in fn.text.functions.items() if is_stub(node))
        failure = Failure("not written yet", f"`{stub}` is still the stub")
    except Exception as error:
        failure = _failure(error)
    most = max((math.prod(access.grid) for access in accesses), default=0)
    if most > MOST_PROGRAMS:
        raise KoansError(f"{koan.id}: {most:,} programs are too many to draw: take smaller blocks in CONFIG")
    lines = next((other.lines for other in fn.texts.values() if other is not fn.text), fn.text.lines)
    least = oracle.moves(fn.config, *example.inputs) if oracle.moves else None
    return report_of(koan.id, _shown(koan), "".join(lines), fn.config, example, accesses, least, failure)


def _shown(koan: Koan) -> str:
    return f"exercises/{koan.id}.py"


def _failure(error: Exception) -> Failure:
    line = getattr(error, "line", 0) or next((own.number for own in reversed(own_lines(error))), 0)
    return Failure(type(error).__name__, " ".join(str(error).split()) or type(error).__name__, line)
