"""A kernel with a tail

A kernel is written for one program, which handles one block of BLOCK elements; the launcher starts as many programs
as it takes. The last block is rarely full, and nothing stops a load or store past the end of a tensor but the mask.
You need no more than tl.program_id, tl.arange, tl.load and tl.store.
"""

import triton
import triton.language as tl

CONFIG = {"BLOCK": 128}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"BLOCK": 1024}, {"BLOCK": 4096}]


@triton.jit
def vector_add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """out[i] = x[i] + y[i] for the BLOCK elements of this program, of n in all.

    x_ptr, y_ptr, out_ptr point at element 0 of contiguous vectors of n elements. ceil(n / BLOCK) programs are started.
    With n = 5 and BLOCK = 4, program 0 handles elements 0 to 3 and program 1 element 4 alone. BLOCK comes from CONFIG
    and is a constant when the kernel is compiled (tl.constexpr); n is known only when it runs.
    """
    raise NotImplementedError("your turn")
