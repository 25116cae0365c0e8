"""The numbers in the afterwords of the hunts in training code. numbers.py yields them with its own."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from reference import Oracle
from reference.ch04_optimization.adam_step import adam_step
from reference.ch15_model.hunt_fp16_crawl import hunt_fp16_crawl
from reference.ch15_model.hunt_resume_spike import hunt_resume_spike
from reference.ch15_model.hunt_saved_model import hunt_saved_model

STOP = 200  # steps of the symptom of hunt_resume_spike before the stop

GIVEN = {
    "issue 9599": "github.com/Lightning-AI/pytorch-lightning/issues/9599",
    "request 1512": "github.com/NVIDIA/apex/pull/1512",
    "issue 2571 and pull request 2511": "github.com/NVIDIA-NeMo/Automodel",
    "issue 114 and pull request 115": "github.com/KempnerInstitute/KempnerForge",
    "A share of 100 %": "all steps",
    "Llama 3.2 1B": "the name of a model",
}


def numbers() -> Iterator[str]:
    """The phrases of the afterwords with the numbers computed."""
    healthy, planted = _both(hunt_fp16_crawl)
    yield f"the loss after 60 steps is {planted:.2f} nats instead of {healthy:.2f}"
    healthy, planted = _both(hunt_saved_model)
    yield f"a loss of {planted:.2f} nats instead of {healthy:.2f}"
    trained, enough = (_count(run) for run in (hunt_saved_model.wrongs["planted"].fn, hunt_saved_model))
    assert trained - enough == 24 * 16
    yield f"{trained:,} parameters instead of {enough}"
    healthy, planted = _both(hunt_resume_spike)
    assert healthy < 0
    yield f"jumps by {planted:.2f} nats"
    yield from _after_the_stop()


def _both(hunt: Oracle[..., object]) -> tuple[float, float]:
    """The number of the symptom with seed 0, healthy and planted."""
    assert hunt.seen is not None
    return hunt.seen(hunt, 0).number, hunt.seen(hunt.wrongs["planted"].fn, 0).number


def _count(run: Callable[..., Any]) -> int:
    """The number of parameters that a run of the symptom with seed 0 returns."""
    counts = []

    def counting(*inputs: Any) -> Any:
        result = run(*inputs)
        counts.append(result[1])
        return result

    assert hunt_saved_model.seen is not None
    hunt_saved_model.seen(counting, 0)
    (count,) = counts
    return int(count)


def _after_the_stop() -> Iterator[str]:
    """The lengths of Adam's steps over the learning rate, with one gradient and without its moments."""
    p, m, v = torch.zeros(3, 1, dtype=torch.float64)
    g, sizes = torch.full((1,), 0.3, dtype=torch.float64), []
    for t in range(STOP + 1, STOP + 101):
        moved, m, v = adam_step(p, g, m, v, t, lr=1.0)
        sizes.append((p - moved).item())
        p = moved
    yield f"at step {STOP + 1} it assumes that"
    yield f"After {STOP} steps, a healthy run"
    yield f"{STOP} steps of memory"
    yield f"the first step is {sizes[0]:.1f} times the learning rate, and the largest is {max(sizes):.1f} times"
