"""Skips two kinds of work of the interpreter that koans do not need.

The problems upstream: every call of a function that is itself a kernel (tl.max, tl.sum, tl.zeros, tl.cdiv, a helper)
redirects all names of triton.language, which takes 2 ms. And every sum and product of integers is computed a second
time in 64 bits to detect overflow, and most of a kernel's work is addresses. Here the names are redirected once a
launch, and overflow is not detected, since no tensor of a koan has 2³¹ elements. A tiled matmul makes 1.8 instead of
4.1 million Python calls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def faster() -> Iterator[None]:
    """Within the block, names are redirected once and integer overflow is not detected."""
    import triton.language as tl
    from triton.runtime import interpreter as upstream

    builder, patch = upstream.interpreter_builder, upstream._patch_lang
    options, patched = builder.options, set()

    def patch_once(fn: Any) -> Any:
        modules = frozenset(m.__name__ for m in fn.__globals__.values() if m is tl or m is tl.core)
        if modules in patched:
            return upstream._LangPatchScope()
        patched.add(modules)
        return patch(fn)

    upstream._patch_lang = patch_once
    builder.options = dataclasses.replace(options, sanitize_overflow=False)
    try:
        yield
    finally:
        upstream._patch_lang, builder.options = patch, options
