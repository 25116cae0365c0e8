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
        "init": "Make a folder with the koans, to begin.",
        "run": "Run koans and show their verdicts.",
        "list": "List all koans, and which of them you passed.",
        "track": "Walk the koans for a goal, such as the essential forty.",
        "symptom": "Show what a hunt's code does, beside a healthy run.",
        "debug": "Run the first failing test here, in a debugger.",
        "trace": "Show what a kernel loads and stores, step by step.",
        "watch": "For an editor: print the lines at fault on each save.",
        "hint": "Show the next of three hints.",
        "solution": "Show the model answer, once yours passes.",
        "reset": "Reset a koan to its stub; your version is saved.",
        "again": "Solve a passed koan again, from a fresh stub.",
    },
    "One model, from your functions": {
        "model": "Let it write, check it, train it, break it.",
    },
    "Chapters and cards": {
        "read": "Read a chapter, with questions before and after it.",
        "quiz": "Answer multiple-choice questions, with reasons.",
        "review": "Review the cards that are due, then some new ones.",
        "cards": "List cards: due, new or locked; to Anki and back.",
        "cheatsheet": "For the night before: what you missed, and key facts.",
        "stats": "Show passes, retention, time to solve, what is due.",
        "notebook": "Write chapters as notebooks, and read them back.",
    },
    "This workbook and this machine": {
        "doctor": "Check this machine: versions, and a test of each part.",
        "settings": "Show or change settings, such as new cards a day.",
        "sync": "Work on two machines, by one file that they share.",
        "update": "Get new koans and fixes for this folder or fork.",
        "bench": "Time ways to compute attention, and their limits.",
    },
    "For instructors": {
        "assignment": "Decide about koans, points, dates and exceptions.",
        "grade": "Grade submissions: a verdict per koan and a score each.",
        "report": "Write reports from results that were graded before.",
        "similarity": "Show which answers are more alike than chance explains.",
        "engine": "Grade on several machines: scheduler and workers.",
        "release": "Write the student edition, without solutions.",
    },
    "For maintainers of a workbook": {
        "facts": "Show what the sources say, and the evidence.",
        "verify": "Run the gate: right answers pass, wrong ones are named.",
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
