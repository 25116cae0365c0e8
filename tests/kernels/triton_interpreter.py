"""Triton's own CPU interpreter, to compare the tile machine with. Only tests use it.

What is mended here is what no comparison could do without: bf16 casts and products, the rounding of fp32 products to tf32, and
the check of every address, by which also bytes are counted. `tests/fuzz/tiles/disagreements.py` lists all that is known to be
wrong with it.
"""

from __future__ import annotations

import builtins
import dataclasses
import linecache
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.kernels.kernel_text import KernelText, kernel_lines

os.environ["TRITON_INTERPRET"] = "1"  # before the first import of triton, which cannot be undone

PAD = 1 << 16  # bytes of padding on both sides of every tensor
CASTS = ("cast_impl", "create_fp_to_fp")
BF16_ARITHMETIC = ("binary_op", "unary_op", "create_fabs", "create_fma")
POINTER_CASTS = ("create_ptr_to_int", "create_int_to_ptr", "create_bitcast")


class Stray(IndexError):
    """A load or store outside every tensor that the kernel was given."""


class Unable(TypeError):
    """The interpreter would compute nonsense: arithmetic on bf16, or a cast of a pointer."""


@dataclass
class Counts:
    """Bytes loaded and stored by argument, and FLOPs of products."""

    moved: dict[str, list[int]] = field(default_factory=dict)
    flops: int = 0

    def figures(self) -> dict[str, tuple[int, int]]:
        return {name: (loaded, stored) for name, (loaded, stored) in self.moved.items() if loaded or stored}


def load(text: KernelText, counts: Counts | None = None) -> SimpleNamespace:
    """The kernels of a text. `kernels.name[grid](…)` launches one."""
    import triton

    if not triton.knobs.runtime.interpret:
        raise RuntimeError("triton was imported without TRITON_INTERPRET=1")
    namespace = _namespace(kernel_lines(text), f"<{text.key}>")
    counts = Counts() if counts is None else counts
    return SimpleNamespace(**{name: Kernel(namespace[name], counts) for name in text.functions if name in namespace})


@lru_cache(maxsize=256)
def _namespace(source: str, filename: str) -> Mapping[str, Any]:
    import triton
    import triton.language as tl

    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    allowed = {name: getattr(builtins, name) for name in ("range", "min", "max", "float")}
    namespace: dict[str, Any] = {"triton": triton, "tl": tl, "__name__": "kernel", "__builtins__": allowed}
    exec(compile(source, filename, "exec"), namespace)
    return namespace


@dataclass(frozen=True)
class Kernel:
    interpreted: Any
    counts: Counts

    def __getitem__(self, grid: Any) -> Callable[..., None]:
        def run(*args: Any, **kwargs: Any) -> None:
            from triton.runtime.errors import InterpreterError

            given = dict(zip(self.interpreted.arg_names, args, strict=False)) | kwargs
            memory = Memory({name: a for name, a in given.items() if isinstance(a, Tensor)})
            given = {name: memory.copy(a) if isinstance(a, Tensor) else a for name, a in given.items()}
            try:
                with np.errstate(all="ignore"), mended(memory, self.counts):
                    self.interpreted[grid](**given)
            except InterpreterError as error:
                innermost: BaseException = error
                while innermost.__cause__ is not None:
                    innermost = innermost.__cause__
                raise innermost from error
            memory.copy_back()

        return run


@dataclass(frozen=True)
class Argument:
    name: str
    low: int  # the first byte of its elements, and one past the last
    high: int
    itemsize: int


class Memory:
    """Copies of the tensors, each storage with padding around it, so that an address past the end belongs to no tensor."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.storages: dict[int, tuple[torch.UntypedStorage, Tensor]] = {}
        self.arguments = [self._argument(name, tensor) for name, tensor in tensors.items()]

    def _argument(self, name: str, tensor: Tensor) -> Argument:
        copy = self.copy(tensor)
        last = sum((n - 1) * s for n, s in zip(copy.shape, copy.stride(), strict=True)) + 1 if copy.numel() else 0
        return Argument(name, copy.data_ptr(), copy.data_ptr() + last * copy.element_size(), copy.element_size())

    def copy(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self.storages:
            buffer = torch.zeros(storage.nbytes() + 2 * PAD, dtype=torch.uint8)
            buffer[PAD : PAD + storage.nbytes()] = torch.empty(0, dtype=torch.uint8).set_(storage)
            self.storages[storage.data_ptr()] = storage, buffer
        buffer = self.storages[storage.data_ptr()][1]
        offset = tensor.storage_offset() + PAD // tensor.element_size()
        view = torch.empty(0, dtype=tensor.dtype)
        return view.set_(buffer.untyped_storage(), offset, tensor.shape, tensor.stride())

    def copy_back(self) -> None:
        for storage, buffer in self.storages.values():
            torch.empty(0, dtype=torch.uint8).set_(storage).copy_(buffer[PAD : PAD + storage.nbytes()])

    def owners(self, pointers: Any, mask: Any) -> Iterator[tuple[Argument, int]]:
        """The arguments that the active lanes access, with the number of lanes. Raises Stray and Unable."""
        addresses = np.asarray(pointers.data).astype(np.int64)
        active = addresses[np.broadcast_to(np.asarray(mask.data).astype(bool), addresses.shape)]
        width = max(1, pointers.get_element_ty().primitive_bitwidth // 8)
        found = 0
        for argument in self.arguments:
            lanes = int(((active >= argument.low) & (active < argument.high)).sum())
            if lanes and width != argument.itemsize:
                raise Unable("a pointer to another type")
            if lanes and not found:
                yield argument, lanes
            found = max(found, lanes)
            if found == active.size:
                return
        if active.size:
            inside = np.zeros(active.shape, dtype=bool)
            for argument in self.arguments:
                inside |= (active >= argument.low) & (active < argument.high)
            if not inside.all():
                raise Stray("an address outside every tensor")


@contextmanager
def mended(memory: Memory, counts: Counts) -> Iterator[None]:
    """Within the block, the interpreter is mended, and checks and counts what kernels access and multiply."""
    import triton.language as tl
    from triton.runtime import interpreter as upstream

    builder = upstream.interpreter_builder
    names = (*CASTS, *BF16_ARITHMETIC, *POINTER_CASTS, "create_dot", "create_masked_load", "create_masked_store")
    original = {name: getattr(builder, name) for name in names}
    for argument in memory.arguments:
        counts.moved.setdefault(argument.name, [0, 0])

    def masked_load(pointers: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        for argument, lanes in memory.owners(pointers, mask):
            counts.moved[argument.name][0] += lanes * argument.itemsize
        return original["create_masked_load"](pointers, mask, *rest, **named)

    def masked_store(pointers: Any, value: Any, mask: Any, *rest: Any, **named: Any) -> Any:
        for argument, lanes in memory.owners(pointers, mask):
            counts.moved[argument.name][1] += lanes * argument.itemsize
        return original["create_masked_store"](pointers, value, mask, *rest, **named)

    repairs = Repairs(original, upstream.TensorHandle, tl, counts)
    functions: dict[str, Callable[..., Any]] = {
        **dict.fromkeys(CASTS, repairs.cast),
        **{name: repairs.without_bf16(name) for name in BF16_ARITHMETIC},
        **{name: repairs.without_pointers(name) for name in POINTER_CASTS},
        "create_dot": repairs.dot,
        "create_masked_load": masked_load,
        "create_masked_store": masked_store,
    }
    with ExitStack() as stack:
        stack.enter_context(replaced(builder, functions))
        for reductions in (upstream.ReduceOps, upstream.ScanOps):
            stack.enter_context(replaced(reductions, {"apply_impl": repairs.reduction(reductions.apply_impl)}))
        stack.enter_context(once(upstream, tl))
        yield


@contextmanager
def once(upstream: Any, tl: Any) -> Iterator[None]:
    """Names of triton.language are redirected once a launch, not in every call, and overflow is not looked for: 3 × faster."""
    builder, patch, options = upstream.interpreter_builder, upstream._patch_lang, upstream.interpreter_builder.options
    patched = set()

    def patch_once(fn: Any) -> Any:
        modules = frozenset(m.__name__ for m in fn.__globals__.values() if m is tl or m is tl.core)
        if modules in patched:
            return upstream._LangPatchScope()
        patched.add(modules)
        return patch(fn)

    upstream._patch_lang = patch_once
    builder.options = dataclasses.replace(options, sanitize_overflow=False)
    try:
        yield
    finally:
        upstream._patch_lang, builder.options = patch, options


@contextmanager
def replaced(owner: Any, functions: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    before = {name: vars(owner)[name] for name in functions if name in vars(owner)}
    for name, function in functions.items():
        setattr(owner, name, function)
    try:
        yield
    finally:
        for name in functions:
            if name in before:
                setattr(owner, name, before[name])
            else:
                delattr(owner, name)


def round_to_bf16(x: Any) -> Any:
    """The bf16 patterns nearest to fp32 values, ties to even."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    return np.where(np.isnan(x), 0x7FC0 | (bits >> 31 << 15), rounded).astype(np.uint16).reshape(x.shape)


def round_to_tf32(x: Any) -> Any:
    """fp32 rounded to 10 bits of fraction, ties away from zero, as `cvt.rna.tf32.f32` does."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return (
        np.where(np.isfinite(x), (bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000), bits)
        .view(np.float32)
        .reshape(x.shape)
    )


@dataclass(frozen=True)
class Repairs:
    original: Mapping[str, Callable[..., Any]]
    handle: type[Any]
    tl: Any
    counts: Counts

    def is_bf16(self, x: Any) -> bool:
        return bool(x.dtype.scalar == self.tl.bfloat16)

    def widened(self, x: Any) -> Any:
        return self.handle((x.data.astype(np.uint32) << 16).view(np.float32), self.tl.float32)

    def cast(self, src: Any, dst_type: Any, *rounding: Any) -> Any:
        """Both of upstream's casts: create_fp_to_fp takes a rounding mode, cast_impl does not."""
        target = dst_type.scalar
        if self.is_bf16(src) and target == self.tl.bfloat16:
            return self.handle(src.data, target)
        if target == self.tl.bfloat16:
            return self.handle(round_to_bf16(src.data.astype(np.float32)), target)
        if self.is_bf16(src):
            wide = self.widened(src)
            return wide if target == self.tl.float32 else self.original["cast_impl"](wide, dst_type)
        return self.original["create_fp_to_fp" if rounding else "cast_impl"](src, dst_type, *rounding)

    def dot(self, a: Any, b: Any, d: Any, input_precision: Any, *rest: Any) -> Any:
        *batch, m, k = a.data.shape
        self.counts.flops += int(2 * np.prod(batch, dtype=np.int64)) * m * k * b.data.shape[-1]
        a, b = (self.widened(x) if self.is_bf16(x) else x for x in (a, b))
        if d.data.dtype == np.float32:
            tf32 = "TF32" in str(input_precision).upper() and "X3" not in str(input_precision).upper()
            wide = (
                (a.data.astype(np.float32), b.data.astype(np.float32))
                if a.data.dtype == np.float16
                else (a.data, b.data)
            )
            if tf32 and a.data.dtype == np.float32:
                wide = round_to_tf32(wide[0]), round_to_tf32(wide[1])
            if wide[0].dtype == np.float32:
                a, b = (self.handle(x, self.tl.float32) for x in wide)
        return self.original["create_dot"](a, b, d, input_precision, *rest)

    def without_bf16(self, name: str) -> Callable[..., Any]:
        def operation(*operands: Any, **named: Any) -> Any:
            if any(self.is_bf16(x) for x in operands if isinstance(x, self.handle)):
                raise Unable("arithmetic on bf16")
            return self.original[name](*operands, **named)

        return operation

    def reduction(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def apply(reduction: Any, inputs: Any) -> Any:
            if any(self.is_bf16(x.handle) for x in inputs):
                raise Unable("a reduction of bf16")
            return original(reduction, inputs)

        return apply

    def without_pointers(self, name: str) -> Callable[..., Any]:
        def checked(src: Any, dst_type: Any, *rest: Any, **named: Any) -> Any:
            if src.dtype.scalar.is_ptr() or dst_type.scalar.is_ptr():
                raise Unable("a cast of a pointer")
            return self.original[name](src, dst_type, *rest, **named)

        return checked
