"""How much of the true top ten three formats lose, by the size of an outlier; tokens read for a query, by system."""

from functools import cache

import torch
from matplotlib.figure import Figure

from reference.ch10_retrieval.embedding_precision import embedding_precision
from reference.ch10_retrieval.rerank_cost import rerank_cost

WIDTH, DOCUMENTS, QUERIES, DRAWS = 64, 400, 30, 3
OUTLIERS = [1, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6]
COUNTS = [10, 30, 100, 300, 1000, 10_000, 100_000, 1_000_000]
FORMATS = {"fp16": ("o-", "black"), "bf16": ("s--", "0.45"), "int8": ("^:", "black")}
SYSTEMS = {
    "cross": ("-", "black", "cross-encoder"),
    "rerank": ("--", "black", "reranked"),
    "bi": ("-", "0.55", "bi-encoder"),
}


def draw():
    figure = Figure(figsize=(4.2, 5.4), layout="constrained")
    kept, cost = figure.subplots(2, 1, height_ratios=(1.2, 1))
    _kept(kept)
    _cost(cost)
    return figure


def _kept(axes):
    points = [_mean(size) for size in OUTLIERS]
    for name, (style, colour) in FORMATS.items():
        values = [100 * (1 - point[name]) for point in points]
        axes.plot(OUTLIERS, values, style, color=colour, ms=3.5, lw=1.4, label=name)
    axes.axvline(65504, color="black", lw=0.7, ls=":")
    axes.text(55_000, 60, "65,504", ha="right", va="center")
    axes.set(xscale="log", xlim=(0.8, 1.3e6), ylim=(-0.05, 130))
    axes.set_yscale("symlog", linthresh=0.5, linscale=0.6)
    axes.minorticks_off()
    axes.set_yticks([0, 0.5, 1, 10, 100], ["0", "0.5", "1", "10", "100"])
    axes.set_title("What storage loses of the true top ten", loc="left")
    axes.set_xlabel("size of one dimension (others: 1)")
    axes.set_ylabel("lost (%)")
    axes.legend(loc="upper left", frameon=False, handlelength=3)


def _mean(size):
    shares = [embedding_precision(*_draw(seed, size), 10) for seed in range(DRAWS)]
    return {name: sum(share[name] for share in shares) / DRAWS for name in FORMATS}


def _draw(seed, size):
    queries, documents = _vectors(seed)
    documents = documents.clone()
    documents[:, 3] = size * (1 + 0.1 * documents[:, 3])
    return queries, documents


@cache
def _vectors(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(QUERIES, WIDTH, generator=generator), torch.randn(DOCUMENTS, WIDTH, generator=generator)


def _cost(axes):
    points = [rerank_cost(n, 100, 32, 256) for n in COUNTS]
    for name, (style, colour, label) in SYSTEMS.items():
        axes.plot(COUNTS, [point[name]["tokens"] for point in points], style, color=colour, lw=1.8, label=label)
    axes.set(xscale="log", yscale="log", xlim=(10, 1e6), ylim=(10, 1e9))
    axes.minorticks_off()
    axes.set_title("Read for one query of 32 tokens, shortlist 100", loc="left")
    axes.set_xlabel("documents of 256 tokens (number)")
    axes.set_ylabel("tokens")
    axes.legend(loc="upper left", frameon=False, handlelength=3)
