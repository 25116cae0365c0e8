"""Answers `Say`: goes on with a prompt, or with several as one batch."""

from __future__ import annotations

import time
from pathlib import Path

from grader.model.decoding import passes, together
from grader.model.drafting import drafter
from grader.model.opened import Opened, Watching, opened
from grader.model.protocol import Note, Said, Say
from grader.model.requests.emitting import GRAM, Emit, Writer


def answer(request: Say, emit: Emit, watch: Watching) -> None:
    """The text in pieces, then how it came about. Several texts come at the end, each with its row."""
    root = Path(request.source.root)
    run = opened(root, Path(request.source.model), request.source.whose, watch, request.precision)
    say(run, request, root, emit)


def say(run: Opened, request: Say, root: Path, emit: Emit) -> None:
    """The same with a model that is open."""
    prompts = [run.prompt(text) for text in request.prompts]
    drafts = None
    if request.sampling.drafts and len(prompts) == 1:
        emit(Note("counting tokens for the drafts"))
        drafts = drafter(root, run.tokenizer)
    began, sampling, vocabulary = time.perf_counter(), request.sampling, run.tokenizer.vocabulary
    added: list[int] = []
    if len(prompts) == 1:
        writer, ids = Writer(run.tokenizer, emit), []
        for accepted in passes(run.model, prompts[0], sampling, vocabulary.end, drafts):
            added.append(len(accepted))
            ids += accepted
            writer.add(accepted)
        writer.end()
        texts = [ids]
    else:
        texts = together(run.model, prompts, sampling, vocabulary.end, vocabulary.pad)
        added = [sum(len(ids) > i for ids in texts) for i in range(max(map(len, texts)))]
        for row, ids in enumerate(texts):
            writer = Writer(run.tokenizer, emit, row)
            writer.add(ids)
            writer.end()
    repeated = max(float(run.functions.repetition_rate(ids, GRAM)) for ids in texts)
    seconds = time.perf_counter() - began
    emit(Said(sum(map(len, texts)), seconds, tuple(added), repeated, tuple(map(tuple, texts))))
