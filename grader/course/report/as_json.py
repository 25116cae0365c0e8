"""JSON: a grade, or a class, whole. `schema/grade-v1.json` describes both, and is made from the code.

The number of the schema changes when a field goes or changes its meaning; fields may be added.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError, reading
from grader.book.verdict import clean
from grader.course.grade import SCHEMA, Class, Grade


def grade(result: Grade) -> str:
    return _text(result)


def classroom(results: Class) -> str:
    return _text(results)


def read(file: Path) -> tuple[Grade, ...]:
    """The grades in a file that was written here. Raises KoansError."""
    with reading(file):
        data = file.read_bytes()
    try:
        number = msgspec.json.decode(data, type=_Numbered).schema
        if number != SCHEMA:
            raise KoansError(f"{file}: schema {number}; this version reads {SCHEMA}")
        try:
            return msgspec.json.decode(data, type=Class).grades
        except msgspec.ValidationError:
            return (msgspec.json.decode(data, type=Grade),)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{file}: is not what `koans grade --format json=…` writes ({error})") from None


class _Numbered(msgspec.Struct):
    schema: int


def schema() -> str:
    """The JSON Schema of both. `python -m grader.course.report.as_json` prints it."""
    shapes, parts = msgspec.json.schema_components((Grade, Class), ref_template="#/$defs/{name}")
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Tensor Koans: a grade or the grades of a class, schema {SCHEMA}",
        "anyOf": list(shapes),
        "$defs": parts,
    }
    return msgspec.json.format(msgspec.json.encode(whole, order="deterministic"), indent=2).decode() + "\n"


def _text(result: Grade | Class) -> str:
    return msgspec.json.format(msgspec.json.encode(_cleaned(msgspec.to_builtins(result))), indent=2).decode() + "\n"


def _cleaned(data: Any) -> Any:
    """Every text fit to encode: half of a surrogate pair is not, and file names may have them."""
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, dict):
        return {clean(key): _cleaned(value) for key, value in data.items()}
    return [_cleaned(value) for value in data] if isinstance(data, list | tuple) else data


if __name__ == "__main__":
    print(schema(), end="")
