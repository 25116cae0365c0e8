"""Launchers and oracles of kernel koans need no Triton."""

import importlib.util
import sys
from pathlib import Path

import pytest

from reference.launching import cdiv, next_power_of_2

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "reference" / "ch13_triton").glob("*.py"))


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.stem)
def test_the_reference_of_a_kernel_koan_is_imported_without_triton(file, monkeypatch):
    for name in ("triton", "triton.language"):
        monkeypatch.setitem(sys.modules, name, None)  # so that an import of it raises ImportError
    spec = importlib.util.spec_from_file_location(f"without_triton_{file.stem}", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert getattr(module, file.stem).launch is module.launch


def test_cdiv_counts_the_blocks_that_hold_a_length():
    assert [cdiv(n, 4) for n in range(10)] == [0, 1, 1, 1, 1, 2, 2, 2, 2, 3]


def test_next_power_of_2_is_the_smallest_that_is_long_enough():
    assert [next_power_of_2(n) for n in range(10)] == [1, 1, 2, 4, 4, 8, 8, 8, 8, 16]
    assert next_power_of_2(2**20 + 1) == 2**21
