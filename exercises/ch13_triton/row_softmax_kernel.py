"""Softmax with padding

A row of n scores is loaded into BLOCK lanes, and BLOCK is a power of two. The spare lanes take part in every maximum
and every sum, so their values decide whether the result is right.
"""

import triton
import triton.language as tl

CONFIG = {"num_warps": 4}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"num_warps": 8}, {"num_warps": 16}]


@triton.jit
def softmax_kernel(x_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """Softmax of one row: program r handles row r of contiguous matrices with n columns, n <= BLOCK.

    Load the row once and compute in float32. The result is finite for every finite score. The store rounds to the dtype
    of out. Lanes with column >= n must add nothing to the sum and must not be the maximum.
    A row [0, ln 3] gives [0.25, 0.75].
    """
    raise NotImplementedError("your turn")
