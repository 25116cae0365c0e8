"""Tries the learner's functions before training: can autograd follow them, and are they fast enough?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from grader.model.functions import FunctionFailed, Functions
from grader.model.path import LEARNER
from grader.model.weights import Config

N = 16  # tokens of each of two rows
SLOW = 0.02  # seconds for these few tokens: a step of training has 80 times as many, and calls it in each layer
TIMES = 10  # as much time as ours
APART = 1e-3  # of the largest gradient


class Sample(NamedTuple):
    """A call whose result has a gradient for some of the arguments: those that are float tensors with `grad`."""

    koan: str
    function: str
    arguments: tuple[Any, ...]


def samples(config: Config) -> Iterator[Sample]:
    """A small call of each function through which the gradient of training flows."""
    d, heads, kv = config.hidden_size, config.num_attention_heads, config.num_key_value_heads
    width, vocab, ffn = config.head_width, config.vocab_size, config.intermediate_size
    generator = torch.Generator().manual_seed(0)

    def grad(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).requires_grad_()

    def ids(*shape: int) -> Tensor:
        return torch.randint(vocab, shape, generator=generator)

    hidden = torch.ones(N, N, dtype=torch.bool).triu(1)
    angles = torch.rand(N, width // 2, generator=generator)
    yield Sample("ch15_model/embed_and_head", "embed", (ids(2, N), grad(vocab, d)))
    yield Sample("ch08_block/rms_norm", "rms_norm", (grad(2, N, d), grad(d), config.rms_norm_eps))
    yield Sample("ch02_forward/linear", "linear", (grad(2, N, d), grad(d, d)))
    yield Sample("ch07_attention/split_heads", "split_heads", (grad(2, N, d), heads))
    yield Sample("ch07_attention/split_heads", "merge_heads", (grad(2, heads, N, width),))
    yield Sample("ch08_block/apply_rope", "apply_rope", (grad(2, heads, N, width), angles))
    yield Sample("ch07_attention/repeat_kv", "repeat_kv", (grad(2, kv, N, width), heads))
    q, k, v = (grad(2, heads, N, width) for _ in range(3))
    yield Sample("ch07_attention/attention", "attention", (q, k, v, hidden))
    yield Sample("ch08_block/swiglu", "swiglu", (grad(2, N, d), grad(ffn, d), grad(ffn, d), grad(d, ffn)))
    yield Sample("ch15_model/embed_and_head", "head", (grad(2, N, d), grad(vocab, d)))
    yield Sample("ch04_optimization/cross_entropy", "cross_entropy", (grad(2 * N, vocab), ids(2 * N)))


def unusable(theirs: Functions, ours: Functions, config: Config) -> dict[str, str]:
    """The learner's koans that training cannot use, each with the reason."""
    found: dict[str, str] = {}
    for sample in samples(config):
        if theirs.whose.get(sample.koan) == LEARNER and sample.koan not in found:
            why = _why_not(theirs, ours, sample)
            if why:
                found[sample.koan] = why
    return found


def _why_not(theirs: Functions, ours: Functions, sample: Sample) -> str:
    wanted, expected = _gradients(ours, sample)
    try:
        seconds, gradients = _gradients(theirs, sample)
    except FunctionFailed:
        raise
    except RuntimeError as error:
        said = str(error)
        if "does not require grad" in said:
            return "no gradient flows through it"
        if "inplace" in said or "in-place" in said:
            return "it changes a tensor in place that autograd needs"
        return f"autograd cannot follow it: {said.splitlines()[0]}"
    for own, right in zip(gradients, expected, strict=True):
        if right is not None and own is None:
            return "no gradient flows to one of its inputs"
        if own is not None and right is not None and (own - right).abs().max() > APART * right.abs().max():
            return "its gradient differs from ours"
    if seconds > SLOW and seconds > TIMES * wanted:
        return f"it takes {seconds:.2f} s for {2 * N} tokens, and a step of training has thousands"
    return ""


def _gradients(functions: Functions, sample: Sample) -> tuple[float, list[Tensor | None]]:
    """(seconds of one call, the gradients of its float inputs)."""
    leaves = [a for a in sample.arguments if isinstance(a, Tensor) and a.requires_grad]
    function = getattr(functions, sample.function)
    times = []
    for _ in range(2):  # the first call may be slow by itself
        began = time.perf_counter()
        # Inside the model no input is a leaf: autograd has made each of them.
        result = function(*(a * 1.0 if isinstance(a, Tensor) and a.requires_grad else a for a in sample.arguments))
        times.append(time.perf_counter() - began)
    weight = torch.linspace(0.5, 1.5, result.numel()).reshape(result.shape)
    found = torch.autograd.grad((result * weight).sum(), leaves, allow_unused=True)
    return min(times), list(found)
