"""What `koans model break` shows: the mistakes there are, and a healthy model beside one with a mistake in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from grader.learn.model_mistakes import Mistake, Mistakes
from grader.learn.report.loss_plot import Curve, plot
from grader.model import protocol
from grader.model.figures import Loss
from grader.model.protocol import Break, Event

HEALTHY, MISTAKEN = "ours", ""  # whose events are of which model
CURVE = 8  # rows of the picture of both trainings


class Broken(msgspec.Struct, frozen=True):
    """A comparison so far. Texts, losses and curves are by whose they are. `crashed`: what the mistake could not do."""

    doing: str = ""
    texts: dict[str, str] = {}
    place: int | None = None
    goes_on: tuple[str, str] = ("", "")
    repeated: tuple[float, float] = (0.0, 0.0)
    losses: dict[str, Any] = {}
    trained: dict[str, Any] = {}
    curves: dict[str, tuple[float, ...]] = {}
    crashed: dict[str, str] = {}


def after(state: Broken, event: Event) -> Broken:
    """The state after an event."""
    match event:
        case protocol.Note(text):
            return msgspec.structs.replace(state, doing=text)
        case protocol.Text(text, whose=whose):
            return msgspec.structs.replace(state, texts={**state.texts, whose: state.texts.get(whose, "") + text})
        case protocol.Parted(place, ours, source, repeated):
            return msgspec.structs.replace(state, place=place, goes_on=(ours, source), repeated=repeated)
        case protocol.Evaluated(loss, whose, "loss"):
            return msgspec.structs.replace(state, losses={**state.losses, whose: loss})
        case protocol.Evaluated(loss, whose):
            return msgspec.structs.replace(state, trained={**state.trained, whose: loss})
        case protocol.Trained(step, whose=whose):
            curve = (*state.curves.get(whose, ()), step.loss)
            return msgspec.structs.replace(state, curves={**state.curves, whose: curve})
        case protocol.Crashed(what, why):
            return msgspec.structs.replace(state, crashed={**state.crashed, what: why})
        case _:
            return state


def koans(listed: Sequence[Mistakes]) -> RenderableType:
    """The koans on the path, and how many mistakes each has."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for on in listed:
        chapter, _, name = on.koan.partition("/")
        examples = ", ".join(mistake.name for mistake in on.mistakes[:3])
        table.add_row(
            Text(chapter.partition("_")[0], "dim"),
            Text(name, "bold", no_wrap=True),
            str(len(on.mistakes)),
            Text(examples, "dim", no_wrap=True, overflow="ellipsis"),
        )
    total = sum(len(on.mistakes) for on in listed)
    hint = f"{total} mistakes; `koans model break KOAN` lists the mistakes of one koan, KOAN:MISTAKE tries one"
    return Group(table, Text(), Text(hint, "dim"))


def mistakes(on: Mistakes) -> RenderableType:
    """The mistakes of a koan, each with what is wrong."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for mistake in on.mistakes:
        table.add_row(Text(mistake.name, "bold", no_wrap=True), Text(mistake.says))
    name = on.koan.partition("/")[2]
    first = on.mistakes[0].name if on.mistakes else "MISTAKE"
    return Group(table, Text(), Text(f"try one: koans model break {name}:{first}", "dim"))


def comparison(state: Broken, koan: str, wrong: Mistake, request: Break, width: int) -> RenderableType:
    """Texts side by side, where they part, losses, and the curves of training."""
    name = koan.partition("/")[2]
    head = Text.assemble((f"{name}:{wrong.name}", "bold"), f"  {wrong.says}")
    parts: list[RenderableType] = [head, Text()]
    if HEALTHY in state.texts:
        parts += [_texts(state, request), Text(), _parting(state), Text()]
    figures = _figures(state)
    if figures is not None:
        parts.append(figures)
    if state.crashed:
        parts += [Text(f"{what}: {why}", "red") for what, why in state.crashed.items()]
    if state.curves:
        curves = [Curve(state.curves.get(HEALTHY, ()), "green"), Curve(state.curves.get(MISTAKEN, ()), "red")]
        total = max(len(curve.losses) for curve in curves)
        lines = {
            label: curve.losses[-1] for label, curve in zip(("healthy", "broken"), curves, strict=True) if curve.losses
        }
        shown = {label: loss for label, loss in lines.items() if math.isfinite(loss)}
        parts += [Text(), Text("loss in training", "dim"), plot(curves, total, shown, width - 1, CURVE)]
    if not (state.losses or state.curves or state.texts):
        parts.append(
            Text("This function runs in training only: --train 40 shows what the mistake does there.", "yellow")
        )
    return Group(*parts)


def _texts(state: Broken, request: Break) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    table.add_column("healthy", ratio=1)
    table.add_column("with the mistake", ratio=1)
    other = state.texts.get(MISTAKEN, "")
    why = Text(" (it stopped here)", "red") if "text" in state.crashed else Text()
    table.add_row(
        Text.assemble((request.prompt, "bold"), state.texts[HEALTHY]),
        Text.assemble((request.prompt, "bold"), other).append_text(why),
    )
    return table


def _parting(state: Broken) -> Text:
    if "text" in state.crashed:
        return Text("no text: an error ended it", "red")
    if state.place is None:
        return Text(f"The texts are the same.{_repetition(state)}", "yellow")
    ours, other = (repr(text) if text else "the end" for text in state.goes_on)
    return Text(f"They part at new token {state.place + 1}: {ours} became {other}.{_repetition(state)}")


def _repetition(state: Broken) -> str:
    """How much each text repeats itself, if that differs."""
    ours, other = state.repeated
    return f" Repeated runs of 4 tokens: {ours:.0%}, and {other:.0%} with the mistake." if ours != other else ""


def _figures(state: Broken) -> Table | None:
    """Losses of both models, as they are and after training."""
    if not (state.losses or state.trained):
        return None
    table = Table(box=None, padding=(0, 3, 0, 0), header_style="dim")
    for name in ("held-out stories", "healthy", "broken"):
        table.add_column(name, justify="left" if name == "held-out stories" else "right")
    for losses, after_training in ((state.losses, ""), (state.trained, " after training")):
        healthy, broken = losses.get(HEALTHY), losses.get(MISTAKEN)
        if healthy is None:
            continue
        for label, figure in _FIGURES:
            table.add_row(label + after_training, figure(healthy), figure(broken) if broken is not None else "-")
        if broken is not None and broken.agreement is not None:
            table.add_row("the same top token", "", f"{broken.agreement:.1%}")
    return table


def _perplexity(loss: Loss) -> str:
    return f"{math.exp(loss.nats):.3g}" if loss.nats < 700 else "inf"


_FIGURES = (
    ("loss, nats a token", lambda loss: f"{loss.nats:.4f}"),
    ("perplexity", _perplexity),
    ("bits a byte", lambda loss: f"{loss.bits_per_byte:.4f}"),
)


def data(state: Broken) -> dict[str, Any]:
    """The state for `--json`. The healthy model is "ours"."""
    names = {HEALTHY: "ours", MISTAKEN: "broken"}
    return {
        "texts": {names[whose]: text for whose, text in state.texts.items()},
        "part_at": state.place,
        "goes_on": state.goes_on,
        "repeated": state.repeated,
        "losses": {names[whose]: loss for whose, loss in state.losses.items()},
        "training": {names[whose]: curve for whose, curve in state.curves.items()},
        "losses_after_training": {names[whose]: loss for whose, loss in state.trained.items()},
        "crashed": state.crashed,
    }
