"""Parses Python, in one thread at a time.

The ast module of CPython 3.11 has one recursion depth for all threads (python/cpython#106905). The app reads prompts in
one thread while it judges stubs in another.
"""

from __future__ import annotations

import ast
import threading

from grader.book.source_text import refuse_null_bytes

_one_at_a_time = threading.Lock()


def parse(text: str, filename: str = "<unknown>") -> ast.Module:
    """The syntax tree of `text`. Raises SyntaxError, also for a null byte or a lone surrogate, or if it is nested too deeply."""
    refuse_null_bytes(text, filename)
    try:
        with _one_at_a_time:
            return ast.parse(text, filename)
    except (RecursionError, MemoryError):
        raise SyntaxError("it is nested too deeply", (filename, 1, 1, "")) from None
    except UnicodeEncodeError as error:  # half of a surrogate pair
        line = text.count("\n", 0, error.start) + 1
        raise SyntaxError("a character that no file can hold", (filename, line, 1, "")) from None


def dump(tree: ast.AST) -> str:
    """The tree as text, without positions. Equal trees have equal texts.

    `ast.dump` raises RecursionError for a chain of a few hundred `elif`, which is legal Python.
    """
    parts, waiting = [], [tree]
    while waiting:
        node: object = waiting.pop()
        if isinstance(node, ast.AST):
            values = [value for _, value in ast.iter_fields(node)]
            parts.append(type(node).__name__)
            waiting += reversed(values)
        elif isinstance(node, list):
            parts.append(f"[{len(node)}]")
            waiting += reversed(node)
        else:
            parts.append(repr(node))
    return "\n".join(parts)
