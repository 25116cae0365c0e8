"""Parsing Python, one thread at a time: CPython 3.11's ast keeps its recursion depth in one place for all threads
(python/cpython#106905), and the app reads prompts in one thread while it judges stubs in another."""

from __future__ import annotations

import ast
import threading

_one_at_a_time = threading.Lock()


def parse(text: str, filename: str = "<unknown>") -> ast.Module:
    """The syntax tree of `text`. Raises SyntaxError, or ValueError for null bytes."""
    with _one_at_a_time:
        return ast.parse(text, filename)
