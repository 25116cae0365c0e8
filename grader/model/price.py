"""What a choice of functions costs the small model: how it reads, trains and writes with them.

Each koan is measured on the kinds of run that call its functions. A run gives figures. The same run with our functions,
on several seeds, says which differences are luck.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

import msgspec
import torch
from torch import Tensor

from grader.book.workbook import Workbook
from grader.model import functions, stories, tokenizer, training, weights
from grader.model.baselines import fit_trigram
from grader.model.decoding import GREEDY, Sampling, stream, together
from grader.model.drafting import TrigramDrafter
from grader.model.evaluation import IGNORED, rows
from grader.model.forward import Cache, Model, quantized
from grader.model.functions import Functions
from grader.model.path import PATH, ROUTES
from grader.model.tokenizer import END, Tokenizer, Vocabulary
from grader.model.training import Plan, State, Step
from grader.model.use import USE, Use
from grader.model.weights import Config, Weights

SEEDS = (1, 2, 3, 4, 5)  # each has texts and random numbers of its own; wrong answers run with the first
TEXTS = 12  # held-out stories of a seed
STORIES = 160  # to train on
PLAN = Plan(80, rows=3, lengths=(96, 32), warmup=25)
LAYERS = 2  # of the model that is trained
LAST = 8  # steps whose mean loss is the loss at the end of training
FIRST = 5  # steps after which it is asked whether anything differs by more than rounding
RESUMED = 40  # the step after which a run is saved and loaded, for `checkpoint`
ONE_BY_ONE = 12  # tokens that are read one at a time, after a prompt
WRITTEN = 32  # tokens that are written after a prompt

# "text": held-out stories to ids and back. "reading": the loss of the trained model on them. "cache": the same for
# tokens that come one at a time. "training": a smaller model from scratch. "writing": texts of the trained model.
Kind = Literal["text", "reading", "cache", "training", "writing"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Run(msgspec.Struct, frozen=True):
    """A kind of run. `koan` is set where the run calls something that other runs of its kind do not."""

    kind: Kind
    use: Use
    koan: str = ""

    @property
    def name(self) -> str:
        """Runs of one name have the same figures with our functions. The routes differ by rounding alone."""
        precision = self.use.precision if self.use.precision != "float32" else ""
        padded = "padded" if self.use.padded and self.kind == "cache" else ""
        return " ".join(filter(None, [self.kind, precision, padded, self.koan.partition("/")[2]]))


Figures = dict[str, float]


@dataclass(frozen=True)
class Measured:
    """The figures of a run, and the tokens that the model chose in it."""

    figures: Figures
    tokens: Tensor


@dataclass(frozen=True)
class Bench:
    """What all runs share: our functions, the trained model, and the texts."""

    ours: Functions
    config: Config
    weights: Weights
    vocabulary: Vocabulary
    stories: tuple[str, ...]
    held_out: tuple[tuple[str, ...], ...]  # for each seed
    tokens: Tensor  # of the stories, by our functions
    rows: tuple[tuple[Tensor, Tensor], ...]  # of the held-out texts, by our functions


def bench(workbook: Workbook, folder: Path) -> Bench:
    """The bench for the model in a folder. Raises KoansError if the model or the stories are missing."""
    ours = functions.load(workbook)
    config, w = weights.load(folder)
    vocabulary = tokenizer.load(folder)
    told = tuple(stories.training(workbook.root, STORIES))
    texts = stories.held_out(workbook.root, TEXTS * len(SEEDS))
    held_out = tuple(tuple(texts[i : i + TEXTS]) for i in range(0, len(texts), TEXTS))
    own = Tokenizer(ours, vocabulary)
    encoded = tuple(rows(own, part) for part in held_out)
    return Bench(ours, config, w, vocabulary, told, held_out, stories.token_stream(own, told), encoded)


def runs(koan: str) -> tuple[Run, ...]:
    """The runs that call the functions of a koan on the path."""
    use, role = USE[koan], PATH[koan].role
    special = koan if role == "decoding" or koan in (_OWN_MERGES, _CHECKPOINT) else ""
    chosen: list[tuple[Kind, bool]] = [
        ("text", role == "tokenizer"),
        ("reading", use.in_loss),
        ("cache", role == "forward" and use.route != "whole"),
        ("training", use.in_training),
        ("writing", role == "decoding"),
    ]
    return tuple(Run(kind, use, special) for kind, wanted in chosen if wanted)


def measure(bench: Bench, f: Functions, run: Run, seed: int) -> Measured:
    """Run it with these functions. Figures are named "kind.figure". Raises what the functions raise."""
    measured = _KINDS[run.kind](bench, f, run, seed)
    return Measured({f"{run.kind}.{name}": value for name, value in measured.figures.items()}, measured.tokens)


def agreement(tokens: Tensor, healthy: Tensor) -> float:
    """The share of the tokens that the model with our functions chose which are chosen here, too, at their place."""
    n = min(len(tokens), len(healthy))
    return float((tokens[:n] == healthy[:n]).sum()) / max(len(healthy), 1)


_OWN_MERGES, _CHECKPOINT = "ch15_model/train_bpe_fast", "ch15_model/checkpoint"
_GENERATE, _REPETITION = "ch15_model/generate", "ch09_decoding/repetition_rate"
_NONE = torch.zeros(0, dtype=torch.long)


def _tokenizer(bench: Bench, f: Functions, run: Run) -> Tokenizer:
    """Theirs, with the merges of the model, or with merges of their own if they train these."""
    if run.koan != _OWN_MERGES:
        return Tokenizer(f, bench.vocabulary)
    words = Counter(word for story in bench.stories for word in f.pretokenize(story))
    return Tokenizer(f, tokenizer.vocabulary(f.train_bpe_fast(dict(words), 256 + len(bench.vocabulary.merges))))


def _text(bench: Bench, f: Functions, run: Run, seed: int) -> Measured:
    """`back`: the share of the texts that come back from ids. `tokens`: how many tokens a byte becomes."""
    own = _tokenizer(bench, f, run)
    texts = bench.held_out[SEEDS.index(seed)]
    ids = stories.token_stream(own, texts)
    size = sum(len(text.encode()) for text in texts)
    back = [own.decode(own.encode(text + END)) == text for text in texts]
    return Measured({"back": sum(back) / len(back), "tokens": len(ids) / size}, ids)


def _reading(bench: Bench, f: Functions, run: Run, seed: int) -> Measured:
    """`nats`: the loss on held-out texts that these functions report. `bits`: the same in bits a byte."""
    w = quantized(f, bench.weights) if run.use.precision == "4bit" else _copied(bench.weights)
    model = Model(f, bench.config, w, run.use.precision)
    return _loss(bench, model, _tokenizer(bench, f, run), run, seed)


def _loss(bench: Bench, model: Model, own: Tokenizer, run: Run, seed: int) -> Measured:
    place = SEEDS.index(seed)
    texts = bench.held_out[place]
    changed = own.functions is not bench.ours and bool(_TOKENIZER & own.functions.whose.keys())
    ids, labels = rows(own, texts) if changed or own.vocabulary is not bench.vocabulary else _clones(bench.rows[place])
    counts = labels[:, 1:] != IGNORED
    with torch.no_grad():
        logits = model.logits(ids, route=run.use.route)
        nats = float(model.functions.next_token_loss(logits, labels, IGNORED))
    bits = float(model.functions.bits_per_byte(nats, int(counts.sum()), "".join(texts)))
    return Measured({"nats": nats, "bits": bits}, logits[:, :-1].argmax(-1)[counts])


_TOKENIZER = {entry.koan for entry in PATH.values() if entry.role == "tokenizer"}


def _cache(bench: Bench, f: Functions, run: Run, seed: int) -> Measured:
    """`nats`: the loss of tokens that come one at a time, after prompts. Padded, the prompts have several lengths."""
    ids = bench.rows[SEEDS.index(seed)][0]
    prompts = [24 + (2 * row if run.use.padded else 0) for row in range(len(ids))]
    longest = max(prompts)
    padding = tuple(longest - n for n in prompts)
    pad = bench.vocabulary.pad
    lines = [[pad] * gap + line[: n + ONE_BY_ONE] for gap, n, line in zip(padding, prompts, ids.tolist(), strict=True)]
    new = torch.tensor(lines)
    model, cache = Model(f, bench.config, _copied(bench.weights)), Cache(padding if any(padding) else ())
    found = []
    with torch.no_grad():
        for start, end in [(0, longest), *((n, n + 1) for n in range(longest, longest + ONE_BY_ONE - 1))]:
            found.append(model.logits(new[:, start:end], cache, run.use.route)[:, -1])
    logits = torch.stack(found, dim=1)
    nats = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), new[:, longest:].flatten())
    return Measured({"nats": float(nats)}, logits.argmax(-1).flatten())


def _training(bench: Bench, f: Functions, run: Run, seed: int) -> Measured:
    """`loss`: the training loss of the last steps. `nats` and `bits`: the loss on held-out texts, as `reading` has it.

    `true`: the loss on held-out texts in nats, if our functions run with the weights that came of it.
    """
    config = _small(bench.config)
    own = _tokenizer(bench, f, run)
    losses: list[float] = []
    state = training.initial(f, config, seed)
    for part in (RESUMED, PLAN.steps) if run.koan == _CHECKPOINT else (PLAN.steps,):
        if losses:
            state = training.restored(f.load(f.save(state.saved())))
        losses += [step.loss for step in islice(_steps(bench, f, run, own, state), part - state.step)]
    shown = _loss(bench, Model(f, config, _copied(state.params)), own, run, seed).figures
    plain = Tokenizer(bench.ours, own.vocabulary)
    true = _loss(bench, Model(bench.ours, config, state.params), plain, run, seed).figures
    return Measured({"loss": sum(losses[-LAST:]) / LAST, **shown, "true": true["nats"]}, _NONE)


class Start(msgspec.Struct, frozen=True):
    """How a training run begins: losses and norms of gradients, step by step, and the digest of the weights then."""

    figures: tuple[float, ...]
    weights: str


def first_steps(bench: Bench, f: Functions, run: Run) -> Start:
    """The first steps of a training run with the first seed."""
    state = training.initial(f, _small(bench.config), SEEDS[0])
    taken = list(islice(_steps(bench, f, run, _tokenizer(bench, f, run), state), FIRST))
    digest = hashlib.sha256()
    for tensor in state.params.values():
        digest.update(tensor.detach().numpy().tobytes())
    return Start(tuple(figure for step in taken for figure in (step.loss, step.norm)), digest.hexdigest())


def by_routes(run: Run) -> list[Run]:
    """The run by each route of the forward pass: with our functions they differ by rounding alone."""
    return [msgspec.structs.replace(run, use=msgspec.structs.replace(run.use, route=route)) for route in ROUTES]


def _small(config: Config) -> Config:
    return msgspec.structs.replace(config, num_hidden_layers=LAYERS)


def _steps(bench: Bench, f: Functions, run: Run, own: Tokenizer, state: State) -> Iterator[Step]:
    changed = own.vocabulary is not bench.vocabulary or bool(_TOKENIZER & f.whose.keys())
    tokens = stories.token_stream(own, bench.stories) if changed else bench.tokens.clone()
    return training.steps(f, _small(bench.config), tokens, msgspec.structs.replace(PLAN, route=run.use.route), state)


def _writing(bench: Bench, f: Functions, run: Run, seed: int) -> Measured:
    """`nats`: how unlikely the model with our functions finds the written tokens. `repeated`: the share of 3-grams
    that occurred before. `tokens`: how many were written for a prompt, on average."""
    texts = _written(bench, f, run, seed)
    rate = (f if run.koan == _REPETITION else bench.ours).repetition_rate
    model = Model(bench.ours, bench.config, bench.weights)
    nats = 0.0
    for prompt, new in texts:
        if new:
            with torch.no_grad():
                logits = model.logits(torch.tensor([[*prompt, *new]]))[0]
            losses = torch.nn.functional.cross_entropy(logits[len(prompt) - 1 : -1], torch.tensor(new), reduction="sum")
            nats += float(losses)
    count = sum(len(new) for _, new in texts)
    figures = {
        "nats": nats / max(count, 1),
        "repeated": sum(float(rate([*prompt, *new], 3)) for prompt, new in texts) / len(texts),
        "tokens": count / len(texts),
    }
    return Measured(figures, torch.tensor([token for _, new in texts for token in new], dtype=torch.long))


def _written(bench: Bench, f: Functions, run: Run, seed: int) -> list[tuple[list[int], list[int]]]:
    """(prompt, new tokens) by the koan's own way to write: a batch, single texts, or a batch and the likeliest text."""
    ids = bench.rows[SEEDS.index(seed)][0]
    prompts = [line[: 16 + 2 * row] for row, line in enumerate(ids[: len(ids) // 2].tolist())]
    end, config = bench.vocabulary.end, bench.config
    model = Model(f, config, _copied(bench.weights))
    sampling = msgspec.structs.replace(run.use.sampling, seed=seed, most=WRITTEN)
    if run.koan == _GENERATE:
        heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
        new = [f.generate(prompt, model.weights, heads, kv_heads, end, WRITTEN) for prompt in prompts]
    elif sampling.drafts:
        drafter = TrigramDrafter(fit_trigram(bench.tokens.numpy(), config.vocab_size), end)
        new = [list(stream(model, prompt, sampling, end, drafter)) for prompt in prompts]
    else:
        new = together(model, prompts, sampling, end, bench.vocabulary.pad)
        likeliest: Sampling = msgspec.structs.replace(GREEDY, most=WRITTEN)
        new += [list(stream(model, prompts[0], likeliest, end))]
        prompts = [*prompts, prompts[0]]
    return [(prompt, list(text)) for prompt, text in zip(prompts, new, strict=True)]


_KINDS: Mapping[Kind, Callable[[Bench, Functions, Run, int], Measured]] = {
    "text": _text,
    "reading": _reading,
    "cache": _cache,
    "training": _training,
    "writing": _writing,
}


def _copied(tensors: Weights) -> Weights:
    """Copies, because a wrong answer may write into what it gets."""
    return {name: tensor.clone() for name, tensor in tensors.items()}


def _clones(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    return pair[0].clone(), pair[1].clone()


def rounded(figures: Figures) -> Figures:
    """With seven digits, as a file keeps them."""
    return {name: float(f"{value:.7g}") for name, value in figures.items()}


def finite(figures: Figures) -> dict[str, float | None]:
    """The same, and None for what is no number."""
    return {name: value if math.isfinite(value) else None for name, value in rounded(figures).items()}
