"""Kernels run in the tile machine: bf16 as on a GPU, bytes counted, pointers that keep their types."""

import pytest
import torch

from grader.kernels.kernel_text import read
from grader.kernels.tiles.counts import Traffic
from grader.kernels.tiles.findings import PointerCast
from grader.kernels.tiles.launch import load

HEAD = "import triton\nimport triton.language as tl\nCONFIG = {}\n"
UNARY = (
    HEAD + "@triton.jit\ndef k(x_ptr, out_ptr, N: tl.constexpr):\n    i = tl.arange(0, N)\n    x = tl.load(x_ptr + i)\n"
)
DOT = """
@triton.jit
def k(a_ptr, b_ptr, out_ptr, N: tl.constexpr):
    i = tl.arange(0, N)
    at = i[:, None] * N + i[None, :]
    product = tl.dot(tl.load(a_ptr + at), tl.load(b_ptr + at), input_precision="ieee")
    tl.store(out_ptr + at, product)
"""


def unary(line, x, dtype=None, traffic=None):
    out = torch.full_like(x, torch.nan, dtype=dtype)
    load(read(f"{UNARY}    {line}\n", "<test>"), traffic).k[(1,)](x, out, N=x.numel())
    return out


def randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def hard_values():
    """Ties in both directions, overflow, denormals, infinities, NaN, and random values up to a power of two of them."""
    ties = torch.tensor([0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001, 0x7F7FFFFF, 0x00008000, 0x00018000, 1])
    special = torch.tensor([0.0, -0.0, torch.inf, -torch.inf, torch.nan, 3.4e38, -3.4e38, 1e-40])
    return torch.cat([ties.to(torch.int32).view(torch.float32), special, 1e3 * randn(1008)])


def same(a, b):
    return torch.equal(
        a.view(torch.int16 if a.element_size() == 2 else torch.int32),
        b.view(torch.int16 if b.element_size() == 2 else torch.int32),
    )


@pytest.mark.parametrize("line", ["tl.store(out_ptr + i, x.to(tl.bfloat16))", "tl.store(out_ptr + i, x)"])
def test_fp32_is_rounded_to_bf16_as_torch_rounds(line):
    x = hard_values()
    out, want = unary(line, x, torch.bfloat16), x.bfloat16()
    assert same(out.nan_to_num(7.0), want.nan_to_num(7.0))
    assert torch.equal(out.isnan(), want.isnan())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_bf16_is_loaded_cast_and_stored_as_torch_does(dtype):
    x = hard_values().bfloat16()
    names = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}
    out = unary(f"tl.store(out_ptr + i, x.to(tl.{names[dtype]}))", x, dtype)
    assert torch.equal(out.nan_to_num(7.0), x.to(dtype).nan_to_num(7.0))


def test_integers_and_fp16_become_bf16_as_in_torch():
    whole = torch.arange(-512, 512, dtype=torch.int32)
    assert same(unary("tl.store(out_ptr + i, x.to(tl.bfloat16))", whole, torch.bfloat16), whole.bfloat16())
    half = (100 * randn(256)).half()
    assert same(unary("tl.store(out_ptr + i, x.to(tl.bfloat16))", half, torch.bfloat16), half.bfloat16())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_dot_is_exact_through_fp32(dtype, seed):
    a, b = randn(32, 32, seed=seed).to(dtype), randn(32, 32, seed=seed + 9).to(dtype)
    out = torch.full((32, 32), torch.nan)
    load(read(HEAD + DOT, "<test>")).k[(1,)](a, b, out, N=32)
    torch.testing.assert_close(out, (a.double() @ b.double()).float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("line", "steps"),
    [
        ("x + x * x", lambda x: x + x * x),
        ("x * 2.3 - x", lambda x: x * torch.tensor(2.3, dtype=x.dtype) - x),
        ("(x + 1.0) * (x - 1.0) * -x", lambda x: (x + 1) * (x - 1) * -x),
        ("tl.abs(x * x - 1) + x", lambda x: (x * x - 1).abs() + x),
        ("tl.maximum(x * x, x + x)", lambda x: torch.maximum(x * x, x + x)),
        ("tl.where(x + x > x * x, x + x, x)", lambda x: torch.where(x + x > x * x, x + x, x)),
    ],
)
def test_16_bit_arithmetic_rounds_after_each_step(line, steps, dtype):
    x = randn(256).to(dtype)
    assert same(unary(f"tl.store(out_ptr + i, {line})", x), steps(x))


def test_what_triton_promotes_itself_is_right():
    """tl.max and division convert bf16 to fp32 first, on a GPU as well."""
    x = randn(64).bfloat16()
    assert torch.equal(unary("tl.store(out_ptr + i, 1.0 / x)", x, torch.float32), 1 / x.float())
    assert unary("tl.store(out_ptr + i, tl.max(x, 0))", x, torch.float32)[0] == x.max().float()


def test_selecting_and_moving_bf16_is_allowed():
    x = randn(64).bfloat16()
    out = unary("tl.store(out_ptr + i, tl.where(i < 8, x, 1.5))", x)
    assert torch.equal(out[:8], x[:8])
    assert bool((out[8:] == 1.5).all())


MATMUL = """
@triton.jit
def matmul(a_ptr, b_ptr, out_ptr, M, N, K, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    total = tl.zeros((BM, BN), tl.float32)
    for k in range(0, K, BK):
        a = tl.load(a_ptr + rows[:, None] * K + k + inner, mask=(rows[:, None] < M) & (k + inner < K), other=0)
        b_mask = (k + inner[:, None] < K) & (columns < N)
        b = tl.load(b_ptr + (k + inner[:, None]) * N + columns, mask=b_mask, other=0)
        total = tl.dot(a, b, total, input_precision="ieee")
    tl.store(out_ptr + rows[:, None] * N + columns, total, mask=(rows[:, None] < M) & (columns < N))
"""


@pytest.mark.parametrize(("m", "n", "k"), [(64, 64, 64), (50, 33, 70), (16, 100, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_bytes_of_a_tiled_matmul_are_the_analytic_ones(m, n, k, dtype):
    """A is read once for every block of columns, B once for every block of rows, the result written once."""
    a, b, out = randn(m, k).to(dtype), randn(k, n, seed=1).to(dtype), torch.full((m, n), torch.nan)
    traffic = Traffic()
    grid = -(-m // 32), -(-n // 16)
    load(read(HEAD + MATMUL, "<test>"), traffic).matmul[grid](a, b, out, m, n, k, BM=32, BN=16, BK=16)
    torch.testing.assert_close(out, (a.double() @ b.double()).float(), rtol=1e-4, atol=1e-4)
    size = a.element_size()
    assert traffic.figures() == {
        "a_ptr": (m * k * size * grid[1], 0),
        "b_ptr": (k * n * size * grid[0], 0),
        "out_ptr": (0, m * n * 4),
    }
    assert traffic.moved["a_ptr"].reads == grid[1]
    assert traffic.flops == 2 * 32 * 16 * (-(-k // 16) * 16) * grid[0] * grid[1]
    coverage = traffic.moved["out_ptr"].coverage
    assert (coverage.unwritten, coverage.rewritten, coverage.problem()) == (0, 0, "")


def test_coverage_says_what_was_not_written_and_what_was_written_again():
    traffic, out = Traffic(), torch.zeros(4, 8).T
    text = (
        HEAD + "@triton.jit\ndef k(out_ptr, N: tl.constexpr):\n    i = tl.arange(0, N)\n    tl.store(out_ptr + i, i)\n"
    )
    kernels = load(read(text, "<test>"), traffic)
    kernels.k[(1,)](out, N=16)
    coverage = traffic.moved["out_ptr"].coverage
    assert (coverage.unwritten, coverage.rewritten) == (16, 0)
    assert coverage.problem() == "16 of 32 elements of out_ptr are never written; the first is at [0, 2]"
    kernels.k[(1,)](out, N=32)
    assert (coverage.unwritten, coverage.rewritten) == (0, 16)
    assert coverage.problem() == "16 of 32 elements of out_ptr are written more than once; the first is at [0, 0]"


POINTERS = (
    HEAD + "@triton.jit\ndef k(x_ptr, h_ptr, out_ptr, N: tl.constexpr):\n    i = tl.arange(0, N)\n    LINE\n"
    "    tl.store(out_ptr + i, y)\n"
)
KEEPS = "a pointer keeps its type: do not cast or mix pointers; cast the tile that tl.load gives"


def run_pointers(line):
    """Runs a line that sets `y`. Returns the bytes that were loaded from the argument of fp32 and from that of fp16."""
    traffic, text = Traffic(), read(POINTERS.replace("LINE", line), "<test>")
    load(text, traffic).k[(1,)](torch.arange(8.0), torch.arange(8).half(), torch.zeros(8), N=8)
    return traffic.moved["x_ptr"].loaded, traffic.moved["h_ptr"].loaded


@pytest.mark.parametrize(
    "line",
    [
        "y = tl.load(x_ptr.to(h_ptr.dtype) + i)",
        "y = tl.load(h_ptr.to(x_ptr.dtype) + i, mask=i < 4)",
        "y = tl.load((h_ptr + i).to(x_ptr.dtype), mask=i < 1)",
        "y = tl.load(tl.cast(h_ptr, x_ptr.dtype) + i, mask=i < 4)",
        "y = tl.load(tl.cast(h_ptr, x_ptr.dtype, bitcast=True) + i, mask=i < 4)",
        "y = tl.load(h_ptr.to(tl.int64).to(x_ptr.dtype) + i, mask=i < 4)",
        "y = x_ptr.to(tl.uint64, bitcast=True)",
        "y = x_ptr.to(tl.int1)",
        "y = tl.load(i.to(tl.int64).to(x_ptr.dtype))",
        "y = tl.sum(tl.load(tl.join(h_ptr + i, x_ptr + i)).to(tl.float32), 1)",
        "y = tl.sum(tl.load(tl.join(x_ptr + i, h_ptr + i)), 1)",
    ],
)
def test_a_pointer_keeps_its_type(line):
    with pytest.raises(PointerCast) as caught:
        run_pointers(line)
    assert str(caught.value) == KEEPS


def test_what_moves_bytes_unseen_is_refused():
    with pytest.raises(SyntaxError, match="is not allowed in a kernel"):
        run_pointers("y = tl.atomic_load(x_ptr)")


def test_tensor_descriptors_are_refused():
    with pytest.raises(SyntaxError, match="add offsets to the pointer"):
        run_pointers("y = tl.make_tensor_descriptor(x_ptr, [8], [1], [8])")


@pytest.mark.parametrize(
    ("line", "loaded"),
    [
        ("y = tl.load(x_ptr + i)", (32, 0)),
        ("y = tl.load(h_ptr + i)", (0, 16)),
        ("y = tl.load(x_ptr + i, mask=i < 3, other=1.0)", (12, 0)),
        ("y = tl.load(x_ptr + i, mask=i < 0, other=1.0)", (0, 0)),
        ("y = tl.load(x_ptr + i, i < 3, 1.0)", (12, 0)),
        ('y = tl.load(x_ptr + i, cache_modifier=".cg", eviction_policy="evict_last", volatile=True)', (32, 0)),
        ("y = tl.where(i < 4, tl.load(x_ptr + i), tl.load(h_ptr + i).to(tl.float32))", (32, 16)),
        ("y = tl.load(x_ptr + i) if N == 8 else tl.load(h_ptr + i)", (32, 0)),
        ("y = tl.load(x_ptr + 3)", (4, 0)),
        ("y = tl.load(tl.broadcast_to(x_ptr, (N,)))", (32, 0)),
        ("y = tl.load(tl.where(i < 4, x_ptr + i, x_ptr + 7))", (32, 0)),
        ("y = tl.load(x_ptr + i).to(tl.int32, bitcast=True).to(tl.float32, bitcast=True)", (32, 0)),
        ("y = tl.trans(tl.load(x_ptr + i[None, :])).reshape(N)", (32, 0)),
    ],
)
def test_every_way_to_load_counts_the_bytes_that_move(line, loaded):
    assert run_pointers(line) == loaded
