"""The memory and the range of a dtype

For every dtype, the bytes of a tensor are the number of elements times the bytes per element. A cast may change the
bytes, the range, or both. The number of bits alone does not give the range: bf16 and fp16 both have 16 bits.
"""

import math

import torch


def tensor_bytes(shape: tuple[int, ...], dtype: torch.dtype) -> int:
    """The bytes that the elements of a contiguous tensor take, as an int. Integer dtypes and bool are allowed.

    tensor_bytes((4, 6), torch.float32)    ->  96
    tensor_bytes((4, 6), torch.bfloat16)   ->  48
    tensor_bytes((4, 6), torch.bool)       ->  24      a bool takes a whole byte
    """
    raise NotImplementedError("your turn")


def cast_changes(source: torch.dtype, target: torch.dtype) -> tuple[float, int]:
    """What a cast between two floating dtypes does to memory and to range.

    The first result is the bytes after the cast divided by the bytes before it. The second result says by how many
    powers of two the upper end of the range rises. The largest finite value of a dtype is between 2^E and 2^(E + 1).
    The second result is E after the cast minus E before it.

                 E                E                       E                       E
        float64  1023    float32  127    bfloat16  127    float16  15    E5M2, E4M3   15, 8

        cast_changes(torch.float32, torch.float64)   ->  (2.0, 896)      twice the bytes, and a wider range
        cast_changes(torch.float16, torch.bfloat16)  ->  (1.0, 112)      the same bytes, and a wider range

    Ask torch for the limits of a dtype: torch has more floating dtypes than these. Raises TypeError if one of the two
    is not a floating dtype. Examples are torch.int32 and also torch.complex64, although torch.finfo accepts it.
    """
    raise NotImplementedError("your turn")
