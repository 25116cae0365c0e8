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


@rope_angles.wrong("positions count from 0 again although there is a cache: add `start`")
def restarts(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, 0, base ** -_exponents(width))


@rope_angles.wrong("positions from 1: the first token stands at 0 and is not turned")
def from_one(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start + 1, base ** -_exponents(width))


@rope_angles.wrong("exponent −i / width: pairs advance by 2, the exponent is −2i / width")
def half_exponent(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** (-_exponents(width) / 2))


@rope_angles.wrong("a positive exponent: that is the period of a pair, not its frequency")
def periods(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** _exponents(width))


@rope_angles.wrong("base and exponent exchanged: it is base to the power of −2i / width")
def exchanged(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, _exponents(width) ** base)


@rope_angles.wrong("exponents that reach −1 at the last pair: they stop at −(width − 2) / width")
def reaches_one(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** -torch.linspace(0, 1, width // 2))


@rope_angles.wrong("frequencies evenly spaced from 1 to 1 / base: they fall by the same factor, not by the same step")
def linear(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, 1 - _exponents(width) * (1 - 1 / base))


@rope_angles.wrong("every angle twice, as wide as the head: one angle a pair is asked for")
def doubled(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    angles = _table(n, start, base ** -_exponents(width))
    return torch.cat([angles, angles], -1)


@rope_angles.wrong("pairs by positions: a row for each position is asked for")
def turned(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** -_exponents(width)).T


@rope_angles.wrong("positions in bf16: it has 8 significant bits, so from 256 on neighbours share a position")
def bf16_positions(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    positions = torch.arange(start, start + n).bfloat16().float()
    return torch.outer(positions, base ** -_exponents(width))


@rope_angles.wrong("frequencies in bf16: at position 4,000 an error of 0.2 % is several radians")
def bf16_frequencies(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, (base ** -_exponents(width)).bfloat16())


@rope_angles.wrong("the base ignored: 10000 is only the default, Llama-3 has 500,000")
def fixed_base(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, 10000.0 ** -_exponents(width))


@rope_angles.wrong("reduced to one turn: cos and sin do that, and angles are asked for")
def reduced(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return _table(n, start, base ** -_exponents(width)) % (2 * math.pi)


@rope_angles.wrong("in degrees: cos and sin take radians")
def degrees(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return torch.rad2deg(_table(n, start, base ** -_exponents(width)))


@rope_angles.wrong("an odd width accepted: one number is left without a partner, raise ValueError")
def odd_width(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    return _table(n, start, base ** -_exponents(width))


@rope_angles.wrong("returned in float64: the angles are asked for in float32")
def in_float64(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    frequencies = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    return torch.outer(torch.arange(start, start + n, dtype=torch.float64), frequencies)


@rope_angles.wrong("positions from `start` to n: there are n of them, start to start + n − 1")
def ends_at_n(n: int, width: int, base: float = 10000.0, start: int = 0) -> Tensor:
    _check(width)
    return torch.outer(torch.arange(start, max(start, n)).float(), base ** -_exponents(width))
