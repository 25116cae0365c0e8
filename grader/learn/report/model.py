"""What `koans model` shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from grader.book.workbook import Workbook
from grader.learn.model_functions import Yours, has_model, yours_by
from grader.learn.progress import Standing
from grader.model.path import LEARNER
from grader.model.protocol import Call, Failed, Said, Say


def whose(own: Yours, width: int = 80) -> Text:
    """How many functions are the learner's, and which: as many as one line of this width has room for."""
    if not own.koans:
        return Text(f"0 of {own.total} functions are yours: what you pass on the model's path runs here", "dim")
    start, names = f"{own.count} functions are yours: ", own.names
    for count in range(len(names), 0, -1):
        more = f", {len(names) - count} more" if count < len(names) else ""
        shown = ", ".join(names[:count]) + more
        if len(start) + len(shown) < width:
            break
    return Text.assemble(start, (shown, "green"))


def runs_now(book: Workbook, koan: str, standings: Mapping[str, Standing]) -> Text | None:
    """That the function of a koan runs in the model, after a pass; None if it does not, or if there is no model."""
    own = yours_by(book, standings)
    if koan not in own.koans or not has_model(book):
        return None
    return Text.assemble(
        "your ", (koan.partition("/")[2], "bold"), f" runs in the model now: {own.count}", style="cyan"
    )


def said(request: Say, event: Said) -> Text:
    """How long the text took, and what the drafts were worth."""
    rate = event.tokens / event.seconds if event.seconds else 0.0
    line = f"{event.tokens} tokens in {event.seconds:.1f} s ({rate:.0f} a second)"
    if request.sampling.drafts and event.passes:
        mean = sum(event.passes) / len(event.passes)
        line += (
            f"; {len(event.passes)} passes, each accepted {max(mean - 1, 0):.1f} of {request.sampling.drafts} drafts"
        )
    if event.repeated >= 0.1:
        line += f"; {event.repeated:.0%} of its runs of 4 tokens are repeated"
    return Text(line, "dim")


def failure(book: Workbook, own: Yours, event: Failed) -> str:
    """Why the model stopped: whose function it was, where, and what to do."""
    if event.koan not in own.koans:
        hint = "\n`koans model check` finds the function of yours whose result is wrong; --ours runs without yours"
        return event.message + (hint if own.koans else "")
    name = event.koan.partition("/")[2]
    place = f"exercises/{event.koan}.py" + (f", line {event.line}" if event.line else "")
    return f"your {event.message} ({place})\n`koans run {name}` tests it; --ours runs the model without your functions"


# The rows of the table of `check`: parts of the tour that are one subject. Layers have rows of their own.
ROWS: Mapping[str, str] = {
    "merges": "tokenizer",
    "softmax": "masks",
    "whole": "block",
    "sampling": "decoding",
    "drafts": "decoding",
    "generate": "decoding",
    "int8": "weights",
    "4bit": "weights",
    **dict.fromkeys(("batches", "initial", "gradients", "optimizer", "step", "checkpoint"), "training"),
}


def calls(every: Sequence[Call]) -> Table:
    """A row for each part of the model: the learner's functions in it, and the call that is nearest to its bound."""
    rows: dict[str, list[Call]] = {}
    for call in every:
        rows.setdefault(ROWS.get(call.place, call.place), []).append(call)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("where", "yours"):
        table.add_column(name, no_wrap=name == "where", overflow="ellipsis", ratio=1 if name == "yours" else None)
    for name in ("difference", "allowed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for name, inside in rows.items():
        wrong = next((call for call in inside if not call.agrees), None)
        nearest = wrong or max(inside, key=lambda call: call.difference / call.bound if call.bound else 0.0)
        own = dict.fromkeys(call.function for call in inside if call.whose == LEARNER)
        table.add_row(
            name,
            Text(", ".join(own) or "-", "" if own else "dim", no_wrap=True, overflow="ellipsis"),
            "" if nearest.problem else _number(nearest.difference),
            "" if nearest.problem else _number(nearest.bound),
            Text("✗", "red") if wrong else Text("✓", "green"),
        )
    return table


def _number(value: float) -> str:
    return f"{value:.1e}" if value else "0"


def blame(own: Yours, call: Call | None) -> Text:
    """The first call that differs, or that there is none."""
    if not own.koans:
        return Text("None of the functions is yours yet, so all is equal: pass a koan that the model runs on.", "dim")
    if call is None:
        return Text("Each result is ours, or as near to ours as float32 allows.", "green")
    who = "your " if call.whose == LEARNER else ""
    if call.problem.startswith(f"{call.function} raised "):
        what = f"{who}{call.problem}"
    elif call.problem:
        what = f"{who}{call.function} is the first to differ: {call.problem}"
    else:
        rounding = f"it differs by {_number(call.difference)}, and rounding explains {_number(call.bound)}"
        what = f"{who}{call.function} is the first to differ: {rounding}"
    return Text.assemble(
        ("✗ ", "red"),
        (f"{call.place}: ", "bold"),
        f"{what}\n",
        (f"exercises/{call.koan}.py; `koans run {call.koan.partition('/')[2]}` tests it alone", "dim"),
    )
