"""The rule of agreement: honest ways to compute a result pass, wrong ones do not."""

import re

import pytest
import torch

from grader.checks import KINDS, Disagreement, agrees, exact, randn, signal, strided
from reference import lowp, oracle
from reference.ch06_numerics.softmax import softmax
from reference.ch07_attention.scores import scores

DTYPES = [torch.float16, torch.bfloat16, torch.float32]
SEEDS = 100


@oracle
def rms_norm(x, gain, eps=1e-6):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * gain


def _once(fn):
    """Compute in float32, round once."""
    return lambda x, *rest: fn(x.float(), *(r.float() if isinstance(r, torch.Tensor) else r for r in rest)).to(x.dtype)


def _loop_norm(x, gain, eps=1e-6):
    total = torch.zeros(x.shape[:-1])
    for column in x.unbind(-1):
        total = total + column * column
    return x * torch.rsqrt(total / x.shape[-1] + eps).unsqueeze(-1) * gain


HONEST = {
    "softmax": {
        "library": lambda x: torch.softmax(x, -1),
        "library in float32": _once(lambda x: torch.softmax(x, -1)),
        "shifted": _once(lambda x: (e := torch.exp(x - x.amax(-1, keepdim=True))) / e.sum(-1, keepdim=True)),
        "times reciprocal": _once(
            lambda x: (e := torch.exp(x - x.amax(-1, keepdim=True))) * (1 / e.sum(-1, keepdim=True))
        ),
        "exp2": _once(
            lambda x: (e := torch.exp2((x - x.amax(-1, keepdim=True)) * 1.4426950408889634)) / e.sum(-1, keepdim=True)
        ),
        "online": softmax.rights["online"].fn,
        "logsumexp": softmax.rights["by_logsumexp"].fn,
        "reversed": _once(lambda x: torch.softmax(x.flip(-1), -1).flip(-1)),
    },
    "scores": {
        "einsum": _once(lambda q, k: torch.einsum("bhqd,bhkd->bhqk", q, k) / q.shape[-1] ** 0.5),
        "matmul": _once(lambda q, k: q @ k.mT * q.shape[-1] ** -0.5),
        "scaled queries": scores.rights["scaled_queries"].fn,
        "broadcast": scores.rights["by_sum"].fn,
        "in order": scores.rights["in_order"].fn,
        "root of the scale on both": _once(lambda q, k: (q * q.shape[-1] ** -0.25) @ (k * q.shape[-1] ** -0.25).mT),
    },
    "rms_norm": {
        "library": _once(lambda x, g: torch.nn.functional.rms_norm(x, x.shape[-1:], g, 1e-6)),
        "definition": _once(rms_norm.fn),
        "loop": _once(_loop_norm),
        "vector norm": _once(lambda x, g: x / torch.sqrt(x.norm(dim=-1, keepdim=True) ** 2 / x.shape[-1] + 1e-6) * g),
        "reversed": _once(lambda x, g: rms_norm.fn(x.flip(-1), g.flip(-1)).flip(-1)),
        "gain first": _once(lambda x, g: (x * g) / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)),
    },
}


def _inputs(name, kind, dtype, seed):
    if name == "softmax":
        return (signal(kind, 3, 37, dtype=dtype, seed=seed),)
    if name == "scores":
        return signal(kind, 1, 2, 3, 24, dtype=dtype, seed=seed), randn(1, 2, 5, 24, dtype=dtype, seed=seed + 1000)
    return signal(kind, 4, 48, dtype=dtype, seed=seed), (1 + 0.1 * randn(48, seed=seed + 1)).to(dtype)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "ref"), [("softmax", softmax), ("scores", scores), ("rms_norm", rms_norm)])
def test_no_honest_answer_is_rejected_over_a_hundred_seeds(name, ref, dtype):
    from grader.checks.agreement import compare, expect
    from grader.checks.outcome import Outcome

    rejected = []
    for seed in range(SEEDS):
        for kind in KINDS:
            inputs = _inputs(name, kind, dtype, seed)
            expected = expect(ref, inputs, {})
            wide = None
            for way, fn in HONEST[name].items():
                outcome = Outcome(fn(*inputs))
                if compare(outcome, expected) is not None:
                    wide = wide or expect(ref, inputs, {}, widen=True)
                    if compare(outcome, wide) is not None:
                        rejected.append((way, kind, seed))
    assert rejected == []


@pytest.mark.parametrize(("name", "ref"), [("softmax", softmax), ("scores", scores), ("rms_norm", rms_norm)])
@pytest.mark.parametrize("kind", KINDS)
def test_the_oracles_own_error_in_float32_is_no_larger_than_the_bound(name, ref, kind):
    from grader.checks.agreement import expect, own_error

    for seed in range(20):
        expected = expect(ref, _inputs(name, kind, torch.float32, seed), {})
        error = own_error(expected.outcome.value, expected.native.value)
        assert (error <= expected.widths[0]).all()


def test_an_oracle_that_overflows_in_float32_leaves_wrong_answers_no_room():
    @oracle
    def saturated(x):  # 1e25² is inf in float32, so there it gives 0
        return x / torch.sqrt(1 + x * x)

    x = torch.tensor([1e25, 1.0])
    agrees(lambda x: x / torch.hypot(torch.ones(()), x), x, with_=saturated)
    for wrong in (0.0, 0.5, 1 + 2**-18):
        with pytest.raises(Disagreement):
            agrees(lambda x, wrong=wrong: torch.stack([torch.tensor(wrong), 0.5**0.5 * x[1]]), x, with_=saturated)


WRONG_NORMS = {
    "subtracts the mean": _once(lambda x, g: rms_norm.fn(x - x.mean(-1, keepdim=True), g)),
    "sum for mean": _once(lambda x, g: x / torch.sqrt((x * x).sum(-1, keepdim=True) + 1e-6) * g),
    "eps outside the root": _once(lambda x, g: x / (torch.sqrt((x * x).mean(-1, keepdim=True)) + 1e-6) * g),
    "no eps": _once(lambda x, g: rms_norm.fn(x, g, 0.0)),
    "another eps": _once(lambda x, g: rms_norm.fn(x, g, 1e-5)),
    "0.5 % off": _once(lambda x, g: rms_norm.fn(x, g) * 1.005),
    "returned in float32": lambda x, g: rms_norm.fn(x.double(), g.double()).double(),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("way", WRONG_NORMS)
def test_every_wrong_norm_is_rejected_on_some_kind_of_input(way, dtype):
    caught = []
    for kind in KINDS:
        try:
            agrees(WRONG_NORMS[way], *_inputs("rms_norm", kind, dtype, 5), with_=rms_norm)
        except Disagreement:
            caught.append(kind)
    assert caught


def test_a_norm_computed_in_bf16_throughout_is_rejected():
    x, g = _inputs("rms_norm", "ordinary", torch.bfloat16, 0)
    with pytest.raises(Disagreement):
        agrees(rms_norm.fn, x, g, with_=rms_norm)


def test_an_answer_one_unit_in_the_last_place_off_is_rejected_in_half_precision():
    x = randn(4, 16, dtype=torch.bfloat16)

    def off(x):
        right = torch.softmax(x, -1)
        return (right.view(torch.int16) + 1).view(torch.bfloat16)

    with pytest.raises(Disagreement):
        agrees(off, x, with_=softmax)


@oracle
def blend(s, v):
    return lowp(torch.softmax(s, -1)) @ v


@oracle
def blend_in_float32(s, v):
    return torch.softmax(s, -1) @ v


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_an_intermediate_may_be_rounded_only_where_the_oracle_says_so(dtype):
    def rounds_the_weights(s, v):
        return (torch.softmax(s.float(), -1).to(s.dtype).float() @ v.float()).to(s.dtype)

    s, v = randn(6, 48, dtype=dtype), randn(48, 8, dtype=dtype, seed=1)
    agrees(rounds_the_weights, s, v, with_=blend)
    with pytest.raises(Disagreement):
        agrees(rounds_the_weights, s, v, with_=blend_in_float32)
    with pytest.raises(Disagreement):
        agrees(lambda s, v: rounds_the_weights(s, v) * 1.02, s, v, with_=blend)


@oracle
def total(x, y):
    return lowp(x * y).sum(-1)


def test_values_that_are_all_rounded_the_same_way_may_add_up():
    """64 equal products lie 0.44 of a unit in the last place above a float16, so every rounding goes down."""

    def rounds_the_products(x, y):
        return (x.float() * y.float()).to(x.dtype).float().sum(-1)

    x, y = torch.full((64,), 1 + 2**-10, dtype=torch.float16), torch.full((64,), 1.4375, dtype=torch.float32)
    assert rounds_the_products(x, y) != (x.float() * y).sum(-1)
    agrees(lambda x, y: rounds_the_products(x, y).to(torch.float32), x, y, with_=total)
    with pytest.raises(Disagreement):
        agrees(lambda x, y: rounds_the_products(x, y) * 1.002, x, y, with_=total)


@oracle
def half(x):
    if x.numel() == 0:
        raise ValueError("nothing to halve")
    return x / 2


class TestWhatAnAnswerMustBe:
    """Type, shape, dtype, structure, errors and untouched inputs."""

    @pytest.mark.parametrize(
        ("fn", "says"),
        [
            (lambda x: (x / 2).tolist(), "should be a torch.Tensor, but is a list"),
            (lambda x: torch.nn.Parameter(x / 2), "not a plain torch.Tensor"),
            (lambda x: (x / 2).double(), "the dtype should be torch.float32, but is torch.float64"),
            (lambda x: (x / 2)[:1], "the shape should be (2, 3), but is (1, 3)"),
            (lambda x: x.div_(2), "x was changed by the call"),
            (lambda x: 1 / 0, "raised ZeroDivisionError"),
            (lambda x: torch.full_like(x, torch.nan), "6 of 6 elements differ"),
        ],
    )
    def test_a_wrong_one_is_told_what_it_should_be(self, fn, says):
        with pytest.raises(Disagreement) as caught:
            agrees(fn, torch.arange(1.0, 7.0).reshape(2, 3), with_=half)
        assert says in str(caught.value)

    def test_an_error_the_oracle_raises_is_asked_for(self):
        with pytest.raises(Disagreement, match="should raise ValueError, but returned a value"):
            agrees(lambda x: x, torch.empty(0), with_=half)
        with pytest.raises(Disagreement, match="should raise ValueError, but raised TypeError"):
            agrees(lambda x: x + None, torch.empty(0), with_=half)

    def test_the_smallest_failing_input_is_shown(self):
        def wrong_for_negative(x):
            return torch.where(x < 0, x, x / 2)

        x = torch.ones(16, 16)
        x[11, 7] = -3.0
        with pytest.raises(Disagreement) as caught:
            agrees(wrong_for_negative, x, with_=half)
        assert "-3." in str(caught.value)
        assert int(re.search(r"half: 1 of (\d+) elements differ", str(caught.value))[1]) <= 12

    def test_strided_inputs_are_shown_with_their_strides(self):
        with pytest.raises(Disagreement, match="strides"):
            agrees(lambda x: x, strided(torch.ones(2, 3)), with_=half)


@oracle
def table(n):
    return {"half": n / 2, "parts": [n // 2, n % 2], "name": str(n)}


@pytest.mark.parametrize(
    ("fn", "says"),
    [
        (lambda n: {"half": n / 2}, "should have the keys"),
        (
            lambda n: {"half": n / 2, "parts": (n // 2, n % 2), "name": str(n)},
            "should be a list, but is a tuple",
        ),
        (lambda n: {"half": n / 2, "parts": [n // 2], "name": str(n)}, "should have 2 entries, but has 1"),
        (lambda n: {"half": n / 2 + 1e-3, "parts": [n // 2, n % 2], "name": str(n)}, "the value differs"),
        (lambda n: {"half": n / 2, "parts": [n // 2, n % 2], "name": "7 "}, "the value differs"),
    ],
)
def test_nested_answers_are_compared_part_by_part(fn, says):
    agrees(lambda n: {"half": n / 2 * (1 + 1e-9), "parts": [n // 2, n % 2], "name": str(n)}, 7, with_=table)
    with pytest.raises(Disagreement, match=says):
        agrees(fn, 7, with_=table)


def test_the_order_of_keys_does_not_matter_and_a_gap_names_its_key():
    agrees(lambda n: {"name": str(n), "parts": [n // 2, n % 2], "half": n / 2}, 7, with_=table)
    with pytest.raises(Disagreement, match=re.escape("result['parts'][1]: the value differs")):
        agrees(lambda n: {"half": n / 2, "parts": [n // 2, 0], "name": str(n)}, 7, with_=table)


@table.wrong("the half under another name")
def quotient(n):
    return {"quotient": n / 2, "parts": [n // 2, n % 2], "name": str(n)}


def test_a_wrong_answer_is_named_only_if_the_keys_are_the_same():
    """The values of all three are the same, in the same order."""
    half_called = {
        "quotient": ["quotient"],
        "share": [],
    }
    for key, names in half_called.items():
        with pytest.raises(Disagreement) as caught:
            agrees(lambda n, key=key: {"name": str(n), key: n / 2, "parts": [n // 2, n % 2]}, 7, with_=table)
        assert list(caught.value.message.looks) == names


@oracle
def reciprocal(x):
    return 1 / x


@reciprocal.wrong("raises on negative numbers")
def refuses_negative(x):
    if (x < 0).any():
        raise RuntimeError("negative")
    return 1 / x


def test_an_error_is_named_only_if_the_wrong_answer_gives_the_same_one():
    def other_bug(x):
        raise RuntimeError("shapes do not fit")

    def same_bug(x):
        raise RuntimeError("negative")

    for fn, names in ((other_bug, []), (same_bug, ["refuses_negative"])):
        with pytest.raises(Disagreement) as caught:
            agrees(fn, torch.tensor([-1.0]), with_=reciprocal)
        assert [name for name in caught.value.message.looks if name in reciprocal.wrongs] == names


@oracle
def third(x):
    return x / 3


def test_an_error_of_one_unit_in_the_last_place_is_said():
    def twice(x):
        return x * (torch.ones(1) / 3).to(x.dtype)

    x = torch.tensor([3.0, 5.0, 7.0, 9.0], dtype=torch.bfloat16)
    assert (twice(x) != (x.float() / 3).bfloat16()).sum() == 2
    with pytest.raises(Disagreement) as caught:
        agrees(twice, x, with_=third)
    assert caught.value.message.sentence == "third: off by one unit in the last place in 2 of 4: was it rounded twice?"


def test_exact_sees_the_sign_of_zero_and_takes_every_nan_for_the_same():
    exact(lambda x: -x / -2, torch.tensor([-0.0, torch.nan]), with_=half)
    with pytest.raises(Disagreement):
        exact(lambda x: x / 2 + 0.0, torch.tensor([-0.0]), with_=half)
    agrees(lambda x: x / 2 + 0.0, torch.tensor([-0.0]), with_=half)


def test_an_example_written_into_a_test_is_held_against_the_oracle():
    with pytest.raises(AssertionError, match="the oracle gives"):
        agrees(lambda x: x / 2, torch.tensor([1.0]), with_=half, gives=[0.6])


def test_inputs_of_a_kind_are_the_same_for_the_same_seed():
    for kind in KINDS:
        assert torch.equal(signal(kind, 3, 4, seed=7), signal(kind, 3, 4, seed=7))
    assert not torch.equal(randn(9, seed=1), randn(9, seed=2))
    x = randn(3, 4, 5)
    assert torch.equal(strided(x), x)
    assert not strided(x).is_contiguous()


def test_the_bound_covers_the_formula_that_the_contract_prescribes():
    """Where one score is far above the others, its weight by the maximum is exactly 1. By a log-sum-exp it is not."""

    @oracle
    def weights(x):
        e = torch.exp(1.1 * (x - x.amax(-1, keepdim=True)))
        return e / e.sum(-1, keepdim=True)

    def by_logsumexp(x):
        return torch.exp(1.1 * x - (x * 11 / 10).logsumexp(-1, keepdim=True))

    x = torch.zeros(64, 3)
    x[:, 0] = 1000 + torch.arange(64)
    with pytest.raises(Disagreement):
        agrees(by_logsumexp, x, with_=weights)
    weights.prescribed(by_logsumexp)
    agrees(by_logsumexp, x, with_=weights)
    with pytest.raises(Disagreement):
        agrees(lambda x: by_logsumexp(x) * 1.01, x, with_=weights)
