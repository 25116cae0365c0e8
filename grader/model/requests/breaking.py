"""Answers `Break`."""
from grader.model.opened import Watching
from grader.model.protocol import Break
from grader.model.requests.emitting import Emit


def answer(request: Break, emit: Emit, watch: Watching) -> None:
    raise NotImplementedError
