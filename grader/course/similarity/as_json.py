"""The result as JSON for a program to read: every pair with its matches, without the texts."""

from __future__ import annotations

from typing import Any

import msgspec

from grader.course.similarity.evidence import strength
from grader.course.similarity.survey import Person, Survey, other_side


def as_json(found: Survey) -> dict[str, Any]:
    """Plain data: `people` and `earlier` by number, and `pairs` that name them by these numbers."""
    return {
        "people": [_person(one) for one in found.people],
        "earlier": [_person(one) for one in found.earlier],
        "koans": len(found.koans),
        "functions": found.functions,
        "answers": found.answers,
        "comparisons": found.comparisons,
        "bits_needed": round(found.needed, 2),
        "notes": list(found.notes),
        "pairs": [
            {
                **msgspec.to_builtins(pair),
                "names": [found.people[pair.one].name, other_side(found, pair)],
                "strength": strength(pair.expected),
            }
            for pair in found.pairs
        ],
    }


def _person(one: Person) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "answered": len(one.texts), "notes": list(one.notes)}
