"""The help of `koans`: its verbs in sections, by whom they are for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from typer.core import TyperGroup

from grader.book.errors import KoansError

# The verbs of each section, each with its line.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Koans": {
        "run": "Run koans and say what came of each.",
        "list": "The whole path and where you stand on it.",
        "debug": "Run the first failing test here, in a debugger.",
        "trace": "What a kernel loads and stores, step by step, drawn.",
        "watch": "For an editor: the lines at fault, after each save.",
        "hint": "A hint: one tier more each time, three in all.",
        "solution": "The model answer, once your own has passed.",
        "reset": "Put a koan's stub back; your text is kept.",
        "again": "Solve a passed koan again, from a fresh stub.",
    },
    "Chapters and cards": {
        "read": "Read a chapter, with questions before and after it.",
        "quiz": "Multiple choice, with the reason for each option.",
        "review": "Review the cards that are due, then some new ones.",
        "cards": "Which cards are due, new or locked; export to Anki.",
        "cheatsheet": "For the night before: what you missed, the key facts.",
        "stats": "Passes, retention, time to solve, what comes up.",
        "notebook": "The same workbook in notebooks: out, and back in.",
    },
    "This workbook and this machine": {
        "doctor": "Is this machine fit: versions, and a test of each part.",
        "settings": "Show or change settings, such as new cards a day.",
        "update": "Bring this fork new koans and fixes.",
        "bench": "Race ways to compute attention, and what bounds them.",
    },
    "For instructors": {
        "grade": "Grade submissions: a verdict per koan and a score each.",
        "report": "Write reports from results that were graded before.",
        "release": "Write the student edition, without solutions.",
    },
    "For maintainers of a workbook": {
        "facts": "What the sources say, and what shows it.",
        "verify": "The gate: solutions pass, wrong answers fail by name.",
        "new": "Start a koan: its five files and its entry.",
        "stubs": "Write the stubs of koans that have no exercise yet.",
    },
}


class Sections(TyperGroup):
    """Lists the verbs in SECTIONS. Typer does it with rich only, and then in panels."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The verb that is meant. An unknown one brings the verbs of similar names."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0].lower(), self.commands, 3)
            hint = f"did you mean {' or '.join(near)}?" if near else "`koans --help` lists the verbs"
            raise KoansError(f"there is no verb '{args[0]}': {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(len(name) for verbs in SECTIONS.values() for name in verbs)
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), line) for name, line in verbs.items() if name in self.commands])
