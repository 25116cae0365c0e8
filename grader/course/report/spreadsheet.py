"""CSV files that people open in a spreadsheet: reads one so that it can be written as it was, and disarms formulas."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

import msgspec

from grader.book.errors import KoansError
from grader.book.verdict import clean

NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?%?")
DELIMITERS = ",;\t"


class Sheet(msgspec.Struct, frozen=True):
    """A table (its first row is the header), and how its file writes it.

    No row is shorter than the header, except empty lines. The rows may be changed in place.
    """

    table: list[list[str]]
    byte_order_mark: str
    delimiter: str
    line_end: str


class Merged(msgspec.Struct, frozen=True):
    """The text of the new file, and notes for the instructor: submissions without a student, points that do not fit."""

    text: str
    notes: tuple[str, ...]


def read(text: str) -> Sheet:
    """Raises KoansError if the text is no table."""
    byte_order_mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix("\ufeff")
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise KoansError(f"cannot be read as a CSV file ({error})") from None
    for row in table:
        if row:  # an empty line stays empty
            row += [""] * (len(table[0]) - len(row))
    return Sheet(table, byte_order_mark, delimiter, "\r\n" if first.endswith("\r") else "\n")


def written(sheet: Sheet) -> str:
    """The text of the file."""
    return sheet.byte_order_mark + "".join(
        line(row, delimiter=sheet.delimiter, end=sheet.line_end) for row in sheet.table
    )


def line(cells: Sequence[str], *, delimiter: str = ",", end: str = "\n") -> str:
    """One row as text, with quotes where RFC 4180 asks for them."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerow(cells)
    return out.getvalue()


def neutral(cell: str) -> str:
    """The cell, with a quote before it if a spreadsheet would run it as a formula. A signed number stays as it is."""
    cell = clean(cell)
    bare = cell.lstrip()
    dangerous = cell[:1] in ("\t", "\r", "\n") or bare[:1] in ("=", "+", "-", "@", "＝", "＋", "－", "＠")
    return f"'{cell}" if dangerous and not NUMBER.fullmatch(cell) and cell != "-" else cell
