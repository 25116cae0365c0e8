"""A kernel must be right with each choice of its TUNE, because a GPU takes the fastest."""

import pytest
import torch

from grader.checks import Disagreement, tuned
from grader.kernels.kernel_function import launched
from reference.ch13_triton.fused_scale_bias_relu import fused_scale_bias_relu
from reference.ch13_triton.vector_add import vector_add
from tests.conftest import ROOT

SOLUTION = (ROOT / "solutions/ch13_triton/vector_add.py").read_text()
TUNE = 'TUNE = [{"BLOCK": 1024}, {"BLOCK": 4096}]'
FIXED = SOLUTION.replace("* BLOCK + tl.arange(0, BLOCK)", "* 128 + tl.arange(0, 128)")


def add(text):
    return launched(vector_add, text, "<test>")


def test_a_kernel_that_is_right_with_one_block_only_is_shown_the_choice_that_it_fails():
    assert TUNE in SOLUTION and FIXED != SOLUTION
    with pytest.raises(Disagreement) as caught:
        tuned(add(FIXED), torch.ones(200), torch.ones(200), with_=vector_add)
    assert "vector_add(x, y, CONFIG)" in str(caught.value)
    assert "CONFIG = {'BLOCK': 1024}" in str(caught.value)
    assert list(caught.value.message.looks) in ([], ["fixed_block"])


def test_without_tune_only_config_counts():
    tuned(add(FIXED.replace(TUNE, "")), torch.ones(200), torch.ones(200), with_=vector_add)


def test_choices_of_warps_and_stages_are_left_out_and_equal_ones_tried_once():
    text = SOLUTION.replace(TUNE, 'TUNE = [{"num_warps": 8}, {"BLOCK": 64, "num_warps": 8}, {"BLOCK": 64}]')
    text = text.replace('CONFIG = {"BLOCK": 128}', 'CONFIG = {"BLOCK": 128, "num_warps": 4}')
    fn = add(text)
    assert fn.choices == [{"BLOCK": 64}]
    tuned(fn, torch.ones(200), torch.ones(200), with_=vector_add)
    assert fn.config["BLOCK"] == 128


def test_bytes_count_with_each_choice():
    text = (ROOT / "solutions/ch13_triton/fused_scale_bias_relu.py").read_text()
    wasteful = text.replace("for row in range(rows):", "for row in range(rows if BLOCK < 512 else 2 * rows):")
    wasteful = wasteful.replace("row * n", "row % rows * n")
    assert wasteful != text
    fn = launched(fused_scale_bias_relu, wasteful, "<test>")
    with pytest.raises(Disagreement, match="x_ptr is read twice") as caught:
        tuned(fn, torch.ones(3, 20), torch.ones(20), torch.ones(20), with_=fused_scale_bias_relu)
    evidence = caught.value.message.evidence
    assert (evidence.expected, evidence.actual) == ("", "")
    assert evidence.table and caught.value.message.text.endswith("\n".join(evidence.table))
