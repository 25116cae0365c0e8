"""What every verb uses: the workbook here, printing, a line that says what is going on."""

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
    """A seed where none was given."""
    return secrets.randbelow(2**31)


def workbook() -> Workbook:
    return Workbook(find_root(Path.cwd()))


def show(*parts: Any) -> None:
    console = terminal.console()
    for part in parts:
        console.print(part)


def dump(data: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(data), indent=2).decode())


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """A line that says what is going on, on a terminal only, and goes away."""
    console = terminal.console(stderr=True)
    if not console.is_terminal:
        yield lambda text: None
        return
    with console.status(what) as status:
        yield lambda text: status.update(text)
