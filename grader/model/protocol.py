"""What a command asks the model's process for, and the events that the process answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from grader.model.figures import Loss, Precision, Sampling, Step

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
    """Compare the source, in which `koan` has a wrong answer, with ours: texts, losses and, after `steps`, training.

    The koan's own kind of run is taken (see `use`), so that its function is called.
    """

    source: Source
    koan: str
    prompt: str
    tokens: int = 60
    texts: int = 32
    steps: int = 0


class Train(msgspec.Struct, frozen=True, tag=True):
    """Train from scratch for `seconds` or, if it is positive, for `steps`. Or go on from the checkpoint in the folder.

    The folder gets the checkpoint, and the files of a model. The source's own model folder is not read.
    """

    source: Source
    folder: str
    seconds: float = 120.0
    steps: int = 0
    stories: int = 6000
    seed: int = 1
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
    """One call of a function in `Check`. `difference` from ours is the largest, `bound` the most that it may be.

    `place` is where in the model it is: a layer of the forward pass, or another part of the tour. `problem` is a
    difference that no bound covers, such as another shape.
    """

    koan: str
    function: str
    place: str
    difference: float
    bound: float
    problem: str = ""
    whose: str = "ours"

    @property
    def agrees(self) -> bool:
        return not self.problem and self.difference <= self.bound


class Parted(msgspec.Struct, frozen=True, tag=True):
    """Where the source's text parts from ours: after how many new tokens (None: nowhere), and how each goes on.

    `repeated`: the share of runs of four tokens that occurred before, in our text and in the source's.
    """

    place: int | None
    ours: str = ""
    source: str = ""
    repeated: tuple[float, float] = (0.0, 0.0)


class Trained(msgspec.Struct, frozen=True, tag=True):
    """A step of training, and seconds since the start."""

    step: Step
    seconds: float
    whose: str = ""


Measured = Literal["loss", "trained"]


class Evaluated(msgspec.Struct, frozen=True, tag=True):
    """The loss on held-out texts, of the model as it is or of one that was trained."""

    loss: Loss
    whose: str = ""
    what: Measured = "loss"


class Crashed(msgspec.Struct, frozen=True, tag=True):
    """What the source could not do, in `Break`, and why."""

    what: Literal["text", "loss", "training"]
    why: str


class Baselines(msgspec.Struct, frozen=True, tag=True):
    """What training is compared with, in nats a token on held-out texts: counts of one and of three tokens, and the
    entropy of the grammar."""

    unigram: float
    trigram: float
    grammar: float


class Substituted(msgspec.Struct, frozen=True, tag=True):
    """A function of the learner's that training cannot use, and why: ours runs in its place."""

    koan: str
    why: str


class Planned(msgspec.Struct, frozen=True, tag=True):
    """How many steps the training takes in all, and how many of them were taken before."""

    steps: int
    done: int
    tokens: int


class Saved(msgspec.Struct, frozen=True, tag=True):
    """A checkpoint after this step is on the disk."""

    step: int


class Done(msgspec.Struct, frozen=True, tag=True):
    """The request is done."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """The request ended early. `koan` and `function` say whose code was running, `line` where in its file it was."""

    message: str
    koan: str = ""
    function: str = ""
    whose: str = ""
    line: int = 0


Event = (
    Text
    | Note
    | Said
    | Call
    | Parted
    | Trained
    | Evaluated
    | Crashed
    | Baselines
    | Substituted
    | Planned
    | Saved
    | Done
    | Failed
)
