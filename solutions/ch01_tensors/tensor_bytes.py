"""What a dtype costs and what it reaches

Bytes are elements times bytes per element, for bf16 and fp8 as for bool. A cast changes the bytes, the range, or both,
and which of them it changes is not a matter of the number of bits alone: bf16 and fp16 both have 16.
"""

import math

import torch


def tensor_bytes(shape: tuple[int, ...], dtype: torch.dtype) -> int:
    """Bytes that the elements of a contiguous tensor take. An int, for any dtype, integers and bool included.

    tensor_bytes((4, 6), torch.float32)    ->  96
    tensor_bytes((4, 6), torch.bfloat16)   ->  48
    tensor_bytes((4, 6), torch.bool)       ->  24      a bool takes a whole byte
    """
    ### BEGIN SOLUTION
    return math.prod(shape) * dtype.itemsize
    ### END SOLUTION


def cast_changes(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    """What a cast between two floating dtypes does to memory and to range.

    First the bytes afterwards divided by the bytes before. Then how many powers of two the upper end of the range
    goes up: the largest finite value of a dtype lies between 2^E and 2^(E + 1), and it is the change of E.

                 E                E                       E                       E
        float64  1023    float32  127    bfloat16  127    float16  15    E5M2, E4M3   15, 8

        cast_changes(torch.float32, torch.float64)   ->  (2.0, 896)      twice the bytes, and more range
        cast_changes(torch.float16, torch.bfloat16)  ->  (1.0, 112)      the same bytes, and more range

    Ask torch for the limits of a dtype; there are more than these. Raises TypeError if one of the two is not a
    floating dtype, such as torch.int32, or torch.complex64, which torch.finfo lets through.
    """
    ### BEGIN SOLUTION
    if not (source.is_floating_point and target.is_floating_point):
        raise TypeError(f"{source} or {target} is not a floating dtype")
    reach = [math.frexp(torch.finfo(dtype).max)[1] for dtype in (source, target)]
    return target.itemsize / source.itemsize, reach[1] - reach[0]
    ### END SOLUTION
