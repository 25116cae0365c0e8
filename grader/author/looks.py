"""Measures which checks show the wrong answers on the model's path, for "How to look": `python -m grader.author.looks`.

Each wrong answer trains the small model of the price list for some steps, and then learns one batch by heart. The koans
`gradient_norms` and `update_to_weight` say what a person would see beside the healthy run. The trained model also reads
a text in several ways, which must agree. What was seen is kept in content/ch15_model/model/looks.json, in the format of
prices.json. It is looked at again only if the price would be measured again.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import Tensor

from grader.author import price_results, prices
from grader.author.price_results import Answer, Digests, Healthy, Prices, Result
from grader.author.prices import Outcome, Shop, Work
from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.oracles import oracles
from grader.book.workbook import Workbook, find_root
from grader.model import price, stories, tokenizer, training
from grader.model.client import folder_of_ours
from grader.model.forward import Cache, Model, quantized
from grader.model.functions import Functions
from grader.model.path import PATH
from grader.model.price import SEEDS, Bench, Figures, Run
from grader.model.tokenizer import Tokenizer
from grader.model.training import Plan

FILE = Path("looks.json")  # in the model's folder
# One window of text, again and again. Our functions learn it by heart.
BATCH = Plan(40, rows=1, lengths=(32,), warmup=5, peak=3e-3, decay=0.0)
OWN_MERGES = "ch15_model/train_bpe_fast"
ACCUMULATE = "ch15_model/accumulate_gradients"  # returns the gradients of a step, before clipping
TOOLS = ("gradient_norms", "update_to_weight")
GRADIENT, UPDATE = "gradient", "update"
READ, PROMPT, PADDING = 40, 24, 8  # tokens that are read, of which so many come at once, and padding in a batch


def looked_at(cost: price_results.Price) -> list[Run]:
    """The runs with which one looks at a wrong answer: training, and reading in several ways for forward passes.

    A training run whose price is an error, or the price of a right answer, is not looked at.
    """
    trained = cost.verdicts.get("training")
    kinds = {"training"} if trained and trained.outcome in ("NaN", "seen", "unseen") else set()
    if PATH[cost.answer.koan].role == "forward":
        kinds.add("reading")
    return [run for run in price.runs(cost.answer.koan) if run.kind in kinds]


class Looker:
    """Looks at training runs, with the oracles of two koans."""

    def __init__(self, workbook: Workbook, bench: Bench) -> None:
        self._bench = bench
        self._config = msgspec.structs.replace(bench.config, num_hidden_layers=price.LAYERS)
        self._tools: dict[str, Any] = {tool: oracles(workbook.koans[f"ch15_model/{tool}"])[tool] for tool in TOOLS}

    def look(self, f: Functions, run: Run, seed: int) -> Figures:
        """Everything that one sees. In training, each layer and each parameter has an entry of its own."""
        return self._training(f, run, seed) if run.kind == "training" else self._reading(f, run, seed)

    def _reading(self, f: Functions, run: Run, seed: int) -> Figures:
        """The largest differences of log-probabilities between two ways to read a text that must agree.

        "future": with another last token, at the places before it. "cached": tokens one at a time, with a cache, and
        all at once. "batch": as the shorter row of a batch, and alone.
        """
        bench, use = self._bench, run.use
        w = quantized(f, bench.weights) if use.precision == "4bit" else _copied(bench.weights)
        model = Model(f, bench.config, w, use.precision)
        first, second = bench.rows[SEEDS.index(seed)][0][:2]
        text, longer = first[:READ], second[: READ + PADDING]

        def read(ids: Tensor, cache: Cache | None = None) -> Tensor:
            return model.logits(ids, cache, use.route).float().log_softmax(-1)

        with torch.no_grad():
            whole = read(text[None])[0]
            other = torch.cat([text[:-1], (text[-1:] + 1) % bench.config.vocab_size])
            figures = {"future": _apart(read(other[None])[0, :-1], whole[:-1])}
            if use.route != "whole":
                cache, steps = Cache(), [0, *range(PROMPT, READ + 1)]
                parts = [read(text[None, a:b], cache)[0] for a, b in pairwise(steps)]
                figures["cached"] = _apart(torch.cat(parts), whole)
                padded = torch.cat([torch.full((PADDING,), bench.vocabulary.pad), text])
                rows = read(torch.stack([padded, longer]), Cache((PADDING, 0)))
                figures["batch"] = _apart(rows[0, PADDING:], whole)
        return figures

    def _training(self, f: Functions, run: Run, seed: int) -> Figures:
        """What one sees in the first steps, and of the losses on one batch.

        "init": the loss of the first step. "gradient LAYER": the norm of its gradient. "update PARAMETER STEP": its
        update-to-weight ratio. "end": the mean of the last tenth of the losses on one batch.
        """
        tokens = self._tokens(f, run)
        figures = self._first_steps(f, run, tokens, seed)
        plan = msgspec.structs.replace(BATCH, route=run.use.route)
        window = tokens[: plan.lengths[0]].repeat(2 * plan.steps)  # every window has the same tokens, in a circle
        state = training.initial(f, self._config, seed)
        losses = [step.loss for step in training.steps(f, self._config, window, plan, state)]
        last = losses[-max(1, len(losses) // 10) :]
        return figures | {"first": losses[0], "lowest": min(losses), "end": sum(last) / len(last)}

    def _tokens(self, f: Functions, run: Run) -> Tensor:
        vocabulary = self._bench.vocabulary
        if run.koan == OWN_MERGES:
            words = Counter(word for story in self._bench.stories for word in f.pretokenize(story))
            vocabulary = tokenizer.vocabulary(f.train_bpe_fast(dict(words), 256 + len(vocabulary.merges)))
        return stories.token_stream(Tokenizer(f, vocabulary), self._bench.stories)

    def _first_steps(self, f: Functions, run: Run, tokens: Tensor, seed: int) -> Figures:
        grads: dict[str, Tensor] = {}

        def observe(koan: str, name: str, result: Any) -> None:
            if koan == ACCUMULATE and not grads:
                grads.update({name: grad.clone() for name, grad in result.items()})

        figures: Figures = {}
        state = training.initial(f, self._config, seed)
        before = _copied(state.params)
        f.observe = observe
        plan = msgspec.structs.replace(price.PLAN, route=run.use.route)
        for step in islice(training.steps(f, self._config, tokens, plan, state), price.FIRST):
            if step.number == 1:
                figures["init"], figures[f"{GRADIENT} all"] = step.loss, step.norm
            ratios = self._tools["update_to_weight"](before, state.params)
            figures |= {f"{UPDATE} {name} {step.number}": ratio for name, ratio in ratios.items()}
            before = _copied(state.params)
        f.observe = None
        norms, _ = self._tools["gradient_norms"](grads)  # none if the answer accumulates in a way of its own
        return figures | {f"{GRADIENT} {layer}": norm for layer, norm in norms.items()}


def _apart(a: Tensor, b: Tensor) -> float:
    return float((a - b).abs().max())


def compared(figures: Mapping[str, float], ours: Mapping[str, float]) -> Figures:
    """The figures that are kept, from everything that one saw and what one sees with our functions.

    "gradient" and "update" become the largest factor, up or down, between a norm or a ratio and ours.
    """
    found = {name: value for name, value in figures.items() if " " not in name}
    for kind in (GRADIENT, UPDATE):
        names = [name for name in figures if name.startswith(f"{kind} ")]
        if names:
            found[kind] = max(factor(figures[name], ours.get(name, math.nan)) for name in names)
    return found


def factor(a: float, b: float) -> float:
    """How many times one is the other, so that it is at least 1. It is infinite if just one is 0, or one is no number.

    A number that both are, such as 0 or inf, gives 1.
    """
    if a == b:
        return 1.0
    if not (math.isfinite(a) and math.isfinite(b)) or a <= 0 or b <= 0:
        return math.inf
    return max(a / b, b / a)


def _copied(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in params.items()}


class LookShop(Shop):
    """Looks at each answer in a process of its own."""

    def __init__(self, workbook: Workbook, folder: Path) -> None:
        super().__init__(workbook, folder)
        self._looker = Looker(workbook, self.bench)
        self._healthy: dict[str, dict[int, Figures]] = {}

    def prepare(self, work: Sequence[Work]) -> None:
        """Look at the runs with our functions first, and all seeds."""
        for run in dict.fromkeys(run for piece in work for run in piece.runs):
            if run.name not in self._healthy:
                seen = {seed: self._looker.look(self.bench.ours, run, seed) for seed in SEEDS}
                self._healthy[run.name] = seen

    def healthy(self) -> dict[str, dict[str, tuple[float, ...]]]:
        """The figures of our functions, one of each seed, by the name of the run. Factors are from the first seed's."""
        return {
            name: {
                figure: tuple(price.rounded(compared(seen[seed], seen[SEEDS[0]]))[figure] for seed in SEEDS)
                for figure in compared(seen[SEEDS[0]], seen[SEEDS[0]])
            }
            for name, seen in self._healthy.items()
        }

    def outcome(self, f: Functions, work: Work, run: Run) -> Outcome:
        """In the child: what one sees with these functions."""
        try:
            seen = self._looker.look(f, run, work.seed)
        except Exception as error:
            return Outcome(run, error=prices.error_line(error))
        return Outcome(run, compared(seen, self._healthy[run.name][work.seed]))


def wanted(workbook: Workbook, folder: Path) -> dict[tuple[Answer, Run], str]:
    """The priced wrong answers and the runs with which one looks at them, with digests of what the looks rest on."""
    digests = Digests(workbook, folder)
    every = price_results.priced(price_results.load(folder))
    return {(cost.answer, run): digests.answer(cost.answer, run) for cost in every for run in looked_at(cost)}


def stale(workbook: Workbook) -> list[str]:
    """The looks that are missing, or rest on code or files that have changed, or belong to no answer any more."""
    folder = folder_of_ours(workbook.root)
    kept = {(r.answer, r.run): r.digest for r in price_results.load(folder, FILE).results}
    need = {(answer, run.kind): digest for (answer, run), digest in wanted(workbook, folder).items()}
    return [
        f"{a.koan}: {a.whose}, {kind}" for a, kind in {**kept, **need} if kept.get((a, kind)) != need.get((a, kind))
    ]


def update(workbook: Workbook, folder: Path, jobs: int) -> int:
    """Look at what is due, and keep what is seen. Returns how many looks there were."""
    file = folder / FILE
    old = price_results.load(folder, FILE) if file.exists() else Prices()
    need, digests = wanted(workbook, folder), Digests(workbook, folder)
    kept = {(r.answer, r.run): r for r in old.results}
    due = [(answer, run) for (answer, run), digest in need.items() if not _holds(kept.get((answer, run.kind)), digest)]
    healthy, machine = {entry.run: entry for entry in old.healthy}, old.machine
    if due:
        shop, machine = LookShop(workbook, folder), prices.machine_here()
        work = [Work(answer, (run,)) for answer, run in due]
        shop.prepare([Work(answer, (run,)) for answer, run in need])
        runs = {run.name: run for _, run in need}
        healthy |= {name: Healthy(name, digests.healthy(runs[name]), f) for name, f in shop.healthy().items()}
        for done, (piece, [outcome]) in enumerate(shop.measured(work, jobs), 1):
            assert piece.answer is not None
            key = piece.answer, outcome.run.kind
            kept[key] = result(piece.answer, outcome, need[piece.answer, outcome.run])
            if done % prices.EVERY == 0:
                print(f"{done} of {len(work)}", flush=True)
    results = tuple(kept[answer, run.kind] for answer, run in need)
    write_file(file, price_results.encoded(Prices(machine, tuple(healthy.values()), results)))
    return len(due)


def _holds(result: Result | None, digest: str) -> bool:
    return result is not None and result.digest == digest


def result(answer: Answer, outcome: Outcome, digest: str) -> Result:
    """What is kept of an outcome."""
    return Result(answer, outcome.run.kind, digest, price.finite(outcome.figures), 0.0, outcome.error)


def main() -> None:
    """Run the command in a process with a fixed hash seed, and exit."""
    prices.with_fixed_hashes("looks")
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run the command. Returns its exit status: 0 all is well, 2 it could not run."""
    parser = argparse.ArgumentParser(prog="python -m grader.author.looks", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    given = parser.parse_args(argv)
    try:
        workbook = Workbook(find_root(Path.cwd()))
        looked = update(workbook, folder_of_ours(workbook.root), given.jobs)
    except KoansError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"looked at: {looked}")
    return 0


if __name__ == "__main__":
    main()
