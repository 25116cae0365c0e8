"""`koans new`: writes the five files of a koan, with placeholders for the author to replace."""

from __future__ import annotations

import re
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.files import write_files
from grader.book.stubs import derive
from grader.book.workbook import Workbook

SOLUTION = '''"""TITLE

Two or three lines: what goes wrong without it, in numbers.
"""

from jaxtyping import Float
from torch import Tensor


def NAME(x: Float[Tensor, "*batch n"]) -> Float[Tensor, "*batch n"]:
    """What it returns, in which dtype, with an example that can be checked by hand.

        NAME(...)  ->  ...
    """
    ### BEGIN SOLUTION
    return x
    ### END SOLUTION
'''
REFERENCE = """from reference import oracle


@oracle
def NAME(x):
    return x * 1


@NAME.wrong("what was done: why that is wrong")
def rename_me(x):
    return x + 1


# Where the result keeps the dtype of the input: NAME.standard_wrongs("returns_fp32", "low_precision_inside").
"""
TEST = '''"""A sentence: what holds."""

import torch

from exercises.CHAPTER.NAME import NAME
from grader.checks import agrees
from reference.CHAPTER.NAME import NAME as oracle


def test_an_example_checked_by_hand():
    agrees(NAME, torch.tensor([1.0, 2.0]), with_=oracle, gives=[1.0, 2.0])
'''
HUNT = '''"""TITLE

Two or three lines: what the code does, and what one sees at work. Nothing here gives the cause away.
"""

from jaxtyping import Float
from torch import Tensor


def NAME(x: Float[Tensor, "n"], steps: int) -> list[float]:
    """What it returns, with everything that the tests ask for.

        NAME(...)  ->  ...
    """
    losses = []
    for _ in range(steps):
        losses.append(x.square().mean().item())
        ### BEGIN BUG
        x = 0.9 * x
        ### PLANTED
        # x = 1.1 * x
        ### END BUG
    return losses
'''
HUNT_REFERENCE = """from reference import PLANTED, oracle
from reference.symptom import Curve, Symptom


def _run(x, steps, rate):
    return [(rate**step * x).square().mean().item() for step in range(steps)]


@oracle
def NAME(x, steps):
    return _run(x, steps, 0.9)


@NAME.wrong(PLANTED)
def planted(x, steps):
    return _run(x, steps, 1.1)


@NAME.wrong("what was done: why it hides the symptom and does not mend the cause")
def rename_me(x, steps):
    return _run(x, steps, 1.0)


@NAME.right("another way to mend it: register at least three")
def also_rename_me(x, steps):
    return _run(x, steps, 0.9)


@NAME.symptom("what is measured, with its unit")
def symptom(run, seed):
    import torch

    losses = run(torch.randn(8, generator=torch.Generator().manual_seed(seed)), 20)
    return Symptom(losses[-1], (Curve("loss of each step", tuple(losses)),))
"""
HUNT_TEST = '''"""A sentence: what holds once the mistake is mended."""

import torch

from exercises.CHAPTER.NAME import NAME
from grader.checks import agrees
from reference.CHAPTER.NAME import NAME as oracle


def test_two_steps_by_hand():
    agrees(NAME, torch.tensor([1.0, 1.0]), 2, with_=oracle, gives=[1.0, 0.81])
'''
NOTES = """# Hint 1

Points at the place to look.

# Hint 2

Explains.

# Hint 3

Nearly gives it.

# Afterword

Why it matters in a real model, and where the idea returns.
"""


def new_koan(workbook: Workbook, name: str, *, hunt: bool = False) -> list[Path]:
    """Write the files of a new koan or `hunt`, and its entry in chapter.toml. Returns the files.

    Raises KoansError if the id is malformed, if the koan or any of its files exists, or if a file cannot be written.
    """
    match = re.fullmatch(r"(ch\d\d_[a-z_]+)/([a-z][a-z0-9_]*)", name)
    if not match:
        raise KoansError(f"'{name}' is not a koan id; an id is CHAPTER/NAME, as in ch06_numerics/logsumexp")
    chapter, koan = match[1], match[2]
    title = koan.replace("_", " ").capitalize()

    def fill(text: str) -> str:
        return text.replace("CHAPTER", chapter).replace("NAME", koan).replace("TITLE", title)

    root = workbook.root
    solution, reference, test = (HUNT, HUNT_REFERENCE, HUNT_TEST) if hunt else (SOLUTION, REFERENCE, TEST)
    files = {
        root / "solutions" / chapter / f"{koan}.py": fill(solution),
        root / "exercises" / chapter / f"{koan}.py": derive(fill(solution)),
        root / "exercises" / chapter / f"test_{koan}.py": fill(test),
        root / "reference" / chapter / f"{koan}.py": fill(reference),
        root / "content" / chapter / f"{koan}.md": NOTES,
    }
    existing = [f for f in files if f.exists()]
    if existing or name in workbook.koans:
        raise KoansError(f"{name} exists already{': ' + str(existing[0].relative_to(root)) if existing else ''}")
    toml = root / "content" / chapter / "chapter.toml"
    head = toml.read_text(encoding="utf-8") if toml.exists() else f'title = "{chapter[5:].capitalize()}"\n'
    rung = 'name it"\nkind = "hunt' if hunt else "compute it"
    entry = f'\n[[koans]]\nname = "{koan}"\ntitle = "{title}"\nrung = "{rung}"\npoints = 1\n'
    files[toml] = head + entry
    write_files(files)
    return [*files]
