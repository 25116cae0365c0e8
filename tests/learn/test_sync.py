"""`koans sync`: machines that exchange their logs, settings and exercises by a file agree, and nothing gets lost."""

import itertools
import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from grader.book.errors import KoansError
from grader.book.stubs import stub_of
from grader.book.verdict import Status, Verdict
from grader.book.verdict import TestResult as Result
from grader.book.workbook import Workbook
from grader.learn import settings as setting
from grader.learn.cards.schedule import Plan, Review, replay
from grader.learn.mistakes import by_koan
from grader.learn.progress import Progress, digest
from grader.learn.recall import Answer, ReSolveStep
from grader.learn.sync import exercises, pack
from grader.learn.sync.merge import Counts, sync

START = 1_790_000_000.0  # some moment in 2026
HOUR, DAY = 3600.0, 86_400.0
KOANS = ("ch01_small/one", "ch01_small/two")
SOLUTION = '''"""A koan

It is small.
"""


def {name}(x):
    """Return x."""
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION
'''


def workbook(root):
    """A workbook of two koans, with nothing solved."""
    content = root / "content/ch01_small"
    content.mkdir(parents=True)
    entries = [f'[[koans]]\nname = "{k[11:]}"\ntitle = "T"\nrung = "compute it"\npoints = 1\n' for k in KOANS]
    (content / "chapter.toml").write_text('title = "Small"\n' + "".join(entries))
    book = Workbook(root)
    for koan in book.koans.values():
        for file, text in ((book.solution(koan), SOLUTION.format(name=koan.name)), (book.exercise(koan), "")):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        book.exercise(koan).write_text(stub_of(book, koan))
    return book


def at(now):
    """The clock shows this time."""
    return mock.patch("time.time", return_value=now)


def write(root, path, text, saved=START):
    """Save a file below exercises/ at this time."""
    file = root / "exercises" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode())
    os.utime(file, (saved, saved))


def attempt(root, koan, text, now, *, looks=None, status=None):
    """Record an attempt. With `looks`, it failed and looks like these wrong answers."""
    status = status or (Status.failed if looks is not None else Status.passed)
    test = Result("t", "t", status, looks=looks or {})
    with at(now), Progress(root) as progress:
        progress.record(Verdict(koan, "learner", status, tests=(test,), names=tuple(looks or ())), text)


def files(root):
    """The text of every file below exercises/."""
    folder = root / "exercises"
    return {f.relative_to(folder).as_posix(): f.read_text() for f in folder.rglob("*") if f.is_file()}


def copies(root):
    """The texts that were saved because another one replaced them."""
    return {f.read_text() for f in (root / ".koans/replaced").rglob("*") if f.is_file()}


SEEN = ("first\n", "second\n", "third\n", "fourth\n")  # every text that the property tests attempt


def state(root):
    """All that a learner can see of a machine."""
    book = Workbook(root)
    with Progress(root) as progress:
        recall = progress.recall
        return {
            "standings": progress.standings(book),
            "activities": progress.activities(),
            "last verdicts": [
                progress.last_verdict(koan, digest(text)) for koan in book.koans.values() for text in SEEN
            ],
            "last passes": [progress.last_pass(koan) for koan in book.koans.values()],
            "texts": {a.content: progress.text(a.content) for a in progress.activities()},
            "mistakes": by_koan(progress.mistakes.occurrences(), progress.mistakes.passes()),
            "reviews": {kind: recall.reviews(kind) for kind in ("card", "koan")},
            "cards": recall.schedule("card", Plan()),
            "koans": recall.schedule("koan", Plan(0.8, minutes=False)),
            "answers": recall.answers(),
            "steps": recall.re_solve_steps(),
            "misses": progress.misses(),
            "settings": setting.load(root),
            "files": files(root),
        }


# What a learner does on one machine. Times are few and in no order, so that clocks are set back and times are equal.

TIMES = st.integers(0, 5).map(lambda n: START + n * HOUR)
ITEMS = st.sampled_from(("a", "b"))
RATINGS = st.integers(1, 4)
TEXTS = st.sampled_from(SEEN)
LOOKS = st.sampled_from((None, {"no_max": "no maximum"}, {}))
PATHS = st.sampled_from(("ch01_small/one.py", "ch01_small/two.py", "ch01_small/helper.py"))
NAMES = st.sampled_from((("session", "20"), ("session", "40"), ("resolve", "false"), ("retention", "0.8")))
LOGGED = st.one_of(
    st.tuples(st.just("attempt"), st.sampled_from(KOANS), TEXTS, LOOKS, TIMES),
    st.tuples(st.just("hint"), st.sampled_from(KOANS), st.integers(1, 3), TIMES),
    st.tuples(st.just("peek"), st.sampled_from(KOANS), TIMES),
    st.tuples(st.just("review"), st.sampled_from(("card", "koan")), ITEMS, RATINGS, TIMES, st.integers(1, 9)),
    st.tuples(st.just("insert"), ITEMS, st.lists(st.tuples(RATINGS, TIMES), max_size=3)),
    st.tuples(st.just("take back"), ITEMS, TIMES),
    st.tuples(st.just("answer"), ITEMS, st.sampled_from((True, False, None)), TIMES),
    st.tuples(st.just("step"), st.sampled_from(("started", "failed", "passed", "given up")), TIMES),
    st.tuples(st.just("setting"), NAMES, TIMES),
)
WRITTEN = st.tuples(st.just("write"), PATHS, TEXTS, TIMES)
RESET = st.tuples(st.just("reset"), st.sampled_from(KOANS))
DONE = st.lists(st.one_of(LOGGED, WRITTEN), max_size=8)
ANY = settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def act(root, action):
    verb, *args = action
    if verb == "attempt":
        koan, text, looks, now = args
        attempt(root, koan, text, now, looks=looks)
    elif verb == "write":
        write(root, *args)
    elif verb == "reset":
        book = Workbook(root)
        write(root, f"{args[0]}.py", stub_of(book, book.koan(args[0])))
    elif verb == "setting":
        with at(args[1]):
            setting.change(root, *args[0])
    else:
        with at(args[-1]), Progress(root) as progress:
            _log(progress, verb, args)


def _log(progress, verb, args):
    koans = Workbook(progress.folder.parent).koans
    if verb == "hint":
        progress.record_hint(koans[args[0]], args[1])
    elif verb == "peek":
        progress.record_peek(koans[args[0]])
    elif verb == "review":
        kind, item, rating, now, seconds = (*args[:4], args[4])
        progress.recall.review(kind, Review(item, rating, now, float(seconds)))
    elif verb == "insert":
        progress.recall.insert("card", [Review(args[0], rating, now) for rating, now in args[1]])
    elif verb == "take back":
        progress.recall.take_back("card", args[0])
    elif verb == "answer":
        item, correct, now = args
        progress.recall.answer(Answer(item, now, "b", correct, None if correct is not None else 2))
    else:
        progress.recall.add_re_solve_step(ReSolveStep(KOANS[0], args[1], args[0]))


class Places:
    """Folders for the machines and files of one example."""

    def __init__(self, folder):
        self.folder = folder
        self.count = itertools.count()

    def new(self):
        return self.folder / str(next(self.count))

    def machine(self, *done):
        root = self.new()
        workbook(root)
        for action in done:
            act(root, action)
        return root

    def copy(self, root):
        return shutil.copytree(root, self.new())


@pytest.fixture
def places(tmp_path):
    """Folders in memory, if this system has a place for that: an example makes many files, and waits for the disk."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield Places(tmp_path)
        return
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Places(Path(folder))


def meet(file, *roots):
    """Each machine syncs, and each once more. Returns the states, and the bytes of the file."""
    for root in (*roots, *roots):
        sync(Workbook(root), file)
    return [state(root) for root in roots], file.read_bytes()


@ANY
@given(common=DONE, here=DONE, there=DONE)
def test_two_machines_agree_in_either_order_a_second_sync_changes_nothing_and_nothing_is_lost(
    places, common, here, there
):
    first = places.machine(*common)
    second = places.copy(first)
    for root, actions in ((first, here), (second, there)):
        for action in actions:
            act(root, action)
    before = [state(first), state(second)]
    copied = [places.copy(first), places.copy(second)]
    (one, two), data = meet(places.new(), first, second)
    assert one == two
    (three, four), reverse = meet(places.new(), *reversed(copied))
    assert one == three == four
    assert data == reverse
    file = places.new()
    file.write_bytes(data)
    done = sync(Workbook(first), file)
    assert (done.came_in, done.went_out, done.conflicts) == (Counts(), Counts(), ())
    assert (state(first), file.read_bytes()) == (one, data)
    stubs = {stub_of(book, koan) for book in [Workbook(first)] for koan in book.koans.values()}
    kept = {*one["files"].values(), *copies(first), *copies(second)}
    for old in before:
        for log in ("activities", "answers", "steps"):
            assert _as_set(old[log]) <= _as_set(one[log])
        assert set(old["files"].values()) - stubs <= kept
        assert {text for text in old["texts"].values() if text} <= {t for t in one["texts"].values() if t}


def _as_set(rows):
    """The rows of a log. Of a hint that was seen twice, the first time counts."""
    return {msgspec.structs.replace(row, at=0.0) if getattr(row, "kind", "") == "hint" else row for row in rows}


@ANY
@given(done=st.tuples(DONE, DONE, DONE))
def test_three_machines_agree_in_any_order(places, done):
    roots = [places.machine(*actions) for actions in done]
    results = []
    for order in itertools.permutations(range(3)):
        states, data = meet(places.new(), *(places.copy(roots[n]) for n in order))
        assert states[0] == states[1] == states[2]
        results.append((states[0], data))
    assert all(result == results[0] for result in results)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 2), st.one_of(LOGGED, WRITTEN, WRITTEN, RESET)),
        st.tuples(st.integers(0, 2), st.sampled_from(("sync with the stick", "sync with the cloud"))),
    ),
    max_size=20,
)


@ANY
@given(steps=STEPS)
def test_machines_that_work_and_sync_by_two_files_in_any_order_agree_in_the_end_and_keep_every_text(places, steps):
    roots = [places.machine() for _ in range(3)]
    shared = {"sync with the stick": places.new(), "sync with the cloud": places.new()}
    written = set()
    for number, action in steps:
        if isinstance(action, str):
            sync(Workbook(roots[number]), shared[action])
        else:
            act(roots[number], action)
    stubs = {stub_of(book, koan) for book in [Workbook(roots[0])] for koan in book.koans.values()}
    written = {(path, text) for root in roots for path, text in files(root).items() if text not in stubs}
    (one, two, three), _ = meet(places.new(), *roots)
    assert one == two == three
    kept = {text for root in roots for text in copies(root)}
    for path, text in written:
        # A text is still there, or a copy of it is. Otherwise the learner wrote the present one after it.
        assert text == one["files"][path] or text in kept or _seen_before(roots, path, text)


def _seen_before(roots, path, text):
    """Whether the text that counts now was written where this one had been."""
    with Progress(roots[0]) as progress:
        known = [exercises.Version(*row) for row in progress.recording().execute("select * from versions")]
    of_path = [version for version in known if version.path == f"exercises/{path}"]
    newest = exercises.last(of_path)
    return exercises.digest(text.encode()) in exercises.ancestors(newest, of_path)


@ANY
@given(
    logs=st.tuples(*[st.lists(st.tuples(ITEMS, RATINGS, TIMES), max_size=8)] * 2),
    both=st.lists(st.tuples(ITEMS, RATINGS, TIMES), max_size=3),
)
def test_each_machine_finds_its_reviews_in_its_own_order_and_those_of_the_other_by_time(places, logs, both):
    assume(not {*logs[0]} & {*logs[1]})  # the same review on both would be one review, in both orders
    roots = [places.machine() for _ in logs]
    for root, log in zip(roots, logs, strict=True):
        for item, rating, now in [*both, *log]:
            act(root, ("review", "card", item, rating, now, 5))
    own = [state(root)["reviews"]["card"] for root in roots]
    (merged, _), _ = meet(places.new(), *roots)
    for reviews in own:
        for item, log in reviews.items():
            rest = iter(merged["reviews"]["card"][item])
            assert all(review in rest for review in log)
    for item, log in merged["reviews"]["card"].items():
        assert set(log) == {review for reviews in own for review in reviews.get(item, ())}
        if all(_hours(reviews.get(item, ())) == sorted(_hours(reviews.get(item, ()))) for reviews in own):
            assert _hours(log) == sorted(_hours(log))
        assert merged["cards"][item] == replay(log, Plan())


def _hours(reviews):
    return [round((review.at - START) / HOUR) for review in reviews]


# Single cases


def two(places, *done):
    """Two machines that have synced, and their file."""
    file = places.new()
    first, second = places.machine(*done), places.machine()
    meet(file, first, second)
    return first, second, file


def review(root, rating, now, item="a"):
    with Progress(root) as progress:
        progress.recall.review("card", Review(item, rating, now))


def test_a_review_that_came_from_another_machine_can_be_taken_back_and_stays_so(places):
    first, second, file = two(places, ("review", "card", "a", 3, START, 5), ("review", "card", "a", 1, START + DAY, 5))
    act(second, ("take back", "a", START + 2 * DAY))
    done = sync(Workbook(second), file)
    assert done.went_out == Counts(taken_back=1)
    assert sync(Workbook(first), file).came_in == Counts(taken_back=1)
    for root in (first, second):
        assert state(root)["reviews"]["card"] == {"a": (Review("a", 3, START, 5.0),)}
        with Progress(root) as progress:
            assert progress.recall.insert("card", [Review("a", 1, START + DAY)]) == 0
    review(first, 4, START + 3 * DAY)
    assert [one.rating for one in state(first)["reviews"]["card"]["a"]] == [3, 4]


def test_a_schedule_that_was_computed_before_a_sync_is_computed_again(places):
    file = places.new()
    first = places.machine(("review", "card", "a", 3, START, 5), ("review", "card", "a", 3, START + 3 * DAY, 5))
    second = places.machine(("review", "card", "a", 1, START + DAY, 5))
    (one, other), _ = meet(file, first, second)  # `state` has computed and stored the schedules of both once already
    log = [Review("a", 3, START, 5.0), Review("a", 1, START + DAY, 5.0), Review("a", 3, START + 3 * DAY, 5.0)]
    assert one["cards"]["a"] == other["cards"]["a"] == replay(log, Plan())


def test_a_clock_that_was_set_back_destroys_no_order_also_after_a_sync(places):
    first = places.machine(
        ("review", "card", "a", 3, START + 9 * DAY, 5),  # the clock is ahead
        ("review", "card", "a", 2, START, 5),
        ("attempt", KOANS[0], "right\n", None, START + 9 * DAY),
        ("attempt", KOANS[0], "wrong\n", {}, START),
    )
    second = places.machine(("review", "card", "a", 4, START + 1, 5))
    write(first, "ch01_small/one.py", "wrong\n")
    for one in meet(places.new(), first, second)[0]:
        assert [one.rating for one in one["reviews"]["card"]["a"]] == [4, 3, 2]
        assert one["standings"][KOANS[0]].status == Status.failed
        assert one["standings"][KOANS[0]].changed
    review(second, 1, START + 2)
    meet(places.new(), second, first)
    assert state(first)["reviews"]["card"]["a"][-1].rating == 1


def test_standings_and_mistakes_follow_the_attempts_of_both_machines(places):
    no_max = {"no_max": "no maximum"}
    first = places.machine(("attempt", KOANS[0], "right\n", None, START + HOUR))
    second = places.machine(("attempt", KOANS[0], "wrong\n", no_max, START))
    write(first, "ch01_small/one.py", "right\n", START + HOUR)
    write(second, "ch01_small/one.py", "wrong\n", START)
    assert not state(second)["mistakes"][0].passed
    (one, other), _ = meet(places.new(), second, first)
    assert one == other
    (mistake,) = one["mistakes"]
    assert (mistake.passed, mistake.names) == (True, ("no_max",))
    standing = one["standings"][KOANS[0]]
    assert (standing.status, standing.attempts, standing.passed, standing.changed) == (Status.passed, 2, True, False)
    assert state(second)["texts"][exercises.digest(b"right\n")] == "right\n"


def test_a_text_that_passed_is_passed_also_if_another_text_passed_later_on_another_machine(places):
    first = places.machine(("attempt", KOANS[0], "mine\n", None, START))
    second = places.machine(("attempt", KOANS[0], "other\n", None, START + HOUR))
    write(first, "ch01_small/one.py", "mine\n", START + DAY)
    write(second, "ch01_small/one.py", "other\n", START)
    for one in meet(places.new(), first, second)[0]:
        assert one["files"]["ch01_small/one.py"] == "mine\n"
        standing = one["standings"][KOANS[0]]
        assert (standing.status, standing.changed, standing.attempts) == (Status.passed, False, 2)


# Exercises


def test_of_a_file_that_was_changed_on_both_the_text_saved_last_counts_and_the_other_is_kept_and_named(places):
    first, second, file = two(places, ("write", "ch01_small/helper.py", "common\n", START))
    write(first, "ch01_small/helper.py", "earlier\n", START + HOUR)
    write(second, "ch01_small/helper.py", "later\n", START + 2 * HOUR)
    sync(Workbook(first), file)
    done = sync(Workbook(second), file)
    (conflict,) = done.conflicts
    assert (conflict.path, conflict.kept) == ("exercises/ch01_small/helper.py", "here")
    assert (second / conflict.copy).read_text() == "earlier\n"
    assert conflict.copy.startswith(".koans/replaced/ch01_small/helper-")
    done = sync(Workbook(first), file)
    (conflict,) = done.conflicts
    assert (conflict.kept, (first / conflict.copy).read_text()) == ("file", "earlier\n")
    assert files(first)["ch01_small/helper.py"] == files(second)["ch01_small/helper.py"] == "later\n"
    for root in (first, second):  # it is said once
        assert sync(Workbook(root), file).conflicts == ()


def test_a_text_that_was_written_after_the_other_one_is_newer_whatever_the_clock_shows(places):
    first, second, file = two(places, ("write", "ch01_small/helper.py", "one\n", START + DAY))
    write(second, "ch01_small/helper.py", "two\n", START)  # the clock of this machine is behind
    assert sync(Workbook(second), file).conflicts == ()
    done = sync(Workbook(first), file)
    assert (done.came_in.exercises, done.conflicts) == (("exercises/ch01_small/helper.py",), ())
    assert files(first)["ch01_small/helper.py"] == "two\n"
    write(first, "ch01_small/helper.py", "one\n", START)  # back to an earlier text
    meet(file, first, second)
    assert files(second)["ch01_small/helper.py"] == "one\n"
    assert not (first / ".koans/replaced").exists() and not (second / ".koans/replaced").exists()


@pytest.mark.parametrize("order", [0, 1])
def test_a_stub_or_a_blank_exercise_never_replaces_a_learners_text_however_late_it_is(places, order):
    first, second, file = two(places)
    write(first, "ch01_small/one.py", "mine\n", START)
    write(first, "ch01_small/two.py", "mine, too\n", START)
    act(second, ("reset", KOANS[0]))
    write(second, "ch01_small/two.py", " \n", START + 9 * DAY)
    meet(file, *[first, second][:: -1 if order else 1])
    for root in (first, second):
        assert (files(root)["ch01_small/one.py"], files(root)["ch01_small/two.py"]) == ("mine\n", "mine, too\n")
        assert not (root / ".koans/replaced").exists()
    act(first, ("reset", KOANS[0]))
    (first / "exercises/ch01_small/two.py").unlink()
    done = sync(Workbook(first), file)
    assert done.came_in.exercises == ("exercises/ch01_small/one.py", "exercises/ch01_small/two.py")
    assert files(first)["ch01_small/one.py"] == "mine\n"


@pytest.mark.parametrize("order", [0, 1])
def test_an_exercise_that_came_with_a_fresh_clone_is_no_newer_than_what_was_run(places, order):
    first, clone = places.machine(), places.machine()
    attempt(first, KOANS[0], "new\n", START + HOUR)
    write(first, "ch01_small/one.py", "new\n", START)
    write(clone, "ch01_small/one.py", "committed long ago\n", START + DAY)  # as old as the clone
    meet(places.new(), *[first, clone][:: -1 if order else 1])
    assert files(first)["ch01_small/one.py"] == files(clone)["ch01_small/one.py"] == "new\n"
    assert "committed long ago\n" in copies(first) | copies(clone)


def test_line_ends_of_windows_are_no_change_and_stay_and_a_text_keeps_its_time(places):
    first, second, file = two(places, ("write", "ch01_small/one.py", "a\nb\n", START))
    write(second, "ch01_small/one.py", "a\r\nb\r\n", START + HOUR)
    assert sync(Workbook(second), file).went_out == Counts()
    write(first, "ch01_small/one.py", "a\nc\n", START + DAY)
    meet(file, first, second)
    there = second / "exercises/ch01_small/one.py"
    assert there.read_bytes() == b"a\r\nc\r\n"
    assert there.stat().st_mtime == START + DAY
    assert (first / "exercises/ch01_small/one.py").read_bytes() == b"a\nc\n"


@pytest.mark.needs("links")
@pytest.mark.needs("names in two cases")
def test_what_is_not_the_learners_text_is_left_out(places):
    root = places.machine()
    folder = root / "exercises/ch01_small"
    (root / "outside.py").write_text("outside\n")
    for name in ("test_one.py", "conftest.py", ".hidden.py", "picture.png", "setup.cfg", "__pycache__/one.py"):
        write(root, f"ch01_small/{name}", "no\n")
    (folder / "link.py").symlink_to(root / "outside.py")
    (folder / "deep").symlink_to(root)
    for name in ("nul.py", "with space.py", "é.py"):
        write(root, f"ch01_small/{name}", "odd\n")
    write(root, "ch01_small/large.txt", "x" * (exercises.LARGEST + 1))
    (folder / "binary.txt").write_bytes(b"\0")
    write(root, "ch01_small/Notes.md", "N\n")
    write(root, "ch01_small/notes.md", "n\n")
    done = sync(Workbook(root), places.new())
    assert done.went_out.exercises == ("exercises/ch01_small/Notes.md",)
    assert {path.removeprefix("exercises/ch01_small/"): why for path, why in done.left_out.items()} == {
        "nul.py": "not every system can have a file of this name",
        "with space.py": "not every system can have a file of this name",
        "é.py": "not every system can have a file of this name",
        "large.txt": "it has more than 1 MiB",
        "binary.txt": "it is not text",
        "notes.md": "some systems cannot tell it from exercises/ch01_small/Notes.md",
    }


def test_a_text_that_is_too_large_to_sync_is_kept_when_another_one_replaces_it(places):
    first, _, file = two(places, ("write", "ch01_small/one.py", "short\n", START))
    large = "# long\n" * (exercises.LARGEST // 6)
    write(first, "ch01_small/one.py", large, START + DAY)
    done = sync(Workbook(first), file)
    assert (done.conflicts[0].kept, copies(first)) == ("file", {large})
    assert files(first)["ch01_small/one.py"] == "short\n"


@pytest.mark.needs("links")
def test_an_exercise_that_is_a_link_to_a_file_stays_one_and_other_links_are_not_followed(places):
    first, second, file = two(places)
    write(first, "ch01_small/one.py", "mine\n")
    write(first, "ch01_small/sub/helper.py", "help\n")
    sync(Workbook(first), file)
    exercise, elsewhere = second / "exercises/ch01_small/one.py", second / "answers.py"
    elsewhere.write_text(exercise.read_text())
    exercise.unlink()
    exercise.symlink_to(elsewhere)
    (second / "exercises/ch01_small/sub").symlink_to(second)
    before = state(second)
    with pytest.raises(KoansError, match=r"exercises/ch01_small/sub/helper.py: a link leads elsewhere"):
        sync(Workbook(second), file)
    assert state(second) == before
    (second / "exercises/ch01_small/sub").unlink()
    sync(Workbook(second), file)
    assert exercise.is_symlink() and elsewhere.read_text() == "mine\n"


# Settings


def test_of_each_setting_the_last_change_counts(places):
    first = places.machine(("setting", ("session", "20"), START + HOUR), ("setting", ("resolve", "false"), START))
    second = places.machine(("setting", ("session", "40"), START), ("setting", ("retention", "0.8"), START + HOUR))
    (one, other), _ = meet(places.new(), first, second)
    assert one["settings"] == other["settings"] == setting.Settings(session=20, resolve=False, retention=0.8)


def test_a_settings_file_that_somebody_edited_counts_from_when_it_was_saved(places):
    first, second, file = two(places, ("setting", ("session", "20"), START))
    settings_file = setting.settings_file(second)
    settings_file.write_text(settings_file.read_text().replace("session = 20", "session = 50"))
    os.utime(settings_file, (START - DAY, START - DAY))  # later than the change before, whatever the clock shows
    meet(file, second, first)
    assert setting.load(first).session == 50
    written_by_hand = places.machine()
    (written_by_hand / ".koans").mkdir()
    setting.settings_file(written_by_hand).write_text("session = 60\n")
    os.utime(setting.settings_file(written_by_hand), (START - DAY, START - DAY))
    meet(file, written_by_hand, first)
    assert setting.load(written_by_hand).session == 50


def test_a_setting_of_a_later_version_of_koans_is_passed_on(places):
    first, second = places.machine(), places.machine()
    (first / ".koans").mkdir()
    setting.settings_file(first).write_text('[changed]\npalette = {to = "dark", at = 1.5}\n')
    meet(places.new(), first, second)
    assert setting.load(second) == setting.Settings()
    act(second, ("setting", ("session", "20"), START))
    assert setting.changes(second)["palette"] == setting.Change("dark", 1.5)


# What was interrupted


BREAKS = ("write_files", "settings.apply", "keep_copy", "write_file", "pack.encode", "exercises.set_saved")


@pytest.mark.parametrize("where", BREAKS)
@pytest.mark.parametrize("error", [KoansError("the disk is full"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_a_sync_that_was_interrupted_loses_nothing_and_the_next_one_ends_as_if_it_had_not_been(places, where, error):
    first, second, file = two(places, ("write", "ch01_small/helper.py", "common\n", START))
    for root, text, hours in ((first, "earlier\n", 1), (second, "later\n", 2)):
        write(root, "ch01_small/helper.py", text, START + hours * HOUR)
        review(root, hours, START + hours * HOUR)
        attempt(root, KOANS[hours - 1], text, START + hours * HOUR)
        write(root, f"{KOANS[hours - 1]}.py", text, START + hours * HOUR)
    act(second, ("setting", ("session", "20"), START))
    sync(Workbook(second), file)
    whole, shared = places.copy(first), places.new()
    shutil.copy(file, shared)
    sync(Workbook(whole), shared)
    before, data = state(first), file.read_bytes()
    with mock.patch(f"grader.learn.sync.merge.{where}", side_effect=error), pytest.raises(type(error)):
        sync(Workbook(first), file)
    assert file.read_bytes() == data
    after = state(first)
    assert {review for log in before["reviews"]["card"].values() for review in log} <= {
        review for log in after["reviews"]["card"].values() for review in log
    }
    assert "earlier\n" in {after["files"]["ch01_small/helper.py"]} | copies(first)
    sync(Workbook(first), file)
    assert state(first) == state(whole)
    assert copies(first) == copies(whole) == {"earlier\n"}
    sync(Workbook(second), file)
    assert state(second) == state(first)


def test_a_machine_whose_folder_was_lost_gets_everything_back(places):
    first, _, file = two(places, ("attempt", KOANS[0], "mine\n", None, START), ("review", "card", "a", 3, START, 5))
    write(first, "ch01_small/one.py", "mine\n")
    sync(Workbook(first), file)
    before = state(first)
    shutil.rmtree(first)
    workbook(first)
    sync(Workbook(first), file)
    assert state(first) == before


# A file from elsewhere


EVERYTHING = (
    ("attempt", KOANS[0], "wrong\n", {"no_max": "no maximum"}, START),
    ("attempt", KOANS[0], "right\n", None, START + HOUR),
    ("hint", KOANS[0], 1, START),
    ("peek", KOANS[1], START),
    ("review", "card", "a", 3, START, 5),
    ("review", "card", "a", 1, START + HOUR, 5),
    ("take back", "a", START + DAY),
    ("review", "card", "a", 2, START - DAY, 5),
    ("answer", "q", False, START),
    ("step", "started", START),
    ("setting", ("session", "20"), START),
    ("write", "ch01_small/one.py", "right\n", START),
)


def members(file):
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(file, content):
    """Write a zip file of these members: pairs of a name and bytes."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content:
            archive.writestr(name, data)


def refused(root, file, *says):
    """Assert that a sync refuses the file in one line, and changes nothing."""
    before, data = state(root), file.read_bytes() if file.is_file() else b""
    with pytest.raises(KoansError) as error:
        sync(Workbook(root), file)
    assert len(str(error.value).splitlines()) == 1
    for part in (str(file), *says):
        assert part in str(error.value)
    assert state(root) == before
    assert (file.read_bytes() if file.is_file() else b"") == data
    return str(error.value)


NAMES_OF_STRANGERS = (
    "exercises/../../outside.py",
    "../exercises/x.py",
    "/etc/passwd.txt",
    "exercises//x.py",
    "exercises/./x.py",
    "C:/exercises/x.py",
    "exercises/C:x.py",
    "exercises\\ch01_small\\x.py",
    "exercises/con.py",
    "exercises/ch01_small/NUL",
    "exercises/Lpt1.txt",
    "exercises/x.py.",
    "exercises/x.py ",
    "exercises/x.py:stream",
    "exercises/a\nb.py",
    "exercises/é.py",
    "exercises/.hidden.py",
    "exercises/ch01_small/test_one.py",
    "exercises/conftest.py",
    "exercises/pytest.ini",
    "exercises/setup.cfg",
    "exercises/pyproject.toml",
    "exercises/" + "deep/" * 60 + "x.py",
    "exercises/",
    "content/ch01_small/chapter.toml",
    "exercises_of_others/x.py",
    ".koans/progress.db",
    "more.jsonl",
)


@pytest.mark.parametrize("name", NAMES_OF_STRANGERS)
def test_a_name_that_does_not_mean_a_file_below_exercises_is_refused(places, name):
    root, file = places.machine(), places.new()
    sync(Workbook(places.machine(*EVERYTHING)), file)
    version = msgspec.json.encode(exercises.Version(name[:200], exercises.digest(b"x"), START))
    content = members(file)
    content["versions.jsonl"] += version + b"\n"
    zipped(file, [*content.items(), (name, b"x")])
    around = sorted(places.folder.iterdir())
    refused(root, file, "cannot be written", "nothing was changed")
    assert sorted(places.folder.iterdir()) == around


def changed(member, old, new):
    return lambda content: {**content, member: content[member].replace(old, new, 1)}


def added(member, line):
    return lambda content: {**content, member: content[member] + line + b"\n"}


ODD = {
    "a later format": (changed("format.json", b"1", b"2"), "a later version of koans wrote it (format 2"),
    "no format": (
        lambda content: {k: v for k, v in content.items() if k != "format.json"},
        "not a file of `koans sync`",
    ),
    "format 0": (changed("format.json", b"1", b"0"), "no format that there is"),
    "a format of words": (changed("format.json", b"1", b'"one"'), "damaged (Expected `int`"),
    "an unknown field": (added("peeks.jsonl", b'{"koan":"a","at":1,"more":2}'), "damaged (peeks.jsonl"),
    "a time before 1970": (added("peeks.jsonl", b'{"koan":"a","at":-1}'), "damaged (peeks.jsonl"),
    "a time after 3000": (added("peeks.jsonl", b'{"koan":"a","at":1e12}'), "damaged (peeks.jsonl"),
    "a time that is none": (added("peeks.jsonl", b'{"koan":"a","at":NaN}'), "damaged (peeks.jsonl"),
    "a huge time": (added("peeks.jsonl", b'{"koan":"a","at":1e999}'), "damaged (peeks.jsonl"),
    "a long name": (added("peeks.jsonl", b'{"koan":"%s","at":1}' % (b"a" * 201)), "damaged (peeks.jsonl"),
    "a rating of 5": (changed("reviews.jsonl", b'"rating":3', b'"rating":5'), "damaged (reviews.jsonl"),
    "no rating": (changed("reviews.jsonl", b'"rating":3', b'"rating":0'), "damaged (reviews.jsonl"),
    "no JSON": (added("answers.jsonl", b"{"), "damaged (answers.jsonl"),
    "no UTF-8": (added("texts.jsonl", b'{"content":"a","text":"\xff"}'), "damaged (texts.jsonl"),
    "a verdict that is none": (changed("attempts.jsonl", b"{\\", b"\\"), "damaged"),
    "a verdict on another koan": (changed("attempts.jsonl", b'"koan":"ch01_small/one"', b'"koan":"x"'), "a verdict on"),
    "a setting's value": (changed("settings.jsonl", b'"to":20', b'"to":0'), "session = 0: must be a whole number"),
    "a setting's name": (changed("settings.jsonl", b'"session"', b'"a]\\n[b"'), "damaged (settings.jsonl"),
    "a setting's text": (added("settings.jsonl", b'{"name":"x","to":"\\"","at":1}'), "damaged (settings.jsonl"),
    "a text without a version": (changed("versions.jsonl", b"one.py", b"two.py"), "is not complete"),
    "another text": (lambda content: {**content, "exercises/ch01_small/one.py": b"bad"}, "another text than was sent"),
    "no text": (lambda content: {k: v for k, v in content.items() if "one.py" not in k}, "is not complete"),
}


@pytest.mark.parametrize("odd", ODD)
def test_a_file_with_odd_content_is_refused_in_one_line_and_nothing_changes(places, odd):
    root, file = places.machine(), places.new()
    sync(Workbook(places.machine(*EVERYTHING)), file)
    change, says = ODD[odd]
    content = change(members(file))
    assert content != members(file)
    zipped(file, content.items())
    refused(root, file, says, "nothing was changed")


def test_a_member_that_is_there_twice_is_refused(places):
    root, file = places.machine(), places.new()
    sync(Workbook(places.machine(*EVERYTHING)), file)
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr("peeks.jsonl", b"")
    refused(root, file, "damaged ('peeks.jsonl' twice)")


def test_a_file_that_unpacks_to_too_much_is_not_unpacked(places, monkeypatch):
    root, file = places.machine(), places.new()
    sync(Workbook(places.machine(*EVERYTHING)), file)
    content = members(file)
    zipped(file, [*content.items(), ("exercises/bomb.txt", b"0" * (exercises.LARGEST + 1))])
    refused(root, file, "exercises/bomb.txt is larger than a sync allows")
    monkeypatch.setattr(pack, "LARGEST_UNPACKED", 10_000)
    zipped(file, {**content, "answers.jsonl": b"\n" * 10_001}.items())
    refused(root, file, "answers.jsonl is larger than a sync allows")
    monkeypatch.setattr(pack, "MOST_ROWS", 3)
    zipped(file, content.items())
    refused(root, file, "more than 3 lines")
    monkeypatch.setattr(pack, "LARGEST", 100)
    refused(root, file, "has more than 0 MiB")
    monkeypatch.setattr(pack, "LARGEST", 128 << 20)
    zipped(file, [*content.items(), *((f"exercises/a{n}.py", b"x") for n in range(2010))])
    refused(root, file, "more than 2000 files")


def test_a_file_that_is_damaged_anywhere_is_refused_or_read_as_it_was(places):
    file, whole = places.new(), places.machine(*EVERYTHING)
    sync(Workbook(whole), file)
    data, expected = file.read_bytes(), pack.read(file)[0]
    broken = places.new()
    for end in range(0, len(data), 7):
        broken.write_bytes(data[:end])
        with pytest.raises(KoansError):
            pack.read(broken)
    for place in range(0, len(data), 3):
        broken.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        found, error = expected, ""
        try:
            found, _ = pack.read(broken)
        except KoansError as refusal:
            error = str(refusal)
        assert len(error.splitlines()) <= 1
        assert found == expected  # without an error, only dates and the like were hit


@pytest.mark.parametrize("data", [b"", b"PK", b"<<<<<<< HEAD", b"SQLite format 3\0" + b"\0" * 100, b"\0" * 1000])
def test_another_file_is_not_replaced(places, data):
    root, file = places.machine(*EVERYTHING), places.new()
    file.write_bytes(data)
    refused(root, file, "not a file of `koans sync`")


def test_what_is_no_file_is_refused(places):
    root, folder = places.machine(*EVERYTHING), places.new()
    folder.mkdir()
    refused(root, folder, "is a folder")
    refused(root, places.new() / "x.zip", "its folder does not exist", "nothing went out")


# Files of earlier versions


DATA = Path(__file__).parent.parent / "data"


def test_a_file_of_version_1_is_read(places):
    root, file = places.machine(), places.new()
    shutil.copy(DATA / "sync-1.zip", file)
    done = sync(Workbook(root), file)
    assert done.came_in == Counts(
        2, 1, 3, 1, 1, 1, 1, 1, ("exercises/ch01_small/helper.py", "exercises/ch01_small/one.py"), ("session",)
    )
    assert done.went_out == Counts()
    assert file.read_bytes() == (DATA / "sync-1.zip").read_bytes(), "a change of the format needs a new version"
    found = state(root)
    assert found == state(places.machine(*EVERYTHING, ("write", "ch01_small/helper.py", "help\n", START)))
    assert found["reviews"]["card"] == {"a": (Review("a", 3, START, 5.0), Review("a", 2, START - DAY, 5.0))}


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_progress_file_of_an_earlier_format_is_brought_up_in_place_and_syncs(places, version):
    root, other = places.machine(), places.machine()
    (root / ".koans").mkdir()
    shutil.copy(DATA / f"progress-{version}.db", root / ".koans/progress.db")
    (found, there), _ = meet(places.new(), root, other)
    assert found == there
    one, two_ = (found["standings"][koan] for koan in KOANS)
    assert (one.attempts, one.passed, one.hints, two_.attempts, two_.peeked) == (3, True, 2, 1, True)
    (mistake,) = found["mistakes"]
    assert (mistake.koan, mistake.times, mistake.passed) == (
        KOANS[0],
        2,
        False,
    )  # the last run failed, by its clock before
    assert found["last passes"][0][1:] == (START + 60, exercises.digest(b"right\n"))
    with Progress(root) as progress:
        assert [(a.kind, a.at - START) for a in progress.activities() if a.koan == KOANS[1]] == [
            ("peek", 80),
            ("passed", 90),
        ]
    if version > 1:
        card = found["reviews"]["card"]
        assert card["a"] == (Review("a", 3, START + 100, 4.0), Review("a", 4, START + 50, 3.0))
        assert [(r.rating, round(r.at - START, 3)) for r in card["b"]] == [(3, 720.0), (3, 720.0)]  # none is lost
        assert found["reviews"]["koan"] == {KOANS[0]: (Review(KOANS[0], 3, START + 900, 60.0),)}
        assert [(a.answer, a.correct, a.rating) for a in found["answers"]] == [("b", False, None), ("words", None, 3)]
        assert [step.event for step in found["steps"]] == ["started", "failed", "passed"]
        assert found["texts"][exercises.digest(b"right\n")] == "right\n"


def test_two_copies_of_one_old_progress_file_are_one_log(places):
    roots = [places.machine(), places.machine()]
    for root in roots:
        (root / ".koans").mkdir()
        shutil.copy(DATA / "progress-3.db", root / ".koans/progress.db")
    before = state(roots[0])
    file = places.new()
    sync(Workbook(roots[0]), file)
    assert sync(Workbook(roots[1]), file).came_in == Counts()
    assert state(roots[0]) == state(roots[1]) == before


# The command


def test_the_command_says_what_came_in_and_what_went_out(play, tmp_path):
    file = tmp_path / "koans.zip"
    play.koans("settings", "session", "20")
    play.solve("exp_overflow")
    os.utime(play.root / "exercises/ch06_numerics/exp_overflow.py", (START, START))
    assert play.says("run", "exp_overflow").returncode == 0
    play.says("hint", "softmax")
    dry = play.says("sync", str(file), "--dry-run")
    assert (dry.returncode, dry.stderr, file.exists()) == (0, "", False)
    assert dry.stdout.splitlines() == [
        "would come in  nothing new",
        "would go out   1 attempt (1 pass), 1 hint, 1 file, settings: session",
        "nothing was written",
    ]
    done = play.says("sync", str(file))
    assert done.stdout.splitlines()[:2] == [
        "came in   nothing new",
        "went out  1 attempt (1 pass), 1 hint, 1 file, settings: session",
    ]
    assert "is new: run the same command on your other machine" in " ".join(done.stdout.split())
    shutil.rmtree(play.root / ".koans")
    act(play.root, ("reset", "ch06_numerics/exp_overflow"))
    play.write("exp_overflow", "# mine\n")
    again = json.loads(play.says("sync", str(file), "--json").stdout)
    assert again["came_in"] == {
        "attempts": 1,
        "passes": 1,
        "reviews": 0,
        "taken_back": 0,
        "answers": 0,
        "re_solve_steps": 0,
        "hints": 1,
        "peeks": 0,
        "exercises": ["exercises/ch06_numerics/exp_overflow.py"],
        "settings": ["session"],
    }
    (conflict,) = again["conflicts"]
    assert (conflict["path"], conflict["kept"]) == ("exercises/ch06_numerics/exp_overflow.py", "file")
    assert (play.root / conflict["copy"]).read_text() == "# mine\n"
    assert "✓ passed       exp_overflow" in play.says("list", "ch06").stdout
    assert "session = 20" in play.says("settings").stdout
    play.write("exp_overflow", "# mine again\n")
    (play.root / "exercises/ch06_numerics/a b.md").write_text("notes")
    said = play.says("sync", str(file)).stdout
    assert "went out  1 file\n" in said
    left_out = "exercises/ch06_numerics/a b.md is left out: not every system can have a file of this name"
    assert left_out in " ".join(said.split())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"words", "it is not a file of `koans sync`, or it is damaged"),
        (None, "its folder does not exist; what came in is saved here, and nothing went out"),
    ],
)
def test_the_command_refuses_a_file_in_one_line(play, tmp_path, data, says):
    file = tmp_path / "koans.zip" if data else tmp_path / "none" / "koans.zip"
    if data:
        file.write_bytes(data)
    result = play.says("sync", str(file))
    assert (result.returncode, result.stdout, len(result.stderr.splitlines())) == (2, "", 1)
    assert result.stderr.startswith(f"koans: {file}: ") and says in result.stderr
