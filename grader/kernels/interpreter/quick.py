"""Two costs of the interpreter that buy nothing here.

The problems upstream: every call of a function that is itself a kernel (tl.max, tl.sum, tl.zeros, tl.cdiv, a helper)
goes through all names of triton.language again to redirect them, 2 ms a time; and every sum and product of integers is
computed a second time in 64 bits to look for overflow, and most of a kernel is addresses. The first is done once a
launch; the second is left out: no tensor of a koan has 2³¹ elements. A tiled matmul makes 1.8 instead of 4.1 million
Python calls.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quickened() -> Iterator[None]:
    """Within the block names are redirected once and integer overflow is not looked for."""
    import triton.language as tl
    from triton.runtime import interpreter as upstream

    builder, patch = upstream.interpreter_builder, upstream._patch_lang
    options, done = builder.options, set()

    def patch_once(fn: Any) -> Any:
        modules = frozenset(m.__name__ for m in fn.__globals__.values() if m is tl or m is tl.core)
        if modules in done:
            return upstream._LangPatchScope()
        done.add(modules)
        return patch(fn)

    upstream._patch_lang = patch_once
    builder.options = dataclasses.replace(options, sanitize_overflow=False)
    try:
        yield
    finally:
        upstream._patch_lang, builder.options = patch, options
