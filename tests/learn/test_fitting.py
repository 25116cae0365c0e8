"""FSRS's parameters, fitted to a learner's own reviews: on simulated learners whose parameters are known."""

import json
import math
import random
import tomllib
from dataclasses import dataclass

import msgspec
import pytest
from fsrs.scheduler import DEFAULT_PARAMETERS as DEFAULT
from fsrs.scheduler import LOWER_BOUNDS_PARAMETERS as LOW
from fsrs.scheduler import UPPER_BOUNDS_PARAMETERS as HIGH

from benchmarks._learners import DAY, LEARNERS, reviews_of
from grader.book.errors import KoansError
from grader.learn.cards import fit as module
from grader.learn.cards.fit import LEAST, Fit, Loss, fit, loss, predicted
from grader.learn.cards.schedule import Plan, Prediction, Review, predictions, replay, retrievability
from grader.learn.due import card_plan, koan_plan
from grader.learn.progress import Progress
from grader.learn.settings import Settings, apply, change, changes, load, merged, store

START = 1_760_000_000.0


@dataclass
class Fitted:
    own: tuple[float, ...]
    histories: dict[str, tuple[Review, ...]]
    result: Fit


@pytest.fixture(scope="module")
def fitted():
    """The fit of a learner to their first 500 reviews that count, by the learner's name. Each is computed once."""
    done: dict[str, Fitted] = {}

    def of(name):
        if name not in done:
            histories = reviews_of(LEARNERS[name], LEAST, seed=1)
            done[name] = Fitted(LEARNERS[name], histories, fit(histories, Plan()))
        return done[name]

    return of


# What FSRS predicts


def test_a_review_counts_if_a_day_has_passed_and_its_prediction_is_the_retrievability_just_before():
    times = [0, 0.01, 3, 3.5, 4.49, 4.51, 30]
    reviews = [Review("a", rating, START + at * DAY) for at, rating in zip(times, (3, 1, 1, 3, 1, 3, 4), strict=True)]
    found = predictions(reviews, Plan())
    assert [(p.review, p.days, p.number, p.lapses) for p in found] == [
        (reviews[2], 2, 3, 0),
        (reviews[6], 25, 7, 1),
    ]
    assert [p.recall for p in found] == [retrievability(reviews[:n], Plan(), reviews[n].at) for n in (2, 6)]
    assert predictions([], Plan()) == predictions(reviews[:1], Plan()) == []


def test_parameters_change_the_schedule_and_its_key(tmp_path):
    own = Plan(parameters=LEARNERS["forgets fast"])
    reviews = [Review("a", 3, START), Review("a", 3, START + 600), Review("a", 3, START + 3 * DAY)]
    assert replay(reviews, own).due < replay(reviews, Plan()).due
    assert replay(reviews, Plan(parameters=DEFAULT)) == replay(reviews, Plan())
    assert len({Plan().key, own.key, Plan(parameters=LEARNERS["a steep curve"]).key}) == 3
    with Progress(tmp_path) as progress:
        for review in reviews:
            progress.recall.review("card", review)
        for plan in (Plan(), own, Plan()):
            assert progress.recall.schedule("card", plan) == {"a": replay(reviews, plan)}


def test_the_loss_is_the_mean_log_loss_and_the_rmse_of_bins():
    def prediction(recall, rating, days=1, number=2, lapses=0):
        return Prediction(Review("a", rating, START), recall, days, number, lapses)

    one = loss([prediction(0.8, 3)])
    assert (one.log_loss, one.rmse) == (pytest.approx(-math.log(0.8)), pytest.approx(0.2))
    # One bin: the mean prediction is the share of recalls. Two bins: each is off.
    same = [prediction(0.75, rating) for rating in (1, 2, 3, 4)]
    assert loss(same) == Loss(pytest.approx(-(3 * math.log(0.75) + math.log(0.25)) / 4), pytest.approx(0))
    apart = [prediction(0.75, 1, days=40), *same[1:]]
    assert loss(apart).rmse == pytest.approx(math.sqrt((0.75**2 + 3 * 0.25**2) / 4))
    assert loss([prediction(1.0, 1)]).log_loss == pytest.approx(-math.log(1e-6))


# The fit


@pytest.mark.parametrize("name", ["forgets fast", "loses much at a lapse"])
def test_a_fit_lowers_the_loss_on_reviews_that_it_has_not_seen(fitted, name):
    learner = fitted(name)
    result = learner.result
    assert (result.fitted_to, result.judged_on, result.taken) == (LEAST * 4 // 5, LEAST // 5, True)
    assert result.fitted.log_loss < result.default.log_loss
    fresh = reviews_of(learner.own, 3000, seed=2)  # the same learner, other cards

    def on_fresh(parameters):
        return loss(predicted(fresh, Plan(parameters=parameters))).log_loss

    assert on_fresh(learner.own) < on_fresh(result.parameters) < on_fresh(())
    assert all(low <= number <= high for low, number, high in zip(LOW, result.parameters, HIGH, strict=True))


def test_the_fit_of_a_learner_who_follows_the_defaults_is_not_taken(fitted):
    result = fitted("as the defaults").result
    assert (result.taken, result.default) == (False, result.now)
    assert result.fitted.log_loss >= result.default.log_loss


def test_the_figures_are_of_the_latest_fifth_and_those_of_the_parameters(fitted):
    learner = fitted("forgets fast")
    result = learner.result
    everything = predicted(learner.histories, Plan())
    latest = sorted(everything, key=lambda p: p.review.at)[LEAST * 4 // 5 :]
    assert result.since == latest[0].review.at
    assert result.default == loss([p for p in everything if p in latest])
    assert result.fitted == loss(predicted(learner.histories, Plan(parameters=result.parameters), result.since))


def test_the_fit_sees_nothing_of_the_latest_fifth_and_is_the_same_each_time(fitted):
    learner = fitted("forgets fast")
    turned = {  # the latest fifth, with all ratings turned around
        card: tuple(
            msgspec.structs.replace(r, rating=5 - r.rating) if r.at >= learner.result.since else r for r in reviews
        )
        for card, reviews in learner.histories.items()
    }
    names = list(turned)
    random.Random(1).shuffle(names)
    result = fit({name: turned[name] for name in names}, Plan())
    assert result.parameters == learner.result.parameters
    assert result.default != learner.result.default


def test_better_parameters_that_are_in_use_stay(fitted, monkeypatch):
    learner = fitted("forgets fast")
    monkeypatch.setattr(module, "_optimal", lambda *_: learner.result.optimal)  # it was fitted above
    result = fit(learner.histories, Plan(parameters=learner.own))
    assert result.now.log_loss < result.fitted.log_loss < result.default.log_loss
    assert not result.taken


def test_the_optimizer_keeps_its_own_settings_also_after_ctrl_c(fitted):
    import fsrs.optimizer as library

    before = (library.mini_batch_size, library.tqdm)
    told = []

    def interrupt(text):
        told.append(text)
        assert library.mini_batch_size == LEAST * 4 // 5 // 8
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(fitted("forgets fast").histories, Plan(), interrupt)
    assert told == ["fitting to 400 reviews, pass 1 of 5"]
    assert (library.mini_batch_size, library.tqdm) == before


def test_with_fewer_reviews_it_says_how_many_are_missing():
    histories = reviews_of(DEFAULT, LEAST - 2, seed=1)
    total = sum(map(len, histories.values()))
    with pytest.raises(KoansError) as error:
        fit(histories, Plan())
    assert str(error.value) == (
        f"fitting needs 500 reviews that came a day or more after the card's last one; your log has 498 (of {total} in "
        "all); 2 more are needed"
    )


# The setting


def test_parameters_are_for_cards_and_not_for_koans():
    settings = Settings(parameters=LEARNERS["forgets fast"])
    assert (card_plan(settings).parameters, koan_plan(settings).parameters) == (settings.parameters, ())


def test_parameters_are_stored_checked_and_set_back(play):
    own = LEARNERS["forgets fast"]
    assert change(play.root, "parameters", ", ".join(map(str, own))).parameters == own
    assert load(play.root).parameters == own
    file = play.root / ".koans/settings.toml"
    assert tomllib.loads(file.read_text())["parameters"] == list(own)
    assert f"parameters = {own[0]}, {own[1]}, {own[2]}, … (21 numbers)" in " ".join(
        play.says("settings").stdout.split()
    )
    assert ", ".join(map(str, own)) in " ".join(play.says("settings", "parameters").stdout.split())
    assert json.loads(play.says("settings", "--json").stdout)["parameters"] == list(own)
    assert "parameters = default" in play.says("settings", "parameters", "default").stdout
    assert load(play.root) == Settings()
    for wrong in ("1,2,3", "x", "", ",".join(["9999"] * 21), ",".join(["nan"] * 21)):
        result = play.says("settings", "parameters", wrong)
        assert result.returncode == 2 and len(result.stderr.splitlines()) == 1
        assert "give `default`, or 21 numbers within FSRS's bounds" in result.stderr
    file.write_text("parameters = [1, 2]\n")
    assert "`koans settings parameters VALUE` changes it" in play.says("settings").stderr


def test_parameters_go_to_another_machine_as_every_setting_does(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for root in (here, there):
        root.mkdir()
    store(here, "parameters", LEARNERS["forgets fast"])
    assert list(changes(here)) == ["parameters"]
    apply(there, merged(changes(there), changes(here)))
    assert (load(there), changes(there)) == (load(here), changes(here))
    change(there, "parameters", "default")
    apply(here, merged(changes(here), changes(there)))
    assert load(here) == Settings()


# The command


def test_koans_settings_fit_uses_better_parameters_and_shows_both_figures(play, fitted, monkeypatch):
    learner = fitted("forgets fast")
    with Progress(play.root) as progress:
        progress.recall.insert("card", [review for own in learner.histories.values() for review in own])
        progress.recall.insert("koan", [Review("ch06_numerics/softmax", 1, START + n * DAY) for n in range(9)])
    monkeypatch.setattr(module, "_optimal", lambda *_: learner.result.optimal)  # it was fitted above
    result = play.says("settings", "fit")
    assert (result.returncode, result.stderr) == (0, "")
    figures = learner.result
    assert [line.split() for line in result.stdout.splitlines() if "parameters  " in line] == [
        ["FSRS's", "default", "parameters", f"{figures.default.log_loss:.4f}", f"{figures.default.rmse:.4f}"],
        ["fitted", "parameters", f"{figures.fitted.log_loss:.4f}", f"{figures.fitted.rmse:.4f}"],
    ]
    assert "fitted to your earlier 400 reviews, judged on the latest 100" in result.stdout
    assert "The fitted parameters are better: your cards use them now." in result.stdout
    assert load(play.root).parameters == figures.parameters

    again = json.loads(play.says("settings", "fit", "--json").stdout)
    assert (again["taken"], again["now"]) == (False, again["fitted"])
    store(play.root, "parameters", tuple(LEARNERS["forgets slowly"]))
    worse = " ".join(play.says("settings", "fit").stdout.split())
    assert "your parameters until now" in worse and "your cards use them now" in worse


def test_koans_settings_fit_without_enough_reviews_or_without_its_packages_is_one_line(play, fitted):
    empty = play.says("settings", "fit")
    assert (empty.returncode, empty.stdout, len(empty.stderr.splitlines())) == (2, "", 1)
    assert "your log has 0 (of 0 in all); 500 more are needed" in empty.stderr
    with Progress(play.root) as progress:
        reviews = [review for own in fitted("as the defaults").histories.values() for review in own]
        progress.recall.insert("card", reviews)
    blocked = "import sys; sys.modules['pandas'] = None; from grader.cli import main; main()"
    result = play.python("-c", blocked, "settings", "fit")
    assert (result.returncode, result.stderr) == (
        2,
        "koans: fitting needs packages that are not installed: pip install 'tensor-koans[fit]'\n",
    )
    assert not (play.root / ".koans/settings.toml").exists()
