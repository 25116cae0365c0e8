"""The oracles of chapter 8 against the blocks of real models: transformers' Llama, Qwen2 and BLOOM, built from tiny random
configurations with the same weights on both sides, and torch's own norms and losses.

Nothing is downloaded. Floats are compared in float64, within the roundings counted for the formula; transformers computes its
norms and angles in float32 whatever the dtype, so what passes through those is held to float32's precision.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.bloom.modeling_bloom import build_alibi_tensor
from transformers.models.llama.modeling_llama import (
    LlamaDecoderLayer,
    LlamaMLP,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
)

from reference.ch08_block.alibi_bias import alibi_bias
from reference.ch08_block.apply_rope import apply_rope, rope_scores
from reference.ch08_block.count_block_params import count_block_params
from reference.ch08_block.gradient_by_depth import gradient_by_depth
from reference.ch08_block.hunt_blurred_attention import hunt_blurred_attention
from reference.ch08_block.hunt_quiet_rows import hunt_quiet_rows
from reference.ch08_block.layer_norm import layer_norm
from reference.ch08_block.llama_block import llama_block
from reference.ch08_block.lora_linear import lora_gradients, lora_linear
from reference.ch08_block.next_token_loss import next_token_loss
from reference.ch08_block.rms_norm import rms_norm
from reference.ch08_block.rope_angles import rope_angles
from reference.ch08_block.rope_ntk import rope_ntk
from reference.ch08_block.swiglu import swiglu
from reference.ch08_block.swiglu_hidden import swiglu_hidden

EPS64, EPS32 = torch.finfo(torch.float64).eps, torch.finfo(torch.float32).eps


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def within(actual: Tensor, expected: Tensor, roundings: float, size: Tensor | float = 1.0, eps: float = EPS64) -> bool:
    """Whether two float64 tensors differ by no more than so many roundings of a number of this size."""
    assert actual.dtype == expected.dtype == torch.float64 and actual.shape == expected.shape
    return bool(((actual - expected).abs() <= roundings * eps * torch.as_tensor(size)).all())


def tiny(kind: type = LlamaConfig, **more: object) -> object:
    sizes = {"hidden_size": 24, "intermediate_size": 40, "num_attention_heads": 6, "num_key_value_heads": 2}
    return kind(**sizes, num_hidden_layers=2, vocab_size=30, rms_norm_eps=1e-6, **more)


# Norms


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_layer_norm_is_torchs(size):
    x, gain, bias = size * randn(3, 5, 33) + size, randn(33, seed=1), randn(33, seed=2)
    expected = F.layer_norm(x, (33,), gain, bias)
    # mean and variance 33 each, the squares, the root and the quotient; of the largest product and the bias
    assert within(layer_norm(x, gain, bias), expected, 4 * 33, 6 * gain.abs() + bias.abs())


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_rms_norm_is_torchs(size):
    x, gain = size * randn(3, 5, 33), randn(33, seed=1)
    expected = F.rms_norm(x, (33,), gain, 1e-6)
    assert within(rms_norm(x, gain), expected, 33 + 5, expected.abs())


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_rms_norm_is_that_of_transformers_llama(size):
    x, gain = (size * randn(3, 5, 33)).float().double(), randn(33, seed=1)
    module = LlamaRMSNorm(33, eps=1e-6).double()
    module.weight.data.copy_(gain)
    expected = module(x).detach()  # in float32 inside
    assert within(rms_norm(x, gain), expected, 33 + 5, expected.abs() + 1e-30, EPS32)


# The gated layer


@pytest.mark.parametrize("size", [0.1, 1.0, 30.0])
def test_swiglu_is_that_of_transformers_llama(size):
    config = tiny()
    mlp = LlamaMLP(config).double()
    x = size * randn(2, 7, 24)
    gate, up, down = mlp.gate_proj.weight.data, mlp.up_proj.weight.data, mlp.down_proj.weight.data
    hidden = (x.abs() @ gate.abs().T) * (x.abs() @ up.abs().T)
    # sums of 24, 24 and 40 terms; an error in the gate's sum counts in exp too
    bound = 2 * 24 * float((x.abs() @ gate.abs().T).max() + 1) + 24 + 40 + 8
    assert within(swiglu(x, gate, up, down), mlp(x).detach(), bound, hidden @ down.abs().T)


@pytest.mark.parametrize(
    ("d_model", "multiple", "multiplier", "width"),
    [(4096, 256, 1.0, 11008), (5120, 256, 1.0, 13824), (4096, 1024, 1.3, 14336), (8192, 4096, 1.3, 28672)],
)
def test_swiglu_hidden_gives_the_published_widths_of_llama_2_and_3(d_model, multiple, multiplier, width):
    hidden, ratio = swiglu_hidden(d_model, multiple, multiplier)
    assert hidden == width
    gated, plain = 3 * d_model * hidden, 2 * d_model * 4 * d_model
    assert math.isclose(ratio, gated / plain)


# Positions


@pytest.mark.parametrize("base", [10_000.0, 500_000.0])
def test_rope_angles_are_those_of_transformers_llama(base):
    config = tiny(head_dim=16, rope_parameters={"rope_type": "default", "rope_theta": base})
    rotary = LlamaRotaryEmbedding(config)
    positions = torch.arange(5, 12)
    cos, sin = rotary(randn(1, 7, 24), positions.unsqueeze(0))
    angles = rope_angles(7, 16, base, start=5).double()
    for ours, theirs in ((angles.cos(), cos[0]), (angles.sin(), sin[0])):
        # the angles, up to 12, in float32 on both sides, with the error of the exponent in the power
        assert within(ours.repeat(1, 2), theirs.double(), 12 * 2 * 16, 1.0, EPS32)


def test_apply_rope_is_transformers_apply_rotary_pos_emb():
    q, k, angles = randn(2, 6, 7, 16), randn(2, 2, 7, 16, seed=1), 100 * randn(7, 8, seed=2)
    cos, sin = (f(angles).repeat(1, 2).unsqueeze(0) for f in (torch.cos, torch.sin))
    theirs = apply_rotary_pos_emb(q, k, cos, sin)
    for ours, expected, x in zip((apply_rope(q, angles), apply_rope(k, angles)), theirs, (q, k), strict=True):
        assert within(ours, expected, 4, x.abs().amax())


def test_apply_rope_is_a_product_of_complex_numbers():
    x, angles = randn(3, 7, 16), 100 * randn(7, 8, seed=2)
    z = torch.complex(x[..., :8], x[..., 8:]) * torch.polar(torch.ones_like(angles), angles)
    assert within(apply_rope(x, angles), torch.cat([z.real, z.imag], -1), 6, x.abs().amax())


def test_rope_scores_are_products_of_what_apply_rope_turns():
    q, k, at_q, at_k = randn(4, 8), randn(5, 8, seed=1), randn(4, 4, seed=2), randn(5, 4, seed=3)
    expected = apply_rope(q, at_q) @ apply_rope(k, at_k).T
    assert within(rope_scores(q, k, at_q, at_k), expected, 8 * 10, 2 * q.abs().amax() * k.abs().amax())


@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_rope_ntk_is_transformers_dynamic_rule_at_the_length_that_gives_the_factor(factor):
    parameters = {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": factor}
    config = tiny(head_dim=16, max_position_embeddings=2048, rope_parameters=parameters)
    # theirs is factor · length / trained − (factor − 1): at the length 2 · trained that is factor + 1
    theirs, _ = ROPE_INIT_FUNCTIONS["dynamic"](config, torch.device("cpu"), seq_len=4096)
    assert within(rope_ntk(16, 10_000.0, factor + 1).double(), theirs.double(), 100, theirs.double(), EPS32)


def test_yarn_is_no_change_of_base_for_its_frequencies_do_not_fall_by_one_factor():
    parameters = {"rope_type": "yarn", "rope_theta": 10_000.0, "factor": 4.0, "original_max_position_embeddings": 4096}
    config = tiny(head_dim=128, max_position_embeddings=16_384, rope_parameters=parameters)
    yarn, scale = ROPE_INIT_FUNCTIONS["yarn"](config, torch.device("cpu"))
    plain = rope_angles(1, 128, start=1)[0]
    share = plain / yarn
    assert torch.allclose(share[:20], torch.ones(20)) and torch.allclose(share[46:], torch.full((18,), 4.0))
    assert scale > 1
    ntk = rope_ntk(128, 10_000.0, 4.0)
    assert torch.allclose(ntk[1:] / ntk[:-1], (ntk[1] / ntk[0]).expand(63))
    assert not torch.allclose(yarn[1:] / yarn[:-1], (yarn[1] / yarn[0]).expand(63), rtol=1e-2)


@pytest.mark.parametrize("heads", [1, 2, 8, 16])
def test_alibi_bias_is_blooms_up_to_a_constant_of_each_row(heads):
    n = 9
    bloom = build_alibi_tensor(torch.ones(1, n), heads, torch.float32).reshape(heads, 1, n)
    ours, hidden = alibi_bias(heads, n, n), torch.ones(n, n, dtype=torch.bool).triu(1)
    assert ours[:, hidden].eq(-torch.inf).all()
    theirs = bloom.expand(heads, n, n) - bloom.transpose(1, 2)
    assert torch.allclose(ours[:, ~hidden], theirs[:, ~hidden], atol=1e-6)
    weights = torch.softmax(bloom.expand(heads, n, n).masked_fill(hidden, -torch.inf), -1)
    assert torch.allclose(torch.softmax(ours, -1), weights, atol=1e-6)


# The block


def block_weights(layer: LlamaDecoderLayer) -> dict[str, Tensor]:
    return {name.split(".")[-2]: weight.data for name, weight in layer.named_parameters()}


@pytest.mark.parametrize("more", [{}, {"head_dim": 8}, {"num_key_value_heads": 6}, {"num_key_value_heads": 1}], ids=str)
@pytest.mark.parametrize("base", [10_000.0, 500_000.0])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_llama_block_is_transformers_decoder_layer_with_its_weights(more, base, attention):
    config = tiny(rope_parameters={"rope_type": "default", "rope_theta": base})
    for name, value in more.items():
        setattr(config, name, value)
    config._attn_implementation = attention
    torch.manual_seed(0)
    layer = LlamaDecoderLayer(config, 0).double().eval()
    for i, parameter in enumerate(layer.parameters()):
        size = parameter.shape[-1] ** -0.5
        parameter.data.copy_(randn(*parameter.shape, seed=i) * (size if parameter.dim() > 1 else 0.3))
        if parameter.dim() == 1:
            parameter.data.add_(1)
    x = 2 * randn(2, 7, 24, seed=99).float().double()
    positions = LlamaRotaryEmbedding(config)(x, torch.arange(7).unsqueeze(0))
    mask = torch.full((7, 7), -torch.inf, dtype=torch.float64).triu(1)[None, None]
    with torch.no_grad():
        out = layer(x, attention_mask=mask, position_embeddings=positions)
    expected = out[0] if isinstance(out, tuple) else out
    ours = llama_block(x, block_weights(layer), 6, config.num_key_value_heads, base)
    # norms, cos and sin in float32 there: some hundred of its roundings, on numbers of this size
    assert within(ours, expected, 200, expected.abs().amax(), EPS32)


def test_llama_block_tells_a_wrong_wiring_from_transformers():
    config = tiny(rope_parameters={"rope_type": "default", "rope_theta": 10_000.0})
    config._attn_implementation = "eager"
    layer = LlamaDecoderLayer(config, 0).double().eval()
    for i, parameter in enumerate(layer.parameters()):
        parameter.data.copy_(randn(*parameter.shape, seed=i) * parameter.shape[-1] ** -0.5)
    x = randn(1, 7, 24, seed=99)
    positions = LlamaRotaryEmbedding(config)(x, torch.arange(7).unsqueeze(0))
    mask = torch.full((7, 7), -torch.inf, dtype=torch.float64).triu(1)[None, None]
    with torch.no_grad():
        out = layer(x, attention_mask=mask, position_embeddings=positions)
    expected = out[0] if isinstance(out, tuple) else out
    for name in ("post_norm", "norm_on_the_residual", "by_its_name", "values_turned", "parallel"):
        wrong = llama_block.wrongs[name].fn(x.float(), block_weights(layer), 6, 2).double()
        assert not within(wrong, expected, 1e4, expected.abs().amax(), EPS32), name


@pytest.mark.parametrize("width", [4, 6])
def test_hunt_blurred_attention_is_transformers_attention_with_its_weights(width):
    config = tiny(head_dim=width, rope_parameters={"rope_type": "default", "rope_theta": 10_000.0})
    config._attn_implementation = "eager"
    layer = LlamaDecoderLayer(config, 0).double().eval().self_attn
    for i, parameter in enumerate(layer.parameters()):
        parameter.data.copy_(3 * randn(*parameter.shape, seed=i) * parameter.shape[-1] ** -0.5)
    x = randn(2, 7, 24, seed=99)
    positions = LlamaRotaryEmbedding(config)(x, torch.arange(7).unsqueeze(0))
    mask = torch.full((7, 7), -torch.inf, dtype=torch.float64).triu(1)[None, None]
    with torch.no_grad():
        out, p = layer(x, position_embeddings=positions, attention_mask=mask)
    w = {name: getattr(layer, name).weight.data for name in ("q_proj", "k_proj", "v_proj", "o_proj")}
    result, entropy = hunt_blurred_attention(x, w, 6, 2)
    # the softmax, cos and sin are in float32 there
    assert within(result, out, 200, out.abs().amax(), EPS32)
    assert within(entropy, torch.distributions.Categorical(probs=p.double()).entropy(), 200, 1.0, EPS32)


@pytest.mark.parametrize("loudness", [1.0, 1e-3, 1e-7])
def test_hunt_quiet_rows_is_torchs_attention_between_torchs_norms(loudness):
    d, heads, eps = 12, 3, 1e-6
    w = {name: randn(d, d, seed=i) * d**-0.5 for i, name in enumerate(("q_proj", "k_proj", "v_proj", "o_proj"))}
    w |= {name: randn(d, d, seed=i) * d**-0.5 for i, name in enumerate(("gate_proj", "up_proj", "down_proj"), 4)}
    w |= {name: 1 + 0.3 * randn(d, seed=i) for i, name in enumerate(("input_layernorm", "post_attention_layernorm"), 7)}
    x = loudness * randn(2, 5, d, seed=9)
    layer = torch.nn.MultiheadAttention(d, heads, bias=False, batch_first=True, dtype=torch.float64)
    layer.in_proj_weight.data = torch.cat([w["q_proj"], w["k_proj"], w["v_proj"]])
    layer.out_proj.weight.data = w["o_proj"]
    with torch.no_grad():
        seen = F.rms_norm(x, (d,), w["input_layernorm"], eps)
        h = x + layer(seen, seen, seen, need_weights=False)[0]
        seen = F.rms_norm(h, (d,), w["post_attention_layernorm"], eps)
        y = h + (F.silu(seen @ w["gate_proj"].T) * (seen @ w["up_proj"].T)) @ w["down_proj"].T
    ours, inside = hunt_quiet_rows(x, w, heads, eps)
    assert within(ours, y, 200, y.abs().amax())
    assert within(inside, torch.stack([t.square().mean((1, 2)).sqrt() for t in (h, y)]), 200, y.abs().amax())


# Counts


@pytest.mark.parametrize(
    ("model", "config", "biases"),
    [
        (LlamaForCausalLM, LlamaConfig, []),
        (MistralForCausalLM, MistralConfig, []),
        (Qwen2ForCausalLM, Qwen2Config, ["q_proj", "k_proj", "v_proj"]),
        (Qwen3ForCausalLM, Qwen3Config, []),
    ],
)
def test_count_block_params_is_what_transformers_builds_and_says_who_has_biases(model, config, biases):
    made = tiny(config, head_dim=4)
    block = model(made).model.layers[0]
    named = {name: p for name, p in block.named_parameters() if "q_norm" not in name and "k_norm" not in name}
    ours = count_block_params({"head_dim": 4} | made.to_dict(), biases)
    assert [name.split(".")[-2] for name in named if name.endswith(".bias")] == biases
    assert ours["total"] == sum(p.numel() for p in named.values())
    assert ours["biases"] == sum(p.numel() for name, p in named.items() if name.endswith(".bias"))
    assert ours["attention"] == sum(p.numel() for n, p in named.items() if "self_attn" in n and p.dim() == 2)
    assert ours["ffn"] == sum(p.numel() for n, p in named.items() if "mlp" in n and p.dim() == 2)


def test_count_block_params_leads_to_the_published_size_of_llama_3_8b():
    sizes = {"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8}
    block = count_block_params(sizes)["total"]
    assert 32 * block + 2 * 128_256 * 4096 + 4096 == 8_030_261_248


# Training


@pytest.mark.parametrize("pre_norm", [True, False])
def test_gradient_by_depth_is_autograds(pre_norm):
    x, weights, probe = randn(5, 12), randn(6, 12, 12, seed=1) / 12**0.5, randn(5, 12, seed=2)

    def loss(ws: Tensor) -> Tensor:
        y = x
        for w in ws:
            if pre_norm:
                y = y + F.linear(F.rms_norm(y, (12,), eps=1e-6), w)
            else:
                y = F.rms_norm(y + F.linear(y, w), (12,), eps=1e-6)
        return ((F.rms_norm(y, (12,), eps=1e-6) if pre_norm else y) * probe).sum()

    expected = torch.func.grad(loss)(weights).flatten(1).norm(dim=1)
    assert within(gradient_by_depth(x, weights, probe, pre_norm), expected, 6 * 12 * 20, expected)


def test_gradients_with_post_norm_do_not_fall_with_the_number_of_layers_and_with_pre_norm_as_its_root():
    def last(layers: int, pre_norm: bool) -> float:
        runs = []
        for seed in range(4):
            x, probe = randn(8, 64, seed=100 * seed), randn(8, 64, seed=100 * seed + 2)
            weights = randn(layers, 64, 64, seed=100 * seed + 1) / 8
            runs.append(float(gradient_by_depth(x, weights, probe, pre_norm)[-1]))
        return sum(runs) / len(runs)

    assert round(last(6, True)) == 70 and round(last(96, True)) == 18
    assert round(last(6, False)) == 127 and round(last(96, False)) == 135


def test_lora_linear_is_the_merged_weight_and_lora_gradients_are_autograds():
    x, w, a, b, dy = randn(7, 12), randn(9, 12, seed=1), randn(3, 12, seed=2), randn(9, 3, seed=3), randn(7, 9, seed=4)
    merged = F.linear(x, w + 5.0 / 3 * b @ a)
    assert within(lora_linear(x, w, a, b, 5.0), merged, 12 + 12 + 3 + 3, x.abs() @ (w.abs() + 2 * b.abs() @ a.abs()).T)

    def y(low: Tensor, high: Tensor) -> Tensor:
        return 5.0 / 3 * x @ low.T @ high.T

    expected = torch.func.vjp(y, a, b)[1](dy)
    for ours, theirs in zip(lora_gradients(x, a, b, 5.0, dy), expected, strict=True):
        assert within(ours, theirs, 7 + 12 + 9 + 3, 10 * theirs.abs().amax())


def test_next_token_loss_is_transformers_own():
    torch.manual_seed(0)
    model = LlamaForCausalLM(tiny()).eval()
    ids = torch.randint(30, (3, 9), generator=torch.Generator().manual_seed(0))
    labels = ids.masked_fill(torch.rand(3, 9, generator=torch.Generator().manual_seed(1)) < 0.3, -100)
    with torch.no_grad():
        out = model(input_ids=ids, labels=labels)
    assert torch.allclose(next_token_loss(out.logits, labels), out.loss, rtol=1e-6)


def test_next_token_loss_is_torchs_cross_entropy_of_the_shifted():
    logits, labels = 5 * randn(2, 6, 11), torch.randint(11, (2, 6), generator=torch.Generator().manual_seed(0))
    expected = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    assert within(next_token_loss(logits, labels), expected, 11 + 10 + 10, 20.0)
    assert next_token_loss(logits, torch.full_like(labels, -100)) == 0
