"""What is kept for the backward pass

Each layer keeps the tensors that its backward pass needs, until that pass has run. Count these bytes for a stack of
linear layers with an activation between them. Then you know before a training run whether it fits into memory.
"""

import torch


def activation_bytes(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    """Bytes kept between the forward and the backward pass, without the parameters. A row of the batch is one token.

    widths = [4, 8, 8, 2] means three linear layers, 4 → 8, 8 → 8 and 8 → 2. There is an activation after each linear
    layer except the last.

        a linear layer    keeps its input
        "gelu"            keeps its input
        "relu"            keeps its output

    A tensor that two operations keep is stored once. No layer takes the output of the network as its input, so it is
    not kept.

        batch 2, widths [3, 4, 1], fp32:    "relu"   2 · (3 + 4) numbers         ->   56
                                            "gelu"   2 · (3 + 4 + 4) numbers     ->   88

    Raises ValueError for any other activation. There is at least one layer.
    """
    ### BEGIN SOLUTION
    if activation not in ("relu", "gelu"):
        raise ValueError(f"activation is 'relu' or 'gelu', not {activation!r}")
    kept = sum(widths[:-1])  # the inputs of the linear layers; the output of a ReLU is one of them
    if activation == "gelu":
        kept += sum(widths[1:-1])
    return batch * kept * dtype.itemsize
    ### END SOLUTION
