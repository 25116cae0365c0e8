"""Questions on the screen: before a chapter, after it, and in a quiz."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from grader.book.workbook import Question
from grader.learn.questions.quiz import LETTERS, Quiz
from grader.learn.questions.reading import RATES, Reading
from grader.learn.report.recall import COLOURS, count, inline

KEYS = {
    "predict": "one line, as you would say it · Enter alone skips it · q goes on without questions",
    "compare": "any key goes on · q ends",
    "recall": "say it in a line, or to yourself · Enter shows the answer · q ends",
    "rate": "1 to 4: how much of it did you have? · q ends",
}


def prediction(question: Question) -> RenderableType:
    return Group(Text("Before you read", "cyan"), Text(), inline(question.prompt, "bold"))


def reading(state: Reading) -> RenderableType:
    """The question on the screen, with what was answered and what the chapter answers once that is to be seen."""
    question = state.question
    if state.phase == "predict":
        return prediction(question)
    if state.phase == "compare":
        head = Text("What you predicted", "cyan")
    else:
        head = Text.assemble(("What it left behind", "cyan"), (f"  {state.place + 1} of {len(state.retrieve)}", "dim"))
    parts: list[RenderableType] = [head, Text(), inline(question.prompt, "bold")]
    if state.phase in ("compare", "rate"):
        yours = state.answers.get(question.id)
        if yours:
            parts += [Text(), Text("yours", "dim"), Padding(Text(yours), (0, 0, 0, 2))]
        parts += [Text(), Text("the chapter's", "dim"), Padding(inline(question.answer), (0, 0, 0, 2))]
    if state.phase == "rate":
        keys = [Text(f"{key} {words}   ", COLOURS[key]) for key, words in RATES.items()]
        parts += [Text(), Text.assemble(*keys)]
    return Group(*parts)


def rated(state: Reading) -> str:
    """What came of the questions after a chapter."""
    counts = Counter(state.ratings.values())
    told = ", ".join(f"{counts[key]} {RATES[key]}" for key in RATES if counts[key])
    return f"{count(len(state.ratings), 'question')}: {told}"


def quiz_question(quiz: Quiz) -> RenderableType:
    """A question and its options; once it is answered, what is right and why each is or is not."""
    place = Text(f"{quiz.place + 1} of {len(quiz.questions)}  {quiz.question.chapter}", "dim")
    parts: list[RenderableType] = [place, Text(), inline(quiz.question.prompt, "bold"), Text()]
    for letter, option in zip(LETTERS, quiz.options, strict=False):
        parts.append(_hanging(Text(f"{letter}  "), inline(option.text)))
    if quiz.chosen is None:
        return Group(*parts)
    chosen = quiz.options[quiz.chosen]
    parts += [Text(), Text("right" if chosen.correct else "wrong", "bold green" if chosen.correct else "bold red")]
    for place_, (letter, option) in enumerate(zip(LETTERS, quiz.options, strict=False)):
        mark = ("✓", "green") if option.correct else ("✗", "red" if place_ == quiz.chosen else "dim")
        parts += [_hanging(Text.assemble(mark, f" {letter}  "), inline(option.why))]
    return Group(*parts)


def _hanging(head: Text, body: Text) -> RenderableType:
    from rich.table import Table

    table = Table.grid()
    table.add_column(no_wrap=True)
    table.add_row(head, body)
    return table


def quiz_record(done: Quiz, seed: int, raised: Sequence[str]) -> dict[str, Any]:
    """What was asked and answered, for JSON."""
    answers = [
        {
            "id": result.question.id,
            "chapter": result.question.chapter,
            "facts": result.question.facts,
            "answer": result.question.options[result.option].text,
            "correct": result.correct,
        }
        for result in done.results
    ]
    return {"seed": seed, "asked": len(answers), "right": done.right, "answers": answers, "raised": raised}


def quiz_summary(quiz: Quiz, raised: Sequence[str]) -> RenderableType:
    """How many were right, which were not, which cards come first now."""
    asked = len(quiz.results)
    parts: list[RenderableType] = [Text(f"{quiz.right} of {asked} right" if asked else "nothing was answered", "bold")]
    for result in quiz.results:
        if not result.correct:
            parts.append(Text.assemble(("✗ ", "red"), inline(result.question.prompt)))
    if raised:
        names = ", ".join(raised)
        parts += [
            Text(),
            Text.assemble(f"{count(len(raised), 'card')} on these facts come first now: {names}  "),
            Text("koans review", "cyan"),
        ]
    return Group(*parts)
