"""Decks as Anki reads them: with its own importers of packages and of text, from the `anki` package."""

import html
import re
import string
import time
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import msgspec
import pytest
from anki.collection import Collection, ImportAnkiPackageOptions, ImportAnkiPackageRequest, ImportCsvRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.book.errors import KoansError
from grader.book.workbook import Card, Erratum, Workbook
from grader.learn.cards import changes
from grader.learn.cards.export import render
from grader.learn.cards.markup import as_html
from grader.learn.cards.note import Note, Pass, notes

NOW = time.time()
AGAIN, GOOD, EASY = 0, 2, 3
LOGS = ("conflicting", "first_field_match", "missing_notetype", "missing_deck", "empty_first_field")


@pytest.fixture
def collection(tmp_path):
    col = Collection(str(tmp_path / "collection.anki2"))
    yield col
    col.close()


def export(book: Workbook, folder: Path, cards: list[Card], name: str, unlocked: Any = (), passes: Any = None) -> Path:
    file = folder / name
    made = render(file, notes(book, cards, unlocked, passes or {}), folder / "exported.json")
    file.write_bytes(made if isinstance(made, bytes) else made.encode())
    return file


def import_file(col: Collection, file: Path) -> dict[str, int]:
    """Import as Anki's dialog does by default. Counts the new, updated and unchanged notes; there may be no others."""
    if file.suffix == ".apkg":
        request = ImportAnkiPackageRequest(package_path=str(file), options=ImportAnkiPackageOptions())
        log = col.import_anki_package(request).log
    else:
        metadata = col.get_csv_metadata(str(file), None)
        log = col.import_csv(ImportCsvRequest(path=str(file), metadata=metadata)).log
    assert {kind: len(getattr(log, kind)) for kind in LOGS} == dict.fromkeys(LOGS, 0)
    return {kind: len(getattr(log, kind)) for kind in ("new", "updated", "duplicate")}


def note_of(col: Collection, card: str) -> Any:
    (number,) = col.db.list("select id from notes where guid = ?", f"tensor-koans/{card}")
    return col.get_note(number)


def schedules(col: Collection) -> list[Any]:
    """Every field of every card, and the log of reviews."""
    return [col.db.all("select * from cards order by id"), col.db.all("select * from revlog order by id")]


def review(col: Collection, card: str, rating: int) -> None:
    """Answer a card as Anki's reviewer does."""
    own = note_of(col, card).cards()[0]
    states = col._backend.get_scheduling_states(own.id)
    own.start_timer()
    col.sched.answer_card(col.sched.build_answer(card=own, states=states, rating=rating))


def edited(cards: list[Card], name: str, **fields: Any) -> list[Card]:
    return [msgspec.structs.replace(card, **fields) if card.id == name else card for card in cards]


def plain(field: str) -> str:
    """The text of a field, without its HTML."""
    lines = re.sub(r"<br>", "\n", field)
    return html.unescape(re.sub(r"</?(span|code|pre)\b[^>]*>", "", lines))


# A package


def test_every_card_imports_once_with_its_deck_tags_fields_and_figure(book, collection, tmp_path):
    cards = list(book.cards.values())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        file = export(book, tmp_path, cards, "all.apkg")
    assert import_file(collection, file) == {"new": len(cards), "updated": 0, "duplicate": 0}
    made = notes(book, cards, (), {})
    assert collection.note_count() == collection.card_count() == len(made)
    titles = {chapter.id: f"{chapter.id[2:4]} {chapter.title}" for chapter in book.chapters}
    for card, note in zip(cards, made, strict=True):
        in_anki = note_of(collection, card.id)
        front, back = in_anki.fields
        assert front == note.front
        assert back == note.back(*re.findall(r'<img src="(.*?)">', back))
        assert sorted(in_anki.tags, key=str.lower) == sorted(note.tags, key=str.lower)
        (own,) = in_anki.cards()
        assert collection.decks.name(own.did) == f"Tensor Koans::{titles[card.chapter]}"
        pictures = re.findall(r'<img src="(.*?)">', back)
        assert len(pictures) == bool(card.figure)
        for picture in pictures:
            stored = Path(collection.media.dir()) / picture
            assert stored.read_bytes() == (book.root / "content" / card.chapter / card.figure).read_bytes()
    order = collection.db.list("select n.guid from cards c join notes n on n.id = c.nid order by c.due")
    assert order == [note.guid for note in made]
    assert not collection.media.check().missing and not collection.media.check().unused


def test_a_second_import_changes_nothing(book, collection, tmp_path):
    cards = list(book.cards.values())
    file = export(book, tmp_path, cards, "a.apkg")
    import_file(collection, file)
    review(collection, "softmax-axis", GOOD)
    before = schedules(collection)
    again = export(book, tmp_path, cards, "b.apkg")
    assert again.read_bytes() == file.read_bytes()
    assert import_file(collection, again) == {"new": 0, "updated": 0, "duplicate": len(cards)}
    assert schedules(collection) == before


def test_an_edit_of_text_arrives_in_place_and_every_scheduling_field_stays(book, collection, tmp_path, monkeypatch):
    cards = list(book.cards.values())
    monkeypatch.setattr(time, "time", lambda: NOW)
    import_file(collection, export(book, tmp_path, cards, "a.apkg"))
    for name, rating in (("softmax-axis", GOOD), ("exp-limits", AGAIN), ("gelu-exact", EASY)):
        review(collection, name, rating)
    collection.sched.set_due_date([note_of(collection, "gelu-exact").cards()[0].id], "9")
    numbers = dict(collection.db.all("select guid, id from notes"))
    before = schedules(collection)

    new = edited(cards, "softmax-axis", front="A new front?", back="A new `back` with √2.", tex={"√2": r"\sqrt 2"})
    new = edited(new, "exp-limits", erratum=Erratum("false", "Something was wrong."))
    monkeypatch.setattr(time, "time", lambda: NOW + 100)
    file = export(book, tmp_path, new, "b.apkg")
    assert import_file(collection, file) == {"new": 0, "updated": 2, "duplicate": len(cards) - 2}
    assert schedules(collection) == before
    assert dict(collection.db.all("select guid, id from notes")) == numbers
    front, back = note_of(collection, "softmax-axis").fields
    assert front == "A new front?"
    assert back.startswith(r"A new <code>back</code> with \(\sqrt 2\).<p ")
    assert "Something was wrong." in note_of(collection, "exp-limits").fields[1]
    assert len([m for m in collection.models.all_names_and_ids() if "Koans" in m.name]) == 1


def test_the_ids_anki_knows_us_by_are_these(book, collection, tmp_path):
    import_file(collection, export(book, tmp_path, list(book.cards.values()), "a.apkg"))
    model = collection.models.by_name("Tensor Koans")
    assert model["id"] == 1_763_900_101
    assert [(field["name"], field["id"]) for field in model["flds"]] == [
        ("Front", 8_411_763_900_102),
        ("Back", 8_411_763_900_103),
    ]
    assert [(template["name"], template["id"]) for template in model["tmpls"]] == [("Card", 8_411_763_900_104)]
    assert note_of(collection, "softmax-axis").guid == "tensor-koans/softmax-axis"


def test_what_a_learner_changed_in_anki_stays_until_the_card_itself_is_edited(book, collection, tmp_path, monkeypatch):
    cards = list(book.cards.values())[:5]
    name = cards[0].id
    monkeypatch.setattr(time, "time", lambda: NOW - 10_000)
    import_file(collection, export(book, tmp_path, cards, "a.apkg"))
    mine = note_of(collection, name)
    mine["Front"] = "in my words"
    collection.update_note(mine)
    import_file(collection, export(book, tmp_path, cards, "b.apkg"))
    assert note_of(collection, name)["Front"] == "in my words"
    monkeypatch.setattr(time, "time", lambda: NOW + 10_000)
    import_file(collection, export(book, tmp_path, edited(cards, name, back="New."), "c.apkg"))
    assert note_of(collection, name)["Front"] == as_html(cards[0].front)


def test_a_card_that_left_the_workbook_stays_in_anki_and_breaks_nothing(book, collection, tmp_path):
    cards = list(book.cards.values())[:5]
    import_file(collection, export(book, tmp_path, cards, "a.apkg"))
    assert import_file(collection, export(book, tmp_path, cards[1:], "b.apkg")) == {
        "new": 0,
        "updated": 0,
        "duplicate": 4,
    }
    assert collection.note_count() == 5
    assert import_file(collection, export(book, tmp_path, cards, "c.apkg"))["new"] == 0


# When a note changed


def test_the_time_of_a_note_moves_with_its_text_only_and_never_back(tmp_path):
    file = tmp_path / "exported.json"
    assert changes.times(file, {"a": "1", "b": "1"}, now=100.9) == {"a": 100, "b": 100}
    assert changes.times(file, {"a": "1", "b": "2"}, now=200) == {"a": 100, "b": 200}
    assert changes.times(file, {"a": "1"}, now=300) == {"a": 100}
    assert changes.times(file, {"b": "3"}, now=50) == {"b": 201}, "a clock set back"
    assert changes.times(file, {"b": "2"}, now=50) == {"b": 202}, "an old text again is a change too"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"\xff"])
def test_a_damaged_record_makes_notes_new_and_no_trouble(tmp_path, content):
    file = tmp_path / "exported.json"
    file.write_bytes(content)
    assert changes.times(file, {"a": "1"}, now=100) == {"a": 100}
    assert changes.times(file, {"a": "1"}, now=200) == {"a": 100}


def test_a_record_that_cannot_be_kept_is_said(tmp_path):
    (tmp_path / "exported.json").mkdir()
    with pytest.raises(KoansError, match=r"exported.json: cannot be written \(it is a folder"):
        changes.times(tmp_path / "exported.json", {"a": "1"})


# Text


def test_all_cards_go_through_ankis_text_importer_field_by_field(book, collection, tmp_path):
    cards = list(book.cards.values())
    made = notes(book, cards, (), {})
    assert import_file(collection, export(book, tmp_path, cards, "all.tsv")) == {
        "new": len(cards),
        "updated": 0,
        "duplicate": 0,
    }
    for card, note in zip(cards, made, strict=True):
        in_anki = note_of(collection, card.id)
        assert in_anki.fields == [note.front, note.back()]
        assert sorted(in_anki.tags, key=str.lower) == sorted(note.tags, key=str.lower)
        (own,) = in_anki.cards()
        assert collection.decks.name(own.did) == note.deck
        assert plain(re.sub(r"\\\(.*?\\\)", "", note.front)) in {card.front.replace("`", ""), *_without(card)}
    review(collection, "softmax-axis", GOOD)
    before = schedules(collection)
    new = edited(cards, "softmax-axis", front="A new front?")
    assert import_file(collection, export(book, tmp_path, new, "new.txt")) == {
        "new": 0,
        "updated": 1,
        "duplicate": len(cards) - 1,
    }
    assert note_of(collection, "softmax-axis").fields[0] == "A new front?"
    assert schedules(collection) == before


def _without(card: Card) -> set[str]:
    text = card.front.replace("`", "")
    for passage in sorted(card.tex, key=len, reverse=True):
        text = text.replace(passage, "")
    return {text}


def test_text_after_a_package_keeps_to_the_packages_notes(book, collection, tmp_path):
    cards = list(book.cards.values())[:3]
    import_file(collection, export(book, tmp_path, cards, "a.apkg"))
    new = edited(cards, cards[0].id, back="New.")
    assert import_file(collection, export(book, tmp_path, new, "b.tsv")) == {"new": 0, "updated": 1, "duplicate": 2}
    assert note_of(collection, cards[0].id).note_type()["name"] == "Tensor Koans"


NASTY = [
    "tab\there, \"quotes\", ‘these’ and 'those'",
    '"',
    '"a","b";"c"',
    "two\nlines\r\nand a third",
    "#separator:comma",
    "a <b>bold</b> claim & an &amp; <script>alert(1)</script> <!-- x -->",
    r"\(not a formula\) and \[neither\] and \\( either",
    "[sound:x.mp3] [latex]x[/latex] [$]y[/$] [$$]z[/$$]",
    "{{c1::cloze}} {{Front}} {{#Back}}x{{/Back}}",
    '`x = "a\tb"` and `if x < 3: # why`',
    "```python\ndef f(x):\n\treturn x  # a comment\n```",
    "a backtick ` alone",
    "λάμδα, \u0065\u0301 in two parts, 𝔽, 中文, ‮abc",
    "\x1f and \x00 and \x85 and \u2028",
    ",,;;||",
]


@pytest.mark.parametrize("suffix", [".tsv", ".apkg"])
def test_nasty_texts_arrive_as_they_are(book, collection, tmp_path, suffix):
    shape = next(iter(book.cards.values()))
    cards = [
        msgspec.structs.replace(shape, id=f"nasty-{i}", front=f"{i} {text}", back=text, erratum=nasty, tex={})
        for i, text in enumerate(NASTY)
        for nasty in [Erratum("imprecise", text, text)]
    ]
    made = _import_cards(book, collection, tmp_path, cards, suffix)
    for card, note in zip(cards, made, strict=True):
        assert "\\(" not in note.front and "\\[" not in note.front and "<script" not in note.front
        assert not re.search(r"\[(sound|latex|\$)", note.front)
        assert _same(plain(note.front), card.front), card.id


def _import_cards(book: Workbook, col: Collection, folder: Path, cards: list[Card], suffix: str) -> list[Note]:
    import_file(col, export(book, folder, cards, f"x{suffix}"))
    made = notes(book, cards, (), {})
    for note in made:
        assert note_of(col, note.card).fields == [note.front, note.back()]
    return made


def _same(arrived: str, written: str) -> bool:
    """Whether the texts are the same, apart from backticks, control characters and Unicode normalization."""
    written = re.sub(
        r"```\w*\n(.+?)\n?```|`([^`]+)`", lambda m: m[1] or m[2], written.replace("\r\n", "\n"), flags=re.S
    )
    written = re.sub("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]", "�", written)
    return arrived == unicodedata.normalize("NFC", written).strip()


TEXT = st.text(st.sampled_from(string.printable + "éλ∑−√²\u2028�"), min_size=1, max_size=60).filter(
    lambda t: "`" not in t and t.strip() and "\r" not in t
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXT, min_size=1, max_size=8), data=st.data())
def test_any_text_arrives_as_it_is(book, tmp_path, texts, data):
    shape = next(iter(book.cards.values()))
    cards = [
        msgspec.structs.replace(shape, id=f"any-{i}", front=f"{i} {text}", back=text, tex={})
        for i, text in enumerate(texts)
    ]
    folder = tmp_path / str(time.monotonic_ns())
    folder.mkdir()
    col = Collection(str(folder / "c.anki2"))
    try:
        for card, note in zip(cards, _import_cards(book, col, folder, cards, ".tsv"), strict=True):
            assert _same(plain(note.front), card.front)
    finally:
        col.close()


# The text of a card


def test_formulas_become_mathjax_and_the_text_around_them_stays(book):
    card = book.cards["gelu-exact"]
    (note,) = notes(book, [card], (), {})
    assert note.answer == (
        r"\(x\,\Phi(x) = \frac{x}{2}\left(1 + \operatorname{erf}\frac{x}{\sqrt 2}\right)\), "
        "where Φ is the normal distribution function. The values are −0.1587, 0 and 0.8413."
    )
    assert as_html("2n³/t loads, not 2n³; `n³`", {"2n³": "2n^3", "2n³/t": "2n^3/t", "n³": "n^3"}) == (
        r"\(2n^3/t\) loads, not \(2n^3\); <code>n³</code>"
    )
    assert as_html("a < b", {"a < b": r"a < b"}) == r"\(a &lt; b\)"


def test_code_is_coloured_and_its_names_stay_in_one_piece():
    assert as_html("`torch.exp(x, dim=-1)  # why`") == (
        '<code>torch.exp(x, dim=-<span class="m">1</span>)  <span class="c"># why</span></code>'
    )
    assert as_html("Like so:\n```python\nfor s in 'ab':\n    print(s)\n```") == (
        'Like so:<br><pre><code><span class="k">for</span> s <span class="k">in</span> '
        '<span class="s">\'ab\'</span>:<br>    <span class="b">print</span>(s)</code></pre>'
    )


def test_a_back_says_what_proves_it_and_when(book):
    card = book.cards["bf16-range"]  # named by tests of two koans
    koans = [*dict.fromkeys(proof.koan for proof in book.proofs if proof.card == card.id)]
    passes = {koan: Pass(f"2026-11-2{i}", True) for i, koan in enumerate(koans)}
    (note,) = notes(book, [card], {card.id}, passes)
    assert note.below == tuple(
        f'<p class="proof"><small>Proved by {koan}, passed on {passes[koan].day}</small></p>' for koan in koans
    )
    (locked,) = notes(book, [card], (), {})
    assert locked.below == tuple(
        f'<p class="proof"><small>Not proven yet: waits for {koan}</small></p>' for koan in koans
    )
    assert "koans::locked" in locked.tags and "koans::locked" not in note.tags
    (changed,) = notes(book, [card], {card.id}, {**passes, koans[1]: Pass("2026-11-21", False)})
    assert changed.below[1] == (
        f'<p class="stale"><small>Proved by {koans[1]}, passed on 2026-11-21; its file has changed since then and has not '
        "passed again</small></p>"
    )
    assert "koans::stale" in changed.tags


def test_a_back_has_the_erratum_and_the_source(book):
    (note,) = notes(book, [book.cards["fp8-in-deepseek-v3"]], (), {})
    erratum, source = note.below
    assert erratum.startswith(
        '<p class="erratum"><small><b>Erratum (right only in part).</b> The source says that DeepSeek-V3'
    )
    assert source.startswith('<p class="source"><small>Source: DeepSeek-AI')
    assert {"koans::erratum", "koans::cited", "koans::B1-14"} <= set(note.tags) and "koans::locked" not in note.tags


def test_a_passage_that_is_not_in_the_text_is_named(play):
    file = play.root / "content/ch02_forward/cards.toml"
    file.write_text(file.read_text().replace("x Φ(x) = x/2 · (1 + erf(x/√2)), where", "x Φ(x), where"))
    with pytest.raises(KoansError, match=r"cards.toml: 'gelu-exact': tex: 'x Φ"):
        _ = Workbook(play.root).cards


def test_a_figure_that_is_not_there_is_named(play):
    file = play.root / "content/ch06_numerics/cards.toml"
    file.write_text(file.read_text().replace('figure = "figure.svg"', 'figure = "picture.svg"', 1))
    with pytest.raises(KoansError, match=r"figure: picture.svg is not beside it"):
        _ = Workbook(play.root).cards


# The command


def test_nothing_is_written_while_no_card_is_unlocked(play, tmp_path):
    file = tmp_path / "deck.apkg"
    nothing = play.says("cards", "export", str(file))
    assert nothing.returncode == 2 and not file.exists()
    assert nothing.stderr == (
        "koans: no card is unlocked yet: pass a koan to unlock its cards, or add --all to write the locked cards, too\n"
    )


def test_a_learners_deck_goes_from_a_pass_to_a_change_and_back(proved, collection, tmp_path):
    play, file = proved, tmp_path / "deck.apkg"
    output = play.says("cards", "export", str(file)).stdout
    written = int(output.split()[0])
    assert f"{len(play.workbook.cards) - written} are still locked" in " ".join(output.split())
    assert import_file(collection, file)["new"] == written
    now = time.time()
    days = [time.strftime("%Y-%m-%d", time.gmtime(at)) for at in (now, now - 86_400)]  # midnight may lie between
    proofs = [f"Proved by ch06_numerics/softmax, passed on {day}</small></p>" for day in days]
    assert note_of(collection, "softmax-subtract-max").fields[1].endswith(tuple(proofs))
    review(collection, "softmax-subtract-max", GOOD)
    before = schedules(collection)

    play.body("softmax", "return x")
    output = play.says("cards", "export", str(file)).stdout
    assert f"{written} of them depend on files that changed after they passed" in " ".join(output.split())
    assert import_file(collection, file) == {"new": 0, "updated": written, "duplicate": 0}
    back = note_of(collection, "softmax-subtract-max").fields[1]
    assert "its file has changed since then and has not passed again" in back
    assert schedules(collection) == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("deck.csv", "deck.csv: its name must end in .apkg (a package for Anki), .tsv or .txt (Anki's text format)"),
        ("deck", "deck: its name must end in .apkg"),
        ("none/deck.apkg", "none/deck.apkg: cannot be written: its folder does not exist"),
    ],
)
def test_where_no_deck_can_be_written_it_is_said_in_a_line(play, name, message):
    result = play.says("cards", "export", name, "--all")
    assert result.returncode == 2 and not result.stdout
    assert len(result.stderr.splitlines()) == 1 and message in result.stderr


def test_without_genanki_the_command_says_how_to_get_it(play):
    blocked = "import sys; sys.modules['genanki'] = None; from grader.cli import main; main()"
    result = play.python("-c", blocked, "cards", "export", "x.apkg", "--all")
    assert result.returncode == 2
    assert result.stderr == "koans: x.apkg: .apkg needs a library that is not installed: pip install genanki\n"
