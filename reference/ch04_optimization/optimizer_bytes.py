"""Lists all tensors, and adds the bytes of an element of each."""

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


@optimizer_bytes.right("the bytes of tensors without storage")
def by_meta_tensors(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    size = [[torch.empty(params, dtype=d, device="meta").nbytes for d in part] for part in (state, others)]
    return {"state": sum(size[0]), "total": sum(size[0]) + sum(size[1])}


@optimizer_bytes.right("in bits, divided by 8 at the end")
def by_bits(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    bits = [8 * d.itemsize for d in state], [8 * d.itemsize for d in others]
    return {"state": params * sum(bits[0]) // 8, "total": params * (sum(bits[0]) + sum(bits[1])) // 8}


@optimizer_bytes.wrong("one moment was counted for Adam: it keeps the mean of the gradient and the mean of its square")
def one_moment(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state[1:] if recipe["optimizer"] in ("adam", "adamw") else state, others)


@optimizer_bytes.wrong("a third number was counted for AdamW: its decay is computed from the weight and stores nothing")
def decay_is_kept(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state + [recipe["moments"]] * (recipe["optimizer"] == "adamw"), others)


@optimizer_bytes.wrong("the model's weights were counted as state: the state is the moments and a master copy")
def weights_as_state(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, [*state, others[0]], others[1:])


@optimizer_bytes.wrong("the gradients were counted as state: every step computes them again")
def gradients_as_state(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, [*state, others[1]], others[:1])


@optimizer_bytes.wrong("the gradients were left out: the backward pass writes one number per parameter")
def no_gradients(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state, others[:1])


@optimizer_bytes.wrong("the weights were left out of the total: the total is state, weights and gradients")
def no_weights(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state, others[1:])


@optimizer_bytes.wrong("the master copy was left out: it is kept in addition to the 16-bit weights")
def no_master(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({k: v for k, v in recipe.items() if k != "master"}))


@optimizer_bytes.wrong("the master copy was not counted as state: the optimizer keeps and updates it")
def master_is_a_weight(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept({k: v for k, v in recipe.items() if k != "master"})
    return _report(params, state, [*others, *([recipe["master"]] if "master" in recipe else [])])


@optimizer_bytes.wrong(
    "only the master copy was counted as weights: the 16-bit weights, which the model computes with, are kept too"
)
def master_for_weights(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, state, others[1:] if "master" in recipe else others)


@optimizer_bytes.wrong("a master copy was counted in every recipe: without a `master` entry there is none")
def always_a_master(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({"master": torch.float32, **recipe}))


@optimizer_bytes.wrong("a master copy was assumed for 16-bit weights: without a `master` entry there is none")
def master_beside_narrow_weights(params: int, recipe: Recipe) -> Bytes:
    missing = {"master": torch.float32} if recipe["weights"].itemsize < 4 else {}
    return _report(params, *_kept({**missing, **recipe}))


@optimizer_bytes.wrong("sgd got no state at all: a master copy is state too")
def sgd_without_master(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return _report(params, [] if recipe["optimizer"] == "sgd" else state, others)


@optimizer_bytes.wrong("the code needs a `master` entry: a recipe in float32 has no second copy")
def needs_a_master(params: int, recipe: Recipe) -> Bytes:
    recipe["master"]
    return _report(params, *_kept(recipe))


@optimizer_bytes.wrong(
    "two moments were counted for every optimizer: sgd keeps none, sgd with momentum keeps a velocity"
)
def always_two_moments(params: int, recipe: Recipe) -> Bytes:
    _kept(recipe)
    return _report(params, *_kept({**recipe, "optimizer": "adam"}))


@optimizer_bytes.wrong("the velocity of sgd with momentum was left out: it is one number per parameter")
def no_velocity(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "optimizer": recipe["optimizer"].replace("momentum", "sgd")}))


@optimizer_bytes.wrong("the moments were counted in the dtype of the weights: they have their own entry")
def moments_like_weights(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "moments": recipe["weights"]}))


@optimizer_bytes.wrong("the moments were counted in the dtype of the gradients: they have their own entry")
def moments_like_gradients(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "moments": recipe["gradients"]}))


@optimizer_bytes.wrong("the master copy was counted in the dtype of the weights: it has its own entry")
def master_like_weights(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "master": recipe["weights"]} if "master" in recipe else recipe))


@optimizer_bytes.wrong("the gradients were counted in the dtype of the weights: they have their own entry")
def gradients_like_weights(params: int, recipe: Recipe) -> Bytes:
    return _report(params, *_kept({**recipe, "gradients": recipe["weights"]}))


@optimizer_bytes.wrong("every number was counted with 4 bytes: the size depends on the dtype")
def always_four(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return {"state": 4 * params * len(state), "total": 4 * params * len(state + others)}


@optimizer_bytes.wrong(
    "the bytes were computed in floats: from 2⁵³ on, floats skip some whole numbers; Python's ints are exact"
)
def in_floats(params: int, recipe: Recipe) -> Bytes:
    return {name: int(float(size)) for name, size in optimizer_bytes.fn(params, recipe).items()}


@optimizer_bytes.wrong("the result counts numbers, not bytes: multiply by the bytes of a number")
def numbers(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    return {"state": params * len(state), "total": params * len(state + others)}


@optimizer_bytes.wrong("the result counts bits: 8 bits make a byte")
def bits(params: int, recipe: Recipe) -> Bytes:
    return {name: 8 * size for name, size in optimizer_bytes.fn(params, recipe).items()}


@optimizer_bytes.wrong("the result is for one parameter: multiply by `params`")
def of_one(params: int, recipe: Recipe) -> Bytes:
    return optimizer_bytes.fn(1, recipe)


@optimizer_bytes.wrong("the result is a float: bytes are whole numbers, so use `//` or a product of ints")
def as_float(params: int, recipe: Recipe) -> dict[str, float]:
    return {name: float(size) for name, size in optimizer_bytes.fn(params, recipe).items()}


@optimizer_bytes.wrong(
    "torch.finfo was used for the size: it knows only float dtypes; dtype.itemsize gives bytes for every dtype"
)
def floats_only(params: int, recipe: Recipe) -> Bytes:
    state, others = _kept(recipe)
    for dtype in state + others:
        torch.finfo(dtype)
    return optimizer_bytes.fn(params, recipe)


@optimizer_bytes.wrong("an unknown optimizer got no state: the contract asks for a ValueError")
def unknown_is_free(params: int, recipe: Recipe) -> Bytes:
    known = recipe["optimizer"] if recipe["optimizer"] in MOMENTS else "sgd"
    return optimizer_bytes.fn(params, {**recipe, "optimizer": known})


@optimizer_bytes.wrong("an unknown optimizer raised KeyError: the contract asks for a ValueError")
def key_error(params: int, recipe: Recipe) -> Bytes:
    MOMENTS[recipe["optimizer"]]
    return optimizer_bytes.fn(params, recipe)
