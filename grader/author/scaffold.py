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
NOTES = """# Hint 1

Points at the place to look.

# Hint 2

Explains.

# Hint 3

Nearly gives it.

# Afterword

Why it matters in a real model, and where the idea returns.
"""


def new_koan(workbook: Workbook, name: str) -> list[Path]:
    """Write the files of a new koan, and its entry in chapter.toml. Returns the files.

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
    files = {
        root / "solutions" / chapter / f"{koan}.py": fill(SOLUTION),
        root / "exercises" / chapter / f"{koan}.py": derive(fill(SOLUTION)),
        root / "exercises" / chapter / f"test_{koan}.py": fill(TEST),
        root / "reference" / chapter / f"{koan}.py": fill(REFERENCE),
        root / "content" / chapter / f"{koan}.md": NOTES,
    }
    existing = [f for f in files if f.exists()]
    if existing or name in workbook.koans:
        raise KoansError(f"{name} exists already{': ' + str(existing[0].relative_to(root)) if existing else ''}")
    toml = root / "content" / chapter / "chapter.toml"
    head = toml.read_text(encoding="utf-8") if toml.exists() else f'title = "{chapter[5:].capitalize()}"\n'
    entry = f'\n[[koans]]\nname = "{koan}"\ntitle = "{title}"\nrung = "compute it"\npoints = 1\n'
    files[toml] = head + entry
    write_files(files)
    return [*files]
