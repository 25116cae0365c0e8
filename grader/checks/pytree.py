"""Nested values, which koans take and return. torch's own pytree knows more containers and takes ten times as long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils import _pytree as pytree


def leaves(tree: Any) -> list[Any]:
    """All parts of a nested value that are not lists, tuples or dicts, in order."""
    parts: list[Any] = []
    _collect(tree, parts)
    return parts


def _collect(tree: Any, parts: list[Any]) -> None:
    kind = type(tree)
    if kind is list or kind is tuple:
        for part in tree:
            _collect(part, parts)
    elif kind is dict:
        for part in tree.values():
            _collect(part, parts)
    elif isinstance(tree, (tuple, list, dict)):
        parts += pytree.tree_leaves(tree)
    else:
        parts.append(tree)


def mapped(fn: Callable[[Any], Any], tree: Any) -> Any:
    """The same structure, with `fn(leaf)` for every leaf."""
    kind = type(tree)
    if kind is list:
        return [mapped(fn, part) for part in tree]
    if kind is tuple:
        return tuple([mapped(fn, part) for part in tree])
    if kind is dict:
        return {key: mapped(fn, part) for key, part in tree.items()}
    return pytree.tree_map(fn, tree) if isinstance(tree, (tuple, list, dict)) else fn(tree)


def names(tree: Any) -> list[str]:
    """The path of each leaf, in Python's notation: ['half'], ['parts'][0]."""
    kind = type(tree)
    if kind is list or kind is tuple:
        return [f"[{i}]{rest}" for i, part in enumerate(tree) for rest in names(part)]
    if kind is dict:
        return [f"[{key!r}]{rest}" for key, part in tree.items() for rest in names(part)]
    if not isinstance(tree, (tuple, list, dict)):
        return [""]
    return ["".join(map(str, path)) for path, _ in pytree.tree_flatten_with_path(tree)[0]]
