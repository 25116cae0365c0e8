"""Bytes counted on the storage of a tensor; the range by the powers of two that survive the cast."""

import math

import torch

from reference import oracle

Shape = tuple[int, ...]


def _itemsize(dtype: torch.dtype) -> int:
    return torch.empty(1, dtype=dtype).untyped_storage().nbytes()


@oracle
def tensor_bytes(shape: Shape, dtype: torch.dtype) -> int:
    size = 1
    for n in shape:
        size *= n
    return size * _itemsize(dtype)


@tensor_bytes.right("asked of a tensor without data")
def asked(shape: Shape, dtype: torch.dtype) -> int:
    return torch.empty(shape, dtype=dtype, device="meta").nbytes


@tensor_bytes.right("numel times element_size")
def by_element_size(shape: Shape, dtype: torch.dtype) -> int:
    return torch.Size(shape).numel() * torch.empty(0, dtype=dtype).element_size()


@tensor_bytes.wrong("counted in bits: eight of them are a byte")
def bits(shape: Shape, dtype: torch.dtype) -> int:
    return tensor_bytes.fn(shape, dtype) * 8


@tensor_bytes.wrong("elements counted, not bytes")
def elements(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape)


@tensor_bytes.wrong("the lengths added, not multiplied")
def lengths_added(shape: Shape, dtype: torch.dtype) -> int:
    return sum(shape) * _itemsize(dtype)


@tensor_bytes.wrong("four bytes an element whatever the dtype")
def always_four(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * 4


@tensor_bytes.wrong("two bytes an element whatever the dtype")
def always_two(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * 2


@tensor_bytes.wrong("a bool counted as a bit: each takes a whole byte, so that it has an address")
def bool_is_a_bit(shape: Shape, dtype: torch.dtype) -> int:
    return -(-math.prod(shape) // 8) if dtype == torch.bool else tensor_bytes.fn(shape, dtype)


@tensor_bytes.wrong("torch.finfo asked for the bits: it knows floats only, dtype.itemsize knows every dtype")
def floats_only(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * torch.finfo(dtype).bits // 8


@tensor_bytes.wrong("the digits of the dtype's name read as bits: float8_e4m3fn has more digits, bool has none")
def digits_of_the_name(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * int("".join(c for c in str(dtype) if c.isdigit())) // 8


@tensor_bytes.wrong("no less than two bytes an element: fp8, int8 and bool take one")
def at_least_two(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * max(2, _itemsize(dtype))


@tensor_bytes.wrong("bf16 counted as fp32: it has fp32's range in half the bytes")
def bf16_is_fp32(shape: Shape, dtype: torch.dtype) -> int:
    return tensor_bytes.fn(shape, torch.float32 if dtype == torch.bfloat16 else dtype)


@tensor_bytes.wrong("a float: `/` makes one even of whole numbers, `//` keeps the int")
def divided(shape: Shape, dtype: torch.dtype) -> float:
    return float(tensor_bytes.fn(shape, dtype))


@tensor_bytes.wrong("a tensor without axes given no bytes: it holds one element")
def scalar_is_empty(shape: Shape, dtype: torch.dtype) -> int:
    return tensor_bytes.fn(shape, dtype) if shape else 0


def _reach(dtype: torch.dtype) -> int:
    """The exponent of the largest power of two that `dtype` holds."""
    if not dtype.is_floating_point:
        raise TypeError(f"{dtype} is no floating dtype")
    powers = torch.ldexp(torch.ones(1024, dtype=torch.float64), torch.arange(1024))
    return int((powers.to(dtype).double() == powers).sum()) - 1


@oracle
def cast_changes(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    return _itemsize(target) / _itemsize(source), _reach(target) - _reach(source)


def _check(source: torch.dtype, target: torch.dtype) -> None:
    if not (source.is_floating_point and target.is_floating_point):
        raise TypeError("not a floating dtype")


def _changes(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (math.frexp(torch.finfo(dtype).max)[1] for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before


@cast_changes.right("the logarithm of the largest value, rounded up for both")
def by_logarithm(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (math.ceil(math.log2(torch.finfo(dtype).max)) for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before


@cast_changes.right("by the length of the largest value in binary")
def by_bit_length(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (int(torch.finfo(dtype).max).bit_length() for dtype in (source, target))
    return torch.finfo(target).bits / torch.finfo(source).bits, after - before


@cast_changes.wrong("range taken for a matter of bits, so bf16 given that of fp16: bf16 has fp32's 8 exponent bits")
def bf16_is_fp16(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    other = {torch.bfloat16: torch.float16}
    ratio, _ = _changes(source, target)
    return ratio, _changes(other.get(source, source), other.get(target, target))[1]


@cast_changes.wrong("fp16 given the range of bf16: fp16 ends at 65,504")
def fp16_is_bf16(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    other = {torch.float16: torch.bfloat16}
    ratio, _ = _changes(source, target)
    return ratio, _changes(other.get(source, source), other.get(target, target))[1]


@cast_changes.wrong("E4M3 and E5M2 given one range: E5M2 has fp16's exponent, E4M3 ends at 448")
def one_fp8(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    other = {torch.float8_e4m3fn: torch.float8_e5m2, torch.float8_e4m3fnuz: torch.float8_e5m2}
    ratio, _ = _changes(source, target)
    return ratio, _changes(other.get(source, source), other.get(target, target))[1]


@cast_changes.wrong("E4M3 and E5M2 given each other's range: the digit behind the E counts the exponent bits")
def fp8s_swapped(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    other = {torch.float8_e4m3fn: torch.float8_e5m2, torch.float8_e5m2: torch.float8_e4m3fn}
    ratio, _ = _changes(source, target)
    return ratio, _changes(other.get(source, source), other.get(target, target))[1]


@cast_changes.wrong("bytes before divided by bytes after: it is the other way round")
def ratio_upside_down(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, up = _changes(source, target)
    return 1 / ratio, up


@cast_changes.wrong("the range before minus the range after: a wider range is a positive number")
def downwards(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, up = _changes(source, target)
    return ratio, -up


@cast_changes.wrong("source and target taken for each other")
def swapped(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    return _changes(target, source)


@cast_changes.wrong("the digits compared, by eps, not the range: bf16 has few digits and a wide range")
def digits_for_range(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    return ratio, round(math.log2(torch.finfo(source).eps) - math.log2(torch.finfo(target).eps))


@cast_changes.wrong("counted in powers of ten: powers of two are asked for")
def powers_of_ten(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    before, after = (math.floor(math.log10(torch.finfo(dtype).max)) for dtype in (source, target))
    return ratio, after - before


@cast_changes.wrong(
    "log2 of float64's largest value is rounded up to 1024, so its floor is one too many: math.frexp is exact"
)
def floor_of_logarithm(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (math.floor(math.log2(torch.finfo(dtype).max)) for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before


@cast_changes.wrong("the difference of two logarithms cut to an int: take each exponent whole, then the difference")
def cut_difference(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (math.log2(torch.finfo(dtype).max) for dtype in (source, target))
    return target.itemsize / source.itemsize, int(after - before)


@cast_changes.wrong("bits added given for the range: bits may go to the exponent or to the fraction")
def bits_for_range(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    return ratio, torch.finfo(target).bits - torch.finfo(source).bits


@cast_changes.wrong("the difference of the bytes: the bytes afterwards are divided by those before")
def difference_of_bytes(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _, up = _changes(source, target)
    return float(target.itemsize - source.itemsize), up


@cast_changes.wrong("divided with //, so that half the bytes read 0")
def whole_ratio(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _, up = _changes(source, target)
    return float(target.itemsize // source.itemsize), up


@cast_changes.wrong("integers let through: iinfo tells their limits, but a TypeError is asked for")
def integers_too(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    before, after = (
        int(torch.finfo(d).max if d.is_floating_point else torch.iinfo(d).max).bit_length() for d in (source, target)
    )
    return target.itemsize / source.itemsize, after - before


@cast_changes.wrong("a table of exponents with five entries: other dtypes are KeyErrors; ask torch.finfo")
def table(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    names = {"float64": 1023, "float32": 127, "bfloat16": 127, "float16": 15, "float8_e5m2": 15, "float8_e4m3fn": 8}
    before, after = (names[str(dtype).removeprefix("torch.")] for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before


@cast_changes.wrong("the difference of two logarithms rounded down: take each exponent whole, then the difference")
def floor_of_difference(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    before, after = (math.log2(torch.finfo(dtype).max) for dtype in (source, target))
    return ratio, math.floor(after - before)


@cast_changes.wrong("the exponent of the smallest normal number taken, not of the largest: the upper end is asked for")
def lower_end(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    before, after = (-int(math.log2(torch.finfo(dtype).tiny)) for dtype in (source, target))
    return ratio, after - before


@cast_changes.wrong("only the source checked for being a floating dtype: the target has to be one, too")
def target_unchecked(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _changes(source, source)
    return integers_too(source, target)


@cast_changes.wrong("only the target checked for being a floating dtype: the source has to be one, too")
def source_unchecked(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _changes(target, target)
    return integers_too(source, target)


@cast_changes.wrong("complex dtypes taken for floating ones: torch.finfo knows their parts, but TypeError is asked for")
def complex_too(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    before, after = (math.frexp(torch.finfo(dtype).max)[1] for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before
