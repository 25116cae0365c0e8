"""What wrong answers cost the small model of chapter 15: the numbers of docs/PRICES.md, for other chapters' texts."""

import json
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "ch15_model/model/prices.json"
READING, ONE_AT_A_TIME = "reading.nats", "cache.nats"
LOSSES = ("training.loss", "training.nats", "training.bits")


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
