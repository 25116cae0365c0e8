"""Loads a script that lies beside a chapter's texts: figure.py or numbers.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

from grader.book.errors import KoansError


def load(file: Path, function: str) -> ModuleType:
    """The module of a script. Raises KoansError if it cannot be imported, or does not define this function."""
    spec = importlib.util.spec_from_file_location(f"{file.stem}_of_{file.parent.name}", file)
    if spec is None or spec.loader is None:
        raise KoansError(f"{file}: cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, function, None)):
        raise KoansError(f"{file}: has no function {function}()")
    return module
