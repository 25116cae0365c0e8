"""`koans facts` in a terminal: the table of facts, one fact in detail, and the list of errata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.author.facts import CardEvidence, FactCoverage, ListedErratum, kinds
from grader.book.workbook import CardProof, Erratum, Question

WIDE = 100  # columns; in a narrower terminal the table counts cards instead of naming them


def table(coverage: Sequence[FactCoverage], width: int) -> RenderableType:
    """A row for each fact: the source's claim, its cards and questions, its evidence, and its number of errata."""
    rows = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    rows.add_column("fact")
    rows.add_column("the source says", ratio=1)
    rows.add_column("cards, questions" if width >= WIDE else "cards +\nquestions", max_width=30, overflow="fold")
    rows.add_column("shown by", max_width=26 if width >= WIDE else 18, overflow="fold")
    rows.add_column("errata", justify="right")
    for covered in coverage:
        cards, questions = [e.card.id for e in covered.cards], [q.id for q in covered.questions]
        about_it = _first([*cards, *questions]) if width >= WIDE else f"{len(cards)} + {len(questions)}"
        koans = [name.rpartition("/")[2] for name in proofs(covered.cards)]
        wrong = Text(str(len(covered.errata) or ""), "yellow")
        rows.add_row(Text(covered.fact.id, "bold"), Text(covered.fact.claim), about_it, _first(koans), wrong)
    return Group(rows, Text(), Text(summary(coverage), "bold"))


def details(covered: FactCoverage) -> RenderableType:
    """One fact with its cards, their evidence and its questions."""
    parts: list[RenderableType] = [
        Text.assemble((covered.fact.id, "bold"), f"  {covered.fact.claim}"),
        *([_indented(Text(covered.fact.scope))] if covered.fact.scope else []),
        Text(covered.fact.source, "dim"),
    ]
    for evidence in covered.cards:
        card = evidence.card
        parts += [Text(), Text.assemble(("card ", "dim"), (card.id, "bold"), (f"  {card.chapter}", "dim"))]
        parts.append(_indented(Text(card.front), Text(card.back)))
        if card.erratum:
            parts.append(_indented(_erratum(card.erratum)))
        parts.append(_indented(*_evidence(evidence)))
    for question in covered.questions:
        head = Text.assemble(("question ", "dim"), (question.id, "bold"), (f"  {question.chapter}", "dim"))
        parts += [Text(), head, _indented(Text(question.prompt))]
    return Group(*parts)


def errata(items: Sequence[ListedErratum]) -> RenderableType:
    """Each erratum with the claims that it is about, what is true instead, and its evidence."""
    parts: list[RenderableType] = []
    for erratum in items:
        claims = [Text.assemble((fact.id, "bold"), f"  {fact.claim} {fact.scope}") for fact in erratum.facts]
        card = erratum.evidence.card
        truth = [_erratum(card.erratum)] if card.erratum else []
        origin = Text.assemble(("card ", "dim"), card.id, (f"  {card.chapter}", "dim"))
        parts += [*claims, _indented(*truth, origin, *_evidence(erratum.evidence)), Text()]
    return Group(*parts, Text(count(items), "bold"))


def summary(coverage: Iterable[FactCoverage]) -> str:
    """The numbers of facts, cards, questions and errata, and of facts without evidence."""
    facts = list(coverage)
    cards = {evidence.card.id: evidence.card for covered in facts for evidence in covered.cards}
    questions = {question.id for covered in facts for question in covered.questions}
    wrong = sum(bool(card.erratum) for card in cards.values())
    unproven = sum(not any(evidence.exists for evidence in covered.cards) for covered in facts)
    counts = f"{len(facts)} facts: {len(cards)} cards, {len(questions)} questions, {wrong} errata"
    if by_kind := ", ".join(f"{n} {kind}" for kind, n in kinds(cards.values()).items() if n):
        counts += f" ({by_kind})"
    return f"{counts}; {unproven or 'none'} without a proof"


def further(cards: Sequence[CardEvidence], questions: Sequence[Question]) -> str:
    """How many cards and questions contain no fact of the sources, and how many of these cards lack evidence."""
    unproven = sum(not evidence.exists for evidence in cards)
    what = f"{len(cards)} cards and {len(questions)} questions go beyond the sources"
    return f"{what}; {unproven or 'none'} of these cards without a proof"


def count(items: Sequence[ListedErratum]) -> str:
    """The numbers of errata, of their facts, and of each kind of evidence."""
    facts = {fact.id for erratum in items for fact in erratum.facts}
    timed = sum(bool(e.evidence.benchmarks) for e in items)
    tested = sum(bool(e.evidence.tests) for e in items)
    cited = sum(not e.evidence.tests and not e.evidence.benchmarks for e in items)
    benchmarks = f", {timed} by a benchmark" if timed else ""
    total = f"{len(items)} errata on cards of {len(facts)} facts"
    return f"{total}: {tested} shown by tests{benchmarks}, {cited} by a citation alone"


def proofs(cards: Iterable[CardEvidence]) -> list[str]:
    """The koans whose tests prove these cards, each once, and "a citation" if a card has no other evidence."""
    koans = [proof.koan for evidence in cards for proof in (*evidence.tests, *evidence.benchmarks)]
    cited = any(evidence.card.evidence == "cited" for evidence in cards)
    return [*dict.fromkeys(koans), *(["a citation"] if cited else [])]


def sentence(proof: CardProof) -> str:
    """The name of the test as words."""
    return proof.test.removeprefix("test_").replace("_", " ")


def _erratum(erratum: Erratum) -> Text:
    return Text.assemble((f"erratum ({erratum.kind}): ", "yellow"), erratum.words)


def _evidence(evidence: CardEvidence) -> list[Text]:
    lines = [Text.assemble(("test ", "dim"), f"{p.koan}: {sentence(p)}") for p in evidence.tests]
    lines += [Text.assemble(("benchmark ", "dim"), f"{p.koan}: {sentence(p)}") for p in evidence.benchmarks]
    if evidence.card.citation:
        lines.append(Text.assemble(("cited ", "dim"), evidence.card.citation))
    if not evidence.exists:
        pending = evidence.card.pending
        lines.append(Text(f"not shown yet: waits for {pending}" if pending else "not shown", "red"))
    return lines


def _indented(*lines: RenderableType) -> RenderableType:
    return Padding(Group(*lines), (0, 0, 0, 4))


def _first(names: Sequence[str]) -> str:
    """The first name, and how many more there are."""
    if not names:
        return "none"
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")
