"""`koans review`: shows cards and records the ratings."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from rich.console import RenderableType
from rich.text import Text

from grader.book.errors import KoansError, refusal
from grader.book.workbook import Workbook
from grader.learn import due
from grader.learn.cards import review_session as state
from grader.learn.cards.review_session import ReviewSession
from grader.learn.progress import Progress
from grader.learn.report import recall
from grader.learn.review_ui.screens import Screens, warning
from grader.learn.settings import Settings

FRONT = "any key shows the answer · u undoes the last rating · q quits"
BACK = "1 to 4 · u undoes the last rating · q quits"
LAST = "u undoes the last rating · any other key quits"


def review(
    workbook: Workbook,
    progress: Progress,
    settings: Settings,
    screens: Screens,
    limit: int,
    clock: Callable[[], float] = time.time,
) -> ReviewSession:
    """Review at most `limit` cards: the due ones, then new ones. Each rating is written to the log at once."""
    now = clock()
    standings = {s.card.id: s for s in due.cards(workbook, progress, settings, now)}
    queue = due.review_queue(list(standings.values()), due.new_cards_left(progress, settings, now))[:limit]
    histories = progress.recall.reviews("card")
    session = state.begin([s.card.id for s in queue], histories, due.card_plan(settings), clock())

    trouble = ""

    def closing_screen() -> RenderableType:
        memories = progress.recall.schedule("card", due.card_plan(settings))
        dues = [m.due for card, m in memories.items() if card in standings]
        coming = due.forecast(dues, clock())
        later = len(dues) - sum(count for _, count in coming)
        koans = [koan for koan in due.returning(workbook, progress, settings, clock()) if koan.is_due]
        return recall.summing_up(state.summary(session), coming, later, koans)

    try:
        while not session.ended:
            if session.card is None:
                if not screens.live:
                    break
                _show_closing(closing_screen, screens, ask=LAST)
            else:
                card = standings[session.card]
                parts = [recall.card_front(card, len(session.done), session.left)]
                if session.revealed:
                    parts += [recall.card_back(card), recall.ratings(session.intervals(clock()))]
                screens.show(*parts, *warning(trouble), ask=BACK if session.revealed else FRONT)
            after, effect = state.step(session, screens.keyboard.key() or "", clock())
            trouble = ""
            if effect is not None and effect.verb == "review":
                trouble = screens.unrecorded(partial(progress.recall.review, "card", effect.review))
            elif effect is not None:
                trouble = screens.unrecorded(partial(progress.recall.take_back, "card", effect.review.item))
            session = session if trouble else after  # what is not in the log does not count
    finally:  # also after Ctrl-C: what was rated is in the log
        _show_closing(closing_screen, screens)
    return session


def _show_closing(closing_screen: Callable[[], RenderableType], screens: Screens, ask: str = "") -> None:
    """Show the summary, unless the progress file cannot be used."""
    try:
        screens.show(closing_screen(), ask=ask)
    except Exception as error:
        if not refusal(error) and not isinstance(error, KoansError):
            raise
        screens.show(Text(f"there is no summary: {refusal(error) or error}", "yellow"), ask=ask)
