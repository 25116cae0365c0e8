"""What training keeps for each parameter

A model that needs 16 GB to serve may need 128 GB to train, before it stores a single activation. Weights, gradients and
optimizer state take a fixed number of bytes per parameter. A recipe gives the dtype of each.
"""

import torch


def optimizer_bytes(params: int, recipe: dict[str, str | torch.dtype]) -> dict[str, int]:
    """Bytes for `params` parameters: of the optimizer's state, and in total.

    A recipe has these entries:

        "optimizer"    "sgd", "momentum" (sgd with momentum), "adam" or "adamw"
        "weights"      dtype of the weights that the model computes with
        "gradients"    dtype of the gradients
        "moments"      dtype of the moments; a velocity counts as a moment
        "master"       dtype of a second copy of the weights, which the optimizer updates; this entry may be missing

    The result is {"state": ..., "total": ...}. The state is what the optimizer keeps: the moments, and the master copy
    if there is one. The total is state, weights and gradients.

        10 parameters, "momentum", everything in float32, no master copy:
        10 · 4 = 40 bytes of weights, 40 of gradients, 40 of velocity   ->   {"state": 40, "total": 120}

    Raises ValueError for any other optimizer.
    """
    raise NotImplementedError("your turn")
