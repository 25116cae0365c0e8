"""The plain frequencies, each divided by its own share of the factor: none for the first pair, all for the last."""

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


@rope_ntk.wrong("all frequencies divided by the factor: that is position interpolation, which slows the fast pairs too")
def interpolated(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base) / factor


@rope_ntk.wrong("base · factor without the exponent: the last pair is then not quite `factor` times slower")
def no_exponent(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor)


@rope_ntk.wrong("exponent (width − 2) / width: upside down")
def exponent_inverted(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor ** ((width - 2) / width))


@rope_ntk.wrong("the exponent on base and factor together: only the factor is raised")
def both_raised(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, (base * factor) ** (width / (width - 2)))


@rope_ntk.wrong("the base divided: the pairs then turn faster, and the context shrinks")
def divided(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base / factor ** (width / (width - 2)))


@rope_ntk.wrong("the base left as it was")
def unchanged(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base)


@rope_ntk.wrong("exponent pairs / (pairs − 2), with pairs = width / 2: the exponent is width / (width − 2)")
def by_pairs(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor ** (width / 2 / max(1, width / 2 - 2)))


@rope_ntk.wrong("power −i / width: pairs are two numbers wide, so pair i has −2i / width")
def half_power(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor ** (width / (width - 2))).sqrt()


@rope_ntk.wrong("every frequency twice, as wide as the head: one a pair is asked for")
def doubled(width: int, base: float, factor: float) -> Tensor:
    plain = rope_ntk.fn(width, base, factor)
    return torch.cat([plain, plain])


@rope_ntk.wrong("a width of 2 not refused: width − 2 is 0; raise ValueError")
def narrow(width: int, base: float, factor: float) -> Tensor:
    if width % 2 or factor < 1:
        raise ValueError("an even width, a factor from 1 on")
    return _frequencies(width, base * factor ** (width / (width - 2)))


@rope_ntk.wrong("a factor below 1 accepted: it would shrink the context; raise ValueError")
def shrinks(width: int, base: float, factor: float) -> Tensor:
    if width % 2 or width < 4:
        raise ValueError("an even width from 4 on")
    return _frequencies(width, base * factor ** (width / (width - 2)))


@rope_ntk.wrong("an odd width accepted: one number is left without a partner; raise ValueError")
def odd(width: int, base: float, factor: float) -> Tensor:
    if width < 4 or factor < 1:
        raise ValueError("a width from 4 on, a factor from 1 on")
    return _frequencies(width, base * factor ** (width / (width - 2)))


@rope_ntk.wrong("returned in float64: the frequencies are asked for in float32")
def in_float64(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    base = base * factor ** (width / (width - 2))
    return torch.tensor([base ** (-i / width) for i in range(0, width, 2)], dtype=torch.float64)


@rope_ntk.wrong("the exponent rounded down to an integer, width // (width − 2): divide with /")
def whole_exponent(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, base * factor ** (width // (width - 2)))


@rope_ntk.wrong("the new base rounded to an integer: it need not be one")
def whole_base(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return _frequencies(width, int(base * factor ** (width / (width - 2))))


@rope_ntk.wrong("a positive power: that is the period of a pair, not its frequency")
def periods(width: int, base: float, factor: float) -> Tensor:
    _check(width, factor)
    return 1 / _frequencies(width, base * factor ** (width / (width - 2)))
