"""The message that a learner reads when an answer does not agree."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from msgspec import structs
from torch import Tensor
from torch.utils._pytree import tree_map, tree_structure

from grader.book.own_lines import own_lines
from grader.book.verdict import Evidence, Worst
from grader.checks.agreement import CHANGES
from grader.checks.outcome import Expected, Gap, Outcome
from reference import Oracle

WIDTH = 76  # characters of a line
MAX_LINES = 7  # of one value: the expected one must stay on the screen
MAX_ELEMENTS = 24  # of a tensor that is shown in full


class NotStarted(AssertionError):
    """The function is still the stub. With `imported`, an id, it is another koan's function that the answer calls."""

    def __init__(self, function: str, imported: str = "") -> None:
        self.imported = imported
        super().__init__(f"not started: {imported or function} still raises NotImplementedError")


class Message(NamedTuple):
    """What one failure shows: the whole text, its first sentence, and the function that failed.

    `looks` describes the mistakes that the failure looks like, by name. The text does not mention them, because another
    failure may rule them out. `inputs` are the (args, kwargs) that the text shows, if it shows a call. `evidence` has
    the parts of the text, if they are more than its first sentence.
    """

    text: str
    sentence: str
    looks: Mapping[str, str]
    function: str = ""
    inputs: tuple[Any, Any] | None = None
    evidence: Evidence | None = None


class Disagreement(AssertionError):
    """An answer of `fn` that disagrees with the oracle.

    The message is written when it is first read: hypothesis raises many of these errors while it looks for a smaller
    example, and reads one.
    """

    def __init__(self, write: Callable[[], Message], fn: Callable[..., Any] | None = None) -> None:
        super().__init__()
        self.fn = fn
        self._write = write

    @cached_property
    def message(self) -> Message:
        return self._write()

    def __str__(self) -> str:
        return self.message.text


def write_message(
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    actual: Outcome,
    expected: Expected,
    gap: Gap,
    looks: Mapping[str, str],
    oracle: Oracle[..., Any],
    *,
    smaller: bool,
) -> Message:
    """The message for a gap: headline, inputs, expected and actual value.

    `looks` describes the mistakes that the failure looks like, by name. `smaller`: the inputs are smaller than the
    inputs of the test.
    """
    function = oracle.__name__
    arguments = _arguments(args, kwargs, oracle)
    if gap.kind == "mutated":
        which = str(actual.mutated)
        changed = arguments[int(which)][0] if which.isdigit() else which
        gap = replace(gap, message=f"the result is right, but {changed} {CHANGES[actual.change]}")
    sentence = f"{function}: {gap.message}"
    values = {name: _shown(value, strides=True) for name, value in arguments}
    evidence = Evidence(what=sentence, function=function, arguments=values, smaller=smaller)
    lines = [sentence, ""]
    note = "  - a smaller form of the test's input" if smaller else ""
    lines += [f"  {function}({', '.join(values)}){note}"]
    lines += [_entry(f"    {name} =", text) for name, text in values.items()]
    if gap.table:
        evidence = structs.replace(evidence, table=tuple(gap.table))
        return Message("\n".join([*lines, "", *gap.table]), sentence, looks, function, evidence=evidence)
    evidence = structs.replace(
        evidence,
        expected=_shown(_outcome(expected.outcome, expected.native)),
        actual=_shown(_outcome(actual, actual)),
        worst=_worst(actual, expected, gap),
    )
    lines += [_entry("  expected", evidence.expected), _entry("  actual  ", evidence.actual)]
    if (worst := evidence.worst) is not None:
        lines += [f"  worst at {list(worst.index)}: expected {worst.expected}, got {worst.actual}"]
    if actual.error is not None:
        lines += [*_learner_lines(actual.error)]
    lines += [f"  {line}" for line in _unwritten(actual)]
    return Message("\n".join(lines), sentence, looks, function, evidence=evidence)


def _worst(actual: Outcome, expected: Expected, gap: Gap) -> Worst | None:
    """The element at the gap's index, if the gap has one and both values are tensors."""
    if not gap.index or not _tensors(actual, expected):
        return None
    got, want = actual.value[gap.index].item(), expected.outcome.value[gap.index].item()
    return Worst(gap.index, _number(want), _number(got), _number(abs(got - want)))


def _unwritten(actual: Outcome) -> list[str]:
    """A sentence for each output with elements that no program of a kernel wrote."""
    stored = [m.coverage for m in actual.traffic.moved.values() if m.coverage] if actual.traffic else []
    return [c.problem() for c in stored if c.unwritten]


def _tensors(actual: Outcome, expected: Expected) -> bool:
    return isinstance(actual.value, Tensor) and isinstance(expected.outcome.value, Tensor)


def _arguments(args: Sequence[Any], kwargs: Mapping[str, Any], oracle: Oracle[..., Any]) -> list[tuple[str, Any]]:
    """Each argument with its name."""
    names = list(inspect.signature(oracle.fn).parameters)
    names += [f"argument {i + 1}" for i in range(len(names), len(args))]
    return [*zip(names, args, strict=False), *kwargs.items()]


def _shown(value: Any, *, strides: bool = False) -> str:
    """The text of a value, of at most MAX_LINES lines."""
    text = value if isinstance(value, _Verbatim) else show(value, strides=strides)
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        return "\n".join([*lines[: MAX_LINES - 1], f"… {len(lines) - MAX_LINES + 1} more lines"])
    return str(text)


def _entry(label: str, text: str) -> str:
    return label + " " + textwrap.indent(text, " " * (len(label) + 1)).lstrip()


class _Verbatim(str):
    """Text that is shown as it is."""


def _outcome(outcome: Outcome, native: Outcome) -> Any:
    if outcome.error is not None:
        text = str(outcome.error).strip()
        name = getattr(outcome.error, "summary", type(outcome.error).__name__)
        return _Verbatim(name + (f": {text}" if text else ""))
    if native.error is None and tree_structure(outcome.value) == tree_structure(native.value):
        return tree_map(_in_promised_dtype, outcome.value, native.value)
    return outcome.value


def _in_promised_dtype(x: Any, promised: Any) -> Any:
    return x.detach().to(promised.dtype) if isinstance(x, Tensor) and isinstance(promised, Tensor) else x


def show(value: Any, *, strides: bool = False) -> str:
    """A value as Python text. Tensors have their dtype, and with `strides` also their strides if not contiguous."""
    if isinstance(value, Tensor):
        with torch._tensor_str.printoptions(
            precision=5, threshold=MAX_ELEMENTS, edgeitems=3, linewidth=WIDTH - 16, sci_mode=None
        ):
            text = _tensor_text(value)
        return text if value.is_contiguous() or not strides else f"{text}  (strides {tuple(value.stride())})"
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=MAX_ELEMENTS, max_line_width=WIDTH - 16) + f" ({value.dtype})"
    if isinstance(value, dict) and value:
        return "{" + ",\n ".join(f"{k!r}: {show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)) and any(isinstance(x, (Tensor, np.ndarray)) for x in value):
        inner = ",\n ".join(show(x) for x in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    text = repr(value)
    return text if len(text) <= 400 else text[:380] + f" … ({len(text)} characters)"


def _tensor_text(value: Tensor) -> str:
    """`tensor(...)` with its dtype always, and with its shape when it is abbreviated."""
    text = repr(value.detach())
    if "dtype=" not in text:
        text = text[:-1] + f", dtype={value.dtype})"
    if value.numel() > MAX_ELEMENTS:
        text += f"  shape {tuple(value.shape)}"
    return text.replace("torch.", "")


def _number(x: Any) -> str:
    return f"{x:.6g}" if isinstance(x, float) else str(x)


def _learner_lines(error: BaseException) -> list[str]:
    """The last three lines of a traceback that are the learner's own. Those of the grader and of torch do not help."""
    own = own_lines(error)
    if isinstance(error, RecursionError):
        own = own[:1]
    lines = [f"  at {line.file}:{line.number}: {line.text}" for line in own[-3:]]
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        lines += ["  the memory of a run is limited: does a size grow with the square of a length?"]
    return lines
