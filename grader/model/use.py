"""On which kind of run the model calls each koan's functions, so that a mistake in them can be seen at all."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grader.model.figures import GREEDY, Precision, Sampling
from grader.model.path import PATH, OnPath, Route


class Use(msgspec.Struct, frozen=True):
    """The kind of run for a koan.

    The route is for held-out texts and for training, the precision for held-out texts and for the text that is written.
    `padded`: this text is one row of a batch that is padded at the left. `whole_text`: the koan `generate` writes it.
    The last three say where a mistake can show: in the text, in the loss on held-out texts, in a training run.
    """

    route: Route = "attention"
    precision: Precision = "float32"
    sampling: Sampling = GREEDY
    padded: bool = False
    whole_text: bool = False
    in_text: bool = True
    in_loss: bool = True
    in_training: bool = True


# A seed, and a temperature that gives less likely tokens a chance.
_DRAWN = Sampling(temperature=1.0, top_p=1.0)

_BY_KOAN: Mapping[str, Use] = {
    "ch05_tokens/decode": Use(in_loss=False, in_training=False),
    "ch15_model/train_bpe_fast": Use(in_text=False, in_loss=False),
    "ch07_attention/causal_mask": Use(route="added"),
    "ch07_attention/scores": Use(route="masked", padded=True),
    "ch07_attention/apply_mask": Use(route="masked", padded=True),
    "ch06_numerics/softmax": Use(route="added"),
    "ch08_block/llama_block": Use(route="whole", sampling=msgspec.structs.replace(GREEDY, cache=False)),
    "ch15_model/model_logits": Use(route="whole", sampling=msgspec.structs.replace(GREEDY, cache=False)),
    "ch04_optimization/cross_entropy": Use(in_text=False, in_loss=False),
    "ch08_block/next_token_loss": Use(in_text=False, in_training=False),
    "ch15_model/bits_per_byte": Use(in_text=False, in_training=False),
    "ch09_decoding/top_k": Use(sampling=msgspec.structs.replace(_DRAWN, top_k=5), in_loss=False, in_training=False),
    "ch09_decoding/top_p": Use(sampling=msgspec.structs.replace(_DRAWN, top_p=0.9), in_loss=False, in_training=False),
    "ch09_decoding/temperature": Use(
        sampling=msgspec.structs.replace(_DRAWN, temperature=0.7), in_loss=False, in_training=False
    ),
    "ch09_decoding/sample": Use(sampling=_DRAWN, in_loss=False, in_training=False),
    "ch09_decoding/speculative_accept": Use(
        sampling=msgspec.structs.replace(_DRAWN, drafts=4), in_loss=False, in_training=False
    ),
    "ch09_decoding/repetition_rate": Use(in_loss=False, in_training=False),
    "ch15_model/generate": Use(whole_text=True, in_loss=False, in_training=False),
    "ch06_numerics/int8_matmul": Use(precision="int8", in_training=False),
    "ch11_model_cards/block_quantize": Use(precision="4bit", in_training=False),
}


def _use(koan: OnPath) -> Use:
    if koan.role == "training":
        return Use(in_text=False, in_loss=False)
    return Use()


USE: Mapping[str, Use] = {koan.koan: _BY_KOAN.get(koan.koan, _use(koan)) for koan in PATH.values()}
