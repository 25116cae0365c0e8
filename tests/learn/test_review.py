"""Reviews and re-solves: the log, the schedule derived from it, and the loops in the terminal."""

import errno
import io
import json
import os
import random
import signal
import sqlite3
import threading
import time

import pytest
from rich.console import Console

from grader.book.errors import KoansError
from grader.book.stubs import STUB, stub_of
from grader.book.terminal import SafeConsole, console
from grader.book.verdict import Status, Verdict
from grader.book.verdict import TestResult as Result
from grader.judge.runner import Runner
from grader.learn import progress as module
from grader.learn import re_solving
from grader.learn.attempts import attempt
from grader.learn.cards import re_solve_session
from grader.learn.cards.review_session import begin, step
from grader.learn.cards.schedule import Memory, Plan, Review, choices, replay, retrievability
from grader.learn.due import cards, koans, review_queue
from grader.learn.first_solve import Activity, first_solves
from grader.learn.mistakes import Finding
from grader.learn.progress import Progress
from grader.learn.recall import Answer, Recall
from grader.learn.review_ui.keyboard import Keyboard
from grader.learn.review_ui.re_solve import run_once, solve_on_terminal
from grader.learn.review_ui.review import review as run_review
from grader.learn.review_ui.screens import Screens
from grader.learn.settings import Settings, change, load
from tests.terminal import Terminal

DAY = 86_400.0
START = 1_790_000_000.0  # some moment in 2026
CARDS, KOANS = Plan(), Plan(0.8, minutes=False)


def a_year(seed, cards=150):
    """Reviews of a learner who reviews the due cards on most days of a year, three times a day with breaks of ten minutes."""
    rng = random.Random(seed)
    log, histories, memories = [], {}, {}
    for day in range(365):
        if rng.random() < 0.2:
            continue
        now = START + day * DAY + rng.uniform(0, 6 * 3600)
        for _ in range(3):
            new = [f"card-{i}" for i in range(cards) if f"card-{i}" not in histories][:1]
            due = [item for item, memory in memories.items() if memory.is_due(now)]
            for item in [*due, *new]:
                review = Review(item, rng.choices((1, 2, 3, 4), (1, 1, 6, 2))[0], now, rng.uniform(2, 40))
                histories[item] = (*histories.get(item, ()), review)
                memories[item] = replay(histories[item], CARDS)
                log.append(review)
                now += review.seconds
            now += 600
    return log


# The log and the schedule


def test_a_year_of_reviews_replays_from_the_log_to_the_identical_schedule(tmp_path):
    log = a_year(seed=7)
    assert len(log) > 1000
    with Progress(tmp_path) as progress:
        progress._db.execute("pragma synchronous = off")  # no waiting for the disk 1,500 times
        for review in log:
            progress.recall.review("card", review)
            if review.rating == 1 and review.seconds < 5:  # the cache may be computed at any length of the log
                progress.recall.schedule("card", CARDS)
        cached = progress.recall.schedule("card", CARDS)
    with Progress(tmp_path) as progress:
        assert progress.recall.schedule("card", CARDS) == cached
    with sqlite3.connect(tmp_path / ".koans/progress.db") as db:
        db.execute("delete from schedule")
    db.close()
    with Progress(tmp_path) as progress:
        assert progress.recall.schedule("card", CARDS) == cached
        history = progress.recall.reviews("card")
    assert {item: replay(reviews, CARDS) for item, reviews in history.items()} == cached
    order = list(history)
    assert [r for reviews in history.values() for r in reviews] == sorted(log, key=lambda r: order.index(r.item))


def test_another_fsrs_or_another_retention_replays_the_same_log(tmp_path, monkeypatch):
    with Progress(tmp_path) as progress:
        for review in a_year(seed=3, cards=5):
            progress.recall.review("card", review)
        before = progress.recall.schedule("card", CARDS)
        lower = progress.recall.schedule("card", Plan(0.8))
        assert lower.keys() == before.keys()
        assert all(lower[item].due >= before[item].due for item in before)
        assert sum(lower[item].due > before[item].due for item in before) > 0
        assert progress.recall.schedule("card", CARDS) == before
    with sqlite3.connect(tmp_path / ".koans/progress.db") as db:
        rests_on = {on for (on,) in db.execute("select rests_on from schedule")}
    db.close()
    assert all(on.startswith("fsrs 6.") for on in rests_on)
    monkeypatch.setattr("importlib.metadata.version", lambda name: "6.99")
    monkeypatch.setattr("grader.learn.recall.replay", lambda reviews, plan: Memory(1, 2, 3, 4, 2, None))
    with Progress(tmp_path) as progress:
        assert set(progress.recall.schedule("card", CARDS).values()) == {Memory(1, 2, 3, 4, 2, None)}


def test_a_review_taken_back_leaves_no_trace_in_the_schedule(tmp_path):
    with Progress(tmp_path) as progress:
        progress.recall.review("card", Review("a", 3, START))
        progress.recall.review("card", Review("b", 3, START))
        once = progress.recall.schedule("card", CARDS)
        progress.recall.review("card", Review("a", 1, START + DAY))
        assert progress.recall.schedule("card", CARDS) != once
        assert progress.misses() == {"a": 1}
        progress.recall.take_back("card", "a")
        assert progress.recall.schedule("card", CARDS) == once
        assert progress.misses() == {}
        progress.recall.take_back("card", "a")
        assert set(progress.recall.schedule("card", CARDS)) == {"b"}
        progress.recall.take_back("card", "a")  # nothing is left to take back
        assert set(progress.recall.schedule("card", CARDS)) == {"b"}


def test_reviews_from_elsewhere_take_their_places_in_time_and_count_once(tmp_path):
    own = [Review("a", 3, START), Review("a", 4, START + 5 * DAY, 7.0), Review("a", 1, START + 4 * DAY)]  # set back
    with Progress(tmp_path) as progress:
        for review in own:
            progress.recall.review("card", review)
        progress.recall.schedule("card", CARDS)  # what is cached must not stay
        early, between = Review("a", 2, START - DAY, 1.0), Review("a", 3, START + 2 * DAY)
        same = Review("a", 4, START + 5 * DAY)
        assert progress.recall.insert("card", [between, same, early, Review("b", 3, START), between]) == 3
        assert progress.recall.reviews("card") == {
            "a": (early, own[0], between, *own[1:]),
            "b": (Review("b", 3, START),),
        }
        schedule = progress.recall.schedule("card", CARDS)
        assert schedule["a"] == replay([early, own[0], between, *own[1:]], CARDS)
        progress.recall.take_back("card", "b")
        assert progress.recall.insert("card", [early, Review("b", 3, START)]) == 0
        assert set(progress.recall.reviews("card")) == {"a"}
        assert progress.recall.insert("koan", [early]) == 1  # a koan is another item
        progress.recall.review("card", last := Review("a", 3, START))  # what is rated now comes last, whatever its time
        assert progress.recall.reviews("card")["a"][-1].rating == last.rating
        assert progress.recall.reviews("card")["a"][-1].at == pytest.approx(START)


def days(memory, since):
    return round((memory.due - since) / DAY, 3)


def test_a_clock_set_back_does_no_harm():
    steady = [Review("a", 3, START), Review("a", 3, START + 600), Review("a", 3, START + 3 * DAY)]
    usual = replay(steady, CARDS)
    # Set back by an hour: no time has passed since the review before it.
    back = replay([*steady, Review("a", 3, START + 3 * DAY - 3600)], CARDS)
    same = replay([*steady, Review("a", 3, START + 3 * DAY)], CARDS)
    assert (back.stability, back.difficulty) == (same.stability, same.difficulty)
    assert days(back, START + 3 * DAY - 3600) == days(same, START + 3 * DAY)
    # A review dated 1970, then the right time again: the next counts from the last right one.
    later = START + 20 * DAY
    lost = replay([*steady, Review("a", 3, 1000.0)], CARDS)
    assert lost.is_due(START + 4 * DAY)
    resumed = replay([*steady, Review("a", 3, 1000.0), Review("a", 3, later)], CARDS)
    assert days(resumed, later) == pytest.approx(days(replay([*steady, Review("a", 3, later)], CARDS), later), rel=0.2)
    # A review dated four years ahead: due at once when the clock is right again, and back on its way after that.
    ahead = [*steady, Review("a", 3, START + 1460 * DAY)]
    assert replay(ahead, CARDS).is_due(START + 4 * DAY)
    right = replay([*ahead, Review("a", 3, START + 4 * DAY)], CARDS)
    assert not right.is_due(START + 4 * DAY + 60)
    assert right.due < START + 4 * DAY + 400 * DAY
    assert usual.is_due(START + 400 * DAY)


def test_the_four_ratings_order_the_intervals_and_a_koan_never_waits_minutes():
    reviews = [Review("a", 3, START), Review("a", 3, START + 600)]
    for plan, history in ((CARDS, []), (CARDS, reviews), (KOANS, reviews), (KOANS, [])):
        intervals = choices(history, plan, START + 4 * DAY)
        assert list(intervals) == [1, 2, 3, 4]
        assert list(intervals.values()) == sorted(intervals.values())
        assert plan.minutes or intervals[1] >= DAY
    assert choices([], CARDS, START)[1] == 60
    assert retrievability(reviews, CARDS, START + 600) == 1
    assert 0.5 < retrievability(reviews, CARDS, START + 10 * DAY) < 0.9


def test_misses_count_again_ratings_wrong_answers_and_low_self_ratings(tmp_path):
    with Progress(tmp_path) as progress:
        for rating in (1, 2, 1, 4):
            progress.recall.review("card", Review("a", rating, START))
        progress.recall.review("koan", Review("ch06_numerics/softmax", 1, START))
        progress.recall.answer(Answer("q", START, "b", correct=False))
        progress.recall.answer(Answer("q", START, "a", correct=True))
        progress.recall.answer(Answer("r", START, "hm", rating=2))
        progress.recall.answer(Answer("r", START, "so", rating=3))
        progress.recall.answer(Answer("p", START, "a guess"))
        assert progress.misses() == {"a": 2, "q": 1, "r": 1}


# The file


OLD = """
create table attempts (
    id integer primary key, koan text not null, at real not null, content text not null, status text not null,
    fast text, seconds real not null, verdict blob not null);
create index attempts_by_koan on attempts (koan, id);
create table hints (koan text not null, tier integer not null, at real not null, primary key (koan, tier));
create table peeks (koan text not null, at real not null);
pragma user_version = 1;
"""


def test_a_progress_file_of_version_1_is_brought_up_in_place_with_every_attempt(tmp_path, book):
    koan = book.koan("softmax")
    folder = tmp_path / ".koans"
    folder.mkdir()
    verdict = Verdict(koan.id, "learner", Status.passed)
    with sqlite3.connect(folder / "progress.db") as db:
        db.executescript(OLD)
        db.execute(
            "insert into attempts (koan, at, content, status, fast, seconds, verdict) values (?,?,?,?,?,?,?)",
            (koan.id, START, module.digest("text"), "passed", None, 0.5, module.msgspec.json.encode(verdict)),
        )
        test = Result("t", "t", Status.failed, looks={"no_max": "no maximum"}, cards=("exp-1000",))
        wrong = Verdict(koan.id, "learner", Status.failed, tests=(test,), names=("no_max",))
        db.execute(
            "insert into attempts (koan, at, content, status, fast, seconds, verdict) values (?,?,?,?,?,?,?)",
            (koan.id, START, module.digest("x"), "failed", None, 0.5, module.msgspec.json.encode(wrong)),
        )
        db.execute("insert into hints values (?,?,?)", (koan.id, 2, START))
        db.execute("insert into peeks values (?,?)", (koan.id, START))
    db.close()
    for _ in range(2):
        with Progress(tmp_path) as progress:
            assert progress.last_pass(koan) == (verdict, START, module.digest("text"))
            assert (progress.hints(koan), progress.peeked(koan)) == (2, True)
            progress.recall.review("card", Review("a", 3, time.time()))
            (mistake,) = progress.mistakes.occurrences()
            assert mistake.found == Finding(("no_max",), ("no maximum",), ("exp-1000",))
    assert [file.name for file in folder.iterdir()] == ["progress.db"]
    with sqlite3.connect(folder / "progress.db") as db:
        assert db.execute("pragma user_version").fetchone() == (4,)
    db.close()


# A session: keys in, what is on the screen and in the log out


def press(session, keys, now=START, each=5.0):
    """The session after these keys, pressed `each` seconds apart, the effects, and the time of the last key."""
    effects = []
    for key in keys:
        now += each
        session, effect = step(session, key, now)
        effects += [effect] if effect else []
    return session, effects, now


def test_a_key_reveals_and_a_digit_rates_and_the_next_card_comes():
    session = begin(["a", "b"], {}, CARDS, START)
    assert (session.card, session.revealed, session.left) == ("a", False, 2)
    session, effects, _ = press(session, ["3"])
    assert (session.card, session.revealed, effects) == ("a", True, [])  # a digit reveals; it does not rate unseen
    session, effects, _ = press(session, ["x", "9", "4"])
    assert [(e.verb, e.review.item, e.review.rating, e.review.seconds) for e in effects] == [("review", "a", 4, 15.0)]
    assert (session.card, session.revealed, session.left) == ("b", False, 1)
    session, _, _ = press(session, [" ", "4"])
    assert (session.card, session.left, session.ended) == (None, 0, False)  # the last rating can still be taken back
    assert press(session, ["enter"])[0].ended


def test_a_card_rated_again_comes_back_in_the_same_session():
    session, _, now = press(begin(["a", "b", "c"], {}, CARDS, START), [" ", "1", " ", "4"])
    assert session.card == "c"  # its minute is not over
    session, _, _ = press(session, [" ", "4"], now + 60)
    assert session.card == "a"
    early, _, _ = press(begin(["a"], {}, CARDS, START), [" ", "1"])
    assert early.card == "a"  # nothing else is left
    done, effects, _ = press(early, [" ", "3", " ", "4"])
    assert done.card is None
    assert [e.review.rating for e in effects] == [3, 4]


def test_undo_takes_back_one_rating_after_the_other_and_the_cards_return_in_order():
    start = begin(["a", "b"], {"a": (Review("a", 3, START - 9 * DAY),)}, CARDS, START)
    session, effects, _ = press(start, [" ", "3", " ", "4", "u", "u", "u"])
    assert [(e.verb, e.review.item) for e in effects] == [
        ("review", "a"),
        ("review", "b"),
        ("take back", "b"),
        ("take back", "a"),
    ]
    assert (session.card, session.waiting, session.done) == ("a", ("b",), ())
    assert dict(session.histories)["a"] == dict(start.histories)["a"]
    assert session.intervals(START) == start.intervals(START)


def test_q_and_the_end_of_input_end_it():
    for key in ("q", ""):
        assert step(begin(["a"], {}, CARDS, START), key, START)[0].ended


def test_the_intervals_shown_are_those_that_come_true():
    history = {"a": (Review("a", 3, START - 9 * DAY), Review("a", 3, START - 9 * DAY + 600))}
    for rating in (1, 2, 3, 4):
        session = begin(["a"], history, CARDS, START)
        interval = session.intervals(START + 10)[rating]
        after, _, _ = press(session, [" ", str(rating)])
        assert replay(after.history("a"), CARDS).due == START + 10 + interval


# What is due


def state(play, card):
    with Progress(play.root) as progress:
        return next(s for s in cards(play.workbook, progress, Settings(), time.time()) if s.card.id == card)


def log(play, *reviews):
    with Progress(play.root) as progress:
        for review in reviews:
            progress.recall.review("card", review)


def review(play, keys, *args):
    result = play.says("review", *args, lines=keys)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_listing_says_what_is_new_due_later_and_locked_by_which_koan(proved):
    now = time.time()
    log(proved, Review("softmax-subtract-max", 3, now - 30 * DAY), Review("exp-1000", 4, now - 60))
    by_id = {card["id"]: card for card in json.loads(proved.says("cards", "--json").stdout)}
    assert list(by_id) == list(proved.workbook.cards)
    assert by_id["softmax-overflow-symptom"]["state"] == "new"
    assert by_id["softmax-subtract-max"]["state"] == "due"
    later = by_id["exp-1000"]
    assert (later["state"], later["reviews"]) == ("later", 1)
    assert later["due"] > time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + DAY))
    locked = by_id["causal-mask"]
    assert (locked["state"], locked["waits_for"]) == ("locked", ["ch07_attention/causal_mask"])
    cited = by_id["gpt-3-had-no-bf16"]
    assert cited["state"] == "locked"
    assert len(cited["waits_for"]) == len(proved.workbook.chapter("6").koans) - 1
    listing = proved.says("cards").stdout
    assert "due    softmax-subtract-max" in listing
    assert "new    softmax-overflow-symptom" in listing
    assert "causal_mask (2)" in listing
    all_of_chapter = proved.says("cards", "--chapter", "7", "--all").stdout
    assert "causal-mask-cache" in all_of_chapter and "softmax-subtract-max" not in all_of_chapter


def test_a_cited_card_unlocks_with_the_last_koan_of_its_chapter(tmp_path, book):
    chapter = book.chapter("14")
    card = next(c for c in book.cards.values() if c.chapter == chapter.id and c.evidence == "cited")
    with Progress(tmp_path) as progress:
        for koan in chapter.koans:
            assert card.id not in progress.unlocked(book)
            progress.record(Verdict(koan.id, "learner", Status.passed), "text")
        assert card.id in progress.unlocked(book)


def test_due_cards_come_before_new_ones_and_new_ones_are_so_many_a_day(proved):
    now = time.time()
    log(proved, Review("softmax-bug-returns", 3, now - 30 * DAY), Review("exp-1000", 3, now - 60 * DAY))
    assert proved.says("settings", "new_per_day", "1").returncode == 0
    keys = ["", "4", "", "4", "", "4", "", "4"]
    output = review(proved, keys)
    assert "3 reviews of 3 cards, 0 rated again" in output
    with Progress(proved.root) as progress:
        seen = list(progress.recall.reviews("card"))
    assert sorted(seen[:2]) == ["exp-1000", "softmax-bug-returns"]
    assert len(seen) == 3
    assert "nothing was reviewed" in review(proved, keys)  # today's new card has been seen


MISTAKE = "exp before subtracting the row maximum: `exp` overflows"


def made_a_mistake(play, card):
    """Record a failed attempt of a text that looks like a known wrong answer, in a test that proves this card."""
    looks = {"no_max": MISTAKE}
    tests = (
        Result("a", "a", Status.failed, looks=looks, cards=(card,)),
        Result("b", "b", Status.failed, looks={"other": "other"}, cards=("softmax-bug-returns",)),
        Result("c", "c", Status.passed, cards=("softmax-overflow-symptom",)),
    )
    with Progress(play.root) as progress:
        progress.record(
            Verdict("ch06_numerics/softmax", "learner", Status.failed, tests=tests, names=("no_max",)), "x = 1"
        )


def test_cards_of_mistakes_come_first_among_the_due_and_among_the_new(proved):
    def queue():
        with Progress(proved.root) as progress:
            standings = cards(proved.workbook, progress, Settings(), time.time())
        return [s.card.id for s in review_queue(standings, 99)]

    now = time.time()
    log(proved, Review("softmax-bug-returns", 3, now - 60 * DAY), Review("exp-1000", 3, now - 30 * DAY))
    before = queue()
    assert before[:2] == ["softmax-bug-returns", "exp-1000"]
    made_a_mistake(proved, "exp-1000")
    made_a_mistake(proved, before[-1])
    after = queue()
    assert after[:3] == ["exp-1000", "softmax-bug-returns", before[-1]] and sorted(after) == sorted(before)


def test_a_card_of_a_mistake_says_so_and_its_answer_says_which(proved):
    made_a_mistake(proved, "exp-1000")
    shown = review(proved, ["", "3", "q"])
    front, _, back = shown.partition("────")
    assert "new, because of a mistake that you made" in front and "exp before" not in front
    words = " ".join(back.split())
    assert "your mistake in ch06_numerics/softmax on " in words
    assert "exp before subtracting the row maximum: exp overflows" in words
    listed = {card["id"]: card["mistake"] for card in json.loads(proved.says("cards", "--json").stdout)}
    assert listed["exp-1000"]["says"] == MISTAKE and listed["exp-1000"]["at"].endswith("Z")
    assert {card for card, mistake in listed.items() if mistake} == {"exp-1000"}


def test_the_path_says_how_many_cards_are_due(proved):
    output = proved.says().stdout
    assert f"1 of {len(proved.workbook.koans)} koans passed" in output
    with Progress(proved.root) as progress:
        standings = cards(proved.workbook, progress, Settings(), time.time())
    unlocked = sum(standing.state == "new" for standing in standings)
    assert f"koans passed, {unlocked} cards to review (koans review)" in output
    assert 2 <= unlocked <= Settings().new_per_day


def test_a_limit_holds_and_what_was_done_before_q_is_kept(proved):
    output = review(proved, ["", "3", "", "q"], "--limit", "3")
    assert "1 review of 1 card, 0 rated again" in output
    assert "proved by ch06_numerics/softmax, passed on" in output
    assert "1 again   2 hard   3 good   4 easy" in output
    assert "coming up" in output
    with Progress(proved.root) as progress:
        assert [len(r) for r in progress.recall.reviews("card").values()] == [1]


@pytest.mark.needs("time zones")
def test_days_are_the_learners_own(proved):
    # The same moment is Monday in one place and Tuesday in another.
    moment = 1_790_040_600.0  # Tue 22 Sep 2026, 00:50 UTC
    code = "from grader.learn.due import forecast\nprint([str(d) for d, n in forecast([{0} + 86400], {0}, 3) if n], forecast([1.0], {0})[0][0])"
    days = {}
    for zone in ("UTC", "America/Los_Angeles"):
        run = proved.python("-c", code.format(moment), env={"TZ": zone})
        days[zone] = run.stdout.strip()
    assert days == {"UTC": "['2026-09-23'] 2026-09-22", "America/Los_Angeles": "['2026-09-22'] 2026-09-21"}


def test_a_card_whose_file_no_longer_passes_stays_and_says_so(proved):
    log(proved, Review("exp-1000", 3, time.time() - 30 * DAY))
    proved.body("softmax", "return x")
    card = state(proved, "exp-1000")
    assert (card.state, card.changed) == ("due", ("ch06_numerics/softmax",))
    assert "exercises/ch06_numerics/softmax.py has changed since" in review(proved, ["", "3", "q"])


def test_a_card_gone_from_the_workbook_breaks_nothing_and_its_reviews_stay(proved):
    log(proved, Review("exp-1000", 1, time.time() - 30 * DAY), Review("never-was", 1, time.time() - 30 * DAY))
    with Progress(proved.root) as progress:
        progress.recall.answer(Answer("no-such-question", time.time(), "b", correct=False))
        progress.recall.review("koan", Review("ch99/gone", 3, time.time()))
    toml = proved.root / "content/ch06_numerics/cards.toml"
    head, _, rest = toml.read_text().partition('[[cards]]\nid = "exp-1000"')
    toml.write_text(head + "[[cards]]" + rest.partition("[[cards]]")[2])
    for test in proved.root.glob("exercises/ch06_numerics/test_*.py"):
        test.write_text(test.read_text().replace('"exp-1000"', '"exp-1000-now"'))
    assert not {"exp-1000", "never-was"} & set(proved.workbook.cards)
    assert "1 review of 1 card" in review(proved, ["", "3", "", "q"])
    with Progress(proved.root) as progress:
        assert progress.misses() == {"exp-1000": 1, "never-was": 1, "no-such-question": 1}


def test_settings_are_shown_set_and_checked(play):
    assert "new_per_day = 10" in play.says("settings").stdout
    assert play.says("settings", "resolve", "false").returncode == 0
    assert load(play.root) == Settings(resolve=False)
    for (name, value), message in (
        (("retention", "2"), "give a number from 0.7 to 0.99"),
        (("resolve", "maybe"), "give true or false"),
        (("colour", "red"), "is not a setting; the settings are new_per_day"),
    ):
        with pytest.raises(KoansError, match=message):
            change(play.root, name, value)
    assert change(play.root, "retention", "0.85") == load(play.root) == Settings(resolve=False, retention=0.85)
    (play.root / ".koans/settings.toml").write_text("new_per_day = -1\n")
    result = play.says("review")
    assert (result.returncode, "settings.toml" in result.stderr, "new_per_day" in result.stderr) == (2, True, True)


# Re-solves


def test_the_first_rating_of_a_koan_comes_from_attempts_hints_and_peeks():
    def rating(*kinds):
        passed = Activity("k", START + 100, "passed", "done")
        before = [Activity("k", START + n, kind, str(n)) for n, kind in enumerate(kinds)]
        return first_solves([*before, passed])["k"].rating

    assert rating() == rating("failed") == 4
    assert rating("hint") == rating("failed", "failed") == 3
    assert rating("hint", "hint") == rating(*["failed"] * 9) == 2
    assert rating("hint", "peek") == 1
    after = [Activity("k", START, "passed"), Activity("k", START + 5, "peek"), Activity("k", START + 6, "passed")]
    assert (first_solves(after)["k"].rating, first_solves(after)["k"].at) == (4, START)


def test_time_to_solve_leaves_breaks_out():
    minutes = [(0, "a", "passed"), (10, "k", "failed"), (12, "k", "hint"), (300, "k", "failed"), (305, "k", "passed")]
    solves = first_solves(Activity(koan, START + 60 * at, kind, str(at)) for at, koan, kind in minutes)
    assert {koan: first.seconds / 60 for koan, first in solves.items()} == {"a": 0, "k": 10 + 2 + 5}


def test_a_koan_is_solved_again_from_a_stub_beside_the_first_solution(play):
    book = play.workbook
    koan = book.koan("causal_mask")
    console = Console(file=io.StringIO(), width=120)
    with Progress(play.root) as progress, Runner(book) as runner:
        screens = Screens(Keyboard(io.StringIO()), console)
        with pytest.raises(KoansError, match="has not passed yet"):
            re_solving.begin(book, progress, koan, START)
        play.solve("causal_mask")
        assert attempt(book, progress, runner, koan).verdict.passed
        mine = book.exercise(koan).read_text()
        scratch = play.root / ".koans/again/exercises/ch07_attention/causal_mask.py"

        def run():
            (open_one,) = re_solving.unfinished(book, progress).values()
            assert (
                re_solving.begin(book, progress, koan, time.time()) == open_one
            )  # it continues; it does not start once more
            return run_once(book, progress, runner, open_one, screens)

        begun = re_solving.begin(book, progress, koan, time.time())
        assert scratch.read_text() == stub_of(book, koan)
        assert not run()
        assert "the file is still the stub" in console.file.getvalue()
        scratch.write_text(mine.replace("n_k - n_q", "0"))
        assert not run()
        assert "✗ failed" in console.file.getvalue()
        scratch.write_text("# again\n" + mine)
        assert run()
        comparison = console.file.getvalue().rpartition("again, in")[2]
        assert comparison.index("the first time") < comparison.index("# again") < comparison.index("def causal_mask")
        assert comparison.count("def causal_mask") == 2
        (rated,) = progress.recall.reviews("koan")[koan.id]
        assert (rated.rating, rated.seconds >= 0, begun.first.failed) == (3, True, 0)
        assert [r.event for r in progress.recall.re_solve_steps()] == ["started", "failed", "passed"]
        standing = progress.standings(book)[koan.id]
        assert (standing.status, standing.attempts, standing.changed) == (Status.passed, 1, False)
        assert book.exercise(koan).read_text() == mine
        book.exercise(koan).write_text("changed = 1\n")
        assert re_solving.first_text(book, progress, begun.first) == mine  # the stored text, whatever the file is now
        re_solving.begin(book, progress, koan, time.time())
    copies = list((play.root / ".koans/replaced/ch07_attention").glob("causal_mask-*.py"))
    assert [file.read_text() for file in copies] == ["# again\n" + mine]


def test_a_re_solve_given_up_comes_back_soon_and_the_setting_opts_out(proved):
    nothing = proved.says("again")
    assert nothing.returncode == 0
    assert "no koan is due now; ch06_numerics/softmax is due on" in " ".join(nothing.stdout.split())
    assert "is a fresh stub; the clock is running" in " ".join(proved.says("again", "softmax").stdout.split())
    untouched = proved.says("again")
    assert (untouched.returncode, "the file is still the stub" in untouched.stdout) == (1, True)
    assert "ch06_numerics/softmax was given up; it is due again " in proved.says("again", "--give-up").stdout
    none = "koans: no koan is being solved again, so there is nothing to give up\n"
    assert proved.says("again", "--give-up").stderr == none
    with Progress(proved.root) as progress:
        assert [r.rating for r in progress.recall.reviews("koan")["ch06_numerics/softmax"]] == [1]
        (koan,) = koans(proved.workbook, progress, Settings(), time.time())
        assert not koan.is_due and koan.due < time.time() + 10 * DAY
        (koan,) = koans(proved.workbook, progress, Settings(), time.time() + 400 * DAY)
        assert koan.is_due
    change(proved.root, "resolve", "false")
    assert "name the koan" in proved.says("again").stderr


def test_a_re_solve_on_the_screen_runs_on_a_save_and_asks_how_hard_it_was():
    passed = Verdict("k", "path", Status.passed)
    failed = Verdict("k", "path", Status.failed)
    start = re_solve_session.ReSolveSession()
    assert re_solve_session.saved(start) == (start, "run")
    assert re_solve_session.step(start, "r") == (start, "run")
    after = re_solve_session.ran(start, failed)
    assert after.phase == "working"
    rating = re_solve_session.ran(after, passed)
    assert rating.phase == "rating"
    assert re_solve_session.saved(rating)[1] is None
    assert [re_solve_session.step(rating, key)[1] for key in ("2", "enter", "", "x")] == [
        "2",
        "as proposed",
        "as proposed",
        None,
    ]
    assert [re_solve_session.step(start, key)[1] for key in ("g", "q", "")] == ["give up", None, None]


# A real terminal


@pytest.mark.needs("pty")
def test_review_on_a_terminal_takes_single_keys_and_leaves_the_terminal_as_it_was(proved):
    terminal = Terminal(proved, "review", "--limit", "2")
    terminal.until("any key shows the answer")
    terminal.press(" ")
    terminal.until("4 easy")
    terminal.until("u undoes")
    terminal.press("4")
    terminal.until("1 left")
    terminal.press("u")
    terminal.until("2 left")
    terminal.press(" 4")
    terminal.until("1 left")
    terminal.press(" 4")
    terminal.until("2 reviews of 2 cards")
    terminal.until("any other key quits")
    terminal.press("x")
    assert terminal.end() == (0, True)
    with Progress(proved.root) as progress:
        assert [len(r) for r in progress.recall.reviews("card").values()] == [1, 1]


@pytest.mark.needs("pty")
def test_ctrl_c_keeps_what_was_rated_and_leaves_the_terminal_as_it_was(proved):
    terminal = Terminal(proved, "review")
    terminal.until("any key shows the answer")
    terminal.press(" ")
    terminal.until("4 easy")
    terminal.press("3")
    terminal.until("any key shows the answer")
    terminal.press("\x03")
    terminal.until("1 review of 1 card")
    assert terminal.end() == (130, True)
    with Progress(proved.root) as progress:
        assert [len(r) for r in progress.recall.reviews("card").values()] == [1]


class _Interrupting(io.StringIO):
    """A terminal on which Ctrl-C is pressed as soon as something is printed."""

    pressed = False

    def flush(self):
        if not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_in_the_middle_of_a_screen_leaves_the_next_one_whole():
    screen = _Interrupting()
    keyboard = Keyboard()
    keyboard.live = True
    screens = Screens(keyboard, Console(file=screen, force_terminal=True))
    with pytest.raises(KeyboardInterrupt):
        screens.show("a card", ask="any key")
    screens.show("the end")
    assert "any key" in screen.getvalue()
    assert "the end" in screen.getvalue()


@pytest.mark.needs("pty")
def test_again_on_a_terminal_runs_each_save(proved):
    terminal = Terminal(proved, "again", "softmax")
    terminal.until("each save runs it")
    scratch = proved.root / ".koans/again/exercises/ch06_numerics/softmax.py"
    scratch.write_text(scratch.read_text().replace(STUB, "return x"))
    terminal.until("✗ failed")
    terminal.until("each save runs it")
    scratch.write_text("while True:\n    pass\n")
    terminal.until("running …")
    scratch.write_text(proved.workbook.exercise(proved.workbook.koan("softmax")).read_text())
    terminal.until("1 failed run;")
    terminal.until("Enter or q: as proposed")
    terminal.press("2")
    terminal.until("the first time")
    terminal.until("rated 2 hard, due again on ")
    assert terminal.end() == (0, True)
    with Progress(proved.root) as progress:
        assert [r.rating for r in progress.recall.reviews("koan")["ch06_numerics/softmax"]] == [2]


# Keys and writes at the wrong moment


class Pressed(Keyboard):
    """A keyboard on which these keys are pressed, one after the other. None: no key for a while."""

    def __init__(self, *keys):
        super().__init__()
        self.live = True
        self.keys = list(keys)

    def key(self, timeout=None):
        key = self.keys.pop(0) if self.keys else ""
        if key is None:
            time.sleep(0.02)
        return key

    def discard(self):
        pass


class WarmsUp:
    """A runner that warms up until no more than so many keys of this keyboard are `left`."""

    def __init__(self, keyboard, left):
        self.keyboard, self.left = keyboard, left
        self.given_up = threading.Event()

    def warm_up(self):
        while len(self.keyboard.keys) > self.left and not self.given_up.is_set():
            time.sleep(0.001)
        return "warm"

    def give_up(self):
        self.given_up.set()


def on_screen(keyboard):
    return Screens(keyboard, SafeConsole(file=io.StringIO(), force_terminal=True, width=80))


def events_of(progress):
    return [step.event for step in progress.recall.re_solve_steps()]


def test_no_key_that_is_pressed_while_again_warms_up_has_an_effect(proved):
    book = proved.workbook
    keyboard = Pressed("g", "4", "r", "enter", "g", *[None] * 10, "x", "q")
    screens = on_screen(keyboard)
    with Progress(book.root) as progress:
        re_solve = re_solving.begin(book, progress, book.koan("softmax"), time.time())
        solve_on_terminal(book, progress, WarmsUp(keyboard, 11), re_solve, screens)
        assert events_of(progress) == ["started"]  # not given up
        assert (keyboard.keys, progress.recall.reviews("koan")) == ([], {})
    shown = screens.console.file.getvalue()
    assert shown.index("warming up; please wait") < shown.index("g give up")


def test_g_in_again_says_that_the_koan_is_given_up_and_when_it_is_back(proved):
    book = proved.workbook
    keyboard = Pressed(None, "g")
    screens = on_screen(keyboard)
    with Progress(book.root) as progress:
        re_solve = re_solving.begin(book, progress, book.koan("softmax"), time.time())
        solve_on_terminal(book, progress, WarmsUp(keyboard, 1), re_solve, screens)
        assert events_of(progress) == ["started", "given up"]
    shown = screens.console.file.getvalue()
    assert "ch06_numerics/softmax was given up; it is due again " in shown and "is not finished" not in shown


def test_q_ends_again_while_it_warms_up(proved):
    book = proved.workbook
    keyboard = Pressed("g", "q", "g")
    runner = WarmsUp(keyboard, -1)
    with Progress(book.root) as progress:
        re_solve = re_solving.begin(book, progress, book.koan("softmax"), time.time())
        session = solve_on_terminal(book, progress, runner, re_solve, on_screen(keyboard))
        assert (session.phase, runner.given_up.is_set(), keyboard.keys) == ("ended", True, ["g"])
        assert events_of(progress) == ["started"]


def test_a_rating_that_cannot_be_written_leaves_the_card_on_the_screen_until_it_can(proved, monkeypatch):
    book, real = proved.workbook, Recall.review
    refused = [1]

    def full_once(self, kind, review):
        if refused:
            refused.pop()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(self, kind, review)

    monkeypatch.setattr(Recall, "review", full_once)
    screens = on_screen(Pressed(" ", "3", "4", "q"))
    with Progress(book.root) as progress:
        run_review(book, progress, Settings(), screens, 1)
        assert [[r.rating for r in reviews] for reviews in progress.recall.reviews("card").values()] == [[4]]
    assert "not recorded: " in screens.console.file.getvalue()


class OfTerminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("term", "live"),
    [("xterm", True), ("dumb", False), ("", False), pytest.param(None, False, marks=pytest.mark.needs("TERM"))],
)
def test_a_terminal_that_cannot_draw_is_read_line_by_line(monkeypatch, term, live):
    if term is None:
        monkeypatch.delenv("TERM", raising=False)
    else:
        monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout", OfTerminal())
    keyboard = Keyboard(OfTerminal("3\n"))
    assert keyboard.live == live
    screens = Screens(keyboard, console())
    assert screens.live == live
    if not live:
        screens.show("a card", ask="1 to 4")
        assert screens.console.file.getvalue() == "a card\n[1 to 4 · then Enter]\n"
        assert keyboard.key() == "3"
