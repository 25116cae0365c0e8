"""What a run shows of a hunt: the symptom of the code under test, and of a run that is in order."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import msgspec
import pytest

from grader.book.koan_imports import module_name
from grader.book.oracles import oracles
from grader.book.workbook import Koan
from grader.judge.explain import explain, explain_import
from grader.judge.runner.protocol import Event


def write(koan: Koan, seed: int, add: Callable[[Event], None]) -> pytest.ExitCode:
    """Run both sides. Each becomes an event, also if the code under test is broken."""
    oracle = oracles(koan)[koan.name]
    assert oracle.seen is not None  # every hunt has a symptom; the gate checks it
    add(Event("start", "the symptom"))
    add(Event("healthy", oracle.measure, symptom=msgspec.msgpack.encode(oracle.seen(oracle.fn, seed))))
    try:
        function = getattr(importlib.import_module(module_name(koan.id)), koan.name)
    except BaseException as error:  # the file is the learner's: anything can be wrong with it
        add(Event("broken", explain_import(error, koan)))
        return pytest.ExitCode.INTERRUPTED
    try:
        add(Event("shown", symptom=msgspec.msgpack.encode(oracle.seen(function, seed))))
    except BaseException as error:
        add(Event("broken", explain(error, koan).message))
        return pytest.ExitCode.TESTS_FAILED
    return pytest.ExitCode.OK
