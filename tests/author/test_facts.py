"""Every fact of the sources is covered, and every erratum is listed with its evidence."""

import json
import re

import pytest

from grader.author import facts, gate
from grader.author.report import fact_documents
from grader.book.workbook import Workbook

SOURCES = (
    [f"D1-{i}" for i in range(1, 11)]
    + [f"B1-{i}" for i in range(1, 27)]
    + ["P1", "R1-1", "R1-2", "R1-3"]
    + [f"D5-{i}" for i in range(1, 11)]
    + [f"N{chapter}-{i}" for chapter in range(1, 11) for i in range(1, 5)]
    + [f"Q{i}" for i in range(1, 12)]
)


def _edit(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def _fact(play, *names):
    return json.loads(play.says("facts", *names, "--json").stdout)


def test_the_facts_are_those_of_the_sources_in_their_order(book):
    assert list(book.facts) == SOURCES
    assert len(SOURCES) == 101


def test_every_fact_has_a_card_or_question_and_something_that_shows_it(book):
    assert list(facts.missing(book)) == []


def test_a_claim_is_one_line(book):
    assert [
        f.id for f in book.facts.values() if "\n" in f.claim or not f.claim.endswith(".") or len(f.claim) > 120
    ] == []


def test_every_fact_says_how_far_its_sentence_reaches(book):
    assert [f.id for f in book.facts.values() if not f.scope.endswith(".") or "\n" in f.scope] == []


def test_an_erratum_says_what_is_right_unless_all_of_it_is_false(book):
    errata = {card.id: card.erratum for card in book.cards.values() if card.erratum}
    assert [name for name, own in errata.items() if not own.right and own.kind != "false"] == []


def test_the_errata_are_counted_by_kind(book, play):
    count = facts.kinds(book.cards.values())
    assert list(count) == ["false", "right only in part", "imprecise", "outdated"]
    assert sum(count.values()) == sum(bool(card.erratum) for card in book.cards.values())
    shown = ", ".join(f"{n} {kind}" for kind, n in count.items() if n)
    assert f"{sum(count.values())} errata ({shown})" in " ".join(play.says("facts").stdout.split())
    page = (book.root / "docs/ERRATA.md").read_text()
    assert [line for line in page.splitlines() if line.startswith("| ")][1:] == [
        f"| {k} | {n} |" for k, n in count.items()
    ]


def test_there_are_at_least_thirty_errata_and_each_is_shown(book):
    errata = facts.errata(book)
    assert len(errata) >= 30
    assert len({e.evidence.card.id for e in errata}) == len(errata) == sum(bool(c.erratum) for c in book.cards.values())
    assert [e.evidence.card.id for e in errata if not e.evidence.tests and not e.evidence.card.citation] == []


def test_every_question_fact_of_the_sources_is_asked_in_a_quiz(book):
    quizzed = {fact for q in book.questions.values() if q.ask == "quiz" for fact in q.facts}
    assert [fact for fact in SOURCES if fact[0] in "NQ" and fact not in quizzed] == []


def test_the_pages_are_up_to_date(book):
    assert fact_documents.stale(book) == []


def test_every_link_of_the_pages_leads_somewhere(book):
    shown = [e.evidence for e in facts.errata(book)]
    at_least = {"docs/FACTS.md": 100, "docs/ERRATA.md": sum(len(e.tests) + len(e.benchmarks) for e in shown)}
    assert list(at_least) == list(fact_documents.PAGES)
    for name, number in at_least.items():
        text = (book.root / name).read_text()
        links = re.findall(r"\]\(([^)]+)\)", text)
        assert len(links) >= number > 0
        for link in set(links):
            file, _, anchor = link.partition("#")
            target = (book.root / name).parent / file
            assert target.exists(), link
            assert not anchor or f"\n## {anchor}\n" in target.read_text(), link


def test_a_fact_that_nothing_carries_and_one_that_nothing_shows_are_problems_of_the_gate(play):
    card, question = play.root / "content/ch06_numerics/cards.toml", play.root / "content/ch06_numerics/questions.toml"
    _edit(card, '"R1-1"', '"R1-2"')
    _edit(question, '"R1-1"', '"R1-2"')
    _edit(card, 'facts = ["B1-13"]', 'facts = ["B1-12"]')
    with (play.root / "content/ch06_numerics/cards.toml").open("a") as file:
        file.write('\n[[cards]]\nid = "new"\nfacts = ["B1-13"]\nfront = "?"\nback = "!"\npending = "ch99/later"\n')
    problems = {p.where: p.message for p in gate.static_problems(Workbook(play.root)) if "facts.toml" in p.where}
    assert problems == {
        "content/facts.toml: R1-1": "no card and no question carries this fact",
        "content/facts.toml: B1-13": "no test and no citation proves this fact: its cards have neither",
    }


def test_a_fact_must_not_go(play):
    file = play.root / "content/facts.toml"
    file.write_text(file.read_text().replace('id = "Q9"', 'id = "Q99"'))
    for name in ("cards", "questions"):
        for toml in (play.root / "content").glob(f"ch*/{name}.toml"):
            toml.write_text(toml.read_text().replace('"Q9"', '"Q99"'))
    messages = [p.message for p in gate.static_problems(Workbook(play.root)) if "Q9" in p.message]
    assert messages == [
        "fact Q9 has been released, so it must not be removed or renamed",
        "fact Q99 is new: `koans verify --lock` adds it",
    ]


def test_a_malformed_list_of_facts_is_one_line(play):
    file = play.root / "content/facts.toml"
    text = file.read_text()
    for old, new, says in [
        ('id = "D1-2"', 'id = "D1-1"', "'D1-1': listed twice"),
        ('claim = "Training stores', 'clame = "Training stores', "fact 'D1-2'"),
    ]:
        file.write_text(text.replace(old, new))
        result = play.says("facts")
        assert result.returncode == 2
        assert "facts.toml" in result.stderr
        assert says in result.stderr
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_the_table_has_a_row_a_fact_within_the_width(play, columns):
    result = play.says("facts", env={"COLUMNS": str(columns)})
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert [line.split()[0] for line in lines if re.match(r"[A-Z]+\d+(-\d+)? ", line)] == SOURCES
    book = Workbook(play.root)
    cards, questions = ([one for one in every.values() if one.facts] for every in (book.cards, book.questions))
    count = " ".join(result.stdout.split())
    assert f" {len(SOURCES)} facts: {len(cards)} cards, {len(questions)} questions, " in count
    more = f"{len(book.cards) - len(cards)} cards and {len(book.questions) - len(questions)} questions"
    assert count.endswith(f"; none without a proof {more} go beyond the sources; none of these cards without a proof")


def test_each_card_and_question_without_a_fact_is_listed_as_beyond_the_sources(book):
    page = (book.root / "docs/FACTS.md").read_text().partition("\n## Beyond the sources\n")[2]
    listed = re.findall(r"^\| \[(.+?)\]", page, re.MULTILINE)
    assert listed == [one.id for every in (book.cards, book.questions) for one in every.values() if not one.facts]


def test_an_erratum_needs_a_fact_of_the_sources(play):
    card = play.root / "content/ch06_numerics/cards.toml"
    with card.open("a") as file:
        file.write('\n[[cards]]\nid = "new"\nfacts = []\nfront = "?"\nback = "!"\nevidence = "cited"\ncitation = "."\n')
        file.write('[cards.erratum]\nkind = "false"\ntext = "no"\n')
    problems = {p.where: p.message for p in gate.static_problems(Workbook(play.root))}
    message = "has an erratum, but names no fact of the sources"
    assert problems["content/ch06_numerics/cards.toml: new"] == message


def test_one_fact_is_told_in_full(play):
    result = play.says("facts", "n6-1")
    assert result.stdout.startswith("N6-1  Scores are divided by √d_k")
    for part in ("card scores-over-root-d", "test ch07_attention/score", "question why-divide-by-root-d"):
        assert part in result.stdout


def test_facts_are_chosen_by_id_source_and_chapter(play):
    book = Workbook(play.root)
    assert [a["fact"]["id"] for a in _fact(play, "Q4", "P1")] == ["P1", "Q4"]
    assert [a["fact"]["id"] for a in _fact(play, "r1")] == ["R1-1", "R1-2", "R1-3"]
    carried = {
        f for c in (*book.cards.values(), *book.questions.values()) if c.chapter == "ch09_decoding" for f in c.facts
    }
    assert {a["fact"]["id"] for a in _fact(play, "ch09")} == carried
    chapter = [e["shown"]["card"] for e in _fact(play, "--errata", "decoding")]
    assert {c["chapter"] for c in chapter} == {"ch09_decoding"}
    assert len(chapter) == sum(bool(c.erratum) for c in book.cards.values() if c.chapter == "ch09_decoding")
    assert all("N8-1" in e["shown"]["card"]["facts"] for e in _fact(play, "--errata", "N8-1"))


def test_the_ledger_has_claim_what_holds_and_what_shows_it(play):
    text = " ".join(play.says("facts", "--errata", "D1-7", "B1-13").stdout.split())
    assert "D1-7 FP8 uses E4M3 in the forward pass: its exponent range, wider than E5M2's, keeps more" in text
    assert "E5M2 has the wider range: 5 exponent bits against 4." in text
    assert "test ch06_numerics/fp8_round: e5m2 ends at 57344" in text
    assert "cited Brown et al., Language Models are Few-Shot Learners, 2020" in text
    assert text.endswith("2 errata on cards of 2 facts: 1 shown by tests, 1 by a citation alone")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("N8-9",), "no fact, source or chapter is called 'N8-9': did you mean N8-"),
        (("alchemy",), "no fact, source or chapter is called 'alchemy'"),
        (("--write", "N8"), "--write and --check are for the whole pages"),
        (("--write", "--check"), "--write and --check are for the whole pages"),
    ],
)
def test_bad_input_is_one_line(play, args, says):
    result = play.says("facts", *args)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"koans: {says}")
    assert len(result.stderr.splitlines()) == 1


def test_a_page_that_is_stale_is_noticed_and_written(play):
    assert play.says("facts", "--write").stdout.endswith("pages: 2, written: 2\n")
    assert play.says("facts", "--check").returncode == 0
    _edit(
        play.root / "content/ch06_numerics/cards.toml", "FP16 becomes inf, from", "FP16 does not stop there: inf from"
    )
    stale = play.says("facts", "--check")
    assert stale.returncode == 1
    assert "docs/ERRATA.md: stale; `koans facts --write` writes it" in stale.stdout
    assert "FACTS" not in stale.stdout
    assert play.says("facts", "--write").stdout == "docs/ERRATA.md: written\npages: 2, written: 1\n"
    assert "FP16 does not stop there: inf from 65,520" in (play.root / "docs/ERRATA.md").read_text()
