"""Reads the code cells of a notebook's file, in order. Outputs, attachments and text cells are ignored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser.statements import Cell

SUFFIX = ".ipynb"
LARGEST = 16 << 20  # bytes; an exported chapter without outputs has about 150,000
FORMAT = 4


class Notebook(msgspec.Struct, frozen=True):
    """The code cells of a notebook. `chapter` is the id of the chapter it was exported from, or empty if not known."""

    name: str
    chapter: str
    cells: tuple[Cell, ...]


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str] = ""


class _File(msgspec.Struct):
    nbformat: int
    cells: list[_Cell] = []
    metadata: dict[str, Any] = {}


def read(data: bytes, name: str) -> Notebook:
    """Read the bytes of a notebook's file. `name` is for messages.

    Raises KoansError if it is too large, no notebook of format 4, or not in Python.
    """
    if len(data) > LARGEST:
        raise KoansError(
            f"{name} is larger than {LARGEST >> 20} MiB, the most that is read: clear its outputs and save it again"
        )
    try:
        file = msgspec.json.decode(data, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = str(error).partition("\n")[0][:120] or type(error).__name__
        raise KoansError(f"{name} is not a notebook: {why}") from None
    if file.nbformat != FORMAT:
        raise KoansError(
            f"{name} is in notebook format {file.nbformat}, and {FORMAT} is read: "
            "`jupyter nbconvert --to notebook` converts it"
        )
    language = _language(file.metadata)
    if not language.lower().startswith("python"):
        raise KoansError(f"{name} is a notebook in {language[:40]}: only Python is read")
    cells = [
        Cell(f"cell {number}", cell.source if isinstance(cell.source, str) else "".join(cell.source))
        for number, cell in enumerate(file.cells, 1)
        if cell.cell_type == "code"
    ]
    return Notebook(name, str(_table(file.metadata, "koans").get("chapter", "")), tuple(cells))


def _language(metadata: Mapping[str, Any]) -> str:
    language = _table(metadata, "kernelspec").get("language") or _table(metadata, "language_info").get("name")
    return str(language or "python")


def _table(metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = metadata.get(name)
    return table if isinstance(table, dict) else {}
