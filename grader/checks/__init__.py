"""What a test asserts with.

    agrees(softmax, x, dim=0, with_=oracle)     within the oracle's own uncertainty; integers, text and errors exactly
    exact(bf16, x, with_=oracle)                to the bit, in the dtypes of the inputs
    traffic(kernel, x, with_=oracle)            like agrees, and a kernel moves no more bytes than the oracle's traffic
    tuned(kernel, x, with_=oracle)              the same with CONFIG and with each choice of TUNE
    compiles(kernel, x, with_=oracle, wgmma=True, spills=0)     what a kernel becomes on an H100, compiled without one
    fast(kernel, like(64, 64), with_=oracle, at_least={"torch": 0.8})     and how fast it is, where there is a GPU

Each check calls the learner's function once, with a copy of the inputs. It compares the result, its type and its
dtype with the oracle's, and makes sure that the call did not change its copy. On a mismatch the message says which
known wrong answer the result looks like, the smallest input found that shows the mistake, and what to do next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from grader.book.own_lines import unwritten
from grader.checks import compilation, misconceptions, throughput
from grader.checks.agreement import call, compare, expect
from grader.checks.copies import clone
from grader.checks.general_mistakes import general_mistakes
from grader.checks.inputs import KINDS, randn, seeded, signal, strided
from grader.checks.kernel_sizes import beyond_a_block, beyond_any_block
from grader.checks.message import Disagreement, Message, NotStarted, write_message
from grader.checks.outcome import Expected, Gap, Outcome
from grader.checks.pytree import leaves
from grader.checks.run_context import PassedCheck, current
from grader.checks.shrinking import shrink
from grader.kernels import triton_version
from grader.kernels.kernel_function import CONFIG
from reference import Oracle

if TYPE_CHECKING:
    from grader.gpu.job import Input

__all__ = [
    "KINDS",
    "Disagreement",
    "NotStarted",
    "agrees",
    "beyond_a_block",
    "beyond_any_block",
    "compiles",
    "exact",
    "fast",
    "randn",
    "seeded",
    "signal",
    "strided",
    "traffic",
    "tuned",
]

AnyOracle = Oracle[..., Any]
YOUR_TURN = "your turn"  # the text of the error that a stub raises
# No honest formula was seen to widen the bound by more than 600 times: exp(x − logsumexp) at logits of 1e4.
WIDEST = 4096.0
MAX_PASSED = 64  # passed checks that are remembered for each function, to rule out wrong answers
DECIMALS = 4  # precision of a result written out in a test; that result is for the reader, and the oracle decides


def agrees(
    fn: Callable[..., Any],
    *inputs: Any,
    with_: AnyOracle,
    gives: Any = None,
    memory: int | None = None,
    **kwargs: Any,
) -> None:
    """Assert that `fn(*inputs, **kwargs)` agrees with the oracle. If the oracle raises an error, `fn` must too.

    `gives` writes the result out for the reader (tensors as nested lists, to four decimals); it is checked against the
    oracle. `memory` is the number of bytes that the call may map beyond its inputs; the operating system enforces it.
    Raises Disagreement, or NotStarted for a stub.
    """
    __tracebackhide__ = True
    _check(fn, inputs, kwargs, with_, gives, bits=False, memory=memory)


def exact(fn: Callable[..., Any], *inputs: Any, with_: AnyOracle, gives: Any = None, **kwargs: Any) -> None:
    """Like `agrees`, but every bit counts: for koans about rounding itself. All NaNs are equal."""
    __tracebackhide__ = True
    _check(fn, inputs, kwargs, with_, gives, bits=True)


def traffic(fn: Callable[..., Any], *inputs: Any, with_: AnyOracle) -> None:
    """Like `agrees`, and the kernels load and store no more bytes of any argument than `@oracle.traffic` allows."""
    __tracebackhide__ = True
    _check(fn, inputs, {}, with_, None, bits=False, count_traffic=True)


def tuned(fn: Any, *inputs: Any, with_: AnyOracle) -> None:
    """Like `traffic`, with the kernel's CONFIG and with each choice of TUNE that changes more than warps and stages.

    A GPU takes the fastest choice, so a kernel must be right with all of them. Bytes count if the koan has a traffic.
    """
    __tracebackhide__ = True
    for kwargs in ({}, *({CONFIG: choice} for choice in fn.choices)):
        _check(fn, inputs, kwargs, with_, None, bits=False, count_traffic=with_.moves is not None)


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
    """Assert that the kernels that `fn(*inputs)` would launch compile for `arch` (sm_90 is an H100).

    The same launch also runs in the tile machine, on random numbers, and must agree with the oracle. Without the parts
    that no program of it reaches, the kernels must fulfill the requirements too. They must fit into the GPU's shared
    memory and spill at most `spills` bytes per thread. If `wgmma`, they must use its tensor cores, on `operands`
    ("bf16", "e4m3", ...). With `refused` they must not compile, and the compiler's error must contain that text.
    Compiling takes a second or two, so only kernels that passed all earlier checks are compiled. Skips the test if the
    compiler cannot be run here, or if no compiler that fits is installed; then the launch runs all the same. Raises
    Disagreement.
    """
    __tracebackhide__ = True
    if fn in current().failed:
        raise Disagreement(lambda: _waits(fn, with_, "compiled"))
    required = compilation.Requirements(arch, wgmma, spills, operands, refused)
    if triton_version.unfit() and refused is None:
        _reached(fn, compilation.drawn(inputs), with_)  # what needs no compiler is checked everywhere
    compilation.need_compiler()
    with compilation.skipping():
        shortfall = compilation.shortfall_of(fn, inputs, required)
    if shortfall is None and refused is None:
        reached = _reached(fn, compilation.drawn(inputs), with_)
        with compilation.skipping():
            shortfall = compilation.shortfall_as_run(fn, inputs, required, reached)
    if shortfall is None:
        return
    # Trying a name costs a compilation.
    wrongs = [
        v for v in with_.wrongs.values() if all(misconceptions.passes(v, with_, fn, p) for p in current().passed[fn])
    ]
    names = [
        v
        for v in wrongs
        if compilation.same_faults(shortfall, misconceptions.as_function(v, with_, fn), inputs, required)
    ]
    if names and compilation.right_kernels_do_it(shortfall, fn, inputs, required):
        names = [v for v in names if v.config]  # CONFIG is at fault, and no kernel
    current().looks[fn].append({v.name: True for v in names})
    # It is not compiled for another GPU: a kernel that spills can take 14 s to compile.
    current().failed[fn] = with_
    raise Disagreement(lambda: compilation.message(shortfall, names, with_.__name__))


def fast(
    fn: Callable[..., Any],
    *inputs: Input,
    with_: AnyOracle,
    at_least: Mapping[str, float],
    only: Sequence[str] = (),
) -> None:
    """Assert that on this GPU the kernels of `fn` reach a share of the speed of the oracle's baselines.

    `at_least` maps the name of a baseline to the ratio wanted. `inputs` describe tensors (`like(16, 4096, 64)`): every
    timed call gets fresh ones, and its output is checked. `only` names the kernels that are timed; all, if it is empty.
    Only kernels that passed all earlier checks are timed. Raises Disagreement.
    """
    __tracebackhide__ = True
    if fn in current().failed:
        raise Disagreement(lambda: _waits(fn, with_, "timed"))
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
    count_traffic: bool = False,
) -> None:
    __tracebackhide__ = True
    pristine: tuple[Any, Any] = clone((inputs, kwargs))  # the test may change its own inputs after this check
    actual, expected = _answers(fn, oracle, pristine, bits=bits, memory=memory, count_traffic=count_traffic)
    gap = compare(actual, expected)
    widened = gap is not None and _agrees_with_other_formulas(gap, actual, expected, oracle, pristine, bits)
    if gives is not None:
        _check_example(expected, gives)
    if gap is None or widened:
        passed = current().passed[fn]
        if gap is None and len(passed) < MAX_PASSED:
            passed.append(PassedCheck(*pristine, expected))
        return
    current().failed[fn] = oracle
    if _in_hypothesis():  # the message is written later; until then a later call could change the value
        actual = replace(actual, value=clone(actual.value))
    disagreement = Disagreement(
        lambda: _message(fn, oracle, _Failure(pristine, actual, expected, gap), bits, memory), fn
    )
    if not _in_hypothesis():
        disagreement.message  # noqa: B018 - written now, within the time and memory limits of the test
    raise disagreement from actual.error  # a debugger starts where the error was raised


def _reached(fn: Any, inputs: tuple[Any, ...], oracle: AnyOracle) -> Mapping[str, Set[int]]:
    """The parts of the kernels that a call with these inputs reaches. Raises Disagreement if its result is wrong."""
    __tracebackhide__ = True
    reached: dict[str, set[int]] = {}
    if compare(call(fn.watched(reached), inputs, {}), expect(oracle, inputs, {})) is not None:
        _check(fn, inputs, {}, oracle, None, bits=False)  # also tries the bound of other formulas
    return reached


def _answers(
    fn: Callable[..., Any],
    oracle: AnyOracle,
    inputs: tuple[Any, Any],
    *,
    bits: bool,
    memory: int | None,
    count_traffic: bool,
) -> tuple[Outcome, Expected]:
    """What `fn` gives for the inputs (args, kwargs) and what the oracle expects. Raises NotStarted for a stub."""
    __tracebackhide__ = True

    def ask_oracle() -> Expected:
        expected = expect(oracle, *inputs, bits=bits)
        if count_traffic:
            moves = oracle.moves
            assert moves is not None, f"reference: {oracle.__name__} has no @{oracle.__name__}.traffic"
            expected = replace(expected, moves=lambda config: moves(config, *inputs[0]))
        return expected

    variant = misconceptions.variant_of(fn, oracle)
    digest = None if variant is None else current().digest(inputs)
    if variant is not None and digest is not None:  # other runs look for this wrong answer too: its result is cached
        expected = ask_oracle()
        actual = misconceptions.result_of(variant, oracle, fn, inputs, expected, digest, memory).outcome
    else:
        actual = call(fn, *inputs, memory)
        if isinstance(actual.error, NotImplementedError) and YOUR_TURN in str(actual.error):
            raise NotStarted(oracle.__name__, unwritten(actual.error)) from None
        expected = ask_oracle()
    return actual, expected


def _message(fn: Callable[..., Any], oracle: AnyOracle, failure: _Failure, bits: bool, memory: int | None) -> Message:
    """What the learner reads about a failure. Adds the wrong answers it looks like to the run."""
    run, possible = current(), misconceptions.candidates(fn)
    tried = possible
    if memory is not None and possible is None:  # calls with a limit on memory are long, so only a few are made
        tried = dict.fromkeys(misconceptions.not_ruled_out(fn, oracle), False)
    looks = misconceptions.look_alikes(fn, failure.actual, oracle, failure.inputs, failure.expected, memory, tried)
    general = general_mistakes(failure.inputs, failure.actual, failure.expected, failure.gap)
    run.looks[fn].append({**dict.fromkeys(general, False), **looks})
    descriptions = general | {name: oracle.wrongs[name].says for name in looks}
    if run.brief and possible is not None:
        # The verdict shows the message of the first failure (grader.book.verdict.judge), so one line is enough here.
        sentence = f"{oracle.__name__}: {failure.gap.message}"
        return Message(sentence, sentence, descriptions, oracle.__name__)
    original_inputs = failure.inputs
    shrinks = run.shrinks and not run.brief and memory is None and not _in_hypothesis()
    if shrinks and failure.gap.kind in ("value", "raises"):
        failure = _shrunk(fn, oracle, failure, looks, bits)
    message = write_message(
        *failure.inputs,
        failure.actual,
        failure.expected,
        failure.gap,
        descriptions,
        oracle,
        smaller=failure.inputs is not original_inputs,
    )
    return message._replace(inputs=failure.inputs)


def _waits(fn: Callable[..., Any], oracle: AnyOracle, to_be: str) -> Message:
    """The message of a check that is not made before the others pass. It rules out no name."""
    found = misconceptions.candidates(fn) or {}
    looks = {name: variant.says for name, variant in oracle.wrongs.items() if name in found}
    return Message(f"{oracle.__name__}: not {to_be} before the other tests pass", "", looks, oracle.__name__)


class _Failure(NamedTuple):
    """Inputs on which a function disagrees with the oracle, and how."""

    inputs: tuple[Any, Any]  # args, kwargs
    actual: Outcome
    expected: Expected
    gap: Gap


def _agrees_with_other_formulas(
    gap: Gap, actual: Outcome, expected: Expected, oracle: AnyOracle, inputs: Any, bits: bool
) -> bool:
    """Does the answer agree once the bound also covers the other honest formulas (`@prescribed` and `@right`)?

    Measuring those is expensive, so it is done only if the answer is near the bound.
    """
    if gap.kind != "value" or bits or not oracle.formulas:
        return False
    if compare(actual, expected.widened(WIDEST)) is not None:
        return False
    return compare(actual, expect(oracle, *inputs, widen=True)) is None


def _shrunk(
    fn: Callable[..., Any], oracle: AnyOracle, failure: _Failure, looks: Collection[str], bits: bool
) -> _Failure:
    """The same failure on the smallest inputs found, or the failure itself.

    The time for it is limited per function, so late failures are not shrunk.
    """
    best = failure

    def fails(smaller: tuple[Any, Any]) -> bool:
        nonlocal best
        actual = call(fn, *smaller)
        expected = expect(oracle, *smaller, bits=bits)
        gap = compare(actual, expected)
        if gap is None or gap.kind != failure.gap.kind or expected.outcome.error is not None:
            return False
        if type(actual.error) is not type(failure.actual.error):
            return False
        if looks and not misconceptions.look_alikes(fn, actual, oracle, smaller, expected, candidates=looks):
            return False
        best = _Failure(smaller, actual, expected, gap)
        return True

    if failure.expected.outcome.error is None:
        shrink(fn, failure.inputs, fails)
    if best is failure:
        return failure
    honest = _agrees_with_other_formulas(best.gap, best.actual, best.expected, oracle, best.inputs, bits)
    return failure if honest else best


def _in_hypothesis() -> bool:
    from hypothesis import currently_in_test_context  # a large library, needed only after a failure

    return bool(currently_in_test_context())


def _check_example(expected: Expected, gives: Any) -> None:
    """Assert that a result written into a test is the oracle's, to DECIMALS."""
    want = expected.outcome
    if want.error is not None:
        raise AssertionError(f"the oracle raises {want.error!r}; the test says it gives {gives}")
    values, written = leaves(_as_lists(want.value)), leaves(gives)
    if len(values) != len(written) or not all(map(_matches_example, values, written)):
        raise AssertionError(f"the oracle gives {_as_lists(want.value)}; the test says {gives}")


def _as_lists(x: Any) -> Any:
    """A value with every tensor as nested lists."""
    if isinstance(x, Tensor):
        return x.double().tolist() if x.is_floating_point() else x.tolist()
    if isinstance(x, (list, tuple)):
        return [_as_lists(y) for y in x]
    if isinstance(x, dict):
        return {k: _as_lists(v) for k, v in x.items()}
    return x


def _matches_example(value: Any, written: Any) -> bool:
    if isinstance(value, (torch.dtype, str)):
        return bool(value == written)
    if isinstance(value, float) and not math.isfinite(value):
        return bool(value == written) or bool(value != value and written != written)
    if isinstance(value, float):
        return bool(abs(value - written) <= 0.5 * 10**-DECIMALS * max(1.0, abs(value)))
    return bool(value == written)
