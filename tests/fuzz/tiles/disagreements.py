"""Where the tile machine and something that it is compared with do not agree, and why. Nothing else may differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ISSUES = "https://github.com/triton-lang/triton/issues/"
PULLS = "https://github.com/triton-lang/triton/pull/"


@dataclass(frozen=True)
class Known:
    """A known disagreement: words of its message, why it is there, and the upstream thread if there is one."""

    name: str
    words: tuple[str, ...]
    why: str
    link: str = ""


# What the front end takes and a later stage of the compiler refuses. The machine refuses it at once.
# `test_what_a_later_stage_refuses_is_refused` compiles an example of each down to PTX.
LATER_STAGES = (
    Known(
        "8-bit floats",
        ("8-bit floats are for", "fp8e4nv: cast first", "fp8e5: cast first", "and more, not fp8"),
        "the front end makes llvm.fadd and others of i8, which MLIR's verifier refuses after the lowering",
    ),
    Known(
        "casts of 8-bit floats",
        ("Triton has no cast from",),
        "the front end makes tt.fp_to_fp, for which the NVIDIA backend has no code between fp8 and fp64, or two of fp8",
        PULLS + "11897",
    ),
    Known(
        "literals of 8-bit floats",
        ("is none of fp8",),
        "the front end makes arith.truncf, which LLVM cannot do on i8 unless it is folded away exactly",
        PULLS + "11667",
    ),
    Known(
        "masks",
        ("the mask of tl.",),
        "the front end makes tt.load with a mask of integers, which MLIR's verifier refuses when the module is complete",
    ),
    Known(
        "products with sums",
        ("tl.fma takes floats",),
        "the front end makes math.fma of integers, which MLIR's verifier refuses when the module is complete",
    ),
    Known(
        "functions of constants",
        ("takes fp32 and fp64, not i32: cast first",),
        "the front end checks the type of a tile but not of a constant, and math.exp of integers does not verify",
    ),
    Known(
        "joined tiles",
        ("tl.join takes tiles of one type",),
        "the front end makes tt.join of two types, which MLIR's verifier refuses when the module is complete",
    ),
    Known(
        "accumulators",
        ("tl.dot gives",),
        "the front end gives the product another type than its accumulator has, and the next operation does not verify",
    ),
)


# What the compiler takes and the machine refuses on purpose.
STRICTER = (
    Known(
        "casts of pointers",
        ("a pointer keeps its type",),
        "a pointer that became a number or another pointer could reach memory that is not the tensor's",
    ),
)


def later_stage(message: str) -> Known | None:
    """Why the front end does not refuse what this message of the machine refuses."""
    return next((known for known in (*LATER_STAGES, *STRICTER) if any(word in message for word in known.words)), None)


# Koans whose results do not depend on an order: every bit must be equal.
EXACT = ("vector_add", "fused_scale_bias_relu")

# What one machine finds and the other does not, by the name of the error.
FINDINGS: dict[str, Known] = {}

# Answers whose results, bytes or FLOPs differ: (koan, answer).
ANSWERS: dict[tuple[str, str], Known] = {}

TABLES: Sequence[Sequence[Known]] = (LATER_STAGES, STRICTER)
