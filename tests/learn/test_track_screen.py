"""The screen while the learner walks a track."""

import pytest

from grader.book.verdict import Status, Verdict
from grader.learn.app.panels import ChooseKoan
from grader.learn.progress import Progress
from tests.learn.test_app import screen_text, until
from tests.learn.test_screen import LOW, drive, play  # noqa: F401


@pytest.fixture(autouse=True)
def nothing_passes_yet(play):  # noqa: F811
    """The stub of scores has the word by which the runner of these tests knows a right answer."""
    file = play.workbook.exercise(play.workbook.koan("scores"))
    file.write_text(file.read_text().replace("correct", "right"))


def test_the_screen_shows_the_track_and_goes_back_to_it(drive, play):  # noqa: F811
    play.says("track", "attention")
    scores, mask, outside = "ch07_attention/scores", "ch07_attention/causal_mask", "ch06_numerics/exp_overflow"

    async def script(app, pilot):
        assert app.state.koan == scores
        await until(pilot, lambda: "attention 0 of 2 ────" in screen_text(app), "the track")
        assert "1. scores" in screen_text(app) and "ch07_attention" in screen_text(app)
        for key, koan in (("n", mask), ("n", scores), ("p", mask), ("p", scores)):
            await pilot.press(key)
            await until(pilot, lambda koan=koan: app.state.koan == koan, koan)
        for key in ("n", "p"):  # from a koan outside the track both lead back to it
            await pilot.press("l")
            await until(pilot, lambda: isinstance(app.screen, ChooseKoan), "the list")
            await pilot.press(*"exp_overflow", "enter")
            await until(pilot, lambda: app.state.koan == outside, "a koan outside the track")
            await until(pilot, lambda: ". exp_overflow" not in screen_text(app) and "exp_overflow" in screen_text(app))
            await pilot.press(key)
            await until(pilot, lambda: app.state.koan == scores, "back on the track")

    drive(LOW, script)


def test_the_list_on_the_screen_can_be_filtered_by_the_track(drive, play):  # noqa: F811
    play.says("track", "attention")

    async def script(app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, ChooseKoan), "the list")
        await pilot.press(*"attention")
        await until(pilot, lambda: app.screen.query_one("OptionList").option_count == 2)
        assert "exp_overflow" not in screen_text(app)

    drive(LOW, script)


def test_the_page_of_the_last_pass_says_what_the_track_took(drive, play):  # noqa: F811
    play.says("track", "attention")
    koans = [play.workbook.koan(name) for name in ("scores", "causal_mask")]

    async def script(app, pilot):
        for koan in koans:
            assert app.state.koan == koan.id
            file = play.workbook.exercise(koan)
            file.write_text(file.read_text() + "# correct\n")
            await pilot.press("r")
            await until(pilot, lambda koan=koan: f"{koan.id} passed" in screen_text(app), "the page of the pass")
            told = "The track attention is done: 2 koans"
            assert (told in screen_text(app)) == (koan is koans[-1])
            await pilot.press("n")
            await until(pilot, lambda koan=koan: app.state.koan != koan.id and app.state.step is not None)
        assert app.state.koan == "ch06_numerics/exp_overflow"  # the whole workbook goes on
        await until(pilot, lambda: "attention 2 of 2 ━━━━" in screen_text(app), "the track in the first line")

    drive(LOW, script)


def test_a_session_that_begins_on_a_finished_track_says_so(drive, play):  # noqa: F811
    play.says("track", "numerics")
    koan = play.workbook.koan("exp_overflow")
    text = play.workbook.exercise(koan).read_text()
    with Progress(play.root) as progress:
        progress.record(Verdict(koan.id, "learner", Status.passed), text)

    async def script(app, pilot):
        await until(pilot, lambda: "the track numerics is done" in screen_text(app), "the notice")
        assert app.state.koan == "ch07_attention/scores"

    drive(LOW, script)


def test_a_track_that_is_chosen_meanwhile_counts_after_the_next_verdict(drive, play):  # noqa: F811
    async def script(app, pilot):
        assert (app.state.track, len(app.state.order)) == ("", 3)
        play.says("track", "attention")
        await pilot.press("r")
        await until(pilot, lambda: app.state.track == "attention" and len(app.state.order) == 2, "the track")

    drive(LOW, script)
