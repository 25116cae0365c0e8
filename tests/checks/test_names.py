"""A name must be earned: all failures of a function look like the mistake, and what the function passed rules it out not."""

import pytest
import torch

from grader.book import verdict as verdicts
from grader.book.verdict import Exit, Status, judge
from grader.checks import Disagreement, agrees, misconceptions, run_context
from reference import oracle


@oracle
def double(x):
    if x.numel() == 0:
        raise ValueError("empty")
    return x * 2


@double.wrong("squared: that is twice only of 2")
def squared(x):
    return x * x


@double.wrong("the half")
def halved(x):
    return x / 2


@double.wrong("four times")
def fourfold(x):
    return x * 4


@pytest.fixture(autouse=True)
def run():
    run_context.start(run_context.Run())
    yield
    run_context.start(run_context.Run())


def _names(fn, *inputs):
    """The names that `fn` has earned after these checks, of which any may fail."""
    for x in inputs:
        try:
            agrees(fn, x, with_=double)
        except Disagreement as error:
            str(error)  # a message is written when it is read
    return misconceptions.earned()[double]


def f32(*values):
    return torch.tensor(values)


def test_a_name_that_every_failure_looks_like_is_earned():
    assert _names(lambda x: x * x, f32(3.0), f32(5.0, 7.0)) == ["squared"]


def test_a_failure_that_looks_like_another_mistake_rules_a_name_out():
    assert _names(lambda x: x * x if x.numel() == 1 else x + 1, f32(3.0), f32(5.0, 7.0)) == []


def test_two_mistakes_that_no_input_tells_apart_are_both_named_until_one_does():
    assert _names(lambda x: x * x, f32(4.0)) == ["squared", "fourfold"]
    assert _names(lambda x: x * x, f32(3.0)) == ["squared"]


def test_a_check_that_passed_rules_out_the_mistakes_that_fail_it():
    """Only the last input is wrong, and in the way of both; what passed before excludes them."""
    assert _names(lambda x: x * x if x.numel() == 2 else x * 2, f32(3.0), f32(4.0, 4.0)) == []


def test_a_mistake_written_in_another_order_of_operations_is_named():
    assert _names(lambda x: torch.exp(2 * torch.log(x)), f32(3.0, 1.7), f32(5.1)) == ["squared"]


@pytest.mark.parametrize(
    ("fn", "inputs", "name"),
    [
        (lambda x: x.mul_(2), [f32(3.0)], "input_values"),
        (lambda x: (x.requires_grad_() * 2).detach(), [f32(3.0)], "input_requires_grad"),
        (lambda x: x * 2, [f32(3.0), f32()], "accepts_ValueError"),
        (lambda x: x.double() * 2, [f32(3.0)], "gives_float64"),
        (lambda x: (x * 2).squeeze(), [f32(3.0)], "axis_lost"),
        (lambda x: (x * 2).unsqueeze(0), [f32(3.0)], "axis_kept"),
        (lambda x: (x * 2).T.contiguous(), [torch.ones(2, 3)], "axes_in_another_order"),
        (lambda x: float(x * 2), [f32(3.0)], "gives_a_float"),
        (lambda x: x[1:] * 2 if x[1] else x * 2, [f32(3.0, 0.0), f32(3.0)], "raises_IndexError"),
        (lambda x: x * 2.01 if x.dtype == torch.float16 else x * 2, [f32(3.0), f32(3.0).half()], "low_precision"),
    ],
)
def test_a_mistake_that_can_be_made_in_any_koan_needs_no_wrong_answer(fn, inputs, name):
    assert _names(fn, *inputs) == [name]


def test_low_precision_is_named_only_if_float32_is_right():
    assert _names(lambda x: x * 2.01, f32(3.0).half()) == []
    assert _names(lambda x: x * 2.01, f32(3.0)) == []


def test_an_error_for_an_input_that_has_an_answer_is_named_only_if_another_input_was_answered():
    def refuse(x):
        raise ValueError("never")

    assert _names(refuse, f32(3.0), f32()) == []


def test_a_gradient_that_is_left_on_an_input_is_seen():
    def with_gradient(x):
        y = x.requires_grad_() * 2
        y.sum().backward()
        x.requires_grad_(False)
        return y.detach()

    assert _names(with_gradient, f32(3.0)) == ["input_grad"]


def _failed(function, **looks):
    return verdicts.TestResult("t", "t", Status.failed, f"{function}: differs\n\n  inputs", "h", looks, function)


def _verdict(tests, names):
    return judge("k", "t", tests, "", Exit(finished=True), seconds=0, seed=0, output="", names=names)


def test_the_verdict_names_the_mistake_above_the_first_failure_that_shows_it():
    verdict = _verdict([_failed("f", a="says a", b="says b"), _failed("f", a="says a")], {"f": ["a"]})
    assert verdict.names == ("a",)
    assert verdict.message == "this looks like: says a\n\n  f: differs\n  inputs"
    assert verdict.headline == "this looks like: says a"


def test_a_verdict_without_a_name_shows_none():
    verdict = _verdict([_failed("f", a="says a"), _failed("f")], {"f": ["a"]})
    assert verdict.names == ()
    assert verdict.message == "f: differs\n\n  inputs"


def test_a_failure_outside_of_a_check_rules_out_every_name():
    assert _verdict([_failed("f", a="says a"), _failed("")], {"f": ["a"]}).names == ()


def test_a_function_that_fails_without_a_name_takes_none_from_another():
    tests = [_failed("g"), _failed("f", a="says a")]
    verdict = _verdict(tests, {"f": ["a"], "g": []})
    assert verdict.names == ("a",)
    assert "f: differs" in verdict.message
