"""The bytes of a tensor's storage, and the powers of two that survive the cast."""

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


@tensor_bytes.right("nbytes of a tensor without data")
def asked(shape: Shape, dtype: torch.dtype) -> int:
    return torch.empty(shape, dtype=dtype, device="meta").nbytes


@tensor_bytes.right("numel times element_size")
def by_element_size(shape: Shape, dtype: torch.dtype) -> int:
    return torch.Size(shape).numel() * torch.empty(0, dtype=dtype).element_size()


@tensor_bytes.wrong("bits were counted: 8 bits are a byte")
def bits(shape: Shape, dtype: torch.dtype) -> int:
    return tensor_bytes.fn(shape, dtype) * 8


@tensor_bytes.wrong("elements were counted: multiply by the bytes per element")
def elements(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape)


@tensor_bytes.wrong("the lengths were added: multiply them")
def lengths_added(shape: Shape, dtype: torch.dtype) -> int:
    return sum(shape) * _itemsize(dtype)


@tensor_bytes.wrong("4 bytes were used for every dtype: ask the dtype for its itemsize")
def always_four(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * 4


@tensor_bytes.wrong("2 bytes were used for every dtype: ask the dtype for its itemsize")
def always_two(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * 2


@tensor_bytes.wrong("a bool was counted as one bit: each bool takes a whole byte, so that it has an address")
def bool_is_a_bit(shape: Shape, dtype: torch.dtype) -> int:
    return -(-math.prod(shape) // 8) if dtype == torch.bool else tensor_bytes.fn(shape, dtype)


@tensor_bytes.wrong("torch.finfo was asked for the bits: it only accepts floats; dtype.itemsize works for every dtype")
def floats_only(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * torch.finfo(dtype).bits // 8


@tensor_bytes.wrong(
    "the digits in the dtype's name were read as bits: float8_e4m3fn has more digits, and bool has none"
)
def digits_of_the_name(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * int("".join(c for c in str(dtype) if c.isdigit())) // 8


@tensor_bytes.wrong("2 bytes were used as the minimum: fp8, int8 and bool take 1 byte")
def at_least_two(shape: Shape, dtype: torch.dtype) -> int:
    return math.prod(shape) * max(2, _itemsize(dtype))


@tensor_bytes.wrong("bf16 was counted as 4 bytes, like fp32: it has fp32's range, but takes 2 bytes")
def bf16_is_fp32(shape: Shape, dtype: torch.dtype) -> int:
    return tensor_bytes.fn(shape, torch.float32 if dtype == torch.bfloat16 else dtype)


@tensor_bytes.wrong("a float was returned: `/` always makes a float; `//` keeps the int")
def divided(shape: Shape, dtype: torch.dtype) -> float:
    return float(tensor_bytes.fn(shape, dtype))


@tensor_bytes.wrong("a tensor without axes got 0 bytes: it holds one element")
def scalar_is_empty(shape: Shape, dtype: torch.dtype) -> int:
    return tensor_bytes.fn(shape, dtype) if shape else 0


def _reach(dtype: torch.dtype) -> int:
    """The exponent of the largest power of two that `dtype` holds."""
    if not dtype.is_floating_point:
        raise TypeError(f"{dtype} is not a floating dtype")
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


@cast_changes.right("the logarithm of the largest value, rounded up for both dtypes")
def by_logarithm(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (math.ceil(math.log2(torch.finfo(dtype).max)) for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before


@cast_changes.right("bit_length of the largest value")
def by_bit_length(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (int(torch.finfo(dtype).max).bit_length() for dtype in (source, target))
    return torch.finfo(target).bits / torch.finfo(source).bits, after - before


@cast_changes.wrong("bf16 got the range of fp16 because both have 16 bits: bf16 has fp32's 8 exponent bits")
def bf16_is_fp16(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    other = {torch.bfloat16: torch.float16}
    ratio, _ = _changes(source, target)
    return ratio, _changes(other.get(source, source), other.get(target, target))[1]


@cast_changes.wrong("fp16 got the range of bf16: fp16 ends at 65,504")
def fp16_is_bf16(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    other = {torch.float16: torch.bfloat16}
    ratio, _ = _changes(source, target)
    return ratio, _changes(other.get(source, source), other.get(target, target))[1]


@cast_changes.wrong("E4M3 and E5M2 got the same range: E5M2 has fp16's exponent, E4M3 ends at 448")
def one_fp8(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    other = {torch.float8_e4m3fn: torch.float8_e5m2, torch.float8_e4m3fnuz: torch.float8_e5m2}
    ratio, _ = _changes(source, target)
    return ratio, _changes(other.get(source, source), other.get(target, target))[1]


@cast_changes.wrong("the ranges of E4M3 and E5M2 were swapped: the digit after the E is the number of exponent bits")
def fp8s_swapped(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    other = {torch.float8_e4m3fn: torch.float8_e5m2, torch.float8_e5m2: torch.float8_e4m3fn}
    ratio, _ = _changes(source, target)
    return ratio, _changes(other.get(source, source), other.get(target, target))[1]


@cast_changes.wrong("the bytes before the cast were divided by the bytes after it: do the opposite")
def ratio_upside_down(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, up = _changes(source, target)
    return 1 / ratio, up


@cast_changes.wrong(
    "the range after the cast was subtracted from the range before it: a wider range must give a positive number"
)
def downwards(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, up = _changes(source, target)
    return ratio, -up


@cast_changes.wrong("source and target were swapped")
def swapped(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    return _changes(target, source)


@cast_changes.wrong("precision was compared, by eps: bf16 has low precision and a wide range; compare finfo.max")
def digits_for_range(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    return ratio, round(math.log2(torch.finfo(source).eps) - math.log2(torch.finfo(target).eps))


@cast_changes.wrong("powers of ten were counted: the contract asks for powers of two")
def powers_of_ten(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    before, after = (math.floor(math.log10(torch.finfo(dtype).max)) for dtype in (source, target))
    return ratio, after - before


@cast_changes.wrong(
    "the floor of log2 was taken: log2 of float64's largest value rounds up to 1024, so the floor is one too high; "
    "use math.frexp"
)
def floor_of_logarithm(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (math.floor(math.log2(torch.finfo(dtype).max)) for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before


@cast_changes.wrong(
    "the difference of two logarithms was cut to an int: make each exponent an int first, then subtract"
)
def cut_difference(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _check(source, target)
    before, after = (math.log2(torch.finfo(dtype).max) for dtype in (source, target))
    return target.itemsize / source.itemsize, int(after - before)


@cast_changes.wrong(
    "the difference in bits was returned as the range: extra bits may go to the exponent or to the fraction"
)
def bits_for_range(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    return ratio, torch.finfo(target).bits - torch.finfo(source).bits


@cast_changes.wrong("the bytes were subtracted: divide the bytes after the cast by the bytes before it")
def difference_of_bytes(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _, up = _changes(source, target)
    return float(target.itemsize - source.itemsize), up


@cast_changes.wrong("`//` was used: if the cast halves the bytes, the result is then 0")
def whole_ratio(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _, up = _changes(source, target)
    return float(target.itemsize // source.itemsize), up


@cast_changes.wrong("integer dtypes were accepted: iinfo has their limits, but the contract asks for TypeError")
def integers_too(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    before, after = (
        int(torch.finfo(d).max if d.is_floating_point else torch.iinfo(d).max).bit_length() for d in (source, target)
    )
    return target.itemsize / source.itemsize, after - before


@cast_changes.wrong("a table with six dtypes was used: other dtypes raise a KeyError; ask torch.finfo")
def table(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    names = {"float64": 1023, "float32": 127, "bfloat16": 127, "float16": 15, "float8_e5m2": 15, "float8_e4m3fn": 8}
    before, after = (names[str(dtype).removeprefix("torch.")] for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before


@cast_changes.wrong("the difference of two logarithms was rounded down: make each exponent an int first, then subtract")
def floor_of_difference(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    before, after = (math.log2(torch.finfo(dtype).max) for dtype in (source, target))
    return ratio, math.floor(after - before)


@cast_changes.wrong("the exponent of the smallest normal number was used: the contract asks about the largest number")
def lower_end(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    ratio, _ = _changes(source, target)
    before, after = (-int(math.log2(torch.finfo(dtype).tiny)) for dtype in (source, target))
    return ratio, after - before


@cast_changes.wrong("only the source was checked: the target must be a floating dtype too")
def target_unchecked(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _changes(source, source)
    return integers_too(source, target)


@cast_changes.wrong("only the target was checked: the source must be a floating dtype too")
def source_unchecked(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    _changes(target, target)
    return integers_too(source, target)


@cast_changes.wrong("complex dtypes were accepted: torch.finfo accepts them, but the contract asks for TypeError")
def complex_too(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    before, after = (math.frexp(torch.finfo(dtype).max)[1] for dtype in (source, target))
    return target.itemsize / source.itemsize, after - before
