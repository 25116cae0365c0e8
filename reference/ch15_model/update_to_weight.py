"""Sums of squares, and one root of their quotient."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle

Weights = dict[str, Tensor]
Ratios = dict[str, float]


def _checked(before: Weights, after: Weights) -> None:
    if before.keys() != after.keys() or any(w.shape != after[name].shape for name, w in before.items()):
        raise ValueError("names or shapes differ")


def _wide(w: Tensor) -> Tensor:
    """In the default dtype, which the checks set to float64."""
    return w.reshape(-1).to(torch.get_default_dtype())


@oracle
def update_to_weight(before: Weights, after: Weights) -> Ratios:
    _checked(before, after)
    ratios = {}
    for name, weight in before.items():
        old, new = _wide(weight), _wide(after[name])
        moved, size = ((new - old) ** 2).sum().item(), (old**2).sum().item()
        if size == 0:
            ratios[name] = 0.0 if moved == 0 else math.inf
        else:
            ratios[name] = math.sqrt(moved / size)
    return ratios


def _norm(w: Tensor) -> float:
    return torch.linalg.vector_norm(w.double()).item()


def _quotient(moved: float, size: float) -> float:
    if size == 0:
        return 0.0 if moved == 0 else math.inf
    return moved / size


def _each(before: Weights, after: Weights, ratio: Callable[[Tensor, Tensor], float]) -> Ratios:
    _checked(before, after)
    return {name: ratio(weight, after[name]) for name, weight in before.items()}


def _right(old: Tensor, new: Tensor) -> float:
    return _quotient(_norm(new.double() - old.double()), _norm(old))


@update_to_weight.right("a function for one parameter, and norms of torch.linalg")
def by_norms(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, _right)


@update_to_weight.right("one number at a time, with math.dist")
def by_numbers(before: Weights, after: Weights) -> Ratios:
    def ratio(old: Tensor, new: Tensor) -> float:
        a, b = old.double().flatten().tolist(), new.double().flatten().tolist()
        return _quotient(math.dist(b, a), math.hypot(*a))

    return _each(before, after, ratio)


@update_to_weight.right("root mean squares instead of norms: the number of elements cancels")
def by_means(before: Weights, after: Weights) -> Ratios:
    def ratio(old: Tensor, new: Tensor) -> float:
        if not old.numel():
            return 0.0
        moved, size = (new.double() - old.double()).square().mean(), old.double().square().mean()
        return _quotient(moved.sqrt().item(), size.sqrt().item())

    return _each(before, after, ratio)


@update_to_weight.wrong(
    "the norms were subtracted: a weight that turns keeps its norm; take the norm of the difference"
)
def difference_of_norms(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _quotient(abs(_norm(new) - _norm(old)), _norm(old)))


@update_to_weight.wrong("divided by the weight after the step: the size of the weight before it is asked for")
def over_the_new(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _quotient(_norm(new.double() - old.double()), _norm(new)))


@update_to_weight.wrong("the norm of the new weight was divided by the old one: subtract the old weight first")
def new_over_old(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _quotient(_norm(new), _norm(old)))


@update_to_weight.wrong("the ratio is upside down: the update over the weight, not the weight over the update")
def upside_down(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _quotient(_norm(old), _norm(new.double() - old.double())))


@update_to_weight.wrong("the sizes of the updates were returned: divide each by the size of its weight")
def not_divided(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _norm(new.double() - old.double()))


@update_to_weight.wrong("the roots were left out: these are the squares of the ratios")
def squared(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _right(old, new) ** 2)


@update_to_weight.wrong("the logarithm was returned: the contract asks for the ratio itself")
def logarithm(before: Weights, after: Weights) -> Ratios:
    def ratio(old: Tensor, new: Tensor) -> float:
        own = _right(old, new)
        return math.log10(own) if own else -math.inf

    return _each(before, after, ratio)


@update_to_weight.wrong("each number was divided by its own weight: one number near 0 then decides the mean")
def mean_of_ratios(before: Weights, after: Weights) -> Ratios:
    def ratio(old: Tensor, new: Tensor) -> float:
        if not old.any():
            return _right(old, new)
        return ((new.double() - old.double()) / old.double()).abs().mean().item()

    return _each(before, after, ratio)


@update_to_weight.wrong("the largest change was divided by the largest weight: the size is the norm")
def by_the_largest(before: Weights, after: Weights) -> Ratios:
    def ratio(old: Tensor, new: Tensor) -> float:
        if not old.numel():
            return 0.0
        return _quotient((new.double() - old.double()).abs().max().item(), old.double().abs().max().item())

    return _each(before, after, ratio)


@update_to_weight.wrong("standard deviations were taken: they are 0 for a gain whose numbers are all 1; take norms")
def by_std(before: Weights, after: Weights) -> Ratios:
    def ratio(old: Tensor, new: Tensor) -> float:
        if not old.numel():
            return 0.0
        moved = (new.double() - old.double()).std(correction=0).item()
        return _quotient(moved, old.double().std(correction=0).item())

    return _each(before, after, ratio)


@update_to_weight.wrong("computed in the dtype of the weights: bf16 keeps 8 bits of the difference and of the norms")
def in_their_dtype(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _quotient((new - old).norm().item(), old.norm().item()))


@update_to_weight.wrong(
    "0 / 0 gave NaN for a weight of zeros: the ratio is 0.0 if it did not change, and inf if it did"
)
def nan_for_zeros(before: Weights, after: Weights) -> Ratios:
    def ratio(old: Tensor, new: Tensor) -> float:
        return (torch.tensor(_norm(new.double() - old.double())) / _norm(old)).item() if old.numel() else 0.0

    return _each(before, after, ratio)


@update_to_weight.wrong(
    "a weight of zeros raised ZeroDivisionError: the ratio is 0.0 if it did not change, and inf if it did"
)
def divides_by_zero(before: Weights, after: Weights) -> Ratios:
    return _each(
        before, after, lambda old, new: _norm(new.double() - old.double()) / _norm(old) if old.numel() else 0.0
    )


@update_to_weight.wrong("a weight of zeros always got 0.0: if the step changed it, the ratio is inf")
def zero_for_zeros(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _right(old, new) if old.any() else 0.0)


@update_to_weight.wrong("a weight of zeros always got inf: if the step did not change it, the ratio is 0.0")
def inf_for_zeros(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: math.inf if old.numel() and not old.any() else _right(old, new))


@update_to_weight.wrong("an eps was added below: then a weight of zeros gets a huge number instead of inf")
def with_eps(before: Weights, after: Weights) -> Ratios:
    return _each(before, after, lambda old, new: _norm(new.double() - old.double()) / (_norm(old) + 1e-8))


@update_to_weight.wrong("weights of zeros were left out: every parameter gets a ratio")
def without_zeros(before: Weights, after: Weights) -> Ratios:
    _checked(before, after)
    return {name: _right(weight, after[name]) for name, weight in before.items() if weight.any()}


@update_to_weight.wrong("names were not compared: a parameter that is missing on one side is a ValueError")
def any_names(before: Weights, after: Weights) -> Ratios:
    names = [name for name in before if name in after]
    return _each({name: before[name] for name in names}, {name: after[name] for name in names}, _right)


@update_to_weight.wrong("shapes were not compared: broadcasting then subtracts weights that do not belong together")
def any_shapes(before: Weights, after: Weights) -> Ratios:
    if before.keys() != after.keys():
        raise ValueError("names differ")
    return {name: _right(weight, after[name]) for name, weight in before.items()}


@update_to_weight.wrong("one ratio for all parameters: return one for each")
def one_for_all(before: Weights, after: Weights) -> float:
    _checked(before, after)
    moved = math.hypot(*[_norm(after[name].double() - weight.double()) for name, weight in before.items()])
    return _quotient(moved, math.hypot(*map(_norm, before.values())))
