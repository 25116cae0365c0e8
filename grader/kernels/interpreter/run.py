"""Runs checked kernel text in Triton's CPU interpreter, with correct bf16, checked addresses and counted bytes."""

from __future__ import annotations

import builtins
import linecache
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from grader.kernels.interpreter.bf16 import LowPrecisionArithmetic, refused, repaired
from grader.kernels.interpreter.count import Traffic
from grader.kernels.interpreter.guard import Guard, PointerCast, StrayAddress
from grader.kernels.interpreter.patching import replaced
from grader.kernels.interpreter.speedups import faster
from grader.kernels.kernel_text import CALLS, KernelText, YourTurn, kernel_lines
from grader.kernels.reached import MARK, marked

__all__ = [
    "Kernel",
    "LowPrecisionArithmetic",
    "PointerCast",
    "StrayAddress",
    "load",
]

POINTER_CASTS = ("create_ptr_to_int", "create_int_to_ptr", "create_bitcast")  # the last one for other types too


def load(text: KernelText, traffic: Traffic | None = None, reached: set[int] | None = None) -> SimpleNamespace:
    """The kernels of a text. `kernels.name[grid](...)` launches one; `traffic` counts what it moves.

    `reached`, if given, gets the numbers of the parts that the launches reach: see `grader.kernels.reached`. Raises
    RuntimeError if Triton was imported without the interpreter.
    """
    os.environ["TRITON_INTERPRET"] = "1"
    import triton

    if not triton.knobs.runtime.interpret:
        raise RuntimeError("triton was imported without TRITON_INTERPRET=1; kernels on a CPU need it")
    filename = f"{text.file}#{text.key}" if text.file.startswith("<") else text.file
    if reached is None:
        namespace = _namespace(kernel_lines(text), filename)
    else:
        namespace = _new_namespace(marked(text), f"{filename}#marked", {MARK: _marking(reached)})
    traffic = Traffic() if traffic is None else traffic
    return SimpleNamespace(**{name: Kernel(name, namespace.get(name), traffic) for name in text.functions})


@lru_cache(maxsize=256)
def _namespace(source: str, filename: str) -> Mapping[str, Any]:
    """What a text defines. Cached, because the same variants are loaded many times, and Triton needs 20 ms for each."""
    return _new_namespace(source, filename, {})


def _new_namespace(source: str, filename: str, more: Mapping[str, Any]) -> Mapping[str, Any]:
    import triton
    import triton.language as tl

    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    # A second defense behind the check of the text: a kernel has no other Python function to call.
    allowed = {name: getattr(builtins, name) for name in (*CALLS, "float", "NotImplementedError")}
    namespace: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "kernel", "__builtins__": allowed, **more}
    exec(compile(source, filename, "exec"), namespace)
    return namespace


def _marking(reached: set[int]) -> Callable[..., Any]:
    def mark(number: int, value: Any = None) -> Any:
        reached.add(number)
        return value

    return mark


@dataclass(frozen=True)
class Kernel:
    """One kernel. `kernel[grid](*args, **config)` runs the programs of the grid one after the other."""

    name: str
    interpreted: Any  # None for a stub
    traffic: Traffic

    def __getitem__(self, grid: tuple[int, ...] | Callable[[Any], tuple[int, ...]]) -> Callable[..., None]:
        def run(*args: Any, **kwargs: Any) -> None:
            from triton.runtime.errors import InterpreterError

            if self.interpreted is None:
                raise YourTurn("your turn")
            names = self.interpreted.arg_names
            tensors = {n: a for n, a in zip(names, args, strict=False) if isinstance(a, Tensor)}
            tensors |= {n: a for n, a in kwargs.items() if isinstance(a, Tensor)}
            guard = Guard(self.name, tensors)
            args = tuple(guard.copy(a) if isinstance(a, Tensor) else a for a in args)
            kwargs = {n: guard.copy(a) if isinstance(a, Tensor) else a for n, a in kwargs.items()}
            try:
                with faster(), repaired(), checked_and_counted(guard, self.traffic):
                    self.interpreted[grid](*args, **kwargs)
            except InterpreterError as error:
                raise _innermost(error) from error
            guard.copy_back()

        return run


@contextmanager
def checked_and_counted(guard: Guard, traffic: Traffic) -> Iterator[None]:
    """Within the block, the addresses of every load and store are checked, and loads, stores and products counted."""
    from triton.runtime.interpreter import interpreter_builder as builder

    before = {
        n: getattr(builder, n) for n in ("create_masked_load", "create_masked_store", "create_dot", *POINTER_CASTS)
    }
    for argument in guard.arguments:
        traffic.add_argument(argument)

    # Signatures differ between versions of Triton, so only the leading arguments are named.
    def masked_load(ptrs: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        for argument, addresses in guard.owners(ptrs, mask, builder.grid_idx, "reads"):
            traffic.load(argument, addresses)
        return before["create_masked_load"](ptrs, mask, *rest, **named)

    def masked_store(ptrs: Any, value: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        for argument, addresses in guard.owners(ptrs, mask, builder.grid_idx, "writes"):
            traffic.store(argument, addresses)
        return before["create_masked_store"](ptrs, value, mask, *rest, **named)

    def dot(a: Any, b: Any, *rest: Any, **named: Any) -> Any:
        traffic.dot(a, b)
        return before["create_dot"](a, b, *rest, **named)

    def cast(name: str) -> Callable[..., Any]:
        def checked(src: Any, dst_type: Any, *rest: Any, **named: Any) -> Any:
            if src.dtype.scalar.is_ptr() or dst_type.scalar.is_ptr():
                raise PointerCast
            return before[name](src, dst_type, *rest, **named)

        return checked

    replacements: dict[str, Callable[..., Any]] = {
        **{name: cast(name) for name in POINTER_CASTS},
        "create_masked_load": masked_load,
        "create_masked_store": masked_store,
        "create_dot": dot,
    }
    with replaced(builder, replacements):
        yield


def _innermost(error: BaseException) -> BaseException:
    """The error that Triton wrapped. One on the dtype of a function says what to write instead."""
    while error.__cause__ is not None:
        error = error.__cause__
    expected = re.match(r"Expected dtype .* but got (bf16|fp16)", str(error))
    if expected:
        return (
            refused("this function")
            if expected[1] == "bf16"
            else LowPrecisionArithmetic("Triton has this function for fp32 and fp64 only: cast first, x.to(tl.float32)")
        )
    return error
