"""The probe and the soak, through the command, on a koan that has a hole in its tests."""

import json

import pytest

from grader.author import probe

TESTS = "exercises/ch07_attention/test_causal_mask.py"


@pytest.fixture(scope="module")
def probed(lasting):
    """What the probe finds: with a test that no longer sees a shift by one, and a ledger with two entries."""
    play = lasting.play
    try:
        (play.root / TESTS).write_text(HOLE)
        (play.root / "reference/ch07_attention/equivalents.toml").write_text(LEDGER)
        return json.loads(play.koans("verify", "causal_mask", "--seeds", "1", "--probe", "--json").stdout)["probe"]
    finally:
        lasting.restore()


HOLE = """
from exercises.ch07_attention.causal_mask import causal_mask
from grader.checks import exact
from reference.ch07_attention.causal_mask import causal_mask as oracle


def test_a_query_and_a_key():
    exact(causal_mask, 1, 1, with_=oracle)
"""
LEDGER = """
[[survives]]
koan = "causal_mask"
reason = "no such mutant"
changes = ["nothing -> something"]
"""


def test_a_mutant_that_the_tests_do_not_notice_survives(probed):
    assert len(probed["survivors"]) > 3
    assert {s["koan"] for s in probed["survivors"]} == {"ch07_attention/causal_mask"}
    assert "causal_mask: default of n_k" in {s["change"] for s in probed["survivors"]}
    assert probed["mutants"] == probed["caught"] + len(probed["survivors"])


def test_an_entry_that_no_survivor_needs_is_reported(probed):
    assert probed["stale"] == ["ch07_attention/causal_mask: nothing -> something"]


def test_every_caught_mutant_is_counted_by_its_name(probed):
    assert probed["named_right"] + probed["named_wrong"] + probed["unnamed"] == probed["caught"]


def test_the_tests_of_a_koan_as_they_are_notice_every_mutant(play):
    """Also those of `softmax`, some of which are equivalent by the ledger of its chapter."""
    ended = play.koans("verify", "causal_mask", "softmax", "--seeds", "1", "--probe", "--json")
    report = json.loads(ended.stdout)["probe"]
    assert ended.returncode == 0
    assert report["caught"] == report["mutants"] > 100
    assert (report["survivors"], report["stale"]) == ([], [])
    assert report["equivalent"] > 5


def test_every_ledger_lists_koans_of_its_chapter(book):
    for chapter in {koan.chapter for koan in book.koans.values()}:
        names = {koan.name for koan in book.koans.values() if koan.chapter == chapter}
        assert {entry.koan for entry in probe.ledger(book, chapter)} <= names, chapter


def test_the_soak_runs_honest_answers_under_every_setting(play):
    report = json.loads(play.koans("verify", "causal_mask", "--soak", "2", "--json").stdout)
    assert set(report["runs"]) == {"as it is", "without AVX", "AVX2", "two threads"}
    assert len(set(report["runs"].values())) == 1
    assert report["problems"] == []


def test_a_broken_ledger_is_one_line(play):
    (play.root / "reference/ch07_attention/equivalents.toml").write_text("survives = 3")
    ended = play.koans("verify", "causal_mask", "--seeds", "1", "--probe")
    assert ended.returncode == 2
    assert ended.stderr.startswith("koans: reference/ch07_attention/equivalents.toml: ")
