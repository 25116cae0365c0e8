"""`koans model say`, `check`, `train` and `break`: the small model on the functions that the learner wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Annotated, Literal

import typer

from grader.book import terminal
from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.cli.base import Json, dump, say, show, waiting, workbook
from grader.cli.streaming import Stream
from grader.learn.model_functions import Yours, nobodys, own_model, yours
from grader.learn.progress import Progress
from grader.learn.report import model as screens
from grader.learn.report import model_breaking as breaking
from grader.learn.report import model_training as training
from grader.model.client import folder_of_ours, run
from grader.model.figures import Sampling
from grader.model.protocol import Break, Call, Check, Done, Event, Failed, Note, Request, Said, Say, Source, Train
from grader.model.protocol import Text as Piece

HELP = "One small model that runs on your functions: it writes, is checked, trains, and is broken on purpose."
PROMPT = "Once upon a time"

app = typer.Typer(rich_markup_mode=None, help=HELP)

Weights = Literal["float32", "int8", "4bit"]
Ours = Annotated[bool, typer.Option("--ours", help="Use our functions everywhere.")]
Mine = Annotated[bool, typer.Option("--mine", help="Use the model that you trained.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Seed of all random numbers.", min=0, max=2**63 - 1)]


@app.command("say", short_help="Let the model write, on your functions.")
def speak(
    prompts: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", help="What it goes on with; several texts are one batch.", show_default=False),
    ] = None,
    tokens: Annotated[int, typer.Option(metavar="N", help="New tokens at most.", min=1, max=255)] = 200,
    temperature: Annotated[
        float, typer.Option(metavar="T", help="0 takes the most likely token.", min=0.0, max=100.0)
    ] = 0.8,
    top_p: Annotated[float, typer.Option(metavar="P", help="Keep this share of the probability.", min=0, max=1)] = 0.95,
    top_k: Annotated[int, typer.Option(metavar="K", help="Keep the K most likely tokens; 0: all.", min=0)] = 0,
    greedy: Annotated[bool, typer.Option("--greedy", help="The same as --temperature 0 --top-p 1.")] = False,
    seed: Seed = 1,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Compute all keys and values again for each token.")
    ] = False,
    weights: Annotated[Weights, typer.Option(help="The precision of the products.")] = "float32",
    drafts: Annotated[
        int, typer.Option(metavar="N", help="Tokens that a 3-gram model drafts for each pass.", min=0, max=16)
    ] = 0,
    ours: Ours = False,
    mine: Mine = False,
    as_json: Json = False,
) -> None:
    """Let the small model write. It runs on your functions where they have passed, and on ours elsewhere.

    Each part is a koan: the tokenizer, the forward pass, the cache, sampling, int8 and 4-bit weights, and drafts that
    one pass checks. The functions run in a process of their own with limits on time and memory. Exit code 1 if one of
    yours fails.

    \b
    Examples:
      koans model say
      koans model say "Once upon a time" --seed 7
      koans model say "The king" "The dog was" --greedy
      koans model say --weights 4bit --no-cache
      koans model say --drafts 4
      koans model say --mine
    """

    if no_cache and drafts:
        raise KoansError("--drafts needs the cache: remove --no-cache")
    if drafts and prompts and len(prompts) > 1:
        raise KoansError("--drafts is for one text")
    book = workbook()
    own = _yours(book, ours=ours)
    sampling = Sampling(
        temperature=0.0 if greedy else temperature,
        top_k=top_k,
        top_p=1.0 if greedy else top_p,
        seed=seed,
        most=tokens,
        cache=not no_cache,
        drafts=drafts,
    )
    request = Say(_source(book, own, mine=mine), tuple(prompts or [PROMPT]), sampling, weights)
    if as_json:
        _say_as_json(book, own, request)
    else:
        _say(book, own, request)


def _yours(book: Workbook, *, ours: bool) -> Yours:
    """Whose functions run. If it cannot be read what has passed, a line says so and ours run."""
    if ours:
        return nobodys(book)
    with Progress(book.root, must_write=False) as progress:
        if progress.unreadable:
            say(f"{progress.refused}: our functions run everywhere")
            return nobodys(book)
        return yours(book, progress)


def _source(book: Workbook, own: Yours, *, mine: bool) -> Source:

    folder = own_model(book.root) if mine else folder_of_ours(book.root)
    if not (folder / "config.json").is_file():
        if mine:
            raise KoansError("there is no model of yours yet: `koans model train` trains one")
        raise KoansError(f"{folder}: this workbook has no trained model")
    return Source(str(book.root), str(folder), own.whose)


def _events(book: Workbook, own: Yours, request: Request) -> Iterator[Event]:
    """The events of a request, but for the last. If a function fails, lines say why, and the exit code is 1.

    Raises KoansError if something else is wrong, such as a file.
    """

    for event in run(request):
        if isinstance(event, Failed) and not event.koan and not event.whose:
            raise KoansError(event.message)
        if isinstance(event, Failed):
            say(screens.failure(book, own, event))
            raise typer.Exit(1)
        if not isinstance(event, Done):
            yield event


def _say(book: Workbook, own: Yours, request: Request) -> None:

    assert isinstance(request, Say)
    show(screens.whose(own, terminal.console().width), "")
    several = len(request.prompts) > 1
    stream, texts = Stream(), [""] * len(request.prompts)
    last: Said | None = None
    try:
        with _begun(_events(book, own, request)) as events:
            if not several:
                stream.write(request.prompts[0], "bold")
            for event in events:
                if isinstance(event, Piece) and several:
                    texts[event.row] += event.text
                elif isinstance(event, Piece):
                    stream.write(event.text)
                elif isinstance(event, Said):
                    last = event
    finally:
        stream.end()
    for prompt, text in zip(request.prompts, texts, strict=True):
        if several:
            stream.write(prompt, "bold")
            stream.write(text)
            stream.end()
            show("")
    if last is not None:
        show(*[""] * (not several), screens.said(request, last))


@contextmanager
def _begun(events: Iterator[Event]) -> Iterator[Iterator[Event]]:
    """The events from the first one on that is no note. Until then a line of progress shows the notes."""

    with waiting("starting the model") as tell:
        event = next(events, None)
        while isinstance(event, Note):
            tell(event.text)
            event = next(events, None)
    yield events if event is None else chain([event], events)


def _say_as_json(book: Workbook, own: Yours, request: Request) -> None:

    assert isinstance(request, Say)
    texts = [""] * len(request.prompts)
    said: Said | None = None
    with waiting("the model is writing"):
        for event in _events(book, own, request):
            if isinstance(event, Piece):
                texts[event.row] += event.text
            elif isinstance(event, Said):
                said = event
    assert said is not None
    dump(
        {
            "yours": own.koans,
            "of": own.total,
            "prompts": request.prompts,
            "texts": texts,
            "tokens": said.ids,
            "seconds": said.seconds,
            "passes": said.passes,
            "repeated": said.repeated,
        }
    )


@app.command("check", short_help="Compare each function's results with ours.")
def check(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="The text that the model reads.")
    ] = "Once upon a time, a small boy",
    mine: Mine = False,
    as_json: Json = False,
) -> None:
    """Compare what your functions return inside the model with what ours return, layer by layer.

    Each call may differ from ours by as much as float32 explains. This is measured for each call: it is 8 times what
    our function in float32 differs from the oracle in float64. The first call that differs by more is to blame for all
    that follows. Exit code 1 if there is one.

    \b
    Examples:
      koans model check
      koans model check "The king"
      koans model check --json
    """

    book = workbook()
    own = _yours(book, ours=False)
    request = Check(_source(book, own, mine=mine), text)
    calls: list[Call] = []
    with waiting("starting the model") as tell:
        for event in _events(book, own, request):
            if isinstance(event, Note):
                tell(event.text)
            elif isinstance(event, Call):
                calls.append(event)
    blamed = next((call for call in calls if not call.agrees), None)
    if as_json:
        dump({"yours": own.koans, "of": own.total, "calls": calls, "blamed": blamed})
    else:
        show(screens.whose(own, terminal.console().width), "", screens.calls(calls), "", screens.blame(own, blamed))
    raise typer.Exit(1 if blamed is not None else 0)


@app.command("train", short_help="Train a model of your own, on your functions.")
def train(
    minutes: Annotated[float, typer.Option(metavar="M", help="About how long it may take.", min=0.05)] = 2.0,
    steps: Annotated[
        int, typer.Option(metavar="N", help="So many steps, however long they take; 0: by the minutes.", min=0)
    ] = 0,
    count: Annotated[int, typer.Option("--stories", metavar="N", help="Stories to learn from.", min=50)] = 6000,
    seed: Seed = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again, although a training can go on.")] = False,
    ours: Ours = False,
    as_json: Json = False,
) -> None:
    """Train the same small model from scratch, with the whole loop on your functions where they have passed.

    First your tokenizer learns its merges. Then the loss falls. On an idle machine it falls below the loss of a 3-gram
    model in about two minutes. The command names each function through which no gradient flows, and uses ours instead.
    Every 20 seconds a checkpoint is written, so Ctrl-C loses little: --resume goes on to the same weights, bit
    for bit. The model is kept in .koans/model, and `koans model say --mine` uses it.

    \b
    Examples:
      koans model train
      koans model train --minutes 10
      koans model train --resume
      koans model train --steps 100 --stories 500 --json
    """
    from grader.cli.model_training import Shown

    if resume and fresh:
        raise KoansError("give --resume or --fresh, not both")
    book = workbook()
    folder = own_model(book.root)
    if not resume and not fresh and training.unfinished(folder):
        raise KoansError("a training was stopped before its end: --resume goes on, and --fresh starts again")
    own = _yours(book, ours=ours)
    source = Source(str(book.root), str(folder), own.whose)
    request = Train(source, str(folder), minutes * 60, steps, count, seed, resume)
    if as_json:
        with waiting("training"):
            state = training.Training()
            for event in _events(book, own, request):
                state = training.after(state, event)
        dump({"yours": own.koans, "of": own.total, **training.data(state)})
        return
    show(screens.whose(own, terminal.console().width), "")
    shown = Shown()
    try:
        with _begun(_events(book, own, request)) as events, shown:
            for event in events:
                shown.add(event)
    except KeyboardInterrupt:
        show("", training.stopped(shown.state))
        raise typer.Exit(130) from None
    show("", training.ended(shown.state), terminal.next_steps([("koans model say --mine", "let your model write")]))


@app.command("break", short_help="Put a named mistake into the model, and see what it does.")
def break_model(
    mistake: Annotated[
        str | None,
        typer.Argument(metavar="KOAN:MISTAKE", help="A koan and one of its mistakes.", show_default=False),
    ] = None,
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="What both models go on with.")] = PROMPT,
    tokens: Annotated[int, typer.Option(metavar="N", help="New tokens of each text.", min=1, max=250)] = 60,
    steps: Annotated[int, typer.Option("--train", metavar="N", help="Also train both for N steps.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Run the model with a named wrong answer in it, beside the healthy one. All other functions are ours.

    Every mistake that the workbook names can be tried. The text, the loss on held-out stories and the first token that
    differs show what it does. With --train both are trained, and the curves show whether training hides it. Without a
    mistake, the command lists them.

    \b
    Examples:
      koans model break                          how many mistakes each koan has
      koans model break apply_rope               the mistakes of one koan
      koans model break apply_rope:interleaved
      koans model break adamw_step:no_bias_correction --train 40
    """
    from grader.learn.model_mistakes import chosen, mistakes, of_path

    book = workbook()
    koan, _, name = (mistake or "").partition(":")
    if not koan:
        listed = of_path(book)
        if as_json:
            dump(listed)
        else:
            show(breaking.koans(listed))
        return
    on = mistakes(book, koan)
    if not name:
        if as_json:
            dump(on)
        else:
            show(breaking.mistakes(on))
        return
    wrong = chosen(on, name)
    source = _source(book, nobodys(book), mine=False)
    source = Source(source.root, source.model, {on.koan: f"wrong:{wrong.name}"})
    request = Break(source, on.koan, prompt, tokens, steps=steps)
    state = breaking.Broken()
    with waiting("opening the model twice") as tell:
        for event in _events(book, nobodys(book), request):
            state = breaking.after(state, event)
            tell(state.doing)
    if as_json:
        dump({"koan": on.koan, "mistake": wrong.name, "says": wrong.says, **breaking.data(state)})
    else:
        show(breaking.comparison(state, on.koan, wrong, request, terminal.console().width))
