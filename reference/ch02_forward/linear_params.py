"""Makes the parameters of every layer as tensors without storage and counts their numbers."""

import math
from collections.abc import Callable
from itertools import pairwise

import torch

from reference import oracle


@oracle
def linear_params(widths: list[int], bias: bool = True) -> int:
    total = 0
    for i in range(len(widths) - 1):
        total += torch.empty(widths[i + 1], widths[i], device="meta").numel()
        if bias:
            total += torch.empty(widths[i + 1], device="meta").numel()
    return total


def _count(widths: list[int], layer: Callable[[int, int], int]) -> int:
    return sum(layer(widths[i], widths[i + 1]) for i in range(len(widths) - 1))


@linear_params.right("weights and biases counted separately")
def apart(widths: list[int], bias: bool = True) -> int:
    weights = sum(a * b for a, b in pairwise(widths))
    return weights + bias * sum(widths[1:])


@linear_params.right("the parameters of nn.Linear")
def library(widths: list[int], bias: bool = True) -> int:
    layers = [torch.nn.Linear(a, b, bias, device="meta") for a, b in pairwise(widths)]
    return sum(p.numel() for layer in layers for p in layer.parameters())


@linear_params.wrong("a bias was counted for every input: there is one bias for every output")
def bias_per_input(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b + bias * a)


@linear_params.wrong("a bias was counted for every input and every output: only the outputs have a bias")
def bias_at_both_ends(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b + bias * (a + b))


@linear_params.wrong(
    "a bias was counted for every weight: there is one bias for every output, that is, for every row of the weight"
)
def bias_per_weight(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b * (1 + bias))


@linear_params.wrong("one bias number was counted for a whole layer: there is one bias for every output")
def one_bias_per_layer(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b + bias)


@linear_params.wrong(
    "a row and a column were counted for the bias, (in + 1)(out + 1): the right count is in · out + out"
)
def one_more_each_way(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: (a + bias) * (b + bias))


@linear_params.wrong("the biases were not counted, though `bias` is True")
def never_a_bias(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b)


@linear_params.wrong(
    "without biases nothing was counted: `a * b + b if bias else 0` returns 0 for the weights too; use parentheses"
)
def all_or_nothing(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b + b if bias else 0)


@linear_params.wrong("the biases were counted, though `bias` is False")
def always_a_bias(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b + b)


@linear_params.wrong(
    "a bias was counted for the first width too: the first width is the input, and no layer produces it"
)
def bias_of_the_input(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b) + bias * sum(widths)


@linear_params.wrong("only the first layer was counted")
def first_layer(widths: list[int], bias: bool = True) -> int:
    return _count(widths[:2], lambda a, b: a * b + bias * b)


@linear_params.wrong("the last layer was not counted: n widths make n − 1 layers")
def last_forgotten(widths: list[int], bias: bool = True) -> int:
    return _count(widths[:-1], lambda a, b: a * b + bias * b)


@linear_params.wrong("the last layer was counted without its bias: every layer has biases")
def last_without_bias(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a * b) + bias * sum(widths[1:-1])


@linear_params.wrong("layers with the same widths were counted once: layers share no parameters")
def shared_by_widths(widths: list[int], bias: bool = True) -> int:
    return sum(a * b + bias * b for a, b in set(pairwise(widths)))


@linear_params.wrong(
    "one layer from the first width to the last was counted: count one layer for each pair of neighboring widths"
)
def first_to_last(widths: list[int], bias: bool = True) -> int:
    return _count([widths[0], widths[-1]], lambda a, b: a * b + bias * b) if len(widths) > 1 else 0


@linear_params.wrong("all widths were multiplied: count each layer, and add the counts")
def product_of_all(widths: list[int], bias: bool = True) -> int:
    return (math.prod(widths) if len(widths) > 1 else 0) + bias * sum(widths[1:])


@linear_params.wrong("the widths were added: each layer has in · out weights, one for each pair of input and output")
def activations(widths: list[int], bias: bool = True) -> int:
    return _count(widths, lambda a, b: a + bias * b)


@linear_params.wrong(
    "a layer from the last width back to the first was counted: range(len(widths)) goes one step too far"
)
def closed(widths: list[int], bias: bool = True) -> int:
    return sum(widths[i] * (widths[i - 1] + bias) for i in range(len(widths))) if widths else 0


@linear_params.wrong("bytes of float32 were returned: return the number of parameters")
def in_bytes(widths: list[int], bias: bool = True) -> int:
    return 4 * linear_params.fn(widths, bias)


@linear_params.wrong(
    "the widths were stored in 32 bits: the count of a language model wraps around above 2,147,483,647"
)
def in_int32(widths: list[int], bias: bool = True) -> int:
    counts = torch.tensor([0, *(b * (a + bias) for a, b in pairwise(widths))])
    return int(counts.to(torch.int32).sum(dtype=torch.int32))
