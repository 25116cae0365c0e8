"""The numbers in the afterwords of the koans about training. numbers.py yields them with its own."""

import math
from collections.abc import Iterator

import torch

from content.number_formats import short
from reference.ch04_optimization.adamw_step import adamw_step
from reference.ch04_optimization.clip_by_global_norm import clip_by_global_norm
from reference.ch04_optimization.warmup_cosine import warmup_cosine
from reference.ch15_model.accumulate_gradients import accumulate_gradients
from reference.ch15_model.loss_at_init import loss_at_init
from reference.ch15_model.overfit_one_batch import overfit_one_batch
from reference.ch15_model.update_to_weight import update_to_weight
from reference.ch15_model.weight_decay_groups import weight_decay_groups

WIDTH, KV_WIDTH, FFN, LAYERS, VOCABULARY = 128, 64, 352, 5, 1024  # the model of this chapter
LLAMA = 8_030_261_248  # parameters of Llama-3.1-8B
SCALE = 65_536

GIVEN = {
    "micro-batches of 1,000 and 100 tokens": "an example",
    "pull request 34191": "github.com/huggingface/transformers/pull/34191",
    "a learning rate of 3e-4": "an example's peak; Llama 2 7B has it too",
    "a decay of 0.1": "Llama 2, arXiv:2307.09288, section 2.2",
    "after 10,000 steps": "an example",
    "Take 1,000 steps": "an example",
    "a warmup of 100 steps": "an example",
    "a norm of 0.5": "an example",
    "a scale of 65,536": "torch.amp.GradScaler: init_scale",
    "starts at 65,536": "torch.amp.GradScaler: init_scale",
    "after 2,000 good steps": "torch.amp.GradScaler: growth_interval",
    "one step of 2,000": "the scale doubles after so many good steps, and then it is too large",
    "an eps of 1e-8": "AdamW's default",
    "8.03 billion parameters": "Llama-3.1-8B",
    "lost after 1,000 steps": "an example",
    "betas of (0.9, 0.999)": "AdamW's default",
    "With (0.9, 0.95)": "Llama 2, arXiv:2307.09288, section 2.2",
    "Since version 2.6": "the release notes of PyTorch 2.6",
    "about 1e-3": "CS231n's notes, cs231n.github.io/neural-networks-3",
    "a rate of 3e-4 and weights of 0.02": "an example",
    "all exactly 1.0": "github.com/vllm-project/speculators/pull/765",
    "pull request 765": "github.com/vllm-project/speculators/pull/765",
    "a gain of 1 by 0.001": "an example",
    "stops at 5.2 nats": "an example; 1,024 tokens whose frequencies fall as 1/rank have this entropy",
    "At 5.2 it may know": "an example",
}


def numbers() -> Iterator[str]:
    """The phrases of the afterwords with the numbers computed."""
    yield from _weights_of_tokens()
    yield from _decay()
    yield from _schedule()
    yield from _scaling()
    yield from _states()
    yield from _instruments()


def _double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def _weights_of_tokens() -> Iterator[str]:
    counts = [1_000, 100]
    micro = [{"w": _double(1.0, 0.0)}, {"w": _double(0.0, 1.0)}]
    long, short_one = accumulate_gradients(micro, counts)["w"].tolist()  # the share of each micro-batch
    yield f"has {0.5 / short_one:.1f} times the weight that it should have"
    yield f"long one has {0.5 / long:.2f} times that weight"


def _shapes() -> dict[str, tuple[int, ...]]:
    block = {
        "input_layernorm.weight": (WIDTH,),
        "self_attn.q_proj.weight": (WIDTH, WIDTH),
        "self_attn.k_proj.weight": (KV_WIDTH, WIDTH),
        "self_attn.v_proj.weight": (KV_WIDTH, WIDTH),
        "self_attn.o_proj.weight": (WIDTH, WIDTH),
        "post_attention_layernorm.weight": (WIDTH,),
        "mlp.gate_proj.weight": (FFN, WIDTH),
        "mlp.up_proj.weight": (FFN, WIDTH),
        "mlp.down_proj.weight": (WIDTH, FFN),
    }
    blocks = {f"model.layers.{i}.{name}": shape for i in range(LAYERS) for name, shape in block.items()}
    return {"model.embed_tokens.weight": (VOCABULARY, WIDTH), **blocks, "model.norm.weight": (WIDTH,)}


def _decay() -> Iterator[str]:
    shapes = _shapes()
    total = sum(map(math.prod, shapes.values()))
    decayed = sum(math.prod(shapes[name]) for name in weight_decay_groups(shapes)[0])
    yield f"{decayed:,} of {total:,} parameters decay: {100 * decayed / total:.0f} %"
    yield f"has {100 * (1 - 3e-4 * 0.1) ** 10_000:.0f} % of its value left"
    yield f"{12 * total / 1e6:.1f} MB for the model of this chapter, and {12 * LLAMA / 1e9:.0f} GB"


def _schedule() -> Iterator[str]:
    rates = [warmup_cosine(8 * step, 1.0, 100, 1_000) for step in range(1_000)]
    over, zero = max(range(1_000), key=lambda step: rates[step]), rates.index(0.0)
    yield f"over after step {over}, and from step {zero} on the rate is 0: the other {1_000 - zero} steps"


def _scaling() -> Iterator[str]:
    n = sum(map(math.prod, _shapes().values()))
    grads = torch.full((n,), 0.5 / math.sqrt(n), dtype=torch.float64)
    (clipped,), norm = clip_by_global_norm([grads * SCALE], 1.0)
    left = clipped / SCALE
    yield f"The scaled norm is {norm:,.0f}"
    yield f"a norm of {short(torch.linalg.vector_norm(left).item(), 1)} is left"
    yield f"an average entry is then {short(left[0].item(), 1)}"
    moved, _, _ = adamw_step(_double(0.0), left[:1], _double(0.0), _double(0.0), 1, lr=1.0, decay=0.0)
    yield f"{100 * (1 + moved.item()):.0f} % shorter"


def _states() -> Iterator[str]:
    first, peak, place = _without_moments((0.9, 0.999))
    assert place == 12
    yield f"the first step is {first:.1f} times the learning rate, and the twelfth step is {peak:.1f} times"
    first, peak, _ = _without_moments((0.9, 0.95))
    yield f"the first is {first:.2f} times and none is above {math.ceil(10 * peak) / 10:.1f} times"


def _without_moments(betas: tuple[float, float]) -> tuple[float, float, int]:
    """Sizes of steps over the learning rate after the moments became 0 at step 1,000: the first, the largest, which."""
    p, m, v = _double(0.0), _double(0.0), _double(0.0)
    sizes = []
    for t in range(1_001, 1_101):
        moved, m, v = adamw_step(p, _double(0.3), m, v, t, lr=1.0, betas=betas, decay=0.0)
        sizes.append((p - moved).item())
        p = moved
    return sizes[0], max(sizes), 1 + sizes.index(max(sizes))


def _instruments() -> Iterator[str]:
    weights = {"matrix": _double(0.02, -0.02), "gain": _double(1.0, 1.0)}
    moved = {name: w - 3e-4 for name, w in weights.items()}
    ratios = update_to_weight(weights, moved)
    yield f"it is {ratios['matrix']:.3f}, and for gains of 1 it is {ratios['gain']:.0e}".replace("e-0", "e-")
    one = torch.ones(1, dtype=torch.bfloat16)
    below, above = (torch.nextafter(one, one * target).item() for target in (0, 2))
    yield f"1 − 1/{1 / (1 - below):.0f} and 1 + 1/{1 / (above - 1):.0f}"
    yield f"the next number below 1 is 1 − 1/{1 / (1 - below):.0f}"
    half = (1 - below) / 2
    stays = update_to_weight({"gain": one}, {"gain": (one.double() - half).bfloat16()})["gain"]
    leaves = update_to_weight({"gain": one}, {"gain": (one.double() - 1.01 * half).bfloat16()})["gain"]
    assert stays == 0 < leaves
    yield f"a step down of 1/{1 / half:.0f} or less"
    yield f"would have given {stays} for them"
    rows, targets = 4, 32
    first, _ = loss_at_init([1] * rows)
    yield f"the first target costs ln {rows} = {first:.2f} nats"
    yield f"With {targets} targets in a row, this puts the floor at {first / targets:.2f}"
    assert overfit_one_batch([6.93, 5.2]) == "stalls"
