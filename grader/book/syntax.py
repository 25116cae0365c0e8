"""Parses Python, in one thread at a time.

The ast module of CPython 3.11 has one recursion depth for all threads (python/cpython#106905). The app reads prompts in
one thread while it judges stubs in another.
"""

from __future__ import annotations

import ast
import threading

_one_at_a_time = threading.Lock()


def parse(text: str, filename: str = "<unknown>") -> ast.Module:
    """The syntax tree of `text`. Raises SyntaxError, or ValueError for null bytes."""
    with _one_at_a_time:
        return ast.parse(text, filename)
