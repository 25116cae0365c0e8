"""Reads the code cells of a notebook's file, in order. Outputs, attachments and text cells are ignored.

What Jupyter reads is read: also `NaN` and lone surrogates in a file that is no strict JSON, and the older formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser.statements import Cell

SUFFIX = ".ipynb"
LARGEST = 16 << 20  # bytes; an exported chapter without outputs has about 150,000
FORMATS = range(2, 5)
# What may stand in a string: no lone surrogate.
PAIRED = rb'[^"\\]++|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?!u[dD][89a-fA-F][0-9a-fA-F]{2}).'
# Strict JSON in one piece (group 1), a string with a lone surrogate (2), or what Python writes and JSON does not know.
TOKEN = re.compile(
    rb'((?:[^"NI-]++|"(?:%b)*+"|-(?!I))++)|("(?:[^"\\]++|\\.)*+")|-?\b(?:NaN|Infinity)\b' % PAIRED, re.DOTALL
)
LONE = re.compile(rb"((?:%b)++)|\\u[0-9a-fA-F]{4}" % PAIRED, re.DOTALL)


class Notebook(msgspec.Struct, frozen=True):
    """The code cells of a notebook. `chapter` is the id of the chapter it was exported from, or empty if not known."""

    name: str
    chapter: str
    cells: tuple[Cell, ...]


class _CellMetadata(msgspec.Struct):
    vscode: msgspec.Raw = msgspec.Raw(b"{}")  # has the language of a cell that is not in the notebook's


class _Cell(msgspec.Struct):
    """A cell. Until format 3 the text of a code cell was its `input`."""

    cell_type: str
    source: str | list[str] | None = None
    input: str | list[str] | None = None
    metadata: _CellMetadata | None = None

    @property
    def text(self) -> str:
        lines = (self.input if self.source is None else self.source) or ""
        return lines if isinstance(lines, str) else "".join(lines)

    @property
    def language(self) -> str:
        """The language that an editor has noted for this cell; empty if none has."""
        return str(_table(self.metadata.vscode).get("languageId", "")) if self.metadata else ""


class _Worksheet(msgspec.Struct):
    cells: list[_Cell] = []


class _File(msgspec.Struct):
    nbformat: int
    cells: list[_Cell] = []
    worksheets: list[_Worksheet] = []  # until format 3
    metadata: dict[str, msgspec.Raw] = {}


def read(data: bytes, name: str) -> Notebook:
    """Read the bytes of a notebook's file. `name` is for messages.

    Raises KoansError if it is too large, no notebook of a format from 2 to 4, or not in Python.
    """
    if len(data) > LARGEST:
        raise KoansError(f"{name} is larger than {LARGEST >> 20} MiB, the limit: clear its outputs and save it again")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise KoansError(f"{name} is empty: save the notebook in its editor, and try again")
    file = _decoded(data, name)
    if file.nbformat not in FORMATS:
        raise KoansError(
            f"{name} has notebook format {file.nbformat}, but only the formats {FORMATS[0]} to "
            f"{FORMATS[-1]} can be read: open it in Jupyter and save it again"
        )
    language = _language(file.metadata)
    if not language.lower().startswith(("python", "ipython")):
        raise KoansError(f"{name} is a notebook in {language[:40]}: only Python notebooks can be read")
    cells = [*file.cells, *(cell for sheet in file.worksheets for cell in sheet.cells)]
    chapter = str(_table(file.metadata.get("koans")).get("chapter", ""))
    return Notebook(name, chapter, tuple(_code_cells(cells)))


def _code_cells(cells: list[_Cell]) -> Iterator[Cell]:
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code" and cell.language.lower() in ("", "python"):
            yield Cell(f"cell {number}", cell.text)


def _decoded(data: bytes, name: str) -> _File:
    """The file's data. Only if it is no strict JSON, what Python's own JSON allows beyond it is replaced."""
    try:
        return msgspec.json.decode(data, type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return msgspec.json.decode(TOKEN.sub(_strict, data), type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = str(error).partition("\n")[0][:120] or type(error).__name__
        raise KoansError(f"{name} is not a notebook: {why}") from None


def _strict(token: re.Match[bytes]) -> bytes:
    if token[1]:
        return token[0]
    return LONE.sub(lambda part: part[1] or rb"\ufffd", token[2][1:-1]).join((b'"', b'"')) if token[2] else b"null"


def _language(metadata: Mapping[str, msgspec.Raw]) -> str:
    kernel, language = _table(metadata.get("kernelspec")), _table(metadata.get("language_info"))
    return str(kernel.get("language") or language.get("name") or "python")


def _table(data: msgspec.Raw | None) -> Mapping[str, Any]:
    """An object of JSON; empty if the data are something else."""
    try:
        return msgspec.json.decode(data, type=dict[str, Any]) if data is not None else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return {}
