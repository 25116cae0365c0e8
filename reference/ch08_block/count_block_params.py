"""Counts shape by shape, as in a checkpoint."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from reference import oracle

Config = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
FFN = ("gate_proj", "up_proj", "down_proj")
NORMS = ("input_layernorm", "post_attention_layernorm")


def _shapes(config: Config) -> Shapes:
    d, ffn, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    width = config.get("head_dim", d // heads)
    keys = config.get("num_key_value_heads", heads)
    shapes: Shapes = {"q_proj": (heads * width, d), "k_proj": (keys * width, d), "v_proj": (keys * width, d)}
    shapes |= {"o_proj": (d, heads * width), "gate_proj": (ffn, d), "up_proj": (ffn, d), "down_proj": (d, ffn)}
    return shapes | dict.fromkeys(NORMS, (d,))


def _sum(shapes: Shapes, names: Sequence[str]) -> int:
    return sum(math.prod(shapes[name]) for name in names if name in shapes)


def _check(biases: Sequence[str]) -> None:
    if not {*biases} <= {*ATTENTION, *FFN}:
        raise ValueError("not a projection")


def _table(shapes: Shapes, biases: int) -> dict[str, int]:
    parts = {"attention": _sum(shapes, ATTENTION), "ffn": _sum(shapes, FFN), "norms": _sum(shapes, NORMS)}
    parts["biases"] = biases
    return parts | {"total": sum(parts.values())}


@oracle
def count_block_params(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    _check(biases)
    shapes = _shapes(config)
    return _table(shapes, sum(shapes[name][0] for name in biases))


@count_block_params.right("counted on nn.Linear modules without storage")
def by_modules(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    _check(biases)
    shapes = _shapes(config)
    with torch.device("meta"):
        linears = {n: nn.Linear(shapes[n][1], shapes[n][0], bias=n in biases) for n in (*ATTENTION, *FFN)}
    weights = {n: linears[n].weight.numel() for n in linears}
    parts = {"attention": sum(weights[n] for n in ATTENTION), "ffn": sum(weights[n] for n in FFN)}
    parts |= {"norms": 2 * config["hidden_size"], "biases": sum(linears[n].bias.numel() for n in biases)}
    return parts | {"total": sum(parts.values())}


def _changed(config: Config, biases: Sequence[str], change: Callable[[Config, Shapes], Shapes]) -> dict[str, int]:
    _check(biases)
    shapes = _shapes(config)
    return _table(change(config, shapes), sum(shapes[name][0] for name in biases))


@count_block_params.wrong("k_proj and v_proj are as wide as q_proj: with grouped queries there are fewer KV heads")
def full_keys(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return _changed(config, biases, lambda c, s: s | {"k_proj": s["q_proj"], "v_proj": s["q_proj"]})


@count_block_params.wrong(
    "a missing num_key_value_heads was read as 1: without it every query head has its own KV head"
)
def one_key_head(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return count_block_params.fn({"num_key_value_heads": 1} | config, biases)


@count_block_params.wrong("head_dim was ignored: if it is given, heads · head_dim need not equal hidden_size")
def no_head_dim(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return count_block_params.fn({k: v for k, v in config.items() if k != "head_dim"}, biases)


@count_block_params.wrong(
    "o_proj was counted as hidden_size by hidden_size: its input is all query heads, heads · head_dim"
)
def square_output(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return _changed(config, biases, lambda c, s: s | {"o_proj": (c["hidden_size"], c["hidden_size"])})


@count_block_params.wrong("o_proj was left out")
def no_output(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return _changed(config, biases, lambda c, s: {k: v for k, v in s.items() if k != "o_proj"})


@count_block_params.wrong("the ffn has two matrices: gate, up and down are three")
def two_in_the_ffn(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return _changed(config, biases, lambda c, s: {k: v for k, v in s.items() if k != "gate_proj"})


@count_block_params.wrong("the ffn is 4 · hidden_size wide: its width is intermediate_size")
def four_times(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return count_block_params.fn(config | {"intermediate_size": 4 * config["hidden_size"]}, biases)


@count_block_params.wrong("only one norm was counted: a block has two")
def one_norm(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return _changed(config, biases, lambda c, s: {k: v for k, v in s.items() if k != "input_layernorm"})


@count_block_params.wrong("each norm has a gain and a bias: that is layer norm; RMS norm has a gain only")
def norms_with_bias(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return _changed(config, biases, lambda c, s: s | dict.fromkeys(NORMS, (2 * c["hidden_size"],)))


@count_block_params.wrong("a bias is as long as the projection's input: it has one number for each output")
def bias_by_inputs(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    _check(biases)
    shapes = _shapes(config)
    return _table(shapes, sum(shapes[name][1] for name in biases))


@count_block_params.wrong(
    "every bias has hidden_size numbers: k_proj and v_proj have fewer outputs, gate_proj and up_proj have more"
)
def bias_by_hidden(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    _check(biases)
    return _table(_shapes(config), len(biases) * config["hidden_size"])


@count_block_params.wrong("`biases` was ignored")
def no_biases(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    _check(biases)
    return _table(_shapes(config), 0)


@count_block_params.wrong("the biases were left out of the total")
def not_in_the_total(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    table = count_block_params.fn(config, biases)
    return table | {"total": table["total"] - table["biases"]}


@count_block_params.wrong("the norms were left out of the total")
def norms_not_in_the_total(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    table = count_block_params.fn(config, biases)
    return table | {"total": table["total"] - table["norms"]}


@count_block_params.wrong("an unknown name was ignored: raise ValueError, or a misspelled name gives a wrong count")
def passes_over(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    return count_block_params.fn(config, [name for name in biases if name in (*ATTENTION, *FFN)])


@count_block_params.wrong("an unknown name raises KeyError in the dictionary: it must raise ValueError")
def key_error(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    shapes = _shapes(config)
    return _table(shapes, sum({name: shapes[name][0] for name in (*ATTENTION, *FFN)}[name] for name in biases))


@count_block_params.wrong("o_proj's bias is as long as all query heads: it has one number for each output, hidden_size")
def output_bias_by_heads(config: Config, biases: Sequence[str] = ()) -> dict[str, int]:
    _check(biases)
    shapes = _shapes(config)
    outputs = {name: shape[0] for name, shape in shapes.items()} | {"o_proj": shapes["q_proj"][0]}
    return _table(shapes, sum(outputs[name] for name in biases))
