"""Only kernels and a literal CONFIG are taken from a kernel koan's file, and every address is checked."""

import pytest
import torch

from grader.checks import Disagreement, agrees
from grader.kernels import kernel_text
from grader.kernels.kernel_function import launched
from grader.kernels.kernel_text import KernelSyntaxError, read
from grader.kernels.tiles.findings import StrayAddress
from grader.kernels.tiles.launch import load
from grader.kernels.tiles.library import METHODS, SUPPORTED
from reference.ch13_triton.flash_forward import flash_forward
from reference.ch13_triton.three_ways import three_ways
from tests.conftest import ROOT

HEAD = "import triton\nimport triton.language as tl\nCONFIG = {'BLOCK': 4}\n"
KERNEL = "@triton.jit\ndef k(x_ptr, out_ptr, n, BLOCK: tl.constexpr):\n"


def kernels(*lines):
    return load(read(HEAD + KERNEL + "".join(f"    {line}\n" for line in lines), "<test>"))


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("import os\n" + HEAD, 1, "imports triton and triton.language"),
        (HEAD + "print(1)\n", 4, "nothing else"),
        (HEAD + "def f(x):\n    return x\n", 4, "marked @triton.jit"),
        ("CONFIG = dict(BLOCK=4)\n", 1, "must be written out"),
        ("import triton\n", 1, "CONFIG = {…} is missing"),
        (HEAD + KERNEL + "    x = x_ptr.__class__\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    x = tl.core\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    x = n.sum\n", 6, "call it, do not only name it"),
        (HEAD + KERNEL + "    x = n.shape()\n", 6, "use only tl.* and attributes of tiles"),
        (HEAD + KERNEL + "    x = n.softmax()\n", 6, "write it with tl.max"),
        (HEAD + KERNEL + "    x = tl.reduce_or(n, 0)\n", 6, "some versions of Triton lack it"),
        (HEAD + KERNEL + "    x = tl.math.sys.modules\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    open('/etc/passwd')\n", 6, "cannot be called in a kernel"),
        (HEAD + KERNEL + "    import os\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    x = [i for i in range(3)]\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    x = (lambda: 1)()\n", 6, "in a kernel"),
        (HEAD + KERNEL + "    x = _private\n", 6, "underscore"),
        (HEAD + KERNEL + "    with tl.x:\n        pass\n", 6, "is not allowed in a kernel"),
        (HEAD + "@triton.jit\ndef k(x=open('f')):\n    pass\n", 5, "cannot be a default"),
        (HEAD + "@triton.jit\ndef k(x: open('f')):\n    pass\n", 5, "the only annotation"),
        (HEAD + "@triton.jit\ndef k(x) -> open('f'):\n    pass\n", 5, "plain parameters"),
        (HEAD + "@triton.jit\ndef k(*x):\n    pass\n", 5, "plain parameters"),
        (HEAD + "@triton.jit\ndef range(x):\n    pass\n", 5, "cannot be the name of a kernel"),
        (
            HEAD + "@triton.jit\ndef k(x=open('f')):\n    raise NotImplementedError('your turn')\n",
            5,
            "cannot be a default",
        ),
        (HEAD + KERNEL + "    x = np.load(x_ptr)\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    x = np\n", 6, "not a parameter or variable"),
        (HEAD + KERNEL + "    x = inspect\n", 6, "not a parameter or variable"),
        (HEAD + KERNEL + "    tl = x_ptr\n", 5, "cannot be the name of a variable"),
        (HEAD + KERNEL + "    x_ptr.dtype = n\n", 6, "cannot be assigned to"),
        (HEAD + KERNEL + "    x_ptr[0] = n\n", 6, "cannot be assigned to"),
        (HEAD + KERNEL + "    x = tl.load\n", 6, "call it, do not only name it"),
        (HEAD + KERNEL + "    x = tl.float32(1)\n", 6, "call it, do not only name it"),
        (HEAD + KERNEL + "    x = tl.tensor(n, tl.float32)\n", 6, "tl.full and tl.zeros make tiles"),
        (HEAD + KERNEL + "    x = tl.dtype('fp32')\n", 6, "does not support it"),
        (HEAD + KERNEL + "    x = tl.softmax(n)\n", 6, "write it with tl.max"),
        (HEAD + KERNEL + "    tl.atomic_add(x_ptr, 1, sem='import os')\n", 6, "is not allowed as an argument"),
        (HEAD + KERNEL + "    x = tl.atomic_load(x_ptr)\n", 6, "some versions of Triton lack it"),
        (HEAD + KERNEL + "    x = tl.atomic_add\n", 6, "call it, do not only name it"),
        (HEAD + KERNEL + "    x = tl.float8e4b15\n", 6, "tl.float8e4nv and tl.float8e5"),
        (HEAD + KERNEL + "    x = tl.dot_scaled(n, n, None, n, n, None)\n", 6, "cast the tiles and call tl.dot"),
        (
            HEAD + KERNEL + "    x = tl.maximum(n, n, propagate_nan=tl.PropagateNan.ALL)\n",
            6,
            "x != x finds a NaN",
        ),
        (HEAD + KERNEL + "    tl.device_print('x', n)\n", 6, "to see values, store them"),
        (HEAD + KERNEL + "    tl.static_print(n)\n", 6, "to see values, store them"),
        (
            HEAD + KERNEL + "    x = tl.inline_asm_elementwise('', '', [n], tl.int32, True, 1)\n",
            6,
            "machine code cannot",
        ),
        (HEAD + KERNEL + "    x = tl.extra.cuda.globaltimer()\n", 6, "machine code cannot be run here"),
        (HEAD + KERNEL + "    x = tl.map_elementwise(n)\n", 6, "does not support it"),
        (HEAD + KERNEL + "    x = tl.load(x_ptr, **n)\n", 6, "is not allowed as an argument"),
        (HEAD + KERNEL + "    x = tl.load(*n)\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    x = tl.load(x_ptr, _semantic=n)\n", 6, "is not allowed as an argument"),
        (HEAD + KERNEL + "    x = tl.dot(n, n, input_precision='import os')\n", 6, "is not allowed as an argument"),
        (HEAD + KERNEL + "    x = n.to('fp32')\n", 6, "use only numbers"),
        (HEAD + KERNEL + "    x = float('1e3')\n", 6, "call float only"),
        (HEAD + KERNEL + "    x = '%s' % n\n", 6, "use only numbers"),
        (HEAD + KERNEL + "    x = f'{n}'\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    x = 10 ** 10 ** 10\n", 6, "no **, @"),
        (HEAD + KERNEL + "    x = (y := n)\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    for i in n:\n        pass\n", 6, "a loop in a kernel runs over"),
        (HEAD + KERNEL + "    x: open('f') = n\n", 6, "the only annotation"),
        (HEAD + KERNEL + "    def inner(): pass\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    global x\n", 6, "is not allowed in a kernel"),
        (HEAD + KERNEL + "    'text'\n    'text'\n", 7, "does nothing"),
        (HEAD + KERNEL + "    tl.static_assert(n, n, 'text')\n", 6, "use only numbers"),
        (HEAD + KERNEL + "    tl.static_assert(n, '''a\\\ndef k(): print()''')\n", 6, "use only numbers"),
        (HEAD + KERNEL + "    tl.device_assert(n, '''a\\\ndef k(): print()''')\n", 6, "use only numbers"),
        (HEAD + "@triton.autotune(configs=[], key=[])\n" + KERNEL + "    pass\n", 6, "list the choices in TUNE"),
        (HEAD + "@triton.heuristics({})\n" + KERNEL + "    pass\n", 6, "put the numbers in CONFIG"),
        (HEAD + "LOG2: tl.constexpr = 1.5\n", 4, "write LOG2 = tl.constexpr(…)"),
        (HEAD + "X = tl.constexpr(open('f'))\n", 4, "a number"),
        (HEAD + "X = tl.constexpr('f')\n", 4, "a number"),
        (HEAD + "X = open('f')\n", 4, "a number"),
        (HEAD + "X = tl.constexpr(2)\n" * 2, 5, "appears twice"),
        (HEAD + "range = tl.constexpr(2)\n", 4, "cannot be the name of a constant"),
        (HEAD + "X = 2\n", 4, "X = tl.constexpr(2)"),
    ],
)
def test_what_is_no_kernel_is_refused_with_its_line(text, line, says):
    with pytest.raises(KernelSyntaxError) as caught:
        read(text, "kernel.py")
    assert says in caught.value.msg
    assert caught.value.lineno == line


def test_what_the_rewriter_would_take_for_the_head_of_a_kernel_is_refused():
    """Upstream takes the last line that starts with `def `, so a docstring could bring in unchecked code."""
    evil = KERNEL + "    '''\n    def k(x_ptr, out_ptr, n, BLOCK, evil=print('unchecked')):\n        pass\n    #'''\n"
    with pytest.raises(KernelSyntaxError, match="must not start with `def `"):
        read(HEAD + evil + "    tl.store(out_ptr, n)\n", "kernel.py")


@pytest.mark.parametrize("end", "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
def test_a_character_that_ends_a_line_for_some_readers_only_is_refused(end):
    text = HEAD + KERNEL + f"    # a comment {end}print('unchecked')\n    tl.store(out_ptr, n)\n"
    with pytest.raises(KernelSyntaxError, match="line 6 holds a control character"):
        read(text, "kernel.py")


def test_the_body_of_a_stub_is_never_run():
    """It is not checked either: a prompt may give lines around the `raise`."""
    other = "@triton.jit\ndef other(x_ptr):\n    print('unchecked')\n    raise NotImplementedError('your turn')\n"
    run = load(read(HEAD + other + KERNEL + "    other(x_ptr)\n", "<test>"))
    with pytest.raises(NotImplementedError, match="your turn"):
        run.other[(1,)](torch.ones(1))
    with pytest.raises(NotImplementedError, match="your turn"):
        run.k[(1,)](torch.ones(1), torch.ones(1), 1, BLOCK=4)


def test_a_kernel_writes_its_result_into_the_tensor_it_was_given():
    run = kernels(
        "i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)",
        "tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + 1, mask=i < n)",
    )
    x, out = torch.arange(10.0), torch.zeros(10)
    run.k[(3,)](x, out, 10, BLOCK=4)
    assert torch.equal(out, x + 1)


def test_a_constant_of_the_file_is_known_in_its_kernels():
    text = HEAD + "SHIFT = tl.constexpr(-3)\n" + KERNEL + "    i = tl.arange(0, BLOCK)\n"
    run = load(read(text + "    tl.store(out_ptr + i, tl.load(x_ptr + i) + SHIFT)\n", "<test>"))
    out = torch.zeros(4)
    run.k[(1,)](torch.arange(4.0), out, 4, BLOCK=4)
    assert out.tolist() == [-3, -2, -1, 0]


def test_sums_by_name_assumptions_and_assertions_run():
    run = kernels(
        "tl.assume(n > 3)",
        "tl.static_assert(BLOCK == 4, 'one block')",
        "i = tl.arange(0, BLOCK)",
        "x = tl.load(x_ptr + i)",
        "tl.debug_barrier()",
        "tl.store(out_ptr + i, tl.sub(tl.mul(tl.add(x, 1.0), 3.0), x))",
    )
    out = torch.zeros(4)
    run.k[(1,)](torch.arange(4.0), out, 4, BLOCK=4)
    assert out.tolist() == [3, 5, 7, 9]
    with pytest.raises(AssertionError, match="one block"):
        run.k[(1,)](torch.arange(8.0), torch.zeros(8), 4, BLOCK=8)
    with pytest.raises(AssertionError, match="Assume failed"):
        run.k[(1,)](torch.arange(4.0), out, 3, BLOCK=4)


def test_a_reduction_and_a_scan_by_a_function_of_the_file():
    larger = "@triton.jit\ndef larger(a, b):\n    return tl.maximum(a, b)\n"
    body = (
        "    i = tl.arange(0, BLOCK)\n    x = tl.load(x_ptr + i)\n"
        "    tl.store(out_ptr, tl.reduce(x, 0, larger))\n"
        "    tl.store(out_ptr + 1 + i, tl.associative_scan(x, 0, larger))\n"
    )
    run, out = load(read(HEAD + larger + KERNEL + body, "<test>")), torch.zeros(5)
    run.k[(1,)](torch.tensor([1.0, 5.0, 2.0, 7.0]), out, 4, BLOCK=4)
    assert out.tolist() == [7, 1, 5, 5, 7]
    run.k[(1,)](torch.tensor([1, 3, 2, 4]).bfloat16(), out, 4, BLOCK=4)
    assert out.tolist() == [4, 1, 3, 3, 4]


def test_the_text_admits_what_the_machine_runs():
    """But for `reduce_or`, which Triton 3.7 lacks."""
    assert SUPPORTED - {"reduce_or"} == kernel_text.FUNCTIONS
    assert frozenset(METHODS) == kernel_text.METHODS


def test_a_method_of_a_tile_is_the_function_of_its_name():
    run, out = (
        kernels("x = tl.load(x_ptr + tl.arange(0, BLOCK))", "tl.store(out_ptr, (x - x.max()).abs().sum(0))"),
        torch.zeros(1),
    )
    run.k[(1,)](torch.tensor([1.0, 5.0, 2.0, 7.0]), out, 4, BLOCK=4)
    assert out.tolist() == [6 + 2 + 5 + 0]


@pytest.mark.parametrize(
    ("line", "gives"),
    [
        ("tl.atomic_add(out_ptr + i // 2, x)", [6, 9, 0, 0]),
        ("tl.store(out_ptr + i, tl.sort(x))", [1, 2, 5, 7]),
        ("tl.store(out_ptr + i, tl.gather(x, 3 - i, 0))", [7, 2, 5, 1]),
        ("tl.store(out_ptr + i, tl.histogram(i // 3, 4))", [3, 1, 0, 0]),
        ("tl.store(out_ptr + tl.arange(0, 2), tl.topk(x, 2))", [7, 5, 0, 0]),
        ("tl.store(out_ptr + i, (x * 1.1).to(tl.float8e5))", [1, 6, 2, 8]),
        ("tl.store(out_ptr + i, tl.rand(n, i) < 1.0)", [1, 1, 1, 1]),
        ("tl.device_assert(x > 0, 'all above 0')", [0, 0, 0, 0]),
    ],
)
def test_what_no_koan_needs_but_triton_has_can_be_used(line, gives):
    run, out = kernels("i = tl.arange(0, BLOCK)", "x = tl.load(x_ptr + i)", line), torch.zeros(4)
    run.k[(1,)](torch.tensor([1.0, 5.0, 2.0, 7.0]), out, 4, BLOCK=4)
    assert out.tolist() == gives


def test_a_view_is_read_by_its_strides_and_the_rest_of_its_storage_is_left_alone():
    run = kernels("i = tl.arange(0, BLOCK)", "tl.store(out_ptr + 2 * i, tl.load(x_ptr + 2 * i))")
    buffer = torch.zeros(8)
    run.k[(1,)](torch.arange(8.0)[::2], buffer[1::2], 4, BLOCK=4)
    assert buffer.tolist() == [0, 0, 0, 2, 0, 4, 0, 6]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "tl.store(out_ptr + i, tl.load(x_ptr + i))",
            "program (1, 0, 0) reads x_ptr at element 6 (and 1 more), but x_ptr has 6",
        ),
        (
            "tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n, other=0))",
            "program (1, 0, 0) writes out_ptr at element 6 (and 1 more)",
        ),
        (
            "tl.store(out_ptr + i, tl.load(x_ptr + i - 1, mask=i < n), mask=i < n)",
            "program (0, 0, 0) reads x_ptr at element -1",
        ),
    ],
)
def test_a_stray_address_is_caught_with_program_argument_and_index(line, says):
    run = kernels("i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)", line)
    with pytest.raises(StrayAddress) as caught:
        run.k[(2,)](torch.ones(6), torch.ones(6), 6, BLOCK=4)
    assert f"k: {says}" in str(caught.value)


def test_a_mistake_is_not_blamed_on_another_kernel_of_the_file():
    """With one key every kernel of loops is right, also one that forgets to rescale."""
    text = (ROOT / "solutions/ch13_triton/three_ways.py").read_text()
    fn = launched(three_ways, text.replace("range(0, m, BLOCK_N)", "range(0, m - 1, BLOCK_N)"), "<test>")
    with pytest.raises(Disagreement) as caught:
        agrees(fn, *torch.ones(3, 1, 1, 16), with_=three_ways)
    assert list(caught.value.message.looks) == ["blocks_tail_dropped"]


@pytest.mark.parametrize(("mask", "named"), [("rows < n", []), ("keys[None, :] < m", ["unmasked_keys"])])
def test_a_stray_address_is_no_sign_of_a_mistake_with_another_argument(mask, named):
    """A load of q without its mask is not named. That of k is."""
    text = (ROOT / "solutions/ch13_triton/flash_forward.py").read_text()
    fn = launched(flash_forward, text.replace(f"mask={mask}, other=0", f"mask={mask} + BLOCK_N, other=0"), "<test>")
    with pytest.raises(Disagreement) as caught:
        agrees(fn, *torch.ones(3, 1, 70, 16), with_=flash_forward)
    assert list(caught.value.message.looks) == named


def test_a_kernel_koan_whose_file_does_other_things_is_broken_with_the_line(play):
    text = play.workbook.exercise(play.workbook.koan("vector_add")).read_text()
    text = text.replace("import triton\n", "import triton\nimport os\n", 1)
    play.write("vector_add", text)
    line = text.splitlines().index("import os") + 1
    run = play.says("run", "vector_add")
    assert "! broken" in run.stdout
    assert f"not a kernel in vector_add.py, line {line}" in run.stdout
