"""The filters. They only hide, so they stay invisible where no script runs."""

from __future__ import annotations

from collections.abc import Iterable

from grader.course.report.page.markup import text
from grader.course.report.page.overview import Overview


def controls(overview: Overview, titles: dict[str, str]) -> Iterable[str]:
    """`titles` are the titles of chapters."""
    yield '<fieldset id="controls" hidden><legend>Show</legend>'
    yield '<label>chapter <select id="chapter"><option value="">all</option>'
    for chapter in overview.chapters:
        title = f"{chapter.partition('_')[0]}: {titles[chapter]}" if chapter in titles else chapter
        yield f'<option value="{text(chapter)}">{text(title, 80)}</option>'
    yield "</select></label>"
    if len(overview.assignments) > 1:
        yield '<label>assignment <select id="assignment"><option value="">all</option>'
        for i, (title, own) in enumerate(overview.assignments.items()):
            yield f'<option value="{i}" data-koans="{text(" ".join(own), 100_000)}">{text(title, 80)}</option>'
        yield "</select></label>"
    yield '<label>find <input id="find" type="search" placeholder="a student, a koan or a mistake"/></label>'
    yield '<label><input id="hide" type="checkbox"/> hide names</label>'
    yield '<button type="button" id="all">show everything</button>'
    yield '<output id="shown" role="status"></output></fieldset>'
