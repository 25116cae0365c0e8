"""What a decoding step reads, by length; and how many tokens a nucleus has, by temperature."""

import torch
from matplotlib.figure import Figure

from reference.ch09_decoding.arithmetic_intensity import arithmetic_intensity
from reference.ch09_decoding.temperature import temperature
from reference.ch09_decoding.top_p import top_p

LLAMA_8B = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "vocab_size": 128_256,
}
LENGTHS = [2**i for i in range(8, 18)]
TEMPERATURES = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5]
TOKENS = 300
ROWS = {"sure": ("-", "black", 3.0), "unsure": ("--", "black", 1.5)}


def draw():
    figure = Figure(figsize=(4.2, 5.4), layout="constrained")
    reads, nuclei = figure.subplots(2, 1, height_ratios=(1.15, 1))
    _reads(reads)
    _nuclei(nuclei)
    return figure


def _step(length, batch):
    return arithmetic_intensity(LLAMA_8B, 1, length - 1, batch, 989.4e12, 3.35e12)


def _reads(axes):
    weights = _step(1, 1)["weights"]
    axes.plot(LENGTHS, [weights / 1e9] * len(LENGTHS), "-", color="black", lw=1.8, label="weights")
    for batch, style in ((1, "--"), (32, ":")):
        caches = [_step(n, batch)["cache"] / 1e9 for n in LENGTHS]
        axes.plot(LENGTHS, caches, style, color="black", lw=1.8, label=f"cache, batch {batch}")
    for length, batch, says in ((114_512, 1, "114,512"), (3_579, 32, "3,579")):
        axes.plot([length], [_step(length, batch)["cache"] / 1e9], "o", color="black", ms=4)
        axes.annotate(says, (length, weights / 1e9), (-4, 6), textcoords="offset points", ha="right")
    axes.set(xscale="log", yscale="log", xlim=(256, 131_072), ylim=(0.03, 1000))
    axes.set_xticks([256, 1024, 4096, 16384, 65536], ["256", "1K", "4K", "16K", "64K"])
    axes.minorticks_off()
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set_title("What one step of Llama-3.1-8B reads", loc="left")
    axes.set_xlabel("length of each sequence (tokens)")
    axes.set_ylabel("gigabytes")
    axes.legend(loc="upper left", frameon=False, handlelength=3)


def _nuclei(axes):
    ranks = torch.arange(1, TOKENS + 1, dtype=torch.float64)
    for name, (style, colour, power) in ROWS.items():
        logits = -power * ranks.log()
        sizes = [int((top_p(temperature(logits, t), 0.9) > 0).sum()) for t in TEMPERATURES]
        axes.plot(TEMPERATURES, sizes, style, color=colour, lw=1.8, label=f"{name}: p ~ rank^(−{power:g})")
    axes.plot(TEMPERATURES, [50] * len(TEMPERATURES), ":", color="0.45", lw=1.4, label="top-k, k = 50")
    axes.set(xlim=(0.2, 1.5), yscale="log", ylim=(0.8, 600))
    axes.set_yticks([1, 10, 100], ["1", "10", "100"])
    axes.minorticks_off()
    axes.set_title(f"Tokens in a nucleus of 0.9, of {TOKENS}", loc="left")
    axes.set_xlabel("temperature")
    axes.set_ylabel("tokens kept")
    axes.legend(loc="upper left", frameon=False, handlelength=3)
