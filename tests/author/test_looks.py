"""What the checks of "How to look" show of the wrong answers: nothing is missing or stale, and a sample shows it again."""

import math

import msgspec
import pytest

from grader.author import looks, price_results
from grader.author.looks import FILE, LookShop, compared, factor
from grader.author.prices import Work
from grader.book.workbook import Workbook
from grader.model import price
from grader.model.client import folder_of_ours


@pytest.fixture(scope="module")
def kept(book):
    return price_results.load(folder_of_ours(book.root), FILE)


def test_every_price_that_can_be_looked_at_has_its_look_and_none_is_stale(book):
    assert looks.stale(book) == []


def test_a_changed_reference_makes_its_looks_stale_and_no_others(play):
    reference = play.root / "reference/ch08_block/swiglu.py"
    reference.write_text(reference.read_text() + "\nX = 1\n")
    found = looks.stale(Workbook(play.root))
    assert found
    assert {entry.partition(":")[0] for entry in found} == {"ch08_block/swiglu"}


def test_a_sample_of_wrong_answers_looks_the_same_again(book, kept):
    by_run = {(result.answer, result.run): result for result in kept.results}
    shop = LookShop(book, folder_of_ours(book.root))
    sample = [key for key in by_run if key[0].koan in ("ch08_block/swiglu", "ch07_attention/causal_mask")][::9]
    runs = {
        kind: next(r for r in price.runs("ch08_block/swiglu") if r.kind == kind) for kind in ("training", "reading")
    }
    work = [Work(answer, tuple(run for run in price.runs(answer.koan) if run.kind == kind)) for answer, kind in sample]
    shop.prepare([Work(None, tuple(runs.values())), *work])
    assert len(work) >= 3
    for piece, [outcome] in shop.measured(work, 2):
        before = by_run[piece.answer, outcome.run.kind]
        after = looks.result(piece.answer, outcome, "")
        assert (after.error, after.figures.keys()) == (before.error, before.figures.keys())
        for name, value in after.figures.items():
            was = before.figures[name]
            assert (value is None) == (was is None), name
            assert value is None or value == pytest.approx(was, rel=0.02, abs=1e-3), name


def test_with_our_functions_every_check_is_content(kept):
    for entry in kept.healthy:
        figures = entry.figures
        if entry.run.startswith("training"):
            assert all(value < 2 for value in (*figures["gradient"], *figures["update"]))
            assert all(end < 0.05 * first for first, end in zip(figures["first"], figures["end"], strict=True))
        else:
            assert all(value < 1e-3 for values in figures.values() for value in values)


@pytest.mark.parametrize(
    ("a", "b", "times"),
    [
        (2.0, 1.0, 2.0),
        (1.0, 4.0, 4.0),
        (0.0, 0.0, 1.0),
        (math.inf, math.inf, 1.0),
        (0.0, 1.0, math.inf),
        (1.0, 0.0, math.inf),
        (math.nan, 1.0, math.inf),
        (1.0, math.nan, math.inf),
        (math.nan, math.nan, math.inf),
        (math.inf, 1.0, math.inf),
        (-1.0, 1.0, math.inf),
    ],
)
def test_a_factor_is_at_least_one_and_infinite_where_one_is_no_number(a, b, times):
    assert factor(a, b) == times


def test_the_largest_factor_of_all_layers_and_parameters_is_kept():
    ours = {"init": 7.0, "gradient a": 1.0, "gradient b": 2.0, "update w 1": 0.5, "update v 1": 0.0}
    seen = {"init": 6.0, "gradient a": 3.0, "gradient b": 1.0, "update w 1": 0.5, "update v 1": 0.0}
    assert compared(seen, ours) == {"init": 6.0, "gradient": 3.0, "update": 1.0}
    assert compared({**seen, "gradient c": 1.0}, ours)["gradient"] == math.inf
    assert compared({"future": 0.5, "cached": 0.0}, {"future": 0.0}) == {"future": 0.5, "cached": 0.0}


def test_what_was_seen_is_kept_and_only_the_rest_is_due(play):
    book, file = Workbook(play.root), folder_of_ours(play.root) / FILE
    before = file.read_bytes()
    assert looks.update(book, file.parent, 1) == 0
    assert file.read_bytes() == before
    old = price_results.load(file.parent, FILE)
    lost = old.results[0]
    file.write_text(price_results.encoded(msgspec.structs.replace(old, results=old.results[1:])))
    assert looks.stale(book) == [f"{lost.answer.koan}: {lost.answer.whose}, {lost.run}"]
