"""The wrong answers that an oracle's own formula gives in another precision."""

import pytest
import torch
from torch import Tensor

from reference import LOW_PRECISION, Oracle, oracle


def of_sum() -> Oracle:
    """A fresh oracle: the sum of a vector, from left to right."""

    @oracle
    def total(x: Tensor) -> Tensor:
        result = torch.zeros((), dtype=x.dtype)
        for number in x:
            result = result + number
        return result

    return total


# Their sum is 260. From 256 on the numbers of bf16 are 2 apart, so 256 + 1 rounds to 256 there, four times.
SMALL_LOST = torch.tensor([256.0, 1.0, 1.0, 1.0, 1.0], dtype=torch.bfloat16)


def test_they_are_registered_under_their_names_in_the_order_given():
    total = of_sum()
    total.standard_wrongs("low_precision_inside", "returns_fp32")
    assert list(total.wrongs) == ["low_precision_inside", "returns_fp32"]
    assert (
        [v.name for v in total.wrongs.values()] == [v.fn.__name__ for v in total.wrongs.values()] == list(total.wrongs)
    )
    assert not total.rights


def test_they_say_the_standard_clauses():
    total = of_sum()
    total.standard_wrongs("returns_fp32", "low_precision_inside")
    assert (
        total.wrongs["returns_fp32"].says == "the result was returned in float32: it must have the dtype of the input"
    )
    assert total.wrongs["low_precision_inside"].says == LOW_PRECISION


def test_a_koan_may_name_the_input_that_gives_the_dtype():
    total = of_sum()
    total.standard_wrongs("returns_fp32", of="`x`")
    assert total.wrongs["returns_fp32"].says == "the result was returned in float32: it must have the dtype of `x`"


def test_a_koan_may_give_one_of_them_a_clause_of_its_own():
    total = of_sum()
    total.standard_wrongs("low_precision_inside", says="added up in the dtype of the input: {1, 1} is lost")
    assert total.wrongs["low_precision_inside"].says == "added up in the dtype of the input: {1, 1} is lost"


def test_one_clause_for_two_is_refused_and_registers_neither():
    total = of_sum()
    with pytest.raises(ValueError, match="`says` is the clause of one wrong answer"):
        total.standard_wrongs("returns_fp32", "low_precision_inside", says="both")
    assert not total.wrongs


def test_a_name_that_is_taken_is_refused():
    total = of_sum()

    @total.wrong("by hand")
    def returns_fp32(x: Tensor) -> Tensor:
        return x.float().sum()

    with pytest.raises(ValueError, match="total has two variants called returns_fp32"):
        total.standard_wrongs("returns_fp32")
    assert total.wrongs["returns_fp32"].says == "by hand"


def test_returns_fp32_is_the_right_number_in_the_wrong_dtype():
    total = of_sum()
    total.standard_wrongs("returns_fp32")
    answer = total.wrongs["returns_fp32"].fn(SMALL_LOST)
    assert answer.dtype == torch.float32
    assert answer.item() == 260


def test_low_precision_inside_rounds_at_each_step():
    total = of_sum()
    total.standard_wrongs("low_precision_inside")
    answer = total.wrongs["low_precision_inside"].fn(SMALL_LOST)
    assert answer.dtype == torch.bfloat16
    assert answer.item() == 256


def test_returns_fp32_also_narrows_float64():
    total = of_sum()
    total.standard_wrongs("returns_fp32")
    assert total.wrongs["returns_fp32"].fn(SMALL_LOST.double()).dtype == torch.float32


def test_returns_fp32_reaches_tensors_in_lists_tuples_dicts_and_keywords_and_leaves_the_rest():
    @oracle
    def given(*args: object, **kwargs: object) -> object:
        return args, kwargs

    given.standard_wrongs("returns_fp32")
    half, ids = torch.ones(2, dtype=torch.float16), torch.tensor([3])
    (first, layers, weights, *rest), keywords = given.wrongs["returns_fp32"].fn(
        half, [(half, None)], {"up": half}, ids, 2, torch.float16, (4, 5), bias=half
    )
    assert type(layers) is list and type(layers[0]) is tuple and layers[0][1] is None
    assert [t.dtype for t in (first, layers[0][0], weights["up"], keywords["bias"])] == [torch.float32] * 4
    assert rest == [ids, 2, torch.float16, (4, 5)]
    assert half.dtype == torch.float16


def test_another_formula_runs_in_place_of_the_oracles():
    total = of_sum()
    total.standard_wrongs("returns_fp32", "low_precision_inside", formula=lambda x: x[0] - x[1])
    assert total.wrongs["returns_fp32"].fn(SMALL_LOST).item() == 255
    assert total.wrongs["low_precision_inside"].fn(torch.tensor([2.0, 3.0])).item() == -1


def test_they_follow_the_oracle_in_what_it_refuses():
    @oracle
    def positive(x: Tensor) -> Tensor:
        if (x <= 0).any():
            raise ValueError("positive numbers only")
        return x

    positive.standard_wrongs("returns_fp32", "low_precision_inside")
    for variant in positive.wrongs.values():
        with pytest.raises(ValueError, match="positive numbers only"):
            variant.fn(torch.tensor([0.0]))
