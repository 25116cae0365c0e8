"""A state, its bytes, and the same state. The format is the learner's own, so `save` and `load` are tested together."""

import hashlib
import io
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exercises.ch15_model.checkpoint import load, save
from grader.checks import exact, randn, strided
from reference.ch15_model.checkpoint import TOGETHER, together

oracle = TOGETHER.oracle
checkpoint = together(save, load)

FLOATS = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
OTHERS = [torch.int64, torch.uint8, torch.bool]


def state(seed, dtype=torch.float32, step=1234, order=(7, 3, 8, 1)):
    """A run in the middle: weights, moments, step, the data still to come, and the state of the random numbers."""
    params = {f"layer.{i}": randn(*shape, dtype=dtype, seed=seed + i) for i, shape in enumerate([(4, 3), (3,), ()])}
    m = {name: 1e-3 * randn(*p.shape, seed=seed + 9) for name, p in params.items()}
    return {
        "params": params,
        "m": m,
        "v": {name: x * x for name, x in m.items()},
        "step": step,
        "order": list(order),
        "rng": torch.Generator().manual_seed(seed + 1).get_state(),
    }


def with_params(seed, **params):
    return {**state(seed), "params": params}


def test_one_weight_comes_back_with_all_that_belongs_to_it():
    w, m, v = torch.tensor([1.5]), torch.tensor([0.25]), torch.tensor([1e-9])
    run = {
        "params": {"w": w},
        "m": {"w": m},
        "v": {"w": v},
        "step": 3,
        "order": [7, 5],
        "rng": torch.tensor([1, 200]).byte(),
    }
    gives = {"params": {"w": [1.5]}, "m": {"w": [0.25]}, "v": {"w": [0.0]}, "step": 3, "order": [7, 5], "rng": [1, 200]}
    exact(checkpoint, "load(save(state))", run, with_=oracle, gives=gives)


@pytest.mark.card("checkpoint-optimizer-state")
def test_the_moments_and_the_step_come_back_to_the_bit(seed):
    for step in (0, 1, 10**6):
        exact(checkpoint, "load(save(state))", state(seed, step=step), with_=oracle)


@pytest.mark.card("checkpoint-data-order")
@pytest.mark.parametrize("order", [(), (5,), (9, 2, 2, 4), (2**31, 2**40 + 1, 3), tuple(range(500, 0, -1))], ids=len)
def test_the_data_still_to_come_stays_in_its_order(order, seed):
    exact(checkpoint, "load(save(state))", state(seed, order=order), with_=oracle)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_every_dtype_of_parameters_comes_back(dtype, seed):
    exact(checkpoint, "load(save(state))", state(seed, dtype), with_=oracle)


@pytest.mark.parametrize("dtype", OTHERS, ids=str)
def test_so_do_integers_and_booleans(dtype, seed):
    values = torch.tensor([0, 1, 255, 2**53 + 1, 2**24 + 1]).to(dtype)
    exact(checkpoint, "load(save(state))", with_params(seed, mask=values), with_=oracle)


def test_shapes_without_axes_and_without_elements_come_back(seed):
    run = with_params(seed, scale=torch.tensor(2.5), none=torch.zeros(0), rows=torch.zeros(0, 3), one=torch.ones(1, 1))
    exact(checkpoint, "load(save(state))", run, with_=oracle)
    exact(checkpoint, "load(save(state))", {**run, "params": {}, "m": {}, "v": {}}, with_=oracle)


@pytest.mark.parametrize(
    "dtype, bits", [(torch.float32, 0x7F800001), (torch.float16, 0x7C01), (torch.bfloat16, 0x7F81)]
)
def test_every_bit_of_a_nan_and_of_a_zero_comes_back(dtype, bits, seed):
    integers = torch.int32 if dtype == torch.float32 else torch.int16
    patterns = torch.tensor([bits, bits + 40, 0, 1], dtype=integers).view(dtype)
    zeros = torch.tensor([0.0, -0.0, torch.inf, -torch.inf], dtype=dtype)
    exact(checkpoint, "the bits of load(save(state))", with_params(seed, nan=patterns, zero=zeros), with_=oracle)
    exact(checkpoint, "load(save(state))", with_params(seed, zero=zeros), with_=oracle)


def test_the_names_keep_their_order(seed):
    run = state(seed)
    backwards = {key: dict(reversed(value.items())) if isinstance(value, dict) else value for key, value in run.items()}
    for one in (run, backwards):
        exact(checkpoint, "the names in load(save(state))", one, with_=oracle)


def test_views_come_back_with_their_values(seed):
    run = with_params(
        seed, turned=randn(4, 3, seed=seed).T, gaps=strided(randn(3, 2, seed=seed)), half=randn(6, 2)[2:4]
    )
    exact(checkpoint, "load(save(state))", run, with_=oracle)


def test_equal_states_give_equal_bytes(seed):
    exact(checkpoint, "save(state) == save(other)", state(seed), state(seed), with_=oracle)


def test_a_view_gives_the_bytes_of_its_values(seed):
    run = state(seed)
    views = {name: strided(p) for name, p in run["params"].items()}
    exact(checkpoint, "save(state) == save(other)", {**run, "params": views}, run, with_=oracle)


def test_a_tensor_that_requires_a_gradient_gives_the_same_bytes(seed):
    run = state(seed)
    learning = {name: p.clone().requires_grad_() for name, p in run["params"].items()}
    exact(checkpoint, "save(state) == save(other)", {**run, "params": learning}, run, with_=oracle)


@pytest.mark.parametrize("kind", ["first", "last", "more"])
@pytest.mark.parametrize("n", [1, 8, 1000])
def test_bytes_that_are_missing_or_too_many_are_a_value_error(kind, n, seed):
    exact(checkpoint, "load(damaged save(state))", state(seed), (kind, n), with_=oracle)


@pytest.mark.parametrize("place", [0.0, 0.003, 0.02, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99, 1.0])
def test_one_bit_that_changed_is_a_value_error(place, seed):
    exact(checkpoint, "load(damaged save(state))", state(seed), ("bit", place), with_=oracle)


class Code:
    """A pickle of it calls `int("7")` when it is loaded. A stranger's pickle may call anything."""

    def __reduce__(self):
        return int, ("7",)


def saved_by_torch(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def signed(data):
    return hashlib.sha256(data).digest() + data


FOREIGN = {
    "nothing": b"",
    "zeros": bytes(500),
    "a pickle": pickle.dumps({"step": 3}),
    "code": pickle.dumps(Code()),
    "code in torch's format": saved_by_torch({"step": Code()}),
    "code with a checksum": signed(pickle.dumps(Code())),
    "code in torch's format with a checksum": signed(saved_by_torch({"step": Code()})),
}


@pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN.keys())
def test_other_bytes_and_pickles_that_could_run_code_are_a_value_error(foreign, seed):
    exact(checkpoint, "load(other)", {}, foreign, with_=oracle)


@settings(max_examples=10)
@given(
    st.lists(st.sampled_from([*FLOATS, *OTHERS]), max_size=3),
    st.lists(st.integers(0, 4), max_size=3),
    st.integers(0, 2**62),
    st.lists(st.integers(0, 2**40), max_size=5),
)
def test_any_state(dtypes, shape, step, order):
    params = {f"p{i}": randn(*shape, seed=i).to(dtype) for i, dtype in enumerate(dtypes)}
    exact(checkpoint, "load(save(state))", {**state(1, step=step, order=order), "params": params}, with_=oracle)
