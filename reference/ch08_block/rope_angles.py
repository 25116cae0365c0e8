import math

import torch
from torch import Tensor

from reference import oracle


@oracle
def rope_angles(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    if width % 2:
        raise ValueError("the width must be even")
    dtype = torch.get_default_dtype()
    exponents = torch.tensor([2 * i / width for i in range(width // 2)], dtype=dtype)
    positions = torch.tensor([start + p for p in range(n)], dtype=dtype)
    return positions.unsqueeze(1) * torch.exp(-exponents * math.log(base))


@rope_angles.right("as transformers writes it: 1 / base^(2i/width), position by position")
def by_rows(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    frequencies = 1.0 / (base ** (torch.arange(0, width, 2, dtype=torch.float32) / width))
    rows = [(start + p) * frequencies for p in range(n)]
    return torch.stack(rows) if rows else torch.zeros(0, width // 2)


@rope_angles.right("frequencies in Python's floats")
def python_floats(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    table = [[p * base ** (-2 * i / width) for i in range(width // 2)] for p in range(start, start + n)]
    return torch.tensor(table, dtype=torch.float32).reshape(n, width // 2)


def _check(width: int) -> None:
    if width % 2:
        raise ValueError("the width must be even")


def _table(n: int, start: int, frequencies: Tensor) -> Tensor:
    return torch.outer(torch.arange(start, start + n).float(), frequencies.float())


def _exponents(width: int) -> Tensor:
    return torch.arange(0, width, 2).float() / width


@rope_angles.wrong("the positions count from 0 although there is a cache: add `start`")
def restarts(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, 0, base ** -_exponents(width))


@rope_angles.wrong("the positions start at 1: the first token stands at 0 and is not turned")
def from_one(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start + 1, base ** -_exponents(width))


@rope_angles.wrong("the exponent is −i / width: it must be −2i / width, since a pair has two values")
def half_exponent(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** (-_exponents(width) / 2))


@rope_angles.wrong("the exponent is positive: this gives the period of a pair, not its frequency")
def periods(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** _exponents(width))


@rope_angles.wrong("base and exponent are swapped: compute base to the power of −2i / width")
def exchanged(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, _exponents(width) ** base)


@rope_angles.wrong("the exponents reach −1 at the last pair: the last exponent is −(width − 2) / width")
def reaches_one(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** -torch.linspace(0, 1, width // 2))


@rope_angles.wrong("the frequencies are evenly spaced: they fall by the same factor, not by the same step")
def linear(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, 1 - _exponents(width) * (1 - 1 / base))


@rope_angles.wrong("every angle comes twice, as wide as the head: return one angle for each pair")
def doubled(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    angles = _table(n, start, base ** -_exponents(width))
    return torch.cat([angles, angles], -1)


@rope_angles.wrong("rows are pairs and columns positions: return a row for each position")
def turned(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** -_exponents(width)).T


@rope_angles.wrong("the positions are in bf16: it has 8 significant bits, so from 256 on neighbors share a position")
def bf16_positions(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    positions = torch.arange(start, start + n).bfloat16().float()
    return torch.outer(positions, base ** -_exponents(width))


@rope_angles.wrong("the frequencies are in bf16: at position 4,000 an error of 0.2 % is several radians")
def bf16_frequencies(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, (base ** -_exponents(width)).bfloat16())


@rope_angles.wrong("the base was ignored: 10000 is only the default, and Llama-3 has 500,000")
def fixed_base(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, 10000.0 ** -_exponents(width))


@rope_angles.wrong("the angles were reduced to one turn: return them as they are")
def reduced(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** -_exponents(width)) % (2 * math.pi)


@rope_angles.wrong("the angles are in degrees: cos and sin take radians")
def degrees(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return torch.rad2deg(_table(n, start, base ** -_exponents(width)))


@rope_angles.wrong("an odd width is accepted: one value has no partner; raise ValueError")
def odd_width(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    return _table(n, start, base ** -_exponents(width))


@rope_angles.wrong("the result is float64: the angles must be float32")
def in_float64(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    frequencies = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.outer(torch.arange(start, start + n, dtype=torch.float64), frequencies)


@rope_angles.wrong("the positions end at n: there are n of them, from start to start + n − 1")
def ends_at_n(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return torch.outer(torch.arange(start, max(start, n)).float(), base ** -_exponents(width))
