"""What a command asks the model's process for, and the events that the process answers with."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from grader.model.decoding import Sampling
from grader.model.evaluation import Loss
from grader.model.forward import Precision
from grader.model.training import Plan, Step


BOX = 128  # bytes of the file in which the process notes the koan whose function runs


class Source(msgspec.Struct, frozen=True):
    """The workbook's root, the folder of the model, and whose function runs for each koan (see `functions.Whose`)."""

    root: str
    model: str
    whose: Mapping[str, str] = {}


class Say(msgspec.Struct, frozen=True, tag=True):
    """Go on with the prompts. Several prompts are one batch, and their texts come at the end."""

    source: Source
    prompts: tuple[str, ...]
    sampling: Sampling = Sampling()
    precision: Precision = "float32"


class Check(msgspec.Struct, frozen=True, tag=True):
    """Compare the results of all functions with ours on this text."""

    source: Source
    text: str


class Break(msgspec.Struct, frozen=True, tag=True):
    """Compare the source, which has a wrong answer in it, with ours: texts, losses and, after `steps`, training."""

    source: Source
    prompt: str
    koan: str
    sampling: Sampling = Sampling(temperature=0.0, top_p=1.0)
    steps: int = 0
    texts: int = 32


class Train(msgspec.Struct, frozen=True, tag=True):
    """Train from scratch, or from a checkpoint, for a plan's steps or for `seconds`. Writes files into `folder`."""

    source: Source
    folder: str
    plan: Plan
    seconds: float
    stories: int
    resume: bool = False


Request = Say | Check | Break | Train


class Text(msgspec.Struct, frozen=True, tag=True):
    """A piece of text. `whose` is "" for the source's, "ours" in a comparison, and `row` counts prompts."""

    text: str
    row: int = 0
    whose: str = ""


class Note(msgspec.Struct, frozen=True, tag=True):
    """What is being done, for a line of progress."""

    text: str


class Said(msgspec.Struct, frozen=True, tag=True):
    """The end of `Say`: how many tokens in how many seconds, and how many tokens each pass through the model added.

    `repeated` is the share of runs of four tokens that occurred before in their text. `ids` are the new tokens.
    """

    tokens: int
    seconds: float
    passes: tuple[int, ...]
    repeated: float
    ids: tuple[tuple[int, ...], ...] = ()


class Call(msgspec.Struct, frozen=True, tag=True):
    """One call of a function in `Check`. `difference` from ours is the largest, `bound` the most that it may be."""

    koan: str
    function: str
    layer: int
    difference: float
    bound: float
    problem: str = ""

    @property
    def agrees(self) -> bool:
        return not self.problem and self.difference <= self.bound


class Trained(msgspec.Struct, frozen=True, tag=True):
    """A step of training, and seconds since the start."""

    step: Step
    seconds: float
    whose: str = ""


class Evaluated(msgspec.Struct, frozen=True, tag=True):
    """The loss on held-out texts."""

    loss: Loss
    whose: str = ""


class Substituted(msgspec.Struct, frozen=True, tag=True):
    """A function of the learner's that training cannot use, and why: ours runs in its place."""

    koan: str
    why: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """The request is done."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request ended early. `koan` and `function` say whose code was running, `line` where in its file it was."""

    message: str
    koan: str = ""
    function: str = ""
    whose: str = ""
    line: int = 0


Event = Text | Note | Said | Call | Trained | Evaluated | Substituted | Done | Failed
