"""The oracles of chapter 15's forward pass against transformers, autograd and nanoGPT's way to cut windows."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from reference.ch15_model.embed_and_head import embed, head, table_gradient
from reference.ch15_model.get_batch import get_batch
from reference.ch15_model.hunt_short_answers import hunt_short_answers
from reference.ch15_model.hunt_two_losses import hunt_two_losses
from reference.ch15_model.init_std import init_std
from reference.ch15_model.loss_at_init import loss_at_init
from reference.ch15_model.model_logits import model_logits

EPS32, EPS64 = torch.finfo(torch.float32).eps, torch.finfo(torch.float64).eps


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tokens(b: int, n: int, vocabulary: int, seed: int = 0) -> Tensor:
    return torch.randint(vocabulary, (b, n), generator=torch.Generator().manual_seed(seed))


def llama(layers: int, dtype: torch.dtype, base: float = 10_000.0, **more: int) -> LlamaForCausalLM:
    """A tied model whose weights are of a size that makes scores, branches and logits matter."""
    sizes = {"hidden_size": 24, "intermediate_size": 40, "num_attention_heads": 6, "num_key_value_heads": 2}
    config = LlamaConfig(
        **sizes | more,
        num_hidden_layers=layers,
        vocab_size=30,
        rms_norm_eps=1e-6,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": base},
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).to(dtype).eval()
    for i, parameter in enumerate(model.parameters()):
        drawn = randn(*parameter.shape, seed=i)
        parameter.data.copy_(drawn * parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 1 + 0.3 * drawn)
    return model


def weights_of(model: LlamaForCausalLM) -> dict[str, Tensor]:
    return {name: parameter.data for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("layers", [1, 12])
@pytest.mark.parametrize("base", [10_000.0, 500_000.0])
@pytest.mark.parametrize("more", [{}, {"num_key_value_heads": 6}, {"head_dim": 8}], ids=str)
def test_model_logits_are_transformers_llama_s_in_float32(layers, base, more):
    model = llama(layers, torch.float32, base, **more)
    ids, kv_heads = tokens(2, 9, 30), model.config.num_key_value_heads
    with torch.no_grad():
        expected = model(input_ids=ids).logits
    ours = model_logits(ids, weights_of(model), 6, kv_heads, base)
    assert ours.dtype == torch.float32
    # logits of about the size 1 to 10: some hundred roundings, which twelve layers pass on
    assert (ours - expected).abs().max() <= 200 * layers**0.5 * EPS32 * expected.abs().max()


def test_the_checkpoint_of_a_tied_llama_has_the_names_that_model_logits_reads():
    names = weights_of(llama(1, torch.float32))
    assert "model.embed_tokens.weight" in names and "model.norm.weight" in names and "lm_head.weight" not in names


@pytest.mark.parametrize(
    "name", ["by_name", "no_final_norm", "scaled_embedding", "heads_swapped", "one_long_row", "added_again"]
)
def test_a_wrong_forward_pass_is_not_transformers(name):
    model = llama(12, torch.float32)
    ids, wrong = tokens(2, 9, 30), model_logits.wrongs[name].fn
    with torch.no_grad():
        expected = model(input_ids=ids).logits
    try:
        ours = wrong(ids, weights_of(model), 6, 2)
    except RuntimeError:
        return
    assert (ours - expected).abs().max() > 1e-2


def test_the_gradient_of_a_tied_table_is_autograds():
    ids, table, x = tokens(2, 7, 5), randn(5, 4), randn(2, 7, 4, seed=1)
    d_embed, d_logits = randn(2, 7, 4, seed=2), randn(2, 7, 5, seed=3)
    table.requires_grad_()
    loss = (embed(ids, table) * d_embed).sum() + (head(x, table) * d_logits).sum()
    (expected,) = torch.autograd.grad(loss, table)
    assert (table_gradient(ids, d_embed, x, d_logits) - expected).abs().max() <= 14 * 16 * EPS64


def test_a_tied_llama_gets_both_gradients_of_its_table():
    model, ids = llama(2, torch.float64), tokens(2, 7, 30)
    table = model.model.embed_tokens.weight
    embedded = model.model.embed_tokens(ids).detach().requires_grad_()
    hidden = model.model(inputs_embeds=embedded).last_hidden_state
    logits = F.linear(hidden.detach().requires_grad_(), table.detach()).requires_grad_()
    loss = F.cross_entropy(logits.flatten(0, 1), ids.flatten())
    (d_logits,) = torch.autograd.grad(loss, logits)
    (d_embed,) = torch.autograd.grad(hidden, embedded, d_logits @ table.detach())
    (expected,) = torch.autograd.grad(F.cross_entropy(model(input_ids=ids).logits.flatten(0, 1), ids.flatten()), table)
    ours = table_gradient(ids, d_embed, hidden.detach(), d_logits)
    # the norms of transformers run in float32
    assert (ours - expected).abs().max() <= 1000 * EPS32 * expected.abs().max()


def test_get_batch_is_nanogpts():
    data, starts, block_size = tokens(1, 100, 50)[0], [0, 17, 91], 8
    x = torch.stack([data[i : i + block_size] for i in starts])
    y = torch.stack([data[i + 1 : i + 1 + block_size] for i in starts])
    ours = get_batch(data, starts, block_size)
    assert torch.equal(ours[0], x) and torch.equal(ours[1], y)
    last = len(data) - block_size - 1  # torch.randint(len(data) - block_size, …) draws no greater start
    assert get_batch(data, [last], block_size)[1][0, -1] == data[-1]
    with pytest.raises(ValueError, match="does not lie in tokens"):
        get_batch(data, [last + 1], block_size)


def test_init_std_is_transformers_rule_for_gpt_2():
    layers = 6
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=layers, n_embd=128, n_head=4, vocab_size=300, n_positions=64))
    theirs = {"attn.c_proj": "self_attn.o_proj", "mlp.c_proj": "mlp.down_proj", "mlp.c_fc": "mlp.up_proj"}
    for i in range(layers):
        for their_name, name in theirs.items():
            weight = model.get_parameter(f"transformer.h.{i}.{their_name}.weight")
            long = f"model.layers.{i}.{name}.weight"
            expected = init_std({long: tuple(weight.shape)}, layers)[long]
            # the std of n normal numbers is off by 1/√(2n) of itself: five of these
            assert math.isclose(weight.std().item(), expected, rel_tol=5 / (2 * weight.numel()) ** 0.5)


@pytest.mark.parametrize("counts", [[2, 1, 1, 0], [7] * 30, [1000, 0, 3, 1]])
def test_loss_at_init_is_the_cross_entropy_of_equal_and_of_counted_probabilities(counts):
    text = torch.tensor([token for token, count in enumerate(counts) for _ in range(count)])
    first, entropy = loss_at_init(counts)
    even = torch.zeros(len(text), len(counts), dtype=torch.float64)
    assert math.isclose(first, F.cross_entropy(even, text).item(), rel_tol=1e-12)
    counted = torch.tensor(counts, dtype=torch.float64).log().expand(len(text), -1)
    assert math.isclose(entropy, F.cross_entropy(counted, text).item(), rel_tol=1e-12)


def test_hunt_short_answers_trains_as_transformers_does_with_labels_and_torchs_sgd():
    model = llama(2, torch.float32)
    start = {name: w.clone() for name, w in weights_of(model).items()}
    texts = [tokens(1, n, 30, seed=n)[0].tolist() for n in (3, 9, 2, 5, 4)]
    losses, trained = hunt_short_answers(texts, start, 6, 2, 0, 3, 0.1)
    optimizer, expected = torch.optim.SGD(model.parameters(), lr=0.1), []
    for group in (texts[:3], texts[3:]):
        rows = [torch.tensor(text) for text in group]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=29)
        labels = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-100)
        loss = model(input_ids=ids, labels=labels).loss
        expected.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # some hundred roundings of float32, on losses and weights of a few units
    assert (losses - torch.tensor(expected)).abs().max() <= 200 * EPS32 * max(expected)
    for name, weight in weights_of(model).items():
        assert (trained[name] - weight).abs().max() <= 200 * EPS32 * weight.abs().max(), name


def test_hunt_two_losses_is_the_mean_of_transformers_losses_by_their_tokens():
    model = llama(1, torch.float32)
    ids, total = tokens(1, 19, 30)[0], 0.0
    with torch.no_grad():
        for part in ids.split(5):
            total += model(input_ids=part.unsqueeze(0), labels=part.unsqueeze(0)).loss.item() * (len(part) - 1)
    for batch in (1, 3, 4):
        result = hunt_two_losses(ids, weights_of(model), 6, 2, 5, batch)
        assert result["tokens"] == 15
        assert abs(float(result["loss"]) - total / 15) <= 200 * EPS32 * total / 15
        assert float(result["perplexity"]) == pytest.approx(math.exp(total / 15), rel=1e-4)
