"""The rule of agreement: an answer must lie within the oracle's own measured uncertainty."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from grader.book.forbidden import Forbidden
from grader.checks.copies import bits as bits_of
from grader.checks.copies import change, clone, same_bits
from grader.checks.memory import limited
from grader.checks.noise import SLACK, U32, by_row, is_float, lowp_width, to_float64, width
from grader.checks.outcome import Change, Expected, Gap, Outcome
from grader.checks.pytree import leaves, mapped, names
from grader.checks.run_context import current, note
from grader.kernels.kernel_function import CONFIG
from reference import Moves, Oracle, shaken

if TYPE_CHECKING:
    from grader.kernels.tiles.counts import Traffic

CHANGES: Mapping[Change, str] = {
    "values": "was changed by the call; work on a copy",
    "requires_grad": "has a different requires_grad after the call; work on a detached copy",
    "grad": "has a .grad after the call; work on a detached copy",
}
EXPONENT = 0x7FF << 52  # the bits of the exponent of a float64
U64 = 2.0**-44  # 512 roundings of a Python float, relative to the largest number that the computation meets


def call(
    fn: Callable[..., Any],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    memory: int | None = None,
    *,
    watched: bool = True,
) -> Outcome:
    """Call `fn` with a copy of the inputs; return its value or its error, and which input it changed, if any.

    `memory` is the number of bytes that the call may map beyond its inputs. Without `watched` it does not look for
    changes. Raises Forbidden if the code under test does what the policy forbids.
    """
    fn = limited(fn, memory)
    given_args, given_kwargs = clone((tuple(args), dict(kwargs)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = fn(*given_args, **given_kwargs)
    except Forbidden:
        raise
    except (Exception, SystemExit) as error:
        note(error)
        return Outcome(error=error)
    if not watched:
        return Outcome(value=value)
    traffic = getattr(fn, "traffic", None) if isinstance(getattr(fn, "oracle", None), Oracle) else None
    inputs = [(str(i), was, now) for i, (was, now) in enumerate(zip(args, given_args, strict=True))]
    inputs += [(name, was, given_kwargs[name]) for name, was in kwargs.items()]
    for name, was, now in inputs:
        found = change(was, now) if was is not now else None
        if found is not None:
            return Outcome(value=value, mutated=name, change=found, traffic=traffic)
    return Outcome(value=value, traffic=traffic)


def _in_float64(oracle: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        before = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)  # tensors that the oracle creates get the dtype of its inputs
        try:
            return oracle(*args, **kwargs)
        finally:
            torch.set_default_dtype(before)

    return run


def expect(
    oracle: Oracle[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any], *, bits: bool = False, widen: bool = False
) -> Expected:
    """What the oracle expects for these inputs.

    With `bits` the answer is the oracle's result in the inputs' own dtypes. Otherwise the oracle runs in float64, and
    its bound is measured when it is needed. With `widen` the bound covers the other honest formulas too: that is
    expensive, and needed only for an answer that failed. What an oracle expects does not depend on a kernel's CONFIG.
    """
    kwargs = {name: value for name, value in kwargs.items() if oracle.launch is None or name != CONFIG}
    args, kwargs = mapped(lambda x: x.detach() if isinstance(x, Tensor) else x, (list(args), dict(kwargs)))
    key = (oracle.fn.__module__, oracle.__name__, bits)
    cache, digest = current().cache, current().digest([args, kwargs])

    def compute() -> Expected:
        return _expected(oracle, args, kwargs, bits)

    def measure(draws: int) -> Sequence[Tensor | None]:
        def compute_widths() -> Sequence[Tensor | None]:
            return _widths(oracle, args, kwargs, expected.outcome, widen, draws)

        return compute_widths() if cache is None else cache.widths(digest, (*key, widen, draws), compute_widths)

    expected = compute() if cache is None else cache.expected(digest, key, compute)
    return expected if bits else replace(expected, measure=measure)


def _expected(oracle: Oracle[..., Any], args: Any, kwargs: Any, bits: bool) -> Expected:
    """What the oracle expects, without the bounds."""
    native = call(oracle.fn, args, kwargs, watched=False)
    floats = [abs(x) for x in leaves((args, kwargs)) if isinstance(x, float) and math.isfinite(x)]
    largest = max(floats, default=0.0)
    if bits:
        return Expected(native, native, bits=True, largest=largest)
    outcome = call(_in_float64(oracle.fn), *to_float64((args, kwargs)), watched=False)
    return Expected(outcome, native, largest=largest)


def _widths(
    oracle: Oracle[..., Any], args: Any, kwargs: Any, outcome: Outcome, widen: bool, draws: int
) -> Sequence[Tensor | None]:
    """How far an honest answer may lie from `outcome`, which is the oracle's in float64: one bound for each leaf."""
    exact = leaves(outcome.value)
    if outcome.error is not None or not any(is_float(x) for x in exact):
        return [None] * len(exact)
    args64, kwargs64 = clone(to_float64((args, kwargs)))
    formula = _in_float64(oracle.fn)
    marked = False

    def note_mark(t: Tensor) -> Tensor:
        nonlocal marked
        marked = True
        return t

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with shaken(note_mark):
            total = width(formula, args64, kwargs64, exact, draws)
        if widen:
            for other in oracle.formulas:
                total = _wider(total, _in_float64(other), args64, kwargs64)
        if marked or not draws:
            # `lowp` rounds to the dtype of the first input, as of `q` in attention, whatever the others have.
            dtype = next((x.dtype for x in leaves((args, kwargs)) if is_float(x)), torch.float32)
            low = lowp_width(formula, args64, kwargs64, dtype, exact, draws)
            total = [w if w is None or x is None else w + x for w, x in zip(total, low, strict=True)]
    return total


def _wider(widths: list[Tensor | None], formula: Callable[..., Any], args: Any, kwargs: Any) -> list[Tensor | None]:
    try:
        more = width(formula, *clone((args, kwargs)))
    except (RuntimeError, TypeError, ValueError):
        return widths  # a formula with a fixed dtype inside cannot run in float64, so it cannot be measured
    if len(more) != len(widths):
        return widths
    return [
        w if w is None or m is None or m.shape != w.shape else torch.maximum(w, m)
        for w, m in zip(widths, more, strict=True)
    ]


def compare(actual: Outcome, expected: Expected) -> Gap | None:
    """The first gap between an answer and what is expected, or None if they agree."""
    want = expected.outcome
    if want.error is not None:
        wanted = type(want.error).__name__
        if actual.error is None:
            return Gap("raises", f"should raise {wanted}, but returned a value")
        if isinstance(actual.error, type(want.error)):
            return None
        return Gap("raises", f"should raise {wanted}, but raised {type(actual.error).__name__}")
    if actual.error is not None:
        return Gap("raises", getattr(actual.error, "summary", f"raised {type(actual.error).__name__}"))
    gap = _structure(actual.value, want.value, "")
    if gap is not None:
        return gap
    promised = leaves(expected.native.value) if expected.native.error is None else []
    got, ref = leaves(_ordered(actual.value, want.value)), leaves(want.value)
    if len(promised) != len(ref):
        promised = ref
    floats = [abs(r) for r in ref if isinstance(r, float) and math.isfinite(r)]
    largest = max([expected.largest, *floats])
    for i, (name, a, r, p) in enumerate(zip(names(want.value), got, ref, promised, strict=True)):
        gap = _leaf(a, r, p, _bounds(expected, i, r, p), expected.bits, largest)
        if gap is not None:
            return Gap(gap.kind, f"result{name}: {gap.message}" if name else gap.message, gap.index)
    if actual.mutated is not None:
        return Gap("mutated", f"the result is right, but an input {CHANGES[actual.change]}")
    if expected.moves is not None and actual.traffic is not None:
        return excess_traffic(actual.traffic, expected.moves(actual.traffic.config))
    return None


def _bounds(expected: Expected, leaf: int, ref: Tensor, native: Any) -> Iterator[Tensor | None]:
    """Bounds of one leaf, each at most as large as the last one, which alone decides that an answer differs.

    The first ones cost little, most honest answers lie within them, and the last one costs most of a check.
    """
    yield None  # only the rounding to the dtype
    if isinstance(native, Tensor) and native.dtype == torch.float32 and native.shape == ref.shape:
        yield own_error(ref, native)
    elif isinstance(native, Tensor) and native.dtype.itemsize == 2:
        yield _of_leaf(expected.lowp_widths, leaf)
    yield _of_leaf(expected.rough_widths, leaf)
    yield _of_leaf(expected.widths, leaf)


def own_error(ref: Tensor, native: Tensor) -> Tensor:
    """How far the oracle itself is from `ref` in float32, for each row: an honest answer may be as far.

    0 where that is more than half of what a bound allows for one rounding. The oracle may then have met what its
    noise does not show: an overflow, or a choice between values that are almost equal.
    """
    error = by_row((native.double() - ref).abs_().nan_to_num_(0, 0, 0))
    most = SLACK / 2 * U32 * by_row(ref.abs().nan_to_num_(0, 0, 0))
    return torch.where(error <= most, error, 0.0)


def _of_leaf(widths: Sequence[Tensor | None], leaf: int) -> Tensor | None:
    return widths[leaf] if leaf < len(widths) else None


def excess_traffic(traffic: Traffic, least: Moves) -> Gap | None:
    """The first argument that costs more bytes than needed. If there is none: FLOPs beyond the need, or None."""
    table = [f"  {'bytes':14}{'loaded':>22}{'needed':>12}{'stored':>14}{'needed':>12}"]
    excess = ""
    for name, moved in traffic.moved.items():
        loads, stores = least.loads.get(name, 0), least.stores.get(name, 0)
        times = f" ({_in_words(moved.loaded, moved.size)})" if moved.loaded else ""
        loaded = f"{moved.loaded:,}{times}"
        table.append(f"  {name:14}{loaded:>22}{loads:>12,}{moved.stored:>14,}{stores:>12,}")
        if excess:
            continue
        if moved.loaded > loads:
            enough = _in_words(loads, moved.size) if loads else "never"
            excess = f"{name} is read {_in_words(moved.loaded, moved.size)}; {enough} is enough"
        elif moved.stored > stores:
            problem = moved.coverage.problem() if moved.coverage else ""
            excess = problem or f"{moved.stored:,} bytes are written to {name}; {stores:,} are enough"
    if least.flops is not None:
        table.append(f"  {'FLOPs':14}{traffic.flops:>22,}{least.flops:>12,}")
        if not excess and traffic.flops > least.flops:
            excess = f"tl.dot computes {traffic.flops / max(1, least.flops):.3g} times the FLOPs that are needed"
        if not excess and traffic.widens:
            excess = (
                "tl.dot multiplies fp32 tiles that were cast from a narrower type: give it the tiles as they are loaded"
            )
            table.append(f"  {'of fp32 tiles':14}{traffic.fp32_flops:>22,}{0:>12,}")
    return Gap("traffic", f"the result is right, but {excess}", table=table) if excess else None


def _in_words(part: int, whole: int) -> str:
    times = part / whole if whole else 0.0
    return "once" if times == 1 else "twice" if times == 2 else f"{times:.3g} times"


def _structure(got: Any, want: Any, path: str) -> Gap | None:
    at = f"result{path}" if path else "the result"
    if isinstance(want, (list, tuple)):
        if not isinstance(got, list if isinstance(want, list) else tuple):
            return Gap("type", f"{at} should be {_kind(want)}, but is {_kind(got)}")
        if len(got) != len(want):
            return Gap("structure", f"{at} should have {len(want)} entries, but has {len(got)}")
        pairs = [(g, w, f"{path}[{i}]") for i, (g, w) in enumerate(zip(got, want, strict=True))]
    elif isinstance(want, dict):
        if not isinstance(got, dict):
            return Gap("type", f"{at} should be a dict, but is {_kind(got)}")
        if list(map(str, got)) != list(map(str, want)) and set(got) != set(want):
            return Gap(
                "structure",
                f"{at} should have the keys {sorted(map(str, want))}, but has {sorted(map(str, got))}",
            )
        pairs = [(got[k], want[k], f"{path}[{k!r}]") for k in want]
    else:
        return None if _same_kind(got, want) else Gap("type", f"{at} should be {_kind(want)}, but is {_kind(got)}")
    return next((gap for g, w, p in pairs if (gap := _structure(g, w, p)) is not None), None)


def _ordered(got: Any, want: Any) -> Any:
    """`got` with the keys of every dict in the order of `want`. The two must have the same structure."""
    if isinstance(want, dict):
        return {key: _ordered(got[key], want[key]) for key in want}
    if isinstance(want, (list, tuple)):
        return [_ordered(g, w) for g, w in zip(got, want, strict=True)]
    return got


def _same_kind(got: Any, want: Any) -> bool:
    if isinstance(want, float):
        return type(got) in (float, int) or (isinstance(got, np.floating))
    return type(got) is type(want)


def _kind(x: Any) -> str:
    if x is None:
        return "None"
    if isinstance(x, Tensor):
        return "a torch.Tensor" if type(x) is Tensor else f"a {type(x).__name__}, not a plain torch.Tensor"
    name = type(x).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _leaf(got: Any, ref: Any, promised: Any, bounds: Iterator[Tensor | None], bits: bool, largest: float) -> Gap | None:
    if isinstance(ref, Tensor):
        return _tensor(got, ref, promised.dtype if isinstance(promised, Tensor) else ref.dtype, bounds, bits)
    if isinstance(ref, float) and not bits:
        got = float(got)
        slack = SLACK * U32 * abs(ref) + U64 * largest if math.isfinite(ref) else 0.0
        ok = got == ref or (got != got and ref != ref) or abs(got - ref) <= slack
        return None if ok else Gap("value", "the value differs")
    return None if same_bits(got, ref) else Gap("value", "the value differs")


def _tensor(got: Tensor, ref: Tensor, dtype: torch.dtype, bounds: Iterator[Tensor | None], bits: bool) -> Gap | None:
    if got.shape != ref.shape:
        return Gap("shape", f"the shape should be {tuple(ref.shape)}, but is {tuple(got.shape)}")
    if got.dtype != dtype:
        return Gap("dtype", f"the dtype should be {dtype}, but is {got.dtype}")
    if got.device != ref.device:
        return Gap("device", f"the result should be on {ref.device}, but is on {got.device}")
    if not got.numel():
        return None
    if bits or not dtype.is_floating_point:
        wrong = (
            (bits_of(got) != bits_of(ref)) & ~(got.isnan() & ref.isnan())
            if bits and dtype.is_floating_point
            else got != ref
        )
        return _worst(wrong, wrong.double()) if wrong.any() else None
    out = got.detach().double()
    for w in bounds:
        ok = within(out, ref, 0.0 if w is None else w, dtype)
        if bool(ok.all()):
            return None
    gap = (out - ref).abs().nan_to_num(math.inf, math.inf, math.inf)
    worst = _worst(~ok, gap)
    if dtype.itemsize == 2 and bool((gap[~ok] <= ulp(ref[~ok], dtype) * 1.5).all()):
        count = f"{int((~ok).sum())} of {ok.numel()}" if ok.dim() else "the only element"
        return Gap("value", f"off by one unit in the last place in {count}: was it rounded twice?", worst.index)
    return worst


def within(out: Tensor, ref: Tensor, w: Tensor | float, dtype: torch.dtype) -> Tensor:
    """Where `out` lies within `w` of `ref`, after rounding to `dtype`. All are float64, but `out` came from `dtype`."""
    info = torch.finfo(dtype)
    if dtype != torch.float16:
        w = w + info.smallest_normal  # flushing a denormal is no mistake in a dtype with a wide range
    size = ref.abs() + w
    ok = (out - ref).abs() <= w + ulp(size, dtype) / 2
    if bool(ok.all()):
        return ok
    ok |= (out == ref) | (out.isnan() & ref.isnan())
    overflows = size >= info.max * (1 + info.eps / 4)
    return ok | (out.isinf() & (out.sign() == ref.sign()) & overflows)


def ulp(x: Tensor, dtype: torch.dtype) -> Tensor:
    """The spacing of the numbers of `dtype` around each |x|, in float64. 0 if x is not finite."""
    info = torch.finfo(dtype)
    power = (x.double().view(torch.int64) & EXPONENT).view(torch.float64)  # the power of two at or below |x|
    return (power.clamp_(min=info.smallest_normal) * info.eps).nan_to_num_(0, 0, 0)


def _worst(wrong: Tensor, by: Tensor) -> Gap:
    score = torch.where(wrong, by, torch.full_like(by, -1.0))
    flat = int(score.reshape(-1).argmax())
    index = tuple(int(i) for i in np.unravel_index(flat, tuple(score.shape))) if score.dim() else ()
    total = int(wrong.sum())
    message = f"{total} of {wrong.numel()} elements differ" if wrong.dim() else "the value differs"
    return Gap("value", message, index)
