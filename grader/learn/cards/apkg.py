"""Anki's package, written by genanki: notes by chapter, figures, one note type.

The same notes give the same bytes. All ids are fixed: Anki finds by them what it imported before.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import genanki

from grader.learn.cards.note import DECK, Note

MODEL = 1_763_900_101
FIELDS = (("Front", 8_411_763_900_102), ("Back", 8_411_763_900_103))
TEMPLATE = ("Card", 8_411_763_900_104)
QUESTION, ANSWER = "{{Front}}", "{{FrontSide}}<hr id=answer>{{Back}}"
STYLE = Path(__file__).with_name("anki.css").read_text(encoding="utf-8")
TYPE = "note type"  # its key among digests and times; no card id has a space
EPOCH = (1980, 1, 1, 0, 0, 0)


class _Model(genanki.Model):  # type: ignore[misc]
    changed = 0

    def to_json(self, timestamp: float, deck_id: int) -> dict[str, Any]:
        return dict(super().to_json(self.changed, deck_id))


class _Note(genanki.Note):  # type: ignore[misc]
    changed = 0

    def write_to_db(self, cursor: Any, timestamp: float, deck_id: int, id_gen: Any) -> None:
        super().write_to_db(cursor, self.changed, deck_id, id_gen)


def digests(notes: Sequence[Note]) -> dict[str, str]:
    """By card, what changes when its note does; and the note type's."""
    style = hashlib.sha256("\0".join([QUESTION, ANSWER, STYLE]).encode()).hexdigest()
    found = {TYPE: style[:32]}
    for note in notes:
        whole = "\0".join([note.deck, " ".join(note.tags), note.front, note.back(_media(note))])
        found[note.card] = hashlib.sha256(whole.encode()).hexdigest()[:32]
    return found


def render(notes: Sequence[Note], times: Mapping[str, int]) -> bytes:
    """The file. `times` says when each note and the note type changed (grader/learn/cards/changes.py)."""
    model = _Model(
        MODEL,
        DECK,
        fields=[{"name": name, "id": number} for name, number in FIELDS],
        templates=[{"name": TEMPLATE[0], "id": TEMPLATE[1], "qfmt": QUESTION, "afmt": ANSWER}],
        css=STYLE,
    )
    model.changed = times[TYPE]
    decks: dict[str, genanki.Deck] = {}
    media: dict[str, bytes] = {}
    for place, note in enumerate(notes):
        deck = decks.setdefault(note.chapter, genanki.Deck(_deck_id(note.chapter), note.deck))
        image = _media(note)
        if note.figure:
            media[image] = note.figure.read_bytes()
        made = _Note(model, [note.front, note.back(image)], tags=note.tags, guid=note.guid, due=place)
        made.changed = times[note.card]
        deck.add_note(made)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in media.items():
            (Path(folder) / name).write_bytes(data)
        package = genanki.Package([*decks.values()], [str(Path(folder) / name) for name in sorted(media)])
        draft = io.BytesIO()
        package.write_to_file(draft, timestamp=max(times[note.card] for note in notes))
    return _same_every_time(draft)


def _same_every_time(package: io.BytesIO) -> bytes:
    """The archive without the time at which it was written, and compressed."""
    result = io.BytesIO()
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, source.read(name))
    return result.getvalue()


def _media(note: Note) -> str:
    """The figure's name in Anki's one folder of media: another picture has another name."""
    if note.figure is None:
        return ""
    mark = hashlib.sha256(note.figure.read_bytes()).hexdigest()[:8]
    return f"tensor-koans-{note.chapter}-{note.figure.stem}-{mark}{note.figure.suffix}"


def _deck_id(chapter: str) -> int:
    return int.from_bytes(hashlib.sha256(f"tensor-koans/{chapter}".encode()).digest()[:4]) % (1 << 30) + (1 << 30)
