"""What a fused kernel moves, by length."""

from matplotlib.figure import Figure

from reference.ch12_memory.attention_traffic import attention_traffic

LENGTHS = [512, 1024, 2048, 4096, 8192, 16384]
WIDTH, MEBI = 128, 2**20


def draw():
    figure = Figure(figsize=(4.2, 2.7), layout="constrained")
    _bytes(figure.subplots())
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
    for label, (values, style, color) in lines.items():
        axes.plot(LENGTHS, [v / MEBI for v in values], style, color=color, ms=4, label=label)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xticks(LENGTHS, ["512", "1K", "2K", "4K", "8K", "16K"])
    axes.set_yticks([1, 16, 256, 4096], ["1", "16", "256", "4096"])
    axes.set_ylim(0.3, 400_000)
    axes.set_xlabel("tokens")
    axes.set_ylabel("MiB loaded and stored")
    axes.set_title(f"One head of dimension {WIDTH} in bf16", loc="left")
    axes.legend(loc="upper left", frameon=False, handlelength=3)
