"""A tile of a matrix product

One program computes one tile of the result, BLOCK_M × BLOCK_N, in steps of BLOCK_K. All programs in a row of tiles read
the same rows of A. So larger tiles mean fewer bytes, until the registers are full.
"""

import triton
import triton.language as tl

# On an H100 tl.dot must become wgmma, which takes 64 rows (BLOCK_M) and 4 warps, or a multiple of these.
CONFIG = {"BLOCK_M": 64, "BLOCK_N": 64, "BLOCK_K": 32, "GROUP": 8, "num_warps": 4, "num_stages": 3}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [
    {"BLOCK_M": 128, "BLOCK_N": 256, "BLOCK_K": 64, "num_warps": 8},
    {"BLOCK_M": 128, "BLOCK_N": 128, "BLOCK_K": 64, "num_warps": 8},
    {"BLOCK_M": 128, "BLOCK_N": 128, "BLOCK_K": 64, "num_stages": 4},
]


@triton.jit
def grouped(program, tall, wide, GROUP: tl.constexpr):
    """Given: row and column of a program's tile. GROUP rows of tiles are visited together, so that L2 keeps them."""
    first = program // (GROUP * wide) * GROUP
    height = tl.minimum(tall - first, GROUP)
    return first + program % (GROUP * wide) % height, program % (GROUP * wide) // height


@triton.jit
def matmul_tile(
    a_ptr,
    b_ptr,
    out_ptr,
    M,
    N,
    K,
    BLOCK_M: tl.constexpr,
    BLOCK_N: tl.constexpr,
    BLOCK_K: tl.constexpr,
    GROUP: tl.constexpr,
):
    """One tile of out = A @ B. A is (M, K), B is (K, N), out is (M, N), all contiguous.

    All three have the same dtype, a 16-bit type or float32. A and B may also be fp8, and then out is bfloat16. For fp8,
    masked lanes need other=0.0, because an int does not convert to fp8, and BLOCK_K must be 32 or more. The sizes need
    not be multiples of a block. tl.dot multiplies two tiles, (BLOCK_M, BLOCK_K) by (BLOCK_K, BLOCK_N), and adds to a
    float32 tile: total = tl.dot(a, b, total, input_precision="ieee"). Pass the tiles as they are loaded, in 16 or 8
    bits, because tensor cores take those. "ieee" keeps float32 tiles exact. Without it they are rounded to tf32, which
    has 10 bits of fraction. Round once, at the store. In each step load the tile of A once and the tile of B once. Mask
    the lanes past the end. (Do not use rows % M, as Triton's tutorial does: it reads real rows again, and the workbook
    counts these bytes.)
    [[1, 2], [3, 4]] @ [[5], [6]] is [[17], [39]].
    """
    tile_m, tile_n = grouped(tl.program_id(0), tl.cdiv(M, BLOCK_M), tl.cdiv(N, BLOCK_N), GROUP)
    rows = tile_m * BLOCK_M + tl.arange(0, BLOCK_M)[:, None]
    columns = tile_n * BLOCK_N + tl.arange(0, BLOCK_N)[None, :]
    ### BEGIN SOLUTION
    total = tl.zeros((BLOCK_M, BLOCK_N), tl.float32)
    for k in range(0, K, BLOCK_K):
        inner = k + tl.arange(0, BLOCK_K)
        a = tl.load(a_ptr + rows * K + inner[None, :], mask=(rows < M) & (inner[None, :] < K), other=0.0)
        b = tl.load(b_ptr + inner[:, None] * N + columns, mask=(inner[:, None] < K) & (columns < N), other=0.0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows * N + columns, total, mask=(rows < M) & (columns < N))
    ### END SOLUTION
