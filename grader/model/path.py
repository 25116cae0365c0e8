"""The koans whose functions the small model runs on, in the order in which a text meets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Role = Literal["tokenizer", "forward", "loss", "training", "decoding", "weights"]
# How a forward pass is put together. "attention" calls the koan of that name. "masked" calls `scores` and `apply_mask`,
# and "added" adds the mask to the scores and calls `softmax`. "whole" calls `model_logits`, which has no cache.
Route = Literal["attention", "masked", "added", "whole"]
LEARNER, OURS, ORACLE = "learner", "ours", "oracle"  # whose function runs for a koan
ROUTES: tuple[Route, ...] = ("attention", "masked", "added", "whole")


class OnPath(msgspec.Struct, frozen=True):
    """A koan on the model's path, and the functions in its file that the model calls."""

    koan: str
    role: Role
    functions: tuple[str, ...]


def _koans(role: Role, *names: str, **functions: tuple[str, ...]) -> list[OnPath]:
    """The koans of a role. A koan's function has the koan's name, unless `functions` says otherwise."""
    return [OnPath(name, role, functions.get(name.partition("/")[2], (name.partition("/")[2],))) for name in names]


PATH: Mapping[str, OnPath] = {
    koan.koan: koan
    for koan in (
        *_koans(
            "tokenizer",
            *("ch15_model/pretokenize", "ch15_model/special_tokens", "ch05_tokens/encode", "ch15_model/encode_text"),
            *("ch05_tokens/decode", "ch15_model/train_bpe_fast"),
        ),
        *_koans(
            "forward",
            *("ch15_model/embed_and_head", "ch08_block/rms_norm", "ch02_forward/linear", "ch07_attention/split_heads"),
            *("ch08_block/rope_angles", "ch08_block/apply_rope", "ch07_attention/repeat_kv"),
            *("ch07_attention/causal_mask", "ch07_attention/attention", "ch07_attention/scores"),
            *("ch07_attention/apply_mask", "ch06_numerics/softmax", "ch08_block/swiglu"),
            *("ch08_block/llama_block", "ch15_model/model_logits"),
            embed_and_head=("embed", "head"),
            split_heads=("split_heads", "merge_heads"),
        ),
        *_koans("loss", "ch04_optimization/cross_entropy", "ch08_block/next_token_loss", "ch15_model/bits_per_byte"),
        *_koans(
            "training",
            *("ch15_model/get_batch", "ch15_model/init_std", "ch15_model/accumulate_gradients"),
            *("ch04_optimization/clip_by_global_norm", "ch04_optimization/warmup_cosine"),
            *("ch04_optimization/adamw_step", "ch15_model/weight_decay_groups", "ch15_model/train_step"),
            "ch15_model/checkpoint",
            checkpoint=("save", "load"),
        ),
        *_koans(
            "decoding",
            *("ch09_decoding/temperature", "ch09_decoding/top_k", "ch09_decoding/top_p", "ch09_decoding/sample"),
            *("ch09_decoding/speculative_accept", "ch15_model/generate", "ch09_decoding/repetition_rate"),
        ),
        *_koans(
            "weights",
            *("ch06_numerics/int8_matmul", "ch11_model_cards/block_quantize"),
            block_quantize=("block_quantize", "block_dequantize"),
        ),
    )
}
