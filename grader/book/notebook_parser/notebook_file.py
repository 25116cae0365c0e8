"""A notebook's file: its code cells, in order. Outputs, attachments and texts are not looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser.statements import Cell

SUFFIX = ".ipynb"
LARGEST = 16 << 20  # bytes; an exported chapter has some 150,000 before its outputs
FORMAT = 4


class Notebook(msgspec.Struct, frozen=True):
    """`chapter` is the id of the chapter it was exported from; empty if it does not say."""

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
    """The notebook called `name`. Raises KoansError for what is no notebook in Python of format 4."""
    if len(data) > LARGEST:
        raise KoansError(
            f"{name} is larger than {LARGEST >> 20} MiB, the most that is read: clear its outputs and save it again"
        )
    try:
        found = msgspec.json.decode(data, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = str(error).partition("\n")[0][:120] or type(error).__name__
        raise KoansError(f"{name} is not a notebook: {why}") from None
    if found.nbformat != FORMAT:
        raise KoansError(
            f"{name} is in notebook format {found.nbformat}, and {FORMAT} is read: "
            "`jupyter nbconvert --to notebook` converts it"
        )
    language = _language(found.metadata)
    if not language.lower().startswith("python"):
        raise KoansError(f"{name} is a notebook in {language[:40]}: only Python is read")
    cells = [
        Cell(f"cell {number}", cell.source if isinstance(cell.source, str) else "".join(cell.source))
        for number, cell in enumerate(found.cells, 1)
        if cell.cell_type == "code"
    ]
    return Notebook(name, str(_table(found.metadata, "koans").get("chapter", "")), tuple(cells))


def _language(metadata: Mapping[str, Any]) -> str:
    said = _table(metadata, "kernelspec").get("language") or _table(metadata, "language_info").get("name")
    return str(said or "python")


def _table(metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = metadata.get(name)
    return found if isinstance(found, dict) else {}
