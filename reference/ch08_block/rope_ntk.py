"""Divides each plain frequency by its share of the factor: by 1 for the first pair, by the factor for the last."""

import math

import torch
from torch import Tensor

from reference import oracle


@oracle
def rope_ntk(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    pairs = width // 2
    dtype = torch.get_default_dtype()
    plain = torch.exp(-torch.tensor([i / pairs for i in range(pairs)], dtype=dtype) * math.log(base))
    return plain / torch.exp(torch.tensor([i / (pairs - 1) for i in range(pairs)], dtype=dtype) * math.log(factor))


def _check(width: int, factor: float) -> None:
    if width % 2 or width < 4 or factor < 1:
        raise ValueError("an even width from 4 on, a factor from 1 on")


def _frequencies(width: int, base: float) -> Tensor:
    return base ** -(torch.arange(0, width, 2).float() / width)


@rope_ntk.right("1 / base^(2i/width), pair by pair in Python's floats")
def python_floats(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    base = base * factor ** (width / (width - 2))
    return torch.tensor([1 / base ** (i / width) for i in range(0, width, 2)])


@rope_ntk.wrong(
    "all frequencies were divided by the factor: that is position interpolation, which slows fast pairs too"
)
def interpolated(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base) / factor


@rope_ntk.wrong(
    "the new base is base · factor, without the exponent: the last pair is then less than `factor` times slower"
)
def no_exponent(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor)


@rope_ntk.wrong("the exponent is (width − 2) / width: it must be width / (width − 2)")
def exponent_inverted(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor ** ((width - 2) / width))


@rope_ntk.wrong("base and factor were both raised to the power: raise only the factor")
def both_raised(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, (base * factor) ** (width / (width - 2)))


@rope_ntk.wrong("the base was divided: the pairs then turn faster, and the context shrinks")
def divided(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base / factor ** (width / (width - 2)))


@rope_ntk.wrong("the base was not changed")
def unchanged(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base)


@rope_ntk.wrong("the exponent uses the number of pairs, width / 2: it must be width / (width − 2)")
def by_pairs(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor ** (width / 2 / max(1, width / 2 - 2)))


@rope_ntk.wrong("the power is −i / width: pair i has −2i / width, since a pair has two values")
def half_power(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor ** (width / (width - 2))).sqrt()


@rope_ntk.wrong("every frequency comes twice, as wide as the head: return one for each pair")
def doubled(width: int, base: float, factor: float) -> Tensor:
    plain = rope_ntk.fn(width, base, factor)
    return torch.cat([plain, plain])


@rope_ntk.wrong("a width of 2 is accepted: width − 2 is 0; raise ValueError")
def narrow(width: int, base: float, factor: float) -> Tensor:
    if width % 2 or factor < 1:
        raise ValueError("an even width, a factor from 1 on")
    return _frequencies(width, base * factor ** (width / (width - 2)))


@rope_ntk.wrong("a factor below 1 is accepted: it would shrink the context; raise ValueError")
def shrinks(width: int, base: float, factor: float) -> Tensor:
    if width % 2 or width < 4:
        raise ValueError("an even width from 4 on")
    return _frequencies(width, base * factor ** (width / (width - 2)))


@rope_ntk.wrong("an odd width is accepted: one value has no partner; raise ValueError")
def odd(width: int, base: float, factor: float) -> Tensor:
    if width < 4 or factor < 1:
        raise ValueError("a width from 4 on, a factor from 1 on")
    return _frequencies(width, base * factor ** (width / (width - 2)))


@rope_ntk.wrong("the result is float64: the frequencies must be float32")
def in_float64(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    base = base * factor ** (width / (width - 2))
    return torch.tensor([base ** (-i / width) for i in range(0, width, 2)], dtype=torch.float64)


@rope_ntk.wrong("the exponent was rounded down, width // (width − 2): divide with /")
def whole_exponent(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor ** (width // (width - 2)))


@rope_ntk.wrong("the new base was rounded to an integer: keep its fraction")
def whole_base(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, int(base * factor ** (width / (width - 2))))


@rope_ntk.wrong("the power is positive: this gives the period of a pair, not its frequency")
def periods(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return 1 / _frequencies(width, base * factor ** (width / (width - 2)))
