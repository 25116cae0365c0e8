"""A kernel with a tail

You write a kernel for one program, and the program handles one block of BLOCK elements. The launcher starts as many
programs as the vector needs. The last block is rarely full, and only the mask stops a load or store past the end of a
tensor. You need only tl.program_id, tl.arange, tl.load and tl.store.
"""

import triton
import triton.language as tl

CONFIG = {"BLOCK": 128}
# A GPU may try these instead, and takes the fastest. Each must be right.
TUNE = [{"BLOCK": 1024}, {"BLOCK": 4096}]


@triton.jit
def vector_add_kernel(x_ptr, y_ptr, out_ptr, n, BLOCK: tl.constexpr):
    """out[i] = x[i] + y[i] for the BLOCK elements of this program. The vectors have n elements.

    x_ptr, y_ptr and out_ptr point at element 0 of contiguous vectors of n elements. The launcher starts
    ceil(n / BLOCK) programs. With n = 5 and BLOCK = 4, program 0 handles elements 0 to 3, and program 1 handles only
    element 4. BLOCK comes from CONFIG and is a constant when the kernel is compiled (tl.constexpr). n is known only
    when the kernel runs.
    """
    ### BEGIN SOLUTION
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    x = tl.load(x_ptr + offsets, mask=inside)
    y = tl.load(y_ptr + offsets, mask=inside)
    tl.store(out_ptr + offsets, x + y, mask=inside)
    ### END SOLUTION
