"""The tests of a koan as a node of pytest at the exercise, so that an editor shows them where the learner works."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from _pytest.python import importtestmodule

from grader.book import source_text
from grader.book.syntax import parse


class KoanTests(pytest.Module):
    """A module with the path of the exercise and the tests of the koan, which are in another file."""

    tests: Path

    @classmethod
    def at(cls, parent: pytest.Collector, exercise: Path, tests: Path) -> KoanTests:
        """The node for this exercise and this file of tests."""
        module: KoanTests = cls.from_parent(parent, path=exercise)
        module.tests = tests
        return module

    def _getobj(self) -> Any:
        return importtestmodule(self.tests, self.config)

    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        """The tests. Each is at the line of the exercise where its first function begins."""
        line = _first_function(self.path)
        for node in super().collect():
            if isinstance(node, pytest.Function):
                place = (self.path, line, node.name)
                node.reportinfo = lambda place=place: place  # type: ignore[method-assign, misc]
            yield node


def _first_function(file: Path) -> int:
    """The line, counted from 0, of the first function. 0 if the file cannot be read or parsed."""
    try:
        tree = parse(source_text.read(file))
    except (OSError, SyntaxError, ValueError):
        return 0
    return next((node.lineno - 1 for node in tree.body if isinstance(node, ast.FunctionDef)), 0)
