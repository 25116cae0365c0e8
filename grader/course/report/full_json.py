"""JSON with the result of every test, schema 1. `schema/grade-v1.json` describes it; it is generated from the code.

A student who tried all koans takes about 760 kB. The format `json` (schema 2, see `as_json`) takes at most 20 kB.
`koans report` makes other reports from that one. Fields may be added under the same number.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from grader.course.grade import SCHEMA, Class, Grade
from grader.course.report.common import json_line, schema_text, seed_digest


def grade_or_class(results: Class) -> Iterator[str]:
    """The grade if there is one submission, else the class. A line for each koan."""
    if len(results.grades) == 1:
        (grade,) = results.grades
        yield from _grade(msgspec.structs.replace(grade, notes=(*grade.notes, *results.notes)))
        yield "\n"
        return
    shown = msgspec.structs.replace(results, seed=0, grades=(), seed_digest=seed_digest(results))
    yield from _open(msgspec.to_builtins(shown), "grades")
    comma = ""
    for grade in results.grades:
        yield f"{comma}\n"
        yield from _grade(grade)
        comma = ","
    yield "\n]}\n"


def _grade(grade: Grade) -> Iterator[str]:
    """The grade with the digest in place of the seed."""
    shown = msgspec.structs.replace(grade, seed=0, koans=(), seed_digest=seed_digest(grade))
    yield from _open(msgspec.to_builtins(shown), "koans")
    comma = ""
    for koan in grade.koans:
        told = msgspec.structs.replace(koan, verdict=msgspec.structs.replace(koan.verdict, seed=0))
        yield f"{comma}\n{json_line(msgspec.to_builtins(told))}"
        comma = ","
    yield "\n]}"


def _open(fields: dict[str, object], last: str) -> Iterator[str]:
    """The start of an object, up to the items of its list `last`."""
    del fields[last]
    yield f'{json_line(fields)[:-1]},"{last}":['


def schema() -> str:
    """The JSON Schema of a grade and of a class. `python -m grader.course.report.full_json` prints it."""
    schemas, definitions = msgspec.json.schema_components((Grade, Class), ref_template="#/$defs/{name}")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Tensor Koans: a grade or the grades of a class with all tests, schema {SCHEMA}",
        "anyOf": list(schemas),
        "$defs": definitions,
    }
    return schema_text(document)


if __name__ == "__main__":
    print(schema(), end="")
