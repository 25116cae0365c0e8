"""Texts of strangers: each is refused or stopped, in one clear line, within the budgets of steps and memory.

`python -m tests.fuzz.tiles hostile` measures the time and the memory that they take.
"""

import json
from pathlib import Path

import pytest
import torch

from grader.kernels import kernel_text
from grader.kernels.kernel_text import read
from grader.kernels.tiles.findings import OutOfBudget, Race, Refused, StrayAddress, UndefinedValue
from grader.kernels.tiles.launch import load
from grader.kernels.tiles.tile import HELD
from tests.kernels.hostile_runs import ending
from tests.kernels.hostile_texts import GROUPS, file, kernel

ENDINGS = json.loads((Path(__file__).parent / "hostile_endings.json").read_text(encoding="utf-8"))
BUDGET = 20_000_000  # a hundredth of a launch's own: what has no end is stopped sooner
LONGEST_MESSAGE = 600


@pytest.mark.parametrize("group", GROUPS)
def test_hostile_texts_end_as_they_must_in_one_clear_line_and_leave_no_memory(group):
    before = HELD.bytes
    endings = {name: ending(text, BUDGET) for name, text in GROUPS[group].items()}
    assert {name: word for name, (word, _) in endings.items()} == ENDINGS[group]
    assert HELD.bytes == before
    for name, (_, message) in endings.items():
        assert message.isprintable(), name
        assert " object at 0x" not in message, name
        assert len(message) <= LONGEST_MESSAGE, name


def run(body, *helpers, grid=(1,), signature="x_ptr, out_ptr, n, BLOCK: tl.constexpr"):
    text = read(file(kernel("i = tl.arange(0, BLOCK)\n" + body, signature), *helpers), "<test>")
    x, out = torch.arange(4096, dtype=torch.float32), torch.zeros(4096)
    load(text, budget=400_000_000).k[grid](x, out, 64, BLOCK=64)
    return out


UNDEFINED = "s = tl.load(x_ptr, mask=n < 0)\n"


@pytest.mark.parametrize(
    "body",
    [
        "for j in range(s.to(tl.int32)):\n    n = n + 1",
        "for j in range(s.to(tl.int32), 3):\n    n = n + 1",
        "tl.store(out_ptr + i, tl.rand(s.to(tl.int32), i))",
        "tl.store(out_ptr + i, tl.histogram(i, BLOCK, mask=s > 0))",
        "tl.atomic_cas(out_ptr, s, 1.0)",
    ],
)
def test_an_undefined_value_decides_nothing(body):
    with pytest.raises(UndefinedValue):
        run(UNDEFINED + body)


@pytest.mark.parametrize(
    "atomic",
    [
        "tl.atomic_add(out_ptr + i, 0.0, mask=i < 0)",
        "if n < 0:\n    tl.atomic_add(out_ptr, 0.0)",
        'tl.atomic_add(out_ptr + 4000, 0.0, sem="relaxed")',
    ],
)
def test_an_atomic_that_orders_nothing_hides_no_race(atomic):
    with pytest.raises(Race):
        run(f"{atomic}\ntl.store(out_ptr + i, i * 1.0)", grid=(4,))


def test_lanes_of_one_program_that_write_different_values_to_one_element_race():
    with pytest.raises(Race, match=r"program \(0, 0, 0\) writes different values to out_ptr at element 0 in one store"):
        run("tl.store(out_ptr + i * 0, i * 1.0)")
    assert run("tl.store(out_ptr + i * 0, i * 0.0 + 7.0)")[0] == 7.0


def test_no_offset_leads_from_one_tensor_to_the_next():
    for offset in (1 << 44, (1 << 44) + 1, -(1 << 44)):
        with pytest.raises(StrayAddress):
            run(f"tl.store(out_ptr + i, tl.load(x_ptr + {offset} + i))")


def test_the_function_of_a_reduction_knows_no_programs():
    with pytest.raises(Refused, match="may only compute"):
        run("tl.store(out_ptr, tl.reduce(i, 0, h) * 1.0)", kernel("return a + b + tl.program_id(0)", "a, b", "h"))


def test_products_by_keyword_count_their_flops():
    from grader.kernels.tiles.counts import Traffic

    body = "a = tl.load(x_ptr + i[:, None] * BLOCK + i[None, :])\ntl.store(out_ptr + i[:, None] * BLOCK + i, {})"
    flops = []
    for product in ("tl.dot(a, a)", "tl.dot(a, other=a)", "tl.dot(input=a, other=a)"):
        traffic = Traffic()
        text = read(file(kernel("i = tl.arange(0, BLOCK)\n" + body.format(product))), "<test>")
        load(text, traffic).k[(1,)](torch.zeros(4096), torch.zeros(4096), 64, BLOCK=64)
        flops.append(traffic.flops)
    assert flops == [2 * 64**3] * 3


def test_a_loop_counts_by_the_step_that_is_given_by_name():
    count = "y = 0.0\nfor j in {}:\n    y = y + 1.0\ntl.store(out_ptr, y)"
    for loop in ("tl.static_range(0, 8, step=2)", "tl.range(0, 8, step=2)", "tl.range(0, arg2=4)"):
        assert run(count.format(loop))[0] == 4.0


def test_a_counter_of_an_inner_loop_may_have_the_name_of_the_outer_one():
    body = "y = 0.0\nfor j in range(3):\n    for j in range(2):\n        y = y + 1.0\ntl.store(out_ptr, y)"
    assert run(body)[0] == 6.0
    with pytest.raises(Refused, match="j is not defined here"):
        run("for j in range(3):\n    for j in range(2):\n        n = n + 1\n    tl.store(out_ptr, j * 1.0)")


def test_many_programs_with_large_tiles_run_in_smaller_groups_within_the_memory():
    body = "b = tl.arange(0, 65536)\n" + "".join(f"y{k} = b + tl.program_id(0) + {k}\n" for k in range(20))
    total = " + ".join(f"tl.sum(y{k}, 0)" for k in range(20))
    out = run(f"{body}tl.store(out_ptr + tl.program_id(0), ({total}) * 1.0)", grid=(64,))
    assert out[:64].unique().numel() == 64


def test_a_kernel_file_has_limits():
    small = file(kernel("x = n\n"))
    for text, says in (
        (small + "#" * kernel_text.MOST_CHARACTERS, "the file has"),
        (file(kernel("x = (" + "n," * kernel_text.MOST_PARTS + ")")), "the file has more than 10,000 names"),
        (file(kernel("x = " + "-" * kernel_text.MOST_LEVELS + "n")), "nested too deeply: give parts of it names"),
        (file(kernel("x = 0x1" + "0" * 5000)), "a number of more than 128 bits"),
        (file(kernel("x = n", "n, n")), "k has two parameters of the same name"),
    ):
        with pytest.raises(SyntaxError, match=says):
            read(text, "<test>")


def test_a_launch_does_not_get_its_budget_again_when_it_starts_over():
    body = (
        "for j in range(100000):\n    n = n + j\nb = tl.arange(0, 1048576) + tl.program_id(0)\ntl.store(out_ptr, 1.0)"
    )
    with pytest.raises(OutOfBudget):
        run(body, grid=(64,))
