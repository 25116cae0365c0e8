"""What an import from Anki has added and what it has left out, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from grader.learn.anki_import import Imported, LeftOut, Reviews
from grader.learn.report.recall import count


def imported(result: Imported) -> Text:
    """The result, in lines."""
    new, known = result.new, f"{result.known:,} there already" if result.known else ""
    if new.reviews:
        does = "would be added" if result.dry_run else "added"
        first = f"{_of_cards(new)} {does} from {result.file}{'; ' + known if known else ''}"
    else:
        first = f"no new review in {result.file}{': ' + known if known else ''}"
    lines = [Text(first, "bold")]
    if not (new.reviews or known or any(_counts(result.left_out))):
        lines.append(Text("  a deck has its reviews only if Anki exported it with its scheduling information"))
    lines += [Text(f"  left out: {line}", "dim") for line in _left_out(result.left_out)]
    return Text("\n").join(lines)


def _left_out(left: LeftOut) -> Iterator[str]:
    if left.locked.reviews:
        yield f"{_of_cards(left.locked, 'locked card')}; pass their koans (`koans cards`), then import again"
    if left.gone.reviews:
        yield f"{_of_cards(left.gone)} that this workbook does not have"
    if left.cramming:
        yield f"{count(left.cramming, 'answer')} in filtered decks that do not reschedule cards"
    if left.template:
        yield f"{count(left.template, 'answer')} to cards of a template that is not ours"
    if left.time:
        yield f"{count(left.time, 'answer')} with an impossible time or rating"
    if left.unrated:
        yield f"{count(left.unrated, 'change')} without a rating, such as a reset or a new due date"
    if left.deleted:
        yield f"{count(left.deleted, 'review')} of cards that were deleted in Anki"
    if left.other_notes:
        yield f"{count(left.other_notes, 'review')} of other notes"


def _counts(left: LeftOut) -> list[int]:
    return [
        left.locked.reviews, left.gone.reviews, left.unrated, left.cramming, left.template, left.time,
        left.deleted, left.other_notes,
    ]  # fmt: skip


def _of_cards(number: Reviews, noun: str = "card") -> str:
    return f"{count(number.reviews, 'review')} of {count(number.cards, noun)}"
