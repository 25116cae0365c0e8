"""Decides by the parts of a name, with a table of roles."""

import math
from collections.abc import Callable

from reference import oracle

Shapes = dict[str, tuple[int, ...]]
Stds = dict[str, float]
WRITERS = ("o_proj", "down_proj")


@oracle
def init_std(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    stds = {}
    for name, shape in shapes.items():
        if len(shape) < 2:
            stds[name] = 0.0
        elif _part(name) in WRITERS:
            stds[name] = std * (2.0 * layers) ** -0.5
        else:
            stds[name] = std
    return stds


def _part(name: str) -> str:
    """Such as "o_proj" of "model.layers.0.self_attn.o_proj.weight"."""
    return name.split(".")[-2]


def _by(shapes: Shapes, of_matrix: Callable[[str, tuple[int, ...]], float]) -> Stds:
    """Vectors get 0.0."""
    return {name: of_matrix(name, shape) if len(shape) > 1 else 0.0 for name, shape in shapes.items()}


def _scaled(shapes: Shapes, std: float, factor: float, parts: tuple[str, ...] = WRITERS) -> Stds:
    return _by(shapes, lambda name, shape: std * factor if _part(name) in parts else std)


@init_std.right("first all matrices, then the two that write")
def in_two_passes(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    stds = dict.fromkeys(shapes, 0.0) | {name: std for name, shape in shapes.items() if len(shape) > 1}
    for name in stds:
        if "o_proj" in name or "down_proj" in name:
            stds[name] /= math.sqrt(2 * layers)
    return stds


@init_std.right("from the variance, std² / (2 · layers)")
def by_variance(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    def of(name: str, shape: tuple[int, ...]) -> float:
        return math.sqrt(std * std / (2 * layers if _part(name) in WRITERS else 1))

    return _by(shapes, of)


@init_std.wrong("all matrices have the same std: o_proj and down_proj need std / √(2 · layers)")
def same_for_all(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _scaled(shapes, std, 1.0)


@init_std.wrong("the factor is 1 / √layers: each layer adds two results to the stream, so it is 1 / √(2 · layers)")
def one_result_a_layer(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _scaled(shapes, std, layers**-0.5)


@init_std.wrong("the root was left out: variances add up, so the std gets the factor 1 / √(2 · layers)")
def no_root(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _scaled(shapes, std, 1 / (2 * layers))


@init_std.wrong("o_proj and down_proj were multiplied by √(2 · layers): divide")
def multiplied(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _scaled(shapes, std, (2 * layers) ** 0.5)


@init_std.wrong("the std is 1 / √(number of inputs) for all matrices: this rule has one std, whatever the width")
def by_inputs(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _by(shapes, lambda name, shape: shape[-1] ** -0.5)


@init_std.wrong("the std is Xavier's, √(2 / (inputs + outputs)): this rule has one std, whatever the width")
def xavier(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _by(shapes, lambda name, shape: math.sqrt(2 / sum(shape)))


@init_std.wrong("vectors got `std` too: a gain starts at exactly 1 and a bias at exactly 0, so their std is 0.0")
def vectors_too(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return {name: std * (2 * layers) ** -0.5 if _part(name) in WRITERS else std for name in shapes}


@init_std.wrong("biases got a std: only the names of norms were looked at, but every vector has the std 0.0")
def norms_by_name(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    scaled = vectors_too(shapes, layers, std)
    return {name: 0.0 if "norm" in name else value for name, value in scaled.items()}


@init_std.wrong("gains got 1.0: that is their value, and their std is 0.0")
def gains_1(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    stds = init_std.fn(shapes, layers, std)
    return {name: 1.0 if "norm" in name else value for name, value in stds.items()}


@init_std.wrong("down_proj was not scaled: it writes into the stream too")
def only_o_proj(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _scaled(shapes, std, (2 * layers) ** -0.5, ("o_proj",))


@init_std.wrong("o_proj was not scaled: it writes into the stream too")
def only_down_proj(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _scaled(shapes, std, (2 * layers) ** -0.5, ("down_proj",))


@init_std.wrong("every matrix of a layer was scaled: only o_proj and down_proj write into the stream")
def whole_layer(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _by(shapes, lambda name, shape: std * (2 * layers) ** -0.5 if "layers." in name else std)


@init_std.wrong("up_proj was scaled too: its result goes to down_proj, not into the stream")
def up_proj_too(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return _scaled(shapes, std, (2 * layers) ** -0.5, (*WRITERS, "up_proj"))


@init_std.wrong("the factor depends on the layer's own number: all layers have 1 / √(2 · layers)")
def by_depth(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    def of(name: str, shape: tuple[int, ...]) -> float:
        number = next((int(part) for part in name.split(".") if part.isdecimal()), 0)
        return std * (2 * (number + 1)) ** -0.5 if _part(name) in WRITERS else std

    return _by(shapes, of)


@init_std.wrong("the layers were counted in `shapes`: it may hold a part of the model, so use `layers`")
def counted_layers(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    numbers = {name.split(".")[2] for name in shapes if name.startswith("model.layers.")}
    return init_std.fn(shapes, max(1, len(numbers)), std)


@init_std.wrong("the embedding got the std 1, as nn.Embedding does: with a tied head the logits would be huge")
def embedding_1(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return {name: 1.0 if "embed" in name else value for name, value in init_std.fn(shapes, layers, std).items()}


@init_std.wrong("the embedding was left out")
def no_embedding(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return {name: value for name, value in init_std.fn(shapes, layers, std).items() if "embed" not in name}


@init_std.wrong("`std` was ignored: 0.02 is only the default")
def fixed_std(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return init_std.fn(shapes, layers, 0.02)


@init_std.wrong("variances were returned: the standard deviation is their root")
def variances(shapes: Shapes, layers: int, std: float = 0.02) -> Stds:
    return {name: value**2 for name, value in init_std.fn(shapes, layers, std).items()}
