"""A koan's values as plain data, exact to the bit: tensors and arrays as raw bytes with dtype, shape and strides.

`pack` turns values into nodes, and `Unpacker` turns nodes into values. A node may be forged. So every size is checked
against the bytes that are there, and there is a limit on the memory that a few bytes can claim.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

LARGEST = 64 << 20  # the most bytes of one frame, and of all its tensors together once they are laid out in memory
ITEMS = 1 << 18  # the most entries of all lists, tuples and dicts of one message together
DEPTH = 100  # the most lists, tuples and dicts inside one another
LONGEST_TEXT = 1 << 20  # bytes
TENSOR_ITEMS = 8  # a tensor counts as so many entries, because each takes memory besides its bytes
OTHER_ITEMS = 256  # and so does the class of a value that cannot be sent
SAME_HASH = 256  # the most keys of one dict with one hash: looking each up takes time in proportion
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
    """A value as data. A value that no koan may take or return becomes OtherData.

    Lists, tuples and dicts of other classes (a named tuple, a defaultdict) become plain ones.
    """
    packer = _PACKERS.get(type(x))
    if packer is not None:
        return packer(x)
    for kind in (tuple, list, dict):
        if isinstance(x, kind):
            return _PACKERS[kind](x)
    if isinstance(x, Tensor):
        return OtherData(f"{type(x).__name__[:50]}, not a plain torch.Tensor")
    if isinstance(x, np.generic) and x.dtype.kind in NUMPY_KINDS:
        return ScalarData(x.dtype.str, x.tobytes())
    return OtherData(type(x).__name__[:100])


def _pack_int(x: int) -> Node:
    if -(2**63) <= x < 2**64:
        return x
    digits = format(x, "x")
    return BigInt(digits) if len(digits) <= DIGITS else OtherData("int too long to send")


def _pack_text(x: str) -> Node:
    data = x.encode("utf-8", "surrogatepass")
    if len(data) > LONGEST_TEXT:
        return OtherData("str too long to send")
    try:
        x.encode()
        return x
    except UnicodeEncodeError:
        return Text(data)


def _pack_tensor(x: Tensor) -> Node:
    dtype = NAMES.get(x.dtype)
    if dtype is None or x.layout != torch.strided or x.device.type != "cpu" or x.is_quantized:
        return OtherData("tensor of another layout, device or type")
    if x.numel() * x.element_size() > LARGEST:
        return OtherData(f"tensor of more than {LARGEST >> 20} MiB")
    requires_grad, has_grad = x.requires_grad, x.is_leaf and x.grad is not None
    shape, stride = list(x.shape), list(x.stride())
    if x.is_contiguous() and not x.is_conj() and not x.is_neg() and (address := _address(x)):
        data = ctypes.string_at(address, x.nbytes)
        return TensorData(dtype, shape, _in_bounds(stride), data, requires_grad, has_grad)
    x = x.detach().resolve_conj().resolve_neg()
    stride = list(x.stride())
    span = _span(shape, stride)
    if span > 2 * max(1, x.numel()) + 4096:  # a view of few elements of a large tensor: send only these elements
        x = x.contiguous()
        stride, span = list(x.stride()), x.numel()
    flat = x.as_strided((span,), (1,)) if span else x.new_empty(0)  # an empty tensor may have any strides
    stride = _in_bounds(stride)
    return TensorData(dtype, shape, stride, flat.view(torch.uint8).numpy().tobytes(), requires_grad, has_grad)


def _address(x: Tensor) -> int:
    """Where its first element lies in memory. 0 if it has no memory of its own, as inside vmap."""
    try:
        return x.data_ptr()
    except RuntimeError:
        return 0


def _pack_array(x: np.ndarray[Any, Any]) -> Node:
    if x.dtype.kind not in NUMPY_KINDS:
        return OtherData("ndarray of objects")
    low, high = _reach(x.shape, x.strides)
    if not x.size or high - low > 2 * x.nbytes + 4096:
        x = np.ascontiguousarray(x)
        return ArrayData(x.dtype.str, list(x.shape), _in_bounds(x.strides), 0, x.tobytes())
    length = high - low + x.itemsize
    memory = (ctypes.c_char * length).from_address(x.ctypes.data + low)
    return ArrayData(x.dtype.str, list(x.shape), _in_bounds(x.strides), -low, bytes(memory))


def _in_bounds(strides: Iterable[int]) -> list[int]:
    """An axis of length 1 may have any stride, since it leads nowhere. One that is too large to send becomes 0."""
    return [stride if abs(stride) <= LARGEST else 0 for stride in strides]


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


def pack_result(x: Any) -> Node:
    """A result as data. Raises ValueError if it is too large, or nested too deeply, to be handed over."""
    node = pack(x)
    if isinstance(node, (ListData, TupleData, DictData)):
        try:
            Unpacker()(node)
        except Malformed as error:
            raise ValueError(f"the result cannot be sent to the tests: {error}") from None
    return node


class Unpacker:
    """Turns nodes back into values.

    `budget` is the most bytes of all their tensors together, once they are laid out in memory. `items` is the most
    entries of all their lists, tuples and dicts together.
    """

    def __init__(self, budget: int = LARGEST, items: int = ITEMS) -> None:
        self.budget, self.items = budget, items
        self._depth = 0

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
            return self._dict(node)
        if isinstance(node, ArrayData):
            return self._array(node)
        if isinstance(node, ScalarData):
            dtype = _numpy_dtype(node.dtype)
            return np.frombuffer(_booleans(_whole(node.data, dtype.itemsize), dtype.kind == "b"), dtype)[0]
        if isinstance(node, DTypeData):
            return _dtype(node.name)
        if isinstance(node, BigInt):
            if len(node.hex) > DIGITS:
                raise Malformed("an integer too long")
            return int(node.hex, 16)
        if isinstance(node, Text):
            if len(node.data) > LONGEST_TEXT:
                raise Malformed("a text too long")
            return node.data.decode("utf-8", "surrogatepass")
        if isinstance(node, SizeData):
            return self._size(node)
        self._count(OTHER_ITEMS)
        return _other(node.kind)

    def _count(self, items: int) -> None:
        self.items -= items
        if self.items < 0:
            raise Malformed(f"lists and dicts of more than {ITEMS} entries in one message")

    def _values(self, nodes: list[Node]) -> list[Any]:
        self._count(len(nodes))
        self._depth += 1
        if self._depth > DEPTH:
            raise Malformed(f"more than {DEPTH} lists inside one another")
        values = [self._value(x) for x in nodes]
        self._depth -= 1
        return values

    def _dict(self, node: DictData) -> dict[Any, Any]:
        keys = self._values(node.keys)
        if max(Counter(map(hash, keys)).values(), default=0) > SAME_HASH:
            raise Malformed("keys that were chosen to be slow")
        value = dict(zip(keys, self._values(node.values), strict=True))
        if len(value) != len(keys):
            raise Malformed("two equal keys in a dict")
        return value

    def _size(self, node: SizeData) -> torch.Size:
        if len(node.items) > DIMENSIONS or any(not -(2**63) <= n < 2**63 for n in node.items):
            raise Malformed("a size out of bounds")
        return torch.Size(node.items)

    def _spend(self, shape: list[int], itemsize: int) -> int:
        """The number of elements, taken from the budget. Raises Malformed if the budget does not suffice.

        An empty tensor takes nothing. But its other axes have the same limits as in a tensor with elements,
        because a sum over an axis of length 0 has elements.
        """
        self._count(TENSOR_ITEMS)
        if len(shape) > DIMENSIONS or any(not 0 <= n <= LARGEST for n in shape):
            raise Malformed(f"the shape {shape[:DIMENSIONS]} is out of bounds")
        numel = math.prod(shape)
        self.budget -= numel * itemsize
        if self.budget < 0 or math.prod(max(1, n) for n in shape) * itemsize > LARGEST:
            raise Malformed(f"tensors of more than {LARGEST >> 20} MiB in one message")
        return numel

    def _tensor(self, node: TensorData) -> Tensor:
        dtype = _dtype(node.dtype)
        numel = self._spend(node.shape, dtype.itemsize)
        if node.has_grad:
            self._spend(node.shape, dtype.itemsize)
        _check_strides(node.shape, node.stride, lowest=0)
        data = _whole(node.data, _span(node.shape, node.stride) * dtype.itemsize)
        if not numel:
            return _with_gradient(torch.empty_strided(node.shape, node.stride, dtype=dtype), node)
        raw = torch.frombuffer(bytearray(_booleans(data, dtype == torch.bool)), dtype=torch.uint8)
        flat = raw.view(dtype).as_strided(node.shape, node.stride)
        return _with_gradient(flat, node)

    def _array(self, node: ArrayData) -> np.ndarray[Any, Any]:
        dtype = _numpy_dtype(node.dtype)
        numel = self._spend(node.shape, dtype.itemsize)
        _check_strides(node.shape, node.stride, lowest=-LARGEST)
        if not numel:
            _whole(node.data, 0)
            return np.empty(node.shape, dtype)
        # numpy checks these too, but in 64 bits, and it takes an empty buffer for none.
        low, high = _reach(node.shape, node.stride)
        if node.offset != -low:
            raise Malformed("an offset that does not fit the strides")
        data = bytearray(_booleans(_whole(node.data, high - low + dtype.itemsize), dtype.kind == "b"))
        return np.ndarray(tuple(node.shape), dtype, data, node.offset, tuple(node.stride))


def _with_gradient(x: Tensor, node: TensorData) -> Tensor:
    if (node.requires_grad or node.has_grad) and not (x.is_floating_point() or x.is_complex()):
        raise Malformed("a gradient of integers")
    x.requires_grad_(node.requires_grad)
    if node.has_grad:
        x.grad = torch.zeros_like(x)
    return x


def _check_strides(shape: list[int], stride: list[int], lowest: int) -> None:
    if len(stride) != len(shape) or any(not lowest <= s <= LARGEST for s in stride):
        raise Malformed("strides that do not fit the shape")


def _span(shape: list[int], stride: list[int]) -> int:
    """How many elements lie in memory from the first to the last, gaps included."""
    if 0 in shape:
        return 0
    return sum((n - 1) * s for n, s in zip(shape, stride, strict=True)) + 1


def _reach(shape: Sequence[int], stride: Sequence[int]) -> tuple[int, int]:
    """How far the first and the last element in memory lie from element 0. There must be elements."""
    steps = [(n - 1) * s for n, s in zip(shape, stride, strict=True)]
    return sum(step for step in steps if step < 0), sum(step for step in steps if step > 0)


def _booleans(data: bytes, expected: bool) -> bytes:
    """The same bytes. Raises Malformed if booleans are expected and one is neither 0 nor 1."""
    if expected and data.translate(None, b"\0\1"):
        raise Malformed("a boolean that is neither 0 nor 1")
    return data


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
