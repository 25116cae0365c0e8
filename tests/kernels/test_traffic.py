"""The kernels of chapter 13 move exactly the bytes that the formulas of chapter 12 give."""

import pytest
import torch

from grader.book.stubs import strip_markers
from grader.book.workbook import Workbook
from grader.checks import Disagreement, traffic
from grader.kernels.kernel_function import launched
from reference.ch12_memory.attention_traffic import attention_traffic
from reference.ch12_memory.matmul_traffic import matmul_traffic
from reference.ch13_triton import flash_decode, flash_forward, matmul_kernel
from tests.conftest import ROOT


def solution(name, oracle):

    book = Workbook(ROOT)
    file = book.solution(book.koan(name))
    return launched(oracle, strip_markers(file.read_text(encoding="utf-8")), str(file))


@pytest.mark.parametrize(("m", "n", "k"), [(64, 64, 64), (130, 70, 33)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_matmul(m, n, k, dtype):
    kernel = solution("matmul_kernel", matmul_kernel.matmul_kernel)
    kernel(torch.ones(m, k, dtype=dtype), torch.ones(k, n, dtype=dtype))
    tiles = kernel.config["BLOCK_M"], kernel.config["BLOCK_N"]
    want = matmul_traffic(m, n, k, *tiles, dtype.itemsize)
    assert kernel.traffic.figures() == {
        "a_ptr": (want["a"], 0),
        "b_ptr": (want["b"], 0),
        "out_ptr": (0, want["out"]),
    }


@pytest.mark.parametrize(("heads", "n", "m", "d"), [(1, 128, 64, 16), (2, 200, 70, 32), (1, 300, 5, 16)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_attention(heads, n, m, d, dtype):
    kernel = solution("flash_forward", flash_forward.flash_forward)
    q, k = torch.ones(heads, n, d, dtype=dtype), torch.ones(heads, m, d, dtype=dtype)
    kernel(q, k, k.clone())  # arguments that share memory cannot be told apart
    want = attention_traffic(heads, n, m, d, kernel.config["BLOCK_M"], dtype.itemsize)
    assert kernel.traffic.loaded + kernel.traffic.stored == want["fused"]
    assert kernel.traffic.moved["k_ptr"].reads == -(-n // kernel.config["BLOCK_M"])


def test_decoding_reads_the_cache_once():
    kernel = solution("flash_decode", flash_decode.flash_decode)
    q, k = torch.ones(2, 16), torch.ones(2, 99, 16)
    kernel(q, k, k.clone())  # arguments that share memory cannot be told apart
    assert kernel.traffic.moved["k_ptr"].reads == kernel.traffic.moved["v_ptr"].reads == 1


@pytest.mark.parametrize(
    "koan",
    [
        *("vector_add", "fused_scale_bias_relu", "row_softmax_kernel", "rms_norm_kernel", "matmul_kernel"),
        *("flash_forward", "flash_causal", "flash_gqa", "flash_bf16", "flash_decode", "flash_backward_kernel"),
    ],
)
def test_every_solution_writes_each_element_of_its_outputs_once(koan):
    import importlib

    module = importlib.import_module(f"reference.ch13_triton.{koan}")
    oracle = getattr(module, koan)
    kernel = solution(koan, oracle)
    kernel(*INPUTS[koan])
    outputs = [m.coverage for m in kernel.traffic.moved.values() if m.coverage]
    assert outputs
    assert [c.problem() for c in outputs] == [""] * len(outputs)


def ones(*shape):
    return torch.ones(shape)


INPUTS = {
    "vector_add": (ones(200), ones(200)),
    "fused_scale_bias_relu": (ones(3, 200), ones(200), ones(200)),
    "row_softmax_kernel": (ones(3, 100),),
    "rms_norm_kernel": (ones(3, 100), ones(100)),
    "matmul_kernel": (ones(70, 33), ones(33, 130)),
    "flash_forward": (ones(2, 130, 16), ones(2, 70, 16), ones(2, 70, 16)),
    "flash_causal": (ones(2, 130, 16), ones(2, 150, 16), ones(2, 150, 16)),
    "flash_gqa": (ones(2, 4, 30, 16), ones(2, 2, 70, 16), ones(2, 2, 70, 16)),
    "flash_bf16": tuple(x.bfloat16() for x in (ones(2, 130, 16), ones(2, 70, 16), ones(2, 70, 16))),
    "flash_decode": (ones(2, 16), ones(2, 99, 16), ones(2, 99, 16)),
    "flash_backward_kernel": (ones(2, 70, 16), ones(2, 80, 16), ones(2, 80, 16), ones(2, 70, 16)),
}


@pytest.mark.parametrize("module", [matmul_kernel, flash_forward], ids=["matmul_kernel", "flash_forward"])
def test_tiles_that_are_made_fp32_before_a_product_show_without_a_compiler(module):
    name = module.__name__.rpartition(".")[2]
    oracle = getattr(module, name)
    right = solution(name, oracle)
    wide = right.with_variant(oracle.wrongs["widened"])
    narrow = [torch.ones(1, 16, 16).half()] * 3 if name == "flash_forward" else [torch.ones(16, 16).half()] * 2
    traffic(right, *narrow, with_=oracle)
    traffic(wide, *[x.float() for x in narrow], with_=oracle)  # they are as they were loaded
    with pytest.raises(Disagreement) as caught:
        traffic(wide, *narrow, with_=oracle)
    says = "tl.dot multiplies fp32 tiles that were cast from a narrower type: give it the tiles as they are loaded"
    assert caught.value.message.sentence == f"{name}: the result is right, but {says}"
    assert list(caught.value.message.looks) == ["widened"]
