"""`koans facts` in a terminal: the table of facts, one fact in full, and the ledger of errata."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.author.facts import Account, CardEvidence, Erratum
from grader.book.workbook import CardProof

WIDE = 100  # columns from which on the table names cards instead of counting them


def table(accounts: Sequence[Account], width: int) -> RenderableType:
    """A row a fact: what the source says, what carries it, what shows it, and how many errata there are."""
    rows = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    rows.add_column("fact")
    rows.add_column("the source says", ratio=1)
    rows.add_column("cards, questions" if width >= WIDE else "cards +\nquestions", max_width=30, overflow="fold")
    rows.add_column("shown by", max_width=26 if width >= WIDE else 18, overflow="fold")
    rows.add_column("errata", justify="right")
    for account in accounts:
        cards, questions = [s.card.id for s in account.cards], [q.id for q in account.questions]
        carried = _first([*cards, *questions]) if width >= WIDE else f"{len(cards)} + {len(questions)}"
        koans = [name.rpartition("/")[2] for name in proofs(account.cards)]
        wrong = Text(str(len(account.errata) or ""), "yellow")
        rows.add_row(Text(account.fact.id, "bold"), Text(account.fact.claim), carried, _first(koans), wrong)
    return Group(rows, Text(), Text(summary(accounts), "bold"))


def account(found: Account) -> RenderableType:
    """Everything there is on one fact."""
    parts: list[RenderableType] = [
        Text.assemble((found.fact.id, "bold"), f"  {found.fact.claim}"),
        Text(found.fact.source, "dim"),
    ]
    for shown in found.cards:
        parts += [Text(), Text.assemble(("card ", "dim"), (shown.card.id, "bold"), (f"  {shown.card.chapter}", "dim"))]
        parts.append(_indented(Text(shown.card.front), Text(shown.card.back)))
        if shown.card.erratum:
            parts.append(_indented(Text.assemble(("erratum: ", "yellow"), shown.card.erratum)))
        parts.append(_indented(*_evidence(shown)))
    for question in found.questions:
        head = Text.assemble(("question ", "dim"), (question.id, "bold"), (f"  {question.chapter}", "dim"))
        parts += [Text(), head, _indented(Text(question.prompt))]
    return Group(*parts)


def errata(found: Sequence[Erratum]) -> RenderableType:
    """Each with the claims it is about, what holds, and what shows it."""
    parts: list[RenderableType] = []
    for erratum in found:
        claims = [Text.assemble((fact.id, "bold"), f"  {fact.claim}") for fact in erratum.facts]
        holds = Text.assemble(("erratum: ", "yellow"), erratum.shown.card.erratum)
        card = Text.assemble(("card ", "dim"), erratum.shown.card.id, (f"  {erratum.shown.card.chapter}", "dim"))
        parts += [*claims, _indented(holds, card, *_evidence(erratum.shown)), Text()]
    return Group(*parts, Text(count(found), "bold"))


def summary(accounts: Iterable[Account]) -> str:
    """How many facts, cards, questions and errata these are, and how many facts nothing shows."""
    found = list(accounts)
    cards = {shown.card.id: shown for account in found for shown in account.cards}
    questions = {question.id for account in found for question in account.questions}
    wrong = sum(bool(shown.card.erratum) for shown in cards.values())
    bare = sum(not any(shown.anything for shown in account.cards) for account in found)
    told = f"{len(found)} facts: {len(cards)} cards, {len(questions)} questions, {wrong} errata"
    return f"{told}; {bare or 'none'} without a proof"


def count(found: Sequence[Erratum]) -> str:
    """How many errata, on how many facts, and how each is shown."""
    facts = {fact.id for erratum in found for fact in erratum.facts}
    timed = sum(bool(e.shown.benchmarks) for e in found)
    tested = sum(bool(e.shown.tests) for e in found)
    cited = sum(not e.shown.tests and not e.shown.benchmarks for e in found)
    benchmarks = f", {timed} by a benchmark" if timed else ""
    told = f"{len(found)} errata on cards of {len(facts)} facts"
    return f"{told}: {tested} shown by tests{benchmarks}, {cited} by a citation alone"


def proofs(cards: Iterable[CardEvidence]) -> list[str]:
    """The koans whose tests show these cards, each once, and "a citation" where a card has no other proof."""
    koans = [proof.koan for shown in cards for proof in (*shown.tests, *shown.benchmarks)]
    cited = any(shown.card.evidence == "cited" for shown in cards)
    return [*dict.fromkeys(koans), *(["a citation"] if cited else [])]


def sentence(proof: CardProof) -> str:
    return proof.test.removeprefix("test_").replace("_", " ")


def _evidence(shown: CardEvidence) -> list[Text]:
    lines = [Text.assemble(("test ", "dim"), f"{p.koan}: {sentence(p)}") for p in shown.tests]
    lines += [Text.assemble(("benchmark ", "dim"), f"{p.koan}: {sentence(p)}") for p in shown.benchmarks]
    if shown.card.citation:
        lines.append(Text.assemble(("cited ", "dim"), shown.card.citation))
    if not shown.anything:
        lines.append(
            Text(f"not shown yet: waits for {shown.card.pending}" if shown.card.pending else "not shown", "red")
        )
    return lines


def _indented(*lines: RenderableType) -> RenderableType:
    return Padding(Group(*lines), (0, 0, 0, 4))


def _first(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    if not names:
        return "none"
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")
