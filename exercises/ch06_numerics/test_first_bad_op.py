"""The op to blame got good numbers and returned bad ones."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from exercises.ch06_numerics.first_bad_op import first_bad_op
from grader.checks import exact, randn, strided
from reference.ch06_numerics.first_bad_op import first_bad_op as oracle


def t(*numbers, dtype=torch.float32):
    return torch.tensor(numbers, dtype=dtype)


def op(name, *inputs):
    return (name, list(inputs[:-1]), inputs[-1])


GOOD = op("add", t(1.0, 2.0), t(3.0, 4.0), t(4.0, 6.0))


def test_a_division_by_zero_is_to_blame_for_the_nan_two_ops_later():
    quotient, zeros = t(torch.inf, 1.0), t(0.0, 0.0)
    mul = op("mul", quotient, zeros, t(torch.nan, 0.0))
    exact(first_bad_op, [op("div", t(1.0, 1.0), t(0.0, 1.0), quotient), GOOD, mul], with_=oracle, gives=0)


@pytest.mark.card("nan-starts-as-inf")
def test_in_a_softmax_without_a_maximum_exp_is_to_blame_and_the_division_shows_it():
    score = t(12.0, dtype=torch.float16)
    e = torch.exp(score)
    total = e.sum(0)
    p = e / total
    trace = [
        op("mul", score / 2, t(2.0), score),
        op("exp", score, e),
        op("sum", e, total),
        op("div", e, total, p),
    ]
    exact(first_bad_op, trace, with_=oracle, gives=1)


@pytest.mark.card("mask-is-not-a-bug")
def test_a_mask_of_minus_infinity_is_handed_in_and_not_made():
    scores, mask = t(1.0, 2.0), t(0.0, -torch.inf)
    exact(first_bad_op, [GOOD, op("neg", -mask, mask)], with_=oracle, gives=None)
    masked = op("add", scores, mask, scores + mask)
    exact(first_bad_op, [GOOD, masked, op("exp", scores + mask, t(2.7183, 0.0))], with_=oracle, gives=None)


def test_a_mask_that_comes_in_first_is_handed_in_too():
    scores, mask = t(1.0, 2.0), t(0.0, -torch.inf)
    swapped = op("add", mask, scores, scores + mask)
    exact(first_bad_op, [GOOD, swapped, op("sqrt", t(-1.0), t(torch.nan))], with_=oracle, gives=2)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf], ids=["nan", "inf", "minus inf"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_kind_of_bad_number_in_every_dtype(bad, dtype):
    made = op("scale", t(1.0, 2.0, dtype=dtype), t(1.0, bad, dtype=dtype))
    exact(
        first_bad_op,
        [GOOD, made, op("scale", made[2], t(torch.nan, torch.nan, dtype=dtype))],
        with_=oracle,
        gives=1,
    )


def test_when_two_ops_are_to_blame_the_first_counts():
    first, second = op("log", t(0.0), t(-torch.inf)), op("sqrt", t(-1.0), t(torch.nan))
    exact(first_bad_op, [GOOD, first, GOOD, second, GOOD], with_=oracle, gives=1)
    exact(
        first_bad_op,
        [GOOD, GOOD, first, op("div", t(1.0), first[2], t(-0.0)), second, second],
        with_=oracle,
        gives=2,
    )


def test_when_no_op_is_to_blame_the_answer_is_none():
    exact(first_bad_op, [GOOD, GOOD], with_=oracle, gives=None)
    exact(first_bad_op, [], with_=oracle, gives=None)


def test_whole_numbers_booleans_and_empty_tensors_are_finite():
    ids, hidden = torch.tensor([0, 2, 1]), torch.tensor([False, True, False])
    table = t(1.0, torch.nan, 3.0)
    lookup = op("embedding", ids, table, t(1.0, 3.0, torch.nan))
    filled = op("masked_fill", torch.ones(3), hidden, t(1.0, -torch.inf, 1.0))
    exact(
        first_bad_op,
        [op("arange", ids, ids), op("cat", torch.empty(0), torch.empty(0)), lookup, filled],
        with_=oracle,
        gives=3,
    )


def test_large_numbers_are_finite_even_where_their_sum_is_not():
    million, root, large = t(1e6), t(250.0, 250.0, dtype=torch.float16), t(6e4, 6e4, dtype=torch.float16)
    wide, wider = t(1e38, 3e38), t(1e300, -1e300, dtype=torch.float64)
    exact(first_bad_op, [op("exp", t(13.8), million), op("sqrt", million, t(1e3))], with_=oracle, gives=None)
    exact(
        first_bad_op,
        [op("mul", root, root, large), GOOD, op("mul", t(1e19, 2e19), wide)],
        with_=oracle,
        gives=None,
    )
    exact(
        first_bad_op,
        [op("mul", wider, wider), op("cast", wider, t(torch.inf, -torch.inf))],
        with_=oracle,
        gives=1,
    )


def test_one_bad_number_in_a_large_tensor_with_strides(seed):
    x = strided(randn(7, 30, seed=seed))
    y = x.clone()
    y[4, 17] = torch.nan
    exact(first_bad_op, [op("relu", x, x), op("norm", x, y), op("linear", y, x, y)], with_=oracle, gives=1)


NUMBERS = st.sampled_from([1.0, -2.0, 65536.0, torch.nan, torch.inf, -torch.inf])
OPS = st.tuples(st.lists(NUMBERS, min_size=1, max_size=2), NUMBERS)


@given(st.lists(OPS, max_size=5))
def test_any_trace(ops):
    exact(first_bad_op, [op("op", *(t(x) for x in inputs), t(output)) for inputs, output in ops], with_=oracle)
