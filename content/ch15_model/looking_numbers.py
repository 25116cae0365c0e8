"""The numbers of "How to look": how many priced mistakes each check shows. numbers.py yields them with its own."""

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from content import prices
from reference.ch15_model.overfit_one_batch import overfit_one_batch

LOOKS = Path(__file__).parent / "model/looks.json"
FACTOR = 1.5  # a norm or a ratio that differs by more than this is shown
APART = 1e-3  # and so are log-probabilities that differ by more than this

Key = tuple[str, str, str]  # koan, function, name of a wrong answer
GIVEN = {
    "a factor of 1.5": "our choice: above what another seed does",
    "by more than 0.001": "our choice",
    "issue 48745": "github.com/huggingface/transformers/issues/48745",
    "From version 5.9.0": "github.com/huggingface/transformers/issues/48745",
    "issue 3699": "github.com/unslothai/unsloth/issues/3699",
}


@cache
def _document() -> dict[str, Any]:
    return json.loads(LOOKS.read_text(encoding="utf-8"))


def _looks(kind: str) -> dict[Key, dict[str, Any]]:
    return {
        (r["answer"]["koan"], r["answer"]["function"], r["answer"]["name"]): r
        for r in _document()["results"]
        if r["run"] == kind
    }


def _ours(koan: str, run: str, figure: str) -> list[float]:
    healthy = {entry["run"]: entry["figures"] for entry in _document()["healthy"]}
    return healthy.get(f"{run} {koan.partition('/')[2]}", healthy[run])[figure]


def _large(value: float | None, limit: float) -> bool:
    """None is NaN or infinite."""
    return value is None or value > limit


def _stops(result: dict[str, Any]) -> bool:
    return "error" in result


def _first_loss(result: dict[str, Any]) -> bool:
    own, value = _ours(result["answer"]["koan"], "training", "init"), result["figures"]["init"]
    return value is None or abs(value - own[0]) > max(own) - min(own)


def _one_batch(result: dict[str, Any]) -> bool:
    losses = [result["figures"][name] for name in ("first", "lowest", "end")]
    return overfit_one_batch([math.nan if loss is None else loss for loss in losses]) != "learns"


TRAINING = {
    "init": _first_loss,
    "batch": _one_batch,
    "gradient": lambda result: _large(result["figures"]["gradient"], FACTOR),
    "update": lambda result: _large(result["figures"]["update"], FACTOR),
}


def shown(kind: str) -> dict[str, set[Key]]:
    """The mistakes that each check shows. An error in the run shows in all of them, so it counts for none."""
    looks = {key: result for key, result in _looks(kind).items() if not _stops(result)}
    if kind == "training":
        return {check: {key for key, result in looks.items() if shows(result)} for check, shows in TRAINING.items()}
    checks = ("future", "cached", "batch")
    return {
        check: {
            key
            for key, result in looks.items()
            if check in result["figures"] and _large(result["figures"][check], APART)
        }
        for check in checks
    }


def hidden(kind: str) -> set[Key]:
    """The mistakes that no loss of a run shows: it differs by no more than from seed to seed."""
    results = prices.wrong_answers(kind)
    return {key for key, r in results.items() if "error" not in r and prices.visibility(r) <= 1}


def numbers() -> Iterator[str]:
    """The phrases of the section with the numbers computed."""
    every, trained = (
        dict(zip(prices.outcomes(), n, strict=True)) for n in zip(*prices.outcomes().values(), strict=True)
    )
    yield f"Of the {sum(every.values())} priced mistakes, {every['crashes']} stop the program with an error"
    yield f"and {every['not met']} never occur in this model"
    met = sum(n for outcome, n in every.items() if outcome not in ("crashes", "not met"))
    yield f"The other {met} are the interesting ones"
    yield f"`koans model check` | everything else | {met} |"

    texts = [r["figures"]["text.back"] for r in prices.wrong_answers("text").values() if "error" not in r]
    yield f"wrong special tokens | {sum(back < 1 for back in texts)} |"
    bad = {
        key
        for kind in prices.KINDS
        for key, r in prices.wrong_answers(kind).items()
        if None in r.get("figures", {}).values()
    }
    yield f"numbers that a dtype cannot hold | {len(bad)} |"

    training, reading = shown("training"), shown("reading")
    yield f"a sum instead of a mean | {len(training['init'])} |"
    yield f"targets that do not belong to the inputs | {len(training['batch'])} |"
    yield f"layers that the loss does not reach | {len(training['gradient'])} |"
    yield f"optimizer, schedule, decay, precision | {len(training['update'])} |"
    yield f"a mask that shows the future | {len(reading['future'])} |"
    yield f"positions and masks of the cache | {len(reading['cached'])} |"
    yield f"padding that is seen | {len(reading['batch'])} |"

    seen, unseen = (n for outcome, n in trained.items() if outcome in ("seen", "unseen"))
    looked = _looks("training").keys()
    assert len(looked) == seen + unseen
    in_curve, quiet = looked - hidden("training"), looked & hidden("training")
    assert (len(in_curve), len(quiet)) == (seen, unseen)
    checks = set().union(*training.values())
    yield f"{len(looked)} of them change a training run"
    yield f"The loss curve of 80 steps shows {seen}. The other {unseen} differ"
    both = f"{len(checks & quiet)} of these are among the {unseen} that the curve hides"
    yield f"checks 2 to 5 show {len(checks)}, and {both}"
    spread = max(max(e["figures"][name]) for e in _trained() for name in ("gradient", "update"))
    assert spread < FACTOR
    yield f"another seed changes it by at most {spread:.2f}"
    paths = set().union(*reading.values())
    yield f"Checks 7 to 9 show {len(paths)}, of which the loss of a text hides {len(paths & hidden('reading'))}"
    left = quiet - checks - paths
    for own in (("accumulate_gradients", "mean_of_means"), ("train_step", "mean_of_means")):
        assert (f"ch15_model/{own[0]}", *own) in left
    yield f"{len(left)} mistakes change training, and neither the curve nor checks 2 to 9 show them"
    yield f"{len(looked) - len(training['batch'])} of the {len(looked)} learn the batch by heart all the same"


def _trained() -> list[dict[str, Any]]:
    return [entry for entry in _document()["healthy"] if entry["run"].startswith("training")]
