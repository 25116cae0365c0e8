"""Clip after clip and head after head. The variants are made of one block whose two norms can be replaced."""

import math
from collections.abc import Callable
from functools import partial, wraps

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.ch07_attention.multi_head_attention import library as attention
from reference.symptom import Counts, Curve, Symptom

Weights = dict[str, Tensor]
Result = tuple[Tensor, Tensor]
Norm = Callable[[Tensor, Tensor, float], Tensor]
SILENCE = 8  # silence is 10⁻⁸ times as loud as speech


@oracle
def hunt_quiet_rows(x: Tensor, w: Weights, heads: int, eps: float = 1e-6) -> Result:
    results, inside = [], []
    for rows in x.unbind(0):
        seen = torch.stack([row / ((row * row).mean() + eps).sqrt() for row in rows]) * w["input_layernorm"]
        q, k, v = ((seen @ w[name].T).chunk(heads, 1) for name in ("q_proj", "k_proj", "v_proj"))
        mixed = []
        for one_q, one_k, one_v in zip(q, k, v, strict=True):
            scores = one_q @ one_k.T / math.sqrt(one_q.shape[1])
            e = torch.exp(scores - scores.amax(1, keepdim=True))
            mixed.append(e / e.sum(1, keepdim=True) @ one_v)
        h = rows + torch.cat(mixed, 1) @ w["o_proj"].T
        seen = torch.stack([row / ((row * row).mean() + eps).sqrt() for row in h]) * w["post_attention_layernorm"]
        gate = seen @ w["gate_proj"].T
        results.append(h + (gate / (1 + torch.exp(-gate)) * (seen @ w["up_proj"].T)) @ w["down_proj"].T)
        inside.append([(t * t).sum().div(t.numel()).sqrt() for t in (h, results[-1])])
    return torch.stack(results), torch.stack([torch.stack(pair) for pair in zip(*inside, strict=True)])


def _mean_square(x: Tensor) -> Tensor:
    return x.square().mean(-1, keepdim=True)


def _norm(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], gain, eps)


def _block(x: Tensor, w: Weights, heads: int, eps: float, second: Norm = _norm, first: Norm = _norm) -> Result:
    """The block with these two norms."""
    seen = first(x, w["input_layernorm"], eps)
    h = x + attention(seen, w["q_proj"], w["k_proj"], w["v_proj"], w["o_proj"], heads)
    seen = second(h, w["post_attention_layernorm"], eps)
    y = h + F.linear(F.silu(F.linear(seen, w["gate_proj"])) * F.linear(seen, w["up_proj"]), w["down_proj"])
    return y, torch.stack([_loudness(h), _loudness(y)])


def _loudness(x: Tensor) -> Tensor:
    return x.square().mean((1, 2)).sqrt()


def _second(norm: Norm) -> Callable[..., Result]:
    """The block whose second norm is this one, as an answer."""

    @wraps(norm)
    def answer(x: Tensor, w: Weights, heads: int, eps: float = 1e-6) -> Result:
        return _block(x, w, heads, eps, norm)

    return answer


@hunt_quiet_rows.right("with PyTorch's rms_norm at both places")
@_second
def library(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], gain, eps)


@hunt_quiet_rows.right("the sum of the squares plus n · eps, and √n in front")
@_second
def by_the_sum(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    n = x.shape[-1]
    return x * (math.sqrt(n) * gain) * torch.rsqrt(x.square().sum(-1, keepdim=True) + n * eps)


@hunt_quiet_rows.right("the length of the row and √(n · eps) are the two sides of a right triangle")
@_second
def by_hypot(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    n = x.shape[-1]
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x * math.sqrt(n) / torch.hypot(length, torch.full_like(length, math.sqrt(n * eps))) * gain


def _outside(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x / (_mean_square(x).sqrt() + eps) * gain


@hunt_quiet_rows.wrong(PLANTED)
@_second
def planted(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return _outside(x, gain, eps)


@hunt_quiet_rows.wrong(
    "the root of eps is added to the root: silence is right again, but rows near √eps come out up to half as large"
)
@_second
def root_of_eps_outside(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return _outside(x, gain, math.sqrt(eps))


@hunt_quiet_rows.wrong("eps was made 1,000 times as large: silence gets quieter, and every other row changes too")
@_second
def larger_eps(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return _outside(x, gain, 1000 * eps)


@hunt_quiet_rows.wrong("eps² is under the root: that is the same size as eps outside it, and silence stays loud")
@_second
def square_of_eps_inside(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x * torch.rsqrt(_mean_square(x) + eps * eps) * gain


@hunt_quiet_rows.wrong("the size of a row got a minimum, √eps: rows near it keep a size that the other norm shrinks")
@_second
def clamped(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x / _mean_square(x).sqrt().clamp(min=math.sqrt(eps)) * gain


@hunt_quiet_rows.wrong("the size of a row got a minimum, eps: silence is a little quieter, and still far too loud")
@_second
def clamped_at_eps(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x / _mean_square(x).sqrt().clamp(min=eps) * gain


@hunt_quiet_rows.wrong("eps is under the root and beside it: it counts twice, and quiet rows come out too small")
@_second
def eps_twice(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x / ((_mean_square(x) + eps).sqrt() + eps) * gain


@hunt_quiet_rows.wrong(
    "0.001 is added to the root, whatever eps is: that is the root of one eps, and other rows shrink"
)
@_second
def fixed_outside(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return _outside(x, gain, 1e-3)


@hunt_quiet_rows.wrong("quiet rows were set to zero: that hides the symptom, and rows just above the limit stay loud")
@_second
def gated(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return _outside(x, gain, eps).masked_fill(_mean_square(x) < eps, 0.0)


@hunt_quiet_rows.wrong("eps was left out of the second norm: silence stays loud, and zeros become NaN")
@_second
def without_eps(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x * torch.rsqrt(_mean_square(x)) * gain


@hunt_quiet_rows.wrong("the second norm always has eps 1e-6: use the given one")
@_second
def fixed_eps(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return _norm(x, gain, 1e-6)


@hunt_quiet_rows.wrong("eps is under the root, but the root of the sum is missing: divide by the size, not its square")
@_second
def no_root(x: Tensor, gain: Tensor, eps: float) -> Tensor:
    return x / (_mean_square(x) + eps) * gain


@hunt_quiet_rows.wrong("the first norm was made equal to the second one: now both are wrong")
def first_norm_changed(x: Tensor, w: Weights, heads: int, eps: float = 1e-6) -> Result:
    return _block(x, w, heads, eps, _outside, _outside)


@hunt_quiet_rows.wrong("the second norm took the size of the row before the addition: the branch is part of the row")
def size_before_the_addition(x: Tensor, w: Weights, heads: int, eps: float = 1e-6) -> Result:
    size = (_mean_square(x) + eps).sqrt()
    return _block(x, w, heads, eps, lambda h, gain, eps: h / size * gain)


@hunt_quiet_rows.wrong("the result was made as quiet as the input: that hides the symptom, and changes speech too")
def as_quiet_as_the_input(x: Tensor, w: Weights, heads: int, eps: float = 1e-6) -> Result:
    y, inside = _block(x, w, heads, eps, _outside)
    y = y * (_loudness(x) / inside[1].clamp(min=1e-12)).clamp(max=1).reshape(-1, 1, 1)
    return y, torch.stack([inside[0], _loudness(y)])


@hunt_quiet_rows.symptom("how loud a silent clip is after the block, where speech has a size of about 1")
def symptom(run: Callable[..., Result], seed: int) -> Symptom:
    normal = partial(torch.randn, generator=torch.Generator().manual_seed(seed))
    d, ffn = 16, 32
    shapes = dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), (d, d))
    shapes |= {"gate_proj": (ffn, d), "up_proj": (ffn, d), "down_proj": (d, ffn)}
    w = {name: normal(*shape) / shape[1] ** 0.5 for name, shape in shapes.items()}
    w |= {name: torch.ones(d) for name in ("input_layernorm", "post_attention_layernorm")}
    speech = normal(1, 6, d)
    clips = torch.cat([speech * 10.0**-k for k in range(SILENCE + 1)])
    loud = run(clips, w, 4)[1][1].tolist()
    curve = Curve("How loud the result is, by the loudness of the clip", tuple(loud), x="tenfold step", y="loudness")
    counts = Counts(
        "How loud the result is", {"speech": loud[0], "a whisper, 10⁻⁴": loud[4], "silence, 10⁻⁸": loud[-1]}, unit=""
    )
    return Symptom(loud[-1], (curve, counts))
