"""The check `fast`: a kernel koan's kernels on a GPU, timed against torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from grader.book.errors import KoansError
from grader.checks import run_context
from grader.checks.message import Disagreement, Message
from grader.gpu import request
from grader.gpu.client import shared
from grader.gpu.thresholds import YOURS, in_family, judge

if TYPE_CHECKING:
    from grader.gpu.job import Input, RaceReport
    from reference import Oracle


def fast(
    fn: Any,
    *inputs: Input,
    with_: Oracle[..., Any],
    at_least: Mapping[str, float],
    only: Sequence[str] = (),
) -> None:
    """Assert that on this GPU the kernels reach a share of the speed of the oracle's baselines.

    `at_least` maps the name of a baseline to the ratio wanted. `inputs` describe tensors (`grader.gpu.job.like`): every
    timed call gets fresh ones. `only` names the kernels that are timed; all, if it is empty. Skips the test on a GPU
    that is too old. Raises Disagreement if the kernels are too slow or wrong, or if their times cannot be true.
    """
    __tracebackhide__ = True
    baselines = [baseline for baseline in with_.baselines if any(in_family(baseline, name) for name in at_least)]
    report = measure(fn, inputs, with_, baselines, only)
    run_context.current().race_times = {times.name: round(times.median, 6) for times in report.times if times.ms}
    if report.lack:
        import pytest

        pytest.skip(f"not run here: {report.lack}")
    message = verdict(report, at_least)
    if message is not None:
        raise Disagreement(lambda: message) from None


def measure(
    fn: Any, inputs: Sequence[Input], oracle: Oracle[..., Any], baselines: Sequence[str], only: Sequence[str]
) -> RaceReport:
    """Race the kernels against the baselines in the process that has the GPU. Raises Disagreement if it fails."""
    job = request.job(fn, inputs, baselines, only)
    try:
        return shared().ask(job)
    except KoansError as error:
        text = str(error)
        raise Disagreement(lambda: Message(f"{oracle.__name__}: {text}", text.splitlines()[0], {})) from None


def take_times() -> dict[str, float]:
    """The median milliseconds of each contestant of the last race. They are then removed: one test reports them."""
    run = run_context.current()
    times, run.race_times = run.race_times, {}
    return times


def verdict(report: RaceReport, at_least: Mapping[str, float]) -> Message | None:
    """The message for a learner whose kernel is not fast enough, or None."""
    if report.error:
        text = f"your kernel does not run on this GPU: {report.error}"
        return Message(text, text, {})
    by_name = {times.name: times for times in report.times}
    judgement = judge(by_name[YOURS], [t for t in report.times if t.name != YOURS], at_least, report.floor)
    if judgement.passed:
        return None
    where = f"  on {report.facts.name}, CONFIG = {report.chosen.get(YOURS, {})}"
    return Message("\n".join([judgement.message, "", where, *judgement.lines]), judgement.message, {})
