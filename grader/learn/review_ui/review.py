"""`koans review`: the loop around a sitting."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import RenderableType

from grader.book.workbook import Workbook
from grader.learn import deck
from grader.learn.cards import review_session as state
from grader.learn.cards.review_session import ReviewSession
from grader.learn.progress import Progress
from grader.learn.report import recall
from grader.learn.review_ui.screens import Screens
from grader.learn.settings import Settings

FRONT = "any key shows the answer · u takes the last rating back · q ends"
BACK = "1 to 4 · u takes the last rating back · q ends"
LAST = "u takes the last rating back · any other key ends"


def review(
    workbook: Workbook,
    progress: Progress,
    settings: Settings,
    table: Screens,
    limit: int,
    clock: Callable[[], float] = time.time,
) -> ReviewSession:
    """Review what is due, then some of what is new. Every rating is in the log as soon as it is given."""
    now = clock()
    held = {h.card.id: h for h in deck.cards(workbook, progress, settings, now)}
    line = deck.line_up(list(held.values()), deck.new_left(progress, settings, now))[:limit]
    sitting = state.begin([h.card.id for h in line], progress.recall.reviews("card"), deck.card_plan(settings), clock())

    def ending() -> RenderableType:
        memories = progress.recall.schedule("card", deck.card_plan(settings))
        dues = [m.due for card, m in memories.items() if card in held]
        coming = deck.forecast(dues, clock())
        backs = [back for back in deck.returning(workbook, progress, settings, clock()) if back.now]
        return recall.summing_up(state.summary(sitting), coming, len(dues) - sum(n for _, n in coming), backs)

    try:
        while not sitting.ended:
            if sitting.card is None:
                if not table.live:
                    break
                table.show(ending(), ask=LAST)
            else:
                card = held[sitting.card]
                parts = [recall.card_front(card, sitting.left)]
                if sitting.revealed:
                    parts += [recall.card_back(card), recall.ratings(sitting.intervals(clock()))]
                table.show(*parts, ask=BACK if sitting.revealed else FRONT)
            sitting, effect = state.step(sitting, table.keyboard.key() or "", clock())
            if effect is not None and effect.verb == "review":
                progress.recall.review("card", effect.review)
            elif effect is not None:
                progress.recall.take_back("card", effect.review.item)
    finally:  # Ctrl-C, too, keeps what was done and says so
        table.show(ending())
    return sitting
