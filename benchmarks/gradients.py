"""Gradients of each layer in a transformer at the start of training: post-norm beside pre-norm.

    python benchmarks/gradients.py --out benchmarks/results/gradients.json
    python benchmarks/gradients.py --quick --json

Encoders made of torch.nn.TransformerEncoderLayer, without dropout, read random vectors and get a cross-entropy loss for
a random target at each position. Nothing is trained. For each layer: the norm of the gradient of the feed-forward
layer's second matrix and of attention's output projection, as a mean over seeds. Three ways to start: "xavier" draws
every matrix by Xavier's rule, "default" is what torch's layers do by themselves, and "copied" is what
torch.nn.TransformerEncoder does: it copies one layer, so that all layers start with the same weights.
"""

from __future__ import annotations

import argparse
import copy

import torch
from _common import Figures, main, progress
from torch import Tensor, nn

WIDTH, HEADS, FFN, CLASSES = 128, 4, 512, 1000
BATCH, TOKENS = 4, 32
DEPTHS, QUICK_DEPTHS = (6, 12, 24, 48), (2, 4)
SEEDS, QUICK_SEEDS = 5, 1
KINDS = {"post-norm": False, "pre-norm": True}
STARTS = ("xavier", "default", "copied")


def xavier(module: nn.Module) -> None:
    """Draw every matrix anew by Xavier's rule. Queries, keys and values are three matrices in one."""
    for part in module.modules():
        if isinstance(part, nn.MultiheadAttention):
            for matrix in part.in_proj_weight.data.chunk(3):
                nn.init.xavier_normal_(matrix)
        if isinstance(part, nn.Linear):
            nn.init.xavier_normal_(part.weight)
            nn.init.zeros_(part.bias)


def layers_of(depth: int, pre_norm: bool, start: str) -> list[nn.TransformerEncoderLayer]:
    layers = [
        nn.TransformerEncoderLayer(WIDTH, HEADS, FFN, dropout=0.0, batch_first=True, norm_first=pre_norm)
        for _ in range(depth)
    ]
    if start == "xavier":
        xavier(nn.ModuleList(layers))
    return [copy.deepcopy(layers[0]) for _ in layers] if start == "copied" else layers


def gradients(depth: int, pre_norm: bool, start: str, seed: int) -> tuple[Tensor, Tensor]:
    """The norms of the gradients, layer by layer: of the second ffn matrices, and of attention's output matrices."""
    torch.manual_seed(seed)
    layers, head = layers_of(depth, pre_norm, start), nn.Linear(WIDTH, CLASSES)
    if start == "xavier":
        xavier(head)
    x, target = torch.randn(BATCH, TOKENS, WIDTH), torch.randint(CLASSES, (BATCH, TOKENS))
    for layer in layers:
        x = layer(x)
    if pre_norm:  # nothing has normalized the stream yet
        x = nn.functional.layer_norm(x, (WIDTH,))
    nn.functional.cross_entropy(head(x).flatten(0, 1), target.flatten()).backward()
    return (
        torch.stack([layer.linear2.weight.grad.norm() for layer in layers]),
        torch.stack([layer.self_attn.out_proj.weight.grad.norm() for layer in layers]),
    )


def measure(options: argparse.Namespace) -> Figures:
    torch.set_num_threads(1)  # products this small only wait for other threads
    seeds = range(QUICK_SEEDS if options.quick else SEEDS)
    rows = []
    for start in STARTS:
        for name, pre_norm in KINDS.items():
            for depth in QUICK_DEPTHS if options.quick else DEPTHS:
                progress(f"{start}, {name}, {depth} layers")
                runs = [gradients(depth, pre_norm, start, seed) for seed in seeds]
                ffn, attention = (torch.stack(norms).mean(0).tolist() for norms in zip(*runs, strict=True))
                rows.append({"start": start, "kind": name, "layers": depth, "ffn": ffn, "attention": attention})
                print(f"{start:<9}{name:<11}{depth:>3} layers   ffn {_ends(ffn)}   attention {_ends(attention)}")
    sizes = {"width": WIDTH, "heads": HEADS, "ffn": FFN, "classes": CLASSES, "batch": BATCH, "tokens": TOKENS}
    return {"sizes": sizes, "seeds": len(seeds), "torch": torch.__version__, "gradients": [_rounded(r) for r in rows]}


def _ends(norms: list[float]) -> str:
    """The first layer, the one in the middle, and the last."""
    return "  ".join(f"{norms[i]:.3f}" for i in (0, len(norms) // 2, -1))


def _rounded(row: Figures) -> Figures:
    """Four digits are enough, and another machine's last digits differ."""
    return {k: [float(f"{v:.4g}") for v in value] if isinstance(value, list) else value for k, value in row.items()}


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
