"""Triton kernels without a GPU: what their text may contain, an interpreter, and a compiler for an H100."""
