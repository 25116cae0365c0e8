"""The tensors of a launch, copied into numpy arrays, and the addresses of their elements.

An address is a number of elements. Each argument has a range of its own, far away from all others, so that an address
tells which tensor it belongs to, or that it belongs to none.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grader.kernels.tiles import dtypes
from grader.kernels.tiles.dtypes import DType
from grader.kernels.tiles.findings import Mode, StrayAddress
from grader.kernels.tiles.tile import Array

RANGE = 44  # bits: the distance between the first elements of two arguments
DTYPES: dict[torch.dtype, DType] = {
    torch.bool: dtypes.I1,
    torch.int8: dtypes.I8,
    torch.int16: dtypes.I16,
    torch.int32: dtypes.I32,
    torch.int64: dtypes.I64,
    torch.uint8: dtypes.U8,
    torch.uint16: dtypes.U16,
    torch.uint32: dtypes.U32,
    torch.uint64: dtypes.U64,
    torch.float8_e4m3fn: dtypes.FP8E4NV,
    torch.float8_e5m2: dtypes.FP8E5,
    torch.float16: dtypes.FP16,
    torch.bfloat16: dtypes.BF16,
    torch.float32: dtypes.FP32,
    torch.float64: dtypes.FP64,
}


class Buffer:
    """The elements of one storage, and which programs have written and read each of them (see `races`)."""

    def __init__(self, storage: torch.UntypedStorage, dtype: DType, torch_dtype: torch.dtype) -> None:
        self.storage, self.dtype, self.torch_dtype = storage, dtype, torch_dtype
        flat = self._flat()
        wide = flat.float() if dtype.is_float and dtype.bits < 32 else flat
        self.data: Array = wide.numpy(force=True).copy()
        self.is_loaded = self.is_stored = False
        self.writers: Array | None = None
        self.readers: Array | None = None

    def _flat(self) -> Tensor:
        flat = torch.empty(0, dtype=self.torch_dtype).set_(self.storage)
        return flat.detach()

    def copy_back(self) -> None:
        """Copy the elements into the caller's storage."""
        if self.is_stored:
            self._flat().copy_(torch.from_numpy(self.data))


@dataclass(frozen=True)
class Argument:
    """A tensor argument.

    `first` is the position of its element 0 in the buffer, `span` the number of positions from there to its last
    element. `address` is the address of element 0.
    """

    name: str
    tensor: Tensor  # the caller's own
    buffer: Buffer
    dtype: DType
    first: int
    span: int
    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def numel(self) -> int:
        """How many elements the tensor has."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize


class Memory:
    """Copies of all tensors of a launch. What shares a storage shares the copy."""

    def __init__(self, kernel: str, tensors: Mapping[str, Tensor]) -> None:
        self.kernel = kernel
        self.buffers: dict[tuple[int, torch.dtype], Buffer] = {}
        self.arguments: list[Argument] = []
        for name, tensor in tensors.items():
            self._add(name, tensor)

    def _add(self, name: str, tensor: Tensor) -> None:
        if tensor.dtype not in DTYPES:
            raise TypeError(f"{self.kernel}: {name} has the dtype {tensor.dtype}, which no kernel takes")
        dtype = DTYPES[tensor.dtype]
        storage = tensor.untyped_storage()
        key = storage.data_ptr() or id(tensor), tensor.dtype
        if key not in self.buffers:
            self.buffers[key] = Buffer(storage, dtype, tensor.dtype)
        span = 1 + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True)) if tensor.numel() else 0
        # No kernel can know how far it is from one tensor to another, as on a GPU.
        address = ((len(self.arguments) + 1) << RANGE) + random.SystemRandom().getrandbits(RANGE - 4)
        shape, strides = tuple(tensor.shape), tuple(tensor.stride())
        first = int(tensor.storage_offset())
        self.arguments.append(Argument(name, tensor, self.buffers[key], dtype, first, span, address, shape, strides))

    def named(self, name: str) -> Argument:
        """The argument of a name."""
        return next(a for a in self.arguments if a.name == name)

    def nearest(self, address: int) -> Argument:
        """The argument in whose range an address lies."""
        number = (address + (1 << (RANGE - 1))) >> RANGE
        return self.arguments[min(max(number, 1), len(self.arguments)) - 1]

    def copy_back(self) -> None:
        """Copy what kernels wrote into the caller's tensors."""
        for buffer in self.buffers.values():
            buffer.copy_back()

    def stray(self, addresses: Array, program: tuple[int, ...], mode: Mode) -> StrayAddress:
        """The error for addresses that lie outside the tensors. `program` accesses the first of them."""
        address = int(addresses[0])
        owner = self.nearest(address)
        more = f" (and {addresses.size - 1} more)" if addresses.size > 1 else ""
        index = address - owner.address
        advice = (
            "is the mask missing or off by one?" if index >= 0 else "does an offset start too early, or wrap around?"
        )
        return StrayAddress(
            f"{self.kernel}: program {program} {mode} {owner.name} at element {index}{more}, "
            f"but {owner.name} has {owner.numel} elements: {advice}",
            (self.kernel, owner.name, mode),
        )


def is_tensor(x: Any) -> bool:
    """Is an argument a tensor?"""
    return isinstance(x, Tensor)
