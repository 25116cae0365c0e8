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
        ("fp8e4nv has no number", "fp8e5 has no number"),
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
        ("takes fp32 and fp64, not i32: cast first", "takes fp32 only, not i32: cast first"),
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
    Known(
        "atomic operations on bits",
        ("takes whole numbers, not fp", "takes whole numbers, not bf"),
        "the compiler takes the bits of a float for an atomic and, or, xor, which nobody means",
    ),
    Known(
        "random numbers from floats",
        ("tl.rand and similar functions",),
        "the compiler takes the bits of a float as the number that the random number belongs to, which nobody means",
    ),
)


def later_stage(message: str) -> Known | None:
    """Why the front end does not refuse what this message of the machine refuses."""
    return next((known for known in (*LATER_STAGES, *STRICTER) if any(word in message for word in known.words)), None)


# Koans whose results do not depend on an order: every bit must be equal.
EXACT = ("vector_add", "fused_scale_bias_relu")

# What one machine finds and the other does not, by the name of the error.
FINDINGS: dict[str, Known] = {
    "UndefinedValue": Known(
        "undefined lanes",
        ("undefined value",),
        "the interpreter reads 0 where a masked load has no `other`; the language leaves the value open",
        ISSUES + "9917",
    ),
    "Race": Known(
        "races",
        ("both write", "reads what"),
        "the interpreter runs one program after the other, so the last one wins",
    ),
    "Refused": Known(
        "types",
        (),
        "the interpreter runs Python, which lets a variable change its type and takes an `if` of a tile; each refusal here is "
        "given to the compiler, which must refuse too",
    ),
    "interpreter: Unable": Known(
        "arithmetic on bf16",
        ("bf16",),
        "the interpreter computes on the 16-bit patterns, so tests/kernels/triton_interpreter.py stops it",
        PULLS + "10945",
    ),
}

_PYTHON = "the interpreter leaves {} of tiles to Python, which takes the truth of the first or of the whole; compiled, it is elementwise"
# Answers whose results, bytes, FLOPs or errors differ: (koan, answer).
ANSWERS: dict[tuple[str, str], Known] = {
    ("fused_scale_bias_relu", "python_max"): Known("`max` of tiles", ("not equal",), _PYTHON.format("`max`")),
    ("flash_causal", "joined_by_and"): Known("`and` of tiles", ("apart",), _PYTHON.format("`and`"), PULLS + "6769"),
    ("matmul_kernel", "joined_by_and"): Known("`and` of tiles", ("Stray",), _PYTHON.format("`and`"), PULLS + "6769"),
    ("vector_add", "arange_of_n"): Known(
        "a length of 1",
        ("tl.constexpr",),
        "compiled, an argument of 1 is a constant, so tl.arange(0, n) is allowed for it alone",
    ),
}

# What is mended in the interpreter before it is compared, since nothing could be compared otherwise.
MENDED = (
    Known("products of bf16", (), "it multiplies the bit patterns", ISSUES + "11584"),
    Known("sums of bf16", (), "it adds the bit patterns; here they are stopped", ISSUES + "11604"),
    Known("casts to bf16", (), "it cuts the lower bits off instead of rounding to the nearest", PULLS + "11897"),
    Known("products of fp32", (), "it multiplies fp32 exactly where a GPU reads tf32", ISSUES + "5895"),
    Known("addresses", (), "it reads and writes any address, and a stray one can end the process"),
)
# What differs and is not met by any answer of a koan: `check_values` compares the machine with numpy instead.
UNUSED = (
    Known("casts to 8-bit floats", (), "it rounds ties away from zero and loses carries", ISSUES + "8322"),
    Known(
        "shifts of numbers", (), "fp16 and integers are as numpy has them: a shift by the width and more is no error"
    ),
)

TABLES: Sequence[Sequence[Known]] = (
    LATER_STAGES, STRICTER, tuple(FINDINGS.values()), tuple(ANSWERS.values()), MENDED, UNUSED,
)  # fmt: skip


def finding(kind: str, message: str) -> Known | None:
    """The known finding of an error that only one machine gives."""
    known = FINDINGS.get(kind)
    return known if known and (not known.words or any(word in message for word in known.words)) else None


def of_answer(koan: str, answer: str, message: str) -> Known | None:
    """The known disagreement of an answer, if this message is of it."""
    known = ANSWERS.get((koan, answer))
    return known if known and any(word in message for word in known.words) else None
