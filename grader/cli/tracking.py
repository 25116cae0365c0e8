"""`koans track`, and the current koan for verbs that are given none."""

from __future__ import annotations

from typing import Annotated

import typer

from grader.book.errors import KoansError
from grader.book.workbook import WHOLE, Koan, Workbook
from grader.cli.base import Json, dump, say, show, waiting, workbook
from grader.learn import attempts, tracks
from grader.learn.progress import Progress
from grader.learn.report import tracks as report


def koan_or_current(book: Workbook, progress: Progress, name: str | None) -> Koan:
    """The koan of this name, or the current one. Says why the active track does not count, if so. Raises KoansError."""
    koan = attempts.koan_or_current(book, progress, name)
    if not name and (trouble := tracks.active(book).trouble):
        say(trouble)
    return koan


def track(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The track to walk, or all.", show_default=False)
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help="Go back to the whole workbook.")] = False,
    as_json: Json = False,
) -> None:
    """List the tracks, or walk one: the koans for a goal, in the order in which they need each other.

    After `koans track NAME`, the next koan is always the next one of this track: in `koans`, `koans run`, `koans hint`
    and wherever you give no name. You can still open every koan by its name. Your choice is a setting, `track`.

    The minutes of a koan are estimated from the words of its stub, its points and its kind; nobody has measured them.
    As you solve koans, the log of your attempts corrects them: breaks of half an hour and more are not work.

    \b
    Examples:
      koans track                  all tracks, and how far you are
      koans track essential        walk the essential forty
      koans track --all            back to the whole workbook
      koans track --json
    """
    book = workbook()
    if whole and name not in (None, WHOLE):
        raise KoansError("give NAME or --all, not both")
    chosen = WHOLE if whole else name
    if chosen is not None:
        tracks.choose(book, chosen)
    with waiting("adding up"), Progress(book.root, must_write=False) as progress:
        progress.check_readable()
        overview = tracks.overview(book, progress)
        finished = None
        if chosen is not None and overview.of(chosen).done:
            finished = tracks.finished(book, progress, overview.of(chosen).track, progress.standings(book))
    if as_json:
        dump(report.record(overview.of(chosen), overview.pace) if chosen is not None else report.records(overview))
    elif chosen is not None:
        show(report.one(book, overview.of(chosen), overview.pace, finished))
    else:
        show(report.listing(overview))
    if overview.trouble:
        say(overview.trouble)
