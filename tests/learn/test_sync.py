"""`koans sync`: machines that exchange their logs, settings and exercises by a file agree, and nothing gets lost."""

import itertools
import os
import shutil
import tempfile
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
from grader.learn.progress import Progress
from grader.learn.recall import Answer, ReSolveStep
from grader.learn.sync import exercises, merge, pack
from grader.learn.sync.merge import Conflict, Counts, sync

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


def state(root):
    """All that a learner can see of a machine."""
    book = Workbook(root)
    with Progress(root) as progress:
        recall = progress.recall
        return {
            "standings": progress.standings(book),
            "activities": progress.activities(),
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
TEXTS = st.sampled_from(("first\n", "second\n", "third\n", "fourth\n"))
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
    return {
        msgspec.structs.replace(row, at=0.0) if getattr(row, "kind", "") == "hint" else row for row in rows
    }


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
