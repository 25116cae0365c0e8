"""A student's `koans list` shows the assignments of the course: when they are due, and how far the student is."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from grader.book.errors import KoansError
from grader.book.published import Published, PublishedKoan, as_json, file_name, read_all
from grader.book.verdict import Status
from grader.learn import assignments
from grader.learn.progress import Standing
from grader.learn.report import assignments as report

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
KOANS = (PublishedKoan("a/one", 2), PublishedKoan("a/two", 1.5), PublishedKoan("a/three", 1, True))
STANDINGS = {
    "a/one": Standing(Status.passed),
    "a/two": Standing(Status.failed),
    "a/three": Standing(Status.passed),
    "a/four": Standing(Status.passed),
}


def given(root, name, **fields):
    one = Published(**{"title": name, "koans": KOANS, **fields})
    file = root / file_name(name)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(as_json(one))
    return one


def test_extra_credit_is_earned_and_is_not_among_the_possible_points():
    found = assignments.standing(Published("Koans", KOANS), STANDINGS, NOW)
    assert (found.earned, found.points, found.passed) == (3, 3.5, ("a/one", "a/three"))


@pytest.mark.parametrize(
    ("opens", "due", "state", "says"),
    [
        (None, None, "open", "Koans"),
        (1, 3, "not open yet", "opens"),
        (-1, 3, "open", "in 3 days"),
        (None, 1.5, "open", "in 36 h"),
        (None, 1 / 48, "open", "in 30 min"),
        (None, -1, "over", "over"),
    ],
)
def test_the_line_says_how_long_an_assignment_is_open(opens, due, state, says):
    times = {name: NOW + timedelta(days=days) for name, days in (("opens", opens), ("due", due)) if days is not None}
    found = assignments.standing(Published("Koans", KOANS, **times), STANDINGS, NOW)
    assert found.state == state
    assert says in report.lines(found, NOW)[0].plain


def test_assignments_are_read_in_the_order_of_their_dates_and_koans_of_a_newer_edition_are_left_out(tmp_path):
    given(tmp_path, "a-never")
    given(tmp_path, "b-later", due=NOW + timedelta(days=9))
    given(tmp_path, "c-sooner", due=NOW)
    found = read_all(tmp_path)
    assert [one.name for one in found] == ["c-sooner", "b-later", "a-never"]
    assert found[0].due == NOW
    few = {"a/one": STANDINGS["a/one"]}
    assert [one.koan for one in assignments.standing(found[0], few, NOW).koans] == ["a/one"]
    assert assignments.chosen(found, "B-Later").name == "b-later"
    with pytest.raises(KoansError, match="there are c-sooner, b-later, a-never"):
        assignments.chosen(found, "x")


def test_a_workbook_without_assignments_says_so_and_a_damaged_file_is_named(tmp_path):
    assert read_all(tmp_path) == ()
    with pytest.raises(KoansError, match="this workbook has none"):
        assignments.chosen((), "koans-1")
    given(tmp_path, "bad")
    (tmp_path / file_name("bad")).write_text('{"title": 1}')
    with pytest.raises(KoansError, match=r"bad\.json: is not an assignment"):
        read_all(tmp_path)


def test_the_list_ends_with_the_assignments_and_shows_the_koans_of_one(small):
    due = datetime.now(UTC) + timedelta(days=3, hours=1)
    koans = [PublishedKoan(koan.id, 2) for koan in list(small.workbook.koans.values())[:2]]
    given(small.root, "koans-1", title="Koans 1", koans=tuple(koans), due=due, late="late work loses nothing")
    last = small.says("list").stdout.splitlines()[-3:]
    assert last[0].startswith("Koans 1  due ") and last[0].endswith(", in 3 days")
    assert last[1:] == ["  0 of 2 koans passed, 0 of 4 points", "  late work loses nothing"]
    shown = small.says("list", "--assignment", "koans-1").stdout
    assert [koan.koan in shown for koan in koans] == [True, True] and "2 points" in shown
    third = list(small.workbook.koans)[2]
    assert third not in shown
    record = json.loads(small.says("list", "--assignment", "Koans 1", "--json").stdout)
    assert (record["name"], record["state"], record["points"]) == ("koans-1", "open", 4)
    run = small.says("list", "--assignment", "koans-1", "--track", "essential")
    assert run.returncode == 2 and "give it alone" in run.stderr
