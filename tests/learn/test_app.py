"""The app, used as a person would use it."""

import asyncio
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from grader.book.stubs import strip_markers, stub_of
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Workbook
from grader.judge.runner import Limits, Runner
from grader.judge.runner.server_address import socket_path
from grader.judge.runner.shared_server import find_warm
from grader.learn.app.panels import ChooseKoan, Confirm, Page, PassedScreen
from grader.learn.app.screen import KoansApp
from grader.learn.app.state import Command, Saved
from grader.learn.app.watch import Watcher
from grader.learn.attempts import LEARNER
from grader.learn.progress import Progress

PATIENCE = 90.0  # seconds: a bound for a loaded machine, not a claim about speed
SIZES = {"wide": (140, 44), "narrow": (60, 30)}
SHOTS = os.environ.get("KOANS_SHOTS")  # a folder in which to save screenshots


def first(book: Workbook):
    return next(iter(book.koans.values()))


def solve(book, name):
    koan = book.koan(name)
    book.exercise(koan).write_text(strip_markers(book.solution(koan).read_text()))


async def until(pilot, holds, description=""):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        await pilot.pause(0.05)
        if holds():
            return
    raise AssertionError(f"never came: {description or holds}")


def screen_text(app):
    """What can be read on the screen, line by line."""
    return "\n".join("".join(part.text for part in strip) for strip in app.screen._compositor.render_strips())


def shot(app, name):
    if SHOTS:
        app.save_screenshot(f"{name}.svg", path=SHOTS)


def drive(book, size, script):
    """Run the app at this size with `script(app, pilot)`, and check that no process stays behind.

    A warm process may stay only if the tests share one.
    """

    async def go():
        app = KoansApp(book)
        async with app.run_test(size=SIZES[size]) as pilot:
            await until(pilot, lambda: app.state.step is not None, "the first verdict")
            await script(app, pilot)
        return app

    before = children_of(os.getpid())
    app = asyncio.run(go())
    assert app.return_code in (0, None)
    assert os.environ["KOANS_WARM_SECONDS"] != "0" or none_left(book.root)
    assert comes_true(lambda: children_of(os.getpid()) <= before | {server.pid for server in find_warm(book.root)})


def children_of(pid):
    """The live processes of ours that `pid` has started."""
    return {child.pid for child in psutil.Process(pid).children() if alive(child.pid) and "grader" in _line(child)}


def _line(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.mark.parametrize("size", SIZES)
def test_it_opens_at_the_current_koan_and_a_pass_brings_the_next(alone, size):
    book = alone.workbook
    order = list(book.koans)

    async def script(app, pilot):
        assert app.state.koan == order[0]
        assert app.state.step.verdict.status == Status.not_started
        await pilot.pause(0.2)
        await until(pilot, lambda: first(book).title in screen_text(app), first(book).title)
        await until(pilot, lambda: "not started" in screen_text(app), "not started")
        shot(app, f"{size}-start")
        solve(book, order[0])
        await until(pilot, lambda: isinstance(app.screen, PassedScreen), "the screen after a pass")
        await pilot.pause(0.2)
        frame, _ = app.screen.query_one("VerticalScroll").styles.border_top
        assert frame == "round"  # the screen's own style applies
        await until(pilot, lambda: "card unlocked" in screen_text(app), "card unlocked")
        shot(app, f"{size}-passed")
        await pilot.press("n")
        await until(pilot, lambda: app.state.koan == order[1] and app.state.step is not None, "the next koan")
        assert app.state.passed == 1
        await until(pilot, lambda: f"1/{len(order)}" in screen_text(app), f"1/{len(order)}")

    drive(book, size, script)


@pytest.mark.parametrize("size", SIZES)
def test_a_failure_names_the_mistake_and_each_save_runs_again(play, size):
    book = play.workbook

    async def script(app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ChooseKoan))
        await pilot.press(*"causal")
        await pilot.press("enter")
        await until(pilot, lambda: app.state.koan == "ch07_attention/causal_mask" and app.state.step is not None)
        play.body("causal_mask", "return torch.full((n_q, n_k), -torch.inf).triu(1)")
        await until(pilot, lambda: app.state.step.verdict.status == Status.failed, "a failure")
        await pilot.pause(0.2)
        assert app.state.step.verdict.names == ("top_left",)
        await until(pilot, lambda: "aligned at the first key" in screen_text(app), "aligned at the first key")
        shot(app, f"{size}-failed")
        play.write("causal_mask", "def causal_mask(:\n")
        await until(pilot, lambda: app.state.step.verdict.status == Status.broken, "a syntax error")
        solve(book, "causal_mask")
        await until(pilot, lambda: isinstance(app.screen, PassedScreen), "the pass")

    drive(book, size, script)


def test_hints_list_help_chapter_reset_and_neighbours(play):
    book = play.workbook
    order = list(book.koans)
    koan = first(book)

    async def script(app, pilot):
        for tier in (1, 2, 3, 3):
            await pilot.press("h")
            await until(pilot, lambda tier=tier: app.state.hints == tier, f"hint {tier}")
        await pilot.pause(0.2)
        await until(pilot, lambda: "hint 1 of 3" in screen_text(app), "hint 1 of 3")
        shot(app, "hints")
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Page))
        await pilot.press("escape")
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, Page))
        await pilot.pause(0.3)
        title = book.chapters[0].title.partition(":")[0]
        await until(pilot, lambda: title in screen_text(app), title)
        shot(app, "chapter")
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Page))
        await pilot.press("n")
        await until(pilot, lambda: app.state.koan == order[1])
        await pilot.press("p")
        await until(pilot, lambda: app.state.koan == order[0])
        assert app.state.hints == 3
        await pilot.press("s")
        await until(pilot, lambda: "is shown once your answer passes" in app.state.notice)
        play.write(koan.id, "mine = 1\n")
        await until(pilot, lambda: app.state.step and app.state.step.verdict.status == Status.broken)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("n")
        await until(pilot, lambda: not isinstance(app.screen, Confirm))
        assert book.exercise(koan).read_text() == "mine = 1\n"
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: app.state.step and app.state.step.verdict.status == Status.not_started)
        assert book.exercise(koan).read_text() == stub_of(book, koan)
        assert "your version is saved at .koans/replaced" in app.state.notice

    drive(book, "wide", script)


def test_the_list_filters_by_name_rung_and_standing(play):
    book = play.workbook
    solve(book, "vector_add")
    assert play.koans("run", "vector_add").returncode == 0

    async def script(app, pilot):
        async def ids_for(words):
            await pilot.press("l")
            await until(pilot, lambda: isinstance(app.screen, ChooseKoan))
            await pilot.press(*("space" if c == " " else c for c in words))
            await pilot.pause(0.2)
            options = app.screen.query_one("OptionList")
            ids = [options.get_option_at_index(i).id for i in range(options.option_count)]
            shot(app, "list")
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, ChooseKoan))
            return ids

        assert await ids_for("passed") == ["ch13_triton/vector_add"]
        fused = [k.id for k in book.koans.values() if "fuse" in k.rung + k.name + k.title.lower()]
        assert "ch13_triton/vector_add" in fused
        assert await ids_for("fuse it") == fused
        assert await ids_for("ch07 mask") == [
            k.id
            for k in book.koans.values()
            if k.chapter == "ch07_attention" and "mask" in f"{k.name} {k.title}".lower()
        ]
        assert await ids_for("nonesuch") == []

    drive(book, "wide", script)


@pytest.mark.parametrize(
    ("kind", "lines", "status"),
    [
        ("a megabyte", ["print('x' * 1_000_000)", "return 0"], Status.failed),
        ("escapes", ["print('\\x1b[2J\\x1b[?1049l\\x1bc')", "raise ValueError('\\x1b[31mred')"], Status.failed),
        ("chdir", ["import os", "os.chdir('/')", "return 0"], Status.failed),
        ("descriptors", ["import os", "os.closerange(0, 256)", "return 0"], Status.crashed),
        (
            "threads",
            ["import threading, time", "threading.Thread(target=time.sleep, args=(99,)).start()", "return 0"],
            Status.failed,
        ),
        pytest.param(
            "processes",
            ["import os, time", "os.fork() or time.sleep(99)", "return 0"],
            Status.failed,
            marks=pytest.mark.needs("fork"),
        ),
        ("exit", ["import os", "os._exit(0)"], Status.crashed),
    ],
)
def test_the_screen_survives_code_that(play, kind, lines, status):
    book = play.workbook

    async def script(app, pilot):
        app.session.post(_go("ch07_attention/causal_mask"))
        await until(pilot, lambda: app.state.koan == "ch07_attention/causal_mask" and app.state.step is not None)
        play.body("causal_mask", *lines)
        await until(pilot, lambda: app.state.step.verdict.status not in (Status.not_started,), "a verdict")
        assert app.state.step.verdict.status == status, app.state.step.verdict.message
        await pilot.pause(0.3)
        await until(pilot, lambda: "causal_mask" in screen_text(app), "causal_mask")
        assert "\x1b" not in screen_text(app)
        solve(book, "causal_mask")
        await until(pilot, lambda: app.state.step.verdict.passed, "the run after it")

    drive(book, "wide", script)


def _go(koan):
    return Command("go", koan)


def test_several_saves_in_a_row_end_with_the_verdict_on_the_last(play):
    book = play.workbook

    async def script(app, pilot):
        app.session.post(_go("ch07_attention/causal_mask"))
        await until(pilot, lambda: app.state.koan == "ch07_attention/causal_mask" and app.state.mode.startswith("warm"))
        play.body("causal_mask", "while True:", "    pass")
        await until(pilot, lambda: app.state.running)
        for i in range(5):
            play.body("causal_mask", f"return {i}")
            await pilot.pause(0.02)
        solve(book, "causal_mask")
        await until(
            pilot, lambda: app.state.step is not None and app.state.step.verdict.passed, "the last save's verdict"
        )
        assert not app.state.running

    drive(book, "wide", script)


def _by_rename(file, text):
    part = file.with_suffix(".tmp")
    part.write_text(text)
    part.replace(file)


def _by_backup(file, text):
    file.rename(file.with_suffix(".py~"))
    file.write_text(text)


def _twice(file, text):
    file.write_text("")
    file.write_text(text)


def _after_deleting(file, text):
    file.unlink()
    time.sleep(0.03)
    file.write_text(text)


SAVES = {"scores": _by_rename, "causal_mask": _by_backup, "softmax": _twice, "dot": _after_deleting}


@pytest.mark.parametrize("poll", [False, True], ids=["events", "polling"])
def test_a_save_is_noticed_however_the_editor_makes_it(play, poll):
    book = play.workbook
    (book.root / ".koans").mkdir()
    events = []
    watcher = Watcher(book, events.append, poll=poll)
    watcher.start()
    try:
        time.sleep(1.0)
        for name, save in SAVES.items():
            koan = book.koan(name)
            save(book.exercise(koan), "x = 1\n")
            assert comes_true(lambda koan=koan: Saved((koan.id,)) in events), save.__name__
            assert book.exercise(koan).read_text() == "x = 1\n"
    finally:
        watcher.stop()
    saved = [e for e in events if isinstance(e, Saved)]
    assert {e.koans for e in saved} == {(book.koan(name).id,) for name in SAVES}


def test_plain_mode_is_the_same_loop_in_lines(alone):
    book = alone.workbook
    process = subprocess.Popen(
        [sys.executable, "-m", "grader", "--plain"],
        cwd=alone.root,
        env={**os.environ, "PYTHONPATH": str(alone.root), "NO_COLOR": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = []

    def wait_for(text):
        while True:
            line = process.stdout.readline()
            assert line, "".join(seen)
            seen.append(line)
            if text in line:
                return

    def say(text):
        process.stdin.write(text + "\n")
        process.stdin.flush()

    wait_for("fails first")
    say("h")
    wait_for("hint 1")
    say("causal_mask")
    wait_for("exercises/ch07_attention/causal_mask.py")
    alone.body("causal_mask", "return torch.full((n_q, n_k), -torch.inf).triu(1)")
    wait_for("aligned at the first key")
    solve(book, "causal_mask")
    wait_for("causal_mask  ✓ passed")
    say("nonesuch")
    wait_for("no koan is called 'nonesuch'")
    say("q")
    process.stdin.close()
    assert process.wait(20) == 0
    assert none_left(book.root)


def test_koans_run_uses_the_apps_warm_process_until_the_workbook_changes(alone):
    book = alone.workbook
    with Runner(book) as owner:
        assert owner.warm_up() == "warm"
        assert socket_path(book.root).exists()
        assert sys.platform == "win32" or socket_path(book.root).stat().st_mode & 0o077 == 0
        with Runner(book) as guest:
            assert guest.warm_up() == "warm, shared"
            solve(book, "scores")
            assert guest.run(book.koan("scores"), LEARNER).passed
        file = book.root / "content/ch07_attention/scores.md"
        file.write_text(file.read_text() + "\nMore.\n")
        with Runner(book) as stranger:
            assert stranger.warm_up() == "warm"
        assert owner.run(book.koan("scores"), LEARNER).passed  # on a new server
        with Runner(book) as guest:
            assert guest.warm_up() == "warm, shared"
    assert none_left(book.root)


@pytest.mark.needs("unix sockets")
def test_a_stale_socket_is_no_obstacle(alone):
    path = socket_path(alone.root)
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    assert path.exists()
    with Runner(alone.workbook) as first:
        assert first.warm_up() == "warm"
        with Runner(alone.workbook) as guest:
            assert guest.warm_up() == "warm, shared"
    assert none_left(alone.root)
    assert not path.exists()


def test_nothing_is_left_when_the_app_is_killed(alone):
    alone.body("causal_mask", "while True: pass")
    code = (
        "from pathlib import Path; from grader.book.workbook import Workbook; from grader.learn.app.session import AppSession\n"
        "import time\n"
        f"s = AppSession(Workbook(Path({str(alone.root)!r})), lambda state: print(state.mode, state.running, flush=True), start='ch07_attention/causal_mask')\n"
        "s.start(); time.sleep(300)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=alone.root,
        env={**os.environ, "PYTHONPATH": str(alone.root)},
        stdout=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + PATIENCE
    while not find_warm(alone.root) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.0)
    below = descendants(process.pid)
    assert below
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in below) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [pid for pid in below if alive(pid)] == []
    assert none_left(alone.root)


def none_left(root):
    """No shared server of this workbook runs. A server may take a moment to end after its last client."""
    return comes_true(lambda: not find_warm(root))


def comes_true(holds):
    deadline = time.monotonic() + PATIENCE
    while not (result := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return result


def descendants(pid):
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def alive(pid):
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False


def test_without_fork_the_same_code_runs_cold_and_says_so(play, monkeypatch):
    monkeypatch.setenv("KOANS_START", "cold")
    book = play.workbook
    solve(book, "scores")
    with Runner(book, Limits(timeout=20)) as runner:
        assert runner.warm_up().startswith("cold: every run imports torch again")
        assert runner.run(book.koan("scores"), LEARNER).passed
    play.body("causal_mask", "while True: pass")
    with Runner(book, Limits(timeout=1)) as runner:
        verdict = runner.run(book.koan("causal_mask"), LEARNER)
        assert verdict.status == Status.timed_out
        assert "three tokens by hand" in verdict.message


def test_two_terminals_record_into_one_progress_file(play):
    book = play.workbook
    koan = book.koan("scores")
    code = (
        "import sys; from pathlib import Path; from grader.book.workbook import Workbook; from grader.learn.progress import Progress\n"
        "from grader.book.verdict import Status, Verdict\n"
        f"b = Workbook(Path({str(play.root)!r})); k = b.koan('scores')\n"
        # Three writers without a pause keep each other waiting for longer than three people would.
        "with Progress(b.root, timeout=100) as p:\n"
        "    for i in range(150): p.record(Verdict(k.id, 'learner', Status.failed), f'{sys.argv[1]} {i}')\n"
    )
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(n)], cwd=play.root, env={**os.environ, "PYTHONPATH": str(play.root)}
        )
        for n in range(3)
    ]
    assert [w.wait(120) for w in writers] == [0, 0, 0]
    with Progress(book.root) as progress:
        progress.record(Verdict(koan.id, "learner", Status.passed), book.exercise(koan).read_text())
        standing = progress.standings(book)[koan.id]
    assert (standing.attempts, standing.status) == (451, Status.passed)
