"""Runs random programs in the tile machine, and turns tiles into tensors and back."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from grader.kernels.kernel_text import KernelSyntaxError, read
from grader.kernels.tiles.findings import Refused
from grader.kernels.tiles.launch import load
from tests.fuzz.tiles.exact import INTS, Value
from tests.fuzz.tiles.front_end import Answer
from tests.fuzz.tiles.programs import ELEMENTS, Program
from tests.fuzz.tiles.value_programs import PROGRAMS, ValueProgram

TORCH = {
    "i1": torch.bool, "i8": torch.int8, "i16": torch.int16, "i32": torch.int32, "i64": torch.int64,
    "u8": torch.uint8, "u16": torch.uint16, "u32": torch.uint32, "u64": torch.uint64,
    "fp8e4nv": torch.float8_e4m3fn, "fp8e5": torch.float8_e5m2,
    "fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32, "fp64": torch.float64,
}  # fmt: skip
GRID = (4,)


class NotText(Exception):
    """The check of the text does not admit the program."""


def tensor(value: Value) -> torch.Tensor:
    """The elements as a tensor of their type. They are exact."""
    if value.kind in INTS:
        return torch.from_numpy(np.ascontiguousarray(value.data))
    return torch.from_numpy(np.ascontiguousarray(value.data, dtype=np.float64)).to(TORCH[value.kind])


def elements(x: torch.Tensor, kind: str) -> Any:
    """A tensor as numpy: floats as float64."""
    return x.numpy() if kind in INTS else x.to(torch.float64).numpy()


def types_of(program: Program) -> Answer:
    """The types of the variables in the machine, and its refusal. Raises NotText."""
    types: dict[str, list[str]] = {}

    def record(name: str, value: Any) -> None:
        kind = described(value)
        if kind not in types.setdefault(name, []):
            types[name].append(kind)

    try:
        text = read(program.source, "<kernel>")
    except KernelSyntaxError as error:
        raise NotText(str(error)) from None
    arguments: dict[str, Any] = {n: torch.ones(ELEMENTS).to(TORCH[kind]) for n, kind in program.tensors.items()}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load(text, assigned=record).kernel[GRID](**arguments, **program.numbers, **program.constants)
    except Refused as error:
        return Answer(types, f"Refused: {error}", getattr(error, "line", 0) or 0)
    return Answer(types)


def described(value: Any) -> str:
    """The type of a value, as the front end's is described."""
    if isinstance(value, tuple | list):
        return f"({', '.join(described(v) for v in value)})"
    if value is None or isinstance(value, bool | int | float):
        return f"constexpr {value!r}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"{value.dtype.name}[{','.join(map(str, value.shape))}]"
    return f"dtype {value.name}" if hasattr(value, "name") else f"{type(value).__name__} {value}"


def compute(program: ValueProgram) -> list[Any]:
    """What the machine stores for each check."""
    inputs = [tensor(value) for value in program.inputs]
    outputs = [blank(check.value) for check in program.checks]
    load(read(program.source, "<kernel>")).kernel[(PROGRAMS,)](*inputs, *outputs)
    return [elements(x, check.value.kind) for x, check in zip(outputs, program.checks, strict=True)]


def blank(value: Value) -> torch.Tensor:
    return torch.zeros(value.data.shape, dtype=torch.float64).to(TORCH[value.kind])


def names_in(source: str) -> Sequence[str]:
    return re.findall(r"\b[vkh]\d+\b", source)
