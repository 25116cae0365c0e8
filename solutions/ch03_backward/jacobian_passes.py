"""A Jacobian by columns and by rows

A small network takes x through a few layers h ← tanh(W h). There are two ways to compute its Jacobian. A forward pass
(jvp) gives a column: it pushes a change of one input forward. A backward pass (vjp) gives a row: it pulls the gradient
of one output back. Do both, and count the passes.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def jacobian_passes(weights: list[Float[Tensor, "n_out n_in"]], x: Float[Tensor, "n"], mode: str) -> list[Tensor]:
    """The result of each pass, in order, in the dtype of `x`, even if the weights have another dtype.

    There is at least one layer, and any layer may change the width.

        "jvp"    one forward pass for each input j:    column j of the Jacobian, how all outputs change with x[j]
        "vjp"    one backward pass for each output i:  row i of the Jacobian, how output i changes with all of x

    The slope of tanh(z) with respect to z is 1 − tanh(z)². For every dtype, compute in float32 and round once at the
    end.

        W = [[1., 2.]], x = [0., 0.], so tanh has slope 1:
            "jvp"   ->   [[1.], [2.]]     two passes
            "vjp"   ->   [[1., 2.]]       one pass

    Raises ValueError for any other mode.
    """
    ### BEGIN SOLUTION
    if mode not in ("jvp", "vjp"):
        raise ValueError(f"mode is 'jvp' or 'vjp', not {mode!r}")
    layers, h = [], x.float()
    for w in weights:
        h = torch.tanh(w.float() @ h)
        layers.append((w.float(), 1 - h * h))
    passes = []
    for change in torch.eye(len(x) if mode == "jvp" else len(h)):
        for w, slope in layers if mode == "jvp" else reversed(layers):
            change = slope * (w @ change) if mode == "jvp" else w.mT @ (slope * change)
        passes.append(change.to(x.dtype))
    return passes
    ### END SOLUTION
