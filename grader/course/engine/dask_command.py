"""The process of Dask's scheduler, or of its nannies, which start worker processes. `commands` starts it."""

from __future__ import annotations

import importlib
import logging
import sys

from grader.book.verdict import one_line


def main() -> None:
    """Run `dask KIND` with the arguments of this process, the first of which is KIND. If it fails, one line says so."""
    kind = sys.argv.pop(1)
    command = importlib.import_module(f"distributed.cli.dask_{kind}").main
    verbose = logging.getLogger("distributed").isEnabledFor(logging.INFO)
    try:
        command()
    except SystemExit as end:
        if end.code and not verbose:  # the reason is one of the messages that are not shown
            _say(kind, "a process did not start in time")
        raise
    except Exception as error:
        if verbose:
            raise
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        _say(kind, f"{type(first).__name__}: {one_line(str(first))}")
        sys.exit(1)


def _say(kind: str, why: str) -> None:
    print(f"koans: the {kind} of Dask ended ({why}); --verbose shows more", file=sys.stderr)
