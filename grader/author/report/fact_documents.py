"""Writes docs/FACTS.md and docs/ERRATA.md, which show what `koans facts` shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from pathlib import Path

from grader.author import facts
from grader.author.facts import CardEvidence, FactCoverage, ListedErratum
from grader.author.report import fact_screens
from grader.book.files import write_files
from grader.book.workbook import CardProof, Question, Workbook

HEADER = "<!-- Written by `koans facts --write` from content/ and the tests; do not edit. -->"


def stale(workbook: Workbook) -> list[str]:
    """The names of the pages that no longer match the workbook."""
    return [name for name, text in _pages(workbook) if _on_disk(workbook.root / name) != text]


def write(workbook: Workbook) -> list[str]:
    """Update the pages. Returns the names of those that changed."""
    changed = {name: text for name, text in _pages(workbook) if _on_disk(workbook.root / name) != text}
    write_files({workbook.root / name: text for name, text in changed.items()})
    return list(changed)


def of_facts(workbook: Workbook) -> str:
    """The text of docs/FACTS.md: a table for each source with a row for each fact."""
    coverage = facts.coverage(workbook)
    lines = [HEADER, "", "# What the sources say, and what shows it", ""]
    lines += [
        "The workbook teaches what five texts say. This page lists each of their facts, right or wrong, in our own"
    ]
    lines += [
        "words. [ERRATA.md](ERRATA.md) lists what is wrong. `koans facts N8-1` shows everything about one fact.",
        "Cards and questions that go beyond the five texts are at the end.",
        "",
    ]
    lines += [f"{fact_screens.summary(coverage)}.", ""]
    for source, own in groupby(coverage, key=lambda covered: covered.fact.source):
        lines += [f"## {source}", "", "| fact | the source says | cards | questions | shown by | errata |"]
        lines += ["|---|---|---|---|---|---|", *map(_row, own), ""]
    return "\n".join([*lines, *_beyond(workbook)])


def _beyond(workbook: Workbook) -> Iterable[str]:
    """A section with the cards and questions that contain no fact of the sources."""
    cards, questions = facts.beyond(workbook)
    yield from ("## Beyond the sources", "", f"{fact_screens.further(cards, questions)}.", "")
    yield from ("| card | it asks | shown by |", "|---|---|---|")
    for own in cards:
        shown = [_koan(name) if "/" in name else name for name in fact_screens.proofs([own])]
        yield f"| {_card(own)} | {_plain(own.card.front)} | {', '.join(shown)} |"
    yield from ("", "| question | it asks |", "|---|---|")
    yield from (f"| {_question(q)} | {_plain(q.prompt)} |" for q in questions)
    yield ""


def of_errata(workbook: Workbook) -> str:
    """The text of docs/ERRATA.md: a section for each erratum."""
    errata = facts.errata(workbook)
    lines = [HEADER, "", "# Where the sources are wrong, or right only in part", ""]
    lines += [
        "Each entry says what the source claims, what is true, and the evidence: a test of the workbook, a benchmark or"
    ]
    lines += ["a citation. The same text is on the back of the card.", "", f"{fact_screens.count(errata)}.", ""]
    lines += ["| kind | errata |", "|---|---|"]
    lines += [f"| {kind} | {n} |" for kind, n in facts.kinds(e.evidence.card for e in errata).items()]
    lines += [""]
    for erratum in errata:
        lines += _section(erratum)
    return "\n".join(lines)


PAGES: Mapping[str, Callable[[Workbook], str]] = {"docs/FACTS.md": of_facts, "docs/ERRATA.md": of_errata}


def _pages(workbook: Workbook) -> list[tuple[str, str]]:
    return [(name, page(workbook)) for name, page in PAGES.items()]


def _on_disk(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _row(covered: FactCoverage) -> str:
    cards, questions = map(_card, covered.cards), map(_question, covered.questions)
    koans = [_koan(name) if "/" in name else name for name in fact_screens.proofs(covered.cards)]
    wrong = [f"[{e.card.id}](ERRATA.md#{e.card.id})" for e in covered.errata]
    cells = [covered.fact.id, _plain(covered.fact.claim), *map(", ".join, (cards, questions, koans, wrong))]
    return f"| {' | '.join(cells)} |"


def _card(evidence: CardEvidence) -> str:
    return f"[{evidence.card.id}](../content/{evidence.card.chapter}/cards.toml)"


def _question(question: Question) -> str:
    return f"[{question.id}](../content/{question.chapter}/questions.toml)"


def _section(erratum: ListedErratum) -> list[str]:
    card = erratum.evidence.card
    lines = [f"## {card.id}", ""]
    lines += [f"- **{fact.id}**, {fact.source}: {_plain(f'{fact.claim} {fact.scope}')}" for fact in erratum.facts]
    if own := card.erratum:
        lines += ["", f"**{own.kind.capitalize()}.** {_plain(own.text)}", ""]
        lines += [f"What is right: {_plain(own.right)}", ""] if own.right else []
    return [*lines, *_evidence(erratum.evidence), ""]


def _evidence(evidence: CardEvidence) -> Iterable[str]:
    kinds = {"test": evidence.tests, "benchmark": evidence.benchmarks}
    for kind, proofs in kinds.items():
        yield from (f"- {kind}: {_koan(proof.koan)}, {_sentence(proof)}" for proof in proofs)
    if evidence.card.citation:
        yield f"- cited: {_plain(evidence.card.citation)}"
    if not evidence.exists:
        yield "- not shown yet"


def _koan(name: str) -> str:
    chapter, _, own = name.partition("/")
    return f"[{name}](../exercises/{chapter}/test_{own}.py)"


def _sentence(proof: CardProof) -> str:
    return f"“{fact_screens.sentence(proof)}”"


def _plain(text: str) -> str:
    """Text without Markdown markup except code. A claim may have an asterisk, a bar or a bracket."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(p if p.startswith("`") else re.sub(r"([\\*_|<\[\]])", r"\\\1", p) for p in parts)
