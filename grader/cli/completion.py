"""What a shell offers after Tab: the names of koans and chapters. Only the lists of the chapters are read for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.cli.base import workbook

Offer = tuple[str, str]  # what is completed to, and a line about it, which some shells show


def koans(incomplete: str) -> list[Offer]:
    """Koans by their short name, or by their full id if a chapter is typed already."""
    return _offered(incomplete, _koans)


def chapters(incomplete: str) -> list[Offer]:
    """Chapters by their id."""
    return _offered(incomplete, _chapters)


def koans_and_chapters(incomplete: str) -> list[Offer]:
    """Both: chapters first."""
    return [*chapters(incomplete), *koans(incomplete)]


def _offered(incomplete: str, names: Callable[[Workbook, str], Iterator[Offer]]) -> list[Offer]:
    """The names that start so. Outside a workbook there are none: a shell has no place for a message."""
    try:
        return [offer for offer in names(workbook(), incomplete) if offer[0].startswith(incomplete)]
    except KoansError:
        return []


def _koans(book: Workbook, incomplete: str) -> Iterator[Offer]:
    named = Counter(koan.name for koan in book.koans.values())
    for koan in book.koans.values():
        yield koan.id if "/" in incomplete or named[koan.name] > 1 else koan.name, koan.title


def _chapters(book: Workbook, incomplete: str) -> Iterator[Offer]:
    for chapter in book.chapters:
        yield chapter.id, chapter.title
