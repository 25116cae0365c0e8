"""Finds the known wrong answers that a failing answer looks like.

A name must be earned. `look_alikes` tells which wrong answers one failure looks like. `earned` tells, once all checks
were made, which wrong answers every failure of a function looks like and no passed check rules out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor

from grader.book.processes import is_ours
from grader.checks import general_mistakes
from grader.checks.agreement import call, compare, ulp
from grader.checks.copies import same_bits
from grader.checks.oracle_cache import VariantResult
from grader.checks.outcome import Expected, Outcome
from grader.checks.pytree import leaves
from grader.checks.run_context import PassedCheck, current
from reference import Oracle, Variant

WORDED_FREELY = ("ValueError", "IndexError", "RecursionError")


def look_alikes(
    fn: Any,
    actual: Outcome,
    oracle: Oracle[..., Any],
    inputs: tuple[Any, Any],
    expected: Expected,
    memory: int | None = None,
    candidates: Collection[str] | None = None,
) -> dict[str, bool]:
    """The oracle's wrong answers that give what `fn` gave on these inputs, and whether they do to the bit.

    `inputs` are (args, kwargs), `memory` is the limit of the call in bytes. A wrong answer that agrees with the oracle
    here proves nothing and is left out. `candidates` are the names to try (None: all).
    """
    found: dict[str, bool] = {}
    digest = current().digest(inputs)
    gap = compare(actual, expected)
    by_traffic = gap is not None and gap.kind == "traffic"
    raised = actual.error is not None
    for variant in oracle.wrongs.values():
        if candidates is not None and variant.name not in candidates:
            continue
        outcome, agrees = result_of(variant, oracle, fn, inputs, expected, digest, memory, only_errors=raised)
        if agrees or (raised and outcome.error is None):
            continue
        if by_traffic and not _same_traffic(actual, outcome):
            continue
        alike = identical(actual, outcome)
        if not alike and not _close(actual, outcome, expected):
            continue
        several_kernels = oracle.launch is not None and fn.among_right_kernels(variant) is not fn.with_variant(variant)
        if (
            several_kernels
            and result_of(variant, oracle, fn, inputs, expected, digest, memory, beside_right=True).agrees
        ):  # the mistake is in another kernel of the learner's file
            continue
        # In a file of two kernels a variant may replace the correct one; then it moves other bytes than `fn`.
        same_bytes = actual.traffic is outcome.traffic or _same_traffic(actual, outcome)
        found[variant.name] = alike and same_bytes
    if found and oracle.launch is not None and _right_kernels_do_it(fn, actual, oracle, inputs, expected, memory):
        return {}  # CONFIG is at fault, and no kernel
    return found


def _right_kernels_do_it(
    fn: Any,
    actual: Outcome,
    oracle: Oracle[..., Any],
    inputs: tuple[Any, Any],
    expected: Expected,
    memory: int | None,
) -> bool:
    """Do right kernels, launched with the learner's CONFIG, fail in the same way?"""
    right = fn.with_right_kernels

    def compute() -> VariantResult:
        outcome = call(right, *inputs, memory)
        return VariantResult(outcome, compare(outcome, expected) is None)

    if right is None:
        return False
    digest, cache = current().digest(inputs), current().cache
    key = (oracle.fn.__module__, oracle.__name__, expected.moves is None, "right kernels", fn.text.key, memory)
    result = compute() if cache is None or digest is None else cache.variant_result(digest, key, compute)
    return not result.agrees and (identical(actual, result.outcome) or _close(actual, result.outcome, expected))


def candidates(fn: Any) -> dict[str, bool] | None:
    """The mistakes that all failures of a function so far look like, and whether all do so to the bit.

    None if it has not failed yet.
    """
    looks = current().looks[fn]
    if not looks:
        return None
    return {name: all(look[name] for look in looks) for name in looks[-1] if all(name in look for look in looks)}


def not_ruled_out(fn: Any, oracle: Oracle[..., Any]) -> list[str]:
    """The wrong answers that pass every check that `fn` has passed so far. Nothing else can earn its name."""
    passed = current().passed[fn]
    return [v.name for v in oracle.wrongs.values() if all(passes(v, oracle, fn, check) for check in passed)]


def earned(module: str = "") -> dict[Oracle[..., Any], list[str]]:
    """The mistakes of the run in progress that have earned their names, by the oracle of the function at fault.

    With `module` only the oracles of this module are asked.

    All failures of the function look like each of them, and what the function passed rules out none. Wrong answers that
    are equal to the answer to the bit go before those that are close, and these before general mistakes. The list of a
    function without such a mistake is empty.
    """
    failed = current().failed.items()
    return {oracle: _best(fn, oracle) for fn, oracle in failed if module in ("", oracle.fn.__module__)}


def _best(fn: Any, oracle: Oracle[..., Any]) -> list[str]:
    found, passed = candidates(fn) or {}, current().passed[fn]
    wrongs = {
        name: exact
        for name, exact in found.items()
        if name in oracle.wrongs and all(passes(oracle.wrongs[name], oracle, fn, check) for check in passed)
    }
    answered = [(check.args, check.kwargs) for check in passed if check.expected.outcome.error is None]
    general = [name for name in found if name not in oracle.wrongs and general_mistakes.possible(name, answered)]
    return [name for name, exact in wrongs.items() if exact] or list(wrongs) or general


def settled(name: str) -> bool:
    """Does one function fail, and are its failures equal to the bit to the wrong answer `name` and to no other?

    If the function is this wrong answer, no further check can change that.
    """
    failed = [fn for fn in current().failed if current().looks[fn]]
    return len(failed) == 1 and [n for n, exact in (candidates(failed[0]) or {}).items() if exact] == [name]


def passes(variant: Variant, oracle: Oracle[..., Any], fn: Any, check: PassedCheck) -> bool:
    """Does a wrong answer pass a check that the learner's code passed?"""
    return result_of(variant, oracle, fn, (check.args, check.kwargs), check.expected, check.digest).agrees


def result_of(
    variant: Variant,
    oracle: Oracle[..., Any],
    fn: Any,
    inputs: tuple[Any, Any],
    expected: Expected,
    digest: bytes | None,
    memory: int | None = None,
    *,
    beside_right: bool = False,
    only_errors: bool = False,
) -> VariantResult:
    """What a wrong answer gives on these inputs, and whether it agrees. Cached if there is a cache and a `digest`.

    In a file of several kernels a variant replaces one. The others are the learner's, or right ones if `beside_right`.
    With `only_errors` a value is not compared, which takes most of the time, and counts as one that does not agree.
    """

    def compute() -> VariantResult:
        wrong = fn.among_right_kernels(variant) if beside_right else as_function(variant, oracle, fn)
        outcome = call(wrong, *inputs, memory)
        if only_errors and outcome.error is None:
            return VariantResult(Outcome(), False)
        return VariantResult(outcome, compare(outcome, expected) is None)

    question = oracle.fn.__module__, oracle.__name__, expected.bits, expected.moves is None
    cache = current().cache
    if cache is None or digest is None:
        return compute()
    key = (*question, variant.name, fn.text.key if oracle.launch else "", memory, beside_right, only_errors)
    return cache.variant_result(digest, key, compute)


def variant_of(fn: Any, oracle: Oracle[..., Any]) -> Variant | None:
    """The wrong answer of a kernel koan that `fn` itself is, or None."""
    return oracle.wrongs.get(getattr(fn, "variant", "")) if oracle.launch is not None else None


def as_function(variant: Variant, oracle: Oracle[..., Any], fn: Any) -> Any:
    """A variant as a function. For a kernel koan it is launched like `fn`, with the learner's own CONFIG."""
    return fn.with_variant(variant) if oracle.launch is not None else variant.fn


def _same_traffic(a: Outcome, b: Outcome) -> bool:
    x, y = a.traffic, b.traffic
    return x is not None and y is not None and x.figures() == y.figures() and (x.flops, x.widens) == (y.flops, y.widens)


def identical(a: Outcome, b: Outcome) -> bool:
    """Do two calls have the same value to the bit and change the same input, or raise the same error?"""
    if a.error is not None or b.error is not None:
        return _class_name(a.error) == _class_name(b.error) and _error_text(a.error) == _error_text(b.error)
    return _change(a) == _change(b) and _all_leaves(a.value, b.value, same_bits)


def _change(outcome: Outcome) -> tuple[str | None, str]:
    """The input that a call changed, and what it changed about it."""
    return outcome.mutated, outcome.change


def _all_leaves(a: Any, b: Any, same: Callable[[Any, Any], bool]) -> bool:
    """Do two nested values have the same structure, and is `same` true of all leaves? Key order does not matter."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_all_leaves(a[key], b[key], same) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return (
            type(a) is type(b) and len(a) == len(b) and all(_all_leaves(x, y, same) for x, y in zip(a, b, strict=True))
        )
    return not isinstance(a, (dict, list, tuple)) and not isinstance(b, (dict, list, tuple)) and same(a, b)


def _class_name(error: BaseException | None) -> str:
    """The name of an error's class. An error from the sandbox has another class of the same name."""
    return type(error).__name__


def _error_text(error: BaseException | None) -> str:
    if isinstance(error, KeyError) and error.args:
        return str(error.args[0])  # str() quotes a text but not a number, and from the sandbox a number comes as a text
    return str(getattr(error, "submitted_text", error))


def _close(a: Outcome, b: Outcome, expected: Expected) -> bool:
    """Are two outcomes equal up to a few roundings? Then they are the same mistake, written in two ways.

    Two honest ways may be as far apart as the bound of the oracle says, and so may two ways of making a mistake.
    """
    if a.error is not None and b.error is not None:
        # An error class of ours tells what caused it. Learners word their own refusals in many ways. The text of a
        # RecursionError only says where the stack ended. Other errors with another text may have another cause.
        name, ours = _class_name(a.error), is_ours(type(a.error).__module__)
        same_cause = ours and getattr(a.error, "cause", ()) == getattr(b.error, "cause", ())
        return name == _class_name(b.error) and (name in WORDED_FREELY or same_cause)
    if a.error is not None or b.error is not None or _change(a) != _change(b):
        return False
    bounds = iter(expected.widths if len(leaves(a.value)) == len(expected.widths) else [])
    return _all_leaves(a.value, b.value, lambda x, y: _close_leaf(x, y, next(bounds, None)))


def _close_leaf(x: Any, y: Any, bound: Tensor | None) -> bool:
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
        if bound is not None and bound.shape == slack.shape:
            slack = torch.maximum(slack, bound + ulp(size, x.dtype))
        return bool((pattern | (finite & ((a - b).abs() <= slack))).all())
    if isinstance(x, float) and isinstance(y, float):
        return x == y or (math.isfinite(x) and math.isfinite(y) and abs(x - y) <= 1e-6 * max(abs(x), abs(y)))
    return same_bits(x, y)
