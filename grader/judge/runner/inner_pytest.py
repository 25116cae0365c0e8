"""Starts pytest inside a process of ours. It takes nothing from outside, and paths reach it as data.

pytest reads its options from variables and from files in the folders above, and it reads `[` and `::` in an argument as
the name of a test. So no file is an argument here: `collect` makes the node of a file itself.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

SETTINGS = str(Path(__file__).with_name("pytest.ini"))  # a short file: pyproject.toml takes 3 ms to read
_ROOT = "KOANS_PYTEST_ROOT"  # pytest expands variables in the value of --rootdir, once


def run(root: Path, options: Sequence[str], plugins: Sequence[object]) -> int:
    """Run pytest with these options and plugins. Returns its exit code. A plugin collects: see `collect`."""
    # Without --noconftest pytest imports the conftest of every folder among the arguments. An option and its value are
    # one word, because pytest would take a separate value for such a folder.
    fixed = [f"--rootdir=${_ROOT}", "-c", SETTINGS, "--assert=plain", "--noconftest"]
    with _variables(root):
        return int(pytest.main([*fixed, *options], plugins=list(plugins)))


@contextlib.contextmanager
def _variables(root: Path) -> Iterator[None]:
    """The variables of pytest within the block. Looking for installed plugins takes longer than many koans."""
    before = {name: value for name, value in os.environ.items() if name.startswith("PYTEST_")}
    for name in before:
        del os.environ[name]
    os.environ |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", _ROOT: str(root)}
    try:
        yield
    finally:
        for name in ("PYTEST_DISABLE_PLUGIN_AUTOLOAD", _ROOT):
            os.environ.pop(name, None)
        os.environ |= before


def collect(session: pytest.Session, file: Path) -> list[pytest.Item]:
    """Collect one test file, as `session.perform_collect` does for an argument. The session then has its items only."""
    hook = session.config.hook
    items: list[pytest.Item] = []
    session.items = items
    try:
        module = hook.pytest_pycollect_makemodule(module_path=file, parent=session)
        items += session.genitems(module)
        hook.pytest_collection_modifyitems(session=session, config=session.config, items=items)
    finally:
        hook.pytest_collection_finish(session=session)
    session.testscollected = len(items)
    return items
