"""A CONFIG that cannot work is refused in one line, and is never blamed on the kernel."""

import re

import pytest
import torch

from grader.checks import Disagreement, agrees, compiles
from grader.kernels.kernel_function import launched
from grader.kernels.kernel_text import KernelSyntaxError
from reference.ch13_triton.flash_decode import flash_decode
from reference.ch13_triton.flash_forward import flash_forward
from reference.ch13_triton.vector_add import vector_add
from tests.conftest import ROOT

TILE = "it must be a power of two from 1 to 1,048,576, such as 64: tl.arange makes only such tiles"
HOLDS = "CONFIG holds tl.constexpr parameters, num_warps and num_stages"


def model(koan, config, tune="[]"):
    """The model answer with another CONFIG and TUNE."""
    text = (ROOT / f"solutions/ch13_triton/{koan}.py").read_text()
    text = re.sub(r"^CONFIG = .*$", f"CONFIG = {config}", text, flags=re.M)
    return re.sub(r"^TUNE = .*$", f"TUNE = {tune}", text, flags=re.M)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("{'BLOCK': 100}", f"CONFIG: `BLOCK` is 100; {TILE}"),
        ("{'BLOCK': 0}", f"CONFIG: `BLOCK` is 0; {TILE}"),
        ("{'BLOCK': -1}", f"CONFIG: `BLOCK` is -1; {TILE}"),
        ("{'BLOCK': 1e308}", f"CONFIG: `BLOCK` is 1e+308; {TILE}"),
        ("{'BLOCK': True}", f"CONFIG: `BLOCK` is True; {TILE}"),
        ("{'BLOCK': 2097152}", f"CONFIG: `BLOCK` is 2097152; {TILE}"),
        ("{'BLOCK': 0x1" + 20 * "0" + "}", f"CONFIG: `BLOCK` is a number of more than 64 bits; {TILE}"),
        ("{}", "CONFIG has no 'BLOCK', which the kernel needs: add it"),
        ("{'BLOCK': 128, 'n': 3}", f"CONFIG: `n` is an argument of the kernel, not a constant: {HOLDS}"),
        ("{'BLOCK': 128, 'out_ptr': 3}", f"CONFIG: `out_ptr` is an argument of the kernel, not a constant: {HOLDS}"),
        ("{'BLOCK': 128, 'X': 3}", f"CONFIG: no launched kernel has a constant `X`: {HOLDS}"),
        ("{'BLOCK': 128, 'num_warps': 3}", "CONFIG: `num_warps` is 3; it must be a power of two from 1 to 32"),
        ("{'BLOCK': 128, 'num_stages': -1}", "CONFIG: `num_stages` is -1; it must be a whole number"),
    ],
)
def test_a_config_that_cannot_work_is_refused_with_its_line(config, says):
    text = model("vector_add", config)
    with pytest.raises(KernelSyntaxError) as caught:
        launched(vector_add, text, "<test>")
    assert caught.value.msg == says
    assert text.splitlines()[caught.value.lineno - 1].startswith("CONFIG = ")


def test_a_choice_of_tune_that_cannot_work_is_refused_with_its_line():
    text = model("vector_add", "{'BLOCK': 128}", "[{'BLOCK': 256}, {'BLOCK': 200}]")
    with pytest.raises(KernelSyntaxError) as caught:
        launched(vector_add, text, "<test>")
    assert caught.value.msg == f"TUNE: `BLOCK` is 200; {TILE}"
    assert text.splitlines()[caught.value.lineno - 1].startswith("TUNE = ")


@pytest.mark.parametrize("key", ["BLOCK", "D"])
def test_a_constant_that_the_launcher_gives_is_refused_in_config(key):
    with pytest.raises(KernelSyntaxError) as caught:
        launched(flash_decode, model("flash_decode", {"SPLITS": 4, key: 16}), "<test>")
    assert caught.value.msg == f"CONFIG: the launcher sets `{key}` itself, so remove it from CONFIG"


def test_a_constant_of_the_learners_own_is_given_by_config():
    text = model("vector_add", "{'BLOCK': 128, 'EXTRA': 3}")
    text = text.replace("BLOCK: tl.constexpr", "BLOCK: tl.constexpr, EXTRA: tl.constexpr", 1)
    agrees(launched(vector_add, text, "<test>"), *torch.ones(2, 5), with_=vector_add)


def test_nothing_is_named_if_a_right_kernel_fails_alike_with_the_same_config():
    fn = launched(flash_decode, model("flash_decode", "{'SPLITS': 1}"), "<test>")
    with pytest.raises(Disagreement, match="CONFIG needs SPLITS of at least 2") as caught:
        agrees(fn, torch.ones(1, 16), *torch.ones(2, 1, 5, 16), with_=flash_decode)
    names = set(caught.value.message.looks)
    assert names & set(flash_decode.wrongs) == set()


def test_nothing_is_named_if_a_right_kernel_compiles_no_better_with_the_same_config():
    config = "{'BLOCK_M': 16, 'BLOCK_N': 16, 'num_warps': 1, 'num_stages': 1}"
    fn = launched(flash_forward, model("flash_forward", config), "<test>")
    with pytest.raises(Disagreement, match="BLOCK_M 16, num_warps 1: wgmma needs 64 rows and 4 warps") as caught:
        compiles(fn, *[torch.ones(1, 32, 64).half()] * 3, with_=flash_forward, wgmma=True)
    assert list(caught.value.message.looks) == []
