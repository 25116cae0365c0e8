"""The numbers in the afterwords of the hunts in training runs: what their symptoms show. numbers.py yields them."""

import math
from collections.abc import Iterator
from statistics import median

from reference import Oracle
from reference.ch15_model.hunt_always_clipped import hunt_always_clipped
from reference.ch15_model.hunt_early_stop import hunt_early_stop
from reference.ch15_model.hunt_echo import hunt_echo
from reference.ch15_model.hunt_idle_ranks import hunt_idle_ranks
from reference.ch15_model.hunt_rubbish import hunt_rubbish
from reference.symptom import Curve, Histogram, Symptom
from reference.tiny import VOCABULARY

GIVEN = {
    "(huggingface/transformers, issue 3711)": "github.com/huggingface/transformers/issues/3711",
    "fell to 0.0000": "github.com/KempnerInstitute/KempnerForge/issues/154",
    "did (issue 154)": "github.com/KempnerInstitute/KempnerForge/issues/154",
    "In transformers 5.9": "github.com/huggingface/transformers/issues/48745",
    "(huggingface/transformers, issue 48745)": "github.com/huggingface/transformers/issues/48745",
    "(axolotl-ai-cloud/axolotl, issue 2262)": "github.com/axolotl-ai-cloud/axolotl/issues/2262",
    "(karpathy/nanoGPT, issue 206)": "github.com/karpathy/nanoGPT/issues/206",
    "A warmup of 16,000 steps took 1,000 steps": "github.com/Lightning-AI/pytorch-lightning/issues/1476",
    "(Lightning-AI/pytorch-lightning, issue 1476)": "github.com/Lightning-AI/pytorch-lightning/issues/1476",
    "(starVLA/starVLA, pull request 210)": "github.com/starVLA/starVLA/pull/210",
    "(huggingface/transformers, issue 31412)": "github.com/huggingface/transformers/issues/31412",
}


def numbers() -> Iterator[str]:
    """The phrases of the afterwords with the numbers computed."""
    yield f"ln {len(VOCABULARY)} = {math.log(len(VOCABULARY)):.2f}"
    mended, planted = _both(hunt_echo)
    assert planted.number < 0.01
    yield f"below 0.01 nats a token, and the mended run has {mended.number:.2f}"
    yield f"the planted run starts at {_curve(planted)[0]:.2f} nats"
    mended, planted = _both(hunt_rubbish)
    yield f"the planted model loses {planted.number:.1f} nats a token, and the mended one {mended.number:.1f}"
    yield f"The training loss of the planted model ends at {_curve(planted)[-1]:.2f}"
    mended, planted = _both(hunt_always_clipped)
    yield f"a median norm of {_median(planted):.1f}, and the log of the mended run shows {_median(mended):.2f}"
    mended, planted = _both(hunt_early_stop)
    yield f"with a loss of {planted.number:.1f} nats on held-out text, and the mended run with {mended.number:.1f}"
    mended, planted = _both(hunt_idle_ranks)
    yield f"jumps by {planted.number:.2f} nats, and the loss of the mended run by {mended.number:.2f}"


def _both(hunt: Oracle[..., object]) -> tuple[Symptom, Symptom]:
    """What the mended and the planted code show with seed 0."""
    assert hunt.seen is not None
    return hunt.seen(hunt.fn, 0), hunt.seen(hunt.wrongs["planted"].fn, 0)


def _curve(symptom: Symptom) -> tuple[float, ...]:
    return next(view.values for view in symptom.views if isinstance(view, Curve))


def _median(symptom: Symptom) -> float:
    return median(next(view.values for view in symptom.views if isinstance(view, Histogram)))
