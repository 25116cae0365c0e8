"""The roofline of an A100 with attention on it, fused and not; and what either holds, by length."""

import torch
from matplotlib.figure import Figure

from reference.ch07_attention.score_matrix_bytes import score_matrix_bytes
from reference.ch12_memory.roofline import roofline

PEAK, HBM = 312e12, {"HBM": 2.0e12}
D, S = 128, 8192
LENGTHS = [2**n for n in range(10, 18)]


def draw():
    figure = Figure(figsize=(4.2, 5.6), layout="constrained")
    roof, held = figure.subplots(2, 1, height_ratios=(1.2, 1))
    _roof(roof)
    _held(held)
    return figure


def _attainable(flops, moved):
    return roofline(flops, {"HBM": moved}, PEAK, HBM)[0] / 1e12


def _roof(axes):
    intensities = [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 156, 256, 1024, 4096, 30_000]
    unit = 1 << 20
    axes.plot(intensities, [_attainable(int(i * unit), unit) for i in intensities], "-", color="black", lw=1.6)
    flops, inputs, table = 4 * S * S * D, 4 * S * D * 2, S * S * 2
    points = [
        ("softmax", 5 * S * S, 2 * table, (8, -3), "left"),
        ("attention,\nmatrices in HBM", flops, inputs + 4 * table, (8, -16), "left"),
        ("attention, fused", flops, inputs, (6, -14), "right"),
    ]
    for label, work, moved, offset, side in points:
        at = work / moved, _attainable(work, moved)
        axes.plot(*at, "o", color="black", ms=5)
        axes.annotate(label, at, offset, textcoords="offset points", ha=side)
    axes.set(xscale="log", yscale="log", xlim=(0.5, 30_000), ylim=(0.8, 600))
    axes.set_xticks([1, 10, 156, 1000, 10_000], ["1", "10", "156", "1,000", "10,000"])
    axes.set_yticks([1, 10, 100, 312], ["1", "10", "100", "312"])
    axes.minorticks_off()
    axes.set_title("Roofline of an A100, bf16 and HBM", loc="left")
    axes.set_xlabel("FLOPs per byte moved")
    axes.set_ylabel("attainable TFLOP/s")


def _held(axes):
    heads = {"num_attention_heads": 1}
    table = [score_matrix_bytes(heads, n, n, torch.float32) / 2**20 for n in LENGTHS]
    block = [(score_matrix_bytes(heads, 128, 128, torch.float32) + n * (D + 1) * 4) / 2**20 for n in LENGTHS]
    axes.plot(LENGTHS, table, "o-", color="black", ms=4, label="score matrix")
    axes.plot(LENGTHS, block, "s--", color="0.45", ms=4, label="one block of 128, output, log-sum-exp")
    axes.set(xscale="log", yscale="log", ylim=(0.2, 1e6))
    axes.set_xticks([1024, 4096, 16_384, 65_536], ["1,024", "4,096", "16,384", "65,536"])
    axes.set_yticks([1, 1024, 65_536], ["1 MiB", "1 GiB", "64 GiB"])
    axes.minorticks_off()
    axes.set_title("What one head holds, float32", loc="left")
    axes.set_xlabel("queries and keys (tokens)")
    axes.set_ylabel("memory")
    axes.legend(loc="upper left", frameon=False, handlelength=3)
