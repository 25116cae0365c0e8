"""Writes the cheat sheet in the format that the suffix of the file chooses."""

from __future__ import annotations

from pathlib import Path

from grader.book.errors import KoansError
from grader.book.files import check_ending
from grader.learn.cheatsheet import markdown, page
from grader.learn.cheatsheet.sheet import Paper, Sheet

SUFFIXES = (".md", ".html", ".pdf")


def check(file: Path) -> None:
    """Raise KoansError if the suffix names no format, or if the folder or a library for PDF is missing."""
    check_ending(file, SUFFIXES)
    if not file.absolute().parent.is_dir():
        raise KoansError(f"{file}: its folder does not exist")
    if file.suffix.lower() == ".pdf":
        try:
            import fpdf  # noqa: F401
            import matplotlib  # noqa: F401
        except ImportError:
            raise KoansError(
                f"{file}: PDF needs libraries that are not installed: pip install fpdf2 matplotlib"
            ) from None


def render(file: Path, sheet: Sheet, paper: Paper) -> str | bytes:
    """The content of the file. Call `check` first."""
    suffix = file.suffix.lower()
    if suffix == ".pdf":
        from grader.learn.cheatsheet import pdf

        return pdf.render(sheet, paper)
    return page.render(sheet) if suffix == ".html" else markdown.render(sheet)
