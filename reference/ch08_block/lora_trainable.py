import math
import re
from collections.abc import Callable, Iterable, Sequence

import torch

from reference import oracle

Shapes = dict[str, tuple[int, ...]]
Answer = tuple[Shapes, float]


def _adapted(shapes: Shapes, targets: Sequence[str]) -> list[str]:
    """The modules of the parameters that fit."""
    return [name[: -len(".weight")] for name in shapes if any(_fits(name, target) for target in targets)]


def _fits(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}.weight")


def _check(shapes: Shapes, targets: Sequence[str]) -> None:
    if not all(any(_fits(name, target) for name in shapes) for target in targets):
        raise ValueError("a target fits no parameter")


def _pairs(shapes: Shapes, modules: Iterable[str], r: int) -> Shapes:
    new: Shapes = {}
    for module in modules:
        rows, columns = shapes[f"{module}.weight"]
        new |= {f"{module}.lora_A.weight": (r, columns), f"{module}.lora_B.weight": (rows, r)}
    return new


def _count(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


@oracle
def lora_trainable(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    _check(shapes, targets)
    new = _pairs(shapes, _adapted(shapes, targets), r)
    return new, _count(new) / _count(shapes | new)


@lora_trainable.right("by a regular expression, counted on tensors without storage")
def by_regex(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    found = {t: [n[:-7] for n in shapes if re.search(rf"(^|\.){re.escape(t)}\.weight$", n)] for t in targets}
    if not all(found.values()):
        raise ValueError("a target fits no parameter")
    modules = [m for m in (n[:-7] for n in shapes) if any(m in names for names in found.values())]
    new = _pairs(shapes, modules, r)
    sizes = {n: torch.empty(s, device="meta").numel() for n, s in (shapes | new).items()}
    return new, sum(sizes[n] for n in new) / sum(sizes.values())


def _with(shapes: Shapes, targets: Sequence[str], r: int, change: Callable[[Shapes], Shapes]) -> Answer:
    _check(shapes, targets)
    new = change(_pairs(shapes, _adapted(shapes, targets), r))
    return new, _count(new) / _count(shapes | new)


@lora_trainable.wrong("norms train too: plain LoRA freezes everything except A and B")
def norms_too(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    return _with(shapes, targets, r, lambda new: new | {n: s for n, s in shapes.items() if "norm" in n})


@lora_trainable.wrong("embeddings train too: plain LoRA freezes everything except A and B")
def embeddings_too(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    return _with(shapes, targets, r, lambda new: new | {n: s for n, s in shapes.items() if "embed" in n})


@lora_trainable.wrong("norms and embeddings train too: plain LoRA freezes everything except A and B")
def norms_and_embeddings(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    rest = {n: s for n, s in shapes.items() if "norm" in n or "embed" in n}
    return _with(shapes, targets, r, lambda new: new | rest)


@lora_trainable.wrong("the adapted weights train as well: they are frozen, and only their A and B train")
def weights_too(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    own = {f"{m}.weight": shapes[f"{m}.weight"] for m in _adapted(shapes, targets)}
    return _with(shapes, targets, r, lambda new: new | own)


@lora_trainable.wrong("every matrix was adapted: adapt only modules named in `targets`")
def every_matrix(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    _check(shapes, targets)
    new = _pairs(shapes, [n[:-7] for n, s in shapes.items() if n.endswith(".weight") and len(s) == 2], r)
    return new, _count(new) / _count(shapes | new)


@lora_trainable.wrong("a target matches anywhere in a name: it must be the whole last part of the module's name")
def substring(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    fits = [n for n, s in shapes.items() if len(s) == 2 and n.endswith(".weight") and any(t in n for t in targets)]
    if not all(any(t in n for n in fits) for t in targets):
        raise ValueError("a target fits no parameter")
    new = _pairs(shapes, [n[:-7] for n in fits], r)
    return new, _count(new) / _count(shapes | new)


@lora_trainable.wrong("a target matches the end of a name without the dot: eq_proj is not q_proj")
def suffix(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    fits = [n for n in shapes if any(n.endswith(f"{t}.weight") for t in targets)]
    if not all(any(n.endswith(f"{t}.weight") for n in fits) for t in targets):
        raise ValueError("a target fits no parameter")
    new = _pairs(shapes, [n[:-7] for n in fits], r)
    return new, _count(new) / _count(shapes | new)


@lora_trainable.wrong("a target matches any part of a name: it must be the last part before .weight")
def any_part(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    fits = [n for n in shapes if n.endswith(".weight") and not {*targets}.isdisjoint(n.split("."))]
    if not all(any(t in n.split(".") for n in fits) for t in targets):
        raise ValueError("a target fits no parameter")
    new = _pairs(shapes, [n[:-7] for n in fits], r)
    return new, _count(new) / _count(shapes | new)


@lora_trainable.wrong("A and B are swapped: A reads the input, (r, in), and B writes the output, (out, r)")
def exchanged(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    def swap(new: Shapes) -> Shapes:
        return {
            n: new[n.replace("lora_A", "lora_X").replace("lora_B", "lora_A").replace("lora_X", "lora_B")] for n in new
        }

    return _with(shapes, targets, r, swap)


@lora_trainable.wrong("the shapes are transposed: A is (r, in) and B is (out, r)")
def transposed(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    return _with(shapes, targets, r, lambda new: {n: s[::-1] for n, s in new.items()})


@lora_trainable.wrong("only A trains: B starts at 0 and must train too")
def only_a(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    return _with(shapes, targets, r, lambda new: {n: s for n, s in new.items() if "lora_A" in n})


@lora_trainable.wrong("the share is of the old parameters only: the total includes A and B")
def of_the_base(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    new, _ = lora_trainable.fn(shapes, targets, r)
    return new, _count(new) / _count(shapes)


@lora_trainable.wrong("the share is in percent: it must be between 0 and 1")
def percent(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    new, share = lora_trainable.fn(shapes, targets, r)
    return new, 100 * share


@lora_trainable.wrong("the share counts tensors: it must count the numbers in them")
def by_tensors(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    new, _ = lora_trainable.fn(shapes, targets, r)
    return new, len(new) / (len(new) + len(shapes))


@lora_trainable.wrong("a target that fits nothing was ignored: raise ValueError, since it is misspelled")
def passes_over(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    new = _pairs(shapes, _adapted(shapes, targets), r)
    return new, _count(new) / max(1, _count(shapes | new))


@lora_trainable.wrong("ValueError is raised only if no target fits: every target must fit")
def any_target(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    if not _adapted(shapes, targets):
        raise ValueError("no target fits")
    return passes_over(shapes, targets, r)


@lora_trainable.wrong("the weight's shape was read as (in, out): it is (out, in), so A is (r, in) and B is (out, r)")
def read_as_in_out(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    def swap(new: Shapes) -> Shapes:
        fits = _adapted(shapes, targets)
        turned = _pairs({f"{m}.weight": shapes[f"{m}.weight"][::-1] for m in fits}, fits, r)
        return new | turned

    return _with(shapes, targets, r, swap)


@lora_trainable.wrong("the names contain .weight twice, as in q_proj.weight.lora_A.weight: use the module's name")
def named_after_the_weight(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    return _with(shapes, targets, r, lambda new: {n.replace(".lora_", ".weight.lora_"): s for n, s in new.items()})


@lora_trainable.wrong("the adapted weights count as trainable in the share: they are frozen")
def share_with_weights(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    new, _ = lora_trainable.fn(shapes, targets, r)
    adapted = {f"{m}.weight": shapes[f"{m}.weight"] for m in _adapted(shapes, targets)}
    return new, _count(new | adapted) / _count(shapes | new)


@lora_trainable.wrong("the adapted weights are missing from the total: they are frozen, but they still count")
def without_the_adapted(shapes: Shapes, targets: Sequence[str], r: int) -> Answer:
    new, _ = lora_trainable.fn(shapes, targets, r)
    adapted = {f"{m}.weight" for m in _adapted(shapes, targets)}
    return new, _count(new) / _count({n: s for n, s in (shapes | new).items() if n not in adapted})
