"""What the machine refuses or finds in a kernel. Each error has a sentence that says what to do next."""

from __future__ import annotations

import re
from typing import Literal

from grader.book.verdict import one_line

LONGEST = 600  # characters of a message
Mode = Literal["reads", "writes"]
PARTICULARS = re.compile(r"`[^`]*`|\b(?:[iu]|fp|bf)\d\w*\b|\[[^\]]*\]|\d+")  # quoted text, types, shapes and numbers


class KernelError(Exception):
    """A fault of a kernel.

    `line` is the line in the learner's file, 0 where it is not known. `cause` tells mistakes apart: words for the kind
    of fault and for what it is about, by default the sentence without its particulars.
    """

    def __init__(self, text: str, cause: tuple[str, ...] = ()) -> None:
        super().__init__(one_line(text, LONGEST))
        self.cause = cause or (PARTICULARS.sub("…", text),)
        self.line = 0


class Refused(KernelError, TypeError):
    """Triton would not compile this: the types, shapes or constants do not fit."""

    summary = "does not compile"  # what a verdict says instead of the name of the class


class Unexpected(Refused):
    """Arguments that nothing in the machine foresees. It is a gap in the machine's own checks."""


class PointerCast(Refused):
    """A pointer that became a pointer to another type or a number, or a number that became a pointer."""

    def __init__(self) -> None:
        super().__init__("a pointer keeps its type: do not cast or mix pointers; cast the tile that tl.load gives")


class StrayAddress(KernelError, IndexError):
    """A load or store outside every tensor the kernel was given."""


class UndefinedValue(KernelError, ValueError):
    """A value that a GPU may give in any way is stored, or decides where memory is accessed or what is computed.

    `origins` are the lines of all loads that left lanes undefined.
    """

    origins: tuple[int, ...] = ()


class Race(KernelError, RuntimeError):
    """Two programs of one launch access an element, at least one writes it, and nothing orders them."""


class OutOfBudget(KernelError, RuntimeError):
    """A kernel takes more steps or more memory than any koan needs."""


class FailedAssertion(KernelError, AssertionError):
    """tl.static_assert, tl.device_assert or tl.assume does not hold."""
