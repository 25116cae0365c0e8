"""A forward pass without numbers: every tensor gets a name, and what is kept is a set of them."""

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
    """The right answer, or with other numbers kept a row or another size of a number."""
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


@activation_bytes.wrong("one layer counted: every layer keeps its own until the backward pass gets there")
def one_layer(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    hidden = widths[1] if len(widths) > 2 and activation == "gelu" else 0
    return _bytes(batch, widths, activation, dtype, widths[0] + hidden)


@activation_bytes.wrong("the widest layer counted: that is enough for a forward pass alone, which forgets as it goes")
def widest(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, max(widths))


@activation_bytes.wrong("the output of the network counted: no operation here takes it as an input")
def with_output(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    hidden = sum(widths[1:-1]) if activation == "gelu" else 0
    return _bytes(batch, widths, activation, dtype, sum(widths) + hidden)


@activation_bytes.wrong("an activation counted behind the last layer as well: it has none")
def one_activation_more(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, sum(widths[:-1]) + sum(widths[1:]) * (activation == "gelu"))


@activation_bytes.wrong("the input x left out: the first linear layer keeps it for its weight's gradient")
def without_x(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype) - batch * widths[0] * dtype.itemsize


@activation_bytes.wrong("outputs of the layers counted for their inputs")
def outputs(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    hidden = sum(widths[1:-1]) if activation == "gelu" else 0
    return _bytes(batch, widths, activation, dtype, sum(widths[1:]) + hidden)


@activation_bytes.wrong("GELU counted like ReLU: its slope needs the input, which no linear layer keeps")
def gelu_for_free(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, sum(widths[:-1]))


@activation_bytes.wrong("ReLU's output counted twice: the next linear layer keeps the same tensor")
def relu_twice(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, sum(widths[:-1]) + sum(widths[1:-1]))


@activation_bytes.wrong(
    "everything doubled for GELU: the input x of the network is kept by a linear layer alone, so once"
)
def gelu_doubles_all(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, sum(widths[:-1]) * (2 if activation == "gelu" else 1))


@activation_bytes.wrong("`batch` left out: every row has activations of its own")
def one_row(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(1, widths, activation, dtype)


@activation_bytes.wrong("the weights counted too: parameters are there with or without a backward pass, at any batch")
def with_weights(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    weights = sum(a * b for a, b in pairwise(widths))
    return _bytes(batch, widths, activation, dtype) + weights * dtype.itemsize


@activation_bytes.wrong(
    "the weights counted for the activations: batch times width is kept a layer, not width times width"
)
def weights_only(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    _hold_to_names(activation)
    return sum(a * b for a, b in pairwise(widths)) * dtype.itemsize


@activation_bytes.wrong("doubled for the gradients: those are made and dropped layer by layer, when the activations go")
def doubled(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return 2 * _bytes(batch, widths, activation, dtype)


@activation_bytes.wrong("four bytes a number whatever the dtype")
def always_fp32(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, item=4)


@activation_bytes.wrong("computed in floats: from 2⁵³ on they miss whole numbers, Python's ints never do")
def in_floats(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return int(float(_bytes(batch, widths, activation, dtype)))


@activation_bytes.wrong("numbers counted, not bytes")
def numbers(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation, dtype, item=1)


@activation_bytes.wrong("counted in bits: eight of them are a byte")
def bits(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return 8 * _bytes(batch, widths, activation, dtype)


@activation_bytes.wrong("any other activation counted like ReLU: a ValueError is asked for")
def any_activation(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, "gelu" if activation == "gelu" else "relu", dtype)


@activation_bytes.wrong("any other activation counted like GELU: a ValueError is asked for")
def any_activation_is_gelu(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, "relu" if activation == "relu" else "gelu", dtype)


@activation_bytes.wrong(
    "the activation looked at between two layers only: a single layer with another one is an error too"
)
def checked_between_layers(batch: int, widths: list[int], activation: str, dtype: torch.dtype) -> int:
    return _bytes(batch, widths, activation if len(widths) > 2 else "relu", dtype)
