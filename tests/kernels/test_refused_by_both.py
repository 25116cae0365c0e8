"""The tile machine refuses the types and shapes that Triton's compiler refuses, and takes what the compiler takes."""

import pytest
import torch

from grader.kernels.compile import compile_for, launches
from grader.kernels.kernel_text import read
from grader.kernels.tiles.findings import FailedAssertion, Refused
from grader.kernels.tiles.launch import load

HEAD = "import triton\nimport triton.language as tl\nCONFIG = {}\n"
HELPERS = """
@triton.jit
def either(x, n):
    if n > 3:
        return x
    return RETURNED
"""
KERNEL = """
@triton.jit
def k(x_ptr, h_ptr, b_ptr, z_ptr, u_ptr, out_ptr, n, s, N: tl.constexpr):
    i = tl.arange(0, N)
    x, h, z, u = tl.load(x_ptr + i), tl.load(h_ptr + i), tl.load(z_ptr + i), tl.load(u_ptr + i)
    b = tl.load(b_ptr + i)
    m = tl.load(x_ptr + i[:, None] * N + i[None, :])
    w = tl.load(h_ptr + i[:, None] * N + i[None, :])
    LINES
    tl.store(out_ptr + i, y)
"""
N = 16


def text(lines, returned="x + 1"):
    return HEAD + HELPERS.replace("RETURNED", returned) + KERNEL.replace("LINES", lines.replace("\n", "\n    "))


def arguments():
    x = torch.arange(N * N).float().reshape(N, N) / 8
    whole = torch.arange(N).int()
    return x, x.half(), x.bfloat16(), whole, whole.to(torch.uint32), torch.zeros(N), 5, 0.5


def launch(kernels, config):
    kernels.k[(1,)](*arguments(), N=N)


def compiler_says(source):
    found = read(source, "<test>")
    (planned,) = launches(dict.fromkeys(("k",), found), launch, {}, ())
    report = compile_for("sm_90", source, planned)
    assert report.final
    return report.error


def machine_says(source):
    try:
        launch(load(read(source, "<test>")), {})
    except (Refused, FailedAssertion) as error:
        return str(error)
    return ""


REFUSED = [
    "y = x + tl.flip(tl.zeros((1,), tl.float32))",
    "y = x\nif x > 0:\n    y = -x",
    "y = x if x > 0 else -x",
    "y = x\nwhile y > 0:\n    y -= 1",
    "y = 0.0\nfor j in range(n):\n    y += x",
    "y = 0\nfor j in range(n):\n    y += 0.5",
    "y = z\nfor j in range(n):\n    y = y + 1.5",
    "if n > 3:\n    y = x\nelse:\n    y = 0.0",
    "if n > 3:\n    y = x\nelse:\n    y = h",
    "y = x + tl.arange(0, n)",
    "c = N\ny = x + tl.arange(0, c)",
    "y = x + tl.sum(tl.arange(0, 12), 0)",
    "y = x + tl.sum(tl.zeros((12,), tl.float32), 0)",
    "y = x + tl.zeros((n,), tl.float32)",
    "y = tl.sum(tl.dot(m, w), 1)",
    "y = tl.sum(tl.dot(m, tl.dot(w, w)), 1)\ny += tl.sum(tl.dot(w, m.to(tl.bfloat16)), 1)",
    "j = tl.arange(0, 8)\na = tl.load(h_ptr + i[:, None] * N + j[None, :])\ny = tl.sum(tl.dot(a, tl.trans(a)), 1)",
    "y = x + tl.sum(tl.dot(x, x), 0)",
    "j = tl.arange(0, 32)\na = tl.load(h_ptr + j[:, None] * 0 + i[None, :])\ny = tl.sum(tl.dot(w, a), 1)",
    "y = tl.load(x_ptr + i, mask=tl.arange(0, 32) < 16, other=0)",
    "y = tl.load(x_ptr + i, mask=i < 8, other=m)",
    "y = tl.load(x_ptr + i, mask=i[:, None] < 8, other=0)",
    "y = x and z",
    "y = x\ntl.store(out_ptr, x)",
    "y = x + tl.load(x_ptr, mask=i < 8, other=0)",
    "y = x\ntl.store(out_ptr + i, m)",
    "y = x\ntl.store(out_ptr + i, x, mask=tl.arange(0, 32) < 16)",
    "y = (u * -1).to(tl.float32)",
    "y = (u + 4294967296).to(tl.float32)",
    "y = x.to(tl.float16, bitcast=True)",
    "y = h.to(tl.int32, bitcast=True)",
    "y = x + tl.sum(x, axis=1)",
    "y = tl.max(m, axis=2)",
    "y = x + tl.arange(0, 32)",
    "y = m + tl.arange(0, 32)[:, None]",
    "y = tl.reshape(x, (8,))",
    "y = tl.broadcast_to(x, (32,))",
    "y = tl.trans(x)",
    "y = tl.permute(m, (0, 0))",
    "y = tl.expand_dims(x, 3)",
    "y = tl.join(x, m)",
    "y = tl.exp(z)",
    "y = tl.exp(h)",
    "y = tl.sqrt(b)",
    "y = x & z",
    "y = x << 1",
    "y = ~x",
    "y = x + x_ptr",
    "y = tl.load(x_ptr * 2 + i)",
    "y = tl.load(x_ptr + x)",
    "y = tl.load(x)",
    "y = tl.load(i)",
    "tl.static_assert(N == 8)\ny = x",
    "y = x\nfor j in range(0, s):\n    y += 1",
    "y = x\nfor j in tl.static_range(n):\n    y += 1",
    "if n > 3:\n    t = x\ny = t",
    "y = x.to(tl.float8e5) + x.to(tl.float8e5)",
    "y = x[0]",
    "y = tl.sum(m[0, :], 0) + x",
    "y = either(x, n)",
    "y = tl.full((N,), x, tl.float32)",
    "y = tl.where(x > 0, x, m)",
    "y = tl.where(i < 8, x_ptr + i, h_ptr + i)",
    "y = tl.cat(x, x)",
]
TAKEN = [
    "y = x\nif n > 3:\n    y = -x",
    "y = x if n > 3 else -x",
    "y = x if N > 3 else 0.0",
    "y = tl.zeros((N,), tl.float32)\nfor j in range(n):\n    y += x",
    "y = 0.0\nfor j in tl.static_range(3):\n    y += x",
    "j = 0\ny = x\nwhile j < n:\n    y -= 1\n    j += 1",
    "if N > 3:\n    y = x\nelse:\n    y = 0.0",
    "y = tl.sum(tl.dot(m, m), 1)",
    "y = tl.sum(tl.dot(w, w), 1)",
    "y = tl.sum(tl.dot(w, w, m), 1)",
    "y = tl.sum(tl.dot(w, w, w), 1)",
    "y = (x > 0) and (z > 3)",
    "y = tl.load(x_ptr + i, mask=n > 3, other=0)",
    "y = tl.load(x_ptr + 3) + x",
    "y = x\ntl.store(out_ptr, 1)",
    "y = (u + 4294967295).to(tl.float32)",
    "y = h.to(tl.int16, bitcast=True)",
    "y = tl.sum(m, axis=-1)",
    "y = h + b",
    "y = tl.exp(h.to(tl.float32))",
    "y = tl.abs(h) + tl.maximum(b, 0)",
    "y = h * 2.5 + z",
    "y = max(x, 0.0)",
    "y = either(x, n)",
    "y = tl.where(n > 3, x, 0)",
]


@pytest.mark.parametrize("lines", REFUSED)
def test_both_refuse(lines):
    source = text(lines, returned="0.0")
    assert (bool(compiler_says(source)), bool(machine_says(source))) == (True, True)


@pytest.mark.parametrize("lines", TAKEN)
def test_both_take(lines):
    source = text(lines)
    assert (compiler_says(source), machine_says(source)) == ("", "")
