"""What a fused kernel moves, by length; and which blocks a causal kernel visits."""

import torch
from matplotlib.figure import Figure

from reference.ch07_attention.causal_mask import causal_mask
from reference.ch12_memory.attention_traffic import attention_traffic

LENGTHS = [512, 1024, 2048, 4096, 8192, 16384]
WIDTH, MEBI = 128, 2**20


def draw():
    figure = Figure(figsize=(4.2, 5.6), layout="constrained")
    bytes_, blocks = figure.subplots(2, 1, height_ratios=(1, 1.1))
    _bytes(bytes_)
    _blocks(blocks)
    return figure


def _bytes(axes):
    unfused = [attention_traffic(1, n, n, WIDTH, 128, 2)["unfused"] for n in LENGTHS]
    asked = [attention_traffic(1, n, n, WIDTH, 128, 2)["fused"] for n in LENGTHS]
    once = [attention_traffic(1, n, n, WIDTH, n, 2)["fused"] for n in LENGTHS]
    lines = {
        "unfused": (unfused, "o-", "black"),
        "fused, asked for": (asked, "^:", "black"),
        "fused, with K and V in L2": (once, "s--", "0.45"),
    }
    for label, (values, style, colour) in lines.items():
        axes.plot(LENGTHS, [v / MEBI for v in values], style, color=colour, ms=4, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(LENGTHS, ["512", "1K", "2K", "4K", "8K", "16K"])
    axes.set_yticks([1, 16, 256, 4096], ["1", "16", "256", "4096"])
    axes.set_ylim(0.3, 400_000)
    axes.set_xlabel("tokens")
    axes.set_ylabel("MiB loaded and stored")
    axes.set_title(f"One head of width {WIDTH} in bf16", loc="left")
    axes.legend(loc="upper left", frameon=False, handlelength=3)


def _blocks(axes):
    seen = (causal_mask(6 * 128, 8 * 128) == 0).double()
    share = torch.nn.functional.avg_pool2d(seen[None, None], (128, 64))[0, 0]
    shade = torch.where(share == 0, 0.0, torch.where(share == 1, 1.0, 0.5))
    axes.imshow(shade.numpy(), cmap="Greys", vmin=0, vmax=2.2, aspect="auto")
    for i, row in enumerate(share.tolist()):
        for j, value in enumerate(row):
            axes.text(j, i, "·" if value == 0 else "m" if value < 1 else "", ha="center", va="center")
    axes.set_xticks(range(0, 16, 2), [str(64 * j) for j in range(0, 16, 2)])
    axes.set_yticks(range(6), [str(128 * i) for i in range(6)])
    axes.set_xticks([j - 0.5 for j in range(1, 16)], minor=True)
    axes.set_yticks([i - 0.5 for i in range(1, 6)], minor=True)
    axes.grid(which="minor", color="black", lw=0.5)
    axes.tick_params(which="minor", length=0)
    axes.spines[["top", "right"]].set_visible(True)
    axes.set_xlabel("first key of the block (64 keys)")
    axes.set_ylabel("first query (of 128)")
    axes.set_title("Causal blocks: m = mask, · = skip", loc="left")
