"""From the last layer back: the product so far carries a layer's input and its bias to the output."""

from collections.abc import Sequence

import torch
from torch import Tensor

from reference import oracle

Layer = tuple[Tensor, Tensor]


def _check(layers: Sequence[Layer]) -> None:
    if not layers:
        raise ValueError("no layers")


@oracle
def collapse_linears(layers: list[Layer]) -> Layer:
    _check(layers)
    weight, bias = layers[-1]
    for w, b in reversed(layers[:-1]):
        bias = bias + weight @ b
        weight = weight @ w
    return weight, bias


def _wide(layers: Sequence[Layer]) -> list[Layer]:
    return [(w.float(), b.float()) for w, b in layers]


def _dtype(layers: Sequence[Layer]) -> torch.dtype:
    return layers[0][0].dtype


def _weight(wide: Sequence[Layer]) -> Tensor:
    weight = wide[0][0]
    for w, _ in wide[1:]:
        weight = w @ weight
    return weight


def _bias(wide: Sequence[Layer]) -> Tensor:
    bias = wide[0][1]
    for w, b in wide[1:]:
        bias = w @ bias + b
    return bias


def _apply(wide: Sequence[Layer], x: Tensor) -> Tensor:
    for w, b in wide:
        x = x @ w.T + b
    return x


def _as(weight: Tensor, bias: Tensor, layers: Sequence[Layer]) -> Layer:
    return weight.to(_dtype(layers)), bias.to(_dtype(layers))


@collapse_linears.right("basis vectors sent through the layers without biases, and zero sent through with biases")
def by_basis(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    n = wide[0][0].shape[1]
    weight = _apply([(w, torch.zeros_like(b)) for w, b in wide], torch.eye(n)).T
    return _as(weight, _apply(wide, torch.zeros(n)), layers)


@collapse_linears.right("each layer as one matrix [[w, b], [0, 1]] that acts on (x, 1)")
def one_matrix_each(layers: list[Layer]) -> Layer:
    _check(layers)
    whole = torch.eye(layers[0][0].shape[1] + 1)
    for w, b in _wide(layers):
        last = torch.zeros(1, w.shape[1] + 1)
        last[0, -1] = 1
        whole = torch.cat([torch.cat([w, b.unsqueeze(1)], 1), last]) @ whole
    return _as(whole[:-1, :-1], whole[:-1, -1], layers)


@collapse_linears.right("torch.linalg.multi_dot for the weights, a loop for the biases")
def multi_dot(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    weights = [w for w, _ in reversed(wide)]
    weight = torch.linalg.multi_dot(weights) if len(weights) > 1 else weights[0]
    return _as(weight, _bias(wide), layers)


@collapse_linears.wrong(
    "the weights were multiplied from first to last: the first layer acts on x first, so it must be on the right"
)
def first_on_the_left(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    weight, bias = wide[0]
    for w, b in wide[1:]:
        weight, bias = weight @ w, w @ bias + b
    return _as(weight, bias, layers)


@collapse_linears.wrong("the layers were applied in reverse order: layers[0] comes first")
def reversed_stack(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)[::-1]
    return _as(_weight(wide), _bias(wide), layers)


@collapse_linears.wrong("only the last bias was kept: earlier biases pass through the later weights and also count")
def last_bias_only(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    return _as(_weight(wide), wide[-1][1], layers)


@collapse_linears.wrong("only the first bias was kept: the biases of later layers count too")
def first_bias_only(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    bias = wide[0][1]
    for w, _ in wide[1:]:
        bias = w @ bias
    return _as(_weight(wide), bias, layers)


@collapse_linears.wrong(
    "a bias was multiplied by its own layer's weight: it is added after that weight, so only later weights multiply it"
)
def bias_through_its_own(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    bias = torch.zeros_like(wide[0][0][0])
    for w, b in wide:
        bias = w @ bias + (w @ b if w.shape[0] == w.shape[1] else b)
    return _as(_weight(wide), bias, layers)


@collapse_linears.wrong(
    "a bias was multiplied by all weights so far: it already contains the earlier weights; multiply it only by w"
)
def through_all_so_far(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    weight, bias = wide[0]
    for w, b in wide[1:]:
        weight = w @ weight
        bias = weight @ bias + b
    return _as(weight, bias, layers)


@collapse_linears.wrong(
    "the biases were added without the weights: each bias must first pass through the later weights"
)
def biases_added(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    bias = wide[0][1]
    for _, b in wide[1:]:
        bias = bias + b
    return _as(_weight(wide), bias, layers)


@collapse_linears.wrong("only the first and the last layer were used: multiply all layers")
def ends_only(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    wide = [wide[0], wide[-1]] if len(wide) > 1 else wide
    return _as(_weight(wide), _bias(wide), layers)


@collapse_linears.wrong(
    "the weight was computed as f(unit vector) − f(0): with a large bias this difference loses digits"
)
def by_differences(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    n = wide[0][0].shape[1]
    bias = _apply(wide, torch.zeros(n))
    return _as((_apply(wide, torch.eye(n)) - bias).T, bias, layers)


@collapse_linears.wrong("the weight has shape (in, out): it must have shape (out, in), like the weights of the layers")
def transposed(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    return _as(_weight(wide).T, _bias(wide), layers)


@collapse_linears.wrong("the result was rounded after every layer: stay in float32 until the end and round once")
def rounded_each_time(layers: list[Layer]) -> Layer:
    _check(layers)
    weight, bias = layers[0]
    for w, b in layers[1:]:
        weight, bias = w @ weight, w @ bias + b
    return weight, bias


collapse_linears.standard_wrongs("returns_fp32", of="the layers", formula=one_matrix_each)


@collapse_linears.wrong("an empty list fails at layers[0] with an IndexError: the contract asks for ValueError")
def unchecked(layers: list[Layer]) -> Layer:
    wide = _wide(layers)
    return _as(_weight(wide), _bias(wide), layers)


@collapse_linears.wrong("one of the caller's layers was changed: `+=` and `out=` write into the given tensor")
def in_place(layers: list[Layer]) -> Layer:
    _check(layers)
    wide = _wide(layers)
    weight = _weight(wide)
    bias = wide[0][1]
    for w, b in wide[1:]:
        b += w @ bias
        bias = b
    return _as(weight, bias, layers)
