"""int8 costs more than it should

A feed-forward layer with all weights in int8: they are stored once, and loaded back before each use. int8 should cost
about 1 % of each result. For one checkpoint it costs many times more, although nothing overflows and nothing is NaN.
Find the mistake, and mend it.
"""

import torch
from jaxtyping import Float32, Int8
from torch import Tensor

from exercises.ch02_forward.gelu import gelu
from exercises.ch02_forward.linear import linear

Stored = tuple[Int8[Tensor, "d_out d_in"], Float32[Tensor, "..."]]


def hunt_noisy_int8(
    x: Float32[Tensor, "b d"], w: dict[str, Float32[Tensor, "..."]]
) -> tuple[Float32[Tensor, "b d"], dict[str, Float32[Tensor, "d_out"]]]:
    """(the layer's result with all weights in int8, the relative errors of the loaded weights), all in float32.

    The layer is down(gelu(up(x))) without biases. w["up"] is (hidden, d), and w["down"] is (d, hidden). Weights are
    quantized like the rows of w in `int8_matmul`: each output channel has its own scale, its largest |weight| divided
    by 127, or 1 if all are 0. Integers are rounded to nearest. The activations stay in float32.

    The errors have the names of `w`, and a number for each output channel: √Σ(loaded − w)² / √Σw² over its weights, or
    0 for a channel of zeros.

        x = [[1., 1.]], up = [[127., 0.4], [0., 0.]], down = [[1.27, 5.], [0.01, 0.]]
        loaded up [[127., 0.], [0., 0.]], down [[1.2598, 5.], [0.01, 0.]]; gelu(127) = 127
        ->  [[160.0, 1.27]], and the errors are {"up": [0.0031, 0.], "down": [0.0020, 0.]}
    """
    loaded, errors = {}, {}
    for name, weights in w.items():
        loaded[name] = _load(_store(weights))
        errors[name] = _relative_error(loaded[name], weights)
    hidden = gelu(linear(x, loaded["up"]))
    return linear(hidden, loaded["down"]), errors


def _store(weights: Tensor) -> Stored:
    """A matrix as int8, with what is needed to load it."""
    largest = weights.abs().amax(dim=0, keepdim=True)
    scales = torch.where(largest == 0, 1.0, largest / 127)
    return torch.round(weights / scales).to(torch.int8), scales


def _load(stored: Stored) -> Tensor:
    """The matrix in float32."""
    integers, scales = stored
    return integers * scales


def _relative_error(loaded: Tensor, weights: Tensor) -> Tensor:
    """One number for each output channel, (out,)."""
    lost, size = (loaded - weights).norm(dim=1), weights.norm(dim=1)
    return torch.where(size == 0, 0.0, lost / torch.where(size == 0, 1.0, size))
