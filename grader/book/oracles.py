"""Finds the oracles of a koan in its reference module."""

from __future__ import annotations

import importlib
from typing import Any

from grader.book.workbook import Koan
from reference import Oracle


def oracles(koan: Koan) -> dict[str, Oracle[..., Any]]:
    """The oracles that a koan's reference module defines, by function name. Those that it imports are left out."""
    module = importlib.import_module(f"reference.{koan.chapter}.{koan.name}")
    return {
        o.__name__: o for o in vars(module).values() if isinstance(o, Oracle) and o.fn.__module__ == module.__name__
    }
