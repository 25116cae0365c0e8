"""One long vector for each layer, and one for all."""

import math
import re
from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle

Grads = dict[str, Tensor | None]
Norms = tuple[dict[str, float], float]


def _layer(name: str) -> str:
    found = re.match(r".*?\blayers\.\d+", name)
    return found[0] if found else ".".join(name.split(".")[:-1])


def _flat(grads: list[Tensor | None]) -> Tensor:
    """In the default dtype, which the checks set to float64."""
    parts = [g.reshape(-1).to(torch.get_default_dtype()) for g in grads if g is not None]
    return torch.cat([torch.zeros(1), *parts])


@oracle
def gradient_norms(grads: Grads) -> Norms:
    layers = dict.fromkeys(map(_layer, grads))
    vectors = {layer: _flat([g for name, g in grads.items() if _layer(name) == layer]) for layer in layers}
    norms = {layer: torch.linalg.vector_norm(vector).item() for layer, vector in vectors.items()}
    return norms, torch.linalg.vector_norm(_flat(list(grads.values()))).item()


def _square(grad: Tensor | None) -> float:
    return 0.0 if grad is None else grad.double().square().sum().item()


def _by_layer(grads: Grads, layer: Callable[[str], str]) -> dict[str, float]:
    """The sum of squares of each layer."""
    squares: dict[str, float] = {}
    for name, grad in grads.items():
        squares[layer(name)] = squares.get(layer(name), 0.0) + _square(grad)
    return squares


def _roots(squares: dict[str, float]) -> dict[str, float]:
    return {layer: math.sqrt(square) for layer, square in squares.items()}


def _norms(grads: Grads, layer: Callable[[str], str] = _layer) -> Norms:
    squares = _by_layer(grads, layer)
    return _roots(squares), math.sqrt(sum(squares.values()))


@gradient_norms.right("sums of squares by layer, and their sum")
def by_squares(grads: Grads) -> Norms:
    return _norms(grads)


@gradient_norms.right("the norm of the norms of the tensors")
def norm_of_norms(grads: Grads) -> Norms:
    own = {name: 0.0 if g is None else torch.linalg.vector_norm(g.double()).item() for name, g in grads.items()}
    layers: dict[str, list[float]] = {}
    for name, norm in own.items():
        layers.setdefault(_layer(name), []).append(norm)
    norms = {layer: torch.tensor(parts).double().norm().item() for layer, parts in layers.items()}
    return norms, torch.tensor(list(own.values())).double().norm().item()


@gradient_norms.right("the parts of the name are walked up to the number after layers")
def by_parts(grads: Grads) -> Norms:
    def layer(name: str) -> str:
        parts = name.split(".")
        return ".".join(parts[: parts.index("layers") + 2] if "layers" in parts else parts[:-1])

    return _norms(grads, layer)


# What a layer is


@gradient_norms.wrong("each parameter got a norm of its own: add up the squares of all parameters of a layer")
def by_parameter(grads: Grads) -> Norms:
    return _norms(grads, lambda name: name)


@gradient_norms.wrong("each module got a norm of its own: all modules of a layer belong together")
def by_module(grads: Grads) -> Norms:
    return _norms(grads, lambda name: name.rpartition(".")[0])


@gradient_norms.wrong("only the first digit of the number was read: layers 1 and 10 to 19 got one norm")
def first_digit(grads: Grads) -> Norms:
    def layer(name: str) -> str:
        found = re.match(r".*?\blayers\.\d", name)
        return found[0] if found else name.rpartition(".")[0]

    return _norms(grads, layer)


@gradient_norms.wrong("the number alone is the name of a layer: it is the whole name up to the number")
def number_alone(grads: Grads) -> Norms:
    return _norms(grads, lambda name: _layer(name).rpartition("layers.")[2])


@gradient_norms.wrong("embedding, final norm and head kept `.weight` in their names: cut off the last part")
def keeps_weight(grads: Grads) -> Norms:
    return _norms(grads, lambda name: _layer(name) if "layers." in name else name)


@gradient_norms.wrong("embedding, final norm and head were left out: they have gradients, too")
def layers_alone(grads: Grads) -> Norms:
    return _norms({name: grad for name, grad in grads.items() if "layers." in name})


@gradient_norms.wrong("all that is in no layer got one norm: embedding, final norm and head are three")
def one_for_the_rest(grads: Grads) -> Norms:
    return _norms(grads, lambda name: _layer(name) if "layers." in name else "model")


# What a norm is


@gradient_norms.wrong("the norms of the tensors were added up: add their squares and take the root of the sum")
def sum_of_norms(grads: Grads) -> Norms:
    norms: dict[str, float] = {}
    for name, grad in grads.items():
        norms[_layer(name)] = norms.get(_layer(name), 0.0) + math.sqrt(_square(grad))
    return norms, sum(norms.values())


@gradient_norms.wrong("the norms of the layers were added up for the norm of all: add their squares and take the root")
def total_of_norms(grads: Grads) -> Norms:
    norms = _roots(_by_layer(grads, _layer))
    return norms, sum(norms.values())


@gradient_norms.wrong("the norm of all is the largest of the layers: it is the root of the sum of all squares")
def largest(grads: Grads) -> Norms:
    norms = _roots(_by_layer(grads, _layer))
    return norms, max(norms.values(), default=0.0)


@gradient_norms.wrong("the roots were left out: these are squares of norms")
def no_root(grads: Grads) -> Norms:
    squares = _by_layer(grads, _layer)
    return squares, sum(squares.values())


@gradient_norms.wrong("squares were averaged over the layer's numbers: a norm takes their sum")
def root_mean_square(grads: Grads) -> Norms:
    squares, sizes = _by_layer(grads, _layer), dict[str, int]()
    for name, grad in grads.items():
        sizes[_layer(name)] = sizes.get(_layer(name), 0) + (0 if grad is None else grad.numel())
    means = {layer: square / max(sizes[layer], 1) for layer, square in squares.items()}
    return _roots(means), math.sqrt(sum(squares.values()) / max(sum(sizes.values()), 1))


@gradient_norms.wrong("the largest absolute value was returned: the norm is the root of the sum of the squares")
def largest_value(grads: Grads) -> Norms:
    norms: dict[str, float] = {}
    for name, grad in grads.items():
        own = 0.0 if grad is None or not grad.numel() else grad.double().abs().max().item()
        norms[_layer(name)] = max(norms.get(_layer(name), 0.0), own)
    return norms, max(norms.values(), default=0.0)


@gradient_norms.wrong("the squares were computed in the gradient's own dtype: in fp16 they overflow above 255")
def in_its_dtype(grads: Grads) -> Norms:
    return _norms({name: grad if grad is None else grad.square().sum().double().sqrt() for name, grad in grads.items()})


@gradient_norms.wrong("the squares were computed in float32, where the square of 1e-25 is 0: add them up in float64")
def in_float32(grads: Grads) -> Norms:
    return _norms(
        {name: grad if grad is None else grad.float().square().sum().double().sqrt() for name, grad in grads.items()}
    )


# What is not there, or not finite


@gradient_norms.wrong("a parameter without a gradient was left out: its layer has the norm 0, which you want to see")
def without_none(grads: Grads) -> Norms:
    return _norms({name: grad for name, grad in grads.items() if grad is not None})


@gradient_norms.wrong("NaN was replaced by 0: a layer with NaN must show it")
def hides_nan(grads: Grads) -> Norms:
    return _norms({name: grad if grad is None else grad.nan_to_num(0.0, math.inf) for name, grad in grads.items()})


@gradient_norms.wrong("inf and NaN raised an error: return them as the norm of their layer")
def raises(grads: Grads) -> Norms:
    norms, total = _norms(grads)
    if not math.isfinite(total):
        raise ValueError("not finite")
    return norms, total


@gradient_norms.wrong("the norm of all is missing: return it beside the norms of the layers")
def no_total(grads: Grads) -> dict[str, float]:
    return _norms(grads)[0]


@gradient_norms.wrong("the norm of all stands in the dict: return it as the second value")
def total_inside(grads: Grads) -> dict[str, float]:
    norms, total = _norms(grads)
    return {**norms, "total": total}
