"""Random numbers of triton.language: the counter-based generator Philox 4x32, ten rounds.

The source: Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", 2011.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from grader.kernels.tiles import arithmetic, functions
from grader.kernels.tiles.casts import bitcast, cast, to_tile
from grader.kernels.tiles.dtypes import FP32, I32, U32, U64
from grader.kernels.tiles.findings import Refused
from grader.kernels.tiles.functions import upper_half
from grader.kernels.tiles.tile import Tile, as_rank, defined_in

ROUNDS = 10
KEYS = 0x9E3779B9, 0xBB67AE85
FACTORS = 0xD2511F53, 0xCD9E8D57
SCALE = np.float32(4.6566127342e-10)  # the largest float for which every scaled i32 is below 1


def randint4x(seed: Any, offset: Any, n_rounds: Any = ROUNDS) -> tuple[Tile, Tile, Tile, Tile]:
    """Four tiles of random u32, one for each number in `offset`."""
    if not isinstance(offset, Tile) or not offset.dtype.is_int:
        raise Refused("tl.rand and similar functions take a seed and a tile of whole numbers")
    key = to_tile(seed)
    if not key.dtype.is_int:
        raise Refused("the seed of tl.rand must be a whole number")
    if type(n_rounds) is not int or not 0 <= n_rounds <= 64:
        raise Refused("n_rounds must be a small number that is known at compile time")
    wide = as_rank(cast(key, U64).data, len(offset.shape))
    k0, k1 = (wide & np.uint64(0xFFFFFFFF)).astype(np.uint32), (wide >> np.uint64(32)).astype(np.uint32)
    c0 = cast(offset, U32).data
    high = (offset.data >> 32).astype(np.uint32) if offset.dtype.bits > 32 else np.zeros_like(c0)
    c = [c0, high, np.zeros_like(c0), np.zeros_like(c0)]
    a, b = (np.asarray(f, np.uint32) for f in FACTORS)
    for _ in range(n_rounds):
        old0, old2 = c[0], c[2]
        c[0] = upper_half(b, old2, U32) ^ c[1] ^ k0
        c[2] = upper_half(a, old0, U32) ^ c[3] ^ k1
        c[1], c[3] = b * old2, a * old0
        k0, k1 = k0 + np.uint32(KEYS[0]), k1 + np.uint32(KEYS[1])
    shape = np.broadcast_shapes(*(x.shape for x in c))
    defined, origin = defined_in(offset, key, rank=len(offset.shape))
    tiles = [Tile(np.broadcast_to(x, shape), U32, defined, origin) for x in c]
    return tiles[0], tiles[1], tiles[2], tiles[3]


def randint(seed: Any, offset: Any, n_rounds: Any = ROUNDS) -> Tile:
    """Random u32."""
    return randint4x(seed, offset, n_rounds)[0]


def _uniform(x: Tile) -> Tile:
    signed = bitcast(x, I32)
    positive = np.where(signed.data < 0, ~signed.data, signed.data)
    return signed.with_data(positive.astype(np.float32) * SCALE, FP32)


def rand4x(seed: Any, offset: Any, n_rounds: Any = ROUNDS) -> tuple[Tile, ...]:
    """Four tiles of fp32 from 0 up to 1."""
    return tuple(_uniform(x) for x in randint4x(seed, offset, n_rounds))


def rand(seed: Any, offset: Any, n_rounds: Any = ROUNDS) -> Tile:
    """Uniform fp32 from 0 up to 1."""
    return rand4x(seed, offset, n_rounds)[0]


def _normal(u: Tile, v: Tile) -> tuple[Tile, Tile]:
    """Two normal numbers from two uniform ones, by Box and Muller."""
    angle = arithmetic.multiply(2 * math.pi, v)
    radius = functions.sqrt(arithmetic.multiply(-2.0, functions.log(arithmetic.maximum(1e-7, u))))
    return arithmetic.multiply(radius, functions.cos(angle)), arithmetic.multiply(radius, functions.sin(angle))


def randn4x(seed: Any, offset: Any, n_rounds: Any = ROUNDS) -> tuple[Tile, ...]:
    """Four tiles of normal fp32."""
    a, b, c, d = rand4x(seed, offset, n_rounds)
    return (*_normal(a, b), *_normal(c, d))


def randn(seed: Any, offset: Any, n_rounds: Any = ROUNDS) -> Tile:
    """Normal fp32."""
    return randn4x(seed, offset, n_rounds)[0]
