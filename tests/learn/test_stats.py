"""A learner's statistics: in a terminal, as JSON, as one page."""

import io
import json
import re
import time
from datetime import date

import msgspec
import pytest
from rich.console import Console

from grader.book.verdict import Status, Verdict
from grader.book.workbook import RUNGS
from grader.learn.cards.schedule import Review
from grader.learn.progress import Progress
from grader.learn.report import charts, plots, stats_page
from grader.learn.settings import Settings
from grader.learn.stats import Day, Month, Rungs, SolveTimes, Stats, gather
from tests.browser import CHROMIUM, Browser

DAY = 86_400.0
NOW = 1_790_000_000.0


def days(*counts, since="2026-09-01"):
    first = date.fromisoformat(since).toordinal()
    return tuple(Day(date.fromordinal(first + n).isoformat(), count) for n, count in enumerate(counts))


@pytest.fixture
def some():
    """The statistics of a learner who has done part of the workbook."""
    return Stats(
        koans=10,
        passed=4,
        cards=30,
        unlocked=12,
        seen=9,
        reviews=40,
        wanted=0.9,
        passes=days(1, 0, 3),
        reviewed=days(20, 20),
        rungs=(
            Rungs("ch01_tensors", "Tensors <b>", {"name it": 1}, {"name it": 1, "compute it": 2}),
            Rungs("ch06_numerics", "Numerics", {}, {"stabilise it": 7}),
        ),
        retention=(Month("2026-08", 10, 9), Month("2026-09", 20, 15)),
        solving=(
            SolveTimes("ch01_tensors/dot", "ch01_tensors", "name it", 3.0, 0),
            SolveTimes("ch01_tensors/matmul", "ch01_tensors", "compute it", 45.5, 7, (12.0,)),
            SolveTimes("ch01_tensors/rank", "ch01_tensors", "compute it", 0.0, 0),
        ),
        coming=days(2, 0, 5, *[0] * 11, since="2026-09-21"),
        later=2,
    )


@pytest.fixture
def nothing(tmp_path, book):
    with Progress(tmp_path) as progress:
        return gather(book, progress, Settings(), NOW)


def test_the_logs_are_added_up(tmp_path, book):
    koan = book.koan("softmax")
    with Progress(tmp_path) as progress:
        for minutes, status in ((0, "failed"), (10, "failed"), (100, "failed"), (104, "passed"), (9000, "passed")):
            verdict = msgspec.json.encode(Verdict(koan.id, "learner", Status(status)))
            row = (koan.id, NOW - 20 * DAY + 60 * minutes, f"{minutes}", status, 0.1, verdict)
            progress._db.execute(
                "insert into attempts (koan, at, content, status, seconds, verdict) values (?,?,?,?,?,?)", row
            )
        for at, rating in ((-19, 3), (-19 + 0.01, 3), (-15, 3), (-9, 1), (-2, 3)):
            progress.recall.review("card", Review("exp-1000", rating, NOW + at * DAY))
        progress.recall.review("card", Review("gone-from-the-workbook", 3, NOW))
        progress.recall.review("koan", Review(koan.id, 3, NOW - DAY, 300.0))
        progress.recall.review("koan", Review(koan.id, 1, NOW, 900.0))
        stats = gather(book, progress, Settings(), NOW)
    assert (stats.reviews, stats.seen) == (6, 1)
    assert (stats.passes[0].count, sum(d.count for d in stats.passes)) == (1, 1)
    assert len(stats.passes) in (20, 21)  # days of the learner's own calendar, wherever the test runs
    assert stats.remembered == (2, 3)  # a review some minutes after the one before does not count
    (times,) = stats.solving
    assert (times.koan, times.minutes, times.failed, times.again) == (koan.id, 14.0, 3, (5.0,))
    assert sum(d.count for d in stats.coming) + stats.later == 1
    assert sum(sum(r.koans.values()) for r in stats.rungs) == len(book.koans)


def test_rungs_count_what_passes_as_it_stands(play):
    koan = play.workbook.koan("softmax")
    play.solve("softmax")
    with Progress(play.root) as progress:
        text = play.workbook.exercise(koan).read_text()
        progress.record(Verdict(koan.id, "learner", Status.passed), text)

        def rungs():
            stats = gather(play.workbook, progress, Settings(), time.time())
            return stats.passed, next(r for r in stats.rungs if r.chapter == koan.chapter).passed

        assert rungs() == (1, {koan.rung: 1})
        play.body("softmax", "return x")
        assert rungs() == (0, {})


@pytest.mark.parametrize("width", [60, 110])
def test_the_charts_fit_the_terminal_and_say_the_numbers(some, width):
    out = io.StringIO()
    Console(file=out, width=width).print(charts.stats(some, width))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert "\x1b" not in text
    assert "4 of 10 koans passed, 12 of 30 cards unlocked" in text
    rows = {line.split("  ")[0].strip(): line for line in text.splitlines()}
    assert re.search(r"Thu  3 Sep  3  █+", text)
    assert "80 % of 30 reviews" in " ".join(text.split())
    assert re.search(r"2026-09 +75 % of 20 +█+", text)
    assert re.search(r"compute it \(median\) +45.5 +█+", text)
    assert rows["tomorrow"].split() == ["tomorrow", "0"]
    assert rows["later"].split() == ["later", "2"]


def test_a_year_of_days_is_shown_as_weeks(some):
    year = msgspec.structs.replace(some, passes=days(*[1] * 300))
    out = io.StringIO()
    Console(file=out, width=100).print(charts.stats(year, 100))
    assert len([line for line in out.getvalue().splitlines() if line.startswith("week of")]) == charts.WEEKS
    columns = re.findall(r"<title>week of [^<]*: 7 koans</title>", stats_page.page(year, date(2026, 9, 21)))
    assert len(columns) in (42, 43)


def test_a_bar_is_as_long_as_its_share_and_what_is_not_zero_can_be_seen():
    from grader.learn.report.recall import bar

    assert [bar(n, 8, 4) for n in (0, 1, 2, 4, 8)] == ["", "▌", "█", "██", "████"]
    assert bar(1, 1000, 4) == "▏"
    assert bar(0, 0, 4) == ""


def test_nobody_has_an_empty_chart_crash(nothing):
    out = io.StringIO()
    Console(file=out, width=80).print(charts.stats(nothing, 80))
    assert "0 of" in out.getvalue() and "nothing yet" in out.getvalue()
    assert "Nothing yet." in stats_page.page(nothing, date(2026, 9, 21))


def test_columns_are_as_high_as_their_values():
    svg = plots.columns([("a", 5, "five"), ("b", 10, "ten <&>"), ("c", 0, "none")], "what it is")
    heights = [float(h) for h in re.findall(r'<rect[^>]* height="([\d.]+)"', svg)]
    assert heights == [pytest.approx(heights[1] / 2, abs=0.1), plots.HEIGHT - plots.TOP - plots.BOTTOM]
    assert "<title>ten &lt;&amp;&gt;</title>" in svg


def test_the_page_is_self_contained_and_escapes_what_it_shows(some):
    text = stats_page.page(some, date(2026, 9, 21))
    assert "Tensors &lt;b&gt;" in text and "<b>Tensors" not in text
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert " style=" not in text and "<script" not in text
    assert text.count("<svg") == 5
    assert all(rung in text for rung in RUNGS)


@pytest.mark.skipif(CHROMIUM is None, reason="not run here: needs chromium")
def test_the_page_opens_in_a_browser_without_a_complaint_or_a_request(some, nothing, tmp_path):
    with Browser(tmp_path / "profile") as browser:
        for name, stats in (("some", some), ("nothing", nothing)):
            file = tmp_path / f"{name}.html"
            file.write_text(stats_page.page(stats, date(2026, 9, 21)))
            for dark, width in ((False, 1280), (True, 390)):
                browser.looks(dark=dark, width=width)
                browser.open(file)
                assert browser.requests == [file.as_uri()]
                assert browser.complaints == []
                assert browser.run("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
                small = (
                    "Math.min(...[...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect().width / 400))"
                )
                assert name == "nothing" or browser.run(small) * 11 >= 9, "the plots' text is too small to read"


def test_stats_are_written_printed_and_given_as_json(play, tmp_path):
    text = play.says("stats")
    assert (text.returncode, "0 of" in text.stdout) == (0, True)
    stats = json.loads(play.says("stats", "--json").stdout)
    assert (stats["passed"], stats["koans"]) == (0, len(play.workbook.koans))
    assert "written" in play.says("stats", "-o", str(tmp_path / "x.html")).stdout
    assert (tmp_path / "x.html").read_text().startswith("<!DOCTYPE html>")
    assert play.says("stats", "-o", "/nonesuch/x.html").returncode == 2
