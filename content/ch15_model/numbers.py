"""The numbers of the chapter's texts, from the stories, the model's files, its training log and the references."""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file

from content.ch15_model import forward_numbers, looking_numbers, tokenizer_numbers, training_numbers
from content.ch15_model.stories import HELD_OUT, PLOTS, TRAIN, story
from reference.ch08_block.count_block_params import count_block_params
from reference.ch15_model.accumulate_gradients import accumulate_gradients
from reference.ch15_model.bits_per_byte import bits_per_byte
from reference.ch15_model.encode_text import encode_text
from reference.ch15_model.generate import generate, lead
from reference.ch15_model.loss_at_init import loss_at_init
from reference.ch15_model.pretokenize import pretokenize
from reference.ch15_model.train_step import train_step

MODEL = Path(__file__).parent / "model"


def _read(name):
    return json.loads((MODEL / f"{name}.json").read_text())


CONFIG, MERGES = _read("config"), [tuple(pair) for pair in _read("merges")["merges"]]
SHOWN = 1_000_075  # the seed of the story that the chapter tells
SPECIALS = 2
PARTS = (tokenizer_numbers, forward_numbers, training_numbers, looking_numbers)
LLAMA = {"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8}
WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def numbers():
    yield from _stories()
    yield from _tokens()
    yield from _parameters()
    yield from _one_step()
    yield from _losses()
    yield from _forgotten()
    yield from _measures()
    for own in PARTS:
        yield from own.numbers()


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
    yield f"passes the 3-gram model after about {passed} steps"
    gap, rest = trigram - against["grammar"]["nats_per_token"], ours["nats"] - against["grammar"]["nats_per_token"]
    yield f"has closed {100 * (1 - rest / gap):.0f} % of the gap between the 3-gram model and the grammar"
    yield f"The rest, {rest:.2f} nats per token"


def _forgotten():
    """How many shells the model gives Tilda, greedily."""
    prompt = f"<|end|>{story(SHOWN).text.partition(' nine')[0]}"
    ids = encode_text(prompt, MERGES, {"<|end|>": CONFIG["eos_token_id"]})
    weights = load_file(MODEL / "model.safetensors")
    heads = CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"]
    said = generate.rights["library"].fn(ids, weights, *heads, CONFIG["eos_token_id"], 2)
    assert lead(ids + said, len(said), weights, *heads) > 0.01
    yield f'it goes on with "{"".join(map(_piece, said)).replace("·", "")}", where nine is right'


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
OWN = {
    "a width of 4,096": "config.json of meta-llama/Meta-Llama-3-8B",
    "peak 0.1": EXAMPLE,
    "decay 0.1": EXAMPLE,
    "generate 200 tokens": "tests/oracles/test_ch15_generate.py",
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
}
GIVEN = {phrase: why for given in (OWN, *(own.GIVEN for own in PARTS)) for phrase, why in given.items()}
