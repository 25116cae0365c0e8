"""The claim `fast`: a kernel koan's kernels on a GPU, raced against what torch does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from grader.book.errors import KoansError
from grader.checks import context
from grader.checks.message import Disagreement, Message

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
    """On this GPU the kernels reach `at_least` these ratios of the speed of the oracle's baselines, by name.

    `inputs` describe tensors (`grader.gpu.job.like`), drawn anew for each timed call. `only`: the kernels timed, if not
    all. Skips where the GPU is one that is not timed; raises Disagreement if it is too slow, wrong or unbelievable.
    """
    __tracebackhide__ = True
    from grader.gpu.thresholds import is_of

    baselines = [one for one in with_.baselines if any(is_of(name, one) for name in at_least)]
    report = measure(fn, inputs, with_, baselines, only)
    context.current().raced = {times.name: round(times.median, 6) for times in report.times if times.ms}
    if report.lack:
        import pytest

        pytest.skip(f"not run here: {report.lack}")
    found = verdict(report, at_least)
    if found is not None:
        raise Disagreement(lambda: found) from None


def measure(
    fn: Any, inputs: Sequence[Input], oracle: Oracle[..., Any], baselines: Sequence[str], only: Sequence[str]
) -> RaceReport:
    from grader.gpu import request
    from grader.gpu.client import shared

    job = request.job(fn, inputs, baselines, only)
    try:
        return shared().ask(job)
    except KoansError as error:
        says = str(error)
        raise Disagreement(lambda: Message(f"{oracle.__name__}: {says}", says.splitlines()[0], {})) from None


def taken() -> dict[str, float]:
    """The median milliseconds of the last race, by contestant, once: whoever reports on its test takes them."""
    run = context.current()
    found, run.raced = run.raced, {}
    return found


def verdict(report: RaceReport, at_least: Mapping[str, float]) -> Message | None:
    """What to tell a learner whose kernel is not fast enough, or None."""
    from grader.gpu.thresholds import YOURS, judge

    if report.error:
        says = f"your kernel does not run on this GPU: {report.error}"
        return Message(says, says, {})
    by_name = {times.name: times for times in report.times}
    found = judge(by_name[YOURS], [t for t in report.times if t.name != YOURS], at_least, report.floor)
    if found.passed:
        return None
    where = f"  on {report.facts.name}, CONFIG = {report.chosen.get(YOURS, {})}"
    return Message("\n".join([found.says, "", where, *found.lines]), found.says, {})
