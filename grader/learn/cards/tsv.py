"""Anki's text import format: header lines, then one note a line (https://docs.ankiweb.net/importing/text-files.html).

Where Anki has our note type, from a package, the notes get it, else the one it is set to. There is no line with the
names of columns: without it Anki maps the columns that are left to the fields in their order, whatever its language
calls them. Figures stay out, since a text file brings no media.
"""

from __future__ import annotations

from collections.abc import Iterable

from grader.learn.cards.note import DECK, Note

HEADER = ("#separator:tab", "#html:true", f"#notetype:{DECK}", "#guid column:1", "#deck column:2", "#tags column:3")


def render(notes: Iterable[Note]) -> str:
    """The file's text. The first column is the note's stable id: importing again updates it and adds nothing."""
    rows = ([note.guid, note.deck, " ".join(note.tags), note.front, note.back()] for note in notes)
    return "\n".join([*HEADER, *("\t".join(row) for row in rows)]) + "\n"
