"""What is compiled has also run: parts of a kernel that no program of a launch reaches prove nothing."""

import pytest
import torch

from grader.checks import Disagreement, compiles
from grader.kernels.kernel_function import launched
from grader.kernels.kernel_text import read
from grader.kernels.reached import only_reached
from reference import oracle, unwritten

HEAD = "import triton\nimport triton.language as tl\nCONFIG = {}\n"
SIGNATURE = "@triton.jit\ndef k(x_ptr, out_ptr, n, D: tl.constexpr):\n"


@oracle
def square(x):
    return (x.double() @ x.double()).to(x.dtype)


@square.launcher
def launch(kernels, config, x):
    out = unwritten(2, *x.shape, dtype=x.dtype)  # one for each program
    kernels.k[(2,)](x, out, x.shape[0], D=x.shape[1], **config)
    return out[0]


def kernel(*lines, signature=SIGNATURE):
    return launched(square, HEAD + signature + "".join(f"    {line}\n" for line in lines), "<test>")


def after_a_call(*lines, x=None):
    """The kernel's lines without those that a call does not reach. None if it reaches all."""
    fn, reached = kernel(*lines), {}
    fn.watched(reached)(torch.ones(16, 16) if x is None else x)
    source = only_reached(fn.text, reached[fn.text.key])
    return source and [line.removeprefix("    ") for line in source.strip().splitlines()[2:]]


AT = ["out_ptr += tl.program_id(0) * D * D", "i = tl.arange(0, D)", "at = i[:, None] * D + i[None, :]"]
STORE = [*AT, "tl.store(out_ptr + at, tl.load(x_ptr + at))"]


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["if D == 16:", "    s = 1", "else:", "    s = 2"], ["s = 1"]),
        (["if D == 128:", "    s = 1", "elif n == 16:", "    s = 2", "else:", "    s = 3"], ["s = 2"]),
        (["if tl.program_id(0) == 5:", "    tl.store(out_ptr, 1.0)"], []),
        (["if tl.num_programs(0) == 2:", "    s = 1"], ["s = 1"]),
        (["s = 0", "for j in range(n - 16):", "    s += j"], ["s = 0"]),
        (["s = 0", "while s > 0:", "    s -= 1"], ["s = 0"]),
        (["s = 1 if D == 16 else 2"], ["s = 1"]),
        (["s = 1 if D == 8 else 2 if n == 16 else 3"], ["s = 2"]),
        (["s = (D == 8 and n == 16) or n == 1"], ["s = D == 8 or n == 1"]),
        (["if n == 16: s = 1; s = 2"], ["s = 1", "s = 2"]),
        (["if n < 16:", "    return"], []),
    ],
)
def test_what_no_program_reaches_is_left_out(lines, left):
    assert after_a_call(*STORE, *lines) == [*STORE, *left]


@pytest.mark.parametrize(
    "lines",
    [
        ["if tl.program_id(0) == 0:", "    s = 1", "else:", "    s = 2"],
        ["if tl.program_id(0) == 0:", "    s = 1"],
        ["s = 1 if tl.program_id(0) == 0 else 2"],
        ["s = 0", "for j in range(n):", "    s += j"],
        ["for j in tl.static_range(3):", "    if j == 1:", "        s = j"],
        ["s = n == 16 and tl.program_id(0) == 0"],
    ],
)
def test_what_some_program_reaches_is_kept(lines):
    assert after_a_call(*STORE, *lines) is None


def test_a_helper_that_is_never_called_is_left_empty():
    text = HEAD + "@triton.jit\ndef helper(x):\n    '''Doc.'''\n    return x + 1\n" + SIGNATURE
    fn = launched(square, text + "    tl.store(out_ptr + tl.program_id(0), helper(n) if n == 5 else 1)\n", "<test>")
    reached = {}
    fn.watched(reached)(torch.ones(16, 16))
    source = only_reached(fn.text, reached[fn.text.key])
    assert source.splitlines() == [
        "@triton.jit",
        "def helper(x):",
        "    pass",
        "",
        "@triton.jit",
        "def k(x_ptr, out_ptr, n, D: tl.constexpr):",
        "    tl.store(out_ptr + tl.program_id(0), 1)",
    ]


LOAD = [*AT, "x = tl.load(x_ptr + at)"]
RIGHT = [*LOAD, "tl.store(out_ptr + at, tl.dot(x, x).to(x.dtype))"]
IN_FP32 = "y = tl.dot(x.to(tl.float32), x.to(tl.float32), input_precision='ieee').to(x.dtype)"
X = torch.ones(64, 64).bfloat16()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            [
                *LOAD,
                "if D == 64:",
                "    y = tl.dot(x, x).to(x.dtype).T",
                "else:",
                f"    {IN_FP32}",
                "tl.store(out_ptr + at, y)",
            ],
            "elements differ",
        ),
        (
            [
                *LOAD,
                IN_FP32,
                "if tl.program_id(0) == 5:",
                "    y = tl.dot(x, x).to(x.dtype)",
                "tl.store(out_ptr + at, y)",
            ],
            "(give tl.dot the tiles as they are loaded), after the parts that no program runs were removed",
        ),
        (
            [*LOAD, IN_FP32, "y = tl.dot(x, x).to(x.dtype) if n == 5 else y", "tl.store(out_ptr + at, y)"],
            "(give tl.dot the tiles as they are loaded), after the parts that no program runs were removed",
        ),
    ],
)
def test_a_branch_for_the_compiler_alone_proves_nothing(lines, says):
    with pytest.raises(Disagreement) as caught:
        compiles(kernel(*lines), X, with_=square, wgmma=True, spills=None)
    assert says in str(caught.value).splitlines()[0]


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["if n % 16 != 0:", "    tl.store(out_ptr + at, x, mask=at < n * D)"],
        ["if n > 1000:", "    return"],
    ],
)
def test_an_honest_kernel_may_have_branches_for_other_sizes(more):
    compiles(kernel(*RIGHT, *more), X, with_=square, wgmma=True)


def test_a_default_is_compiled_as_it_runs():
    signature = SIGNATURE.replace(
        "D: tl.constexpr", "D: tl.constexpr, KIND: tl.constexpr = 7, *, ALSO: tl.constexpr = 2"
    )
    fn = kernel(*LOAD, "tl.static_assert(KIND == 7)", "tl.static_assert(ALSO == 2)", RIGHT[-1], signature=signature)
    compiles(fn, X, with_=square, wgmma=True)


def test_eight_bit_numbers_run_as_sixteen_bit_ones():
    compiles(kernel(*LOAD, "tl.store(out_ptr + at, tl.dot(x, x).to(x.dtype))"), X.to(torch.float8_e5m2), with_=square)


@pytest.mark.parametrize("line", ["s = 1 if D is 128 else 2", "s = D is not n"])
def test_numbers_are_not_compared_by_identity(line):
    with pytest.raises(SyntaxError, match="`is` is only for None"):
        kernel(*STORE, line)


def test_a_missing_pointer_may_be_asked_for():
    read(HEAD + SIGNATURE + "    if x_ptr is not None:\n        tl.store(out_ptr, 1)\n", "<test>")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "CONFIG = {'maxnreg': 32}",
            "`maxnreg` is not allowed in CONFIG: of Triton's options only num_warps and num_stages",
        ),
        ("CONFIG = {'ir_override': 'x'}", "`ir_override` is not allowed in CONFIG"),
        ("CONFIG = {'BLOCK': 'x'}", "CONFIG and TUNE hold numbers; BLOCK is 'x'"),
        ("CONFIG = {'BLOCK': None}", "CONFIG and TUNE hold numbers; BLOCK is None"),
        ("CONFIG = {'BLOCK': 1}\nTUNE = [{'BLOCK': 2}, {'BLOCK': 'x'}]", "CONFIG and TUNE hold numbers; BLOCK is 'x'"),
    ],
)
def test_config_holds_numbers_and_no_other_option_of_the_compiler(text, says):
    with pytest.raises(SyntaxError) as caught:
        read(f"{text}\n", "<test>")
    assert says in caught.value.msg
