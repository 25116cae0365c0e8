"""Answers `Check`: finds the first function whose result differs from ours by more than float32 explains.

Three choices make the same calls: the source's functions and ours in float32, and the oracles in float64. What ours and
the oracles are apart is what rounding costs at this call. A result of the source may be FACTOR times as far from ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from grader.model import tour
from grader.model.comparing import EPS, apart
from grader.model.functions import FunctionFailed, Whose
from grader.model.opened import Opened, Watching, opened
from grader.model.path import ORACLE, PATH
from grader.model.protocol import Call, Check, Note
from grader.model.requests.emitting import Emit
from grader.model.tour import Inputs, Part, value_of

FACTOR = 8.0  # no right answer of a koan on the path needs more than half of it; a test has a sample


class Result(NamedTuple):
    """What one call returned, or the problem that it ended with."""

    koan: str
    function: str
    value: Any
    problem: str = ""


def answer(request: Check, emit: Emit, watch: Watching) -> None:
    """A Call for each call of the source's functions, in order, with its difference from ours and the bound."""
    emit(Note("running our functions"))
    root, folder = Path(request.source.root), Path(request.source.model)
    ours = opened(root, folder, None, watch)
    ids = ours.prompt(request.text)
    expected = _results(ours, Inputs(request.text, ids, torch.float32))
    emit(Note("measuring how exact float32 is"))
    exact = _results(_exact(root, folder, watch), Inputs(request.text, ids, torch.float64))
    emit(Note("running yours"))
    source = opened(root, folder, request.source.whose, watch)
    for part, call in tour.parts():
        results = _observed(source, call, Inputs(request.text, ids, torch.float32))
        for one in _compared(part, results, expected[part], exact[part], request.source.whose):
            emit(one)


def _exact(root: Path, folder: Path, watch: Watching) -> Opened:
    run = opened(root, folder, dict.fromkeys(PATH, ORACLE), watch)
    weights = {name: tensor.double() for name, tensor in run.model.weights.items()}
    return replace(run, model=replace(run.model, weights=weights))


def _results(run: Opened, given: Inputs) -> dict[str, list[Result]]:
    return {name: _observed(run, part, given) for name, part in tour.parts()}


def _observed(run: Opened, part: Part, given: Inputs) -> list[Result]:
    """The results of a part, in the order of the calls. Calls of one function by another are left out."""
    functions, results = run.functions, list[Result]()

    def note(koan: str, function: str, value: Any) -> None:
        if not functions.running:
            results.append(Result(koan, function, value_of(value)))

    functions.observe = note
    try:
        part(run, given)
    except FunctionFailed as failed:
        results.append(Result(failed.koan, failed.function, None, str(failed)))
    except Exception as error:  # a result of the function before was of no use to us
        last = results[-1] if results else Result("", "", None)
        results.append(Result(last.koan, last.function, None, f"its result is of no use: {error}"))
    finally:
        functions.observe = None
    return results


def _compared(
    part: str, results: Sequence[Result], ours: Sequence[Result], exact: Sequence[Result], whose: Whose
) -> list[Call]:
    calls: list[Call] = []
    norms = 0
    last = sum(one.function == "rms_norm" for one in ours) - 1
    for place, one in enumerate(results):
        norms += one.function == "rms_norm"
        where = _place(part, norms - 1, last)
        mine = ours[place] if place < len(ours) else None
        if one.problem or mine is None or one.function != mine.function:
            problem = one.problem or "it is called where ours calls another function"
            calls.append(Call(one.koan, one.function, where, 0.0, 0.0, problem, whose.get(one.koan, "ours")))
            break
        if one.function == "save":  # its format is the learner's own
            continue
        truth = exact[place] if place < len(exact) and exact[place].function == one.function else None
        distance = apart(one.value, mine.value)
        rounding = apart(mine.value, truth.value, dtypes=False).difference if truth and not truth.problem else 0.0
        bound = FACTOR * max(rounding, EPS * distance.largest)
        calls.append(
            Call(
                *(one.koan, one.function, where, distance.difference, bound),
                distance.problem,
                whose.get(one.koan, "ours"),
            )
        )
        if distance.problem:
            break  # what follows has other inputs
    return calls


def _place(part: str, norm: int, last: int) -> str:
    """Where in the model a call is. Each layer begins with its first of two norms, and the last norm is the head's."""
    if part != "forward":
        return part
    if norm < 0:
        return "embedding"
    return "head" if norm == last else f"layer {norm // 2}"


def blamed(calls: Sequence[Call]) -> Call | None:
    """The first call that differs, or None."""
    return next((call for call in calls if not call.agrees), None)
