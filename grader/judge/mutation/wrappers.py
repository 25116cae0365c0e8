"""Mistakes around a whole answer: what it is given and what it returns, changed in each call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from grader.checks.pytree import leaves, mapped
from grader.judge.mutation import effect

Function = Callable[..., Any]
Mistake = Literal[
    "dtype of", "requires_grad", "squeezed input", "squeezed result", "default of", "returns", "NaN for empty"
]


# Mistakes that may be impossible to make: a single number has no axis, and what is made from nothing may be empty.
OBSERVED = frozenset[Mistake](("squeezed input", "squeezed result", "NaN for empty"))


class Wrapper(NamedTuple):
    """A mistake around a function. `argument` is the name of the argument that it is about, if it is about one."""

    mistake: Mistake
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.mistake} {self.argument}".strip()


def wrappers(signature: inspect.Signature) -> Iterator[Wrapper]:
    """The mistakes that can be made around a function with this signature. Its annotations say what is a tensor."""
    parameters = signature.parameters
    tensors = [name for name, p in parameters.items() if "Tensor" in str(p.annotation)]
    floats = [name for name in tensors if not any(t in str(parameters[name].annotation) for t in ("Int", "Bool"))]
    gives_tensor = "Tensor" in str(signature.return_annotation)
    if "Float" in str(signature.return_annotation) and len(floats) > 1:
        yield from (Wrapper("dtype of", name) for name in floats)
    if floats:
        yield Wrapper("requires_grad")
    yield from (Wrapper("squeezed input", name) for name in tensors)
    if gives_tensor:
        yield Wrapper("squeezed result")
        yield Wrapper("NaN for empty")
    yield from (Wrapper("default of", name) for name in parameters if name not in tensors)
    yield from (Wrapper("returns", name) for name in parameters)


def wrapped(fn: Function, wrapper: Wrapper, signature: inspect.Signature) -> Function:
    """The function with the mistake."""
    first: dict[str, Any] = {}

    def call(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        match wrapper.mistake:
            case "requires_grad":
                for x in leaves(list(given.values())):
                    if isinstance(x, Tensor) and x.is_floating_point() and x.is_leaf:
                        x.requires_grad_()
                return mapped(lambda x: x.detach() if isinstance(x, Tensor) else x, fn(*args, **kwargs))
            case "squeezed input" if wrapper.argument in given:
                given[wrapper.argument] = _squeezed(given[wrapper.argument])
                return _called(fn, given, signature)
            case "default of" if wrapper.argument in given:
                default = signature.parameters[wrapper.argument].default
                value = default if default is not inspect.Parameter.empty else given[wrapper.argument]
                given[wrapper.argument] = first.setdefault(wrapper.argument, value)
                return _called(fn, given, signature)
        result = fn(*args, **kwargs)
        return _changed(result, given, wrapper)

    return call


def _called(fn: Function, given: dict[str, Any], signature: inspect.Signature) -> Any:
    bound = inspect.BoundArguments(signature, given)
    return fn(*bound.args, **bound.kwargs)


def _changed(result: Any, given: Mapping[str, Any], wrapper: Wrapper) -> Any:
    match wrapper.mistake:
        case "dtype of":
            dtypes = [x.dtype for x in leaves(given.get(wrapper.argument)) if _is_float(x)]
            return mapped(lambda x: x.to(dtypes[0]) if dtypes and _is_float(x) else x, result)
        case "squeezed result":
            return _squeezed(result)
        case "returns":
            return given.get(wrapper.argument)
        case "NaN for empty":
            empty = any(isinstance(x, Tensor) and not x.numel() for x in leaves(list(given.values())))
            return mapped(_not_a_number, result) if empty else result
    return result


def _not_a_number(x: Any) -> Any:
    if not _is_float(x):
        return x
    if not bool(x.isnan().all()):
        effect.note()
    return x * torch.nan


def _squeezed(value: Any) -> Any:
    def squeezed(x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        if x.dim():  # whether an axis has length 1 is what the tests must think of
            effect.note()
        return x.squeeze()

    return mapped(squeezed, value)


def _is_float(x: object) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()
