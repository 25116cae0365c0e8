"""The tensors that are there, listed one by one, and the bytes of an element of each."""

from typing import Any

import torch

from reference import oracle

Recipe = dict[str, Any]
Bytes = dict[str, int]
MOMENTS = {"sgd": 0, "momentum": 1, "adam": 2, "adamw": 2}


def _kept(recipe: Recipe) -> tuple[list[torch.dtype], list[torch.dtype]]:
    """The dtypes of all tensors that are as large as the model: the optimizer's, and the others."""
    if recipe["optimizer"] not in MOMENTS:
        raise ValueError("no such optimizer")
    state = [recipe["moments"]] * MOMENTS[recipe["optimizer"]]
    state += [recipe["master"]] if "master" in recipe else []
    return state, [recipe["weights"], recipe["gradients"]]


def _sum(params: int, dtypes: list[torch.dtype]) -> int:
    return sum(torch.empty(0, dtype=dtype).element_size() * params for dtype in dtypes)


def _report(params: int, state: list[torch.dtype], others: list[torch.dtype]) -> Bytes:
    return {"state": _sum(params, state), "total": _sum(params, state + others)}


@oracle
def optimizer_bytes(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept(recipe))


@optimizer_bytes.right("bytes of tensors without storage")
def by_meta_tensors(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    size = [[torch.empty(params, dtype=d, device="meta").nbytes for d in part] for part in (state, others)]
    return {"state": sum(size[0]), "total": sum(size[0]) + sum(size[1])}


@optimizer_bytes.right("bits, divided by 8 at the end")
def by_bits(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    bits = [8 * d.itemsize for d in state], [8 * d.itemsize for d in others]
    return {"state": params * sum(bits[0]) // 8, "total": params * (sum(bits[0]) + sum(bits[1])) // 8}


@optimizer_bytes.wrong("one moment for Adam: it keeps the mean of the gradient and that of its square")
def one_moment(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state[1:] if recipe["optimizer"] in ("adam", "adamw") else state, others)


@optimizer_bytes.wrong("a third number for AdamW: its decay is computed from the weight and remembers nothing")
def decay_is_kept(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state + [recipe["moments"]] * (recipe["optimizer"] == "adamw"), others)


@optimizer_bytes.wrong("the model's weights counted as state: the optimizer's own are its moments and a master copy")
def weights_as_state(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, [*state, others[0]], others[1:])


@optimizer_bytes.wrong("the gradients counted as state: they are made anew at every step")
def gradients_as_state(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, [*state, others[1]], others[:1])


@optimizer_bytes.wrong("the gradients left out: backward fills one number for each parameter")
def no_gradients(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state, others[:1])


@optimizer_bytes.wrong("the weights left out of the total")
def no_weights(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state, others[1:])


@optimizer_bytes.wrong("the master copy left out: narrow weights have it beside them")
def no_master(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({k: v for k, v in recipe.items() if k != "master"}))


@optimizer_bytes.wrong("the master copy not counted as state: it is the optimizer that keeps and updates it")
def master_is_a_weight(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept({k: v for k, v in recipe.items() if k != "master"})
    return _report(params, state, [*others, *([recipe["master"]] if "master" in recipe else [])])


@optimizer_bytes.wrong("the master copy taken for the weights: narrow weights are kept as well, to compute with")
def master_for_weights(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state, others[1:] if "master" in recipe else others)


@optimizer_bytes.wrong("a master copy in every recipe: where the entry is missing there is none")
def always_a_master(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({"master": torch.float32, **recipe}))


@optimizer_bytes.wrong("a master copy assumed beside narrow weights: where the entry is missing there is none")
def master_beside_narrow_weights(params: int, recipe: Recipe) -> Bytes:
    missing = {"master": torch.float32} if recipe["weights"].itemsize < 4 else {}
    return _report(params, *_kept({**missing, **recipe}))


@optimizer_bytes.wrong("no state at all for sgd: a master copy is state too")
def sgd_without_master(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, [] if recipe["optimizer"] == "sgd" else state, others)


@optimizer_bytes.wrong("`master` taken to be always there: a recipe in float32 needs no second copy")
def needs_a_master(params: int, recipe: Recipe) -> Bytes:
    recipe["master"]
    return _report(params, *_kept(recipe))


@optimizer_bytes.wrong("two moments for every optimizer: sgd keeps none, sgd with momentum a velocity")
def always_two_moments(params: int, recipe: Recipe) -> Bytes:
    _kept(recipe)
    return _report(params, *_kept({**recipe, "optimizer": "adam"}))


@optimizer_bytes.wrong("the velocity of sgd with momentum left out: it is one number a parameter")
def no_velocity(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "optimizer": recipe["optimizer"].replace("momentum", "sgd")}))


@optimizer_bytes.wrong("the moments taken in the dtype of the weights: they have an entry of their own")
def moments_like_weights(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "moments": recipe["weights"]}))


@optimizer_bytes.wrong("the moments taken in the dtype of the gradients: they have an entry of their own")
def moments_like_gradients(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "moments": recipe["gradients"]}))


@optimizer_bytes.wrong("the master copy taken in the dtype of the weights: it has an entry of its own")
def master_like_weights(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "master": recipe["weights"]} if "master" in recipe else recipe))


@optimizer_bytes.wrong("the gradients taken in the dtype of the weights: they have an entry of their own")
def gradients_like_weights(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "gradients": recipe["weights"]}))


@optimizer_bytes.wrong("four bytes for every number, whatever its dtype")
def always_four(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return {"state": 4 * params * len(state), "total": 4 * params * len(state + others)}


@optimizer_bytes.wrong("computed in floats: from 2⁵³ on they miss whole numbers, Python's ints never do")
def in_floats(params: int, recipe: Recipe) -> Bytes:
    return {name: int(float(size)) for name, size in optimizer_bytes.fn(params, recipe).items()}


@optimizer_bytes.wrong("numbers counted, not bytes")
def numbers(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return {"state": params * len(state), "total": params * len(state + others)}


@optimizer_bytes.wrong("counted in bits: eight of them are a byte")
def bits(params: int, recipe: Recipe) -> Bytes:
    return {name: 8 * size for name, size in optimizer_bytes.fn(params, recipe).items()}


@optimizer_bytes.wrong("bytes of one parameter: `params` of them are asked for")
def of_one(params: int, recipe: Recipe) -> Bytes:
    return optimizer_bytes.fn(1, recipe)


@optimizer_bytes.wrong("a float: bytes are whole, and `//` or a product of ints keeps them so")
def as_float(params: int, recipe: Recipe) -> dict[str, float]:
    return {name: float(size) for name, size in optimizer_bytes.fn(params, recipe).items()}


@optimizer_bytes.wrong(
    "torch.finfo asked for the size: it knows floats only; dtype.itemsize knows every dtype, in bytes"
)
def floats_only(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    for dtype in state + others:
        torch.finfo(dtype)
    return optimizer_bytes.fn(params, recipe)


@optimizer_bytes.wrong("an unknown optimizer given no state: a ValueError is promised, a guess helps nobody")
def unknown_is_free(params: int, recipe: Recipe) -> Bytes:
    known = recipe["optimizer"] if recipe["optimizer"] in MOMENTS else "sgd"
    return optimizer_bytes.fn(params, {**recipe, "optimizer": known})


@optimizer_bytes.wrong("an unknown optimizer looked up as it comes: that raises KeyError, a ValueError is promised")
def key_error(params: int, recipe: Recipe) -> Bytes:
    MOMENTS[recipe["optimizer"]]
    return optimizer_bytes.fn(params, recipe)
