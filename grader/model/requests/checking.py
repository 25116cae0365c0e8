"""Answers `Check`."""
from grader.model.opened import Watching
from grader.model.protocol import Check
from grader.model.requests.emitting import Emit


def answer(request: Check, emit: Emit, watch: Watching) -> None:
    raise NotImplementedError
