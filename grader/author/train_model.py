"""Trains the small model that the workbook carries, by the solutions alone: `python -m grader.author.train_model`.

The stories, the tokenizer (`tokenizer_files`), forward pass, loss, gradients by autograd through them, clipping,
schedule and AdamW are functions of the workbook's koans. It writes `config.json` and `model.safetensors`, which
transformers loads, and the log `training.json`. Two runs on one machine write the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import sys
import time
from pathlib import Path

import msgspec
import torch

from grader.author.tokenizer_files import FOLDER
from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.workbook import Workbook, find_root
from grader.model import evaluation, functions, stories, tokenizer, training, weights
from grader.model.evaluation import Loss
from grader.model.forward import Model
from grader.model.tokenizer import Tokenizer
from grader.model.training import Plan, Step
from grader.model.weights import Config

LOG = "training.json"
PLAN = Plan(steps=2600, rows=5, lengths=(256, 64), peak=4e-3, warmup=100, decay=0.1, seed=1)
STORIES = 16_000  # of the training stories: about 2.7 million tokens, so that each is seen nearly twice
EVERY = 25  # steps between two entries of the log
HELD_OUT, PART = 500, 50  # stories that the end is measured on, and how many are evaluated at a time


class Log(msgspec.Struct, frozen=True):
    """How a model was trained. `first` are the first steps, `steps` every 25th. `seconds` are of the wall clock."""

    plan: Plan
    stories: int
    tokens: int
    parameters: int
    python: str
    torch: str
    first: tuple[Step, ...]
    steps: tuple[Step, ...]
    seconds: float
    held_out_stories: int
    held_out: Loss
    sha256: str


def train(root: Path, folder: Path, plan: Plan, count: int, quiet: bool = False) -> Log:
    """Train on the first `count` stories, write the files into `folder` and return the log."""
    loaded, config = functions.load(Workbook(root)), Config()
    model_tokenizer = Tokenizer(loaded, tokenizer.load(root / FOLDER))
    tokens = stories.token_stream(model_tokenizer, stories.training(root, count))
    state = training.initial(loaded, config, plan.seed)
    first, logged, started = [], [], time.monotonic()
    for step in training.steps(loaded, config, tokens, plan, state):
        if step.number <= 3:
            first.append(step)
        if step.number % EVERY == 0 or step.number == plan.steps:
            logged.append(step)
            if not quiet:
                spent = time.monotonic() - started
                print(f"step {step.number:5}  loss {step.loss:.3f}  norm {step.norm:.2f}  {spent:6.0f} s", flush=True)
    weights.save(folder, config, state.params)
    _, stored = weights.load(folder)  # in bf16, as others will get them
    loss = held_out_loss(Model(loaded, config, stored), model_tokenizer, stories.held_out(root, HELD_OUT))
    log = Log(
        plan,
        count,
        len(tokens),
        sum(p.numel() for p in state.params.values()),
        platform.python_version(),
        str(torch.__version__),
        tuple(first),
        tuple(logged),
        round(time.monotonic() - started, 1),
        HELD_OUT,
        loss,
        hashlib.sha256((folder / weights.WEIGHTS).read_bytes()).hexdigest(),
    )
    write_file(folder / LOG, msgspec.json.format(msgspec.json.encode(log), indent=1) + b"\n")
    return log


def held_out_loss(model: Model, model_tokenizer: Tokenizer, texts: list[str]) -> Loss:
    """The loss on the texts, a part at a time."""
    parts = [texts[i : i + PART] for i in range(0, len(texts), PART)]
    losses = [evaluation.evaluate(model, model_tokenizer, part)[0] for part in parts]
    tokens = sum(loss.tokens for loss in losses)
    nats = sum(loss.nats * loss.tokens for loss in losses) / tokens
    return Loss(nats, model.functions.bits_per_byte(nats, tokens, "".join(texts)), tokens)


def main() -> int:
    """Train, and print the losses."""
    parser = argparse.ArgumentParser(prog="python -m grader.author.train_model", description=__doc__)
    parser.add_argument("--out", type=Path, help="the folder to write into; default: content/ch15_model/model")
    parser.add_argument("--steps", type=int, default=PLAN.steps)
    parser.add_argument("--stories", type=int, default=STORIES)
    given = parser.parse_args()
    torch.set_num_threads(1)  # the order of sums, and so the bits, must not depend on the machine's cores
    try:
        root = find_root(Path.cwd())
        plan = msgspec.structs.replace(PLAN, steps=given.steps)
        log = train(root, given.out or root / FOLDER, plan, given.stories)
    except KoansError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"held out: {log.held_out.nats:.4f} nats a token, {log.held_out.bits_per_byte:.4f} bits a byte")
    return 0


if __name__ == "__main__":
    sys.exit(main())
