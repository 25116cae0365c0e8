"""What the gate asks of a hunt: right and wrong repairs, and a symptom that shows the mistake for every seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from grader.book.oracles import oracles
from grader.book.symptom_run import SymptomRun
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Koan
from grader.judge.runner import Ask
from grader.judge.targets import Target
from reference import PLANTED

NAME = "planted"  # of the wrong answer that has the planted mistake
RIGHTS = 3  # the fewest right repairs
SEEDS = 5  # seeds of the symptom: over all of them, planted and healthy ranges do not overlap


def lacks(koan: Koan) -> Iterator[str]:
    """What the reference of a hunt lacks."""
    oracle = oracles(koan).get(koan.name)
    if oracle is None:
        yield f"has no oracle called {koan.name}"
        return
    if NAME not in oracle.wrongs or oracle.wrongs[NAME].says != PLANTED:
        yield f"has no wrong answer `{NAME}` with the clause PLANTED"
    if len(oracle.rights) < RIGHTS:
        yield f"has only {len(oracle.rights)} of {RIGHTS} right repairs, written in different ways"
    if len(oracle.wrongs) < 2:
        yield "has no wrong repair: how do people hide this symptom?"
    if oracle.seen is None:
        yield "has no symptom"


def planted_problem(verdict: Verdict) -> str:
    """What is wrong with the verdict on the planted text. Empty if it fails and the mistake is recognized."""
    if verdict.status == Status.failed and verdict.names == (NAME,):
        return ""
    looks = " or ".join(verdict.names) or "none"
    return f"the planted text must fail and look like `{NAME}`, but is '{verdict.status}'; it looks like: {looks}"


def symptom_asks(koan: Koan) -> list[Ask]:
    """The runs of a hunt's symptom: of the planted text with each seed, beside the oracle, and once of the solution."""
    planted = [Ask(koan, Target("stub"), seed) for seed in range(SEEDS)]
    return [*planted, Ask(koan, Target("solutions"))]


def symptom_problem(runs: Mapping[Ask, SymptomRun]) -> str:
    """What is wrong with the symptoms of one hunt. Empty if the planted and the healthy ranges do not overlap."""
    planted: list[float] = []
    healthy: list[float] = []
    for ask, run in runs.items():
        if run.shown is None or run.healthy is None:
            return f"the symptom of {ask.target} with seed {ask.seed} cannot be shown: {run.problem}"
        (planted if ask.target.kind == "stub" else healthy).append(run.shown.number)
        healthy.append(run.healthy.number)
    if not all(map(math.isfinite, (*planted, *healthy))):
        return f"the number of the symptom is not finite: planted {_range(planted)}, healthy {_range(healthy)}"
    if min(planted) > max(healthy) or max(planted) < min(healthy):
        return ""
    return f"the symptom does not show the mistake: planted {_range(planted)}, healthy {_range(healthy)}"


def _range(numbers: Sequence[float]) -> str:
    return f"{min(numbers):.4g} to {max(numbers):.4g}"
