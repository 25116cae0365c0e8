"""Answers `Train`: the loop on the functions of the source, from stories to the files of a model."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
from torch import Tensor

from grader.book.errors import KoansError, reading
from grader.book.files import write_file
from grader.book.workbook import Workbook
from grader.model import baselines, functions, stories, tokenizer, training, weights
from grader.model.evaluation import evaluate_all
from grader.model.figures import Plan
from grader.model.forward import Model
from grader.model.functions import FunctionFailed, Functions, Whose
from grader.model.opened import Watching
from grader.model.protocol import Baselines, Evaluated, Note, Planned, Saved, Substituted, Train, Trained
from grader.model.requests.emitting import Emit
from grader.model.tokenizer import Tokenizer
from grader.model.training import State
from grader.model.trial import unusable
from grader.model.weights import Config

CHECKPOINT, PLAN = "checkpoint", "plan.json"
FINISHED = "finished"  # a file that is there when a training came to its end
EVERY = 20.0  # seconds between two checkpoints
AT_ONCE = 500  # stories that are told before there is a sign of life
HELD_OUT = 128  # stories that no training sees
TIMED = 3  # steps that are timed, to know how many there will be; the first one is slower and does not count
WARMUP = 50  # steps at most, and a tenth of all
FEWEST = 20  # steps of a training that is given seconds
CONFIG = Config()


class Record(msgspec.Struct, frozen=True):
    """What a training must know to go on, beside its checkpoint."""

    plan: Plan
    stories: int


@dataclass(frozen=True)
class Texts:
    """Stories for training and held-out ones, and their tokens."""

    tokenizer: Tokenizer
    tokens: Tensor
    held_out: list[str]


def answer(request: Train, emit: Emit, watch: Watching) -> None:
    """Baselines, Substituted for each function that training cannot use, Planned, then Trained for each step.

    Saved follows each checkpoint. At the end comes Evaluated. Raises KoansError if there is no checkpoint to go on
    from, or if a file cannot be written.
    """
    book, folder = Workbook(Path(request.source.root)), Path(request.folder)
    before = _record(folder) if request.resume else None
    ours = functions.load(book, None, watch)
    theirs, replaced = _usable(book, ours, request.source.whose, watch)
    for koan, why in replaced.items():
        emit(Substituted(koan, why))
    told = _told(book.root, before.stories if before else request.stories, emit)
    texts = _texts(book.root, theirs, folder, told, emit, resume=request.resume)
    config = msgspec.structs.replace(CONFIG, vocab_size=texts.tokenizer.vocabulary.size)
    emit(_baselines(book.root, texts))
    if before is not None:
        plan, state = before.plan, _restored(theirs, folder)
    else:
        count = request.steps or _steps(theirs, config, texts.tokens, request, emit)
        plan = Plan(count, warmup=max(1, min(WARMUP, count // 10)), seed=request.seed)
        state = training.initial(theirs, config, plan.seed)
        folder.mkdir(parents=True, exist_ok=True)
        for old in (CHECKPOINT, FINISHED):
            (folder / old).unlink(missing_ok=True)
        write_file(folder / PLAN, msgspec.json.encode(Record(plan, request.stories)))
    emit(Planned(plan.steps, state.step, len(texts.tokens)))
    _loop(theirs, config, texts, plan, state, folder, emit)
    emit(Note("reading held-out stories"))
    model = Model(theirs, config, state.params)
    emit(Evaluated(evaluate_all(model, texts.tokenizer, texts.held_out), what="trained"))


def _usable(book: Workbook, ours: Functions, whose: Whose, watch: Watching) -> tuple[Functions, dict[str, str]]:
    """The source's functions, with ours for those that training cannot use, which are named."""
    theirs = functions.load(book, whose, watch)
    replaced = unusable(theirs, ours, CONFIG)
    if not replaced:
        return theirs, replaced
    return functions.load(book, {k: v for k, v in whose.items() if k not in replaced}, watch), replaced


def _told(root: Path, count: int, emit: Emit) -> list[str]:
    seeds = stories.grammar(root).TRAIN[:count]
    told: list[str] = []
    for first in range(0, len(seeds), AT_ONCE):
        emit(Note(f"telling stories: {first} of {len(seeds)}"))
        told += stories.texts(root, seeds[first : first + AT_ONCE])
    return told


def _texts(root: Path, theirs: Functions, folder: Path, told: list[str], emit: Emit, *, resume: bool) -> Texts:
    """The tokens of the stories, by the merges in the folder, or by merges that are learned from these stories."""
    if resume:
        vocabulary = tokenizer.load(folder)
    else:
        emit(Note("learning merges"))
        words: Counter[str] = Counter()
        for story in told:
            words.update(theirs.pretokenize(story))
        merges = theirs.train_bpe_fast(dict(words), CONFIG.vocab_size - 2)
        vocabulary = tokenizer.vocabulary([(a, b) for a, b in merges])
        folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / tokenizer.MERGES, msgspec.json.encode(vocabulary))
    emit(Note("turning stories into tokens"))
    own = Tokenizer(theirs, vocabulary)
    return Texts(own, stories.token_stream(own, told), stories.held_out(root, HELD_OUT))


def _baselines(root: Path, texts: Texts) -> Baselines:
    grammar, own = stories.grammar(root), texts.tokenizer
    held_out = stories.token_stream(own, texts.held_out)[1:]  # without the first end token
    nats = sum(grammar.story(seed).nats for seed in grammar.HELD_OUT[:HELD_OUT])
    size = sum(len(text.encode()) for text in texts.held_out)
    found = baselines.baselines(
        texts.tokens.numpy(), held_out.numpy(), own.vocabulary.size, own.vocabulary.end, size, nats
    )
    return Baselines(found.unigram.nats_per_token, found.trigram.nats_per_token, found.grammar.nats_per_token)


def _steps(theirs: Functions, config: Config, tokens: Tensor, request: Train, emit: Emit) -> int:
    """How many steps fit into the seconds, by a few steps whose results are dropped."""
    emit(Note("timing a few steps"))
    state = training.initial(theirs, config, request.seed)
    times = [time.perf_counter()]
    for _ in training.steps(theirs, config, tokens, Plan(TIMED, seed=request.seed), state):
        times.append(time.perf_counter())
        emit(Note("timing a few steps"))
    typical = statistics.median(b - a for a, b in pairwise(times[1:]))
    return max(FEWEST, int(request.seconds / typical))


def _loop(theirs: Functions, config: Config, texts: Texts, plan: Plan, state: State, folder: Path, emit: Emit) -> None:
    began, saved = time.monotonic(), -math.inf  # a stop after the first step loses nothing
    for step in training.steps(theirs, config, texts.tokens, plan, state):
        emit(Trained(step, time.monotonic() - began))
        if time.monotonic() - saved > EVERY:
            _save(theirs, config, state, folder)
            emit(Saved(state.step))
            saved = time.monotonic()
    _save(theirs, config, state, folder)
    emit(Saved(state.step))
    write_file(folder / FINISHED, b"")


def _save(theirs: Functions, config: Config, state: State, folder: Path) -> None:
    """The checkpoint by the koan of that name, and the model as it is now."""
    data = theirs.save(state.saved())
    if not isinstance(data, bytes):
        koan = "ch15_model/checkpoint"
        wrong = TypeError(f"it returned {type(data).__name__}, and no bytes")
        raise FunctionFailed(koan, "save", theirs.whose.get(koan, ""), wrong)
    write_file(folder / CHECKPOINT, data)
    weights.save(folder, config, state.params)


def _record(folder: Path) -> Record:
    file = folder / PLAN
    if not (folder / CHECKPOINT).is_file():
        raise KoansError(f"{folder / CHECKPOINT}: there is no checkpoint to go on from")
    with reading(file):
        data = file.read_bytes()
    try:
        return msgspec.json.decode(data, type=Record)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{file}: {error}") from None


def _restored(theirs: Functions, folder: Path) -> State:
    with reading(folder / CHECKPOINT):
        data = (folder / CHECKPOINT).read_bytes()
    return training.restored(theirs.load(data))
