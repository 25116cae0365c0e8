"""Channel by channel. The variants are made of one layer whose way to quantize and to measure can be replaced."""

from collections.abc import Callable
from functools import partial, wraps

import torch
import torch.nn.functional as F
from torch import Tensor

from reference import PLANTED, oracle
from reference.symptom import Counts, Histogram, Symptom

Weights = dict[str, Tensor]
Result = tuple[Tensor, Weights]
Quantize = Callable[[Tensor], Tensor]


@oracle
def hunt_noisy_int8(x: Tensor, w: Weights) -> Result:
    loaded, errors = {}, {}
    for name, weights in w.items():
        channels = [_channel(row) for row in weights]
        loaded[name] = torch.stack(channels)
        lost = [((a - b).square().sum(), b.square().sum()) for a, b in zip(channels, weights, strict=True)]
        errors[name] = torch.stack([(a / b).sqrt() if b else torch.zeros_like(b) for a, b in lost])
    before = (x.unsqueeze(1) * loaded["up"]).sum(-1)
    hidden = before / 2 * (1 + torch.erf(before / 2**0.5))
    return (hidden.unsqueeze(1) * loaded["down"]).sum(-1), errors


def _channel(row: Tensor) -> Tensor:
    top = row.abs().max()
    return torch.round(row * 127 / top) * top / 127 if top else row


def _integers(w: Tensor, largest: Tensor, end: int = 127) -> tuple[Tensor, Tensor]:
    """The weights in integers up to `end`, and their scales. A scale belongs to each `largest`."""
    scales = torch.where(largest == 0, torch.ones_like(largest), largest / end)
    return torch.round(w / scales).clamp(-end, end), scales


def _rounded(w: Tensor, largest: Tensor, end: int = 127) -> Tensor:
    """The weights in such integers, and back."""
    integers, scales = _integers(w, largest, end)
    return integers * scales


def _of_rows(w: Tensor) -> Tensor:
    return _rounded(w, w.abs().amax(1, keepdim=True))


def _of_columns(w: Tensor) -> Tensor:
    return _rounded(w, w.abs().amax(0, keepdim=True))


def _error(loaded: Tensor, w: Tensor) -> Tensor:
    size = torch.linalg.vector_norm(w, dim=1)
    lost = torch.linalg.vector_norm(loaded - w, dim=1)
    return lost / torch.where(size == 0, torch.ones_like(size), size)


def _layer(
    x: Tensor,
    w: Weights,
    up: Quantize,
    down: Quantize | None = None,
    measure: Callable[[Tensor, Tensor], Tensor] = _error,
) -> Result:
    """The layer, each of whose matrices was quantized in this way. `down` is `up` if it is not given."""
    by = {"up": up, "down": down or up}
    loaded = {name: by[name](weights) for name, weights in w.items()}
    result = F.linear(F.gelu(F.linear(x, loaded["up"])), loaded["down"])
    return result, {name: measure(loaded[name], weights) for name, weights in w.items()}


def _both(quantize: Quantize) -> Callable[..., Result]:
    """The layer whose two matrices are quantized in this way, as an answer."""

    @wraps(quantize)
    def answer(x: Tensor, w: Weights) -> Result:
        return _layer(x, w, quantize)

    return answer


@hunt_noisy_int8.right("the matrix turned before it is stored, and turned back when it is loaded")
@_both
def turned(w: Tensor) -> Tensor:
    return _of_columns(w.T).T


@hunt_noisy_int8.right("each output channel by itself")
@_both
def by_channels(w: Tensor) -> Tensor:
    return torch.stack([_rounded(row, row.abs().amax()) for row in w])


@hunt_noisy_int8.right("the integers multiplied first, and the scales of the outputs applied to the sums")
def scales_outside(x: Tensor, w: Weights) -> Result:
    stored = {name: _integers(weights, weights.abs().amax(1, keepdim=True)) for name, weights in w.items()}
    errors = {name: _error(integers * scales, w[name]) for name, (integers, scales) in stored.items()}
    (up, up_scales), (down, down_scales) = stored["up"], stored["down"]
    hidden = F.gelu(F.linear(x, up) * up_scales.T)
    return F.linear(hidden, down) * down_scales.T, errors


@hunt_noisy_int8.wrong(PLANTED)
@_both
def planted(w: Tensor) -> Tensor:
    return _of_columns(w)


@hunt_noisy_int8.wrong("each matrix has one scale: its largest channel still decides how fine all others are")
@_both
def per_tensor(w: Tensor) -> Tensor:
    return _rounded(w, w.abs().amax())


@hunt_noisy_int8.wrong("the integers got 16 bits: the noise gets too small to see, and so does what int8 saves")
@_both
def in_16_bits(w: Tensor) -> Tensor:
    return _rounded(w, w.abs().amax(0, keepdim=True), 32767)


@hunt_noisy_int8.wrong("large weights were clipped: small channels get digits back, and the large channel is destroyed")
@_both
def clipped(w: Tensor) -> Tensor:
    return _rounded(w, torch.minimum(w.abs().amax(0, keepdim=True), 3 * w.abs().median()))


@hunt_noisy_int8.wrong("channels with large weights stayed in float32: all other channels still have the mistake")
@_both
def large_channels_in_float32(w: Tensor) -> Tensor:
    size = w.abs().amax(1, keepdim=True)
    large = size > 4 * size.median()
    return torch.where(large, w, _of_columns(w.masked_fill(large, 0.0)))


@hunt_noisy_int8.wrong("weights that would round to 0 got the smallest integer: the noise is as large as before")
@_both
def never_zero(w: Tensor) -> Tensor:
    integers, scales = _integers(w, w.abs().amax(0, keepdim=True))
    return torch.where(integers == 0, w.sign(), integers) * scales


@hunt_noisy_int8.wrong("there is a scale for each pair of weights: the noise is small, and there are too many scales")
@_both
def pairs(w: Tensor) -> Tensor:
    parts = [w[:, i : i + 2] for i in range(0, w.shape[1], 2)]
    return torch.cat([_rounded(part, part.abs().amax(1, keepdim=True)) for part in parts], dim=1)


@hunt_noisy_int8.wrong("the smaller one of two scales was taken: large weights are beyond 127 and get clipped")
@_both
def smaller_of_two(w: Tensor) -> Tensor:
    return _rounded(w, torch.minimum(w.abs().amax(0, keepdim=True), w.abs().amax(1, keepdim=True)))


@hunt_noisy_int8.wrong("the scale is the mean |weight| of the channel, not its largest: larger weights are clipped")
@_both
def by_the_mean(w: Tensor) -> Tensor:
    return _rounded(w, w.abs().mean(1, keepdim=True))


@hunt_noisy_int8.wrong("nothing is quantized any more: the weights keep their 32 bits")
@_both
def in_float32(w: Tensor) -> Tensor:
    return w.clone()


@hunt_noisy_int8.wrong("only `up` was mended: `down` is stored by the same function and has the same mistake")
def only_up(x: Tensor, w: Weights) -> Result:
    return _layer(x, w, _of_rows, _of_columns)


@hunt_noisy_int8.wrong("only `down` was mended: `up` is stored by the same function and has the same mistake")
def only_down(x: Tensor, w: Weights) -> Result:
    return _layer(x, w, _of_columns, _of_rows)


@hunt_noisy_int8.wrong("errors were divided by the size of the whole matrix: that only hides what small channels lose")
def measured_by_the_matrix(x: Tensor, w: Weights) -> Result:
    return _layer(x, w, _of_columns, measure=lambda a, b: (a - b).norm(dim=1) / b.norm().clamp(min=1e-30))


@hunt_noisy_int8.wrong("errors were measured for each input channel: the measure was changed, not the loss")
def measured_by_columns(x: Tensor, w: Weights) -> Result:
    return _layer(x, w, _of_columns, measure=lambda a, b: _error(a.T, b.T))


def checkpoint(seed: int) -> tuple[Tensor, Weights]:
    """Inputs and the weights of a layer: one output channel of each matrix is much larger than the others."""
    normal = partial(torch.randn, generator=torch.Generator().manual_seed(seed))
    d, hidden = 32, 64
    w = {"up": normal(hidden, d) / d**0.5, "down": normal(d, hidden) / hidden**0.5}
    w["up"][seed % hidden] *= 20
    w["down"][seed % d] *= 200
    return normal(64, d), w


def lost(result: Tensor, x: Tensor, w: Weights) -> Tensor:
    """The relative error of each output of the layer, in percent, against the layer in float32."""
    exact = F.linear(F.gelu(F.linear(x, w["up"])), w["down"])
    return 100 * (result - exact).norm(dim=0) / exact.norm(dim=0)


@hunt_noisy_int8.symptom("mean error of the layer's outputs against float32, in percent")
def symptom(run: Callable[..., Result], seed: int) -> Symptom:
    x, w = checkpoint(seed)
    result, errors = run(x, w)
    percent = lost(result, x, w)
    histogram = Histogram("Errors of the layer's outputs", tuple(percent.tolist()), x="error in percent")
    counts = Counts("Mean error of the weights", {name: 100 * e.mean().item() for name, e in errors.items()}, unit="%")
    return Symptom(percent.mean().item(), (histogram, counts))
