"""The kernels that chapter 13's text shows are run as they stand there, with its launch lines, and on other sizes."""

import re

import pytest
import torch

from grader.kernels.kernel_text import read
from grader.kernels.tiles.counts import Traffic
from grader.kernels.tiles.launch import load
from tests.conftest import ROOT

TEXT = (ROOT / "content/ch13_triton/chapter.md").read_text(encoding="utf-8")
LISTINGS = re.findall(r"```python\n(.*?)```", TEXT, re.S)
KERNELS = [text for text in LISTINGS if text.startswith("@triton.jit")]
LAUNCHES = {text.split("[")[0]: text for text in LISTINGS if text not in KERNELS}
HEAD = "import triton\nimport triton.language as tl\nCONFIG = {}\n"


def kernel(name, traffic=None):
    return getattr(load(read(HEAD + "".join(KERNELS), "chapter.md"), traffic), name)


def launched_as_shown(name, **tensors):
    """Runs the text's launch line. Returns the bytes loaded from and stored to each tensor."""
    traffic = Traffic()
    exec(LAUNCHES[name], {name: kernel(name, traffic), **tensors})
    return traffic.figures()


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def empty(*shape):
    return torch.full(shape, torch.nan)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_the_text_shows_three_kernels_and_a_launch_of_each():
    names = ["scale_and_clip", "standardize_rows", "lse_of_scores"]
    assert [re.search(r"def (\w+)", text)[1] for text in KERNELS] == list(LAUNCHES) == names


def test_scale_and_clip_gives_the_text_s_numbers():
    x, out = torch.tensor([3, -1, 0.5, 8, -6, 2, 1, -2, 5, -9]), empty(10)
    assert launched_as_shown("scale_and_clip", x=x, out=out) == {"x_ptr": (40, 0), "out_ptr": (0, 40)}
    assert torch.equal(out, (x * 0.5).clamp(-1, 2))


def test_standardize_rows_gives_the_text_s_numbers():
    x, out = torch.tensor([[1.0, 2, 6], [4, 4, 7]]), empty(2, 3)
    assert launched_as_shown("standardize_rows", x=x, out=out) == {"x_ptr": (24, 0), "out_ptr": (0, 24)}
    close(out, (x - x.mean(1, keepdim=True)) / x.std(1, correction=0, keepdim=True))


def test_lse_of_scores_moves_the_bytes_of_the_text():
    q, k, lse = randn(40, 16), randn(70, 16, seed=1), empty(40)
    moved = launched_as_shown("lse_of_scores", q=q, k=k, lse=lse)
    assert moved == {"q_ptr": (2560, 0), "k_ptr": (13440, 0), "lse_ptr": (0, 160)}
    close(lse, torch.logsumexp(q @ k.T * 0.25, 1))


@pytest.mark.parametrize("n", [1, 127, 128, 300])
def test_scale_and_clip_on_other_lengths(n):
    x, out = randn(n), empty(n)
    kernel("scale_and_clip")[(-(-n // 128),)](x, out, n, 3.0, -1.0, 0.5, BLOCK=128)
    close(out, (3 * x).clamp(-1, 0.5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n", [1, 100, 128])
def test_standardize_rows_on_other_sizes(n, dtype):
    x, out = (5 + randn(3, n)).to(dtype), empty(3, n)
    kernel("standardize_rows")[(3,)](x, out, n, 1e-5, BLOCK=128)
    close(out, torch.nn.functional.layer_norm(x.float(), (n,)))


@pytest.mark.parametrize(("n", "m"), [(32, 64), (5, 3), (70, 65)])
@pytest.mark.parametrize("size", [1, 50])
def test_lse_of_scores_on_other_sizes(n, m, size):
    q, k, lse = size * randn(n, 32), randn(m, 32, seed=1), empty(n)
    kernel("lse_of_scores")[(-(-n // 32),)](q, k, lse, n, m, 32**-0.5, D=32, BLOCK_M=32, BLOCK_N=32)
    close(lse, torch.logsumexp(q @ k.T * 32**-0.5, 1))
