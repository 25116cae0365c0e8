"""In bits: bits per weight times weights, and a cache of 16-bit numbers."""

from fractions import Fraction
from typing import Any

from reference import oracle

Tensors = list[tuple[int, str]]
BITS = {"F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.5625, "Q4_K": 4.5, "Q4_0": 4.5}
BLOCK = {"Q8_0": 32, "Q4_0": 32, "Q6_K": 256, "Q4_K": 256}


def _weights(tensors: Tensors, bits: dict[str, float] = BITS) -> int:
    total = Fraction(0)
    for count, name in tensors:
        if count % BLOCK.get(name, 1) != 0:
            raise ValueError("not a whole number of blocks")
        total += count * Fraction(bits[name]) / 8
    return int(total)


def _cache(layers: int, kv_heads: int, head_dim: int, tokens: int, sequences: int) -> int:
    per_token = sum(16 * head_dim for _ in ("key", "value") for _ in range(kv_heads)) * layers // 8
    return per_token * tokens * sequences


def _sum(weights: int, cache: int) -> dict[str, int]:
    return {"weights": weights, "cache": cache, "total": weights + cache}


@oracle
def model_bytes(
    tensors: Tensors, layers: int, kv_heads: int, head_dim: int, tokens: int, sequences: int
) -> dict[str, int]:
    return _sum(_weights(tensors), _cache(layers, kv_heads, head_dim, tokens, sequences))


@model_bytes.right("blocks counted with divmod")
def by_divmod(tensors: Tensors, *cache: int) -> dict[str, int]:
    size = {"F32": 4, "F16": 2, "BF16": 2, "Q8_0": 34, "Q6_K": 210, "Q4_K": 144, "Q4_0": 18}
    total = 0
    for count, name in tensors:
        blocks, rest = divmod(count, BLOCK.get(name, 1))
        if rest:
            raise ValueError("a rest")
        total += blocks * size[name]
    return _sum(total, _cache(*cache))


@model_bytes.wrong("the bits were taken from the format's name: Q4_K has 4.5 bits and Q6_K has 6.5625")
def name_for_bits(tensors: Tensors, *cache: int) -> dict[str, int]:
    flat = BITS | {"Q8_0": 8.0, "Q6_K": 6.0, "Q4_K": 4.0, "Q4_0": 4.0}
    return _sum(_weights(tensors, flat), _cache(*cache))


@model_bytes.wrong("only the keys were counted: the cache holds keys and values")
def keys_alone(tensors: Tensors, *cache: int) -> dict[str, int]:
    return _sum(_weights(tensors), _cache(*cache) // 2)


@model_bytes.wrong("the cache shrinks with the weights: it stays in fp16 in every format")
def cache_quantized(tensors: Tensors, *cache: int) -> dict[str, int]:
    weights = _weights(tensors)
    bits = max((BITS[name] for count, name in tensors if count == max(tensors)[0]), default=16.0)
    return _sum(weights, int(_cache(*cache) * bits / 16))


@model_bytes.wrong("the cache of one sequence was counted: each sequence has its own")
def one_sequence(
    tensors: Tensors, layers: int, kv_heads: int, head_dim: int, tokens: int, sequences: int
) -> dict[str, int]:
    return _sum(_weights(tensors), _cache(layers, kv_heads, head_dim, tokens, 1))


@model_bytes.wrong("the cache of one layer was counted: each layer has its own")
def one_layer(
    tensors: Tensors, layers: int, kv_heads: int, head_dim: int, tokens: int, sequences: int
) -> dict[str, int]:
    return _sum(_weights(tensors), _cache(1, kv_heads, head_dim, tokens, sequences))


@model_bytes.wrong("the weights were counted once per sequence: all sequences share them")
def weights_per_sequence(
    tensors: Tensors, layers: int, kv_heads: int, head_dim: int, tokens: int, sequences: int
) -> dict[str, int]:
    return _sum(_weights(tensors) * sequences, _cache(layers, kv_heads, head_dim, tokens, sequences))


@model_bytes.wrong("the result is in bits: divide by 8 for bytes")
def in_bits(tensors: Tensors, *cache: int) -> dict[str, int]:
    return _sum(8 * _weights(tensors), 8 * _cache(*cache))


@model_bytes.wrong("the total leaves out the cache: add it to the weights")
def without_cache(tensors: Tensors, *cache: int) -> dict[str, int]:
    return _sum(_weights(tensors), _cache(*cache)) | {"total": _weights(tensors)}


@model_bytes.wrong("every tensor was counted as fp16: use its own format")
def all_fp16(tensors: Tensors, *cache: int) -> dict[str, int]:
    _weights(tensors)
    return _sum(sum(2 * count for count, _ in tensors), _cache(*cache))


@model_bytes.wrong("the first tensor's format was used for all tensors: each tensor has its own format")
def first_format(tensors: Tensors, *cache: int) -> dict[str, int]:
    _weights(tensors)
    bits = [BITS[name] for _, name in tensors[:1]]
    return _sum(int(sum(count for count, _ in tensors) * sum(bits) / 8), _cache(*cache))


@model_bytes.wrong("the weights of a format were added before the division: a block lies within one tensor")
def blocks_across_tensors(tensors: Tensors, *cache: int) -> dict[str, int]:
    counts: dict[str, int] = {}
    for count, name in tensors:
        counts[name] = counts.get(name, 0) + count
    return _sum(_weights([(count, name) for name, count in counts.items()]), _cache(*cache))


@model_bytes.wrong("an incomplete block was rounded up to a whole one: raise ValueError")
def rounds_up(tensors: Tensors, *cache: int) -> dict[str, int]:
    whole: Any = [(-(-count // BLOCK.get(name, 1)) * BLOCK.get(name, 1), name) for count, name in tensors]
    return _sum(_weights(whole), _cache(*cache))


@model_bytes.wrong("the cache was counted in fp32: it is in fp16, two bytes per number")
def cache_in_fp32(tensors: Tensors, *cache: int) -> dict[str, int]:
    return _sum(_weights(tensors), 2 * _cache(*cache))


@model_bytes.wrong("the bytes of the weights are a float because of `/`: use `//` to keep an int")
def float_weights(tensors: Tensors, *cache: int) -> dict[str, int]:
    weights: Any = float(_weights(tensors)) if tensors else 0
    return _sum(weights, _cache(*cache))


@model_bytes.wrong("the total has the cache of one sequence: add the caches of all sequences")
def total_of_one_sequence(
    tensors: Tensors, layers: int, kv_heads: int, head_dim: int, tokens: int, sequences: int
) -> dict[str, int]:
    weights, one = _weights(tensors), _cache(layers, kv_heads, head_dim, tokens, 1)
    return {"weights": weights, "cache": one * sequences, "total": weights + one}


@model_bytes.wrong("an incomplete block was dropped: raise ValueError")
def rounds_down(tensors: Tensors, *cache: int) -> dict[str, int]:
    whole: Any = [(count - count % BLOCK.get(name, 1), name) for count, name in tensors]
    return _sum(_weights(whole), _cache(*cache))
