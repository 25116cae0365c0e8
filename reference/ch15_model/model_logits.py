"""Takes layer after layer while there is one, and finds its weights by their long names."""

import re

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import lowp, oracle
from reference.ch08_block.llama_block import library as block
from reference.ch08_block.llama_block import llama_block
from reference.ch08_block.rms_norm import rms_norm
from reference.ch15_model.embed_and_head import embed, head

Weights = dict[str, Tensor]
TABLE, GAIN = "model.embed_tokens.weight", "model.norm.weight"
NORMS, ATTENTION = ("input_layernorm", "post_attention_layernorm"), ("q_proj", "k_proj", "v_proj", "o_proj")
LONG = {
    **{name: name for name in NORMS},
    **{name: f"self_attn.{name}" for name in ATTENTION},
    **{name: f"mlp.{name}" for name in ("gate_proj", "up_proj", "down_proj")},
}


@oracle
def model_logits(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    x = embed(ids, weights[TABLE])
    number = 0
    while f"model.layers.{number}.input_layernorm.weight" in weights:
        x = lowp(llama_block(x, _layer(weights, number), heads, kv_heads, base))
        number += 1
    return head(lowp(rms_norm(x, weights[GAIN])), weights[TABLE])


def _layer(weights: Weights, number: int) -> Weights:
    """The weights of one layer by their short names."""
    return {short: weights[f"model.layers.{number}.{long}.weight"] for short, long in LONG.items()}


def _numbers(weights: Weights) -> list[int]:
    """The number of each layer, in the order of the dict."""
    found = (re.match(r"model\.layers\.(\d+)\.", name) for name in weights)
    return [*dict.fromkeys(int(match[1]) for match in found if match)]


def _layers(weights: Weights) -> list[Weights]:
    """The layers in the order of their numbers."""
    return [_layer(weights, number) for number in sorted(_numbers(weights))]


def _stream(x: Tensor, layers: list[Weights], heads: int, kv_heads: int, base: float) -> Tensor:
    for layer in layers:
        x = block(x, layer, heads, kv_heads, base)
    return x


def _norm(x: Tensor, gain: Tensor, eps: float = 1e-6) -> Tensor:
    return F.rms_norm(x.float(), x.shape[-1:], gain.float(), eps).to(x.dtype)


def _head(x: Tensor, table: Tensor) -> Tensor:
    return F.linear(x.float(), table.float()).to(x.dtype)


def _logits(ids: Tensor, weights: Weights, layers: list[Weights], heads: int, kv_heads: int, base: float) -> Tensor:
    """The right forward pass through these layers."""
    x = _stream(weights[TABLE][ids], layers, heads, kv_heads, base)
    return _head(_norm(x, weights[GAIN]), weights[TABLE])


@model_logits.right("with PyTorch's rms_norm, linear and scaled_dot_product_attention")
def library(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, _layers(weights), heads, kv_heads, base)


@model_logits.right("the tokens in float32 from the embedding on, rounded once, at the end")
def in_float32(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    wide = {name: weight.float() for name, weight in weights.items()}
    return library(ids, wide, heads, kv_heads, base).to(weights[TABLE].dtype)


@model_logits.right("one row of the batch after the other")
def row_by_row(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return torch.cat([library(row.unsqueeze(0), weights, heads, kv_heads, base) for row in ids])


@model_logits.wrong("the final norm was left out: model.norm comes before the head")
def no_final_norm(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _head(_stream(weights[TABLE][ids], _layers(weights), heads, kv_heads, base), weights[TABLE])


@model_logits.wrong("the final norm has no gain: multiply by model.norm.weight")
def no_final_gain(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return library(ids, weights | {GAIN: torch.ones_like(weights[GAIN])}, heads, kv_heads, base)


@model_logits.wrong("the final norm came after the head: normalize the tokens first, then multiply by the table")
def head_before_norm(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    x = _stream(weights[TABLE][ids], _layers(weights), heads, kv_heads, base)
    return _norm(_head(x, weights[TABLE]), weights[GAIN])


@model_logits.wrong("the final norm came before the blocks: it belongs after the last one")
def norm_first(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    x = _norm(weights[TABLE][ids], weights[GAIN])
    return _head(_stream(x, _layers(weights), heads, kv_heads, base), weights[TABLE])


@model_logits.wrong("the final norm came after every block: it belongs after the last one only")
def norm_after_each(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    x = weights[TABLE][ids]
    for layer in _layers(weights):
        x = _norm(block(x, layer, heads, kv_heads, base), weights[GAIN])
    return _head(x, weights[TABLE])


@model_logits.wrong("the final norm has the eps 1e-5: this model has 1e-6")
def another_eps(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    x = _stream(weights[TABLE][ids], _layers(weights), heads, kv_heads, base)
    return _head(_norm(x, weights[GAIN], 1e-5), weights[TABLE])


@model_logits.wrong("the embedding was scaled by √d, as Gemma does: Llama takes its rows as they are")
def scaled_embedding(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    x = weights[TABLE][ids] * weights[TABLE].shape[1] ** 0.5
    x = _stream(x, _layers(weights), heads, kv_heads, base)
    return _head(_norm(x, weights[GAIN]), weights[TABLE])


@model_logits.wrong("the layers come in the order of their names, so 10 comes after 1: sort by number")
def by_name(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(
        ids, weights, [_layer(weights, number) for number in sorted(_numbers(weights), key=str)], heads, kv_heads, base
    )


@model_logits.wrong("the layers come in the order of the dict: sort by number")
def in_the_dicts_order(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, [_layer(weights, number) for number in _numbers(weights)], heads, kv_heads, base)


@model_logits.wrong("only the first digit of a layer's number was read: layer 10 is not layer 1")
def first_digit(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    layers: dict[int, Weights] = {}
    for name, weight in weights.items():
        if name.startswith("model.layers."):
            layers.setdefault(int(name[13]), {})[name.split(".")[-2]] = weight
    return _logits(ids, weights, [layers[number] for number in sorted(layers)], heads, kv_heads, base)


@model_logits.wrong("the last layer comes first: layer 0 reads the embedding")
def reversed_layers(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, _layers(weights)[::-1], heads, kv_heads, base)


@model_logits.wrong("layer 0 was left out: numbers begin at 0")
def without_the_first(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, _layers(weights)[1:], heads, kv_heads, base)


@model_logits.wrong("the last layer was left out")
def without_the_last(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, _layers(weights)[:-1], heads, kv_heads, base)


@model_logits.wrong("only layer 0 was applied: go through all layers")
def only_the_first(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, _layers(weights)[:1], heads, kv_heads, base)


@model_logits.wrong("each block read the embedding, so only the last one counts: each block reads the result before it")
def only_the_last(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, _layers(weights)[-1:], heads, kv_heads, base)


@model_logits.wrong("every layer has the weights of layer 0: each layer has its own")
def first_for_all(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, _layers(weights)[:1] * len(_layers(weights)), heads, kv_heads, base)


@model_logits.wrong("every layer has the weights of the last layer: each layer has its own")
def last_for_all(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return _logits(ids, weights, _layers(weights)[-1:] * len(_layers(weights)), heads, kv_heads, base)


@model_logits.wrong("each block's result was added to its input: llama_block has done that already")
def added_again(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    x = weights[TABLE][ids]
    for layer in _layers(weights):
        x = x + block(x, layer, heads, kv_heads, base)
    return _head(_norm(x, weights[GAIN]), weights[TABLE])


@model_logits.wrong("heads and kv_heads are swapped: `heads` comes first")
def heads_swapped(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return library(ids, weights, kv_heads, heads, base)


@model_logits.wrong("the base was ignored: 10000 is only the default")
def fixed_base(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return library(ids, weights, heads, kv_heads)


@model_logits.wrong("only the last position got logits: return them for every position")
def last_position(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return library(ids, weights, heads, kv_heads, base)[:, -1:]


@model_logits.wrong("the rows of the batch were joined to one text: attention then sees other rows")
def one_long_row(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return library(ids.reshape(1, -1), weights, heads, kv_heads, base).reshape(*ids.shape, -1)


@model_logits.wrong("every row got the logits of row 0")
def first_row_for_all(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return library(ids[:1].expand_as(ids), weights, heads, kv_heads, base)


@model_logits.wrong("probabilities were returned: logits have no softmax")
def probabilities(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return torch.softmax(library(ids, weights, heads, kv_heads, base).float(), -1).to(weights[TABLE].dtype)


@model_logits.wrong("log-probabilities were returned: logits have no log-softmax")
def log_probabilities(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return torch.log_softmax(library(ids, weights, heads, kv_heads, base).float(), -1).to(weights[TABLE].dtype)


@model_logits.wrong("the logits are float32: they must have the dtype of the embedding")
def logits_in_float32(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return library(ids, weights, heads, kv_heads, base).float()


@model_logits.wrong("the logits have the dtype of model.norm.weight: they must have the dtype of the embedding")
def in_the_dtype_of_the_gain(ids: Tensor, weights: Weights, heads: int, kv_heads: int, base: float = 10000.0) -> Tensor:
    return library(ids, weights, heads, kv_heads, base).to(weights[GAIN].dtype)
