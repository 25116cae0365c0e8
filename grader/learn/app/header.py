"""The first line of the screen, which fits into its width."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.cells import cell_len
from rich.text import Text

from grader.learn.report.recall import count

BAR = 12  # width of the bar of progress in cells
RUNNING_CELLS = 24  # kept free for what runs, so that a run seldom moves or shortens what stands before it


class Progressed(msgspec.Struct, frozen=True):
    """How many koans of the current chapter have passed, and how many of all.

    With a `track` the last two are of the track.
    """

    chapter: str
    passed: int
    of: int
    all_passed: int
    of_all: int
    track: str = ""


def line(progress: Progressed, modes: Sequence[str], to_review: int, width: int, *, running: bool) -> Text:
    """The line in at most `width` cells. `modes` says what runs, in the shorter words last.

    What is too long is shortened in this order: the command of the review, the title, the bar, the words for what runs.
    """
    reserved = max(RUNNING_CELLS, cell_len(modes[-1]))  # in full: why koans run cold is worth more than the title
    reviews = _reviews(to_review)
    fronts = [_front(progress, title=title, bar=bar) for title, bar in ((True, True), (False, True), (False, False))]
    pairs = [(fronts[0], reviews[0])] + [(front, reviews[-1]) for front in fronts]
    fits = (pair for pair in pairs if pair[0].cell_len + reserved + pair[1].cell_len + 2 <= width)
    front, review = next(fits, pairs[-1])
    room = width - front.cell_len - review.cell_len - 2
    mode = Text(next((mode for mode in modes if cell_len(mode) <= room), modes[-1]), "yellow" if running else "dim")
    mode.truncate(max(0, room), overflow="ellipsis")
    whole = Text.assemble(front, "  ", mode, review, no_wrap=True, overflow="ellipsis")
    whole.truncate(width, overflow="ellipsis")
    return whole


def _front(progress: Progressed, *, title: bool, bar: bool) -> Text:
    name = Text("Tensor Koans  " if title else "", "bold")
    if progress.track:
        return Text.assemble(
            name,
            (progress.track, "cyan"),
            f" {progress.all_passed} of {progress.of_all}",
            _bar(progress.all_passed, progress.of_all) if bar else "",
            (f"  {progress.chapter}", "dim"),
        )
    return Text.assemble(
        name,
        f"{progress.all_passed}/{progress.of_all}  ",
        (progress.chapter, "cyan"),
        _bar(progress.passed, progress.of) if bar else "",
        f" {progress.passed}/{progress.of}",
    )


def _bar(passed: int, of: int) -> Text:
    filled = round(BAR * passed / of)
    return Text.assemble((" " + "━" * filled, "green"), ("─" * (BAR - filled), "dim"))


def _reviews(number: int) -> list[Text]:
    """The number of cards to review, in many words and in few."""
    if not number:
        return [Text()]
    return [
        Text(f"  {count(number, 'card')} to review (koans review)", "magenta"),
        Text(f"  {number} to review", "magenta"),
    ]
