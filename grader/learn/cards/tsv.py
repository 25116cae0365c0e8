"""Writes Anki's text format: header lines, then one note per line.

https://docs.ankiweb.net/importing/text-files.html describes it. The notes get our note type if Anki has it from a
package, and otherwise the type that is selected there. The header has no line with column names. Without it Anki maps
the remaining columns to the fields in order, whatever the language of its field names. Figures are left out, because a
text file cannot carry media.
"""

from __future__ import annotations

from collections.abc import Iterable

from grader.learn.cards.note import DECK, Note

HEADER = ("#separator:tab", "#html:true", f"#notetype:{DECK}", "#guid column:1", "#deck column:2", "#tags column:3")


def render(notes: Iterable[Note]) -> str:
    """The text of the file. The first column is the note's stable id, so a second import only updates notes."""
    rows = ([note.guid, note.deck, " ".join(note.tags), note.front, note.back()] for note in notes)
    return "\n".join([*HEADER, *("\t".join(row) for row in rows)]) + "\n"
