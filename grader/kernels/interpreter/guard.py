"""Finds the tensor that an address belongs to, and raises an error for an address outside every tensor.

The problem upstream: the interpreter reads and writes any address, as a GPU does. With a missing mask it silently reads
other memory, or the process ends. Here every tensor is copied into a buffer with padding on both sides, so an address
just past its end belongs to no tensor. The address of each active lane is checked before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

PAD = 1 << 16  # bytes of padding on both sides of every tensor


Access = Literal["reads", "writes"]


class StrayAddress(IndexError):
    """A load or store outside every tensor the kernel was given.

    `cause` tells mistakes apart: the kernel, the argument, and whether it is read or written.
    """

    def __init__(self, text: str, cause: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.cause = cause


class PointerCast(TypeError):
    """A pointer that became a pointer to another type or a number, or a number that became a pointer."""

    def __init__(self) -> None:
        super().__init__(
            "a pointer keeps its type: no .to, tl.cast or mixture of a pointer; cast the tile that tl.load gives"
        )


@dataclass(frozen=True)
class Argument:
    """A tensor argument and the addresses of its elements."""

    name: str
    low: int  # first byte of the argument's elements
    high: int  # one past the last
    first: int  # address of its element 0
    itemsize: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    owned_low: int  # the padded buffer: a stray address in it is blamed on this argument
    owned_high: int
    tensor: Tensor  # the caller's own

    @property
    def numel(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))


class Guard:
    """Copies of the tensors, each storage with padding around it, and their addresses."""

    def __init__(self, kernel: str, tensors: dict[str, Tensor]) -> None:
        self.kernel = kernel
        self.storages: dict[int, tuple[torch.UntypedStorage, Tensor]] = {}
        self.arguments: list[Argument] = []
        for name, tensor in tensors.items():
            copy = self.copy(tensor)
            buffer = self.storages[tensor.untyped_storage().data_ptr()][1]
            ends = [(n - 1) * s * copy.element_size() for n, s in zip(copy.shape, copy.stride(), strict=True)]
            low = copy.data_ptr() + sum(e for e in ends if e < 0)
            high = copy.data_ptr() + sum(e for e in ends if e > 0) + copy.element_size()
            if not copy.numel():
                high = low
            where = buffer.data_ptr(), buffer.data_ptr() + buffer.numel()
            layout = tuple(copy.shape), copy.stride()
            self.arguments.append(
                Argument(name, low, high, copy.data_ptr(), copy.element_size(), *layout, *where, tensor)
            )

    def copy(self, tensor: Tensor) -> Tensor:
        """The padded copy of a tensor. It has the same strides, and shares its storage with the same tensors."""
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
        """Copy what kernels wrote into the caller's tensors."""
        for storage, buffer in self.storages.values():
            torch.empty(0, dtype=torch.uint8).set_(storage).copy_(buffer[PAD : PAD + storage.nbytes()])

    def owners(self, ptrs: Any, mask: Any, program: tuple[int, ...], access: Access) -> Iterator[tuple[Argument, Any]]:
        """The arguments that the active lanes access, each with its addresses. Raises StrayAddress or PointerCast.

        An element is accessed with the type of the pointer. It must be as wide as the argument's own.
        """
        width = max(1, ptrs.get_element_ty().primitive_bitwidth // 8)
        for argument, own in self._owners(ptrs, mask, program, access):
            if width != argument.itemsize or ((own - argument.first) % width).any():
                raise PointerCast
            yield argument, own

    def _owners(self, ptrs: Any, mask: Any, program: tuple[int, ...], access: Access) -> Iterator[tuple[Argument, Any]]:
        addresses = np.asarray(ptrs.data).astype(np.int64)
        active = addresses[np.broadcast_to(np.asarray(mask.data).astype(bool), addresses.shape)]
        if not active.size:
            return
        low, high = int(active.min()), int(active.max())
        for argument in self.arguments:
            if argument.low <= low and high < argument.high:  # most loads are from one tensor
                yield argument, active
                return
        inside = np.zeros(active.shape, dtype=bool)
        for argument in self.arguments:
            own = (active >= argument.low) & (active < argument.high) & ~inside
            inside |= own
        if not inside.all():
            raise self._stray(active[~inside], program, access)
        for argument in self.arguments:
            own = active[(active >= argument.low) & (active < argument.high)]
            if own.size:
                yield argument, own

    def _stray(self, stray: Any, program: tuple[int, ...], access: Access) -> StrayAddress:
        address = int(stray[0])
        owner = min(self.arguments, key=lambda a: 0 if a.owned_low <= address < a.owned_high else abs(address - a.low))
        index = (address - owner.first) // owner.itemsize
        more = f" (and {stray.size - 1} more)" if stray.size > 1 else ""
        return StrayAddress(
            f"{self.kernel}: program {tuple(program)} {access} {owner.name} at element {index}{more}, "
            f"but {owner.name} has {owner.numel} elements: is the mask missing or off by one?",
            (self.kernel, owner.name, access),
        )
