"""Reviews made in Anki come back: with the real `anki` package, whose scheduler answers and whose exporters write."""

import json
import random
import time
import zipfile
from pathlib import Path

import pytest
from anki.collection import (
    Collection,
    DeckIdLimit,
    ExportAnkiPackageOptions,
    ImportAnkiPackageOptions,
    ImportAnkiPackageRequest,
    ImportCsvRequest,
)
from anki.scheduler.v3 import CardAnswer

from grader.book.errors import KoansError
from grader.learn.anki_import import Reviews, add, select
from grader.learn.cards import anki_log, anki_worker
from grader.learn.cards.export import render
from grader.learn.cards.note import notes
from grader.learn.cards.schedule import Plan, Review, replay
from grader.learn.progress import Progress

HOUR = 3_600_000  # milliseconds
RATING = {1: CardAnswer.AGAIN, 2: CardAnswer.HARD, 3: CardAnswer.GOOD, 4: CardAnswer.EASY}


@pytest.fixture
def collection(tmp_path):
    """An empty collection, closed at the end."""
    (tmp_path / "anki").mkdir()
    opened = [Collection(str(tmp_path / "anki/collection.anki2"))]
    yield opened[0]
    if opened[0].db:
        opened[0].close()


def import_deck(col, book, folder, cards, name="deck.apkg"):
    """Import our deck of these cards as Anki does. All its cards are new for today."""
    file = folder / name
    made = render(file, notes(book, cards, (), {}), folder / "exported.json")
    file.write_bytes(made if isinstance(made, bytes) else made.encode())
    if file.suffix == ".apkg":
        col.import_anki_package(ImportAnkiPackageRequest(package_path=str(file), options=ImportAnkiPackageOptions()))
    else:
        col.import_csv(ImportCsvRequest(path=str(file), metadata=col.get_csv_metadata(str(file), None)))
    config = col.decks.get_config(1)
    config["new"]["perDay"] = 9999
    col.decks.update_config(config)
    col.decks.select(col.decks.id("Tensor Koans"))


def answer(col, card, rating, at, took):
    """Answer a card at the time `at`, in milliseconds, as Anki's reviewer does."""
    own = col.get_card(card)
    own.start_timer()
    states = col._backend.get_scheduling_states(card)
    given = col.sched.build_answer(card=own, states=states, rating=RATING[rating])
    given.answered_at_millis, given.milliseconds_taken = at, took
    col.sched.answer_card(given)


def next_card(col):
    """The card that Anki shows next, and the id of our card."""
    (queued,) = col.sched.get_queued_cards(fetch_limit=1).cards
    return queued.card.id, col.get_note(queued.card.note_id).guid.removeprefix("tensor-koans/")


def card_of(col, name):
    (number,) = col.db.list(
        "select c.id from cards c join notes n on n.id = c.nid where n.guid = ?", f"tensor-koans/{name}"
    )
    return number


def session(col, seed, ago=HOUR, length=HOUR):
    """Review what Anki shows, with random ratings, and undo some in Anki. Returns the reviews that stay, and how many do not.

    It began `ago` milliseconds ago and takes `length` milliseconds.
    """
    rng = random.Random(seed)
    now = int(time.time() * 1000) - ago - 60_000
    end, reviews, undone = now + length, [], 0
    while now < end:
        card, name = next_card(col)
        rating, took = rng.choices((1, 2, 3, 4), (3, 1, 5, 1))[0], rng.randrange(900, 30_000)
        now += took + rng.randrange(1, 400)
        answer(col, card, rating, now, took)
        reviews.append(Review(name, rating, now / 1000, took / 1000))
        if rng.random() < 0.1:
            col.undo()
            reviews.pop()
            undone += 1
    return reviews, undone


def exported(col, folder, name, legacy=False):
    """The collection as a file of Anki. Exporting a collection closes it, so it is opened again."""
    file = folder / name
    if file.suffix == ".colpkg":
        col.export_collection_package(str(file), include_media=True, legacy=legacy)
        col.reopen()
    elif file.suffix == ".apkg":
        options = ExportAnkiPackageOptions(
            with_scheduling=True, with_deck_configs=False, with_media=True, legacy=legacy
        )
        deck = DeckIdLimit(deck_id=col.decks.id("Tensor Koans"))
        col.export_anki_package(out_path=str(file), options=options, limit=deck)
    else:
        col.close()
        file.write_bytes(Path(col.path).read_bytes())
        col.reopen()
    return file


def selected(book, file, unlocked=None):
    return select(anki_log.read(file), book.cards, book.cards if unlocked is None else unlocked, time.time())


def import_into(recall, book, file, **options):
    reviews, left = selected(book, file)
    return add(recall, file, reviews, left, **{"dry_run": False, **options})


# An hour in Anki


def test_an_hour_of_reviews_in_anki_comes_back_exactly_from_every_kind_of_file(book, collection, tmp_path):
    import_deck(collection, book, tmp_path, list(book.cards.values())[:80])
    reviews, undone = session(collection, seed=4)
    assert undone > 10 and len(reviews) > 150 and {review.rating for review in reviews} == {1, 2, 3, 4}
    files = [
        exported(collection, tmp_path, name, legacy)
        for name, legacy in (
            ("new.colpkg", False),
            ("old.colpkg", True),
            ("new.apkg", False),
            ("old.apkg", True),
            ("copy.anki2", False),
        )
    ]
    assert [set(zipfile.ZipFile(file).namelist()) & set(anki_worker.COLLECTIONS) for file in files[:4]] == [
        {"collection.anki2", "collection.anki21b"},
        {"collection.anki2", "collection.anki21"},
        {"collection.anki2", "collection.anki21b"},
        {"collection.anki2", "collection.anki21"},
    ]
    files.append(tmp_path / "oldest.apkg")  # as Anki 2.0 wrote it
    with zipfile.ZipFile(files[3]) as old, zipfile.ZipFile(files[-1], "w", zipfile.ZIP_DEFLATED) as oldest:
        oldest.writestr("collection.anki2", old.read("collection.anki21"))
        oldest.writestr("media", old.read("media"))
    for file in files:
        assert selected(book, file)[0] == reviews, file
    with Progress(tmp_path) as progress:
        counts = [import_into(progress.recall, book, file) for file in files]
        logged = progress.recall.reviews("card")
    assert [(c.new.reviews, c.known) for c in counts] == [(len(reviews), 0)] + [(0, len(reviews))] * 5
    assert sorted((r for own in logged.values() for r in own), key=lambda r: r.at) == reviews


def test_reviews_here_and_in_anki_interleave_and_the_schedule_is_a_replay_of_all(book, collection, tmp_path):
    import_deck(collection, book, tmp_path, list(book.cards.values())[:50])
    first, _ = session(collection, seed=1, ago=2 * HOUR, length=HOUR // 3)
    early = exported(collection, tmp_path, "early.colpkg")
    more, _ = session(collection, seed=2, length=HOUR // 3)
    late = exported(collection, tmp_path, "late.apkg")
    rng = random.Random(3)
    times = [review.at + 0.0003 for review in rng.sample([*first, *more], 40)]
    own = [Review(rng.choice(first).item, rng.choice((1, 3, 4)), at, 2.0) for at in times]
    own.sort(key=lambda review: review.at)
    results = []
    for order in ((early, late), (late, early), (late,)):
        folder = tmp_path / str(len(results))
        folder.mkdir()
        with Progress(folder) as progress:
            for review in own[:20]:
                progress.recall.review("card", review)
            for file in order:
                import_into(progress.recall, book, file)
                import_into(progress.recall, book, file)
            progress.recall.insert("card", own[20:])
            results.append((progress.recall.reviews("card"), progress.recall.schedule("card", Plan())))
    union = sorted([*first, *more, *own], key=lambda review: review.at)
    by_item = {}
    for review in union:
        by_item[review.item] = (*by_item.get(review.item, ()), review)
    assert {item: sorted(reviews, key=lambda r: r.at) for item, reviews in results[0][0].items()} == {
        item: list(reviews) for item, reviews in by_item.items()
    }
    assert results[0] == results[1] == results[2]
    assert results[0][1] == {item: replay(reviews, Plan()) for item, reviews in by_item.items()}


def test_a_review_that_was_taken_back_here_does_not_come_back_with_the_next_import(book, collection, tmp_path):
    name = next(iter(book.cards))
    import_deck(collection, book, tmp_path, [book.cards[name]])
    now = int(time.time() * 1000)
    answer(collection, card_of(collection, name), 1, now - 5000, 1000)
    answer(collection, card_of(collection, name), 4, now, 1500)
    file = exported(collection, tmp_path, "a.colpkg")
    with Progress(tmp_path) as progress:
        assert import_into(progress.recall, book, file).new == Reviews(2, 1)
        assert progress.misses() == {name: 1}
        progress.recall.take_back("card", name)
        again = import_into(progress.recall, book, file)
        assert (again.new.reviews, again.known) == (0, 2)
        assert progress.recall.reviews("card") == {name: (Review(name, 1, (now - 5000) / 1000, 1.0),)}
        progress.recall.take_back("card", name)
        assert progress.misses() == {} and progress.recall.schedule("card", Plan()) == {}


# What counts


def test_only_answers_that_affect_ankis_schedule_count(book, collection, tmp_path):
    names = list(book.cards)[:6]
    import_deck(collection, book, tmp_path, [book.cards[name] for name in names])
    now = int(time.time() * 1000) - HOUR
    cards = [card_of(collection, name) for name in names]
    for i, card in enumerate(cards):
        answer(collection, card, 4, now + i, 1000)
    collection.sched.schedule_cards_as_new([cards[0]])
    collection.sched.set_due_date([cards[1]], "9")
    collection.sched.suspend_cards([cards[2]])
    for position, reschedule in ((3, True), (4, False)):
        deck = collection.sched.get_or_create_filtered_deck(0)
        deck.name = f"filtered {position}"
        del deck.config.search_terms[:]
        term = deck.config.search_terms.add()
        term.search, term.limit = f"cid:{cards[position]}", 10
        deck.config.reschedule = reschedule
        collection.sched.add_or_update_filtered_deck(deck)
        answer(collection, cards[position], 3, now + 60_000 + position, 2000)
    collection.remove_notes([collection.get_card(cards[5]).nid])
    reviews, left = selected(book, exported(collection, tmp_path, "a.colpkg"))
    assert [(r.item, r.rating, round(r.at * 1000) - now) for r in reviews] == [
        *((name, 4, i) for i, name in enumerate(names[:5])),
        (names[3], 3, 60_003),
    ]
    kinds = collection.db.list("select type from revlog order by id")
    assert sorted(kinds) == [0] * 6 + [3, 3, 4, 4]
    assert (left.unrated, left.cramming, left.deleted, left.time, left.template) == (2, 1, 1, 0, 0)


@pytest.mark.parametrize("suffix", [".apkg", ".tsv"])
def test_our_notes_are_found_whatever_they_have_become(book, collection, tmp_path, suffix):
    names = list(book.cards)[:3]
    import_deck(collection, book, tmp_path, [book.cards[name] for name in names], f"deck{suffix}")
    cards = [card_of(collection, name) for name in names]
    other = collection.new_note(collection.models.by_name("Basic"))
    other["Front"] = "another note"
    collection.add_note(other, collection.decks.id("Other"))
    note = collection.get_card(cards[0]).note()
    note.fields, note.tags = ["edited", "by hand"], ["mine"]
    collection.update_note(note)
    collection.set_deck(cards, collection.decks.id("Mine::Elsewhere"))
    collection.decks.remove([collection.decks.id("Tensor Koans")])
    model = note.note_type()
    template = collection.models.new_template("Reversed")
    template["qfmt"], template["afmt"] = "{{Back}}", "{{Front}}"
    collection.models.add_template(model, template)
    model["tmpls"] = model["tmpls"][::-1] if suffix == ".apkg" else model["tmpls"]
    collection.models.update_dict(model)
    now = int(time.time() * 1000) - HOUR
    own = 1 if suffix == ".apkg" else 0  # the position of our template: the learner moved it to the end
    for i, name in enumerate(names):
        for number, position in collection.db.all(
            "select c.id, c.ord from cards c join notes n on n.id = c.nid where n.guid = ?", f"tensor-koans/{name}"
        ):
            answer(collection, number, 3 if position == own else 1, now + 10 * i + position, 700)
    answer(collection, other.cards()[0].id, 2, now + 99, 700)
    reviews, left = selected(book, exported(collection, tmp_path, "a.colpkg"))
    assert [(review.item, review.rating) for review in reviews] == [(name, 3) for name in names]
    assert (left.template, left.other_notes) == (3, 1)


def test_cards_that_are_locked_or_gone_are_counted_and_left_out_until_they_are_there(book, collection, tmp_path):
    names = list(book.cards)[:4]
    import_deck(collection, book, tmp_path, [book.cards[name] for name in names])
    now = int(time.time() * 1000) - HOUR
    for i, name in enumerate(names):
        answer(collection, card_of(collection, name), 3, now + i, 100)
        answer(collection, card_of(collection, name), 3, now + 60_000 + i, 100)
    file = exported(collection, tmp_path, "a.colpkg")
    log = anki_log.read(file)
    cards = dict(book.cards)
    del cards[names[0]]
    reviews, left = select(log, cards, {names[1], names[2]}, time.time())
    assert {review.item for review in reviews} == {names[1], names[2]}
    assert (left.gone, left.locked) == (Reviews(2, 1), Reviews(2, 1))
    with Progress(tmp_path) as progress:
        assert add(progress.recall, file, reviews, left, dry_run=True).new == Reviews(4, 2)
        assert progress.recall.reviews("card") == {}
        add(progress.recall, file, reviews, left, dry_run=False)
        reviews, left = select(log, book.cards, names, time.time())
        assert add(progress.recall, file, reviews, left, dry_run=False).new == Reviews(4, 2)


@pytest.mark.parametrize(
    ("column", "value"),
    [("id", 5), ("id", 2**62), ("id", -1), ("ease", 5), ("ease", -1), ("time", -1), ("time", 2**40)],
)
def test_impossible_times_and_ratings_do_not_reach_the_log(book, collection, tmp_path, column, value):
    name = next(iter(book.cards))
    import_deck(collection, book, tmp_path, [book.cards[name]])
    now = int(time.time() * 1000) - HOUR
    answer(collection, card_of(collection, name), 3, now, 100)
    answer(collection, card_of(collection, name), 4, now + 90_000, 100)
    collection.db.execute(f"update revlog set {column} = ? where id = ?", value, now)
    reviews, left = selected(book, exported(collection, tmp_path, "a.anki2"))
    assert reviews == [Review(name, 4, (now + 90_000) / 1000, 0.1)]
    assert left.time == 1


# The file


def test_files_that_are_not_ankis_are_refused_in_one_line(tmp_path, monkeypatch):
    def why(name, data):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(KoansError) as error:
            anki_log.read(tmp_path / name)
        assert len(str(error.value).splitlines()) == 1
        return str(error.value).removeprefix(f"{tmp_path / name}: ")

    empty = tmp_path / "empty.zip"
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert why("a.colpkg", b"") == why("a.apkg", b"hello" * 99) == why("b.apkg", empty.read_bytes())
    assert why("a.apkg", b"hello").startswith("it is neither a package (.colpkg, .apkg) nor a collection")
    assert why("c.anki2", b"SQLite format 3\0" + b"\1" * 5000).startswith("Anki cannot read it (")
    for names in (["collection.anki2"], ["collection.anki21", "meta"], ["collection.anki21b", "meta"]):
        with zipfile.ZipFile(empty, "w") as archive:
            for name in names:
                archive.writestr(name, b"\x08\x03" if name == "meta" else b"no database")
        assert why("d.colpkg", empty.read_bytes()).startswith("Anki cannot read it (")
    with pytest.raises(KoansError, match=r"x.txt: its name must end in .colpkg, .apkg, .anki2 or .anki21"):
        anki_log.read(tmp_path / "x.txt")
    with pytest.raises(KoansError, match=r"none.apkg: cannot be read \("):
        anki_log.read(tmp_path / "none.apkg")


def test_a_package_cut_short_or_changed_anywhere_is_one_line_or_the_same_log(book, collection, tmp_path):
    import_deck(collection, book, tmp_path, list(book.cards.values())[:30])
    session(collection, seed=6, length=HOUR // 10)
    whole = exported(collection, tmp_path, "a.colpkg")
    log, data, rng = anki_log.read(whole), whole.read_bytes(), random.Random(1)
    outcomes = []
    for n in range(8):
        damaged = bytearray(data[: rng.randrange(len(data))] if n < 3 else data)
        for _ in range(20 if n >= 3 else 0):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        (tmp_path / "b.colpkg").write_bytes(damaged)
        try:
            outcomes.append(anki_log.read(tmp_path / "b.colpkg"))
        except KoansError as error:
            outcomes.append(len(str(error).splitlines()))
    assert outcomes[:3] == [1, 1, 1]
    assert [outcome for outcome in outcomes if outcome not in (1, log)] == []
    assert anki_log.read(whole) == log


@pytest.mark.needs("limits")
def test_a_collection_that_unpacks_to_too_much_is_refused_before_it_fills_the_disk(tmp_path):
    deflated = tmp_path / "deflated.apkg"
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("collection.anki2", b"\0" * (80 << 20))
    with pytest.raises(KoansError, match=r"deflated.apkg: its collection has more than 32 MiB"):
        anki_log.read(deflated, 32 << 20)
    # A zstd frame of 800 blocks, each 128 KiB of one byte.
    block = int.to_bytes(1 << 1 | (128 << 10) << 3, 3, "little") + b"\0"
    zstd = tmp_path / "zstd.apkg"
    with zipfile.ZipFile(zstd, "w") as archive:
        archive.writestr("meta", b"\x08\x03")
        archive.writestr("collection.anki21b", bytes.fromhex("28b52ffd0058") + block * 800 + b"\1\0\0")
    with pytest.raises(KoansError, match=r"zstd.apkg: its collection has more than 32 MiB"):
        anki_log.read(zstd, 32 << 20)


def test_nothing_beside_a_collection_changes_and_a_collection_in_use_is_read_with_its_latest_reviews(
    book, collection, tmp_path
):
    name = next(iter(book.cards))
    import_deck(collection, book, tmp_path, [book.cards[name]])
    answer(collection, card_of(collection, name), 3, int(time.time() * 1000), 100)
    file = Path(collection.path)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in file.parent.iterdir() if path.is_file()}
    reviews, _ = selected(book, file)  # while Anki has it open
    assert [review.item for review in reviews] == [name]
    assert {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in file.parent.iterdir() if path.is_file()
    } == before


# The command


def test_a_learners_reviews_go_to_anki_and_back(proved, collection, tmp_path):
    proved.says("cards", "export", str(tmp_path / "deck.apkg"), "--all")
    collection.import_anki_package(
        ImportAnkiPackageRequest(package_path=str(tmp_path / "deck.apkg"), options=ImportAnkiPackageOptions())
    )
    now = int(time.time() * 1000) - HOUR
    answer(collection, card_of(collection, "softmax-subtract-max"), 1, now, 4000)
    answer(collection, card_of(collection, "softmax-subtract-max"), 3, now + 60_000, 3000)
    answer(collection, card_of(collection, "exp-1000"), 4, now + 90_000, 2000)
    answer(collection, card_of(collection, "gelu-exact"), 4, now + 95_000, 2000)
    schedules = collection.db.all("select * from cards order by id")
    file = exported(collection, tmp_path, "mine.colpkg")

    dry = json.loads(proved.says("cards", "import", str(file), "--dry-run", "--json").stdout)
    assert (dry["dry_run"], dry["new"], dry["known"]) == (True, {"reviews": 3, "cards": 2}, 0)
    assert {c["id"]: c["reviews"] for c in json.loads(proved.says("cards", "--json").stdout)}["exp-1000"] == 0
    said = proved.says("cards", "import", str(file), env={"COLUMNS": "300"})
    assert " ".join(said.stdout.split()) == (
        f"3 reviews of 2 cards added from {file} left out: 1 review of 1 locked card; "
        "pass their koans (`koans cards`), then import again"
    )
    by_id = {card["id"]: card for card in json.loads(proved.says("cards", "--json").stdout)}
    assert (by_id["softmax-subtract-max"]["reviews"], by_id["exp-1000"]["reviews"]) == (2, 1)
    assert by_id["gelu-exact"]["state"] == "locked"
    stats = json.loads(proved.says("stats", "--json").stdout)
    assert (stats["reviews"], stats["seen"]) == (3, 2)
    with Progress(proved.root) as progress:
        assert progress.misses() == {"softmax-subtract-max": 1}
    again = proved.says("cards", "import", str(file), env={"COLUMNS": "300"})
    assert " ".join(again.stdout.split()).startswith(f"no new review in {file}: 3 there already left out: ")

    # A new export changes no schedule in Anki.
    proved.says("cards", "export", str(tmp_path / "deck.apkg"), "--all")
    collection.import_anki_package(
        ImportAnkiPackageRequest(package_path=str(tmp_path / "deck.apkg"), options=ImportAnkiPackageOptions())
    )
    assert collection.db.all("select * from cards order by id") == schedules


def test_a_deck_without_reviews_says_what_anki_must_export(proved, tmp_path):
    proved.says("cards", "export", str(tmp_path / "deck.apkg"))
    result = proved.says("cards", "import", str(tmp_path / "deck.apkg"), env={"COLUMNS": "300"})
    assert " ".join(result.stdout.split()) == (
        f"no new review in {tmp_path / 'deck.apkg'} a deck has its reviews only if Anki exported it with its scheduling "
        "information"
    )


def test_an_imported_first_review_of_today_is_one_of_todays_new_cards(proved, collection, tmp_path):
    from grader.learn.due import new_cards_left
    from grader.learn.settings import Settings

    proved.says("cards", "export", str(tmp_path / "deck.apkg"))
    collection.import_anki_package(
        ImportAnkiPackageRequest(package_path=str(tmp_path / "deck.apkg"), options=ImportAnkiPackageOptions())
    )
    now = time.time()
    answer(collection, card_of(collection, "exp-1000"), 3, int(now * 1000), 100)
    answer(collection, card_of(collection, "softmax-subtract-max"), 3, int(now * 1000) - 3 * 24 * HOUR, 100)
    proved.says("cards", "import", str(exported(collection, tmp_path, "mine.apkg")))
    with Progress(proved.root) as progress:
        assert new_cards_left(progress, Settings(new_per_day=10), now) == 9


def test_without_the_package_of_anki_one_line_says_how_to_get_it(play, tmp_path):
    (tmp_path / "a.apkg").write_bytes(b"x")
    blocked = "import sys; sys.modules['anki'] = None; from grader.cli import main; main()"
    result = play.python("-c", blocked, "cards", "import", str(tmp_path / "a.apkg"))
    assert result.returncode == 2
    assert result.stderr == (
        f"koans: {tmp_path / 'a.apkg'}: reading it needs the package of Anki: pip install 'tensor-koans[anki]'\n"
    )
