"""The examples of property tests, kept from one run to the next.

With one seed hypothesis draws the same examples for every submission that passes them, and drawing takes longer than
testing. So a process that makes the runs of many submissions draws them once. If an example fails, hypothesis runs as
if nothing were known: it finds the same example, and its report is the same.
"""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

PLAIN = (type(None), bool, int, float, complex, str, bytes, Fraction, torch.dtype, torch.Tensor)
MOST = 1000  # tests whose examples are kept

Example = Mapping[str, Any]  # the arguments of one call


class Examples:
    """The examples that property tests passed, by test, seed and settings."""

    def __init__(self) -> None:
        self._known: dict[Hashable, list[Example]] = {}

    def call(
        self, item: pytest.Function, arguments: Mapping[str, Any], seed: int, forget: Callable[[], object]
    ) -> None:
        """Call the test as `item.obj(**arguments)` does. Raises what it raises.

        `forget` discards what was printed. It is called before hypothesis runs after an example has failed.
        """
        handle = getattr(item.obj, "hypothesis", None)
        if handle is None or not seed:  # without a seed the examples depend on the text of the test
            item.obj(**arguments)
            return
        settings = getattr(item.obj, "_hypothesis_internal_use_settings", None)
        key = (item.nodeid, seed, getattr(settings, "max_examples", None), item.path.stat().st_mtime_ns)
        failure = None
        if key in self._known:
            failure = _failure(handle.inner_test, self._known[key])
            if failure is None:
                return
            forget()
        recorder = _Recorder(handle.inner_test)
        handle.inner_test = recorder.test
        try:
            item.obj(**arguments)
        finally:
            handle.inner_test = recorder.inner
        if failure is not None:  # code that fails only once has failed
            raise failure
        if recorder.plain and len(self._known) < MOST:
            self._known[key] = recorder.examples


def _failure(test: Callable[..., None], examples: list[Example]) -> Exception | None:
    """What the first example that fails raises. As in hypothesis, each finds the generators in the same state."""
    before = random.getstate(), np.random.get_state()
    try:
        for example in examples:
            random.seed(0)
            np.random.seed(0)
            test(**copy.deepcopy(example))
    except Exception as error:
        return error
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
    return None


class _Recorder:
    """Stands for a test, and keeps the arguments of the calls that pass. `plain`: they can be used again."""

    def __init__(self, inner: Callable[..., None]) -> None:
        self.inner = inner
        self.plain = True
        self.examples: list[Example] = []

        @functools.wraps(inner)
        def test(*args: Any, **kwargs: Any) -> None:
            self.plain = self.plain and not args and _is_plain(kwargs)
            example = copy.deepcopy(kwargs) if self.plain else {}
            inner(*args, **kwargs)
            self.examples.append(example)

        self.test = test


def _is_plain(value: Any) -> bool:
    """Whether a copy of the value is as good as the value: `data()` is not, because drawing from it changes it."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(entry) for key, entry in value.items())
    return isinstance(value, PLAIN)
