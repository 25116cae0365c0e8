"""Questions for a terminal: before a chapter, after it, and in a quiz."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book.workbook import Question
from grader.learn.questions.quiz import LETTERS, Quiz
from grader.learn.questions.reading import RECALL_RATINGS, Reading
from grader.learn.report.recall import COLORS, count, inline

KEYS = {
    "predict": "one line, in your own words · Enter alone skips it · q, then Enter: quits",
    "compare": "any key continues · q quits",
    "recall": "write one line, or say it to yourself · Enter shows the answer · q, then Enter: quits",
    "rate": "1 to 4: how much of it did you know? · q quits",
}


def prediction(question: Question) -> RenderableType:
    """A question that is asked before a chapter is read."""
    return Group(Text("Before you read", "cyan"), Text(), inline(question.prompt, "bold"))


def reading(state: Reading) -> RenderableType:
    """The current question. In the phases compare and rate the learner's answer and the chapter's follow it."""
    question = state.question
    if state.phase == "predict":
        return prediction(question)
    if state.phase == "compare":
        head = Text("What you predicted", "cyan")
    else:
        head = Text.assemble(
            ("What do you remember?", "cyan"), (f"  {state.index + 1} of {len(state.retrieve)}", "dim")
        )
    parts: list[RenderableType] = [head, Text(), inline(question.prompt, "bold")]
    if state.phase in ("compare", "rate"):
        own_answer = state.answers.get(question.id)
        if own_answer:
            parts += [Text(), Text("yours", "dim"), Padding(Text(own_answer), (0, 0, 0, 2))]
        parts += [Text(), Text("the chapter's", "dim"), Padding(inline(question.answer), (0, 0, 0, 2))]
    if state.phase == "rate":
        keys = [Text(f"{key} {words}   ", COLORS[key]) for key, words in RECALL_RATINGS.items()]
        parts += [Text(), Text.assemble(*keys)]
    return Group(*parts)


def rated(state: Reading) -> str:
    """The ratings of the questions after a chapter, counted."""
    counts = Counter(state.ratings.values())
    counted = ", ".join(f"{counts[key]} {RECALL_RATINGS[key]}" for key in RECALL_RATINGS if counts[key])
    return f"{count(len(state.ratings), 'question')}: {counted}"


def quiz_question(quiz: Quiz) -> RenderableType:
    """A question and its options; once it is answered, the verdict and the reason for each option."""
    position = Text(f"{quiz.index + 1} of {len(quiz.questions)}  {quiz.question.chapter}", "dim")
    parts: list[RenderableType] = [position, Text(), inline(quiz.question.prompt, "bold"), Text()]
    for letter, option in zip(LETTERS, quiz.options, strict=False):
        parts.append(_hanging(Text(f"{letter}  "), inline(option.text)))
    if quiz.chosen is None:
        return Group(*parts)
    chosen = quiz.options[quiz.chosen]
    head = "right" if chosen.correct else f"wrong: you chose {LETTERS[quiz.chosen]}"
    parts += [Text(), Text(head, "bold green" if chosen.correct else "bold red")]
    for number, (letter, option) in enumerate(zip(LETTERS, quiz.options, strict=False)):
        mine = number == quiz.chosen
        mark = ("✓", "green") if option.correct else ("✗", "red" if mine else "dim")
        parts += [_hanging(Text.assemble("▸ " if mine else "  ", mark, f" {letter}  "), inline(option.why))]
    return Group(*parts)


def _hanging(head: Text, body: Text) -> RenderableType:
    """`body` with a hanging indent as wide as `head`."""
    table = Table.grid()
    table.add_column(no_wrap=True)
    table.add_row(head, body)
    return table


def quiz_record(quiz: Quiz, seed: int, raised: Sequence[str]) -> dict[str, Any]:
    """The answers of a quiz, for JSON. `raised` holds the ids of the cards that come first now."""
    answers = [
        {
            "id": result.question.id,
            "chapter": result.question.chapter,
            "facts": result.question.facts,
            "answer": result.question.options[result.option].text,
            "correct": result.correct,
        }
        for result in quiz.results
    ]
    return {"seed": seed, "asked": len(answers), "right": quiz.correct_count, "answers": answers, "raised": raised}


def quiz_summary(quiz: Quiz, raised: Sequence[str]) -> RenderableType:
    """How many answers were right, which were wrong, and which cards come first now (`raised`, by id)."""
    answered = len(quiz.results)
    title = f"{quiz.correct_count} of {answered} right" if answered else "nothing was answered"
    parts: list[RenderableType] = [Text(title, "bold")]
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
