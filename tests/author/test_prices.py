"""The price list of wrong answers holds: nothing is missing or stale, and a sample costs the same again."""

import subprocess
import sys

import msgspec
import pytest

from grader.author import price_results, prices
from grader.author.price_results import Answer, Result, Yardstick, verdict
from grader.author.report import price_list
from grader.book.workbook import Workbook
from grader.model import price
from grader.model.client import folder_of_ours
from grader.model.path import PATH
from tests.conftest import ROOT

ANSWER = Answer("ch08_block/rms_norm", "wrong", "no_gain", "rms_norm")
STICKS = {name: Yardstick(3.0, 0.5, 1e-6) for name in ("training.loss", "training.nats", price_results.TRUE)}


@pytest.fixture(scope="module")
def listed(book):
    return price_results.priced(price_results.load(folder_of_ours(book.root)))


def test_every_answer_on_the_path_has_its_price_and_no_price_is_stale(book):
    assert price_results.stale(book) == []


def test_every_koan_on_the_path_has_at_least_one_wrong_answer_with_a_price(listed):
    assert {found.answer.koan for found in listed} == set(PATH)
    assert len(listed) >= 250


def test_the_page_shows_what_was_measured(book):
    assert not price_list.stale(book)


@pytest.mark.parametrize("seed", [18])
def test_a_sample_of_wrong_answers_costs_the_same_again(seed):
    command = [sys.executable, "-m", "grader.author.prices", "--check", "4", "--seed", str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_least_visible_come_first(listed):
    for found in (price_list.unseen(listed), price_list.hidden(listed)):
        assert len(found) > 10
    assert [p.verdict.visibility for p in price_list.unseen(listed)] == sorted(
        p.verdict.visibility for p in price_list.unseen(listed)
    )


@pytest.mark.parametrize(
    ("figures", "error", "outcome", "visibility"),
    [
        ({"training.loss": 3.0, "training.nats": 3.0, "training.true": 3.0}, "", "not met", 0.0),
        ({"training.loss": 3.0, "training.nats": 3.0, "training.true": 3.0000005}, "", "not met", 0.0),
        ({"training.loss": 3.25, "training.nats": 3.0, "training.true": 3.0}, "", "unseen", 0.5),
        ({"training.loss": 3.0, "training.nats": 3.5, "training.true": 3.0}, "", "unseen", 1.0),
        ({"training.loss": 3.0, "training.nats": 3.0, "training.true": 9.0}, "", "unseen", 0.0),
        ({"training.loss": 2.0, "training.nats": 3.0, "training.true": 3.0}, "", "seen", 2.0),
        ({"training.loss": 3.0, "training.nats": None, "training.true": 3.0}, "", "NaN", float("inf")),
        ({}, "ValueError in rms_norm: no", "crashes", float("inf")),
        ({}, "hangs: no result", "hangs", float("inf")),
    ],
)
def test_an_outcome_follows_from_what_a_person_who_trains_can_see(figures, error, outcome, visibility):
    found = verdict(Result(ANSWER, "training", "", figures, 1.0, error), STICKS)
    assert (found.outcome, found.visibility) == (outcome, pytest.approx(visibility, abs=1e-5))


def test_a_run_that_does_not_end_is_ended_and_those_after_it_are_not_run(book, monkeypatch):
    monkeypatch.setattr(prices, "SECONDS", 1)
    monkeypatch.setattr(price, "bench", lambda workbook, folder: None)
    monkeypatch.setattr(price, "measure", lambda *_: _spin())
    runs = price.runs("ch08_block/rms_norm")
    shop = prices.Shop(book, folder_of_ours(book.root))
    [(_, outcomes)] = shop.measured([prices.Work(ANSWER, runs)], 2)
    assert [outcome.run for outcome in outcomes] == list(runs)
    assert {outcome.error.partition(":")[0] for outcome in outcomes} == {"hangs"}


def _spin():
    while True:
        pass


def test_words_and_comments_make_no_price_stale_but_code_does(play):
    reference = play.root / "reference/ch09_decoding/repetition_rate.py"
    text = reference.read_text()
    reference.write_text(text.replace('.wrong("', '.wrong("Note: ') + "\n# A comment.\n")
    assert price_results.stale(Workbook(play.root)) == []
    reference.write_text(text + "\nX = 1\n")
    found = price_results.stale(Workbook(play.root))
    assert found
    assert {entry.partition(":")[0] for entry in found} == {"ch09_decoding/repetition_rate"}


def test_what_was_measured_is_kept_and_only_the_rest_is_due(play):
    book, file = Workbook(play.root), folder_of_ours(play.root) / price_results.FILE
    before = file.read_bytes()
    assert prices.update(book, file.parent, 2) == 0
    assert file.read_bytes() == before
    kept = price_results.load(file.parent)
    lost = [r for r in kept.results if r.answer != ANSWER]
    file.write_text(price_results.encoded(msgspec.structs.replace(kept, results=tuple(lost))))
    [work] = prices.Ledger(book, file.parent).due((), ())
    assert work == prices.Work(ANSWER, price.runs(ANSWER.koan))
