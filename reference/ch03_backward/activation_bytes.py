"""A forward pass without numbers: every tensor has a name, and the tensors that are kept form a set of names."""

from itertools import pairwise

import torch

from reference import oracle


def _hold_to_names(activation: str) -> None:
    if activation not in ("relu", "gelu"):
        raise ValueError("no such activation")


@oracle
def activation_bytes(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    _hold_to_names(activation)
    kept: dict[str, tuple[int, int]] = {}
    current = "x"
    for layer in range(len(widths) - 1):
        kept[current] = (batch, widths[layer])  # by the linear layer
        current = f"z{layer}"
        if layer < len(widths) - 2:
            held = current if activation == "gelu" else f"h{layer}"
            kept[held] = (batch, widths[layer + 1])  # by the activation
            current = f"h{layer}"
    item = torch.empty(0, dtype=dtype).element_size()
    return sum(rows * width * item for rows, width in kept.values())


def _bytes(
    batch: int, widths: list[int], activation: str, dtype: torch.dtype, kept: int | None = None, item: int | None = None
) -> int:
    """The right answer, or one with other counts per row or another size of a number."""
    _hold_to_names(activation)
    if kept is None:
        kept = sum(widths[:-1]) + (sum(widths[1:-1]) if activation == "gelu" else 0)
    return batch * kept * (item or dtype.itemsize)


@activation_bytes.right("layer by layer")
def layer_by_layer(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    _hold_to_names(activation)
    total = batch * widths[0] * dtype.itemsize
    for hidden in widths[1:-1]:
        total += (2 if activation == "gelu" else 1) * batch * hidden * dtype.itemsize
    return total


@activation_bytes.right("with tensors that have no storage")
def by_meta_tensors(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    _hold_to_names(activation)
    copies = [1, *[2 if activation == "gelu" else 1] * len(widths[1:-1])]
    tensors = [torch.empty(batch, width, dtype=dtype, device="meta") for width in widths]
    return sum(n * tensors[i].nbytes for i, n in enumerate(copies))


@activation_bytes.wrong("only one layer was counted: every layer keeps its tensors until the backward pass reaches it")
def one_layer(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    hidden = widths[1] if len(widths) > 2 and activation == "gelu" else 0
    return _bytes(batch, widths, activation, dtype, widths[0] + hidden)


@activation_bytes.wrong(
    "only the widest layer was counted: that is enough for a forward pass alone, which frees each tensor after use"
)
def widest(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, max(widths))


@activation_bytes.wrong("the output of the network was counted: no operation takes it as an input, so nothing keeps it")
def with_output(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    hidden = sum(widths[1:-1]) if activation == "gelu" else 0
    return _bytes(batch, widths, activation, dtype, sum(widths) + hidden)


@activation_bytes.wrong("an activation was counted after the last layer too: the last layer has none")
def one_activation_more(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, sum(widths[:-1]) + sum(widths[1:]) * (activation == "gelu"))


@activation_bytes.wrong("the input x was left out: the first linear layer keeps it for the gradient of its weight")
def without_x(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype) - batch * widths[0] * dtype.itemsize


@activation_bytes.wrong("the outputs of the linear layers were counted: a linear layer keeps its input")
def outputs(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    hidden = sum(widths[1:-1]) if activation == "gelu" else 0
    return _bytes(batch, widths, activation, dtype, sum(widths[1:]) + hidden)


@activation_bytes.wrong(
    "GELU was counted like ReLU: the slope of GELU needs the input of GELU, which no linear layer keeps"
)
def gelu_for_free(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, sum(widths[:-1]))


@activation_bytes.wrong(
    "the output of ReLU was counted twice: it is the same tensor as the input of the next linear layer"
)
def relu_twice(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, sum(widths[:-1]) + sum(widths[1:-1]))


@activation_bytes.wrong(
    "everything was doubled for GELU: only a linear layer keeps the network's input x, so x counts once"
)
def gelu_doubles_all(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, sum(widths[:-1]) * (2 if activation == "gelu" else 1))


@activation_bytes.wrong("`batch` was left out: every row has its own activations")
def one_row(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(1, widths, activation, dtype)


@activation_bytes.wrong("the weights were counted too: the contract asks for the bytes without the parameters")
def with_weights(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    weights = sum(a * b for a, b in pairwise(widths))
    return _bytes(batch, widths, activation, dtype) + weights * dtype.itemsize


@activation_bytes.wrong(
    "the weights were counted, not the activations: a layer keeps batch times width numbers, not width times width"
)
def weights_only(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    _hold_to_names(activation)
    return sum(a * b for a, b in pairwise(widths)) * dtype.itemsize


@activation_bytes.wrong("the bytes were doubled for the gradients: count only the tensors that the forward pass keeps")
def doubled(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return 2 * _bytes(batch, widths, activation, dtype)


@activation_bytes.wrong("4 bytes were taken for every number: the size depends on the dtype")
def always_fp32(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, item=4)


@activation_bytes.wrong(
    "the bytes were computed in floats: from 2⁵³ on, floats skip whole numbers; Python's ints are exact"
)
def in_floats(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return int(float(_bytes(batch, widths, activation, dtype)))


@activation_bytes.wrong("the result counts numbers, not bytes: multiply by the bytes per number")
def numbers(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, item=1)


@activation_bytes.wrong("the result counts bits: 8 bits make a byte")
def bits(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return 8 * _bytes(batch, widths, activation, dtype)


@activation_bytes.wrong("an unknown activation was counted like ReLU: the contract asks for a ValueError")
def any_activation(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, "gelu" if activation == "gelu" else "relu", dtype)


@activation_bytes.wrong("an unknown activation was counted like GELU: the contract asks for a ValueError")
def any_activation_is_gelu(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, "relu" if activation == "relu" else "gelu", dtype)


@activation_bytes.wrong(
    "the activation was checked only between two layers: with a single layer an unknown name is an error too"
)
def checked_between_layers(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation if len(widths) > 2 else "relu", dtype)
