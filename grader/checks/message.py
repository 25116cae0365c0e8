"""What a learner reads when an answer does not agree."""

from __future__ import annotations

import os
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map, tree_structure

from grader.book.verdict import looks_like
from grader.checks.outcome import Expected, Gap, Outcome
from reference import Oracle

WIDTH = 76
LINES = 7  # of one value: what is expected must stay on the screen
FEW = 24  # elements shown in full


class NotStarted(AssertionError):
    """The stub has not been touched."""

    def __init__(self, function: str) -> None:
        super().__init__(f"not started: {function} still raises its 'your turn'")


class Message(NamedTuple):
    """The whole text, the headline it starts with, and the wrong answers the failure looks like, with what they say."""

    text: str
    sentence: str
    looks: Mapping[str, str]


class Disagreement(AssertionError):
    """An answer that is not the oracle's. What it says is worked out when first asked for: hypothesis raises many of
    these while it looks for a smaller example, and reads one."""

    def __init__(self, tell: Callable[[], Message]) -> None:
        super().__init__()
        self._tell = tell

    @cached_property
    def told(self) -> Message:
        return self._tell()

    def __str__(self) -> str:
        return self.told.text


def tell(
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    actual: Outcome,
    expected: Expected,
    gap: Gap,
    names: Sequence[str],
    oracle: Oracle[..., Any],
    *,
    smaller: bool,
) -> Message:
    """Headline (which wrong answer it looks like, if one matches), smallest input, expected and actual."""
    function = oracle.__name__
    shown = _arguments(args, kwargs, oracle)
    if gap.kind == "mutated":
        which = str(actual.mutated)
        changed = shown[int(which)][0] if which.isdigit() else which
        gap = replace(gap, says=f"the result is right, but {changed} was changed by the call; work on a copy")
    looks = {name: oracle.wrongs[name].says for name in names}
    sentence = looks_like(list(looks.values())) if looks else f"{function}: {gap.says}"
    lines = [sentence, ""]
    if names:
        lines += [f"  {function}: {gap.says}"]
    note = "  - the test's input made smaller" if smaller else ""
    lines += [f"  {function}({', '.join(name for name, _ in shown)}){note}"]
    lines += [_entry(f"    {name} =", value, strides=True) for name, value in shown]
    if gap.table:
        return Message("\n".join([*lines, "", *gap.table]), sentence, looks)
    lines += [_entry("  expected", _outcome(expected.outcome, expected.native))]
    lines += [_entry("  actual  ", _outcome(actual, actual))]
    if gap.index and _tensors(actual, expected):
        got, want = actual.value[gap.index].item(), expected.outcome.value[gap.index].item()
        lines += [f"  worst at {list(gap.index)}: expected {_number(want)}, got {_number(got)}"]
    if actual.error is not None:
        lines += [*_where(actual.error)]
    lines += [f"  {line}" for line in _unwritten(actual)]
    return Message("\n".join(lines), sentence, looks)


def _unwritten(actual: Outcome) -> list[str]:
    """Elements of a result that no program of a kernel wrote."""
    stored = [m.coverage for m in actual.traffic.moved.values() if m.coverage] if actual.traffic else []
    return [c.says() for c in stored if c.unwritten]


def _tensors(actual: Outcome, expected: Expected) -> bool:
    return isinstance(actual.value, Tensor) and isinstance(expected.outcome.value, Tensor)


def _arguments(args: Sequence[Any], kwargs: Mapping[str, Any], oracle: Oracle[..., Any]) -> list[tuple[str, Any]]:
    import inspect

    names = list(inspect.signature(oracle.fn).parameters)
    names += [f"argument {i + 1}" for i in range(len(names), len(args))]
    return [*zip(names, args, strict=False), *kwargs.items()]


def _entry(label: str, value: Any, *, strides: bool = False) -> str:
    text = value if isinstance(value, _Said) else show(value, strides=strides)
    lines = text.splitlines()
    if len(lines) > LINES:
        text = "\n".join([*lines[: LINES - 1], f"… {len(lines) - LINES + 1} more lines"])
    return label + " " + textwrap.indent(text, " " * (len(label) + 1)).lstrip()


class _Said(str):
    """Text to show as it is."""


def _outcome(outcome: Outcome, native: Outcome) -> Any:
    if outcome.error is not None:
        text = str(outcome.error).strip()
        return _Said(f"{type(outcome.error).__name__}" + (f": {text}" if text else ""))
    if native.error is None and tree_structure(outcome.value) == tree_structure(native.value):
        return tree_map(_in_promised_dtype, outcome.value, native.value)
    return outcome.value


def _in_promised_dtype(x: Any, promised: Any) -> Any:
    return x.detach().to(promised.dtype) if isinstance(x, Tensor) and isinstance(promised, Tensor) else x


def show(value: Any, *, strides: bool = False) -> str:
    """A value as Python text: tensors with dtype and, if asked for, strides that are not contiguous."""
    if isinstance(value, Tensor):
        with torch._tensor_str.printoptions(
            precision=5, threshold=FEW, edgeitems=3, linewidth=WIDTH - 16, sci_mode=None
        ):
            text = _retitled(value)
        return text if value.is_contiguous() or not strides else f"{text}  (strides {tuple(value.stride())})"
    if isinstance(value, np.ndarray):
        return np.array2string(value, threshold=FEW, max_line_width=WIDTH - 16) + f" ({value.dtype})"
    if isinstance(value, dict) and value:
        return "{" + ",\n ".join(f"{k!r}: {show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)) and any(isinstance(x, (Tensor, np.ndarray)) for x in value):
        inner = ",\n ".join(show(x) for x in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    text = repr(value)
    return text if len(text) <= 400 else text[:380] + f" … ({len(text)} characters)"


def _retitled(value: Tensor) -> str:
    """`tensor(...)` always with its dtype and, when abbreviated, its shape."""
    text = repr(value.detach())
    if "dtype=" not in text:
        text = text[:-1] + f", dtype={value.dtype})"
    if value.numel() > FEW:
        text += f"  shape {tuple(value.shape)}"
    return text.replace("torch.", "")


def _number(x: Any) -> str:
    return f"{x:.6g}" if isinstance(x, float) else str(x)


def _where(error: BaseException) -> list[str]:
    """The learner's own lines of a traceback, the last three: ours and torch's say nothing to them."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not _ours(f.filename)]
    if isinstance(error, RecursionError):
        frames = frames[:1]
    lines = [f"  at {os.path.basename(f.filename)}:{f.lineno}: {(f.line or '').strip()}" for f in frames[-3:]]
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        lines += ["  the run may use only so much memory: does a size grow with the square of a length?"]
    return lines


def _ours(filename: str) -> bool:
    parts = filename.replace("\\", "/").split("/")
    return (
        bool({"site-packages", "grader", "reference"} & set(parts))
        or filename.startswith("<")
        or "/lib/python" in filename
    )
