"""A program is a sum of terms. Each adds to the value, and those with a history add to the gradient."""

import torch
from torch import Tensor

from reference import oracle

Answers = dict[str, tuple[Tensor, Tensor]]


@oracle
def stop_gradient(x: Tensor, dy: Tensor) -> Answers:
    rounded, square = torch.round(x), x * x
    kept = dy * x + dy * x  # of x * x, where it was recorded: x is used twice
    return {
        "round": (rounded, torch.zeros_like(dy)),
        "straight-through": (rounded, dy),
        "detach": (square + x, dy),
        "no_grad": (square + x, dy),
        "no_grad later": (square + x, kept + dy),
    }


@stop_gradient.right("by autograd, running the five programs")
def by_autograd(x: Tensor, dy: Tensor) -> Answers:
    answers = {}
    for name in ("round", "straight-through", "detach", "no_grad", "no_grad later"):
        leaf = x.detach().clone().requires_grad_()
        y = _program(name, leaf)
        y.backward(dy)  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        answers[name] = (y.detach(), leaf.grad)
    return answers


def _program(name: str, x: Tensor) -> Tensor:
    if name == "round":
        return torch.round(x)
    if name == "straight-through":
        return x + (torch.round(x) - x).detach()
    if name == "detach":
        return (x * x).detach() + x
    if name == "no_grad":
        with torch.no_grad():
            h = x * x
        return h + x
    h = x * x
    with torch.no_grad():
        k = h
    return k + x


def _but(x: Tensor, dy: Tensor, other: Answers | None = None) -> Answers:
    """The right answers, with the answers to some programs replaced."""
    square, rounded = x * x, torch.round(x)
    answers = {
        "round": (rounded, torch.zeros_like(x)),
        "straight-through": (rounded, dy.clone()),
        "detach": (square + x, dy.clone()),
        "no_grad": (square + x, dy.clone()),
        "no_grad later": (square + x, (2 * x + 1) * dy),
    }
    return answers | (other or {})


@stop_gradient.wrong(
    "straight-through got the gradient of round, 0: only the detached part is constant; the x before it has slope 1"
)
def straight_to_zero(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"straight-through": (torch.round(x), torch.zeros_like(x))})


@stop_gradient.wrong(
    "the value of straight-through was not rounded: detach() changes no number, so x − x cancels in the forward pass"
)
def straight_unrounded(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"straight-through": (x.clone(), dy.clone())})


@stop_gradient.wrong(
    "straight-through stopped the gradient beyond ±1: that is the clipped form for binary networks; this form "
    "has no bounds"
)
def straight_clipped(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"straight-through": (torch.round(x), dy * (x.abs() <= 1))})


@stop_gradient.wrong("round passed the gradient on: its slope is 0 almost everywhere, and autograd always uses 0")
def round_passes(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"round": (torch.round(x), dy.clone())})


@stop_gradient.wrong("halves were rounded up: ties go to the even neighbor, 2.5 to 2")
def half_up(x: Tensor, dy: Tensor) -> Answers:
    rounded = torch.floor(x + 0.5)
    return _but(x, dy, {"round": (rounded, torch.zeros_like(x)), "straight-through": (rounded, dy.clone())})


@stop_gradient.wrong("the values were rounded down: round to the nearest whole number")
def floored(x: Tensor, dy: Tensor) -> Answers:
    rounded = torch.floor(x)
    return _but(x, dy, {"round": (rounded, torch.zeros_like(x)), "straight-through": (rounded, dy.clone())})


@stop_gradient.wrong("halves were rounded away from zero: ties go to the even neighbor, 2.5 to 2")
def ties_away(x: Tensor, dy: Tensor) -> Answers:
    rounded = x.sign() * torch.floor(x.abs() + 0.5)
    return _but(x, dy, {"round": (rounded, torch.zeros_like(x)), "straight-through": (rounded, dy.clone())})


@stop_gradient.wrong(
    "detach() stopped the gradient of all of y: it cuts one term, and the x added to it still gets its gradient"
)
def detach_cuts_all(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"detach": (x * x + x, torch.zeros_like(x))})


@stop_gradient.wrong(
    "detach() stopped nothing: it cuts off everything that was computed before, so the slope 2x of h is gone"
)
def detach_cuts_nothing(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"detach": (x * x + x, (2 * x + 1) * dy)})


@stop_gradient.wrong(
    "the detached term was left out of the value: detach() keeps every number and cuts only the gradient"
)
def detach_drops_the_value(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"detach": (x.clone(), dy.clone())})


@stop_gradient.wrong("no_grad() had no effect: h was computed inside it, so its slope was not recorded")
def no_grad_ignored(x: Tensor, dy: Tensor) -> Answers:
    answers = _but(x, dy)
    answers["no_grad"] = answers["no_grad later"]
    return answers


@stop_gradient.wrong("no_grad() stopped the gradient of all of y: the sum h + x is computed outside it and is recorded")
def no_grad_cuts_all(x: Tensor, dy: Tensor) -> Answers:
    answers = _but(x, dy)
    answers["no_grad"] = (answers["no_grad"][0], torch.zeros_like(x))
    return answers


@stop_gradient.wrong("no_grad() cut h, which was recorded before: only detach() cuts a history that already exists")
def no_grad_severs(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"no_grad later": (x * x + x, dy.clone())})


@stop_gradient.wrong("x·x got the slope x: x is used twice, so the slope is 2x")
def half_a_square(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"no_grad later": (x * x + x, (x + 1) * dy)})


@stop_gradient.wrong("the gradient of the x added at the end was forgotten: it adds 1 to the slope")
def square_only(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, dy, {"no_grad later": (x * x + x, 2 * x * dy)})


@stop_gradient.wrong("the results are slopes: multiply each by dy to get the gradient")
def without_dy(x: Tensor, dy: Tensor) -> Answers:
    return _but(x, torch.ones_like(dy))


@stop_gradient.wrong("y was computed inside no_grad() too: then nothing is recorded and backward() cannot start")
def all_inside_no_grad(x: Tensor, dy: Tensor) -> Answers:
    leaf = x.detach().clone().requires_grad_()
    with torch.no_grad():
        y = leaf * leaf + leaf
    y.backward(dy)  # type: ignore[no-untyped-call]
    return _but(x, dy)


@stop_gradient.wrong("x.grad was not cleared between the programs: every backward() adds to it")
def never_cleared(x: Tensor, dy: Tensor) -> Answers:
    total, answers = torch.zeros_like(x), {}
    for name, (y, dx) in _but(x, dy).items():
        total = total + dx
        answers[name] = (y, total)
    return answers


@stop_gradient.wrong(
    "x.grad was returned without a copy: all five results are one tensor, which the last program changes"
)
def one_grad_for_all(x: Tensor, dy: Tensor) -> Answers:
    total = torch.zeros_like(x)
    for _, dx in _but(x, dy).values():
        total = total + dx
    return {name: (y, total) for name, (y, _) in _but(x, dy).items()}


@stop_gradient.wrong("the caller's `x` became the autograd leaf: make your own leaf with x.detach().clone()")
def marks_the_input(x: Tensor, dy: Tensor) -> Answers:
    answers = by_autograd(x, dy)
    x.requires_grad_()
    return answers
