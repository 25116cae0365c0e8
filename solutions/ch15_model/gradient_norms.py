"""How large the gradient of each layer is

One norm of all gradients says that something is wrong, but not where. The norm of each layer says it: a layer that the
loss does not reach has 0, a layer that makes NaN has NaN, and gradients that die on the way shrink from the last layer
to the first.
"""

import math

from jaxtyping import Float
from torch import Tensor


def gradient_norms(grads: dict[str, Float[Tensor, "..."] | None]) -> tuple[dict[str, float], float]:
    """(the norm of each layer's gradient, the norm of all gradients), in Python floats.

    `grads` has the gradient of each parameter by its name in Llama. It is None if the parameter has no gradient, which
    counts as zeros. A parameter whose name has "layers." and a number belongs to the layer whose name ends there. Each
    other parameter belongs to the part of its name before the last point.

        "model.layers.10.mlp.up_proj.weight"  ->  "model.layers.10"
        "model.norm.weight"                   ->  "model.norm"

    A norm is the root of the sum of all squares. Add up the squares in float64, so that none of them becomes 0 or
    infinite. NaN and inf in a gradient make the norm of their layer NaN or inf; no error is raised.

        gradient_norms({"model.embed_tokens.weight": [[1.0, 2.0], [2.0, 0.0]], "model.layers.0.mlp.up_proj.weight":
                        [[3.0]], "model.layers.0.mlp.down_proj.weight": [[-4.0]], "model.norm.weight": None})
            ->  ({"model.embed_tokens": 3.0, "model.layers.0": 5.0, "model.norm": 0.0}, 5.8310)
    """
    ### BEGIN SOLUTION
    squares: dict[str, float] = {}
    for name, grad in grads.items():
        before, in_layers, after = name.partition("layers.")
        layer = before + in_layers + after.split(".")[0] if in_layers else name.rpartition(".")[0]
        own = 0.0 if grad is None else grad.double().square().sum().item()
        squares[layer] = squares.get(layer, 0.0) + own
    return {layer: math.sqrt(s) for layer, s in squares.items()}, math.sqrt(sum(squares.values()))
    ### END SOLUTION
