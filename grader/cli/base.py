"""What every verb uses: the workbook of the current folder, printing, and a progress line."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from grader.book import output, terminal
from grader.book.errors import KoansError
from grader.book.places import SHIPPED, is_whole
from grader.book.processes import FOLDER
from grader.book.project import project
from grader.book.verdict import one_line
from grader.book.workbook import Workbook, find_root

Seed = Annotated[int, typer.Option(metavar="N", help="Seed of all random inputs.", min=0, max=2**63 - 1)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def new_seed() -> int:
    """A random seed, for a command that was given none."""
    return secrets.randbelow(2**31)


def workbook() -> Workbook:
    """The workbook that the current folder is in. Raises KoansError if there is none."""
    return Workbook(find_root(here()))


def own_workbook() -> Workbook:
    """The workbook of the current folder, for a verb that changes or checks its texts. Raises KoansError.

    A folder that `koans init` made has none of them.
    """
    book = workbook()
    if not is_whole(book.root):
        raise KoansError(f"{book.root}: `koans init` made it, so it has no tests or texts; run this in a clone")
    return book


def here() -> Path:
    """The current folder. Raises KoansError if it was removed."""
    try:
        return Path.cwd()
    except OSError:
        raise KoansError("the current folder was removed: change to the folder of your workbook") from None


def version() -> str:
    """The version of the code that runs."""
    return project(FOLDER).version


def installed() -> Path:
    """The root of the workbook that this command was installed with. Raises KoansError if it came without one."""
    if not (SHIPPED / "content").is_dir():
        raise KoansError("this installation has no workbook to judge with: give --workbook DIR")
    return SHIPPED


def show(*parts: Any) -> None:
    """Print strings and rich renderables, one below the other."""
    console = terminal.console()
    for part in parts:
        console.print(part)


def dump(data: Any) -> None:
    """Print data as JSON. Where the output has not every sign, in ASCII: a sign of its text is then an escape."""
    text = msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
    print(text if output.is_unicode(sys.stdout) else output.ascii_json(text))


def say(message: str) -> None:
    """Write a message to stderr. It may quote strangers: nothing in it reaches the terminal but text.

    Lines after the first are indented, so that none of them looks like a message of ours.
    """
    with contextlib.suppress(OSError):  # there is no other place to say it
        print("koans: " + terminal.harmless(message).replace("\n", "\n  "), file=sys.stderr)


def not_recorded(reasons: Iterable[str]) -> None:
    """Say what could not be recorded, each reason once; empty ones are left out."""
    for reason in dict.fromkeys(filter(None, reasons)):
        say(f"not recorded: {reason}")


@contextmanager
def waiting(what: str) -> Iterator[Callable[[str], None]]:
    """Show a progress line on a terminal while the block runs. The function that it yields changes the line.

    The line may hold names of strangers: it is one line of plain text.
    """
    console = terminal.console(stderr=True)
    if not (console.is_terminal and terminal.can_draw()):
        yield lambda text: None
        return

    def line(text: str) -> Text:  # a str would be read as markup
        return Text(one_line(text, max(console.width - 3, 20)), no_wrap=True, overflow="ellipsis")

    with console.status(line(what), spinner="dots" if output.is_unicode(sys.stderr) else "line") as status:
        yield lambda text: status.update(line(text))
