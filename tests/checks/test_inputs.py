"""Inputs belong to the test: a call gets copies, and whatever it changes about its copy is seen and named."""

import ast

import numpy as np
import pytest
import torch

from grader.checks import Disagreement, agrees, exact
from grader.checks.agreement import call
from grader.checks.copies import change, clone
from reference import oracle
from tests.conftest import ROOT


@oracle
def total(parts, table=None):
    return float(sum(sum(part) for part in parts))


def _total(change_inputs):
    def fn(parts, table=None):
        value = float(sum(sum(part) for part in parts))
        change_inputs(parts, table)
        return value

    return fn


def _regroup(parts, table):
    parts[:] = [[x for part in parts for x in part], []]


def _rename(parts, table):
    table["b"] = table.pop("a")


def _reorder(parts, table):
    table["a"] = table.pop("a")


CHANGES = {
    "parts: an empty tuple is appended": lambda parts, table: parts.append(()),
    "parts: an empty list is appended": lambda parts, table: parts.append([]),
    "parts: the numbers are regrouped": _regroup,
    "parts: a list becomes a tuple": lambda parts, table: parts.__setitem__(0, tuple(parts[0])),
    "parts: an int becomes a float": lambda parts, table: parts[0].__setitem__(0, 1.0),
    "parts: an int becomes a bool": lambda parts, table: parts[0].__setitem__(0, True),
    "parts: emptied and refilled": lambda parts, table: (parts.clear(), parts.append([1, 2, 4])),
    "table: setdefault of an empty list": lambda parts, table: table.setdefault("x", []),
    "table: setdefault of None": lambda parts, table: table.setdefault("x", None),
    "table: a key is renamed": _rename,
    "table: the order of the keys": _reorder,
    "table: a pair is replaced": lambda parts, table: table["pairs"].__setitem__(0, (1, 3)),
    "table: a zero changes its sign": lambda parts, table: table.__setitem__("zero", -0.0),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_input_is_named(what):
    parts, table = [[1], [2, 4]], {"a": 1, "pairs": [(1, 2)], "zero": 0.0}
    with pytest.raises(Disagreement) as caught:
        agrees(_total(CHANGES[what]), parts, table, with_=total)
    name = what.partition(":")[0]
    first = str(caught.value).splitlines()[0]
    assert first == f"total: the result is right, but {name} was changed by the call; work on a copy"
    assert (parts, table, list(table)) == (
        [[1], [2, 4]],
        {"a": 1, "pairs": [(1, 2)], "zero": 0.0},
        ["a", "pairs", "zero"],
    )


@pytest.mark.parametrize(
    "honest",
    [
        lambda parts, table: None,
        lambda parts, table: (parts.append(7), parts.pop()),
        lambda parts, table: parts.__setitem__(0, [1]),
        lambda parts, table: table.__setitem__("nan", float("nan")),
    ],
)
def test_inputs_that_are_as_they_were_are_accepted(honest):
    agrees(_total(honest), [[1], [2, 4]], {"a": 1, "nan": float("nan")}, with_=total)


@oracle
def double(x, y=None):
    return 2 * x


@pytest.mark.parametrize("check", [agrees, exact])
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda x: x.mul_(0), "x was changed by the call; work on a copy"),
        (lambda x: x.resize_(5), "x was changed by the call; work on a copy"),
        (lambda x: x.unsqueeze_(0), "x was changed by the call; work on a copy"),
        (lambda x: setattr(x, "data", x.double()), "x was changed by the call; work on a copy"),
        (lambda x: x.requires_grad_(), "x has a different requires_grad after the call; work on a detached copy"),
        (lambda x: setattr(x, "grad", torch.ones_like(x)), "x has a .grad after the call; work on a detached copy"),
    ],
)
def test_a_tensor_that_the_call_spoils_stays_whole_for_the_test(check, spoil, says):
    x = torch.tensor([1.0, torch.nan, 3.0])

    def fn(x, y=None):
        result = 2 * x.detach()
        spoil(x)
        return result

    with pytest.raises(Disagreement) as caught:
        check(fn, x, with_=double)
    assert str(caught.value).splitlines()[0] == f"double: the result is right, but {says}"
    assert (x.shape, x.dtype, x.requires_grad, x.grad) == ((3,), torch.float32, False, None)
    assert x.isnan().tolist() == [False, True, False]
    assert x.nan_to_num(2.0).tolist() == [1.0, 2.0, 3.0]


def test_an_input_of_a_call_that_raises_is_not_changed_for_the_next_one():
    @oracle
    def first(parts):
        return float(parts[0])

    shared = [1.0]

    def cheat(parts):
        parts.clear()
        raise IndexError("list index out of range")

    for _ in range(2):
        with pytest.raises(Disagreement, match="raised IndexError"):
            agrees(cheat, shared, with_=first)
    assert shared == [1.0]


def test_a_result_that_a_later_call_changes_is_shown_as_it_was():
    """hypothesis writes the message after more calls."""
    from hypothesis import given, settings
    from hypothesis import strategies as st

    kept = torch.zeros(1)
    seen = []

    def fn(x, y=None):
        kept.fill_(float(x[0]) * 3)
        return kept

    @settings(derandomize=True, database=None, max_examples=5)
    @given(st.integers(1, 3))
    def property_test(n):
        try:
            agrees(fn, torch.full((1,), float(n)), with_=double)
        except Disagreement as error:
            seen.append((n, error))
            raise

    with pytest.raises(Disagreement):
        property_test()
    kept.fill_(99.0)
    n, error = seen[0]
    assert f"actual   tensor([{3 * n}.]" in str(error)


@pytest.mark.parametrize(
    "x",
    [
        torch.arange(12.0).view(3, 4).T,
        torch.arange(12.0)[::3],
        torch.arange(4.0).expand(3, 4),
        torch.arange(6.0)[::2].expand(2, 3),
        torch.arange(6.0).as_strided((4, 3), (1, 1)),
        torch.ones(3, requires_grad=True),
        torch.zeros(0, 3),
        torch.zeros(3, 0).T,
        torch.arange(4.0).expand(0, 4),
    ],
    ids=str,
)
def test_a_copy_of_a_tensor_has_its_layout_and_shares_nothing(x):
    y = clone(x)
    assert (y.shape, y.dtype, y.stride(), y.requires_grad) == (x.shape, x.dtype, x.stride(), x.requires_grad)
    assert torch.equal(x, y)
    assert not x.numel() or x.untyped_storage().data_ptr() != y.untyped_storage().data_ptr()
    assert change(x, y) is None


@pytest.mark.parametrize("x", [np.arange(12.0).reshape(3, 4).T, np.arange(12)[::-3], np.ones(3)], ids=str)
def test_a_copy_of_an_array_has_its_strides(x):
    y = clone(x)
    assert (y.dtype, y.strides) == (x.dtype, x.strides)
    assert (x == y).all()
    assert not np.shares_memory(x, y)


def test_an_input_is_copied_to_its_last_part():
    inner = {"deep": [([1], np.ones(1), {2: bytearray(b"x")}), {3}]}
    copied = clone(inner)
    assert copied == inner
    copied["deep"][0][0].append(2)
    copied["deep"][0][2][2] += b"y"
    copied["deep"][1].add(4)
    assert (inner["deep"][0][0], inner["deep"][0][2][2], inner["deep"][1]) == ([1], b"x", {3})
    assert change(inner, copied) == "values"


def test_a_call_hands_out_copies():
    shared, seen = [[1]], []
    call(seen.append, (shared,), {})
    assert seen[0] == shared
    assert seen[0] is not shared
    assert seen[0][0] is not shared[0]


def test_no_test_of_a_koan_calls_the_function_itself():
    """A check hands out copies. A function that a test defines may call the koan's, if a check calls that function."""
    found = []
    for file in sorted((ROOT / "exercises").glob("*/test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("exercises.")
            for alias in node.names
        }
        tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
        for test in tests:
            inner = {n for f in ast.walk(test) if isinstance(f, ast.Lambda) for n in ast.walk(f)}
            found += [
                f"{file.name}:{node.lineno}"
                for node in ast.walk(test)
                if isinstance(node, ast.Call)
                and node not in inner
                and isinstance(node.func, ast.Name)
                and node.func.id in names
            ]
    assert found == []
