"""A koan's values as plain data, exact to the bit: tensors and arrays as raw bytes with dtype, shape and strides.

`pack` turns values into nodes, and `Unpacker` turns nodes into values. A node may be forged. So every size is checked
against the bytes that are there, and there is a limit on the memory that a few bytes can claim.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

LARGEST = 256 << 20  # the most bytes of one frame, and of all its tensors together once they are laid out in memory
ITEMS = 1 << 18  # the most entries of all lists, tuples and dicts of one message together
DIMENSIONS = 32
DIGITS = 3_500  # the most base-16 digits of an integer beyond 64 bits: Python still prints such integers in base 10

DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in (
        *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
        *("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"),
    )
    if hasattr(torch, name)
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}
NUMPY_KINDS = "biufc"
# Names of dtypes of numbers. numpy itself would accept "<i,O" too, and read the bytes as pointers.
NUMPY_NAME = re.compile(rf"[<>|=][{NUMPY_KINDS}][0-9]{{1,2}}")


class Malformed(Exception):
    """The bytes from a worker are no valid message, or a message claims more than it holds."""


class BytesData(msgspec.Struct, array_like=True, tag="b"):
    data: bytes


class TensorData(msgspec.Struct, array_like=True, tag="T"):
    """A tensor. `data` holds its memory from the first element to the last, with gaps. Strides are in elements.

    `has_grad`: its `grad` is not None. The gradient itself is not sent.
    """

    dtype: str
    shape: list[int]
    stride: list[int]
    data: bytes
    requires_grad: bool = False
    has_grad: bool = False


class ArrayData(msgspec.Struct, array_like=True, tag="N"):
    """A numpy array. Strides are in bytes. `offset` is the position of element 0 in `data`."""

    dtype: str
    shape: list[int]
    stride: list[int]
    offset: int
    data: bytes


class ScalarData(msgspec.Struct, array_like=True, tag="n"):
    """A numpy scalar."""

    dtype: str
    data: bytes


class DTypeData(msgspec.Struct, array_like=True, tag="D"):
    """A torch dtype."""

    name: str


class BigInt(msgspec.Struct, array_like=True, tag="I"):
    """An integer of more than 64 bits, in base 16."""

    hex: str


class Text(msgspec.Struct, array_like=True, tag="u"):
    """A string with lone surrogates, which cannot be encoded as UTF-8."""

    data: bytes


class ListData(msgspec.Struct, array_like=True, tag="l"):
    items: list[Node]


class TupleData(msgspec.Struct, array_like=True, tag="t"):
    items: list[Node]


class DictData(msgspec.Struct, array_like=True, tag="d"):
    keys: list[Node]
    values: list[Node]


class SizeData(msgspec.Struct, array_like=True, tag="s"):
    """A torch.Size."""

    items: list[int]


class OtherData(msgspec.Struct, array_like=True, tag="F"):
    """A value that a koan may not return. Only the name of its type is sent."""

    kind: str


Node = (
    None
    | bool
    | int
    | float
    | str
    | BytesData
    | TensorData
    | ArrayData
    | ScalarData
    | DTypeData
    | BigInt
    | Text
    | ListData
    | TupleData
    | DictData
    | SizeData
    | OtherData
)


def pack(x: Any) -> Node:
    """A value as data. A value that no koan may take or return becomes OtherData."""
    packer = _PACKERS.get(type(x))
    if packer is not None:
        return packer(x)
    if isinstance(x, tuple):  # a named tuple, as torch.max returns
        return TupleData([pack(y) for y in x])
    if isinstance(x, np.generic) and x.dtype.kind in NUMPY_KINDS:
        return ScalarData(x.dtype.str, x.tobytes())
    return OtherData(type(x).__name__[:100])


def _pack_int(x: int) -> Node:
    if -(2**63) <= x < 2**64:
        return x
    digits = format(x, "x")
    return BigInt(digits) if len(digits) <= DIGITS else OtherData("int too long to send")


def _pack_text(x: str) -> Node:
    try:
        x.encode()
        return x
    except UnicodeEncodeError:
        return Text(x.encode("utf-8", "surrogatepass"))


def _pack_tensor(x: Tensor) -> Node:
    dtype = NAMES.get(x.dtype)
    if dtype is None or x.layout != torch.strided or x.device.type != "cpu" or x.is_quantized:
        return OtherData("tensor of another layout, device or type")
    if x.numel() * x.element_size() > LARGEST:
        return OtherData(f"tensor of more than {LARGEST >> 20} MiB")
    requires_grad, has_grad = x.requires_grad, x.is_leaf and x.grad is not None
    x = x.detach().resolve_conj().resolve_neg()
    shape, stride = list(x.shape), list(x.stride())
    span = _span(shape, stride)
    if span > 2 * max(1, x.numel()) + 4096:  # a view of few elements of a large tensor: send only these elements
        x = x.contiguous()
        stride, span = list(x.stride()), x.numel()
    flat = x.as_strided((span,), (1,)) if span else x.new_empty(0)  # an empty tensor may have any strides
    return TensorData(dtype, shape, stride, flat.view(torch.uint8).numpy().tobytes(), requires_grad, has_grad)


def _pack_array(x: np.ndarray[Any, Any]) -> Node:
    if x.dtype.kind not in NUMPY_KINDS:
        return OtherData("ndarray of objects")
    low = sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True) if s < 0 and n)
    high = sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True) if s > 0 and n)
    if not x.size or high - low > 2 * x.nbytes + 4096:
        x = np.ascontiguousarray(x)
        return ArrayData(x.dtype.str, list(x.shape), list(x.strides), 0, x.tobytes())
    length = high - low + x.itemsize
    memory = (ctypes.c_char * length).from_address(x.ctypes.data + low)
    return ArrayData(x.dtype.str, list(x.shape), list(x.strides), -low, bytes(memory))


_PACKERS: dict[type, Callable[[Any], Node]] = {
    type(None): lambda x: None,
    bool: lambda x: x,
    int: _pack_int,
    float: lambda x: x,
    str: _pack_text,
    bytes: BytesData,
    bytearray: lambda x: OtherData("bytearray"),
    list: lambda x: ListData([pack(y) for y in x]),
    tuple: lambda x: TupleData([pack(y) for y in x]),
    dict: lambda x: DictData([pack(k) for k in x], [pack(v) for v in x.values()]),
    torch.Size: lambda x: SizeData(list(x)),
    torch.dtype: lambda x: DTypeData(NAMES[x]) if x in NAMES else OtherData("dtype"),
    Tensor: _pack_tensor,
    np.ndarray: _pack_array,
}


class Unpacker:
    """Turns nodes back into values.

    `budget` is the most bytes of all their tensors together, once they are laid out in memory. `items` is the most
    entries of all their lists, tuples and dicts together.
    """

    def __init__(self, budget: int = LARGEST, items: int = ITEMS) -> None:
        self.budget, self.items = budget, items

    def __call__(self, node: Node) -> Any:
        """The value of a node. Raises Malformed if the node claims what is not true."""
        try:
            return self._value(node)
        except (RecursionError, TypeError, ValueError, RuntimeError, OverflowError, MemoryError) as error:
            raise Malformed(f"{type(error).__name__}: {error}"[:300]) from None

    def _value(self, node: Node) -> Any:
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        if isinstance(node, BytesData):
            return node.data
        if isinstance(node, TensorData):
            return self._tensor(node)
        if isinstance(node, ListData):
            return self._values(node.items)
        if isinstance(node, TupleData):
            return tuple(self._values(node.items))
        if isinstance(node, DictData):
            return dict(zip(self._values(node.keys), self._values(node.values), strict=True))
        if isinstance(node, ArrayData):
            return self._array(node)
        if isinstance(node, ScalarData):
            dtype = _numpy_dtype(node.dtype)
            return np.frombuffer(_whole(node.data, dtype.itemsize), dtype)[0]
        if isinstance(node, DTypeData):
            return _dtype(node.name)
        if isinstance(node, BigInt):
            if len(node.hex) > DIGITS:
                raise Malformed("an integer too long")
            return int(node.hex, 16)
        if isinstance(node, Text):
            return node.data.decode("utf-8", "surrogatepass")
        if isinstance(node, SizeData):
            return torch.Size(node.items)
        return _other(node.kind)

    def _values(self, nodes: list[Node]) -> list[Any]:
        self.items -= len(nodes)
        if self.items < 0:
            raise Malformed(f"lists and dicts of more than {ITEMS} entries in one message")
        return [self._value(x) for x in nodes]

    def _spend(self, shape: list[int], itemsize: int) -> int:
        """The number of elements, taken from the budget. Raises Malformed if the budget does not suffice."""
        if len(shape) > DIMENSIONS or any(not 0 <= n <= LARGEST for n in shape):
            raise Malformed(f"the shape {shape[:DIMENSIONS]} is out of bounds")
        numel = math.prod(shape)
        self.budget -= numel * itemsize
        if self.budget < 0:
            raise Malformed(f"tensors of more than {LARGEST >> 20} MiB in one message")
        return numel

    def _tensor(self, node: TensorData) -> Tensor:
        dtype = _dtype(node.dtype)
        numel = self._spend(node.shape, dtype.itemsize)
        if len(node.stride) != len(node.shape) or any(not 0 <= s <= LARGEST for s in node.stride):
            raise Malformed("strides that do not fit the shape")
        if not numel:
            return _with_gradient(torch.empty_strided(node.shape, node.stride, dtype=dtype), node)
        data = _whole(node.data, _span(node.shape, node.stride) * dtype.itemsize)
        raw = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        if dtype == torch.bool and bool((raw > 1).any()):
            raise Malformed("a boolean that is neither 0 nor 1")
        flat = raw.view(dtype).as_strided(node.shape, node.stride)
        return _with_gradient(flat, node)

    def _array(self, node: ArrayData) -> np.ndarray[Any, Any]:
        dtype = _numpy_dtype(node.dtype)
        numel = self._spend(node.shape, dtype.itemsize)
        if len(node.stride) != len(node.shape):
            raise Malformed("strides that do not fit the shape")
        if not numel:
            return np.empty(node.shape, dtype)
        if dtype.kind == "b" and max(node.data, default=0) > 1:
            raise Malformed("a boolean that is neither 0 nor 1")
        # numpy checks shape, strides and offset against the buffer
        return np.ndarray(tuple(node.shape), dtype, bytearray(node.data), node.offset, tuple(node.stride))


def _with_gradient(x: Tensor, node: TensorData) -> Tensor:
    if (node.requires_grad or node.has_grad) and not (x.is_floating_point() or x.is_complex()):
        raise Malformed("a gradient of integers")
    x.requires_grad_(node.requires_grad)
    if node.has_grad:
        x.grad = torch.zeros_like(x)
    return x


def _span(shape: list[int], stride: list[int]) -> int:
    """How many elements lie in memory from the first to the last, gaps included."""
    if 0 in shape:
        return 0
    return sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) + 1


def _whole(data: bytes, length: int) -> bytes:
    """The same bytes. Raises Malformed if there are not exactly `length` of them."""
    if len(data) != length:
        raise Malformed(f"{len(data)} bytes where {length} were announced")
    return data


def _dtype(name: str) -> torch.dtype:
    if name not in DTYPES:
        raise Malformed("an unknown dtype")
    return DTYPES[name]


def _numpy_dtype(name: str) -> np.dtype[Any]:
    if not NUMPY_NAME.fullmatch(name):
        raise Malformed("an unknown numpy dtype")
    return np.dtype(name)


def _other(kind: str) -> Any:
    """A placeholder for a value that cannot be sent. Its type has the name that the worker gave."""
    name = "".join(c for c in kind if c.isprintable())[:100] or "object"
    return type(name, (), {"__repr__": lambda self: f"<{name}>"})()
