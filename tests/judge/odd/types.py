"""Annotations that are never evaluated, classes of every kind, and typing.get_type_hints.

koan: causal_mask
verdict: passed
"""
from __future__ import annotations

import abc
import enum
import typing
from dataclasses import asdict, dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

if typing.TYPE_CHECKING:
    from no_such_package import Nothing

T = typing.TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shape:
    rows: int
    columns: int
    more: list[int] = field(default_factory=list)


class Pair(typing.NamedTuple):
    low: float
    high: float


class Kind(enum.StrEnum):
    shown = enum.auto()
    hidden = enum.auto()


class Sized(typing.Protocol):
    rows: int
    columns: int


class Builder(abc.ABC, typing.Generic[T]):
    @abc.abstractmethod
    def build(self, shape: Sized) -> T: ...


class Low(Builder[Tensor]):
    def build(self, shape: Sized, values: Pair = Pair(-torch.inf, 0.0)) -> Float[Tensor, "q k"]:
        return torch.full((shape.rows, shape.columns), values.low)


def unused(x: Nothing) -> Nothing:
    return x


def causal_mask(n_q: int, n_k: int) -> Tensor:
    hints = typing.get_type_hints(causal_mask)
    assert hints == {"n_q": int, "n_k": int, "return": Tensor}
    assert typing.get_type_hints(Shape)["more"] == list[int]
    assert Kind("hidden") is Kind.hidden
    shape = Shape(n_q, n_k)
    assert asdict(shape)["rows"] == n_q
    return Low().build(shape).triu(1 + n_k - n_q)
