"""The tiny language has the grammar that it promises, and a tiny model learns it in tens of steps."""

import pytest
import torch
from torch.nn import functional

from reference import tiny
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch15_model.model_logits import model_logits


def test_the_same_seed_gives_the_same_ids_and_another_seed_gives_others():
    ids = tiny.corpus(3, 500)
    assert ids.dtype == torch.int64 and ids.shape == (500,)
    assert torch.equal(ids, tiny.corpus(3, 500)) and not torch.equal(ids, tiny.corpus(4, 500))
    assert torch.equal(ids[:77], tiny.corpus(3, 77))


def test_words_become_ids_and_words_again():
    text = "the old dogs behind the tree find their ball today ."
    assert tiny.decode(tiny.encode(text)) == text
    assert tiny.decode([0, 1]) == ". the"
    with pytest.raises(ValueError, match="zebra"):
        tiny.encode("the zebra")


def test_a_long_corpus_has_every_word_and_every_sentence_is_grammatical():
    ids = tiny.corpus(0, 5000)
    assert len(tiny.VOCABULARY) == len(set(tiny.VOCABULARY)) == 32
    assert set(ids.tolist()) == set(range(32))
    assert tiny.grammatical(tiny.decode(ids)) == 1.0


@pytest.mark.parametrize(
    "text, share",
    [
        ("the cat near the dogs sees its ball .", 1.0),
        ("the cat near the dogs see their ball .", 0.0),
        ("the cats near the dog see their ball often . the cats see its ball .", 0.5),
        ("the cat sees its ball . the cat", 1.0),
        ("the cat", 0.0),
        ("", 0.0),
        (". .", 0.0),
    ],
)
def test_the_verb_and_the_possessive_agree_with_the_first_noun(text, share):
    assert tiny.grammatical(text) == share


def test_the_weights_have_the_sizes_that_init_std_gives():
    weights = tiny.weights(0, width=64, layers=3, std=0.1)
    assert all(w.dtype == torch.float32 for w in weights.values())
    assert torch.equal(weights["model.norm.weight"], torch.ones(64))
    assert weights["model.layers.2.mlp.down_proj.weight"].shape == (64, 128)
    assert weights["model.layers.0.self_attn.k_proj.weight"].shape == (32, 64)
    stds = [weights[f"model.layers.2.mlp.{name}_proj.weight"].std().item() for name in ("up", "down")]
    assert stds == pytest.approx([0.1, 0.1 / 6**0.5], rel=0.05)


def test_a_tiny_model_learns_more_than_the_frequencies_of_words():
    params = tiny.weights(0, width=16)
    m = {name: torch.zeros_like(p) for name, p in params.items()}
    v, losses = dict(m), []
    ids = tiny.corpus(0, 60 * 8 * 17).reshape(60, 8, 17)
    for step, batch in enumerate(ids, 1):
        leaves = {name: p.detach().requires_grad_() for name, p in params.items()}
        logits = model_logits(batch[:, :-1], leaves, tiny.HEADS, tiny.KV_HEADS)
        loss = functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        grads = torch.autograd.grad(loss, list(leaves.values()))
        for (name, p), g in zip(leaves.items(), grads, strict=True):
            params[name], m[name], v[name] = adamw_step(p.detach(), g, m[name], v[name], step, lr=0.02)
        losses.append(loss.item())
    shares = ids.flatten().bincount() / ids.numel()
    entropy = -(shares * shares.log()).sum().item()
    assert losses[0] == pytest.approx(torch.tensor(32.0).log().item(), abs=0.1)
    assert entropy > 2.8 and max(losses[-5:]) < 1.6
