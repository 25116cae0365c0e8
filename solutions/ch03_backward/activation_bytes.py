"""What is held for the way back

Each layer keeps what its backward pass will ask for, until it has run. Count those bytes for a stack of linear layers
with an activation between them, before you start the training run that does not fit.
"""

import torch


def activation_bytes(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    """Bytes kept between forward and backward pass, parameters left out. A row of the batch is one token.

    widths = [4, 8, 8, 2] is three linear layers, 4 → 8, 8 → 8 and 8 → 2, with an activation after each but the last.

        a linear layer    keeps its input
        "gelu"            keeps its input
        "relu"            keeps its output; a tensor that two operations keep is held once

    The output of the network is nobody's input here.

        batch 2, widths [3, 4, 1], fp32:    "relu"   2 · (3 + 4) numbers         ->   56
                                            "gelu"   2 · (3 + 4 + 4) numbers     ->   88

    Raises ValueError for any other activation. There is at least one layer.
    """
    ### BEGIN SOLUTION
    if activation not in ("relu", "gelu"):
        raise ValueError(f"activation is 'relu' or 'gelu', not {activation!r}")
    kept = sum(widths[:-1])  # the inputs of the linear layers; a ReLU's output is one of them
    if activation == "gelu":
        kept += sum(widths[1:-1])
    return batch * kept * dtype.itemsize
    ### END SOLUTION
