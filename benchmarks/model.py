"""How fast the small model is on the functions of the koans, beside transformers on the same weights.

    python benchmarks/model.py --out benchmarks/results/model.json
    python benchmarks/model.py --quick --json

`say`: tokens a second of a greedy text, with a cache, without, and with products in int8. `train`: tokens a second of
whole steps of training, on windows of 256 and 64 tokens.
The alternative is transformers' LlamaForCausalLM with its own `generate`, and torch's AdamW on the same windows. All
run on one thread, in turns, and the best of the rounds counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping

import torch
from _common import ROOT, CannotMeasure, Figures, main, progress
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from grader.book.workbook import Workbook
from grader.model import decoding, functions, stories, tokenizer, training, weights
from grader.model.client import folder_of_ours
from grader.model.decoding import Sampling
from grader.model.forward import Model
from grader.model.tokenizer import Tokenizer
from grader.model.training import Plan

PROMPT = "Once upon a time, a shy small sheep"
PLAN = Plan(steps=1, rows=5, lengths=(256, 64))


def best(ways: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """Tokens a second of each way, at its fastest. The ways take turns, so that a busy moment meets all of them."""
    rates = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, way in ways.items():
            progress(name)
            started = time.perf_counter()
            tokens = way()
            rates[name] = max(rates[name], tokens / (time.perf_counter() - started))
    return rates


def measure(options: argparse.Namespace) -> Figures:
    torch.set_num_threads(1)
    logging.disable_progress_bar()  # which would be more than one line on stderr
    most, rounds = (20, 1) if options.quick else (200, 5)
    folder, loaded = folder_of_ours(ROOT), functions.load(Workbook(ROOT))
    model = Model(loaded, *weights.load(folder))
    words = Tokenizer(loaded, tokenizer.load(folder))
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompt = [words.vocabulary.end, *words.encode(PROMPT)]

    def say(precision: str = "float32", cache: bool = True) -> int:
        sampling = Sampling(temperature=0.0, top_p=1.0, most=most, cache=cache)
        of = Model(loaded, model.config, model.weights, precision)  # type: ignore[arg-type]
        return len(list(decoding.stream(of, prompt, sampling, stop=-1)))

    def generate() -> int:
        given = torch.tensor([prompt])
        out = theirs.generate(given, attention_mask=torch.ones_like(given), max_new_tokens=most, do_sample=False)
        return out.shape[1] - len(prompt)

    theirs.generation_config.eos_token_id = None
    said = best(
        {
            "ours": say,
            "ours_without_cache": lambda: say(cache=False),
            "ours_int8": lambda: say("int8"),
            "transformers": generate,
        },
        rounds,
    )
    trained = best(_training(loaded, model, words, theirs), 1 if options.quick else 5)
    for name, rates in (("say", said), ("train", trained)):
        for way, rate in rates.items():
            beside = rate / rates["transformers"]
            print(f"{name:6}{way.replace('_', ' '):22}{rate:8.1f} tokens a second, {beside:.2f} times transformers")
    return {"say": said, "train": trained, "torch": str(torch.__version__)}


def _training(
    loaded: functions.Functions, model: Model, words: Tokenizer, theirs: torch.nn.Module
) -> dict[str, Callable[[], int]]:
    """One step on the same windows: ours, and transformers with torch's AdamW."""
    tokens = stories.token_stream(words, stories.training(ROOT, 50))
    state = training.initial(loaded, model.config, PLAN.seed)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=PLAN.peak, betas=(0.9, 0.95), weight_decay=PLAN.decay)
    sizes = PLAN.rows * sum(PLAN.lengths)

    def ours() -> int:
        state.step = 0
        (step,) = training.steps(loaded, model.config, tokens, PLAN, state)
        if step.tokens != sizes:
            raise CannotMeasure(f"a step took {step.tokens} tokens, and not {sizes}")
        return step.tokens

    def transformers() -> int:
        optimizer.zero_grad()
        for length in PLAN.lengths:
            ids, targets = loaded.get_batch(tokens, list(range(0, PLAN.rows * 300, 300)), length)
            logits = theirs(ids).logits.flatten(0, 1)
            loss = torch.nn.functional.cross_entropy(logits, targets.flatten()) * targets.numel() / sizes
            loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), PLAN.max_norm)
        optimizer.step()
        return sizes

    return {"ours": ours, "transformers": transformers}


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
