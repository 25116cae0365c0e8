"""The oracles of generation, bits per byte and the two RoPE layouts against transformers and exact probabilities."""

import math
from fractions import Fraction

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.cohere import modeling_cohere
from transformers.models.llama import modeling_llama

from reference.ch15_model.bits_per_byte import bits_per_byte
from reference.ch15_model.generate import generate, last_logits
from reference.ch15_model.hf_permute import hf_permute
from reference.ch15_model.hunt_falls_apart import hunt_falls_apart

HEADS, KV_HEADS, WIDTH, D, VOCABULARY = 4, 2, 6, 20, 40
PROMPT = [7, 0, 31, 31, 12]


def llama(seed, dtype=torch.float64):
    """transformers' Llama with random weights, large enough that attention matters, and the weights by their names."""
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=D,
        intermediate_size=28,
        num_hidden_layers=3,
        num_attention_heads=HEADS,
        num_key_value_heads=KV_HEADS,
        head_dim=WIDTH,
        rms_norm_eps=1e-6,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        attn_implementation="eager",
        bos_token_id=None,
        eos_token_id=None,
    )
    model = LlamaForCausalLM(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in model.parameters():
            noise = torch.randn(p.shape, generator=generator)
            p.copy_(1 + 0.3 * noise if p.dim() == 1 else 2 * noise / p.shape[1] ** 0.5)
    model = model.to(dtype).eval()
    return model, {name: t for name, t in model.state_dict().items() if name != "lm_head.weight"}


def greedy(model, prompt, most, stop=None):
    ids = torch.tensor([prompt])
    out = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=most,
        eos_token_id=stop,
        pad_token_id=0,
    )
    return out[0, len(prompt) :].tolist()


@pytest.mark.parametrize("seed", range(3))
def test_the_logits_after_a_text_are_transformers_logits(seed):
    model, weights = llama(seed)
    want = model(torch.tensor([PROMPT])).logits[0, -1]
    torch.testing.assert_close(last_logits(PROMPT, weights, HEADS, KV_HEADS), want, rtol=1e-5, atol=1e-5)


def test_200_new_tokens_are_those_of_transformers_with_its_cache():
    model, weights = llama(0, torch.float32)
    want = greedy(model, PROMPT, 200)
    assert len(set(want)) > 10
    assert generate(PROMPT, weights, HEADS, KV_HEADS, VOCABULARY, 200) == want
    assert generate.rights["library"].fn(PROMPT, weights, HEADS, KV_HEADS, VOCABULARY, 200) == want


def test_a_stop_token_ends_a_text_where_transformers_ends_it():
    model, weights = llama(5, torch.float32)
    stop = greedy(model, PROMPT, 8)[-1]
    want = greedy(model, PROMPT, 8, stop)
    assert want[-1] == stop  # which transformers keeps
    assert generate(PROMPT, weights, HEADS, KV_HEADS, stop, 8) == want[:-1]


def scores(module, weights, x):
    """q · k of all heads after this module's rotation, and its rotary embedding's cos and sin."""
    q, k = (
        (x @ weights[f"model.layers.0.self_attn.{name}.weight"].T).unflatten(-1, (-1, WIDTH)).transpose(1, 2)
        for name in ("q_proj", "k_proj")
    )
    config = LlamaConfig(head_dim=WIDTH, hidden_size=D, num_attention_heads=HEADS, rope_theta=10000.0)
    rotary = {
        modeling_llama: modeling_llama.LlamaRotaryEmbedding,
        modeling_cohere: modeling_cohere.CohereRotaryEmbedding,
    }
    cos, sin = rotary[module](config)(x, torch.arange(x.shape[1])[None])
    q, k = module.apply_rotary_pos_emb(q, k, cos, sin)
    return q @ k.repeat_interleave(HEADS // KV_HEADS, dim=1).mT


@pytest.mark.parametrize("seed", range(3))
def test_llamas_rotation_of_halves_is_coheres_rotation_of_neighbors_with_the_rows_permuted(seed):
    _, weights = llama(seed, torch.float32)
    x = torch.randn(1, 9, D, generator=torch.Generator().manual_seed(seed))
    want = scores(modeling_llama, weights, x)
    interleaved = hf_permute(weights, HEADS, KV_HEADS, "interleaved")
    torch.testing.assert_close(scores(modeling_cohere, interleaved, x), want, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(scores(modeling_cohere, weights, x), want, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_the_way_to_halves_is_the_permutation_of_transformers_script_for_llama(seed):
    _, weights = llama(seed)
    got = hf_permute(weights, HEADS, KV_HEADS, "half")
    for name, w in weights.items():
        heads = HEADS if "q_proj" in name else KV_HEADS
        n, d = len(w), w[0].numel()
        permuted = (
            w.view(heads, n // heads // 2, 2, d).transpose(1, 2).reshape(n, d)
            if "q_proj" in name or "k_proj" in name
            else w
        )
        assert torch.equal(got[name], permuted)
    back = hf_permute(got, HEADS, KV_HEADS, "interleaved")
    assert all(torch.equal(back[name], w) for name, w in weights.items())


def test_bits_per_byte_are_the_logarithm_of_the_texts_probability():
    text, odds = "Όλοι were fair", [Fraction(1, 3), Fraction(2, 7), Fraction(1, 64), Fraction(9, 10)]
    loss = -sum(map(math.log, odds)) / len(odds)
    want = -math.log2(math.prod(odds)) / len(bytes(text, "utf-8"))
    assert bits_per_byte(loss, len(odds), text) == pytest.approx(want, rel=1e-12)


@pytest.mark.parametrize("seed", range(2))
def test_the_engine_that_is_mended_writes_transformers_text_with_its_probabilities(seed):
    model, weights = llama(seed)
    new, logs = hunt_falls_apart(PROMPT, weights, HEADS, KV_HEADS, 20)
    assert new == greedy(model, PROMPT, 20)
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.tensor([PROMPT + new])).logits[0, len(PROMPT) - 1 : -1], -1)
    expected = log_p.gather(1, torch.tensor(new)[:, None])[:, 0]
    torch.testing.assert_close(logs, expected, rtol=1e-4, atol=1e-4)  # transformers' norms and angles are float32
