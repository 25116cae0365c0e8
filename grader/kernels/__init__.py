"""Triton kernels without a GPU: what their text may contain, a machine that runs them, what an H100 would get."""
