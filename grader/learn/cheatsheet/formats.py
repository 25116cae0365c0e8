"""The cheat sheet by the suffix of a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from grader.book.errors import KoansError
from grader.learn.cheatsheet import markdown, page
from grader.learn.cheatsheet.sheet import Sheet

SUFFIXES = (".md", ".html", ".pdf")


def check(file: Path) -> None:
    """Raise KoansError for what cannot work: a name that does not say the format, a folder or library missing."""
    if file.suffix.lower() not in SUFFIXES:
        raise KoansError(f"{file}: end its name in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}")
    if not file.absolute().parent.is_dir():
        raise KoansError(f"{file}: its folder does not exist")
    if file.suffix.lower() == ".pdf":
        try:
            import fpdf  # noqa: F401
            import matplotlib  # noqa: F401
        except ImportError:
            raise KoansError(f"{file}: PDF needs libraries that are not here: pip install fpdf2 matplotlib") from None


def render(file: Path, sheet: Sheet, paper: Literal["a4", "letter"]) -> str | bytes:
    """What belongs in the file, once `check` has passed."""
    suffix = file.suffix.lower()
    if suffix == ".pdf":
        from grader.learn.cheatsheet import pdf

        return pdf.render(sheet, paper)
    return page.render(sheet) if suffix == ".html" else markdown.render(sheet)
