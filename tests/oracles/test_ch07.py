"""The oracles against what a user would trust: torch's own functions, numpy's and ml_dtypes' formats, torch's counter.

A koan is judged by its oracle, so nothing here comes from the workbook but the oracles. What has one right answer must be
equal. Floats are compared in float64, within the roundings that the two ways of computing can make, counted for each
formula: a sum of n terms makes n, and an error of δ in a score changes a softmax weight by a factor of up to 1 + 2δ.
"""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.bias import causal_lower_right
from torch.utils.flop_counter import FlopCounterMode

from reference.ch07_attention.apply_mask import apply_mask
from reference.ch07_attention.attention import attention
from reference.ch07_attention.causal_mask import causal_mask
from reference.ch07_attention.flop_census import flop_census
from reference.ch07_attention.kv_cache_bytes import kv_cache_bytes
from reference.ch07_attention.multi_head_attention import multi_head_attention
from reference.ch07_attention.repeat_kv import repeat_kv
from reference.ch07_attention.score_matrix_bytes import score_matrix_bytes
from reference.ch07_attention.score_variance import score_variance
from reference.ch07_attention.scores import scores
from reference.ch07_attention.scores_by_loops import scores_by_loops
from reference.ch07_attention.split_heads import merge_heads, split_heads
from tests.oracles.roundings import randn, within

# Chapter 7: scores and masks


def test_scores_are_numpys_einsum_over_the_root_of_the_width():
    q, k = randn(2, 3, 5, 16), randn(2, 3, 7, 16, seed=1)
    expected = torch.from_numpy(np.einsum("bhqd,bhkd->bhqk", q, k) / np.sqrt(16))
    assert within(scores(q, k), expected, 16 + 1, q.abs() @ k.abs().mT / 4)


def test_scores_by_loops_are_numpys_products_exact_for_integers():
    generator = np.random.default_rng(0)
    q, k = generator.integers(-1000, 1000, (4, 9)), generator.integers(-1000, 1000, (6, 9))
    assert scores_by_loops(q.tolist(), k.tolist()) == (q @ k.T).tolist()


def test_scores_by_loops_are_torchs_products_for_floats():
    q, k = randn(4, 9), randn(6, 9, seed=1)
    table = torch.tensor(scores_by_loops(q.tolist(), k.tolist()), dtype=torch.float64)
    assert within(table, F.linear(q, k), 9, q.abs() @ k.abs().T)


def test_score_variance_is_torchs_and_numpys():
    q, k = randn(20, 16), randn(30, 16, seed=1) + 1
    table = q @ k.T
    expected = torch.stack([table.var(correction=0), torch.tensor(np.var(table.numpy() / 4))])
    # a score is off by 16 roundings of its largest sum of products; so is the mean, and by 600 for its own sum; both are
    # in every deviation, which is squared; then 600 for the sum of the squares
    size = (q.abs() @ k.abs().T).max() * table.std(correction=0) * torch.tensor([1, 1 / 16])
    assert within(score_variance(q, k), expected, 2 * (2 * 16 + 600) + 600, size)


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_causal_mask_is_the_square_one_of_nn_transformer(n):
    assert torch.equal(causal_mask(n, n), nn.Transformer.generate_square_subsequent_mask(n))


@pytest.mark.parametrize(("n_q", "n_k"), [(1, 1), (1, 9), (3, 9), (9, 9)])
def test_causal_mask_gives_sdpa_what_torchs_lower_right_bias_does(n_q, n_k):
    q, k, v = randn(1, 2, n_q, 4), randn(1, 2, n_k, 4, seed=1), randn(1, 2, n_k, 4, seed=2)
    ours = F.scaled_dot_product_attention(q, k, v, attn_mask=causal_mask(n_q, n_k).double())
    torchs = F.scaled_dot_product_attention(q, k, v, attn_mask=causal_lower_right(n_q, n_k))
    assert within(ours, torchs, *roundings_of_attention(q, k, v))


def test_a_key_of_every_pair_is_shown_by_causal_mask_just_where_tril_shows_it():
    for n_q, n_k in itertools.product(range(6), repeat=2):
        shown = torch.ones(n_q, n_k, dtype=torch.bool).tril(n_k - n_q)
        mask = causal_mask(n_q, n_k)
        assert mask.dtype == torch.float32
        assert torch.equal(mask, torch.where(shown, 0.0, -torch.inf))


@pytest.mark.parametrize("shape", [(2, 3, 5, 9), (5, 9), (2, 1, 1, 9), (9,)])
def test_apply_mask_is_torchs_masked_softmax_and_zero_where_that_sees_nothing(shape):
    x = randn(2, 3, 5, 9) * 30
    hidden = randn(*shape, seed=3) > 0
    if len(shape) == 4:
        hidden[0] = True
    everywhere = hidden.expand(x.shape)
    expected = torch.masked.softmax(x, -1, mask=~everywhere)
    expected = expected.masked_fill(everywhere, 0.0)  # torch gives NaN where a whole row is hidden
    assert within(apply_mask(x, hidden), expected, 9 + 5, expected)


def test_apply_mask_is_not_touched_by_what_a_hidden_score_holds():
    x = randn(3, 4, 9)
    hidden = randn(3, 4, 9, seed=3) > 0
    for value in (torch.nan, torch.inf, -torch.inf, 1e300):
        assert torch.equal(apply_mask(x.masked_fill(hidden, value), hidden), apply_mask(x, hidden))


# Chapter 7: attention


def roundings_of_attention(q: Tensor, k: Tensor, v: Tensor) -> tuple[float, Tensor]:
    """How many roundings of the largest value two ways to compute attention may lie apart.

    A score comes from d products, the scale and the subtraction of the maximum (which may be twice as large); an error
    counts in a weight's numerator and denominator. Then come exp (4), the sum of the weights, their sum with the values,
    and the quotient.
    """
    width, n = q.shape[-1], k.shape[-2]
    score = float((q.abs() @ k.abs().mT).max()) / width**0.5
    return 2 * (width + 4) * score + 2 * n + 5, v.abs().max()


def qkv(n_q: int, n_k: int, width: int = 8, values: int = 8) -> tuple[Tensor, Tensor, Tensor]:
    return randn(2, 3, n_q, width), randn(2, 3, n_k, width, seed=1), randn(2, 3, n_k, values, seed=2)


@pytest.mark.parametrize("size", [0.1, 1.0, 10.0])
@pytest.mark.parametrize(("n_q", "n_k", "values"), [(1, 1, 8), (5, 9, 8), (9, 5, 4), (40, 40, 16)])
def test_attention_is_torchs_scaled_dot_product_attention(n_q, n_k, values, size):
    q, k, v = qkv(n_q, n_k, values=values)
    q = q * size
    assert within(attention(q, k, v), F.scaled_dot_product_attention(q, k, v), *roundings_of_attention(q, k, v))


@pytest.mark.parametrize("shape", [(2, 3, 5, 9), (5, 9), (2, 1, 1, 9), (1, 3, 5, 1)])
def test_attention_with_hidden_keys_is_torchs_with_the_mask_inverted_zeros_where_nothing_is_seen(shape):
    q, k, v = qkv(5, 9)
    hidden = randn(*shape, seed=4) > 0
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=~hidden)
    nothing = hidden.expand(2, 3, 5, 9).all(-1)
    actual = attention(q, k, v, hidden)
    assert within(actual[~nothing], expected[~nothing], *roundings_of_attention(q, k, v))
    assert not actual[nothing].any()


def test_attention_under_the_square_causal_mask_is_torchs_is_causal():
    q, k, v = qkv(12, 12)
    expected = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    assert within(attention(q, k, v, causal_mask(12, 12) < 0), expected, *roundings_of_attention(q, k, v))


@pytest.mark.parametrize(("n_q", "n_k"), [(1, 9), (4, 9)])
def test_attention_under_the_causal_mask_of_a_cache_is_torchs_with_that_mask_added(n_q, n_k):
    q, k, v = qkv(n_q, n_k)
    mask = causal_mask(n_q, n_k)
    expected = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.double())
    assert within(attention(q, k, v, mask.isinf()), expected, *roundings_of_attention(q, k, v))


@pytest.mark.parametrize("kv", [1, 2, 3, 6])
def test_attention_on_repeated_heads_is_torchs_grouped_query_attention(kv):
    q, k, v = randn(2, 6, 5, 8), randn(2, kv, 9, 8, seed=1), randn(2, kv, 9, 8, seed=2)
    expected = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    keys, values = repeat_kv(k, 6), repeat_kv(v, 6)
    assert within(attention(q, keys, values), expected, *roundings_of_attention(q, keys, values))
    assert torch.equal(keys, k.repeat_interleave(6 // kv, 1))


def roundings_of_heads(
    x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, heads: int
) -> tuple[Tensor, Tensor]:
    """As `roundings_of_attention`, with those of the projections, and what an output can be at most."""
    inner, d_model = w_q.shape
    width = inner // heads
    q, k, v = (x.abs() @ w.abs().T for w in (w_q, w_k, w_v))
    by_head = (t.unflatten(-1, (heads, width)).transpose(1, 2) for t in (q, k))
    score = float(torch.matmul(next(by_head), next(by_head).mT).max()) / width**0.5
    roundings = 2 * (2 * d_model + width + 4) * score + 2 * x.shape[1] + 5 + d_model + inner
    return torch.tensor(roundings, dtype=torch.float64), v.amax(1, keepdim=True) @ w_o.abs().T


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", [1, 2, 3, 12])
@pytest.mark.parametrize("need_weights", [False, True])
def test_multi_head_attention_is_nn_multihead_attention_with_its_weights(heads, causal, need_weights):
    module = nn.MultiheadAttention(12, heads, bias=False, batch_first=True, dtype=torch.float64).eval()
    weights = [randn(12, 12, seed=seed) / 12**0.5 for seed in range(4)]
    with torch.no_grad():
        module.in_proj_weight.copy_(torch.cat(weights[:3]))
        module.out_proj.weight.copy_(weights[3])
        x = randn(2, 7, 12, seed=4)
        mask = nn.Transformer.generate_square_subsequent_mask(7, dtype=torch.float64) if causal else None
        expected, _ = module(x, x, x, attn_mask=mask, is_causal=causal, need_weights=need_weights)
    assert within(multi_head_attention(x, *weights, heads, causal), expected, *roundings_of_heads(x, *weights, heads))


@pytest.mark.parametrize("causal", [False, True])
def test_multi_head_attention_with_an_inner_width_of_its_own_is_linear_sdpa_linear(causal):
    x, w_o = randn(2, 7, 10), randn(10, 12, seed=4)
    w_q, w_k, w_v = (randn(12, 10, seed=seed) / 10**0.5 for seed in (1, 2, 3))
    q, k, v = (torch.stack(F.linear(x, w).chunk(3, -1), 1) for w in (w_q, w_k, w_v))
    heads = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    expected = F.linear(torch.cat(heads.unbind(1), -1), w_o)
    actual = multi_head_attention(x, w_q, w_k, w_v, w_o, 3, causal)
    assert within(actual, expected, *roundings_of_heads(x, w_q, w_k, w_v, w_o, 3))


def test_split_heads_and_merge_heads_are_chunk_and_cat_of_numpy():
    x = np.arange(2 * 5 * 12).reshape(2, 5, 12)
    for h in (1, 2, 3, 4, 6, 12):
        parts = np.split(x, h, axis=-1)
        heads = split_heads(torch.from_numpy(x), h)
        assert np.array_equal(heads, np.stack(parts, axis=1))
        assert np.array_equal(merge_heads(heads), np.concatenate(parts, axis=-1))


# Chapter 7: counts


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn])
def test_score_matrix_bytes_are_those_of_the_storage_of_real_scores(dtype):
    q, k = randn(2, 6, 5, 4).float(), randn(2, 6, 9, 4, seed=1).float()
    table = torch.matmul(q, k.mT).to(dtype)
    config = {"num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2, "hidden_size": 24}
    assert score_matrix_bytes(config, 5, 9, dtype, 2) == table.untyped_storage().nbytes()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float8_e4m3fn])
@pytest.mark.parametrize(
    ("extra", "heads", "width"),
    [({}, 6, 4), ({"num_key_value_heads": 2}, 2, 4), ({"num_key_value_heads": 2, "head_dim": 5}, 2, 5)],
)
def test_kv_cache_bytes_are_those_of_the_storages_of_a_real_cache(extra, heads, width, dtype):
    config = {"num_hidden_layers": 3, "num_attention_heads": 6, "hidden_size": 24, **extra}
    token = torch.zeros(2, heads, 1, width, dtype=dtype)
    cache = [torch.stack([token] * 7, 2) for _layer in range(3) for _key_or_value in range(2)]
    assert kv_cache_bytes(config, 7, dtype, 2) == sum(tensor.untyped_storage().nbytes() for tensor in cache)


@pytest.mark.parametrize(
    ("length", "d_model", "heads", "kv_heads", "ffn"), [(2, 2, 1, 1, 1), (7, 24, 6, 2, 40), (5, 12, 4, 4, 33)]
)
def test_the_products_of_flop_census_are_what_torchs_counter_sees_in_a_block_that_runs(
    length, d_model, heads, kv_heads, ffn
):
    width, group = d_model // heads, heads // kv_heads
    w_q, w_o = randn(d_model, d_model), randn(d_model, d_model)
    w_k, w_v = randn(kv_heads * width, d_model), randn(kv_heads * width, d_model)
    gate, up, down = randn(ffn, d_model), randn(ffn, d_model), randn(d_model, ffn)

    def split(t: Tensor) -> Tensor:
        return t.reshape(length, -1, width).transpose(0, 1)

    def block(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        seen = F.rms_norm(x, (d_model,))
        q, k, v = split(F.linear(seen, w_q)), split(F.linear(seen, w_k)), split(F.linear(seen, w_v))
        k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
        table = q @ k.mT / width**0.5
        mixed = torch.softmax(table, -1) @ v
        x = x + F.linear(mixed.transpose(0, 1).reshape(length, d_model), w_o)
        seen = F.rms_norm(x, (d_model,))
        hidden = F.silu(F.linear(seen, gate)) * F.linear(seen, up)
        return x + F.linear(hidden, down), table, hidden

    with FlopCounterMode(display=False) as counter:
        y, table, hidden = block(randn(length, d_model))
    counted = {str(operation): flops for operation, flops in counter.get_flop_counts()["Global"].items()}
    flops, share = flop_census(length, d_model, heads, kv_heads, ffn)
    assert counted == {"aten.mm": flops["matmul"], "aten.bmm": flops["attention"]}

    # the rest by the tensors of the block, at so many FLOPs a number as the contract says
    rest = {
        "softmax": 5 * table.numel(),
        "norm": 8 * y.numel(),
        "residual": 2 * y.numel(),
        "activation": 5 * hidden.numel(),
    }
    products = counter.get_total_flops()
    assert {name: flops[name] for name in rest} == rest
    assert share == products / (products + sum(rest.values()))
