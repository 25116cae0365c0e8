"""What `koans model train` shows: the state of a training by its events, as a picture, as lines and as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from grader.learn.report.loss_plot import Curve, plot
from grader.model import protocol
from grader.model.protocol import Event

LAST = 20  # steps whose mean is the loss that is told


class Training(msgspec.Struct, frozen=True):
    """A training so far. `done` steps were taken before it went on. `doing` is what goes on before the first step.

    `lines` are losses to compare with, by name; `nats` and `bits` are the loss on held-out stories at the end.
    """

    total: int = 0
    done: int = 0
    losses: tuple[float, ...] = ()
    lr: float = 0.0
    seconds: float = 0.0
    saved: int = 0
    doing: str = ""
    lines: dict[str, float] = {}
    replaced: dict[str, str] = {}
    nats: float | None = None
    bits: float | None = None

    @property
    def step(self) -> int:
        return self.done + len(self.losses)

    @property
    def loss(self) -> float:
        """The mean loss of the last steps."""
        last = self.losses[-LAST:]
        return sum(last) / len(last) if last else float("nan")


def after(state: Training, event: Event) -> Training:
    """The state after an event."""
    match event:
        case protocol.Note(text):
            return msgspec.structs.replace(state, doing=text)
        case protocol.Substituted(koan, why):
            return msgspec.structs.replace(state, replaced={**state.replaced, koan: why})
        case protocol.Baselines(unigram, trigram, grammar):
            lines = {"1 token": unigram, "3-gram": trigram, "grammar": grammar}
            return msgspec.structs.replace(state, lines=lines)
        case protocol.Planned(steps, done):
            return msgspec.structs.replace(state, total=steps, done=done, saved=done, doing="")
        case protocol.Trained(step, seconds):
            losses = (*state.losses, step.loss)
            return msgspec.structs.replace(state, losses=losses, lr=step.lr, seconds=seconds)
        case protocol.Saved(step):
            return msgspec.structs.replace(state, saved=step)
        case protocol.Evaluated(loss):
            return msgspec.structs.replace(state, nats=loss.nats, bits=loss.bits_per_byte, doing="")
        case _:
            return state


def picture(state: Training, width: int, height: int, *, braille: bool) -> RenderableType:
    """The curve of the loss, and below it where the training is."""
    if not state.total:
        return Text(f"{state.doing} …" if state.doing else "starting …", "dim")
    curve = Curve([float("nan")] * state.done + list(state.losses))
    lines = [plot([curve], state.total, state.lines, width - 1, height, braille=braille), step_line(state)]
    if state.saved > state.done:
        lines.append(Text(f"checkpoint after step {state.saved}; Ctrl-C stops, and --resume goes on from there", "dim"))
    if state.doing:
        lines.append(Text(f"{state.doing} …", "dim"))
    return Group(*lines)


def step_line(state: Training) -> Text:
    """One line on the last step."""
    if not state.losses:
        return Text(f"step {state.step} of {state.total}", "dim")
    left = state.seconds / len(state.losses) * (state.total - state.step)
    return Text.assemble(
        f"step {state.step} of {state.total}  loss ",
        (f"{state.loss:.3f}", "bold"),
        f"  lr {state.lr:.1e}  {_time(state.seconds)}",
        (f"  {_time(left)} to go" if state.step < state.total else "", "dim"),
    )


def _time(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def replaced(koan: str, why: str) -> Text:
    """That ours takes the place of a function."""
    return Text(f"training uses our {koan.partition('/')[2]}, and not yours: {why}", "yellow")


def compared(lines: dict[str, float]) -> Text:
    """The losses to compare with, in one line."""
    return Text("held-out loss of others: " + ", ".join(f"{name} {loss:.3f}" for name, loss in lines.items()), "dim")


def ended(state: Training) -> Text:
    """The loss on held-out stories beside the loss of three tokens in a row."""
    if state.nats is None or state.bits is None:
        return Text()
    line = Text.assemble(
        "held-out loss ", (f"{state.nats:.3f}", "bold"), f" nats a token, {state.bits:.3f} bits a byte; "
    )
    trigram = state.lines.get("3-gram", float("nan"))
    if state.nats < trigram:
        return line.append(f"lower than the {trigram:.3f} of a 3-gram model", "green")
    return line.append(f"a 3-gram model has {trigram:.3f}: more minutes help", "yellow")


def stopped(state: Training) -> Text:
    """What is left of a training that was stopped."""
    if not state.saved:
        return Text("stopped before the first checkpoint, so nothing was kept")
    return Text(
        f"stopped after step {state.step}; the checkpoint after step {state.saved} is kept in .koans/model:\n"
        "`koans model train --resume` goes on from it"
    )


def data(state: Training) -> dict[str, Any]:
    """The state for `--json`."""
    return {
        "steps": state.total,
        "losses": state.losses,
        "held_out": {"nats": state.nats, "bits_per_byte": state.bits},
        "baselines": state.lines,
        "replaced": state.replaced,
        "seconds": state.seconds,
    }


def unfinished(folder: Path) -> bool:
    """Whether a training in this folder was stopped before its end."""
    return (folder / "checkpoint").is_file() and not (folder / "finished").is_file()
