"""Triton kernels without a GPU: their text, the tile machine that runs it, and a compiler for an H100."""
