"""The oracles of a koan, from its reference module."""

from __future__ import annotations

import importlib
from typing import Any

from grader.book.workbook import Koan
from reference import Oracle


def oracles(koan: Koan) -> dict[str, Oracle[..., Any]]:
    """The oracles of a koan's reference module, by function name."""
    module = importlib.import_module(f"reference.{koan.chapter}.{koan.name}")
    return {
        o.__name__: o for o in vars(module).values() if isinstance(o, Oracle) and o.fn.__module__ == module.__name__
    }
