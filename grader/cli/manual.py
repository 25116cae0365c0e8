"""Writes docs/man/koans.1, the manual page that a wheel installs: `python -m grader.cli.manual --write`."""

from __future__ import annotations

import argparse
from pathlib import Path

import typer.main

from grader.author.man_page import page
from grader.book.files import write_file
from grader.book.processes import FOLDER
from grader.cli import app
from grader.cli.sections import SECTIONS

FILE = FOLDER / "docs" / "man" / "koans.1"


def text() -> str:
    """The manual page of this command."""
    command = typer.main.get_command(app)
    command.name = "koans"
    return page(command, SECTIONS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"Write {Path('docs/man/koans.1')} instead of the output.")
    if parser.parse_args().write:
        write_file(FILE, text(), make_folder=True)
    else:
        print(text(), end="")


if __name__ == "__main__":
    main()
