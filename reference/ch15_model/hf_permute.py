"""Row by row: each row is put where the rotation of its pair expects it."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from reference import oracle

Weights = dict[str, Tensor]
Layout = Literal["half", "interleaved"]
Rows = Callable[[int, Layout], list[int]]
HEADS = {"q_proj": "heads", "k_proj": "kv_heads"}


@oracle
def hf_permute(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, to)


def _rows(width: int, to: Layout) -> list[int]:
    """Which row of a head comes first, second, ... in the layout `to`."""
    half = width // 2
    if to == "half":
        return [2 * pair + member for member in (0, 1) for pair in range(half)]
    return [pair + half * member for pair in range(half) for member in (0, 1)]


def _part(name: str) -> str:
    return name.split(".")[-2]


def _check(name: str, t: Tensor, count: int) -> None:
    if len(t) % count or len(t) // count % 2:
        raise ValueError(f"{name} does not split into {count} heads of an even width")


def _moved(
    weights: Weights,
    heads: int,
    kv_heads: int,
    to: Layout,
    parts: tuple[str, ...] = ("q_proj", "k_proj"),
    rows: Rows = _rows,
    only: Callable[[str], bool] = lambda name: True,
    check: bool = True,
    whole: bool = False,
    axis: int = 0,
) -> Weights:
    """The oracle; the later arguments say what a wrong answer does differently."""
    counts = {"q_proj": heads, "k_proj": kv_heads, "v_proj": kv_heads, "o_proj": heads}
    result = dict(weights)
    for name, t in weights.items():
        count = counts.get(_part(name))
        if not count:
            continue
        if check and _part(name) in HEADS:
            _check(name, t, count)
        if _part(name) in parts and only(name):
            along = min(axis, t.dim() - 1)
            pieces = [t] if whole else t.chunk(count, along)
            result[name] = torch.cat(
                [p.index_select(along, torch.tensor(rows(p.shape[along], to))) for p in pieces], along
            )
    return result


def _other(to: Layout) -> Layout:
    return "half" if to == "interleaved" else "interleaved"


@hf_permute.right("with the view and transpose of transformers' script for Llama")
def as_transformers(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    result = dict(weights)
    for name, t in weights.items():
        count = {"q_proj": heads, "k_proj": kv_heads}.get(_part(name))
        if count is None:
            continue
        _check(name, t, count)
        columns = t.numel() // len(t)
        half = len(t) // count // 2
        pairs = (count, half, 2, columns) if to == "half" else (count, 2, half, columns)
        result[name] = t.reshape(pairs).transpose(1, 2).reshape(t.shape)
    return result


@hf_permute.right("with slices of every second row")
def sliced(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    result = {}
    for name, t in weights.items():
        result[name] = t.clone()
        if _part(name) not in HEADS:
            continue
        count = heads if _part(name) == "q_proj" else kv_heads
        _check(name, t, count)
        width = len(t) // count
        for first in range(0, len(t), width):
            near, far = slice(first, first + width // 2), slice(first + width // 2, first + width)
            even, odd = slice(first, first + width, 2), slice(first + 1, first + width, 2)
            if to == "half":
                result[name][near], result[name][far] = t[even], t[odd]
            else:
                result[name][even], result[name][odd] = t[near], t[far]
    return result


@hf_permute.wrong('the direction is wrong: to "half", even rows come first, and to "interleaved" is the way back')
def other_direction(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, _other(to))


@hf_permute.wrong('rows were always moved to "half": `to` says which layout is wanted')
def always_half(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, "half")


@hf_permute.wrong('rows were always moved to "interleaved": `to` says which layout is wanted')
def always_interleaved(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, "interleaved")


@hf_permute.wrong("v_proj was permuted too: RoPE turns queries and keys, and o_proj expects the values as they are")
def values_too(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, to, ("q_proj", "k_proj", "v_proj"))


@hf_permute.wrong("o_proj was permuted too: it reads values, and RoPE does not turn values")
def output_too(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    changed = {name: t for name, t in weights.items() if _part(name) != "o_proj"}
    columns = {name: t.T for name, t in weights.items() if _part(name) == "o_proj"}
    moved = _moved(columns, heads, kv_heads, to, ("o_proj",))
    return {**weights, **_moved(changed, heads, kv_heads, to), **{name: t.T for name, t in moved.items()}}


@hf_permute.wrong("only q_proj was permuted: keys are turned too, and both must pair the same values")
def queries_only(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, to, ("q_proj",))


@hf_permute.wrong("all heads were permuted as one: rows stay within their head")
def across_heads(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, to, whole=True)


@hf_permute.wrong("k_proj was split into `heads` heads: it has `kv_heads`")
def keys_by_query_heads(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    queries = {name: t for name, t in weights.items() if _part(name) != "k_proj"}
    keys = {name: t for name, t in weights.items() if _part(name) == "k_proj"}
    _moved(keys, heads, kv_heads, to)
    return {**weights, **_moved(queries, heads, kv_heads, to), **_moved(keys, heads, heads, to, check=False)}


@hf_permute.wrong("columns were permuted: a weight is (out, in), and the rows make the values of a head")
def columns_permuted(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, to, axis=1, only=lambda name: weights[name].shape[-1] % 2 == 0)


@hf_permute.wrong("biases stayed as they were: a bias of q_proj or k_proj is added to the rows and moves with them")
def biases_left(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, to, only=lambda name: name.endswith("weight"))


@hf_permute.wrong("only layer 0 was permuted: every layer has a q_proj and a k_proj")
def first_layer(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    return _moved(weights, heads, kv_heads, to, only=lambda name: ".layers.0." in name)


@hf_permute.wrong("the halves of a head were swapped: take the rows of each pair apart, even rows and odd rows")
def halves_swapped(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    def rows(width: int, to: Layout) -> list[int]:
        return [*range(width // 2, width), *range(width // 2)]

    return _moved(weights, heads, kv_heads, to, rows=rows)


@hf_permute.wrong("odd rows came first: the first value of a pair stays the first one, or RoPE turns the other way")
def odd_first(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    def rows(width: int, to: Layout) -> list[int]:
        half = width // 2
        if to == "half":
            return [2 * pair + member for member in (1, 0) for pair in range(half)]
        return [pair + half * member for pair in range(half) for member in (1, 0)]

    return _moved(weights, heads, kv_heads, to, rows=rows)


@hf_permute.wrong("only the permuted weights were returned: return all of them")
def others_lost(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    moved = _moved(weights, heads, kv_heads, to)
    return {name: t for name, t in moved.items() if _part(name) in HEADS}


@hf_permute.wrong("heads that do not fit were accepted: raise ValueError if a head would have no even width")
def no_check(weights: Weights, heads: int, kv_heads: int, to: Layout) -> Weights:
    def fits(name: str) -> bool:
        return len(weights[name]) % (2 * (heads if _part(name) == "q_proj" else kv_heads)) == 0

    return _moved(weights, heads, kv_heads, to, only=fits, check=False)
