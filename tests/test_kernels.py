"""From a kernel koan's file only kernels and a literal CONFIG are taken, and every address is checked."""

import traceback

import pytest
import torch

from grader.interpreter.run import StrayAddress, load
from grader.interpreter.text import KernelSyntaxError, read

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
        (HEAD + KERNEL + "    x = x_ptr.__class__\n", 6, "has no place in a kernel"),
        (HEAD + KERNEL + "    x = tl.core\n", 6, "has no place in a kernel"),
        (HEAD + KERNEL + "    x = tl.math.sys.modules\n", 6, "has no place in a kernel"),
        (HEAD + KERNEL + "    open('/etc/passwd')\n", 6, "cannot be called in a kernel"),
        (HEAD + KERNEL + "    import os\n", 6, "has no place in a kernel"),
        (HEAD + KERNEL + "    x = [i for i in range(3)]\n", 6, "has no place in a kernel"),
        (HEAD + KERNEL + "    x = (lambda: 1)()\n", 6, "in a kernel"),
        (HEAD + KERNEL + "    x = _private\n", 6, "underscore"),
        (HEAD + KERNEL + "    with tl.x:\n        pass\n", 6, "has no place in a kernel"),
        (HEAD + "@triton.jit\ndef k(x=open('f')):\n    pass\n", 5, "cannot be called"),
        (HEAD + "@triton.jit\ndef k(*, x=open('f')):\n    pass\n", 5, "cannot be called"),
        (HEAD + "@triton.jit\ndef k(x=eval):\n    pass\n", 5, "a default is written out"),
        (HEAD + "@triton.jit\ndef k(x) -> open('f'):\n    pass\n", 5, "nothing to annotate"),
        (HEAD + "@triton.jit\ndef k(x: eval):\n    pass\n", 5, "plain or `: tl.constexpr`"),
        (HEAD + "@triton.jit\ndef k(min):\n    min('1')\n", 5, "already means something"),
        (HEAD + KERNEL + "    k = eval\n    k('1')\n", 6, "already means something"),
        (HEAD + KERNEL + "    for range in (eval,):\n        range('1')\n", 6, "already means something"),
        (HEAD + KERNEL + "    tl.reduce(x_ptr, 0, eval)\n", 6, "`eval` is neither a parameter nor assigned"),
        (HEAD + KERNEL + "    tl.load = tl.store\n", 6, "cannot be assigned to"),
        (HEAD + KERNEL + "    tl.str_to_ty('tensordesc<>', 0)\n", 6, "has no place in a kernel"),
        (HEAD + KERNEL + "    tl.math.wraps(k)\n", 6, "has no place in a kernel"),
        (HEAD + KERNEL + "    open('f')\n    raise NotImplementedError('your turn')\n", 6, "cannot be called"),
        (HEAD + KERNEL + "    raise NotImplementedError('your turn', open('f'))\n", 6, "has no place in a kernel"),
    ],
)
def test_what_is_no_kernel_is_refused_with_its_line(text, line, says):
    with pytest.raises(KernelSyntaxError) as caught:
        read(text, "kernel.py")
    assert says in caught.value.msg
    assert caught.value.lineno == line


EVIL = "raise SystemError('ran')"


@pytest.mark.parametrize(
    "text",
    [
        # str.splitlines cuts at a form feed, the parser does not: lines counted by one are not those of the other
        HEAD + f"# {chr(12) * 3}\n'''\n{EVIL}\n{EVIL}\n'''\n" + KERNEL + "    pass\n",
        # Triton looks for the last line that starts with `def`, be it in a string
        HEAD + KERNEL + f"    '''\ndef k(x_ptr, out_ptr, n, BLOCK):\n    {EVIL}\n    '''  # '''\n",
        HEAD + KERNEL + f"    x = '''\ndef k(x_ptr, out_ptr, n, BLOCK):\n    {EVIL}\n    '''  # '''\n",
    ],
)
def test_text_that_reads_as_two_programs_runs_as_the_one_that_was_checked(text):
    load(read(text, "<two>")).k[(1,)](torch.ones(4), torch.ones(4), 4, BLOCK=4)


@pytest.mark.parametrize(
    "line",
    [
        "tl.atomic_add(out_ptr + 100000 + i, 1.0)",
        "tl.atomic_xchg((tl.full((4,), 64, tl.int64) + i).to(tl.pointer_type(tl.float32)), 1.0)",
        "tl.atomic_cas(out_ptr + 100000, 0.0, 1.0)",
        "tl.store(out_ptr + i, tl.load((tl.full((4,), 64, tl.int64) + i).to(tl.pointer_type(tl.float32))))",
    ],
)
def test_no_operation_reaches_memory_outside_the_tensors_given(line):
    run = kernels("i = tl.arange(0, BLOCK)", line)
    with pytest.raises(StrayAddress):
        run.k[(1,)](torch.ones(6), torch.ones(6), 6, BLOCK=4)


def test_an_error_in_a_kernel_points_at_its_own_line_behind_a_docstring_and_blank_lines():
    text = HEAD + KERNEL + '    """What\n\n    it does."""\n\n    i = tl.arange(0, BLOCK)\n    tl.load(x_ptr + 9 + i)\n'
    with pytest.raises(StrayAddress) as caught:
        load(read(text, "own_line.py")).k[(1,)](torch.ones(6), torch.ones(6), 6, BLOCK=4)
    error, lines = caught.value.__cause__ or caught.value, set()
    for each in (caught.value, error):
        lines |= {f.lineno for f in traceback.extract_tb(each.__traceback__) if f.filename == "own_line.py"}
    assert lines == {11}


def test_a_kernel_writes_its_result_into_the_tensor_it_was_given():
    run = kernels(
        "i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)",
        "tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n) + 1, mask=i < n)",
    )
    x, out = torch.arange(10.0), torch.zeros(10)
    run.k[(3,)](x, out, 10, BLOCK=4)
    assert torch.equal(out, x + 1)


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
            "tl.store(out_ptr + i, tl.load(x_ptr + i, mask=i < n))",
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
    assert says in str(caught.value)


def test_a_kernel_koan_whose_file_does_other_things_is_broken_with_the_line(play):
    text = play.workbook.exercise(play.workbook.koan("vector_add")).read_text()
    text = text.replace("import triton\n", "import triton\nimport os\n", 1)
    play.write("vector_add", text)
    line = text.splitlines().index("import os") + 1
    run = play.koans("run", "vector_add")
    assert "! broken" in run.stdout
    assert f"not a kernel in vector_add.py, line {line}" in run.stdout
