"""Bits and error of 4-bit blocks by length; memory for serving by context, in two formats."""

import torch
from matplotlib.figure import Figure

from reference.ch11_model_cards.bits_per_weight import bits_per_weight
from reference.ch11_model_cards.block_quantize import block_dequantize, block_quantize
from reference.ch11_model_cards.model_bytes import model_bytes

BLOCKS = [8, 16, 32, 64, 128, 256, 512]
WEIGHTS = 8192
ALL = 8_030_261_248  # Llama-3.1-8B
SIX = 16 * (1024 + 14336) * 4096 + 128_256 * 4096
FILES = {
    "bf16": ([(ALL, "BF16")], "0.45", "--"),
    "Q4_K_M": ([(ALL - SIX - 65 * 4096, "Q4_K"), (SIX, "Q6_K"), (65 * 4096, "F32")], "black", "-"),
}
TOKENS = [1024 * 2**i for i in range(8)]


def draw():
    figure = Figure(figsize=(4.2, 5.2), layout="constrained")
    error, memory = figure.subplots(2, 1)
    _error(error)
    _memory(memory)
    return figure


def _error(axes):
    plain = torch.randn(WEIGHTS, generator=torch.Generator().manual_seed(0))
    outliers = plain.clone()
    outliers[::512] = 20.0
    bits = [bits_per_weight(n, {"scale": (1, 16), "minimum": (1, 16), "codes": (n, 4)}) for n in BLOCKS]
    for label, x, style in (("one weight in 512 is 20", outliers, "s--"), ("normal weights", plain, "o-")):
        axes.plot(bits, [100 * _lost(x, n) for n in BLOCKS], style, color="black", ms=3.5, lw=1.2, label=label)
    for n, b in zip(BLOCKS[:4], bits[:4], strict=True):
        axes.annotate(str(n), (b, 100 * _lost(plain, n)), (0, -11), textcoords="offset points", ha="center")
    axes.set(xlim=(3.9, 8.3), ylim=(0, 46))
    axes.set_title("Error of 4-bit blocks, by weights per block", loc="left")
    axes.set_xlabel("bits per weight")
    axes.set_ylabel("error of the normal weights (%)")
    axes.legend(loc="upper right", frameon=False, handlelength=3)


def _lost(x, block):
    back = block_dequantize(*block_quantize(x, block))
    small = x != 20
    return ((back - x)[small].norm() / x[small].norm()).item()


def _memory(axes):
    for name, (tensors, shade, style) in FILES.items():
        sizes = [model_bytes(tensors, 32, 8, 128, n, 1) for n in TOKENS]
        axes.plot(TOKENS, [s["total"] / 1e9 for s in sizes], style, color=shade, lw=1.8, label=f"{name}, with cache")
    axes.plot(TOKENS, [s["cache"] / 1e9 for s in sizes], ":", color="black", lw=1.8, label="KV cache alone")
    axes.set(xscale="log", xlim=(TOKENS[0], TOKENS[-1]), ylim=(0, 36))
    axes.minorticks_off()
    axes.set_xticks(TOKENS[::2] + TOKENS[-1:], [f"{n // 1024}K" for n in TOKENS[::2] + TOKENS[-1:]])
    axes.set_title("Memory for serving Llama-3.1-8B, one sequence", loc="left")
    axes.set_xlabel("context (tokens)")
    axes.set_ylabel("memory (GB)")
    axes.legend(loc="upper left", frameon=False, handlelength=3)
