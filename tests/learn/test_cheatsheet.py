"""The cheat sheet: its content, and its Markdown, HTML and PDF."""

import base64
import json
import logging
import re
from html import unescape

import pypdfium2
import pytest
from markdown_it import MarkdownIt

from grader.book.workbook import Workbook
from grader.learn.cards.note import Pass
from grader.learn.cheatsheet import markdown, page, pdf
from grader.learn.cheatsheet.sheet import LONGEST, MISSED, KeyFact, MissedQuestion, Part, Sheet, SheetRow, sheet
from tests.browser import CHROMIUM, Browser

PAPERS = {"a4": (8.27, 11.69), "letter": (8.5, 11.0)}  # inches


def make(book: Workbook, chapter: str = "", *, passed: int = 0, stale: int = 0, misses: dict[str, int] | None = None):
    """The sheet of a learner who passed the first `passed` koans and then changed the first `stale` of them."""
    koans = list(book.koans)[:passed]
    passes = {koan: Pass("2026-11-20", i >= stale) for i, koan in enumerate(koans)}
    proofs: dict[str, set[str]] = {}
    for proof in book.proofs:
        proofs.setdefault(proof.card, set()).add(proof.koan)
    unlocked = {card for card, own in proofs.items() if own <= set(koans)}
    return sheet(
        book,
        book.chapter(chapter) if chapter else None,
        unlocked=unlocked,
        passes=passes,
        misses=misses or {},
        day="2026-11-22",
    )


@pytest.fixture
def busy(book):
    """The sheet of a learner in the middle of the workbook, who missed the longest cards, a quiz and an open question."""
    longest = sorted(book.cards.values(), key=lambda card: -len(card.front + card.back))
    quiz = next(q for q in book.questions.values() if q.options)
    misses = {**{card.id: 3 for card in longest[:15]}, quiz.id: 7, "why-the-softmax-bug-returns": 5}
    return make(book, passed=70, stale=9, misses=misses)


NASTY = 'a *b* **c** _d_ __e__ <b>f</b> [g](h) | `i * <j>` & &amp; ~~k~~ \\ ` "l" x_old Q4_K_M # m'


def nasty() -> Sheet:
    fact = KeyFact("x", NASTY, True, False, 0)
    asked = MissedQuestion("y", NASTY, NASTY, 2)
    rows = (SheetRow("01", NASTY, 1, 2, 3, 4), SheetRow("02", "b", 0, 0, 0, 0))
    return Sheet(
        f"T {NASTY}", "2026-11-22", (asked,), rows, (Part("01", NASTY, (fact,), (asked,)), Part("02", "b", ()))
    )


# Content


def test_each_chapter_gives_key_facts_of_a_line_each(book):
    made = make(book)
    assert [part.title for part in made.parts] == [chapter.title for chapter in book.chapters]
    assert [fact.card for part in made.parts for fact in part.facts] == [c.id for c in book.cards.values() if c.key]
    for part in made.parts:
        assert 5 <= len(part.facts) <= 16, part.title
    for card in book.cards.values():
        assert len(card.key) <= 125 and "\n" not in card.key and not card.key.endswith("."), card.id


def test_what_was_missed_comes_first_the_most_missed_at_the_top(book):
    misses = {"gelu-exact": 2, "why-subtract-the-row-maximum": 4, "silent-precision-loss": 3, "a-card-that-left": 9}
    made = make(book, misses={**misses, "exp-limits": 0})
    assert [(one.id, one.missed) for one in made.missed] == [
        ("why-subtract-the-row-maximum", 4),
        ("silent-precision-loss", 3),
        ("gelu-exact", 2),
    ]
    quiz, question, card = made.missed
    assert quiz.answer == (
        "It keeps exp from overflowing: the largest exponent is 0, and the result stays the same: exp(−max) is a factor "
        "of the numerator and of the sum, so it cancels. After the shift no power exceeds 1, and the sum is at least 1."
    )
    assert book.questions[question.id].answer.startswith(question.answer)
    assert question.answer.endswith(".") and 100 < len(question.answer) <= LONGEST
    assert (card.prompt, card.answer) == (book.cards["gelu-exact"].front, book.cards["gelu-exact"].back)
    chapter = next(part for part in made.parts if part.number == "02")
    assert [fact.card for fact in chapter.facts][:2] == ["gelu-exact", "weight-is-out-in"]
    assert [fact.missed for fact in chapter.facts][:2] == [2, 0]


def test_no_more_is_shown_as_missed_than_fits(book):
    made = make(book, misses=dict.fromkeys(book.cards, 1))
    assert [one.id for one in made.missed] == list(book.cards)[:MISSED]


def test_progress_is_counted_as_it_stands(book):
    made = make(book, passed=5, stale=2)
    first, second = made.rows[:2]
    assert (first.number, first.title, first.passed, first.koans) == ("01", book.chapters[0].title, 3, 9)
    assert 0 < first.unlocked < first.cards and (second.passed, second.unlocked) == (0, 0)
    koans, cards = len(book.koans), len(book.cards)
    assert made.summary == f"2026-11-22: 3 of {koans} koans passed, {first.unlocked} of {cards} cards unlocked"
    facts = made.parts[0].facts
    stale = {p.card for p in book.proofs if p.koan in list(book.koans)[:2]}
    assert {fact.card for fact in facts if fact.stale} == {fact.card for fact in facts if fact.card in stale}
    marks = {markdown.mark(fact) for fact in facts}
    assert marks == {"✓", "!", "○"}


def test_a_chapter_alone_has_each_of_its_cards_once(book):
    made = make(book, "numerics", misses={"exp-1000": 1, "gelu-exact": 5})
    assert made.title == "Tensor Koans: 06 Numerics is the bug, not the algorithm"
    assert [one.id for one in made.missed] == ["exp-1000"]
    (part,) = made.parts
    listed = [fact.card for fact in part.facts] + [one.id for one in (*part.others, *made.missed)]
    assert sorted(listed) == sorted(card.id for card in book.cards.values() if card.chapter == "ch06_numerics")


# Markdown


def test_markdown_says_each_text_as_it_is(busy):
    for made in (busy, nasty()):
        text_read = _read(markdown.render(made))
        for part in made.parts:
            assert all(f"{markdown.mark(fact)} {_plain(fact.text)}" in text_read for fact in part.facts)
            assert _plain(part.title) in text_read
        assert all(f"{one.missed} × {_plain(one.prompt)} {_plain(one.answer)}" in text_read for one in made.missed)


def _read(text: str) -> str:
    """The text that a reader of the rendered Markdown sees."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough").render(text)
    return " ".join(
        unescape(re.sub(r"</?(h\d|p|ul|ol|li|strong|code|table|thead|tbody|tr|t[hd])\b.*?>", "", html)).split()
    )


def _plain(text: str) -> str:
    return " ".join(re.sub(r"`([^`]+)`", r"\1", text).split())


# HTML


def test_the_page_escapes_every_text(busy):
    html = page.render(nasty())
    assert "<b>f</b>" not in html and "<j>" not in html
    assert "&lt;b&gt;f&lt;/b&gt;" in html and "<code>i * &lt;j&gt;</code>" in html
    whole = page.render(busy)
    assert "http" not in re.sub(r'<meta http-equiv=".*?>', "", whole) and "<script" not in whole


@pytest.mark.skipif(CHROMIUM is None, reason="not run here: needs chromium")
def test_the_page_reads_at_390_and_1280_pixels_and_prints_on_one_sheet_of_paper(busy, book, tmp_path):
    files = {}
    for name, made in (("whole", busy), ("chapter", make(book, "6")), ("nasty", nasty())):
        files[name] = tmp_path / f"{name}.html"
        files[name].write_text(page.render(made))
    with Browser(tmp_path / "profile") as browser:
        for file in files.values():
            for width in (390, 1280):
                for dark in (False, True):
                    browser.looks(width=width, dark=dark)
                    browser.open(file)
                    assert browser.complaints == []
                    assert [r for r in browser.requests if not r.startswith(("file:", "data:"))] == []
                    assert browser.run("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
                    assert browser.run(
                        "Math.min(...[...document.querySelectorAll('li')].map(e => e.clientWidth)) > 250"
                    )
                    small = "[...document.querySelectorAll('li')].map(e => parseFloat(getComputedStyle(e).fontSize))"
                    assert browser.run(f"Math.min(...{small}) >= 15")
        for name in ("whole", "chapter"):
            browser.open(files[name])
            for width, height in PAPERS.values():
                printed = browser.call("Page.printToPDF", paperWidth=width, paperHeight=height)["data"]
                assert len(pypdfium2.PdfDocument(base64.b64decode(printed))) <= 2 + (name == "whole")


# PDF


@pytest.mark.parametrize("paper", PAPERS)
def test_the_pdf_has_every_fact_on_one_sheet_of_its_paper(busy, book, caplog, paper):
    with caplog.at_level(logging.WARNING):
        data = pdf.render(busy, paper)
        chapter = pdf.render(make(book, "6"), paper)
    assert not caplog.records, "a character that the font lacks"
    document = pypdfium2.PdfDocument(data)
    assert len(document) == 2 and len(pypdfium2.PdfDocument(chapter)) <= 2
    width, height = document[0].get_size()
    assert (width / 72, height / 72) == pytest.approx(PAPERS[paper], abs=0.01)
    text_read = _squeezed("".join(sheet.get_textpage().get_text_bounded() for sheet in document))
    for part in busy.parts:
        assert all(_squeezed(fact.text) in text_read for fact in part.facts)
    assert all(_squeezed(one.prompt) in text_read and _squeezed(one.answer) in text_read for one in busy.missed)
    assert all(
        _squeezed(f"{row.number}") in text_read and f"{row.passed}/{row.koans}" in text_read for row in busy.rows
    )
    margin = 10 * 72 / 25.4
    for number in range(len(document)):
        text = document[number].get_textpage()
        for i in range(text.count_rects()):
            left, bottom, right, top = text.get_rect(i)
            assert left > margin and bottom > margin and right < width - margin + 1 and top < height - margin


def _squeezed(text: str) -> str:
    # PDF readers remove a hyphen at the end of a line, as if it divided a word.
    return re.sub(r"[\s`\-\u00ad\u0002\ufffe]", "", text)


def test_the_same_sheet_gives_the_same_pdf_and_a_long_one_takes_more_pages(busy, book):
    few = Sheet("T", "2026-11-22", busy.missed[:2], busy.rows, busy.parts[:2])
    assert pdf.render(few) == pdf.render(few)
    part = Part("01", "a heading", busy.parts[0].facts)
    document = pypdfium2.PdfDocument(pdf.render(Sheet("T", "2026-11-22", (), (), (part,) * 40)))
    assert len(document) == 4
    text_read = [leaf.get_textpage().get_text_bounded() for leaf in document]
    assert sum(text.count("a heading") for text in text_read) == 40
    assert not any(text.rstrip().endswith("a heading") for text in text_read), "a heading at the foot of a page"


# The command


def test_the_command_writes_each_format_and_prints_markdown(proved):
    play, chapter = proved, proved.workbook.chapter("6")
    plain = play.says("cheatsheet")
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.startswith("# Tensor Koans: Cheat sheet\n")
    assert f"1 of {len(play.workbook.koans)} koans passed" in plain.stdout
    result = play.says("cheatsheet", "6", "-o", "one.md")
    assert result.stdout.startswith(f"one.md written: 1 of {len(chapter.koans)} koans passed, ")
    assert (play.root / "one.md").read_text().startswith(f"# Tensor Koans: 06 {chapter.title}")
    assert play.says("cheatsheet", "-o", "sheet.HTML").returncode == 0
    assert (play.root / "sheet.HTML").read_text().startswith("<!DOCTYPE html>")
    assert play.says("cheatsheet", "-o", "sheet.pdf", "--paper", "letter").returncode == 0
    document = pypdfium2.PdfDocument((play.root / "sheet.pdf").read_bytes())
    assert document[0].get_size()[1] == pytest.approx(11 * 72, abs=1)
    data = json.loads(play.says("cheatsheet", "6", "--json").stdout)
    assert [part["number"] for part in data["parts"]] == ["06"] and data["rows"][0]["passed"] == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "sheet.doc"], "koans: sheet.doc: its name must end in .md, .html or .pdf\n"),
        (["-o", "sheet"], "koans: sheet: its name must end in .md, .html or .pdf\n"),
        (["-o", "none/sheet.pdf"], "koans: none/sheet.pdf: its folder does not exist\n"),
        (["99"], "koans: no chapter is called '99': there are"),
    ],
)
def test_what_cannot_be_written_is_said_in_a_line(play, args, message):
    result = play.says("cheatsheet", *args)
    assert result.returncode == 2 and not result.stdout
    assert result.stderr.startswith(message) and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("library", ["fpdf", "matplotlib"])
def test_without_a_library_for_pdf_the_command_says_how_to_get_it(play, library):
    blocked = f"import sys; sys.modules['{library}'] = None; from grader.cli import main; main()"
    result = play.python("-c", blocked, "cheatsheet", "-o", "sheet.pdf")
    assert result.returncode == 2
    assert (
        result.stderr == "koans: sheet.pdf: PDF needs libraries that are not installed: pip install fpdf2 matplotlib\n"
    )
