"""Query after query, with the keys that it may see. The variants are made of one attention with replaceable steps."""

import math
from collections.abc import Callable
from functools import partial, wraps
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.symptom import Counts, Histogram, Symptom

Weights = dict[str, Tensor]
Result = tuple[Tensor, Tensor]
BASE = 10000.0


@oracle
def hunt_blurred_attention(x: Tensor, w: Weights, heads: int, kv_heads: int) -> Result:
    width, n = len(w["q_proj"]) // heads, x.shape[1]
    speeds = torch.exp(-torch.arange(width // 2).to(x.dtype) * (2 / width * math.log(BASE)))
    angles = torch.arange(n).to(x.dtype).unsqueeze(1) * speeds
    outputs, entropies = torch.zeros_like(x), []
    for head in range(heads):
        shared = head * kv_heads // heads
        q = _turned(x @ w["q_proj"][head * width : (head + 1) * width].T, angles)
        k = _turned(x @ w["k_proj"][shared * width : (shared + 1) * width].T, angles)
        v = x @ w["v_proj"][shared * width : (shared + 1) * width].T
        mixed, spread = [], []
        for i in range(n):
            scores = (k[:, : i + 1] * q[:, i : i + 1]).sum(-1) / math.sqrt(width)
            away = scores - scores.amax(-1, keepdim=True)
            log_p = away - torch.exp(away).sum(-1, keepdim=True).log()
            mixed.append((torch.exp(log_p).unsqueeze(-1) * v[:, : i + 1]).sum(1))
            spread.append(-(torch.exp(log_p) * log_p).sum(-1))
        outputs = outputs + torch.stack(mixed, 1) @ w["o_proj"][:, head * width : (head + 1) * width].T
        entropies.append(torch.stack(spread, 1))
    return outputs, torch.stack(entropies, 1)


def _turned(x: Tensor, angles: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1)


class Inputs(NamedTuple):
    """What attention gets, and its parts."""

    x: Tensor
    w: Weights
    heads: int
    kv_heads: int

    @property
    def inner(self) -> int:
        """The width of all heads together."""
        return len(self.w["q_proj"])

    @property
    def width(self) -> int:
        return self.inner // self.heads

    def heads_of(self, name: str) -> Tensor:
        """The queries, keys or values of each query head, (b, heads, n, width), not yet turned."""
        heads = self.heads if name == "q_proj" else self.kv_heads
        parts = F.linear(self.x, self.w[name]).reshape(*self.x.shape[:2], heads, self.width).transpose(1, 2)
        return parts.repeat_interleave(self.heads // heads, 1)

    def turned(self, t: Tensor) -> Tensor:
        n, width = t.shape[-2:]
        return _turned(t, torch.outer(torch.arange(n).to(t.dtype), BASE ** (-torch.arange(0, width, 2) / width)))

    def scores(self, scale: float | Tensor) -> Tensor:
        """With the future hidden."""
        q, k = self.turned(self.heads_of("q_proj")), self.turned(self.heads_of("k_proj"))
        future = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).triu(1)
        return (q @ k.mT * scale).masked_fill(future, -torch.inf)

    def result(self, weights: Tensor) -> Tensor:
        mixed = weights @ self.heads_of("v_proj")
        return F.linear(mixed.transpose(1, 2).flatten(2), self.w["o_proj"])

    def answer(self, scale: float | Tensor) -> Result:
        """The result and the entropies with scores of this scale."""
        weights = torch.softmax(self.scores(scale), -1)
        return self.result(weights), entropy(weights)


def entropy(weights: Tensor) -> Tensor:
    """In nats, along the last axis."""
    return torch.special.entr(weights).sum(-1)


def _of_inputs(formula: Callable[[Inputs], Result]) -> Callable[..., Result]:
    """`formula`, of all inputs as one, as an answer."""

    @wraps(formula)
    def answer(x: Tensor, w: Weights, heads: int, kv_heads: int) -> Result:
        return formula(Inputs(x, w, heads, kv_heads))

    return answer


def _scaled(scale: Callable[[Inputs], float]) -> Callable[..., Result]:
    """Attention whose scores have this scale, as an answer."""

    @wraps(scale)
    def answer(x: Tensor, w: Weights, heads: int, kv_heads: int) -> Result:
        inputs = Inputs(x, w, heads, kv_heads)
        return inputs.answer(scale(inputs))

    return answer


@hunt_blurred_attention.right("the scores scaled after the product")
@_scaled
def scores_scaled(s: Inputs) -> float:
    return float(s.width**-0.5)


@hunt_blurred_attention.right("queries and keys scaled, each by the fourth root of the width")
def both_scaled(x: Tensor, w: Weights, heads: int, kv_heads: int) -> Result:
    root = (len(w["q_proj"]) // heads) ** -0.25
    w = w | {name: w[name] * root for name in ("q_proj", "k_proj")}
    return Inputs(x, w, heads, kv_heads).answer(1.0)


@hunt_blurred_attention.right("with scaled_dot_product_attention, and the entropy from log-probabilities")
@_of_inputs
def library(s: Inputs) -> Result:
    q, k, v = s.turned(s.heads_of("q_proj")), s.turned(s.heads_of("k_proj")), s.heads_of("v_proj")
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    log_p = torch.log_softmax(s.scores(1 / math.sqrt(s.width)), -1)
    spread = -(log_p.exp() * log_p.masked_fill(log_p == -torch.inf, 0.0)).sum(-1)
    return F.linear(mixed.transpose(1, 2).flatten(2), s.w["o_proj"]), spread


@hunt_blurred_attention.wrong(PLANTED)
@_scaled
def planted(s: Inputs) -> float:
    return float(s.inner**-0.5)


@hunt_blurred_attention.wrong("the width of a head was taken from x, as d / heads: take it from the queries")
@_scaled
def from_the_model(s: Inputs) -> float:
    return float((s.x.shape[-1] // s.heads) ** -0.5)


@hunt_blurred_attention.wrong("the scale is 1/√d with the width of x: a dot product is as long as a head is wide")
@_scaled
def by_the_model(s: Inputs) -> float:
    return float(s.x.shape[-1] ** -0.5)


@hunt_blurred_attention.wrong("the scale of a head came on top of the planted one: attention gets more blurred")
@_scaled
def on_top(s: Inputs) -> float:
    return float((s.inner * s.width) ** -0.5)


@hunt_blurred_attention.wrong("the scale was left out: attention is sharp now, and sharper than in the original")
@_scaled
def unscaled(s: Inputs) -> float:
    return 1.0


@hunt_blurred_attention.wrong("the scores were doubled: that hides the mistake, and is right with 4 heads only")
@_scaled
def doubled(s: Inputs) -> float:
    return float(2 * s.inner**-0.5)


@hunt_blurred_attention.wrong("the scale is 1/√heads: it depends on the width of a head, not on their number")
@_scaled
def by_heads(s: Inputs) -> float:
    return float(s.heads**-0.5)


@hunt_blurred_attention.wrong("the width was divided by the number of KV heads: queries have `heads` heads")
@_scaled
def by_kv_heads(s: Inputs) -> float:
    return float((s.inner // s.kv_heads) ** -0.5)


@hunt_blurred_attention.wrong("the scale is 1/width: the root is missing, and attention gets more blurred")
@_scaled
def no_root(s: Inputs) -> float:
    return 1 / s.width


@hunt_blurred_attention.wrong("queries and keys were both scaled by 1/√width: the scores get this scale twice")
@_of_inputs
def scaled_twice(s: Inputs) -> Result:
    w = s.w | {name: s.w[name] * s.width**-0.5 for name in ("q_proj", "k_proj")}
    return s._replace(w=w).answer(1.0)


@hunt_blurred_attention.wrong(
    "queries got the same length: the scores change for each query, and the scale is not mended"
)
@_of_inputs
def normalized_queries(s: Inputs) -> Result:
    length = torch.linalg.vector_norm(s.heads_of("q_proj"), dim=-1, keepdim=True)
    return s.answer(s.width**0.5 / length.clamp(min=1e-12) * s.width**-0.5)


@hunt_blurred_attention.wrong(
    "only the two largest weights of a query were kept: the other weights belong to the result"
)
@_of_inputs
def two_largest(s: Inputs) -> Result:
    scores = s.scores(s.inner**-0.5)
    least = scores.topk(min(2, scores.shape[-1]), -1).values[..., -1:]
    weights = torch.softmax(scores.masked_fill(scores < least, -torch.inf), -1)
    return s.result(weights), entropy(weights)


@hunt_blurred_attention.wrong(
    "the entropy was divided by its largest value: the instrument was changed, not the attention"
)
@_of_inputs
def another_measure(s: Inputs) -> Result:
    result, spread = s.answer(s.inner**-0.5)
    return result, spread / torch.arange(2, spread.shape[-1] + 2).to(spread.dtype).log()


@hunt_blurred_attention.wrong("the entropy was mended, and the result still has the weights of the planted scale")
@_of_inputs
def only_the_instrument(s: Inputs) -> Result:
    return s.answer(s.inner**-0.5)[0], s.answer(s.width**-0.5)[1]


@hunt_blurred_attention.wrong("the result was mended, and the entropy still has the planted scale")
@_of_inputs
def only_the_result(s: Inputs) -> Result:
    return s.answer(s.width**-0.5)[0], s.answer(s.inner**-0.5)[1]


@hunt_blurred_attention.symptom("mean entropy of the weights, as a share of the largest possible")
def symptom(run: Callable[..., Result], seed: int) -> Symptom:
    words, w = lookup(seed)
    result, spread = run(words, w, 8, 4)
    shares = (spread[..., 1:] / torch.arange(2, spread.shape[-1] + 1).log()).flatten()
    histogram = Histogram(
        "Entropy of each query in each head",
        tuple(round(share, 3) for share in shares.tolist()),
        x="share of ln(tokens)",
    )
    right = F.cosine_similarity(result, words, dim=-1).mean().item()
    counts = Counts("What the heads bring back", {"likeness to the same word, 1 is perfect": right})
    return Symptom(shares.mean().item(), (histogram, counts))


def lookup(seed: int) -> tuple[Tensor, Weights]:
    """A text of 12 random words, and heads that look for earlier places of the same word and bring back its vector.

    Queries and keys use only the slow half of RoPE's pairs, so the distance hardly matters.
    """
    normal = partial(torch.randn, generator=torch.Generator().manual_seed(seed))
    d, heads, kv_heads, width = 64, 8, 4, 16
    table = normal(12, d)
    words = table[torch.randint(12, (4, 32), generator=torch.Generator().manual_seed(seed))]
    keys = 1.6 * normal(kv_heads, width, d) / d**0.5
    keys[:, torch.arange(width) % (width // 2) < width // 4] = 0
    values = torch.linalg.qr(normal(d, d))[0].reshape(kv_heads, width, d)
    group = heads // kv_heads
    return words, {
        "q_proj": keys.repeat_interleave(group, 0).reshape(heads * width, d),
        "k_proj": keys.reshape(kv_heads * width, d),
        "v_proj": values.reshape(kv_heads * width, d),
        "o_proj": values.repeat_interleave(group, 0).reshape(heads * width, d).T / group,
    }
