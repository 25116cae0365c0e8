"""What must hold of `save` and `load` together, whatever the format is: the state comes back, and damage is noticed.

The answers here have the solution's format, so that a wrong `save` can be read by a right `load`.
"""

import contextlib
import hashlib
import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from reference import Oracle, oracle

State = dict[str, Any]
Save = Callable[[State], bytes]
Load = Callable[[bytes], State]


def _each(state: State, change: Callable[[str, Tensor], Any]) -> State:
    """The state with `change(key, tensor)` for every tensor."""
    return {
        key: {sys.intern(name): change(key, tensor) for name, tensor in value.items()}
        if isinstance(value, dict)
        else change(key, value)
        if isinstance(value, Tensor)
        else value
        for key, value in state.items()
    }


def _plain(key: str, tensor: Tensor) -> Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())


def _signed(payload: bytes) -> bytes:
    return hashlib.sha256(payload).digest() + payload


def _written(state: State) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return _signed(buffer.getvalue())


def _read(data: bytes) -> State:
    state: State = torch.load(io.BytesIO(data[32:]), weights_only=True)
    return state


@oracle
def save(state: State) -> bytes:
    return _written(_each(state, _plain))


@oracle
def load(data: bytes) -> State:
    if _signed(data[32:]) != data:
        raise ValueError("damaged")
    try:
        return _read(data)
    except (pickle.UnpicklingError, EOFError, RuntimeError):
        raise ValueError("no state") from None


@save.right("each tensor copied as a flat list of its elements, which is given its shape again")
def by_flat_copies(state: State) -> bytes:
    return _written(_each(state, lambda key, x: x.data.reshape(-1).clone().reshape(x.shape)))


@load.right("the checksum in hexadecimal digits, and the file in a view without a copy")
def by_digits(data: bytes) -> State:
    if hashlib.sha256(memoryview(data)[32:]).hexdigest() != data[:32].hex():
        raise ValueError("the checksum is another one")
    with contextlib.suppress(Exception):
        state: State = torch.load(io.BytesIO(memoryview(data)[32:]), map_location="cpu", weights_only=True)
        return state
    raise ValueError("torch cannot read it")


# What was left out


@save.wrong("the moments were left out: AdamW starts again from zeros, and its first steps are too large")
def no_moments(state: State) -> bytes:
    return save.fn({key: value for key, value in state.items() if key not in ("m", "v")})


@save.wrong("the moments were saved as zeros: they took many steps to become what they are")
def zero_moments(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: torch.zeros_like(x) if key in ("m", "v") else x))


@save.wrong("`m` was saved twice, once as `v`")
def m_twice(state: State) -> bytes:
    return save.fn({**state, "v": state["m"]})


@save.wrong("the step was saved as 0: schedule and bias correction start again")
def step_zero(state: State) -> bytes:
    return save.fn({**state, "step": 0})


@save.wrong("the step was counted once more while it was saved: it is the number of the steps taken")
def step_ahead(state: State) -> bytes:
    return save.fn({**state, "step": state["step"] + 1})


@save.wrong("the order of the data was left out: the run sees the same data again")
def no_order(state: State) -> bytes:
    return save.fn({**state, "order": []})


@save.wrong("the order of the data was lost, as in a set: the run goes on with the data in another order")
def order_sorted(state: State) -> bytes:
    return save.fn({**state, "order": sorted(state["order"])})


@save.wrong("positions were saved in 32 bits: from 2³¹ on they become negative")
def order_in_32_bits(state: State) -> bytes:
    return save.fn({**state, "order": [(n + 2**31) % 2**32 - 2**31 for n in state["order"]]})


@save.wrong("the state of the random numbers was replaced by a fresh one: save the given one")
def fresh_rng(state: State) -> bytes:
    return save.fn({**state, "rng": torch.Generator().manual_seed(0).get_state()})


# What was rounded or changed


def _rounded(x: Tensor, dtype: torch.dtype) -> Tensor:
    return x.to(dtype).to(x.dtype) if x.dtype in (torch.float32, torch.float64) else x


@save.wrong("the parameters were rounded to bf16 to save space: the next loss is another one")
def params_in_bf16(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: _rounded(x, torch.bfloat16) if key == "params" else x))


@save.wrong("the moments were rounded to bf16 to save space: the next step is another one")
def moments_in_bf16(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: _rounded(x, torch.bfloat16) if key in ("m", "v") else x))


@save.wrong("everything was rounded to fp16: squares of gradients below 3e-8 become 0 in `v`")
def all_in_fp16(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: _rounded(x, torch.float16)))


@save.wrong("all floating-point tensors became float32: each keeps its own dtype")
def all_in_float32(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: x.float() if x.is_floating_point() else x))


@save.wrong("all tensors became float32, integers too: large integers are then rounded, and an rng state needs uint8")
def integers_in_float32(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: x.float()))


@save.wrong("a number without axes became a vector of length 1: shapes stay as they are")
def no_scalars(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: x if x.dim() else x.reshape(1)))


@save.wrong("empty tensors were left out")
def no_empty(state: State) -> bytes:
    def kept(value: Any) -> Any:
        return {n: x for n, x in value.items() if x.numel()} if isinstance(value, dict) else value

    return save.fn({key: kept(value) for key, value in state.items()})


@save.wrong("the memory was saved in its own order: a transposed tensor comes back with its values scrambled")
def memory_order(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: x.as_strided(x.shape, torch.empty(x.shape).stride())))


@save.wrong("every NaN became the same NaN: keep the bits")
def one_nan(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: x.masked_fill(x.isnan(), torch.nan) if x.is_floating_point() else x))


@save.wrong("-0.0 became 0.0: keep the bits")
def one_zero(state: State) -> bytes:
    return save.fn(_each(state, lambda key, x: x.masked_fill(x == 0, 0.0) if x.is_floating_point() else x))


@save.wrong("the names were sorted: sums over all parameters follow their order, so the next norm has other last bits")
def sorted_names(state: State) -> bytes:
    return save.fn({k: dict(sorted(value.items())) if isinstance(value, dict) else value for k, value in state.items()})


@save.wrong("views were saved with all of their memory: equal states give other bytes, and a slice is as large as all")
def whole_memory(state: State) -> bytes:
    return _written(_each(state, lambda key, x: x.detach()))


@save.wrong("it was saved which tensors require a gradient: only values count, and a loaded tensor requires none")
def with_gradients(state: State) -> bytes:
    def change(key: str, x: Tensor) -> Tensor:
        return _plain(key, x.detach()).requires_grad_(x.requires_grad)

    return _written(_each(state, change))


@save.wrong("the moments were taken out of the state: the run goes on after a save, so the state must stay as it is")
def takes_moments(state: State) -> bytes:
    return save.fn({**state, "m": state.pop("m"), "v": state.pop("v")})


# What was not checked


@load.wrong("the checksum was not compared: damaged bytes give a damaged state, or an error that is no ValueError")
def unchecked(data: bytes) -> State:
    return _read(data)


@load.wrong("damaged bytes raised RuntimeError: the contract asks for a ValueError")
def another_error(data: bytes) -> State:
    if _signed(data[32:]) != data:
        raise RuntimeError("damaged")
    return _read(data)


@load.wrong("bytes that are a pickle were unpickled: that runs what a stranger wrote into them")
def unpickles(data: bytes) -> State:
    try:
        state: State = pickle.loads(data)
        return state
    except Exception:
        return load.fn(data)


@load.wrong("torch.load ran with weights_only=False: a stranger can compute the checksum of a pickle that runs code")
def unpickles_with_torch(data: bytes) -> State:
    if _signed(data[32:]) != data:
        raise ValueError("damaged")
    try:
        state: State = torch.load(io.BytesIO(data[32:]), weights_only=False)
        return state
    except Exception as error:
        raise ValueError("no state") from error


@load.wrong("torch.load's own error came through for a pickle with other objects: the contract asks for a ValueError")
def error_of_torch(data: bytes) -> State:
    if _signed(data[32:]) != data:
        raise ValueError("damaged")
    return _read(data)


# Save and load together

Experiment = Literal[
    "load(save(state))",
    "the bits of load(save(state))",
    "the names in load(save(state))",
    "save(state) == save(other)",
    "load(damaged save(state))",
    "load(other)",
]
Checkpoint = Callable[..., Any]


def damaged(data: bytes, how: tuple[str, float]) -> bytes:
    """The bytes without the first or the last n, with n more, or with one bit changed at a share of their length."""
    kind, n = how
    if kind == "bit":
        place = round(n * (len(data) - 1))
        return data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :]
    if kind == "more":
        return data + bytes(int(n))
    return data[int(n) :] if kind == "first" else data[: len(data) - int(n)]


def together(save: Save, load: Load) -> Checkpoint:
    """A function that makes an experiment with the two. What it returns does not depend on their format."""

    def checkpoint(do: Experiment, state: State, other: Any = None) -> Any:
        if do == "load(other)":
            return load(other)
        data = save(state)
        if type(data) is not bytes:
            raise TypeError(f"save returned {type(data).__name__}, not bytes")
        if do == "save(state) == save(other)":
            return data == save(other)
        if do == "load(damaged save(state))":
            return load(damaged(data, other))
        return _seen(do, load(data))

    return checkpoint


def _seen(do: Experiment, state: State) -> Any:
    parts = {key: value for key, value in state.items() if isinstance(value, dict)}
    if do == "the names in load(save(state))":
        return {key: list(value) for key, value in parts.items()}
    if do == "the bits of load(save(state))":
        return {key: {name: _bits(x) for name, x in value.items()} for key, value in parts.items()}
    return state


def _bits(x: Tensor) -> Tensor:
    return x.contiguous().reshape(-1).view(torch.uint8)


def _expected(do: Experiment, state: State, other: Any = None) -> Any:
    if do in ("load(other)", "load(damaged save(state))"):
        raise ValueError("not what save returned")
    if do == "save(state) == save(other)":
        return True
    return _seen(do, state)


@dataclass(frozen=True)
class Together:
    """The oracle of `together`. Its wrong answers pair each wrong `save` or `load` with a right one.

    It is within an object because `checkpoint` is no function of the exercise.
    """

    oracle: Oracle[..., Any]


def _paired() -> Together:
    made = Oracle(_expected)
    made.__name__ = "checkpoint"
    for wrong in save.wrongs.values():
        made.wrong(wrong.says)(_named(wrong.name, together(wrong.fn, load.fn)))
    for wrong in load.wrongs.values():
        made.wrong(wrong.says)(_named(wrong.name, together(save.fn, wrong.fn)))
    return Together(made)


def _named(name: str, fn: Checkpoint) -> Checkpoint:
    fn.__name__ = name
    return fn


TOGETHER = _paired()
