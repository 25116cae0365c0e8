"""docs/FACTS.md and docs/ERRATA.md: what `koans facts` knows, as pages to read without the command."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path

from grader.author import facts
from grader.author.facts import Account, CardEvidence, Erratum
from grader.author.report import fact_screens
from grader.book.workbook import CardProof, Workbook

WRITTEN = "<!-- Written by `koans facts --write` from content/ and the tests; do not edit. -->"


def stale(workbook: Workbook) -> list[str]:
    """The pages that no longer say what the workbook says."""
    return [name for name, text in _pages(workbook) if _old(workbook.root / name) != text]


def write(workbook: Workbook) -> list[str]:
    """Bring the pages up to date; gives the names of those that changed."""
    changed = []
    for name, text in _pages(workbook):
        file = workbook.root / name
        if _old(file) != text:
            file.parent.mkdir(exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
            changed.append(name)
    return changed


def of_facts(workbook: Workbook) -> str:
    """A table a source, a row a fact."""
    found = facts.accounts(workbook)
    lines = [WRITTEN, "", "# What the sources say, and what shows it", ""]
    lines += [
        "The workbook teaches what five texts say. Each of their facts is here, in a line of our own words, right or"
    ]
    lines += [
        "wrong; what does not hold is in [ERRATA.md](ERRATA.md). `koans facts N8-1` tells all there is on one of them.",
        "",
    ]
    lines += [f"{fact_screens.summary(found)}.", ""]
    for source, own in groupby(found, key=lambda account: account.fact.source):
        lines += [f"## {source}", "", "| fact | the source says | cards | questions | shown by | errata |"]
        lines += ["|---|---|---|---|---|---|", *map(_row, own), ""]
    return "\n".join(lines)


def of_errata(workbook: Workbook) -> str:
    """A section an erratum."""
    found = facts.errata(workbook)
    lines = [WRITTEN, "", "# Where the sources are wrong, or right only in part", ""]
    lines += [
        "Each entry has what the source says, what holds, and what shows it: a test of the workbook, a benchmark or a"
    ]
    lines += ["citation. The same text stands on the back of the card.", "", f"{fact_screens.count(found)}.", ""]
    for erratum in found:
        lines += _section(erratum)
    return "\n".join(lines)


PAGES: Mapping[str, Callable[[Workbook], str]] = {"docs/FACTS.md": of_facts, "docs/ERRATA.md": of_errata}


def _pages(workbook: Workbook) -> list[tuple[str, str]]:
    return [(name, page(workbook)) for name, page in PAGES.items()]


def _old(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _row(account: Account) -> str:
    cards = [f"[{s.card.id}](../content/{s.card.chapter}/cards.toml)" for s in account.cards]
    questions = [f"[{q.id}](../content/{q.chapter}/questions.toml)" for q in account.questions]
    koans = [_koan(name) if "/" in name else name for name in fact_screens.proofs(account.cards)]
    wrong = [f"[{s.card.id}](ERRATA.md#{s.card.id})" for s in account.errata]
    cells = [account.fact.id, _plain(account.fact.claim), *map(", ".join, (cards, questions, koans, wrong))]
    return f"| {' | '.join(cells)} |"


def _section(erratum: Erratum) -> list[str]:
    card = erratum.shown.card
    lines = [f"## {card.id}", ""]
    lines += [f"- **{fact.id}**, {fact.source}: {_plain(fact.claim)}" for fact in erratum.facts]
    lines += ["", _plain(card.erratum), ""]
    return [*lines, *_evidence(erratum.shown), ""]


def _evidence(shown: CardEvidence) -> Iterable[str]:
    kinds = {"test": shown.tests, "benchmark": shown.benchmarks}
    for kind, proofs in kinds.items():
        yield from (f"- {kind}: {_koan(proof.koan)}, {_sentence(proof)}" for proof in proofs)
    if shown.card.citation:
        yield f"- cited: {_plain(shown.card.citation)}"
    if not shown.anything:
        yield "- not shown yet"


def _koan(name: str) -> str:
    chapter, _, own = name.partition("/")
    return f"[{name}](../exercises/{chapter}/test_{own}.py)"


def _sentence(proof: CardProof) -> str:
    return f"“{fact_screens.sentence(proof)}”"


def _plain(text: str) -> str:
    """Text in which Markdown sees no markup but code: a claim may have an asterisk, a bar or a bracket."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(p if p.startswith("`") else re.sub(r"([\\*_|<\[\]])", r"\\\1", p) for p in parts)
