"""What the gate asks of hunts."""

import math

import pytest

from grader.author import hunts
from grader.book.oracles import oracles
from grader.book.symptom_run import SymptomRun
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Workbook
from reference.symptom import Symptom
from tests.conftest import ROOT

BOOK = Workbook(ROOT)
HUNTS = [koan for koan in BOOK.koans.values() if koan.kind == "hunt"]
NAME = "ch07_attention/hunt_growing"


def test_there_are_twenty_hunts_and_each_has_what_a_hunt_needs():
    assert len(HUNTS) == 20
    assert {koan.id: list(hunts.lacks(koan)) for koan in HUNTS} == {koan.id: [] for koan in HUNTS}


def test_each_hunt_names_at_least_three_wrong_repairs_beside_the_planted_mistake():
    counts = {koan.id: len(oracles(koan)[koan.name].wrongs) for koan in HUNTS}
    assert min(counts.values()) >= 4, counts


@pytest.mark.parametrize("koan", HUNTS, ids=lambda koan: koan.name)
def test_no_stub_of_a_hunt_shows_where_its_mistake_is(koan):
    stub = BOOK.exercise(koan).read_text()
    assert "###" not in stub and "planted" not in stub.lower() and "NotImplementedError" not in stub


def test_a_new_hunt_lacks_right_repairs_and_its_planted_text_is_recognized(play):
    play.says("new", NAME, "--hunt")
    checked = play.koans("verify", "hunt_growing")
    assert checked.returncode == 1
    text = " ".join(checked.stdout.split())
    assert "has only 1 of 3 right repairs, written in different ways" in text
    assert "2 of 2 wrong answers caught, 2 by their name" in text
    assert "1 problems" in text


def verdict(status, *names):
    return Verdict("ch07_attention/hunt_growing", "stub", status, names=names)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (verdict(Status.failed, "planted"), ""),
        (verdict(Status.passed), "is 'passed'; it looks like: none"),
        (verdict(Status.failed, "planted", "clipped"), "it looks like: planted or clipped"),
        (verdict(Status.failed), "it looks like: none"),
    ],
)
def test_the_planted_text_must_fail_and_look_like_nothing_else(given, problem):
    said = hunts.planted_problem(given)
    assert said.endswith(problem) and bool(said) == bool(problem)


def runs(planted, healthy, koan=HUNTS[0] if HUNTS else None):
    """Runs of a hunt's symptom with these numbers, seed by seed."""
    sides = {"stub": planted, "solutions": healthy}
    return {
        ask: SymptomRun("loss", Symptom(healthy[ask.seed], ()), Symptom(sides[ask.target.kind][ask.seed], ()))
        for ask in hunts.symptom_asks(koan)
    }


@pytest.mark.parametrize(
    ("planted", "problem"),
    [
        ([5, 6, 5, 6, 5], ""),
        ([0, 0, 0, 0, 0.5], ""),
        ([5, 6, 5, 6, 2.5], "the symptom does not show the mistake: planted 2.5 to 6, healthy 1 to 3"),
        ([5, 6, 5, 6, math.nan], "the number of the symptom is not finite: planted"),
    ],
)
def test_the_ranges_of_a_symptom_must_not_overlap(planted, problem):
    said = hunts.symptom_problem(runs(planted, [1, 2, 3, 2, 1]))
    assert said.startswith(problem) and bool(said) == bool(problem)


def test_a_symptom_that_cannot_be_shown_is_a_problem():
    found = runs([5] * 5, [1] * 5)
    first = next(iter(found))
    found[first] = SymptomRun("loss", Symptom(1.0, ()), None, "the file raised ValueError")
    assert hunts.symptom_problem(found) == (
        "the symptom of stub with seed 0 cannot be shown: the file raised ValueError"
    )
