"""Which wrong answer does this look like?"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from grader.book.processes import is_ours
from grader.checks.agreement import call, clone, compare, same_bits, ulp
from grader.checks.context import PassedCheck, current
from grader.checks.oracle_cache import Seen
from grader.checks.outcome import Expected, Outcome
from reference import Oracle, Variant


def look_alikes(
    fn: Any,
    actual: Outcome,
    oracle: Oracle[..., Any],
    inputs: tuple[Any, Any],
    expected: Expected,
    passed: Sequence[PassedCheck] = (),
    memory: int | None = None,
    among: Collection[str] | None = None,
) -> list[Variant]:
    """The oracle's wrong answers that give what `fn` gave on these inputs, the closest kind of match only.

    `inputs` are (args, kwargs), `memory` the limit the call was under. A wrong answer that agrees with the oracle here
    tells nothing and is left out. Of those that match to the bit, some may not have passed what `fn` has passed; one
    that only comes near must have. `among` are the names that can still be, where that is known.
    """
    exact, near, alike = [], [], []
    digest = current().digest(inputs)
    gap = compare(actual, expected)
    by_traffic = gap is not None and gap.kind == "traffic"
    for variant in oracle.wrongs.values():
        if among is not None and variant.name not in among:
            continue
        outcome, agrees = seen(variant, oracle, fn, inputs, expected, digest, memory)
        if agrees:
            continue
        if by_traffic and not _moves_alike(actual, outcome):
            continue
        if identical(actual, outcome):
            exact.append(variant)
            if _moves_alike(actual, outcome):
                alike.append(variant)
        elif _close(actual, outcome):
            near.append(variant)

    def could_be(variant: Variant) -> bool:
        return all(passes(variant, oracle, fn, p) for p in passed)

    if alike and not by_traffic:
        exact = alike  # of two kernels the variant may be the other one: then the mistake is this one's, its bytes not
    if len(exact) > 1:
        return [v for v in exact if could_be(v)] or exact
    return exact or [v for v in near if could_be(v)]


def passes(variant: Variant, oracle: Oracle[..., Any], fn: Any, check: PassedCheck) -> bool:
    """Would it have passed what the learner's code has passed?"""
    return seen(variant, oracle, fn, (check.args, check.kwargs), check.expected, check.digest).agrees


def seen(
    variant: Variant,
    oracle: Oracle[..., Any],
    fn: Any,
    inputs: tuple[Any, Any],
    expected: Expected,
    digest: bytes | None,
    memory: int | None = None,
) -> Seen:
    """What a wrong answer comes to on these inputs, from the cache if it was asked before."""

    def ask() -> Seen:
        args, kwargs = clone(inputs)
        outcome = call(as_function(variant, oracle, fn), args, kwargs, memory)
        return Seen(outcome, compare(outcome, expected) is None)

    asked = oracle.fn.__module__, oracle.__name__, expected.bits, expected.moves is None
    cache = current().cache
    if cache is None or digest is None:
        return ask()
    return cache.wrong_answer(digest, (*asked, variant.name, fn.text.key if oracle.launch else "", memory), ask)


def variant_of(fn: Any, oracle: Oracle[..., Any]) -> Variant | None:
    """The wrong answer that `fn` is, if it is one of a kernel koan's."""
    return oracle.wrongs.get(getattr(fn, "variant", "")) if oracle.launch is not None else None


def as_function(variant: Variant, oracle: Oracle[..., Any], fn: Any) -> Any:
    """A variant as something to call. A kernel's text becomes a call like `fn`, with the learner's own CONFIG."""
    return fn.with_variant(variant) if oracle.launch is not None else variant.fn


def _moves_alike(a: Outcome, b: Outcome) -> bool:
    x, y = a.traffic, b.traffic
    return x is not None and y is not None and x.figures() == y.figures() and x.flops == y.flops


def identical(a: Outcome, b: Outcome) -> bool:
    """The same value to the bit, in the same structure, or the same error; and the same done to the inputs."""
    if a.error is not None or b.error is not None:
        return _kind(a.error) == _kind(b.error) and _said(a.error) == _said(b.error)
    return a.mutated == b.mutated and _matched(a.value, b.value, same_bits)


def _matched(a: Any, b: Any, same: Callable[[Any, Any], bool]) -> bool:
    """Is `same` true of all parts of two nested values? The order of a dict's keys does not matter."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_matched(a[key], b[key], same) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(_matched(x, y, same) for x, y in zip(a, b, strict=True))
    return not isinstance(a, (dict, list, tuple)) and not isinstance(b, (dict, list, tuple)) and same(a, b)


def _kind(error: BaseException | None) -> str:
    """The name of its class: one from the sandbox is of a class of that name."""
    return type(error).__name__


def _said(error: BaseException | None) -> str:
    return str(getattr(error, "submitted_text", error))


def _close(a: Outcome, b: Outcome) -> bool:
    """Equal up to a few roundings: the same mistake, written another way."""
    if a.error is not None or b.error is not None or a.mutated != b.mutated:
        # A builtin error with another text may have any cause; ours (a stray address) has one.
        return type(a.error) is type(b.error) and is_ours(type(a.error).__module__)
    return _matched(a.value, b.value, _close_leaf)


def _close_leaf(x: Any, y: Any) -> bool:
    if isinstance(x, Tensor) and isinstance(y, Tensor):
        if x.shape != y.shape or x.dtype != y.dtype:
            return False
        if not x.is_floating_point() or x.dtype.itemsize == 1:
            return same_bits(x, y)
        if not x.numel():
            return True
        a, b = x.detach().double(), y.detach().double()
        pattern = (a == b) | (a.isnan() & b.isnan())
        finite = a.isfinite() & b.isfinite()
        size = torch.maximum(a.abs(), b.abs()).nan_to_num(0, 0, 0)
        row = torch.where(finite, size, torch.zeros_like(size))
        row = row.amax(-1, keepdim=True) if row.dim() else row
        slack = 4 * ulp(size, x.dtype) + 2.0**-18 * row
        return bool((pattern | (finite & ((a - b).abs() <= slack))).all())
    if isinstance(x, float) and isinstance(y, float):
        return x == y or (math.isfinite(x) and math.isfinite(y) and abs(x - y) <= 1e-6 * max(abs(x), abs(y)))
    return same_bits(x, y)
