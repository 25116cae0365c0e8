"""Imports and runs once what every run needs, so that the runs forked from this process start fast."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.workbook import Workbook

REHEARSAL = """
import torch
from hypothesis import given, strategies
from grader.checks import Disagreement, agrees
from reference import oracle

@oracle
def double(x):
    return (x * 2).sum(-1)

@given(strategies.integers(0, 3))
def test_property(n):
    assert n < 4

def test_agreement():
    agrees(double.fn, torch.ones(2, 3), with_=double)
    try:
        agrees(lambda x: x, torch.ones(2, 3), with_=double)
    except Disagreement as error:
        assert "shape" in str(error)
"""


def import_all() -> None:
    """Import what every run imports."""
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    import torch

    torch.set_num_threads(1)  # before any operation: children of a process that used threads hang
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import pytest  # noqa: F401


def warm_up(root: Path) -> Workbook | None:
    """Import everything, read the content and run one small test file.

    Returns the workbook, or None if its content has a mistake. The first run then reports the mistake.
    """
    import_all()
    workbook = _readable_workbook(root)
    _rehearse()
    gc.collect()
    gc.freeze()
    return workbook


def _readable_workbook(root: Path) -> Workbook | None:
    workbook = Workbook(root)
    try:
        assert workbook.koans  # reads all the content
    except KoansError:
        return None
    return workbook


def _rehearse() -> None:
    """Run a small test file with pytest. Raises RuntimeError if it fails."""
    import pytest

    from grader.judge.runner import inner_pytest

    class Collects:
        def pytest_collection(self, session: pytest.Session) -> bool:
            inner_pytest.collect(session, test)
            return True

    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test_rehearsal.py"
        test.write_text(REHEARSAL, encoding="utf-8")
        with _silenced():
            code = inner_pytest.run(Path(folder), ["-q", "-pno:cacheprovider"], [Collects()])
    if code:
        raise RuntimeError(f"the rehearsal run failed with pytest exit code {int(code)}")


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Discard what is written to stdout and stderr, also by C code."""
    out, err = os.dup(1), os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(out, 1)
        os.dup2(err, 2)
        for fd in (out, err, null):
            os.close(fd)
