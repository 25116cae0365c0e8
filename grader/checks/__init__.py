"""What a test asserts with.

    agrees(softmax, x, dim=0, with_=oracle)     within the oracle's own uncertainty; integers, text and errors exactly
    exact(bf16, x, with_=oracle)                to the bit, in the dtypes of the inputs
    traffic(kernel, x, with_=oracle)            like agrees, and a kernel moves no more bytes than the oracle's traffic
    compiles(kernel, x, with_=oracle, wgmma=True, spills=0)     what a kernel becomes on an H100, compiled without one
    fast(kernel, like(64, 64), with_=oracle, at_least={"torch": 0.8})     and how fast it is, where there is a GPU

All call the learner's function once, look at its result, its type, its dtype and its inputs afterwards, and on a
mismatch say which known wrong answer it looks like, the smallest input found that shows it, and what to do next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from grader.book.verdict import looks_like
from grader.checks import compilation, naming, throughput
from grader.checks.agreement import call, clone, compare, expect
from grader.checks.context import PassedCheck, current
from grader.checks.inputs import KINDS, randn, seeded, signal, strided
from grader.checks.message import Disagreement, Message, NotStarted, tell
from grader.checks.outcome import Expected, Gap, Outcome
from grader.checks.pytree import leaves
from grader.checks.shrinking import shrink
from reference import Oracle, Variant

if TYPE_CHECKING:
    from grader.gpu.job import Input

__all__ = [
    "KINDS",
    "Disagreement",
    "NotStarted",
    "agrees",
    "compiles",
    "exact",
    "fast",
    "randn",
    "seeded",
    "signal",
    "strided",
    "traffic",
]

AnyOracle = Oracle[..., Any]
YOUR_TURN = "your turn"  # what a stub raises
NEAR = 4096.0  # no honest formula was seen to widen the bound further: exp(x − logsumexp) at logits of 1e4 takes 600
REMEMBERED = 64  # passed checks kept to tell look-alikes apart
ENOUGH = 3  # failures with a name, before further ones are held against these names alone
DECIMALS = 4  # of a result written out in a test: it is there to be read; the oracle decides


def agrees(
    fn: Callable[..., Any],
    *inputs: Any,
    with_: AnyOracle,
    gives: Any = None,
    memory: int | None = None,
    **kwargs: Any,
) -> None:
    """`fn(*inputs, **kwargs)` agrees with the oracle, which may also ask for an error.

    `gives` spells the result out for a reader (tensors as nested lists, to four decimals) and is held against the
    oracle. `memory` is how many bytes the call may map beyond its inputs; the kernel enforces it. Raises Disagreement,
    or NotStarted for a stub.
    """
    __tracebackhide__ = True
    _check(fn, inputs, kwargs, with_, gives, bits=False, memory=memory)


def exact(fn: Callable[..., Any], *inputs: Any, with_: AnyOracle, gives: Any = None, **kwargs: Any) -> None:
    """Like `agrees`, but every bit counts: for koans whose subject is the rounding itself. NaNs count as equal."""
    __tracebackhide__ = True
    _check(fn, inputs, kwargs, with_, gives, bits=True)


def traffic(fn: Callable[..., Any], *inputs: Any, with_: AnyOracle) -> None:
    """Like `agrees`, and the kernels load and store no more bytes of any argument than `@oracle.traffic` derives."""
    __tracebackhide__ = True
    _check(fn, inputs, {}, with_, None, bits=False, counted=True)


def compiles(
    fn: Callable[..., Any],
    *inputs: Any,
    with_: AnyOracle,
    arch: str = "sm_90",
    wgmma: bool | None = None,
    spills: int | None = 0,
    operands: str | None = None,
    refused: str | None = None,
) -> None:
    """The kernels that `fn(*inputs)` would launch compile for an H100 (sm_90), with no GPU here and nothing run.

    They fit into its shared memory, keep at most `spills` bytes a thread outside registers, and use its tensor cores
    if `wgmma`, on `operands` ("bf16", "e4m3", ...). With `refused` they must not compile, and the compiler say that.
    Compiling takes a second or two, so it is asked only of kernels that passed what was checked before.
    """
    __tracebackhide__ = True
    if fn in current().failed:
        looks = {v.name: v.says for v in with_.wrongs.values() if v.name in _agreed(fn)}
        raise Disagreement(lambda: Message(f"{with_.__name__}: not compiled before the other tests pass", "", looks))
    wanted = compilation.Wanted(arch, wgmma, spills, operands, refused)
    unfit = compilation.unfit_for(wanted, fn, inputs)
    if unfit is None:
        return
    possible = _still_possible(fn, enough=1)  # each costs a compilation
    wrongs = [v for v in with_.wrongs.values() if possible is None or v.name in possible]
    wrongs = [v for v in wrongs if all(naming.passes(v, with_, fn, p) for p in current().passed[fn])]
    names = [v for v in wrongs if compilation.alike(unfit, naming.as_function(v, with_, fn), inputs, wanted)]
    current().named[fn].append({v.name for v in names})
    current().failed.add(fn)  # nor is it compiled for another GPU: what spills can take a compiler 14 s
    raise Disagreement(lambda: compilation.told(unfit, names, with_.__name__))


def fast(
    fn: Callable[..., Any],
    *inputs: Input,
    with_: AnyOracle,
    at_least: Mapping[str, float],
    only: Sequence[str] = (),
) -> None:
    """On this GPU the kernels of `fn` reach these ratios of the speed of the oracle's baselines, by name.

    `inputs` describe tensors (`like(16, 4096, 64)`), drawn anew for every timed call, whose output is looked at each
    time. `only`: the kernels that are timed, if not all. Asked only of kernels that passed what was checked before.
    """
    __tracebackhide__ = True
    if fn in current().failed:
        raise Disagreement(lambda: Message(f"{with_.__name__}: not timed before the other tests pass", "", {}))
    throughput.fast(fn, *inputs, with_=with_, at_least=at_least, only=only)


def _check(
    fn: Callable[..., Any],
    inputs: Any,
    kwargs: dict[str, Any],
    oracle: AnyOracle,
    gives: Any,
    *,
    bits: bool,
    memory: int | None = None,
    counted: bool = False,
) -> None:
    __tracebackhide__ = True
    pristine: tuple[Any, Any] = clone((inputs, kwargs))
    digest = current().digest(pristine)

    def asked() -> Expected:
        expected = expect(oracle, *clone(pristine), bits=bits)
        if counted:
            moves = oracle.moves
            assert moves is not None, f"reference: {oracle.__name__} has no @{oracle.__name__}.traffic"
            expected = replace(expected, moves=lambda config: moves(config, *pristine[0]))
        return expected

    ours = naming.variant_of(fn, oracle) if digest is not None else None
    if ours is not None:  # look-alikes of other runs have asked for the same, or will
        expected = asked()
        actual = naming.seen(ours, oracle, fn, pristine, expected, digest, memory).outcome
    else:
        # A kernel can read what lies between the elements of a view: let it be what the look-alikes will find there.
        args, named = clone(pristine) if oracle.launch is not None else (inputs, kwargs)
        actual = call(fn, args, named, memory)
        if isinstance(actual.error, NotImplementedError) and YOUR_TURN in str(actual.error):
            raise NotStarted(oracle.__name__) from None
        expected = asked()
    gap = compare(actual, expected)
    if gap is not None and _honest_otherwise(gap, actual, expected, oracle, pristine, bits):
        gap = None
    if gives is not None:
        _hold_to_example(expected, gives)
    if gap is None:
        passed = current().passed[fn]
        if len(passed) < REMEMBERED:
            passed.append(PassedCheck(*pristine, expected, digest))
        return
    current().failed.add(fn)
    disagreement = Disagreement(lambda: _told(fn, oracle, _Failure(pristine, actual, expected, gap), bits, memory))
    if not _in_hypothesis():
        disagreement.told  # noqa: B018 - now, within the test's own limits
    raise disagreement from None


def _told(fn: Callable[..., Any], oracle: AnyOracle, found: _Failure, bits: bool, memory: int | None) -> Message:
    run = current()
    names = naming.look_alikes(
        fn, found.actual, oracle, found.inputs, found.expected, run.passed[fn], memory, _still_possible(fn)
    )
    earlier, mine = run.named[fn].copy(), {v.name for v in names}
    run.named[fn].append(mine)
    given = found.inputs
    if not run.brief and memory is None and found.gap.kind in ("value", "raises") and not _in_hypothesis():
        found = _smallest(fn, oracle, found, names, bits)
    smaller = found.inputs is not given
    if (
        run.brief and mine and any(mine <= other for other in earlier)
    ):  # that one is read first: see grader.book.verdict.judge
        looks = {v.name: v.says for v in names}
        says = looks_like(list(looks.values()))
        return Message(says, says, looks)
    return tell(
        *found.inputs, found.actual, found.expected, found.gap, [v.name for v in names], oracle, smaller=smaller
    )


def _still_possible(fn: Any, enough: int = ENOUGH) -> set[str] | None:
    """The names that earlier failures of this function gave, once enough have given one: the answer is among them."""
    named = [names for names in current().named[fn] if names]
    return set().union(*named) if len(named) >= enough else None


def _agreed(fn: Any) -> set[str]:
    """The names that all failures so far allow, of those that allow any."""
    named = [names for names in current().named[fn] if names]
    return set.intersection(*named) if named else set()


class _Failure(NamedTuple):
    inputs: tuple[Any, Any]  # args, kwargs
    actual: Outcome
    expected: Expected
    gap: Gap


def _honest_otherwise(
    gap: Gap, actual: Outcome, expected: Expected, oracle: AnyOracle, inputs: Any, bits: bool
) -> bool:
    """Does the answer agree once the oracle's other honest formulas are measured too? Dear, so asked only if near."""
    if gap.kind != "value" or bits or oracle.launch is not None or not oracle.rights:
        return False
    if compare(actual, expected.widened(NEAR)) is not None:
        return False
    return compare(actual, expect(oracle, *clone(inputs), widen=True)) is None


def _smallest(fn: Callable[..., Any], oracle: AnyOracle, found: _Failure, names: list[Variant], bits: bool) -> _Failure:
    """The same failure on smaller inputs, as far as a learner's patience allows; only the first failures are shrunk."""
    best = found

    def fails(smaller: tuple[Any, Any]) -> bool:
        nonlocal best
        actual = call(fn, *clone(smaller))
        expected = expect(oracle, *clone(smaller), bits=bits)
        gap = compare(actual, expected)
        if gap is None or gap.kind != found.gap.kind or expected.outcome.error is not None:
            return False
        if type(actual.error) is not type(found.actual.error):
            return False
        if names and names[0] not in naming.look_alikes(fn, actual, oracle, smaller, expected):
            return False
        best = _Failure(smaller, actual, expected, gap)
        return True

    if found.expected.outcome.error is None:
        shrink(fn, found.inputs, fails)
    if best is found:
        return found
    honest = _honest_otherwise(best.gap, best.actual, best.expected, oracle, best.inputs, bits)
    return found if honest else best


def _in_hypothesis() -> bool:
    from hypothesis import currently_in_test_context

    return bool(currently_in_test_context())


def _hold_to_example(expected: Expected, gives: Any) -> None:
    """A result written into a test must be what the oracle says, to the decimals shown."""
    want = expected.outcome
    if want.error is not None:
        raise AssertionError(f"the oracle raises {want.error!r}; the test says it gives {gives}")
    shown = leaves(_plain(want.value)), leaves(gives)
    same = len(shown[0]) == len(shown[1]) and all(map(_reads_as, *shown))
    if not same:
        raise AssertionError(f"the oracle gives {_plain(want.value)}; the test says {gives}")


def _plain(x: Any) -> Any:
    if isinstance(x, Tensor):
        return x.double().tolist() if x.is_floating_point() else x.tolist()
    if isinstance(x, (list, tuple)):
        return [_plain(y) for y in x]
    if isinstance(x, dict):
        return {k: _plain(v) for k, v in x.items()}
    return x


def _reads_as(value: Any, shown: Any) -> bool:
    if isinstance(value, (torch.dtype, str)):
        return bool(value == shown)
    if isinstance(value, float) and not math.isfinite(value):
        return bool(value == shown) or bool(value != value and shown != shown)
    if isinstance(value, float):
        return bool(abs(value - shown) <= 0.5 * 10**-DECIMALS * max(1.0, abs(value)))
    return bool(value == shown)
