"""Run checked kernel text in Triton's CPU interpreter, with every address checked against the tensors passed in."""

from __future__ import annotations

import ast
import builtins
import linecache
import os
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from grader.interpreter.text import CALLS, KernelText, YourTurn, is_stub, source
from grader.syntax import parse

PAD = 1 << 16  # bytes around every tensor, so that an address just past its end belongs to nobody else


class StrayAddress(IndexError):
    """A load or store outside every tensor the kernel was given."""


def load(text: KernelText) -> SimpleNamespace:
    """The kernels of a text, to be launched as `kernels.name[grid](...)`. Raises RuntimeError without the
    interpreter.
    """
    os.environ.setdefault("TRITON_INTERPRET", "1")
    import triton
    import triton.language as tl

    if not triton.knobs.runtime.interpret:
        raise RuntimeError("triton was imported without TRITON_INTERPRET=1; kernels on a CPU need it")
    written = source(list(text.functions.values()))
    filename = f"{text.file}#{text.key}" if text.file.startswith("<") else text.file
    linecache.cache[filename] = (len(written), None, written.splitlines(True), filename)
    # A second wall behind the check of the text: there is nothing of Python to call.
    known = {name: getattr(builtins, name) for name in (*CALLS, "NotImplementedError")}
    namespace: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "kernel", "__builtins__": known}
    exec(compile(written, filename, "exec"), namespace)
    return SimpleNamespace(
        **{name: Kernel(name, namespace[name], is_stub(node)) for name, node in text.functions.items()}
    )


@dataclass(frozen=True)
class Kernel:
    """One kernel. `kernel[grid](*args, **config)` runs every program of the grid, one after the other."""

    name: str
    interpreted: Any
    stub: bool

    def __getitem__(self, grid: tuple[int, ...] | Callable[[Any], tuple[int, ...]]) -> Callable[..., None]:
        def run(*args: Any, **kwargs: Any) -> None:
            from triton.runtime.errors import InterpreterError

            if self.stub:
                raise YourTurn("your turn")
            names = self.interpreted.arg_names
            tensors = {n: a for n, a in zip(names, args, strict=False) if isinstance(a, Tensor)}
            tensors |= {n: a for n, a in kwargs.items() if isinstance(a, Tensor)}
            guard = Guard(tensors)
            args = tuple(guard.copy(a) if isinstance(a, Tensor) else a for a in args)
            kwargs = {n: guard.copy(a) if isinstance(a, Tensor) else a for n, a in kwargs.items()}
            try:
                with guard.watching():
                    self.interpreted[grid](*args, **kwargs)
            except InterpreterError as error:
                raise _innermost(error) from error
            guard.copy_back()

        return run


def _innermost(error: BaseException) -> BaseException:
    while error.__cause__ is not None:
        error = error.__cause__
    return error


@dataclass(frozen=True)
class _Range:
    name: str
    low: int  # first byte of the argument's elements
    high: int  # one past the last
    first: int  # address of its element 0
    itemsize: int
    numel: int
    owned_low: int  # the padded buffer: a stray address in here is this argument's
    owned_high: int


class Guard:
    """Copies of the tensors, each storage with empty space around it, and the addresses that belong to them."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.storages: dict[int, tuple[torch.UntypedStorage, Tensor]] = {}
        self.ranges: list[_Range] = []
        for name, tensor in tensors.items():
            copy = self.copy(tensor)
            buffer = self.storages[tensor.untyped_storage().data_ptr()][1]
            ends = [(n - 1) * s * copy.element_size() for n, s in zip(copy.shape, copy.stride(), strict=True)]
            low = copy.data_ptr() + sum(e for e in ends if e < 0)
            high = copy.data_ptr() + sum(e for e in ends if e > 0) + copy.element_size()
            if not copy.numel():
                high = low
            where = buffer.data_ptr(), buffer.data_ptr() + buffer.numel()
            self.ranges.append(_Range(name, low, high, copy.data_ptr(), copy.element_size(), copy.numel(), *where))

    def copy(self, tensor: Tensor) -> Tensor:
        """The guarded copy of a tensor: same strides, same sharing of storage."""
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.storages:
            buffer = torch.zeros(storage.nbytes() + 2 * PAD, dtype=torch.uint8)
            buffer[PAD : PAD + storage.nbytes()] = torch.empty(0, dtype=torch.uint8).set_(storage)
            self.storages[storage.data_ptr()] = storage, buffer
        buffer = self.storages[storage.data_ptr()][1]
        view = torch.empty(0, dtype=tensor.dtype)
        offset = tensor.storage_offset() + PAD // tensor.element_size()
        return view.set_(buffer.untyped_storage(), offset, tensor.shape, tensor.stride())

    def copy_back(self) -> None:
        for storage, buffer in self.storages.values():
            torch.empty(0, dtype=torch.uint8).set_(storage).copy_(buffer[PAD : PAD + storage.nbytes()])

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Check the address of every active lane of every load and store while a kernel runs."""
        from triton.runtime.interpreter import interpreter_builder as builder

        names = ("create_masked_load", "create_masked_store", "create_atomic_rmw", "create_atomic_cas")
        before = {name: getattr(builder, name) for name in names}

        # Signatures differ between triton versions: only the leading arguments are named.
        def masked_load(ptrs: Any, mask: Any, *rest: Any, **named: Any) -> Any:
            self.check(ptrs, mask, builder.grid_idx, "reads")
            return before["create_masked_load"](ptrs, mask, *rest, **named)

        def masked_store(ptrs: Any, value: Any, mask: Any, *rest: Any, **named: Any) -> Any:
            self.check(ptrs, mask, builder.grid_idx, "writes")
            return before["create_masked_store"](ptrs, value, mask, *rest, **named)

        def atomic_rmw(operation: Any, ptrs: Any, value: Any, mask: Any, *rest: Any, **named: Any) -> Any:
            self.check(ptrs, mask, builder.grid_idx, "writes")
            return before["create_atomic_rmw"](operation, ptrs, value, mask, *rest, **named)

        def atomic_cas(ptrs: Any, *rest: Any, **named: Any) -> Any:
            self.check(ptrs, None, builder.grid_idx, "writes")
            return before["create_atomic_cas"](ptrs, *rest, **named)

        for name, guarded in zip(names, (masked_load, masked_store, atomic_rmw, atomic_cas), strict=True):
            setattr(builder, name, guarded)
        try:
            yield
        finally:
            for name in names:
                delattr(builder, name)

    def check(self, ptrs: Any, mask: Any, program: tuple[int, ...], verb: str) -> None:
        import numpy as np

        addresses = np.asarray(ptrs.data).astype(np.int64)
        lanes = True if mask is None else np.asarray(mask.data).astype(bool)
        active = addresses[np.broadcast_to(lanes, addresses.shape)]
        inside = np.zeros(active.shape, dtype=bool)
        for r in self.ranges:
            inside |= (active >= r.low) & (active < r.high)
        if inside.all():
            return
        stray = active[~inside]
        address = int(stray[0])
        owner = min(self.ranges, key=lambda r: 0 if r.owned_low <= address < r.owned_high else abs(address - r.low))
        index = (address - owner.first) // owner.itemsize
        more = f" (and {stray.size - 1} more)" if stray.size > 1 else ""
        raise StrayAddress(
            f"program {tuple(program)} {verb} {owner.name} at element {index}{more}, "
            f"but {owner.name} has {owner.numel} elements: is the mask missing or off by one?"
        )


def kernel_source(fn: Callable[..., Any], name: str) -> str:
    """The text of a variant written as a plain function, as the kernel called `name`."""
    import inspect

    tree = parse(textwrap.dedent(inspect.getsource(fn)))
    node = tree.body[0]
    assert isinstance(node, ast.FunctionDef)
    node.name, node.decorator_list = name, []
    for argument in (*node.args.args, *node.args.kwonlyargs):
        if argument.annotation is not None and ast.unparse(argument.annotation) != "tl.constexpr":
            argument.annotation = None
    node.returns = None
    return "@triton.jit\n" + ast.unparse(node) + "\n"
