"""JSON of a whole grade or class. `schema/grade-v1.json` describes both; it is generated from the code.

The schema gets a new number when a field is removed or changes its meaning. Fields may be added under the same number.

A file of results goes to students too, so it tells a digest of the seed and never the seed.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from grader.book.errors import KoansError, read_file
from grader.book.verdict import one_line
from grader.course.grade import SCHEMA, Class, Grade
from grader.course.report.common import json_text, seed_digest

LARGEST = 256 << 20  # bytes of a file of results
LONGEST = 1e9  # seconds
# How version 0.1.0 spelled rungs. Its files can still be read.
FORMER_RUNGS = {b'"vectorise it"': b'"vectorize it"', b'"stabilise it"': b'"stabilize it"'}


def grade(result: Grade) -> str:
    return _text(result)


def classroom(results: Class) -> str:
    return _text(results)


def read(file: Path) -> Class:
    """The class, or the one grade as a class without a name, in a file that this module wrote. Raises KoansError."""
    data = read_file(file, LARGEST)
    for former, rung in FORMER_RUNGS.items():
        data = data.replace(former, rung)
    try:
        number = msgspec.json.decode(data, type=_Numbered).schema
        if number != SCHEMA:
            raise KoansError(f"{file}: schema {number}; this version reads {SCHEMA}")
        results = _decoded(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise KoansError(f"{file}: is not a file that `koans grade --format json=…` wrote ({error})") from None

    for grade in results.grades:
        if why := _nonsense(grade):
            raise KoansError(f"{file}: {one_line(grade.submission)} {why}")
    return results


def _nonsense(grade: Grade) -> str:
    """Why a grade cannot be one that this module wrote. An empty string if it can."""
    if grade.schema != SCHEMA:
        return f"has schema {grade.schema}; this version reads {SCHEMA}"
    if grade.earned != sum(koan.earned for koan in grade.koans):
        return "has points that differ from the sum over its koans"
    if any(koan.earned > koan.points for koan in grade.koans) or grade.earned > grade.points:
        return "has more points than are possible"
    if any(not 0 <= seconds <= LONGEST for seconds in (grade.seconds, *(k.verdict.seconds for k in grade.koans))):
        return f"has a time that is not between 0 and {LONGEST:.0e} s"
    return ""


def _decoded(data: bytes) -> Class:
    try:
        return msgspec.json.decode(data, type=Class)
    except msgspec.ValidationError:
        grade = msgspec.json.decode(data, type=Grade)
        return Class("", grade.seed, (grade,), seed_digest=grade.seed_digest)


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
    return json_text(msgspec.to_builtins(_without_seed(result)))


def _without_seed(result: Grade | Class) -> Grade | Class:
    """The result as it stands in a file: the digest in place of the seed."""
    shown = msgspec.structs.replace(result, seed=0, seed_digest=seed_digest(result))
    if isinstance(shown, Class):
        return msgspec.structs.replace(shown, grades=tuple(_without_seed(grade) for grade in shown.grades))
    koans = [msgspec.structs.replace(k, verdict=msgspec.structs.replace(k.verdict, seed=0)) for k in shown.koans]
    return msgspec.structs.replace(shown, koans=tuple(koans))


if __name__ == "__main__":
    print(schema(), end="")
