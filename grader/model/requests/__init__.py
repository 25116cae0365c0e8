"""Answers the requests of `protocol`, in the model's process."""

from __future__ import annotations

from grader.model.opened import Watching
from grader.model.protocol import Break, Check, Request, Say, Train
from grader.model.requests import breaking, checking, saying, training
from grader.model.requests.emitting import Emit


def answer(request: Request, emit: Emit, watch: Watching) -> None:
    """Answer a request with events, all but the last. `watch` is told of all functions that will run.

    Raises KoansError and FunctionFailed.
    """
    match request:
        case Say():
            saying.answer(request, emit, watch)
        case Check():
            checking.answer(request, emit, watch)
        case Break():
            breaking.answer(request, emit, watch)
        case Train():
            training.answer(request, emit, watch)
