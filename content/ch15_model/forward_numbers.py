"""The numbers of the afterwords of get_batch, embed_and_head, init_std, loss_at_init and model_logits."""

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
}
