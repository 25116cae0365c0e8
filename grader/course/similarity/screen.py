"""The result in a terminal: who is alike, and why that is not chance."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from grader.book.verdict import one_line
from grader.course.similarity.survey import GROUPS, Pair, Survey, other_side
from grader.course.similarity.words import NO_PENALTY, alike, also_shipped, by_chance, compared, count, rarity

SHOWN_PAIRS = 20
SHOWN_MATCHES = 3  # the ones that say the most
SHOWN_NOTES = 12


def screen(found: Survey) -> RenderableType:
    parts: list[RenderableType] = []
    for pair in found.pairs[:SHOWN_PAIRS]:
        parts += _pair(found, pair)
    if len(found.pairs) > SHOWN_PAIRS:
        parts.append(
            Text(f"and {count(len(found.pairs) - SHOWN_PAIRS, 'more pair')}; --json and --html have them all\n")
        )
    notes = [*found.notes, *(f"{one.name}: {note}" for one in (*found.people, *found.earlier) for note in one.notes)]
    parts += [Text(one_line(note, 400), "yellow") for note in notes[:SHOWN_NOTES]]
    if len(notes) > SHOWN_NOTES:
        parts.append(Text(f"and {len(notes) - SHOWN_NOTES} more notes; --json has them all", "yellow"))
    ending = (
        f"{count(len(found.pairs), 'pair')} to look at" if found.pairs else "nobody is more alike than chance explains"
    )
    parts.append(Text(f"{ending}; compared: {compared(found)}", "bold"))
    if found.pairs:
        parts.append(Text(f"{NO_PENALTY} INSTRUCTORS.md says how the evidence was weighed.", "dim"))
    return Group(*parts)


def _pair(found: Survey, pair: Pair) -> list[RenderableType]:
    one, other = one_line(found.people[pair.one].name, 80), one_line(other_side(found, pair), 80)
    style = "red" if pair.kind in GROUPS else "yellow"
    lines: list[RenderableType] = [
        Text.assemble((one, f"bold {style}"), " and ", (other, f"bold {style}")),
        Padding(Text(alike(pair)), (0, 0, 0, 2)),
        Padding(Text(by_chance(pair)), (0, 0, 0, 2)),
    ]
    for match in pair.matches[:SHOWN_MATCHES]:
        which = f", as {match.text_of}" if match.text_of else ""
        text = f"{match.koan} {match.level}{which}; {rarity(match)}"
        lines.append(Padding(Text(text, "dim"), (0, 0, 0, 4)))
    if also_shipped(pair):
        lines.append(Padding(Text(also_shipped(pair), "dim"), (0, 0, 0, 2)))
    return [*lines, Text()]
