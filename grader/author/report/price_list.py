"""Writes docs/PRICES.md: what each wrong answer on the model's path costs."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import groupby

from grader.author import price_results
from grader.author.price_results import OUTCOMES, Outcome, Price, Yardsticks
from grader.book.files import write_file
from grader.book.workbook import Workbook
from grader.model import price, weights
from grader.model.client import folder_of_ours
from grader.model.price import Kind

PAGE = "docs/PRICES.md"
HEADER = "<!-- Written by `python -m grader.author.prices --write` from prices.json; do not edit. -->"
Cell = Callable[[Price], str]
MEANS: Mapping[Outcome, str] = {
    "hangs": "a run did not end",
    "crashes": "a run raised an error",
    "NaN": "a figure was NaN or infinite",
    "seen": "a figure differs by more than our own figures differ from seed to seed",
    "unseen": "figures differ, but by less than that",
    "not met": "figures differ by no more than rounding: the model never gives the input on which the mistake shows",
}


def stale(workbook: Workbook) -> bool:
    """Whether the page does not match what was measured, or the clauses of the wrong answers."""
    file = workbook.root / PAGE
    return not file.is_file() or file.read_text(encoding="utf-8") != text(workbook)


def write(workbook: Workbook) -> bool:
    """Update the page. Returns whether it changed."""
    changed = stale(workbook)
    if changed:
        write_file(workbook.root / PAGE, text(workbook))
    return changed


def text(workbook: Workbook) -> str:
    """The text of docs/PRICES.md."""
    prices = price_results.load(folder_of_ours(workbook.root))
    listed, sticks = price_results.priced(prices), price_results.yardsticks(prices)
    parts = [
        [HEADER, "", "# What each mistake costs", ""],
        _introduction(listed),
        _measured(workbook, prices.machine, sticks),
        _outcomes(listed),
        _unseen(workbook, listed, sticks),
        _hidden(workbook, listed, sticks),
        *(_chapter(chapter.id, listed, sticks) for chapter in workbook.chapters),
        _not_met(listed),
    ]
    return "\n".join(line for part in parts for line in part)


def hidden(prices: Sequence[Price]) -> list[Price]:
    """Those that a training run does not show, but another run does, the least visible in training first."""
    found = [
        p
        for p in prices
        if "training" in p.verdicts
        and p.verdicts["training"].outcome in ("unseen", "not met")
        and p.verdict.outcome not in ("unseen", "not met")
    ]
    return sorted(found, key=lambda p: (p.verdicts["training"].visibility, p.answer))


def unseen(prices: Sequence[Price]) -> list[Price]:
    """Those that no run shows, the least visible first."""
    return sorted((p for p in prices if p.verdict.outcome == "unseen"), key=lambda p: (p.verdict.visibility, p.answer))


def _introduction(listed: Sequence[Price]) -> list[str]:
    koans = len({p.answer.koan for p in listed})
    return _paragraph(
        f"The small model of chapter 15 runs on the functions of koans. Here each of the {len(listed)} wrong answers "
        f"to {koans} koans takes the place of the right one, and the model reads, trains and writes with it. Some "
        "mistakes end the run at once. Others change nothing that a person would notice. Those come first."
    )


def _measured(workbook: Workbook, machine: str, sticks: Yardsticks) -> list[str]:
    config, _ = weights.load(folder_of_ours(workbook.root))
    plan, seeds = price.PLAN, len(price.SEEDS)
    tokens = sum(plan.lengths) * plan.rows
    lines = [
        "## What was measured",
        "",
        *_paragraph(
            f"The trained model has {config.num_hidden_layers} layers of width {config.hidden_size} and a vocabulary "
            f"of {config.vocab_size:,} tokens. It was not trained on the stories that the runs read. All runs used "
            f"{machine}."
        ),
        "| run | what happens | figures |",
        "|---|---|---|",
        f"| text | {price.TEXTS} stories become ids, and text again."
        " | the share of stories that come back; tokens a byte |",
        f"| reading | The trained model reads {price.TEXTS} stories."
        " | the loss in nats a token and in bits a byte, as the functions report it;"
        " the share of places at which the most likely token is the same |",
        "| one at a time | The trained model reads the beginnings of the stories,"
        f" and then {price.ONE_BY_ONE} tokens of each, one at a time, with a cache."
        " | the loss of these tokens in nats |",
        f"| training | A model with {price.LAYERS} layers of the same width is trained from scratch: {plan.steps} steps"
        f" of {tokens} tokens. Then it reads the stories. | the training loss of the last {price.LAST} steps;"
        " the loss on the stories that its own functions report;"
        " the loss that our functions compute with its weights |",
        f"| writing | The trained model writes {price.WRITTEN} tokens after each of {price.TEXTS // 2} beginnings."
        " | how unlikely the model with our functions finds them, in nats a token; the share of repeated 3-grams;"
        " how many tokens there are; how many are the same |",
        "",
        *_paragraph(
            "A wrong answer runs with the same random numbers and texts as our functions. Our functions also run with "
            f"other random numbers and other texts, {seeds} times in all. The largest minus the smallest of their "
            "figures is the spread. A difference within the spread looks like luck to a person who has no second run "
            "to compare with. Right answers to the koans run, too. They differ by rounding alone, and a difference up "
            "to theirs does not count. The loss that our functions compute with the weights is no part of an outcome, "
            "because a person who trains with the mistake does not see it."
        ),
        *_paragraph(
            "A training run here is only the beginning of one. A longer run, in which attention matters more, may show "
            "some of the mistakes that this one hides."
        ),
        "| run | figure | ours | spread | rounding |",
        "|---|---|---|---|---|",
    ]
    for run, figures in sticks.items():
        for figure, stick in figures.items():
            name = figure.partition(".")[2]
            lines.append(f"| {run} | {name} | {stick.value:.4f} | {stick.spread:.4f} | {stick.noise:.1e} |")
    return [*lines, ""]


def _outcomes(listed: Sequence[Price]) -> list[str]:
    every = Counter(p.verdict.outcome for p in listed)
    trained = Counter(p.verdicts["training"].outcome for p in listed if "training" in p.verdicts)
    return [
        "## How they show",
        "",
        "| outcome | what it means | wrong answers | in training |",
        "|---|---|---|---|",
        *(f"| {o} | {MEANS[o]} | {every[o]} | {trained[o]} |" for o in OUTCOMES),
        "",
        *_paragraph(
            "The outcome of a wrong answer is the outcome of the run that shows it most. The last column counts "
            "training runs alone."
        ),
    ]


def _unseen(workbook: Workbook, listed: Sequence[Price], sticks: Yardsticks) -> list[str]:
    found = unseen(listed)
    return [
        "## No run shows them",
        "",
        *_paragraph(
            f"{len(found)} mistakes change figures in the runs that call them, but never by more than the spread. The "
            "least visible come first."
        ),
        *_table(
            found,
            [
                ("mistake", _name),
                ("what was done", lambda p: _clause(workbook, p)),
                ("in spreads", lambda p: _spreads(p.verdict.visibility)),
                ("reading, nats", lambda p: _difference(p, "reading.nats", sticks)),
                ("training, nats", lambda p: _difference(p, "training.nats", sticks)),
                ("its weights with our functions", lambda p: _difference(p, price_results.TRUE, sticks)),
                ("same tokens", _agreement),
            ],
        ),
    ]


def _hidden(workbook: Workbook, listed: Sequence[Price], sticks: Yardsticks) -> list[str]:
    found = hidden(listed)
    return [
        "## A training run hides them",
        "",
        *_paragraph(
            f"{len(found)} mistakes leave the losses of a training run within the spread, and show only later: when "
            "weights from another program are read, or when tokens come one at a time. The least visible in training "
            "come first."
        ),
        *_table(
            found,
            [
                ("mistake", _name),
                ("what was done", lambda p: _clause(workbook, p)),
                ("training, in spreads", lambda p: _spreads(p.verdicts["training"].visibility)),
                ("reading, nats", lambda p: _difference(p, "reading.nats", sticks)),
                ("one at a time, nats", lambda p: _difference(p, "cache.nats", sticks)),
                ("same tokens", _agreement),
                ("outcome", _outcome),
            ],
        ),
    ]


def _chapter(chapter: str, listed: Sequence[Price], sticks: Yardsticks) -> list[str]:
    own = [p for p in listed if p.answer.koan.startswith(f"{chapter}/")]
    lines = [f"## {chapter}", ""] if own else []
    for koan, group in groupby(own, key=lambda p: p.answer.koan):
        every = list(group)
        met = [p for p in every if p.verdict.outcome != "not met"]
        met.sort(key=lambda p: (-OUTCOMES.index(p.verdict.outcome), p.verdict.visibility, p.answer))
        lines += [f"### {koan.partition('/')[2]}", ""]
        lines += _table(met, [("mistake", lambda p: f"`{p.answer.name}`"), *_columns(koan, sticks)])
        if len(every) > len(met):
            lines += [f"Not met: {len(every) - len(met)} more.", ""]
    return lines


def _columns(koan: str, sticks: Yardsticks) -> list[tuple[str, Cell]]:
    """The columns of a koan's table: the figures of its runs, ours in the heads. Losses are differences from ours."""
    columns: list[tuple[str, Cell]] = []
    for run in price.runs(koan):
        for figure, stick in sticks[run.name].items():
            name = _HEADS[figure]
            if figure in _AS_THEY_ARE:
                columns.append((f"{name} ({stick.value:.3g})", partial(_value, figure)))
            else:
                columns.append((f"{name} ({stick.value:.3f})", partial(_from_ours, figure, sticks)))
        if run.kind == "training":
            columns.append(("in spreads", lambda p: _spreads(p.verdicts["training"].visibility)))
        else:
            columns.append(("same tokens", partial(_agreed, run.kind)))
    return [*columns, ("outcome", _outcome)]


_AS_THEY_ARE = ("text.back", "text.tokens", "writing.repeated", "writing.tokens")
_HEADS = {
    "text.back": "texts that come back",
    "text.tokens": "tokens a byte",
    "reading.nats": "reading, nats",
    "reading.bits": "bits a byte",
    "cache.nats": "one at a time, nats",
    "training.loss": "training loss",
    "training.nats": "after training, nats",
    "training.bits": "bits a byte",
    "training.true": "its weights with our functions",
    "writing.nats": "writing, nats",
    "writing.repeated": "repeated",
    "writing.tokens": "tokens",
}
_RUNS: Mapping[Kind, str] = {"cache": "one at a time"}


def _not_met(listed: Sequence[Price]) -> list[str]:
    found = [p for p in listed if p.verdict.outcome == "not met"]
    return [
        "## Not met on this path",
        "",
        *_paragraph(
            f"{len(found)} mistakes change no figure by more than rounding does. The model never gives the input on "
            "which they show: 16-bit numbers, another axis, an empty batch, a bad argument, text that is not ASCII."
        ),
        "| koan | mistakes |",
        "|---|---|",
        *(
            f"| {koan} | {', '.join(f'`{p.answer.name}`' for p in group)} |"
            for koan, group in groupby(found, key=lambda p: p.answer.koan)
        ),
        "",
    ]


def _paragraph(text: str) -> list[str]:
    return [*textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False), ""]


def _table(prices: Iterable[Price], columns: Sequence[tuple[str, Cell]]) -> list[str]:
    rows = [f"| {' | '.join(cell(p) for _, cell in columns)} |" for p in prices]
    return [f"| {' | '.join(name for name, _ in columns)} |", "|---" * len(columns) + "|", *rows, ""]


def _name(p: Price) -> str:
    return f"`{p.answer.koan}: {p.answer.name}`"


def _clause(workbook: Workbook, p: Price) -> str:
    return price_results.says(workbook, p.answer).replace("|", "\\|")


def _outcome(p: Price) -> str:
    """The outcome, with the first error and the run in which it came."""
    errors = {kind: result.error for kind, result in p.results.items() if result.error}
    if not errors:
        return p.verdict.outcome
    kind = next(iter(errors))
    where = "" if len(errors) == len(p.results) else f" in {_RUNS.get(kind, kind)}"
    what = "" if errors[kind].startswith(price_results.HANGS) else f": {errors[kind].partition(':')[0]}"
    return f"{p.verdict.outcome}{where}{what}"


def _value(figure: str, p: Price) -> str:
    value = p.figure(figure)
    return "" if value is None else f"{value:.3g}"


def _from_ours(figure: str, sticks: Yardsticks, p: Price) -> str:
    return _difference(p, figure, sticks)


def _agreed(kind: Kind, p: Price) -> str:
    result = p.results[kind]
    return "" if result.error else f"{100 * result.agreement:.1f} %"


def _agreement(p: Price) -> str:
    """The share of the same tokens in the run that chooses any."""
    kind = next((kind for kind in ("reading", "writing", "text") if kind in p.results), None)
    return "" if kind is None else _agreed(kind, p)


def _difference(p: Price, figure: str, sticks: Yardsticks) -> str:
    """The difference of a figure from ours: with four decimals, or one digit if it is small. "" if no run has it."""
    run = next((run for run in price.runs(p.answer.koan) if figure.startswith(f"{run.kind}.")), None)
    if run is None:
        return ""
    if p.results[run.kind].error:
        return "error"
    value = p.results[run.kind].figures[figure]
    if value is None:
        return "NaN"
    difference = value - sticks[run.name][figure].value
    if difference == 0:
        return "0"
    text = f"{difference:+.4f}" if abs(difference) >= 5e-5 else f"{difference:+.0e}"
    return f"−{text[1:]}" if difference < 0 else text


def _spreads(visibility: float) -> str:
    if math.isinf(visibility):
        return ""
    return f"{visibility:.2f}" if visibility >= 0.01 or not visibility else f"{visibility:.0e}"
