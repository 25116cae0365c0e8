"""Units that never fire

ReLU sets negative numbers to zero, and its slope there is zero. A unit that is negative on every sample gets no
gradient from any sample, so training does not change it. Find those units in a layer.
"""

from jaxtyping import Bool, Float
from torch import Tensor


def dead_units(
    x: Float[Tensor, "*batch d_in"], w: Float[Tensor, "units d_in"], b: Float[Tensor, "units"]
) -> Bool[Tensor, "units"]:
    """One bool for each unit of ReLU(x Wᵀ + b): True if the unit is zero on every sample.

    Every axis of `x` before the last counts samples: in a (sentences, tokens, d_in) tensor each token is a sample. A
    unit whose value is exactly 0 does not fire. For every dtype, compute in float32. If there are no samples, every
    unit is True.

        x = [[1., 0.], [0., 1.]], w = [[1., 0.], [-1., -1.], [1., 1.]], b = [0., 0., -1.]
        before ReLU: [1, -1, 0] and [0, -1, 0]
        ->  [False, True, True]
    """
    ### BEGIN SOLUTION
    before = x.float() @ w.float().T + b.float()
    return (before <= 0).reshape(-1, w.shape[0]).all(0)
    ### END SOLUTION
