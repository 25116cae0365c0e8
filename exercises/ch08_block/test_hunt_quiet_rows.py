"""A quiet clip stays quiet."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch08_block.hunt_quiet_rows import hunt_quiet_rows
from grader.checks import agrees, randn
from reference.ch08_block.hunt_quiet_rows import hunt_quiet_rows as oracle

LOUDNESS = [1.0, 3e-3, 3e-4, 1e-8]


def weights(d, ffn, seed):
    """The weights of a block, of a size that keeps scores and branches around 1."""
    shapes = dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), (d, d))
    shapes |= {"gate_proj": (ffn, d), "up_proj": (ffn, d), "down_proj": (d, ffn)}
    w = {name: randn(*s, seed=seed + i) / s[1] ** 0.5 for i, (name, s) in enumerate(shapes.items(), start=1)}
    gains = {name: 1 + 0.3 * randn(d, seed=seed + i) for i, name in enumerate(NORMS, start=8)}
    return w | gains


NORMS = ("input_layernorm", "post_attention_layernorm")


def of_ones(**others):
    """A block of width 2 whose matrices change nothing, with `others` in place of some of them."""
    w = {name: torch.eye(2) for name in weights(2, 2, 0) if name.endswith("proj")}
    return w | {name: torch.ones(2) for name in NORMS} | others


def test_a_row_of_speech_by_hand():
    gives = [[[[4.3528, 6.0993]]], [[4.5356], [5.2986]]]
    agrees(hunt_quiet_rows, torch.tensor([[[3.0, 4.0]]]), of_ones(), 1, with_=oracle, gives=gives)


@pytest.mark.card("eps-decides-for-quiet-rows")
def test_both_norms_by_hand():
    x, w = torch.tensor([[[3.0, 4.0]]]), of_ones(o_proj=torch.zeros(2, 2))
    # attention adds nothing; both norms divide by √(12.5 + 3.5) = 4, and the ffn gets [0.75, 1.]
    gives = [[[[3.3820, 4.7311]]], [[3.5355], [4.1122]]]
    agrees(hunt_quiet_rows, x, w, 1, 3.5, with_=oracle, gives=gives)


@pytest.mark.card("eps-decides-for-quiet-rows")
@pytest.mark.parametrize("loudness", LOUDNESS)
def test_clips_of_any_loudness(loudness, seed):
    agrees(hunt_quiet_rows, loudness * randn(1, 2, 4, seed=seed), weights(4, 4, seed), 2, with_=oracle)


@pytest.mark.parametrize("loudness", LOUDNESS)
def test_quiet_rows_after_a_quiet_attention(loudness, seed):
    w = weights(4, 4, seed)
    w["o_proj"] *= loudness
    agrees(hunt_quiet_rows, loudness * randn(1, 2, 4, seed=seed), w, 2, with_=oracle)


def test_loud_and_quiet_clips_of_one_batch(seed):
    x = randn(4, 2, 6, seed=seed) * torch.tensor([1.0, 1e-3, 1e-6, 0.0]).reshape(-1, 1, 1)
    agrees(hunt_quiet_rows, x, weights(6, 6, seed), 3, with_=oracle)


def test_a_hidden_layer_of_width_1(seed):
    agrees(hunt_quiet_rows, randn(1, 1, 2, seed=seed), weights(2, 1, seed), 1, with_=oracle)


def test_complete_silence():
    x = torch.zeros(1, 2, 2)
    agrees(hunt_quiet_rows, x, of_ones(), 1, with_=oracle, gives=[x.tolist(), [[0.0], [0.0]]])


@pytest.mark.parametrize("eps", [1e-12, 1e-5, 0.3])
def test_eps_is_the_given_one(eps, seed):
    agrees(hunt_quiet_rows, eps**0.5 * randn(1, 2, 4, seed=seed), weights(4, 4, seed), 2, eps, with_=oracle)


@settings(max_examples=3)
@given(st.integers(1, 2), st.integers(1, 4), st.integers(1, 2), st.integers(0, 7), st.integers(0, 99))
def test_any_batch(b, n, heads, power, seed):
    x = 10.0**-power * randn(b, n, 2 * heads, seed=seed)
    agrees(hunt_quiet_rows, x, weights(2 * heads, 3, seed), heads, with_=oracle)
