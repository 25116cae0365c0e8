"""Answers `Break`: what a wrong answer does to the text, to the loss, and to training."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from grader.model import stories, tokenizer, training
from grader.model.decoding import stream, together
from grader.model.drafting import drafter
from grader.model.evaluation import evaluate
from grader.model.figures import Plan
from grader.model.functions import FunctionFailed
from grader.model.opened import Opened, Watching, opened
from grader.model.path import OURS
from grader.model.protocol import Break, Crashed, Evaluated, Note, Parted, Trained
from grader.model.requests.emitting import GRAM, Emit, Writer
from grader.model.tokenizer import Tokenizer
from grader.model.use import USE, Use

STORIES = 300  # to train on
OTHER_PROMPT = "A"  # a short one beside the prompt, so that a batch has padding
MERGES, CHECKPOINT, GENERATE = "ch15_model/train_bpe_fast", "ch15_model/checkpoint", "ch15_model/generate"


@dataclass(frozen=True)
class Side:
    """One of the two models, and the name of its events."""

    run: Opened
    whose: str


def answer(request: Break, emit: Emit, watch: Watching) -> None:
    """Text of both, then Parted; Evaluated of both; with steps Trained of both, and Evaluated of what was trained.

    Where the source cannot do its part, there is Crashed instead.
    """
    root, folder, use = Path(request.source.root), Path(request.source.model), USE[request.koan]
    emit(Note("opening the model twice"))
    ours = Side(opened(root, folder, None, watch, use.precision), OURS)
    broken = Side(opened(root, folder, request.source.whose, watch, use.precision), "")
    if use.in_text:
        _texts(request, ours, broken, use, root, emit)
    if use.in_loss:
        _losses(request, ours, broken, use, root, emit)
    if request.steps:
        _training(request, ours, broken, use, root, emit)


def _texts(request: Break, ours: Side, broken: Side, use: Use, root: Path, emit: Emit) -> None:
    if use.sampling.drafts:
        emit(Note("counting tokens for the drafts"))
    healthy = _written(request, ours, use, root, emit)
    try:
        other = _written(request, broken, use, root, emit)
        repeated = _repeated(ours, healthy), _repeated(broken, other)
    except _FAULTS as error:
        emit(Crashed("text", _why(error)))
        return
    place = next((i for i, (a, b) in enumerate(zip(healthy, other, strict=False)) if a != b), None)
    if place is None and len(healthy) != len(other):
        place = min(len(healthy), len(other))
    if place is None:
        emit(Parted(None, repeated=repeated))
    else:
        decode = ours.run.tokenizer.decode
        emit(Parted(place, decode(healthy[place : place + 1]), decode(other[place : place + 1]), repeated))


def _repeated(side: Side, ids: list[int]) -> float:
    return float(side.run.functions.repetition_rate(ids, GRAM))


def _written(request: Break, side: Side, use: Use, root: Path, emit: Emit) -> list[int]:
    """The new tokens, which are also sent as text."""
    run, vocabulary = side.run, side.run.tokenizer.vocabulary
    model, config = run.model, run.model.config
    prompt = run.prompt(request.prompt)
    writer = Writer(run.tokenizer, emit, whose=side.whose)
    sampling = msgspec.structs.replace(use.sampling, most=request.tokens)
    ids: list[int] = []
    if use.whole_text:
        heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
        ids = run.functions.generate(prompt, model.weights, heads, kv_heads, vocabulary.end, request.tokens)
        writer.add(ids)
    elif use.padded:
        prompts = [prompt, run.prompt(OTHER_PROMPT)]
        ids = together(model, prompts, sampling, vocabulary.end, vocabulary.pad)[len(request.prompt) > 1]
        writer.add(ids)
    else:
        drafts = drafter(root, run.tokenizer) if sampling.drafts else None
        for token in stream(model, prompt, sampling, vocabulary.end, drafts):
            ids.append(token)
            writer.add([token])
    writer.end()
    return ids


def _losses(request: Break, ours: Side, broken: Side, use: Use, root: Path, emit: Emit) -> None:
    emit(Note(f"reading {request.texts} held-out stories"))
    texts = stories.held_out(root, request.texts)
    loss, top = evaluate(ours.run.model, ours.run.tokenizer, texts, use.route)
    emit(Evaluated(loss, ours.whose))
    try:
        emit(Evaluated(evaluate(broken.run.model, broken.run.tokenizer, texts, use.route, top)[0], broken.whose))
    except _FAULTS as error:
        emit(Crashed("loss", _why(error)))


def _training(request: Break, ours: Side, broken: Side, use: Use, root: Path, emit: Emit) -> None:
    emit(Note(f"training both for {request.steps} steps"))
    told = stories.training(root, STORIES)
    texts = stories.held_out(root, request.texts)
    for side in (ours, broken):
        try:
            _trained(request, side, use, told, texts, emit)
        except _FAULTS as error:
            if side is ours:
                raise
            emit(Crashed("training", _why(error)))


def _trained(request: Break, side: Side, use: Use, told: list[str], texts: list[str], emit: Emit) -> None:
    functions = side.run.functions
    own = merged(side.run.tokenizer, told) if request.koan == MERGES else side.run.tokenizer
    config = msgspec.structs.replace(side.run.model.config, vocab_size=own.vocabulary.size)
    plan = Plan(request.steps, rows=8, lengths=(96, 32), warmup=max(1, request.steps // 8), route=use.route)
    tokens, began = stories.token_stream(own, told), time.perf_counter()
    state = training.initial(functions, config, plan.seed)
    for step in training.steps(functions, config, tokens, plan, state):
        emit(Trained(step, time.perf_counter() - began, side.whose))
        if request.koan == CHECKPOINT and step.number == plan.steps // 2:
            break
    if request.koan == CHECKPOINT:
        state = training.restored(functions.load(functions.save(state.saved())))
        for step in training.steps(functions, config, tokens, plan, state):
            emit(Trained(step, time.perf_counter() - began, side.whose))
    model = replace(side.run.model, config=config, weights=state.params)
    emit(Evaluated(evaluate(model, own, texts, use.route)[0], side.whose, "trained"))


def merged(own: Tokenizer, told: list[str]) -> Tokenizer:
    """The tokenizer with merges learned from these stories, as many as it has."""
    words = Counter(word for story in told for word in own.functions.pretokenize(story))
    merges = own.functions.train_bpe_fast(dict(words), 256 + len(own.vocabulary.merges))
    return Tokenizer(own.functions, tokenizer.vocabulary([(a, b) for a, b in merges]))


_FAULTS = (FunctionFailed, RuntimeError, ValueError, TypeError, IndexError, KeyError)


def _why(error: Exception) -> str:
    return " ".join(str(error).split())
