"""A learner's statistics: in a terminal, as JSON, as one page."""

import ast
import io
import json
import re
import time
from datetime import date

import msgspec
import pytest
from rich.console import Console

from grader.book.verdict import Status, Verdict
from grader.book.verdict import TestResult as Result
from grader.book.workbook import RUNGS
from grader.learn.cards.schedule import Review
from grader.learn.due import day_of
from grader.learn.logs import ATTEMPTS, append
from grader.learn.mistakes import GeneralMistake, Mistake, family_of
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
            Rungs("ch06_numerics", "Numerics", {}, {"stabilize it": 7}),
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
            row = (koan.id, NOW - 20 * DAY + 60 * minutes, f"{minutes}", status, None, 0.1, verdict)
            append(progress._db, ATTEMPTS, row)
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


FP32 = "the result left in float32: cast back to the dtype of the input"


def attempts(progress, *rows):
    """Record attempts: the koan, days before now, the text, and the wrong answers that the text looks like."""
    for koan, days_ago, text, looks in rows:
        status = Status.failed if looks is not None else Status.passed
        test = Result("t", "t", status, looks=looks or {})
        blob = msgspec.json.encode(Verdict(koan, "learner", status, tests=(test,), names=tuple(looks or ())))
        append(progress._db, ATTEMPTS, (koan, NOW - days_ago * DAY, text, status.value, None, 0.1, blob))


def test_a_mistake_counts_once_per_text_and_says_whether_the_koan_has_passed_since(tmp_path, book):
    no_max = {"no_max": "exp before subtracting the row maximum"}
    two = {"a": "the first", "b": "the second"}
    with Progress(tmp_path) as progress:
        attempts(
            progress,
            ("ch06_numerics/softmax", 9, "one", no_max),
            ("ch06_numerics/softmax", 8, "one", no_max),  # run again
            ("ch06_numerics/softmax", 7, "two", no_max),
            ("ch06_numerics/softmax", 6, "right", None),
            ("ch07_attention/scores", 5, "three", two),
            ("ch07_attention/scores", 4, "four", {}),  # no known wrong answer
            ("ch99_gone/koan", 4, "five", no_max),
        )
        first = gather(book, progress, Settings(), NOW)
        attempts(progress, ("ch06_numerics/softmax", 1, "one", no_max))  # back at the first text
        second = gather(book, progress, Settings(), NOW)
    assert first.mistakes == (
        Mistake(
            "ch07_attention/scores",
            ("a", "b"),
            ("the first", "the second"),
            1,
            day_of(NOW - 5 * DAY).isoformat(),
            False,
        ),
        Mistake(
            "ch06_numerics/softmax", ("no_max",), tuple(no_max.values()), 2, day_of(NOW - 7 * DAY).isoformat(), True
        ),
    )
    assert second.mistakes[0] == Mistake(
        "ch06_numerics/softmax", ("no_max",), tuple(no_max.values()), 2, day_of(NOW - DAY).isoformat(), False
    )
    assert first.general == ()


def test_mistakes_that_any_koan_can_have_are_grouped_over_koans(tmp_path, book):
    with Progress(tmp_path) as progress:
        attempts(
            progress,
            ("ch06_numerics/softmax", 9, "one", {"returns_fp32": FP32}),
            ("ch06_numerics/softmax", 8, "right", None),
            ("ch07_attention/scores", 7, "two", {"gives_float32": "the result is in float32"}),
            ("ch07_attention/attention", 6, "three", {"input_values": "the call changes an input"}),
            ("ch07_attention/attention", 5, "four", None),
        )
        stats = gather(book, progress, Settings(), NOW)
    dtype, changed = stats.general
    assert (dtype.says, dtype.koans) == (
        "the result has the wrong dtype",
        ("ch07_attention/scores", "ch06_numerics/softmax"),
    )
    assert (dtype.times, dtype.last, dtype.open) == (2, day_of(NOW - 7 * DAY).isoformat(), ("ch07_attention/scores",))
    assert (changed.koans, changed.times, changed.open) == (("ch07_attention/attention",), 1, ())
    assert {mistake.says for mistake in stats.mistakes} >= {(FP32,)}  # in its author's words


def wrong_answers(text):
    """The names of the wrong answers that the text of an oracle registers."""
    for node in ast.parse(text).body:
        decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else ()
        if any(
            isinstance(d, ast.Call) and isinstance(d.func, ast.Attribute) and d.func.attr == "wrong" for d in decorators
        ):
            yield node.name


def test_no_wrong_answer_of_a_koan_is_taken_for_a_general_mistake(book):
    own = [name for koan in book.koans.values() for name in wrong_answers(book.reference(koan).read_text())]
    assert len(own) > 500
    general = {name for name in own if family_of([name])}
    assert {name for name in general if not name.startswith("low_precision")} <= {"returns_fp32"}
    for name in ("input_values", "accepts_ValueError", "raises_IndexError_not_ValueError", "raises_TypeError"):
        assert family_of([name])
    for name in ("gives_bfloat16", "gives_bool", "gives_a_tuple", "low_precision", "low_precision_inside", "axis_lost"):
        assert family_of([name])
    assert family_of(["gives_float32", "returns_fp32"]) and not family_of(["gives_float32", "no_max"])


def test_mistakes_are_listed_in_a_terminal_and_on_the_page(some):
    own = Mistake("ch06_numerics/softmax", ("no_max",), ("`exp` before <the> maximum",), 3, "2026-09-21", False)
    passed = Mistake("ch01_tensors/dot", ("a", "b"), ("the first", "the second"), 1, "2026-09-20", True)
    group = GeneralMistake("an input is changed", ("ch01_tensors/dot", "ch01_tensors/rank"), 4, "2026-09-20", ())
    made = msgspec.structs.replace(some, mistakes=(own, passed), general=(group,))
    out = io.StringIO()
    Console(file=out, width=60).print(charts.stats(made, 60))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= 60
    words = " ".join(text.split())
    assert "3× exp before <the> maximum ch06_numerics/softmax, last on 21 Sep 2026, not passed since" in words
    assert "1× the first; or: the second ch01_tensors/dot, last on " in words
    assert "4× an input is changed 2 koans, last on " in words
    assert "passed since: ch01_tensors/dot, ch01_tensors/rank" in words
    page = stats_page.page(made, date(2026, 9, 21))
    assert "<code>exp</code> before &lt;the&gt; maximum" in page
    assert re.search(r"ch01_tensors/dot, ch01_tensors/rank</th>.*an input is changed.*<td>passed</td>", page)
    assert re.search(r"ch06_numerics/softmax</th>.*<td class=\"r\">3</td>.*<td>not passed</td>", page)


def test_of_many_mistakes_a_terminal_shows_some_and_the_page_all(some):
    many = tuple(Mistake(f"ch01_tensors/k{n}", ("x",), (f"sentence {n}.",), 1, "2026-09-20", False) for n in range(30))
    made = msgspec.structs.replace(some, mistakes=many)
    out = io.StringIO()
    Console(file=out, width=80).print(charts.stats(made, 80))
    assert out.getvalue().count("sentence") == charts.MISTAKES and "and 22 more" in out.getvalue()
    assert stats_page.page(made, date(2026, 9, 21)).count("sentence") == 30


def test_mistakes_are_read_from_the_log_once_and_kept(tmp_path):
    with Progress(tmp_path) as progress:
        attempts(progress, ("k", 1, "one", {"a": "the first"}))
        before = progress.mistakes.occurrences()
        progress._db.execute("update attempts set verdict = ?", (b"not to be read again",))
        attempts(progress, ("k", 0, "two", {"b": "the second"}))
        after = progress.mistakes.occurrences()
    assert [one.sentence for one in before] == ["the first"]
    assert [one.sentence for one in after] == ["the first", "the second"]


def test_a_log_that_cannot_be_written_is_read_all_the_same(tmp_path):
    with Progress(tmp_path) as progress:
        attempts(progress, ("k", 1, "one", {"a": "the first"}))
        progress._db.execute("pragma query_only = on")
        assert [one.sentence for one in progress.mistakes.occurrences()] == ["the first"]
        assert [one.sentence for one in progress.mistakes.occurrences()] == ["the first"]


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
