"""A language of 32 words and a tiny Llama that learns it in tens of steps: data for koans that train a model.

A sentence is "the old dogs behind the tree find their ball today .". The verb and the possessive agree with the first
noun, and never with the noun after "near" or "behind". So a model needs attention to predict them.
"""

import random
import re

import torch
from torch import Tensor

from reference.ch15_model.init_std import init_std

SINGULAR = ("cat", "dog", "bird", "child", "tree")
PLURAL = ("cats", "dogs", "birds", "children", "trees")
VERBS = (("sees", "finds", "likes", "hears"), ("see", "find", "like", "hear"))  # of one, of many
POSSESSIVES = ("its", "their")  # of one, of many
OBJECTS = ("ball", "food", "house", "friend")
ADJECTIVES = ("old", "small")
PLACES = ("near", "behind")
ADVERBS = ("today", "often")
END = "."

VOCABULARY = (
    *(END, "the", *ADJECTIVES, *SINGULAR, *PLURAL, *PLACES),
    *(*VERBS[0], *VERBS[1], *POSSESSIVES, *OBJECTS, *ADVERBS),
)
HEADS, KV_HEADS = 2, 1  # what `model_logits` needs besides ids and weights


def corpus(seed: int, n: int) -> Tensor:
    """The first n ids of random sentences, int64. The first sentence is whole, and the last one may be cut."""
    chosen, words = random.Random(seed), list[str]()
    while len(words) < n:
        words += _sentence(chosen)
    return encode(" ".join(words[:n]))


def encode(text: str) -> Tensor:
    """The ids of words with spaces between them, int64. Raises ValueError for a word that is not in VOCABULARY."""
    words = text.split()
    unknown = sorted(set(words) - set(VOCABULARY))
    if unknown:
        raise ValueError(f"not in the vocabulary: {', '.join(unknown)}")
    return torch.tensor([VOCABULARY.index(word) for word in words], dtype=torch.int64)


def decode(ids: Tensor | list[int]) -> str:
    """The words of ids of one axis, with spaces between them."""
    return " ".join(VOCABULARY[int(i)] for i in ids)


def grammatical(text: str) -> float:
    """The share of a text's sentences that the grammar allows, from 0 to 1. Words after the last end do not count.

    A text without a whole sentence has the share 0.
    """
    sentences = [sentence.strip() for sentence in text.split(END)[:-1]]
    return sum(bool(_ALLOWED.fullmatch(sentence)) for sentence in sentences) / max(1, len(sentences))


def weights(seed: int, width: int = 32, layers: int = 2, std: float = 0.02) -> dict[str, Tensor]:
    """Random weights by Llama's names, float32, as `model_logits(ids, weights, HEADS, KV_HEADS)` takes them.

    `width` is the hidden size, a multiple of 4, because each of the HEADS heads has an even width. The standard
    deviations come from `init_std`, and gains are 1.
    """
    sizes = _shapes(width, layers)
    stds = init_std(sizes, layers, std)
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.ones(shape, dtype=torch.float32)
        if len(shape) == 1
        else torch.randn(shape, generator=generator, dtype=torch.float32) * stds[name]
        for name, shape in sizes.items()
    }


def _shapes(width: int, layers: int) -> dict[str, tuple[int, ...]]:
    """The shape of each weight, by its name: (out, in) for a matrix."""
    narrow, wide = width // HEADS * KV_HEADS, 2 * width
    sizes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (len(VOCABULARY), width)}
    for i in range(layers):
        sizes |= {
            f"model.layers.{i}.{name}.weight": shape
            for name, shape in {
                "input_layernorm": (width,),
                "self_attn.q_proj": (width, width),
                "self_attn.k_proj": (narrow, width),
                "self_attn.v_proj": (narrow, width),
                "self_attn.o_proj": (width, width),
                "post_attention_layernorm": (width,),
                "mlp.gate_proj": (wide, width),
                "mlp.up_proj": (wide, width),
                "mlp.down_proj": (width, wide),
            }.items()
        }
    return {**sizes, "model.norm.weight": (width,)}


def _sentence(chosen: random.Random) -> list[str]:
    """The words of a random sentence, with its end."""
    many = chosen.random() < 0.5
    words = ["the"]
    if chosen.random() < 0.3:
        words.append(chosen.choice(ADJECTIVES))
    words.append(chosen.choice(PLURAL if many else SINGULAR))
    if chosen.random() < 0.5:
        words += [chosen.choice(PLACES), "the", chosen.choice(SINGULAR + PLURAL)]
    words += [chosen.choice(VERBS[many]), POSSESSIVES[many], chosen.choice(OBJECTS)]
    if chosen.random() < 0.3:
        words.append(chosen.choice(ADVERBS))
    return [*words, END]


def _pattern() -> re.Pattern[str]:
    def one(words: tuple[str, ...]) -> str:
        return f"(?:{'|'.join(words)})"

    def of(nouns: tuple[str, ...], many: int) -> str:
        place = f"(?: {one(PLACES)} the {one(SINGULAR + PLURAL)})?"
        return f"{one(nouns)}{place} {one(VERBS[many])} {POSSESSIVES[many]}"

    either = f"(?:{of(SINGULAR, 0)}|{of(PLURAL, 1)})"
    return re.compile(f"the (?:{one(ADJECTIVES)} )?{either} {one(OBJECTS)}(?: {one(ADVERBS)})?")


_ALLOWED = _pattern()
