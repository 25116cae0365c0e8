"""Calls every function on the model's path once or more, so that the results of two choices can be compared.

The tour has parts. The first ones follow a text: its tokens, and the forward pass, layer by layer. The others give each
function inputs of its own, the same for every choice, so that a mistake in one function is not seen in another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grader.model.opened import Opened
from grader.model.tokenizer import END
from grader.model.training import State
from grader.model.weights import EMBEDDING, layer_name

# A text that a tokenizer may get wrong: endings, digits, signs, several spaces, other letters, special tokens.
ODD = f"I'm sure they'LL say: 3 naïve cats (№1234, ½)!  Two  \n\n lines_of 東京… {END}{END} x{END}\t the end  "
STEP = ("input_layernorm", "q_proj", "k_proj", "v_proj", "o_proj", "post_attention_layernorm")
FFN = ("gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Inputs:
    """What the parts need: the text, its ids by our tokenizer, and random tensors of a dtype."""

    text: str
    ids: Sequence[int]
    dtype: torch.dtype
    seed: int = 0

    def random(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Normal random numbers, the same for every choice and, but for rounding, for every dtype."""
        generator = torch.Generator().manual_seed(sum(shape) + self.seed)
        return (torch.randn(shape, generator=generator) * scale).to(self.dtype)

    def uniform(self, *shape: int) -> Tensor:
        generator = torch.Generator().manual_seed(sum(shape) + self.seed)
        return torch.rand(shape, generator=generator)


Part = Callable[[Opened, Inputs], object]


def parts() -> Iterator[tuple[str, Part]]:
    """Each part with its name. A part only calls functions: whoever observes them sees the results."""
    yield "tokenizer", _tokenizer
    yield "merges", _merges
    yield "forward", _forward
    yield "masks", _masks
    yield "softmax", _softmax
    yield "block", _block
    yield "whole", _whole
    yield "loss", _loss
    yield "sampling", _sampling
    yield "drafts", _drafts
    yield "generate", _generate
    yield "int8", _int8
    yield "4bit", _four_bits
    yield "batches", _batches
    yield "initial", _initial
    yield "gradients", _gradients
    yield "optimizer", _optimizer
    yield "step", _step
    yield "checkpoint", _checkpoint


def _tokenizer(run: Opened, given: Inputs) -> None:
    f, vocabulary = run.functions, run.tokenizer.vocabulary
    text = END + given.text
    f.pretokenize(given.text)
    for word in dict.fromkeys(f.pretokenize(ODD)):
        f.encode(word, list(vocabulary.merges))
    f.special_tokens(text + ODD, list(vocabulary.specials))
    run.tokenizer.encode(text)
    run.tokenizer.encode(ODD)
    f.decode(list(given.ids[1:]), list(vocabulary.merges))


def _merges(run: Opened, given: Inputs) -> None:
    words = given.text.split()
    run.functions.train_bpe_fast({word: words.count(word) for word in dict.fromkeys(words)}, 256 + 12)


def _forward(run: Opened, given: Inputs) -> None:
    with torch.no_grad():
        run.model.logits(torch.tensor([given.ids]))


def _masks(run: Opened, given: Inputs) -> None:
    f, n = run.functions, 5
    q, k = given.random(2, 4, n, 8), given.random(2, 4, n, 8)
    f.causal_mask(n, n)
    f.causal_mask(1, n)
    scores = f.scores(q, k)
    hidden = torch.ones(n, n, dtype=torch.bool).triu(1) | (torch.arange(n) == 0)  # the first query sees no key
    f.apply_mask(scores, hidden)


def _softmax(run: Opened, given: Inputs) -> None:
    scores = given.random(2, 4, 5, 5, scale=3.0)
    run.functions.softmax(scores + torch.full((5, 5), -torch.inf).triu(1).to(given.dtype), -1)


def _block(run: Opened, given: Inputs) -> None:
    config = run.model.config
    weights = {name: run.model.weights[layer_name(0, name)] for name in (*STEP, *FFN)}
    x = given.random(1, 6, config.hidden_size)
    with torch.no_grad():
        run.functions.llama_block(x, weights, config.num_attention_heads, config.num_key_value_heads, config.rope_theta)


def _whole(run: Opened, given: Inputs) -> None:
    with torch.no_grad():
        run.model.logits(torch.tensor([given.ids]), route="whole")


def _loss(run: Opened, given: Inputs) -> None:
    f, vocab = run.functions, run.model.config.vocab_size
    logits = given.random(2, 6, vocab, scale=2.0)
    labels = (given.uniform(2, 6) * vocab).long()
    labels[1, 4:] = -100
    f.next_token_loss(logits, labels, -100)
    f.cross_entropy(logits[0], labels[0])
    f.bits_per_byte(2.5, 40, given.text)


def _sampling(run: Opened, given: Inputs) -> None:
    f, vocab = run.functions, run.model.config.vocab_size
    logits, p = given.random(3, vocab, scale=3.0), torch.softmax(given.random(3, vocab, scale=3.0), -1)
    f.temperature(logits, 0.8)
    f.temperature(logits, 0.0)
    f.top_k(p, 5)
    f.top_p(p, 0.9)
    f.sample(p, given.uniform(3))
    f.repetition_rate([1, 2, 3, 1, 2, 3, 1, 2], 2)


def _drafts(run: Opened, given: Inputs) -> None:
    p, q = (torch.softmax(given.random(*shape, scale=2.0), -1) for shape in ((4, 16), (3, 16)))
    for place in range(8):
        u = given.uniform(3, place + 1)[:, 0].tolist()
        run.functions.speculative_accept(p, q, [3, 7, 11], u, place / 8)


def _generate(run: Opened, given: Inputs) -> None:
    config = run.model.config
    end, most = run.tokenizer.vocabulary.end, 8
    weights = {name: tensor.float() for name, tensor in run.model.weights.items()}
    run.functions.generate(list(given.ids), weights, config.num_attention_heads, config.num_key_value_heads, end, most)


def _int8(run: Opened, given: Inputs) -> None:
    # A scale is 1 and no value is near the middle between two codes, so no rounding error changes a code.
    x, w = (torch.floor(given.uniform(rows, 64) * 250 - 125) + 0.3 for rows in (6, 9))
    x[:, 0] = w[:, 5] = 127.0
    run.functions.int8_matmul(x.to(given.dtype), w.to(given.dtype) * 0.01)


def _four_bits(run: Opened, given: Inputs) -> None:
    f = run.functions
    codes, scale, low = f.block_quantize(given.random(256), 32)
    f.block_dequantize(codes, scale, low)


def _batches(run: Opened, given: Inputs) -> None:
    run.functions.get_batch(torch.arange(40), [0, 11, 27], 12)


def _initial(run: Opened, given: Inputs) -> None:
    f, config = run.functions, run.model.config
    shapes = {name: tuple(tensor.shape) for name, tensor in run.model.weights.items()}
    f.init_std(shapes, config.num_hidden_layers)
    f.weight_decay_groups(shapes)


def _gradients(run: Opened, given: Inputs) -> None:
    f = run.functions
    micro = [{"w": given.random(3, 4 + i), "g": given.random(5 + i)} for i in (0, 0)]
    f.accumulate_gradients([micro[0], {name: g * 2 for name, g in micro[1].items()}], [3, 9])
    f.clip_by_global_norm([given.random(3, 4, scale=2.0), given.random(5)], 1.0)


def _optimizer(run: Opened, given: Inputs) -> None:
    f = run.functions
    for step in (0, 4, 9, 10, 60, 99):
        f.warmup_cosine(step, 1e-3, 10, 100)
    p, g, m = given.random(4, 5), given.random(4, 6)[:, :5].contiguous(), given.random(4, 7)[:, :5].contiguous()
    f.adamw_step(p, g, m, m.square(), 3, lr=1e-2, betas=(0.9, 0.95), decay=0.1)


def _step(run: Opened, given: Inputs) -> None:
    shapes: Mapping[str, tuple[int, ...]] = {
        EMBEDDING: (6, 4),
        layer_name(0, "q_proj"): (4, 4),
        "model.norm.weight": (4,),
    }
    params = {name: given.random(*shape) for name, shape in shapes.items()}
    m = {name: tensor * 0.1 for name, tensor in params.items()}
    v = {name: tensor.square() * 0.1 for name, tensor in params.items()}
    micro = [{name: tensor * by for name, tensor in params.items()} for by in (0.5, -2.0)]
    run.functions.train_step(params, m, v, micro, [3, 9], 5, 1e-2, 10, 100)


def _checkpoint(run: Opened, given: Inputs) -> None:
    tensors = {"b": given.random(3, 4).float(), "a": given.random(5).bfloat16()}
    saved = State(tensors, tensors, tensors, 7, [3, 1, 2], torch.Generator().manual_seed(1)).saved()
    run.functions.load(run.functions.save(saved))


def value_of(result: Any) -> Any:
    """The result as it is now: a tensor may be changed later."""
    if isinstance(result, Tensor):
        return result.detach().clone()
    if isinstance(result, tuple | list):
        return [value_of(one) for one in result]
    if isinstance(result, dict):
        return {key: value_of(one) for key, one in result.items()}
    return result
