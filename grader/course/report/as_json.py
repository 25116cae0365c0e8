"""JSON of a whole grade or class. `schema/grade-v1.json` describes both; it is generated from the code.

The schema gets a new number when a field is removed or changes its meaning. Fields may be added under the same number.
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
    """The grades in a file that this module wrote. Raises KoansError."""
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
    """The JSON Schema of a grade and of a class. `python -m grader.course.report.as_json` prints it."""
    schemas, definitions = msgspec.json.schema_components((Grade, Class), ref_template="#/$defs/{name}")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Tensor Koans: a grade or the grades of a class, schema {SCHEMA}",
        "anyOf": list(schemas),
        "$defs": definitions,
    }
    return msgspec.json.format(msgspec.json.encode(document, order="deterministic"), indent=2).decode() + "\n"


def _text(result: Grade | Class) -> str:
    return msgspec.json.format(msgspec.json.encode(_cleaned(msgspec.to_builtins(result))), indent=2).decode() + "\n"


def _cleaned(data: Any) -> Any:
    """The data with every string made fit to encode. File names may hold half a surrogate pair, which is not."""
    if isinstance(data, str):
        return clean(data)
    if isinstance(data, dict):
        return {clean(key): _cleaned(value) for key, value in data.items()}
    return [_cleaned(value) for value in data] if isinstance(data, list | tuple) else data


if __name__ == "__main__":
    print(schema(), end="")
