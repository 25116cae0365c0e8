"""Claims about bytes are tested on more than one block of keys, on lengths that no kernel can know."""

import re
from types import SimpleNamespace

import pytest

from grader.checks import Disagreement, beyond_a_block, beyond_any_block, randn, traffic
from grader.kernels.kernel_function import launched
from reference.ch13_triton.flash_forward import flash_forward
from tests.conftest import ROOT

CLAIMS = [
    p for p in sorted((ROOT / "exercises").glob("*/test_*.py")) if re.search(r"^    traffic\(", p.read_text(), re.M)
]


@pytest.mark.parametrize("block", [16, 64, 128, 512])
def test_a_length_beyond_a_block_is_longer_odd_and_drawn(block):
    fn = SimpleNamespace(config={"BLOCK": block})
    drawn = {beyond_a_block(fn, "BLOCK", seed) for seed in range(1000)}
    assert drawn == set(range(block + 1, block + 64, 2))


def test_a_length_beyond_any_block_is_longer_odd_and_drawn():
    assert {beyond_any_block(seed) for seed in range(1000)} == set(range(513, 768, 2))


def test_a_huge_block_does_not_make_a_huge_input():
    assert beyond_a_block(SimpleNamespace(config={"BLOCK": 2**20}), "BLOCK", 0) == 513


@pytest.mark.parametrize("block", [64, 128, 512])
def test_keys_that_are_kept_only_where_they_fit_one_block_are_read_too_often(block):
    text = (ROOT / "solutions/ch13_triton/flash_forward.py").read_text()
    text = text.replace('"BLOCK_N": 64', f'"BLOCK_N": {block}')
    load = next(line for line in text.splitlines(True) if line.lstrip().startswith("k = tl.load("))
    fn = launched(flash_forward, text.replace(load, load + f"        if m > BLOCK_N:\n    {load}"), "<test>")
    n, m = beyond_a_block(fn, "BLOCK_M", 0), beyond_any_block(0)
    q, k, v = randn(1, n, 16), randn(1, m, 16, seed=1), randn(1, m, 16, seed=2)
    traffic(fn, q, k[:, :5], v[:, :5], with_=flash_forward)
    with pytest.raises(Disagreement, match="k_ptr is read 4 times; twice is enough"):
        traffic(fn, q, k, v, with_=flash_forward)


@pytest.mark.parametrize("file", CLAIMS, ids=lambda p: p.stem)
def test_every_claim_about_bytes_is_made_for_drawn_lengths_too(file):
    """The last property draws all of its lengths, and other tests draw them from the seed."""
    text = file.read_text()
    tests = re.findall(r"^(?:@.*\n)*def test_.*\n(?:(?:    .*)?\n)*", text, re.M)
    claims = [test for test in tests if re.search(r"^    traffic\(", test, re.M)]
    assert [test for test in claims if "@given" not in test and not re.search(r"seed %|beyond_a", test)] == []
    assert any("@given" in test for test in claims)
