<<<<<<< HEAD
"""The numbers of the chapter's texts, from the stories, the model's files, its training log and the references."""

import json
import math
from pathlib import Path

import torch

from content.ch15_model.stories import HELD_OUT, PLOTS, TRAIN, story
from reference.ch08_block.count_block_params import count_block_params
from reference.ch15_model.accumulate_gradients import accumulate_gradients
from reference.ch15_model.bits_per_byte import bits_per_byte
from reference.ch15_model.encode_text import encode_text
from reference.ch15_model.loss_at_init import loss_at_init
from reference.ch15_model.pretokenize import pretokenize
from reference.ch15_model.train_step import train_step

MODEL = Path(__file__).parent / "model"


def _read(name):
    return json.loads((MODEL / f"{name}.json").read_text())


CONFIG, MERGES = _read("config"), [tuple(pair) for pair in _read("merges")["merges"]]
SHOWN = 1_000_075  # the seed of the story that the chapter tells
SPECIALS = 2
LLAMA = {"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8}
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def numbers():
    yield from _stories()
    yield from _tokens()
    yield from _parameters()
    yield from _one_step()
    yield from _losses()
    yield from _measures()


def _stories():
    yield story(SHOWN).text
    yield f"one of {WORDS[len(PLOTS)]} plots"
    told = [story(seed) for seed in HELD_OUT]
    mean = sum(one.nats for one in told) / len(told)
    yield f"The choices for this story cost {story(SHOWN).nats:.1f} nats"
    yield f"the mean over {len(told):,} held-out stories is {mean:.1f} nats"
    yield f"the entropy of the grammar, here at most {mean:.1f} nats"
    yield f"A model reads {len(TRAIN):,} of these stories"


def _tokens():
    size = len(MERGES) + 256 + SPECIALS
    assert size == CONFIG["vocab_size"]
    yield f"{len(MERGES)} merges, 256 bytes and {SPECIALS} special tokens make a vocabulary of {size:,}"
    text = "Tom had six plums."
    words, ids = pretokenize(text), encode_text(text, MERGES, {})
    yield f"becomes {WORDS[len(words)]} words, and {WORDS[len(ids)]} tokens"
    yield f"becomes {len(words)} words, {len(ids)} ids and {len(ids)} vectors of width {CONFIG['hidden_size']}"
    for word in words:
        pieces = " ".join(f"`{_piece(i)}`" for i in encode_text(word, MERGES, {}))
        yield f"| `{word.replace(' ', '·')}` | {pieces} |"


def _piece(token):
    """The text of a token, with a dot for a space."""
    if token < 256:
        return chr(token).replace(" ", "·")
    return "".join(map(_piece, MERGES[token - 256]))


def _parameters():
    d, ffn, layers = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["num_hidden_layers"]
    vocabulary, kv_heads = CONFIG["vocab_size"], CONFIG["num_key_value_heads"]
    keys = d // CONFIG["num_attention_heads"] * kv_heads
    block = count_block_params(CONFIG)
    table, total = vocabulary * d, vocabulary * d + layers * block["total"] + d
    assert block["attention"] == 2 * d * d + 2 * keys * d
    yield f"| embedding, also the head | {vocabulary} × {d} | {table:,} |"
    yield f"| q and o of a block | {d} × {d} each | {2 * d * d:,} |"
    yield f"| k and v of a block, {kv_heads} KV heads | {keys} × {d} each | {2 * keys * d:,} |"
    yield f"| gate, up and down of a block | {ffn} × {d} each | {block['ffn']:,} |"
    yield f"| two gains of a block | {d} each | {block['norms']:,} |"
    yield f"| {layers} blocks | | {layers * block['total']:,} |"
    yield f"| the final gain | {d} | {d} |"
    yield f"| together | | {total:,} |"
    yield f"In bf16 these are {2 * total / 1e6:.1f} MB"
    other = count_block_params(LLAMA)
    assert 32 * other["ffn"] > (32 * other["total"] + 2 * 128_256 * 4096 + 4096) / 2
    yield f"in the feed-forward layers: {100 * layers * block['ffn'] / total:.0f} % here"
    yield f"would have {100 * table / total:.0f} % more parameters"
    shapes = f"{CONFIG['num_attention_heads']} heads of queries and {kv_heads} heads of keys"
    yield f"In each of {layers} blocks: rms_norm and linear, {shapes}"
    n = len(encode_text("Tom had six plums.", MERGES, {}))
    yield f"weights of {CONFIG['num_attention_heads']} × {n} × {n}"
    yield f"head gives {n} × {vocabulary} logits"
    heads = f"{CONFIG['num_attention_heads']} query heads and {kv_heads} KV heads"
    yield f"The model has a width of {d}, {layers} layers, {heads}"
    yield f"encode: {n} ids. Embed: {n} × {d}. Five blocks"
    yield f"the stream of {n} × {d}. The final norm, and the head with the embedding's table: {n} × {vocabulary:,}"
    yield f"untrained model with {vocabulary:,} tokens"
    yield f"new model with {vocabulary:,} tokens"


def _one_step():
    size = CONFIG["vocab_size"]
    uniform, _ = loss_at_init([1] * size)
    yield f"for {size:,} tokens ln {size:,} = {uniform:.2f} nats"
    yield f"vocabulary of {size:,} tokens. What"
    yield f"ln {size:,} = {uniform:.2f}"
    yield f"ln of the vocabulary; {uniform:.2f} for {size:,} tokens"
    yield f"Equal probabilities would give {uniform:.2f} nats"
    params = {"up.weight": torch.tensor([[1.0]]), "norm.weight": torch.tensor([1.0])}
    micro = [{"up.weight": torch.tensor([[w]]), "norm.weight": torch.tensor([g])} for w, g in ((9.0, 4.0), (1.0, 4.0))]
    zeros = {name: torch.zeros_like(p) for name, p in params.items()}
    w, g = (grad.item() for grad in accumulate_gradients(micro, [1, 3]).values())
    new, m, _, log = train_step(params, zeros, zeros, micro, [1, 3], 0, 0.1, 2, 10)
    yield f"(1 · 9 + 3 · 1) / 4 = {w:.0f} | (1 · 4 + 3 · 4) / 4 = {g:.0f} |"
    yield f"√({w:.0f}² + {g:.0f}²) = {log['norm']:.0f}"
    clipped = [10 * m[name].item() for name in params]  # the first moment is a tenth of the first gradient
    yield f"clip to norm 1 (`clip_by_global_norm`) | {clipped[0]:.1f} | {clipped[1]:.1f} |"
    lr, (new_w, new_g) = log["lr"], (p.item() for p in new.values())
    yield f"2 steps of warmup) | {lr} | {lr} |"
    yield f"1 − {lr} · 1 − {lr} · 0.1 · 1 = {new_w:.3f} | 1 − {lr} · 1 = {new_g:.2f} |"
    yield f"would give W the gradient {(9 + 1) / 2:.0f} instead of {w:.0f}"
    yield f"(1 · g₁ + 3 · g₂) / {1 + 3}"


def _losses():
    log, against = _read("training"), _read("baselines")
    size, ours = CONFIG["vocab_size"], log["held_out"]
    per_byte = (
        against["grammar"]["bits_per_byte"] / against["grammar"]["nats_per_token"]
    )  # bits a byte for a nat a token
    untrained = math.log(size)
    yield f"| an untrained model: ln {size:,} | {untrained:.2f} | {untrained * per_byte:.2f} |"
    for text, name in (
        ("only how often each token occurs", "unigram"),
        ("a 3-gram model: the last two tokens decide", "trigram"),
        ("the grammar itself", "grammar"),
    ):
        yield f"| {text} | {against[name]['nats_per_token']:.2f} | {against[name]['bits_per_byte']:.2f} |"
    steps, trigram = log["steps"], against["trigram"]["nats_per_token"]
    yield f"our model after {steps[-1]['number']:,} steps | {ours['nats']:.2f} | {ours['bits_per_byte']:.2f} |"
    passed = next(step["number"] for step in steps if step["loss"] < trigram)
    yield f"passes it after about {passed} steps"
    yield f"From step {passed} to the end it falls by only {trigram - ours['nats']:.1f} nats"


def _measures():
    text = "once upon"
    for tokens, perplexity in ((9, 4), (3, 64)):
        assert math.isclose(bits_per_byte(math.log(perplexity), tokens, text), 2)
    yield f"9 tokens, its perplexity is {2 ** (18 / 9):.0f}. If another tokenizer cuts it into 3 tokens"
    yield f"the same probability is a perplexity of {2 ** (18 / 3):.0f}. Both are {18 / len(text):.0f} bits per byte"
    yield f"A has perplexity {2 ** (18 / 9):.0f} and model B has perplexity {2 ** (18 / 3):.0f}"
    yield f"9 · {18 // 9} bits = 3 · {18 // 3} bits"
    yield f"At {bits_per_byte(math.log(256), 1, 'a'):.0f} bits per byte nothing"
    a, b = 1.5 / math.log(2) / 3, 2.0 / math.log(2) / 4.4
    yield f"A: 1.5 / {math.log(2):.3f} / 3 = {a:.3f} bits per byte. B: 2.0 / {math.log(2):.3f} / 4.4 = {b:.3f} bits"
    yield f"The coder would need {b:.3f} bits for each byte of 8 bits: {1000 * b / 8:.0f} KB"


EXAMPLE = "an input of an example"
SCALER = "torch.amp.GradScaler: its defaults init_scale and growth_interval"
GIVEN = {
    "a width of 4,096": "config.json of meta-llama/Meta-Llama-3-8B",
    "peak 0.1": EXAMPLE,
    "decay 0.1": EXAMPLE,
    "generate 200 tokens": "tests/oracles/test_ch15.py",
    "probability 2⁻¹⁸": EXAMPLE,
    "section 3.1": "a section",
    "65,536": SCALER,
    "2,000 good steps": SCALER,
    "usually 2,000": SCALER,
    "1.5 nats per token and 3 bytes": EXAMPLE,
    "2.0 nats per token and 4.4 bytes": EXAMPLE,
    "a loss of 11.2 nats": EXAMPLE,
    "4,000 tokens": EXAMPLE,
    "all 4,000": EXAMPLE,
    "1,000 and 3,000 tokens": EXAMPLE,
    "50 of 1,024 tokens": EXAMPLE,
    "The 256 bytes": "all values of a byte",
=======
"""The numbers of the chapter's texts, computed from the references, the configuration and small measurements."""

import math
from collections.abc import Iterator
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from reference.ch02_forward.xavier_std import xavier_std
from reference.ch08_block.count_block_params import count_block_params
from reference.ch08_block.llama_block import library as block
from reference.ch15_model.init_std import init_std
from reference.ch15_model.loss_at_init import loss_at_init
from reference.ch15_model.model_logits import library as model_logits

OURS = {"hidden_size": 128, "intermediate_size": 352, "num_attention_heads": 4, "num_key_value_heads": 2}
LLAMA_8B = {"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8}
LLAMA_1B = {"hidden_size": 2048, "intermediate_size": 8192, "num_attention_heads": 32, "num_key_value_heads": 8}
LAYERS, VOCABULARY, LLAMA_VOCABULARY = 5, 1024, 128_256
TABLE = "model.embed_tokens.weight"


def numbers() -> Iterator[str]:
    yield from _forward()


def _forward() -> Iterator[str]:
    """Of get_batch, embed_and_head, init_std, loss_at_init and model_logits."""
    healthy, own = _first_losses(0.02)
    yield f"model has a loss of {healthy:.2f} on the next ids. On ids that it has just read its loss is {own:.2f},"
    yield f"below ln 1,024 = {math.log(VOCABULARY):.2f} means"

    table, ours = VOCABULARY * OURS["hidden_size"], _parameters(OURS, LAYERS, VOCABULARY)
    yield f"has {table:,} of {ours:,} parameters"
    table_1b, llama_1b = LLAMA_VOCABULARY * 2048, _parameters(LLAMA_1B, 16, LLAMA_VOCABULARY)
    share = 100 * table_1b / llama_1b
    yield f"{table_1b / 1e6:.0f} million of {llama_1b / 1e9:.2f} billion parameters, or {share:.0f} %"
    tables = 2 * LLAMA_VOCABULARY * 4096
    llama_8b = _parameters(LLAMA_8B, 32, LLAMA_VOCABULARY) + tables // 2
    yield f"two tables have {tables / 1e9:.2f} billion of {llama_8b / 1e9:.2f} billion"
    yield f"at most 8,192 different ids, which is {100 * 8192 / LLAMA_VOCABULARY:.0f} %"
    rounded = torch.tensor(3072**0.5).bfloat16().item()
    yield f"√d is {3072**0.5:.2f}, and bf16 makes {rounded} of it"

    for layers, digits in ((5, 3), (32, 2)):
        before, plain, scaled = (sum(sizes) / 3 for sizes in zip(*(_sizes(layers, s) for s in range(3)), strict=True))
        yield f"| {layers} | {plain:.{digits}f} | {scaled:.3f} |"
    yield f"embedding alone has {before:.3f}"
    yield f"the first loss is {healthy:.2f} with the rule and {_first_losses(0.02, scaled=False)[0]:.2f} without"
    yield f"a width of 128 a std of {xavier_std(128, 128):.3f}, and a width of 4,096 only {xavier_std(4096, 4096):.3f}"

    firsts = [loss_at_init([1] * size)[0] for size in (VOCABULARY, 50_257, LLAMA_VOCABULARY)]
    yield f"{firsts[0]:.2f} for 1,024 tokens, {firsts[1]:.2f} for GPT-2's 50,257, and"
    yield f"{firsts[2]:.2f} for Llama 3's 128,256"
    yield f"untrained model has {healthy:.2f}."
    small, large = (0.02 * d**0.5 for d in (128, 4096))
    yield f"logits of σ = 0.02 · √d. For our width of 128 this is {small:.2f}, and costs {small**2 / 2:.2f}"
    yield f"For a width of 4,096 it is {large:.2f}, and costs {large**2 / 2:.2f}:"
    yield f"an 8B model that starts at {firsts[2] + large**2 / 2:.1f}"
    yield f"a loss of {_first_losses(1.0)[0]:.0f}."
    by_rank = [10**9 // rank for rank in range(1, VOCABULARY + 1)]
    yield f"1,024 tokens would have an entropy of {loss_at_init(by_rank)[1]:.2f} nats"

    yield f"the {ours:,} parameters is"
    yield f"costs {2 * ours / 1e6:.1f} million FLOPs"
    yield f"{100 * table / ours:.0f} % are the head"
    logits = 8192 * LLAMA_VOCABULARY
    yield f"A text of 8,192 tokens has logits of 8,192 · {LLAMA_VOCABULARY:,} in Llama-3-8B: {4 * logits / 1e9:.1f} GB"
    yield f"and {2 * logits / 1e9:.1f} GB in bf16"


def _parameters(config: dict[str, int], layers: int, vocabulary: int) -> int:
    """Of a tied model."""
    d = config["hidden_size"]
    return layers * count_block_params(config)["total"] + vocabulary * d + d


def _shapes(layers: int) -> dict[str, tuple[int, ...]]:
    """Of a model like ours with so many layers."""
    d, ffn, kv = 128, 352, 64
    layer = {
        "input_layernorm": (d,),
        "self_attn.q_proj": (d, d),
        "self_attn.k_proj": (kv, d),
        "self_attn.v_proj": (kv, d),
        "self_attn.o_proj": (d, d),
        "post_attention_layernorm": (d,),
        "mlp.gate_proj": (ffn, d),
        "mlp.up_proj": (ffn, d),
        "mlp.down_proj": (d, ffn),
    }
    named = {f"model.layers.{i}.{name}.weight": shape for i in range(layers) for name, shape in layer.items()}
    return {TABLE: (VOCABULARY, d), **named, "model.norm.weight": (d,)}


def _new(layers: int, seed: int, *, scaled: bool = True) -> dict[str, Tensor]:
    """The weights of an untrained model. Without `scaled` all matrices have one std."""
    generator, shapes = torch.Generator().manual_seed(seed), _shapes(layers)
    weights = {}
    for name, std in init_std(shapes, layers).items():
        drawn = torch.randn(shapes[name], generator=generator)
        weights[name] = drawn * (std if scaled else 0.02) if std else torch.ones(shapes[name])
    return weights


def _ids(seed: int) -> Tensor:
    return torch.randint(VOCABULARY - 2, (8, 65), generator=torch.Generator().manual_seed(seed))


@cache
def _first_losses(table_std: float, *, scaled: bool = True) -> tuple[float, float]:
    """The mean loss of three untrained models on the next ids, and on the ids that they have just read."""
    losses = []
    for seed in range(3):
        weights, ids = _new(LAYERS, seed, scaled=scaled), _ids(seed)
        weights[TABLE] = weights[TABLE] * (table_std / 0.02)
        logits = model_logits(ids[:, :-1], weights, 4, 2).flatten(0, 1)
        losses.append([F.cross_entropy(logits, targets.flatten()).item() for targets in (ids[:, 1:], ids[:, :-1])])
    healthy, own = (sum(column) / 3 for column in zip(*losses, strict=True))
    return healthy, own


def _sizes(layers: int, seed: int) -> tuple[float, float, float]:
    """The stream's root mean square: of the embedding, and after all layers with one std for all and with the rule."""
    sizes = []
    for scaled in (False, True):
        weights = _new(layers, seed, scaled=scaled)
        x = embedded = weights[TABLE][_ids(seed)[:1]]
        for i in range(layers):
            names = [name for name in weights if name.startswith(f"model.layers.{i}.")]
            x = block(x, {name.split(".")[-2]: weights[name] for name in names}, 4, 2)
        sizes.append(x.square().mean().sqrt().item())
    return embedded.square().mean().sqrt().item(), *sizes


OLMO_2 = "OLMo 2, arXiv:2501.00656, section 3.2"
GIVEN = {
    "window of 256 positions gives 256": "the context of the model",
    "a batch of 8,192 tokens": "an example",
    "width of 3,072": "Gemma 7B's config.json: hidden_size",
    "has the std 1": "torch.nn.Embedding: a normal distribution with mean 0 and std 1",
    "0.02 for every matrix, and": "transformers 5.24: PreTrainedModel._init_weights, GPT2PreTrainedModel._init_weights",
    "with 0.02 for every matrix (": OLMO_2,
    "section 3.2": OLMO_2,
>>>>>>> 8c65b1a7d86950cf56143cd336016be1ec101bba
}
