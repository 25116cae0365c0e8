"""An id of a submission is safe as a file name on every system, and no two of a batch are equal."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.course.intake.ids import LONGEST, identify, is_safe


def ids(*names):
    return identify([(name, f"/class/{i}") for i, name in enumerate(names)])


def test_a_name_that_is_safe_and_unique_is_its_own_id():
    assert ids("ada", "bob.smith", "cyd_2", "x-1", "_", "7") == ["ada", "bob.smith", "cyd_2", "x-1", "_", "7"]


@pytest.mark.parametrize(
    "name, form",
    [
        ("Ada Lovelace", "Ada_Lovelace-D"),
        ("Zoë", "Zoe-D"),
        ("../../etc/passwd", "etc_passwd-D"),
        ("a/b", "a_b-D"),
        ("nul\0", "_nul-D"),
        ("", "submission-D"),
        ("..", "submission-D"),
        (".git", "git-D"),
        ("-rf", "rf-D"),
        ("x.", "x-D"),
        ("con", "_con-D"),
        ("Com1.txt", "_Com1.txt-D"),
        ("艾达", "submission-D"),
        ("\ud800", "submission-D"),
        ("\x1b[31mred", "31mred-D"),
        ("a" * 61, "a" * 51 + "-D"),
    ],
)
def test_another_name_gets_a_safe_form_and_a_digest(name, form):
    (one,) = ids(name)
    assert re.sub(r"-[0-9a-f]{8}$", "-D", one) == form


def test_an_id_does_not_depend_on_the_others():
    assert ids("Ada L", "bob")[0] == ids("x", "Ada L", "y z")[1] == ids("Ada L")[0]


def test_one_name_twice_is_told_apart_by_where_it_was_found():
    first, second = identify([("ada", "/a"), ("ada", "/b")])
    assert first != second and {first[:4], second[:4]} == {"ada-"}
    assert identify([("ada", "/b"), ("x", ""), ("ada", "/a")]) == [second, "x", first]
    assert len(set(identify([("ada", "/a")] * 3))) == 3


def test_names_that_differ_only_in_case_get_different_ids_in_any_case():
    found = ids("Ada", "ada", "bob")
    assert len({one.lower() for one in found}) == 3
    assert "ada" not in found and found[2] == "bob"


def test_a_name_that_looks_like_the_id_of_another_keeps_itself():
    (stolen,) = ids("Ada L")
    both = ids("Ada L", stolen)
    assert both[1] == stolen and both[0] != stolen


ODD = st.sampled_from([".", "-", "/", "\\", "con", "NUL", "a", "A", "é", "\0", "\ud800", " ", "a" * 40, "COM1.x", "~"])
names = st.lists(ODD, max_size=4).map("".join) | st.text(max_size=8)
batches = st.lists(st.tuples(names, st.sampled_from(["", "/a", "/b"])), max_size=8)


@given(batches)
def test_every_batch_has_safe_ids_that_differ_in_any_case(batch):
    found = identify(batch)
    assert len(found) == len(batch) == len({one.lower() for one in found})
    for (name, _), one in zip(batch, found, strict=True):
        assert is_safe(one) and len(one) <= LONGEST
        assert set(one) <= set(string.ascii_letters + string.digits + "._-")
        assert one[0] not in ".-" and one[-1] != "."
        alone = [other for other, _ in batch if other.lower() == name.lower()] == [name]
        assert one == name or not (is_safe(name) and alone)


@given(batches, st.randoms())
def test_ids_of_different_names_do_not_depend_on_the_order(batch, random):
    batch = list(dict.fromkeys(batch))
    shuffled = random.sample(batch, len(batch))
    assert dict(zip(batch, identify(batch), strict=True)) == dict(zip(shuffled, identify(shuffled), strict=True))
