"""The path of a text through the functions of the koans, with an example's shapes; the loss while the model trains."""

import json
import math
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from reference.ch15_model.encode_text import encode_text
from reference.ch15_model.pretokenize import pretokenize

MODEL = Path(__file__).parent / "model"
TEXT = "Tom had six plums."
BLOCK, FINAL = range(3, 9), 9  # the rows of a block, and the row after them
X_TEXT, X_SHAPE, X_BACK = 0.04, 0.99, 0.5


def draw():
    figure = Figure(figsize=(4.2, 8.8), layout="constrained")
    path, loss = figure.subplots(2, 1, height_ratios=(2.3, 1))
    _path(path, _read("config"))
    _loss(loss, _read("config"), _read("training"), _read("baselines"))
    return figure


def _read(name):
    return json.loads((MODEL / f"{name}.json").read_text())


def rows(config):
    """(functions, what comes out of them) from the text to the logits."""
    merges = [tuple(pair) for pair in _read("merges")["merges"]]
    n, d = len(encode_text(TEXT, merges, {})), config["hidden_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    return [
        ("special_tokens, pretokenize", f"{len(pretokenize(TEXT))} words"),
        ("encode, encode_text", f"{n} ids"),
        ("embed", f"{n} × {d}"),
        ("rms_norm, linear", "q, k, v"),
        ("split_heads", f"{heads}, {kv_heads}, {kv_heads} heads of {n} × {d // heads}"),
        ("rope_angles, apply_rope", "q and k, turned"),
        ("repeat_kv, causal_mask, attention", f"weights {heads} × {n} × {n}"),
        ("merge_heads, linear", f"{n} × {d}, added"),
        ("rms_norm, swiglu", f"{n} × {d}, added"),
        ("rms_norm", f"{n} × {d}"),
        ("head", f"{n} × {config['vocab_size']} logits"),
    ]


def _path(axes, config):
    """One row for each group of functions, from the top. The block has a frame. Two ways lead on from the logits."""
    steps = rows(config)
    axes.set(xlim=(0, 1), ylim=(-len(steps) - 3.2, 0.2))
    axes.set_axis_off()
    axes.set_title(f"“{TEXT}” on its way to logits", loc="left")
    top, bottom = -BLOCK.start + 0.02, -BLOCK.stop + 0.02
    frame = FancyBboxPatch(
        (0.01, bottom), 0.98, top - bottom, boxstyle="round,pad=0,rounding_size=0.03", fc="0.93", ec="0.5", lw=0.7
    )
    frame.set_transform(axes.transData)
    axes.add_patch(frame)
    for i, (functions, result) in enumerate(steps):
        axes.text(X_TEXT, -i - 0.5, functions, va="center", family="monospace", size=8)
        axes.text(0.97, -i - 0.5, result, va="center", ha="right", size=8)
        if i:
            axes.annotate("", (X_TEXT + 0.02, -i - 0.24), (X_TEXT + 0.02, -i + 0.26), arrowprops=ARROW)
    blocks = f"{config['num_hidden_layers']} blocks"
    axes.text(0.5, top + 0.04, blocks, va="bottom", ha="center", size=8, style="italic")
    ends = -len(steps)
    ways = {
        0.04: ("to write", ["temperature, top_p, sample", "generate: the new token", "goes back to embed"]),
        0.56: ("to learn", ["cross_entropy", "accumulate_gradients", "train_step: new weights"]),
    }
    for x, (name, lines) in ways.items():
        axes.annotate("", (x + 0.02, ends - 0.5), (0.3, ends + 0.2), arrowprops=ARROW)
        axes.text(x, ends - 0.75, name, va="center", size=8, style="italic")
        for i, line in enumerate(lines):
            axes.text(x, ends - 1.4 - 0.62 * i, line, va="center", size=7.5)


ARROW = {"arrowstyle": "->", "lw": 0.7, "shrinkA": 0, "shrinkB": 0}


def _loss(axes, config, log, baselines):
    """The loss of each logged step, and the losses that need no model, as lines from side to side."""
    logged = log["first"] + log["steps"]
    last = logged[-1]["number"]
    axes.plot([step["number"] for step in logged], [step["loss"] for step in logged], color="black", lw=1.2)
    lines = {
        "untrained: ln of the vocabulary": (math.log(config["vocab_size"]), "bottom"),
        "how often each token occurs": (baselines["unigram"]["nats_per_token"], "top"),
        "3-gram": (baselines["trigram"]["nats_per_token"], "bottom"),
        "the grammar itself": (baselines["grammar"]["nats_per_token"], "bottom"),
    }
    for name, (nats, side) in lines.items():
        axes.axhline(nats, color="0.5", lw=0.8, ls="--")
        axes.annotate(
            name,
            (last, nats),
            (0, 2 if side == "bottom" else -2),
            textcoords="offset points",
            ha="right",
            va=side,
            size=8,
        )
    axes.set(xlim=(0, last), ylim=(0.32, 9))
    axes.set_yscale("log")
    axes.set_yticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
    axes.minorticks_off()
    axes.set_title("The loss while the model trains", loc="left")
    axes.set_xlabel("step")
    axes.set_ylabel("nats per token")
