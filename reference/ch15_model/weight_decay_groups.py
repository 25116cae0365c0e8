"""Two filters over the names."""

from collections.abc import Callable

from reference import oracle

Shapes = dict[str, tuple[int, ...]]
Groups = tuple[list[str], list[str]]


def _split(shapes: Shapes, decays: Callable[[str, tuple[int, ...]], bool]) -> Groups:
    decayed = [name for name, shape in shapes.items() if decays(name, shape)]
    return decayed, [name for name in shapes if name not in decayed]


def _is_embedding(name: str) -> bool:
    return name[-len("embed_tokens.weight") :] == "embed_tokens.weight"


@oracle
def weight_decay_groups(shapes: Shapes) -> Groups:
    def few_axes(name: str) -> bool:
        return shapes[name] == () or shapes[name][1:] == ()

    others = [name for name in shapes if few_axes(name) or _is_embedding(name)]
    return [name for name in shapes if name not in others], others


@weight_decay_groups.right("the last two parts of the name decide, and the number of axes")
def by_parts(shapes: Shapes) -> Groups:
    def decays(name: str, shape: tuple[int, ...]) -> bool:
        parts = name.split(".")
        return len(shape) > 1 and not (parts[-1] == "weight" and parts[-2].endswith("embed_tokens"))

    return _split(shapes, decays)


@weight_decay_groups.right("two passes, with the embedding taken out first")
def embedding_first(shapes: Shapes) -> Groups:
    matrices = {name: shape for name, shape in shapes.items() if not name.endswith("embed_tokens.weight")}
    decayed = [name for name, shape in matrices.items() if len(shape) >= 2]
    return decayed, list({name: shape for name, shape in shapes.items() if name not in set(decayed)})


@weight_decay_groups.wrong("the embedding decays: it has two axes, but its rows have a gradient only for their token")
def by_shape_alone(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: len(shape) >= 2)


@weight_decay_groups.wrong("everything decays: gains, biases and the embedding stay out")
def everything(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: True)


@weight_decay_groups.wrong(
    "names with 'bias' or 'norm' stayed out, and the shape was not asked: then scalars decay, and so do vectors with "
    "another name"
)
def by_name_alone(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: not ("bias" in name or "norm" in name or _is_embedding(name)))


@weight_decay_groups.wrong(
    "the list ['bias', 'LayerNorm.weight'] of old scripts was used: Llama's norms have other names, so gains decay"
)
def names_of_bert(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: not ("bias" in name or "LayerNorm.weight" in name or _is_embedding(name)))


@weight_decay_groups.wrong("everything that ends in '.weight' decays: the gains of norms end in it too")
def every_weight(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: name.endswith(".weight") and not _is_embedding(name))


@weight_decay_groups.wrong("only parameters with exactly two axes decay: stacked matrices of experts have three")
def exactly_two_axes(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: len(shape) == 2 and not _is_embedding(name))


@weight_decay_groups.wrong("a matrix with one row or one column counts as a vector: the number of axes decides")
def squeezed(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: sum(n > 1 for n in shape) >= 2 and not _is_embedding(name))


@weight_decay_groups.wrong("vectors decay: only parameters with two or more axes do")
def vectors_too(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: len(shape) >= 1 and not _is_embedding(name))


@weight_decay_groups.wrong(
    "every name with 'embed' in it stayed out: only a name that ends in 'embed_tokens.weight' is the embedding"
)
def any_embed(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: len(shape) >= 2 and "embed" not in name)


@weight_decay_groups.wrong(
    "the embedding was looked for by its whole name: other models have another prefix, so look at the end"
)
def whole_name(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: len(shape) >= 2 and name != "model.embed_tokens.weight")


@weight_decay_groups.wrong("the first parameter was taken for the embedding: its name says which one it is")
def first_is_the_embedding(shapes: Shapes) -> Groups:
    return _split(shapes, lambda name, shape: len(shape) >= 2 and name != next(iter(shapes)))


@weight_decay_groups.wrong("the output head stayed out: it is a matrix and not the embedding, so it decays")
def head_stays_out(shapes: Shapes) -> Groups:
    def decays(name: str, shape: tuple[int, ...]) -> bool:
        return len(shape) >= 2 and not (_is_embedding(name) or name.endswith("lm_head.weight"))

    return _split(shapes, decays)


@weight_decay_groups.wrong("the two groups are swapped: the names that decay come first")
def swapped(shapes: Shapes) -> Groups:
    decayed, others = weight_decay_groups.fn(shapes)
    return others, decayed


@weight_decay_groups.wrong("the names are sorted: both groups keep the order of `shapes`")
def in_alphabetical_order(shapes: Shapes) -> Groups:
    decayed, others = weight_decay_groups.fn(shapes)
    return sorted(decayed), sorted(others)
