"""What every verb uses: the workbook of the current folder, printing, and a progress line."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from grader.book import terminal
from grader.book.workbook import Workbook, find_root

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def new_seed() -> int:
    """A random seed, for a command that was given none."""
    return secrets.randbelow(2**31)


def workbook() -> Workbook:
    """The workbook that the current folder is in. Raises KoansError if there is none."""
    return Workbook(find_root(Path.cwd()))


def show(*parts: Any) -> None:
    """Print strings and rich renderables, one below the other."""
    console = terminal.console()
    for part in parts:
        console.print(part)


def dump(data: Any) -> None:
    """Print data as JSON."""
    print(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Show a progress line on a terminal while the block runs. The function that it yields changes the line."""
    console = terminal.console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status(what) as status:
        yield lambda text: status.update(text)
