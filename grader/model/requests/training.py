"""Answers `Train`."""
from grader.model.opened import Watching
from grader.model.protocol import Train
from grader.model.requests.emitting import Emit


def answer(request: Train, emit: Emit, watch: Watching) -> None:
    raise NotImplementedError
