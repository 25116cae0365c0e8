"""What wrong answers cost the small model of chapter 15: the numbers of docs/PRICES.md, for other chapters' texts."""

import json
import math
import re
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "ch15_model/model/prices.json"
PAGE = Path(__file__).parents[1] / "docs/PRICES.md"
READING, ONE_AT_A_TIME = "reading.nats", "cache.nats"
KINDS = ("text", "reading", "cache", "training", "writing")
LOSSES = ("training.loss", "training.nats", "training.bits")
UNSEEN = "training.true"  # what our functions say of the weights: nobody sees it who trains with the mistake
PRECISIONS = {
    ("ch06_numerics/int8_matmul", "reading"): "reading int8",
    ("ch11_model_cards/block_quantize", "reading"): "reading 4bit",
}


@cache
def _measured():
    document = json.loads(FILE.read_text(encoding="utf-8"))
    ours = {entry["run"]: entry["figures"] for entry in document["healthy"]}
    results = {(r["answer"]["koan"], r["answer"]["name"], r["run"]): r for r in document["results"]}
    return ours, results


def _result(koan, name, figure):
    return _measured()[1][koan, name, figure.partition(".")[0]]


def ours(figure, run=None):
    """A figure of our functions. `run` is its run's name in prices.json if that differs from the figure's."""
    return _measured()[0][run or figure.partition(".")[0]][figure][0]


def price(koan, name, figure):
    """The figure of a wrong answer."""
    return _result(koan, name, figure)["figures"][figure]


def rise(koan, name, figure=READING, run=None):
    """From our figure to the wrong answer's: "from 0.72 to 3.57"."""
    return f"from {ours(figure, run):.2f} to {price(koan, name, figure):.2f}"


def same(koan, name):
    """The share of places at which the most likely token stays the same: "75 %"."""
    return f"{100 * _result(koan, name, READING)['agreement']:.0f} %"


def hidden(koan, name):
    """How much of their spread over seeds the losses of a training run differ by: "5 %"."""
    shares = []
    for figure in LOSSES:
        values = _measured()[0]["training"][figure]
        shares.append(abs(price(koan, name, figure) - values[0]) / (max(values) - min(values)))
    return f"{100 * max(shares):.0f} %"


def wrong_answers(kind):
    """What was measured of each wrong answer in the runs of a kind, by (koan, function, name)."""
    every = json.loads(FILE.read_text(encoding="utf-8"))["results"]
    return {
        (r["answer"]["koan"], r["answer"]["function"], r["answer"]["name"]): r
        for r in every
        if r["answer"]["kind"] == "wrong" and r["run"] == kind
    }


def visibility(result):
    """The largest difference from our figures that a person can see in a result, in spreads over seeds. inf for NaN."""
    koan, kind = result["answer"]["koan"], result["run"]
    names = f"{kind} {koan.partition('/')[2]}", PRECISIONS.get((koan, kind), kind)
    healthy = next(_measured()[0][name] for name in names if name in _measured()[0])
    ratios = [0.0]
    for figure, values in healthy.items():
        value, spread = result["figures"][figure], max(values) - min(values)
        if figure != UNSEEN and value != values[0]:
            ratios.append(abs(value - values[0]) / spread if value is not None and spread else math.inf)
    return max(ratios)


def outcomes():
    """How the wrong answers show, from the table of docs/PRICES.md: outcome to (all runs, training runs alone)."""
    rows = re.findall(r"^\| ([A-Za-z ]+) \| [^|]+ \| (\d+) \| (\d+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    return {outcome: (int(every), int(training)) for outcome, every, training in rows}
