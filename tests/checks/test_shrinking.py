"""A failing input is made smaller, as far on a busy machine as on a quiet one."""

import time

import pytest
import torch

from grader.checks import Disagreement, agrees, run_context, shrinking
from reference import oracle


@oracle
def total(x):
    return x.sum(-1)


@pytest.fixture(autouse=True)
def _own_run():
    run_context.start(run_context.Run())
    yield
    run_context.start(run_context.Run())


def _message(fn, x):
    with pytest.raises(Disagreement) as error:
        agrees(fn, x, with_=total)
    return str(error.value)


def _inputs():
    return torch.randn(24, 40, generator=torch.Generator().manual_seed(1))


def test_a_slow_function_has_the_message_of_a_fast_one():
    def twice(x):
        return 2 * x.sum(-1)

    expected = _message(twice, _inputs())
    assert "a smaller form of the test's input" in expected

    def twice(x):  # messages show the name
        time.sleep(0.02)
        return 2 * x.sum(-1)

    assert _message(twice, _inputs()) == expected


def test_all_failures_of_a_function_together_try_so_many_inputs():
    calls = 0

    def stubborn(x):  # wrong for inputs of one size only, so no smaller input fails
        nonlocal calls
        calls += 1
        return x.sum(-1) + (x.shape == (24, 40))

    for _ in range(5):
        _message(stubborn, _inputs())
    assert run_context.current().shrinking[stubborn].tries == shrinking.TRIES
    assert calls == 5 + shrinking.TRIES


def test_a_function_that_takes_seconds_is_not_called_again_for_long(monkeypatch):
    monkeypatch.setattr(shrinking, "SECONDS", 0.0)
    with pytest.raises(Disagreement, match=r"24 of 24 elements differ"):
        agrees(lambda x: 2 * x.sum(-1), _inputs(), with_=total)
