"""Writes Anki's package format (.apkg) with genanki: one deck per chapter, the figures, one note type.

The same notes give the same bytes. All ids are fixed, because Anki recognizes by them what it imported before.
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

from grader.learn.cards.note import DECK, TEMPLATE_ID, Note

MODEL = 1_763_900_101
FIELDS = (("Front", 8_411_763_900_102), ("Back", 8_411_763_900_103))
TEMPLATE = ("Card", TEMPLATE_ID)
QUESTION, ANSWER = "{{Front}}", "{{FrontSide}}<hr id=answer>{{Back}}"
STYLE = Path(__file__).with_name("anki.css").read_text(encoding="utf-8")
TYPE = "note type"  # the key of the note type in digests and times; no card id has a space
EPOCH = (1980, 1, 1, 0, 0, 0)


class _Model(genanki.Model):  # type: ignore[misc]
    """A note type that carries its own time of change, where genanki writes the time of the export."""

    changed = 0

    def to_json(self, timestamp: float, deck_id: int) -> dict[str, Any]:
        return dict(super().to_json(self.changed, deck_id))


class _Note(genanki.Note):  # type: ignore[misc]
    """A note that carries its own time of change, where genanki writes the time of the export."""

    changed = 0

    def write_to_db(self, cursor: Any, timestamp: float, deck_id: int, id_gen: Any) -> None:
        super().write_to_db(cursor, self.changed, deck_id, id_gen)


def digests(notes: Sequence[Note]) -> dict[str, str]:
    """A digest of each note by card id, and one of the note type under the key TYPE."""
    style = hashlib.sha256("\0".join([QUESTION, ANSWER, STYLE]).encode()).hexdigest()
    by_card = {TYPE: style[:32]}
    for note in notes:
        content = "\0".join([note.deck, " ".join(note.tags), note.front, note.back(_media(note))])
        by_card[note.card] = hashlib.sha256(content.encode()).hexdigest()[:32]
    return by_card


def render(notes: Sequence[Note], times: Mapping[str, int]) -> bytes:
    """The bytes of the package. `times` says when each note and the note type changed, in seconds since 1970.

    grader/learn/cards/changes.py keeps these times.
    """
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
    for position, note in enumerate(notes):
        deck = decks.setdefault(note.chapter, genanki.Deck(_deck_id(note.chapter), note.deck))
        image = _media(note)
        if note.figure:
            media[image] = note.figure.read_bytes()
        anki_note = _Note(model, [note.front, note.back(image)], tags=note.tags, guid=note.guid, due=position)
        anki_note.changed = times[note.card]
        deck.add_note(anki_note)
    with tempfile.TemporaryDirectory() as folder:
        for name, data in media.items():
            (Path(folder) / name).write_bytes(data)
        package = genanki.Package([*decks.values()], [str(Path(folder) / name) for name in sorted(media)])
        package_bytes = io.BytesIO()
        package.write_to_file(package_bytes, timestamp=max(times[note.card] for note in notes))
    return _same_every_time(package_bytes)


def _same_every_time(package: io.BytesIO) -> bytes:
    """The archive, compressed, with one fixed time instead of the time of writing."""
    result = io.BytesIO()
    with zipfile.ZipFile(package) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, source.read(name))
    return result.getvalue()


def _media(note: Note) -> str:
    """The figure's file name in Anki's media folder, which all decks share; empty if the note has no figure.

    The name holds a digest of the picture, so that a changed picture does not overwrite another.
    """
    if note.figure is None:
        return ""
    digest = hashlib.sha256(note.figure.read_bytes()).hexdigest()[:8]
    return f"tensor-koans-{note.chapter}-{note.figure.stem}-{digest}{note.figure.suffix}"


def _deck_id(chapter: str) -> int:
    return int.from_bytes(hashlib.sha256(f"tensor-koans/{chapter}".encode()).digest()[:4]) % (1 << 30) + (1 << 30)
