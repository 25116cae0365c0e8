"""The full screen: what is new comes into view, what happens is said, and it ends at once."""

import asyncio
import contextlib
import io
import os
import re
import select
import signal
import time

import msgspec
import pytest

from grader.book.verdict import Status, Verdict
from grader.judge.runner import Cancelled
from grader.learn.app import session as module
from grader.learn.app import speaker
from grader.learn.app.panels import ChooseKoan, Confirm, Page, PassedScreen
from grader.learn.app.plain import Plain
from grader.learn.app.screen import KoansApp
from grader.learn.app.state import Run
from grader.learn.progress import Progress
from grader.model.client import folder_of_ours
from grader.model.protocol import Done, Failed, Said, Text
from tests.learn.test_app import screen_text, until
from tests.terminal import Terminal

LOW, NARROW = (80, 24), (60, 20)
LONG = "\n".join(f"line {n}" for n in range(60))


class Instant:
    """A runner whose verdicts come at once and are long. A run of `lasting` ends only when it is given up.

    An answer passes if its text has the word `correct`.
    """

    lasting = ""

    def __init__(self, workbook, **_):
        self.given_up = False
        self.workbook = workbook

    def run(self, koan, target, seed=0):
        while koan.id == self.lasting:
            if self.given_up:
                raise Cancelled(koan.id)
            time.sleep(0.01)
        status = Status.passed if "correct" in self.workbook.exercise(koan).read_text() else Status.failed
        return Verdict(koan.id, str(target), status, LONG)

    def warm_up(self):
        return "warm"

    def cancel(self):
        pass

    def give_up(self):
        self.given_up = True

    def close(self):
        pass


@pytest.fixture
def play(small, monkeypatch):
    """A workbook of three koans, whose runs need no server."""
    monkeypatch.setenv("KOANS_START", "cold")
    return small


@pytest.fixture
def drive(play, monkeypatch):
    """A function that runs `script(app, pilot)` in a terminal of this size, without a server."""
    monkeypatch.setattr(module, "Runner", Instant)

    def run(size, script, *, lasting=""):
        monkeypatch.setattr(Instant, "lasting", lasting)

        async def go():
            app = KoansApp(play.workbook)
            async with app.run_test(size=size) as pilot:
                if not lasting:
                    await until(pilot, lambda: app.state.step is not None and app.state.mode == "warm")
                await pilot.pause()
                await script(app, pilot)
            return app

        return asyncio.run(go())

    return run


def hints_seen(play, koan):
    with Progress(play.root) as progress:
        return progress.hints(play.workbook.koans[koan])


@pytest.mark.parametrize("size", [LOW, NARROW], ids=["80x24", "60x20"])
def test_each_hint_scrolls_into_view_and_counts_once_it_is_there(drive, play, size):
    async def script(app, pilot):
        for tier in (1, 2, 3):
            await pilot.press("h")
            await until(pilot, lambda tier=tier: f"hint {tier} of 3" in screen_text(app), f"hint {tier}")
            await until(pilot, lambda tier=tier: hints_seen(play, app.state.koan) == tier, f"tier {tier} is recorded")
        await pilot.press("home")
        await until(pilot, lambda: "hint 3 of 3" not in screen_text(app), "the top")
        await pilot.press("h")
        await until(pilot, lambda: "hint 3 of 3" in screen_text(app), "the last hint once more")
        await until(pilot, lambda: "that was the last hint" in app.state.notice)
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: "hint 3 of 3" in screen_text(app) and app.size.width == NARROW[0])

    drive(size, script)


def test_a_hint_that_cannot_be_shown_is_not_counted(drive, play):
    async def script(app, pilot):
        koan = app.koan
        file = play.root / f"content/{koan.id}.md"
        file.unlink()
        await pilot.press("h")
        await until(pilot, lambda: app.state.hints == 1)
        await until(pilot, lambda: f"{koan.name}.md" in screen_text(app), "what is missing")
        await pilot.press("n")
        await until(pilot, lambda: app.state.koan != koan.id)
        assert hints_seen(play, koan.id) == 0

    drive(LOW, script)


def test_a_new_verdict_and_the_prompt_of_another_koan_start_at_their_tops(drive):
    async def script(app, pilot):
        prompt, verdict = app.query_one("#prompt"), app.query_one("#verdict")
        assert verdict.max_scroll_y > 0
        verdict.scroll_end(animate=False)
        await until(pilot, lambda: verdict.scroll_y > 0)
        before, first = app.state.step, app.koan
        await pilot.press("r")
        await until(pilot, lambda: app.state.step is not before and verdict.scroll_y == 0)
        await pilot.press("h")
        await until(pilot, lambda: prompt.scroll_y > 0)
        await pilot.press("n")
        await until(pilot, lambda: app.koan != first and app.koan.title[:8] in screen_text(app))
        await until(pilot, lambda: prompt.scroll_y == 0)

    drive(NARROW, script)


def test_the_keys_that_scroll_are_listed_and_scroll_the_part_with_the_thick_edge(drive):
    async def script(app, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, Page) and "PgDn" in screen_text(app))
        assert "Tab" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, Page))
        prompt, verdict = app.query_one("#prompt"), app.query_one("#verdict")
        await pilot.press("h")
        await until(pilot, lambda: app.focused is prompt)
        await pilot.press("home")
        await until(pilot, lambda: prompt.scroll_y == 0)
        await pilot.press("down")
        await until(pilot, lambda: prompt.scroll_y == 1)
        await pilot.press("end")
        await until(pilot, lambda: prompt.scroll_y == prompt.max_scroll_y > 1)
        await pilot.press("pageup")
        await until(pilot, lambda: prompt.scroll_y < prompt.max_scroll_y)
        await pilot.press("tab", "end")
        await until(pilot, lambda: verdict.scroll_y == verdict.max_scroll_y > 0)
        assert "▌" in screen_text(app) and "▏" in screen_text(app)  # the edges differ not by color alone

    drive(NARROW, script)


def test_a_resize_is_laid_out_by_its_own_size_and_the_footer_keeps_all_its_keys(drive):
    async def script(app, pilot):
        verdict = app.query_one("#verdict")
        for width, side_by_side in ((60, False), (120, True), (80, False), (100, True)):
            await pilot.resize_terminal(width, 30)
            await pilot.pause()
            assert (verdict.region.x > 0) == side_by_side, width
            assert ("rungs" in screen_text(app)) == side_by_side, width
            last = screen_text(app).splitlines()[-1]
            assert "q quit" in last and "? help" in last and "s answer" in last

    drive(LOW, script)


def test_the_seconds_of_a_run_are_counted_also_after_its_koan_is_left(drive, play):
    first, second = list(play.workbook.koans)[:2]

    def seconds(app, before):
        found = re.search(rf"{before} (\d+) s", screen_text(app))
        return int(found[1]) if found else -1

    async def script(app, pilot):
        running = f"running {first.partition('/')[2]}"
        await until(pilot, lambda: seconds(app, running) >= 0)
        await until(pilot, lambda: seconds(app, "running your code…") >= 0)
        await pilot.press("n")
        await until(pilot, lambda: app.state.koan == second)
        earlier = seconds(app, running)
        await until(pilot, lambda: seconds(app, running) > earlier >= 0, "the clock goes on")

    drive(LOW, script, lasting=first)


@pytest.mark.parametrize(
    ("keys", "opens"),
    [
        (["ctrl+c"], None),
        (["c", "q"], Page),
        (["x", "q"], Confirm),
        (["l", "ctrl+c"], ChooseKoan),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else "",
)
def test_q_and_ctrl_c_end_it_during_a_run_and_in_every_screen(drive, play, keys, opens):
    async def script(app, pilot):
        for key in keys[:-1]:
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, opens))
        assert app.return_code is None
        await pilot.press(keys[-1])
        await until(pilot, lambda: app.return_code == 0)
        assert all(runner.given_up for runner in app.session._runners)
        assert "to quit" not in screen_text(app)

    drive(LOW, script, lasting=next(iter(play.workbook.koans)))


EDITORS = {
    "nosuch-editor -w": "nosuch-editor: not found",
    "/nonexistent/vim": "/nonexistent/vim: not found",
    "'open quote": "is not a command",
    "/": "/ cannot be run",
    "false": "false ended with exit code 1",
}


@pytest.mark.parametrize("editor", EDITORS)
def test_an_editor_that_does_not_work_gives_the_screen_back_and_says_why(drive, monkeypatch, editor):
    back = []

    @contextlib.contextmanager
    def suspend(self):  # as Textual's: an error inside would leave the terminal away
        yield
        back.append(True)

    monkeypatch.setattr(KoansApp, "suspend", suspend)
    monkeypatch.setenv("VISUAL", editor)

    async def script(app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: EDITORS[editor] in screen_text(app))
        assert back == [True]

    drive(LOW, script)


def test_a_new_verdict_closes_the_page_of_a_pass_and_stands_in_the_border_of_other_screens(drive, play):
    koans = list(play.workbook.koans.values())
    first, second = (play.workbook.exercise(koan) for koan in koans[:2])

    async def script(app, pilot):
        first.write_text("correct = 1\n")
        await until(pilot, lambda: isinstance(app.screen, PassedScreen), "the page of the pass")
        first.write_text("wrong = 1\n")
        await until(pilot, lambda: len(app.screen_stack) == 1 and "✗ failed" in screen_text(app), "the failure")
        for round_, (key, opened) in enumerate(
            (("c", Page), ("question_mark", Page), ("l", ChooseKoan), ("x", Confirm))
        ):
            await pilot.press(key)
            await until(pilot, lambda opened=opened: isinstance(app.screen, opened))
            first.write_text(f"correct = {round_}\n")
            await until(pilot, lambda: f"{koans[0].name}  ✓ passed" in screen_text(app), f"{key}: passed")
            first.write_text(f"wrong = {round_}\n")
            await until(pilot, lambda: f"{koans[0].name}  ✗ failed" in screen_text(app), f"{key}: failed")
            await pilot.press("escape")
            await until(pilot, lambda: len(app.screen_stack) == 1)
        first.write_text("correct = 9\n")
        await until(pilot, lambda: app.state.step is not None and app.state.step.verdict.passed)
        await pilot.press("s")
        await until(pilot, lambda: "correct = 9" in screen_text(app), "the answer that passed")
        first.write_text("correct = 10\n")
        await until(pilot, lambda: "correct = 10" in screen_text(app), "the newer answer")
        second.write_text("wrong = 2\n")
        await until(
            pilot, lambda: len(app.screen_stack) == 1 and f"2. {koans[1].name}" in screen_text(app), "the other"
        )

    drive(LOW, script)


def test_a_filter_that_matches_no_koan_says_so(drive):
    async def script(app, pilot):
        await pilot.press("l", *"zzz")
        await until(pilot, lambda: "no koan matches" in screen_text(app))
        await pilot.press("down", "enter", "backspace", "backspace", "backspace")
        await until(pilot, lambda: "Enter opens the koan" in screen_text(app))

    drive(LOW, script)


def contrast(one, other):
    """The contrast of two grays from 0 to 255, by WCAG: from 1 to 21."""
    dark, light = sorted(((value / 255 + 0.055) / 1.055) ** 2.4 for value in (one, other))
    return (light + 0.05) / (dark + 0.05)


def test_without_color_every_text_can_be_read(drive, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    async def script(app, pilot):
        state = msgspec.structs.replace(app.state, due=10, notice="a notice", trouble="trouble")
        app.post_message(app.Changed(state))
        await until(pilot, lambda: "10 to review" in screen_text(app) and "trouble" in screen_text(app))
        assert "failed" in screen_text(app)
        for strip in app.screen._compositor.render_strips():
            for text, style, _ in strip:
                if any(c.isalnum() for c in text):
                    front, back = style.color.get_truecolor(), style.bgcolor.get_truecolor()
                    assert front.red == front.green == front.blue and contrast(front.red, back.red) > 4.5, text

    drive(LOW, script)


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_the_header_is_one_line_whatever_runs(drive, width):
    async def script(app, pilot):
        top = app.query_one("#body").region.y
        long = tuple(Run("ch01_tensors/" + name * 8, time.monotonic() - 119) for name in ("apply_", "masks_"))
        for runs in ((), long[:1], long):
            app.post_message(app.Changed(msgspec.structs.replace(app.state, due=10, runs=runs, running=bool(runs))))
            first = "running apply_" if runs else "warm"
            await until(pilot, lambda first=first: first in screen_text(app).splitlines()[0])
            line = screen_text(app).splitlines()[0]
            assert re.search(r" 10 (cards )?to review( \(koans review\))? *$", line), line
            assert app.koan.chapter in line, line
            assert app.query_one("#body").region.y == top

    drive((width, 24), script)


def test_the_chosen_line_of_the_list_has_a_sign(drive):
    def signed(app):
        return [line for line in screen_text(app).splitlines() if "▸" in line]

    async def script(app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ChooseKoan) and len(signed(app)) == 1)
        first, second = (koan.name for koan in list(app.workbook.koans.values())[:2])
        assert f" {first} " in signed(app)[0]
        await pilot.press("down")
        await until(pilot, lambda: len(signed(app)) == 1 and f" {second} " in signed(app)[0])

    drive(LOW, script)


def test_content_that_goes_missing_ends_nothing(drive, play):
    async def script(app, pilot):
        play.workbook.test_file(app.koan).unlink()
        (play.root / "content" / app.koan.chapter / "chapter.md").unlink()
        before, first = app.state.step, app.koan
        await pilot.press("r")
        await until(pilot, lambda: app.state.step is not before)
        await pilot.press("c")
        await until(pilot, lambda: "chapter.md" in app.state.notice)
        await pilot.press("n")
        await until(pilot, lambda: app.koan != first and app.koan.title[:8] in screen_text(app))

    drive(LOW, script)


@pytest.mark.needs("pty")
def test_after_ctrl_z_and_fg_the_screen_is_whole(play):
    first = next(iter(play.workbook.koans.values())).name
    terminal = Terminal(play)
    terminal.until("not started")
    terminal.press("\x1a")
    os.waitid(os.P_PID, terminal.process.pid, os.WSTOPPED | os.WNOWAIT)
    while select.select([terminal.master], [], [], 0)[0]:  # what was drawn before
        os.read(terminal.master, 4096)
    terminal.seen = ""
    os.kill(terminal.process.pid, signal.SIGCONT)
    for text in ("cold: ", "▌", first, "────", "▏", "not started", "q quit"):  # from top to bottom
        terminal.until(text)
    terminal.press("q")
    assert terminal.end() == (0, True)


@pytest.mark.parametrize("answer", ["n", "y"])
def test_a_reset_in_lines_asks_first(play, monkeypatch, capsys, answer):
    monkeypatch.setattr(module, "Runner", Instant)
    koan = next(iter(play.workbook.koans.values()))
    play.workbook.exercise(koan).write_text("mine = 1\n")
    Plain(play.workbook, source=io.StringIO(f"?\nx\n{answer}\n")).run()
    said = " ".join(capsys.readouterr().out.split())
    assert "x reset, ? help, q quit" in said and f"reset {koan.name} to its stub?" in said
    assert ("nothing was reset" in said) == (answer == "n")
    assert (play.workbook.exercise(koan).read_text() == "mine = 1\n") == (answer == "n")


@pytest.mark.needs("pty")
@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_draw_gets_lines(play, term):
    terminal = Terminal(play, term=term)
    before = terminal.until("a letter, then Enter")
    assert next(iter(play.workbook.koans.values())).title in before
    terminal.press("h\n")
    terminal.until("hint 1")
    terminal.press("q\n")
    assert terminal.end() == (0, True)


def test_after_a_first_pass_the_function_runs_in_the_model_which_says_a_sentence(drive, play, monkeypatch):
    asked = []

    def run(request):
        asked.append(request)
        yield from (Text(" a small"), Text(" cat"), Said(2, 0.1, (1, 1), 0.0), Done())

    monkeypatch.setattr(speaker, "run", run)
    file = folder_of_ours(play.root) / "model.safetensors"
    file.parent.mkdir()
    file.touch()

    async def script(app, pilot):
        await until(pilot, lambda: app.state.step is not None)
        play.write("causal_mask", "correct = 1\n")
        await until(pilot, lambda: isinstance(app.screen, PassedScreen), "the page of the pass")
        await until(pilot, lambda: "“Once upon a time a small cat …”" in screen_text(app), "the sentence")
        assert "your causal_mask runs in the model now: 1 of 2" in screen_text(app)

    drive(LOW, script)
    assert dict(asked[0].source.whose) == {"ch07_attention/causal_mask": "learner"}


def test_nothing_is_said_if_the_process_of_the_model_fails(drive, play, monkeypatch):
    monkeypatch.setattr(speaker, "run", lambda request: iter([Failed("no")]))
    said = []
    one = speaker.Speaker(play.workbook, lambda koan, sentence: said.append(sentence))
    one._wanted = "ch07_attention/causal_mask"
    one._run("ch07_attention/causal_mask", {})
    assert said == []
