"""How far a step moves each weight

A gradient alone does not say how far a weight moves: the learning rate, Adam and clipping come between. So compare the
weights before and after a step. A ratio near 1e-3 is common. 0 means that a weight does not learn, and 0.1 that it is
thrown about.
"""

import math

from jaxtyping import Float
from torch import Tensor

Weights = dict[str, Float[Tensor, "..."]]


def update_to_weight(before: Weights, after: Weights) -> dict[str, float]:
    """The size of the update over the size of the weight, for each parameter, in Python floats.

    The update is `after` minus `before`. The size is the norm: the root of the sum of the squares. The weight is the
    one before the step. Compute in float64, whatever the dtypes.

        before = {"up": [3.0, 4.0], "norm": [1.0], "bias": [0.0]}
        after  = {"up": [3.0, 4.01], "norm": [1.0], "bias": [0.2]}    ->  {"up": 0.002, "norm": 0.0, "bias": inf}

    If all of a weight is 0, the ratio is 0.0 if the step did not change it, and inf if it did. A weight without any
    numbers has the ratio 0.0. NaN in the update of a weight that is not 0 gives NaN.

    Raises ValueError if the names differ, or the shape of a parameter does.
    """
    ### BEGIN SOLUTION
    if {n: w.shape for n, w in before.items()} != {n: w.shape for n, w in after.items()}:
        raise ValueError("before and after must have the same names and shapes")
    ratios = {}
    for name, weight in before.items():
        size = weight.double().norm().item()
        moved = (after[name].double() - weight.double()).norm().item()
        if size:
            ratios[name] = moved / size
        else:
            ratios[name] = math.inf if moved else 0.0
    return ratios
    ### END SOLUTION
