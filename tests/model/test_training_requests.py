"""`Train`: what autograd cannot follow is replaced, a checkpoint goes on to the same bit, and files of a model are left."""

import contextlib
import math

import pytest
import torch

from grader.book.errors import KoansError
from grader.model import requests, trial, weights
from grader.model.functions import Functions
from grader.model.path import LEARNER
from grader.model.protocol import Baselines, Evaluated, Planned, Saved, Source, Train, Trained
from grader.model.requests import training
from tests.conftest import ROOT
from tests.model.conftest import SMALL


class Stopped(Exception):
    """Whoever reads the events has gone."""


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A function that trains the small model in a folder. It returns the events, also those before `stop_after`."""
    monkeypatch.setattr(training, "CONFIG", SMALL)
    monkeypatch.setattr(training, "HELD_OUT", 3)
    monkeypatch.setattr(training, "EVERY", 0.0)

    def run(name, *, stop_after=0, **fields):
        events = []

        def emit(event):
            events.append(event)
            if isinstance(event, Saved) and event.step == stop_after:
                raise Stopped

        request = Train(Source(str(ROOT), ""), str(tmp_path / name), stories=50, **fields)
        with contextlib.suppress(Stopped):
            requests.answer(request, emit, lambda functions: None)
        return events

    return run


def test_a_training_that_was_stopped_goes_on_to_the_same_bit(trained, tmp_path):
    whole = trained("whole", steps=4)
    first = trained("stopped", steps=4, stop_after=2)
    assert not (tmp_path / "stopped" / training.FINISHED).exists()
    rest = trained("stopped", resume=True)
    losses = [[e.step.loss for e in events if isinstance(e, Trained)] for events in (whole, first, rest)]
    assert losses[0] == losses[1] + losses[2] and len(losses[1]) == 2
    assert next(e for e in rest if isinstance(e, Planned)).done == 2
    for file in (weights.WEIGHTS, training.CHECKPOINT):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "stopped" / file).read_bytes()
    assert (tmp_path / "whole" / training.FINISHED).exists()


def test_the_end_is_compared_with_counts_and_with_the_grammar(trained, tmp_path):
    events = trained("own", steps=2)
    found = next(event for event in events if isinstance(event, Baselines))
    assert found.grammar < found.trigram < found.unigram < math.log(SMALL.vocab_size)
    assert isinstance(events[-1], Evaluated) and events[-1].what == "trained"
    assert abs(events[-1].loss.nats - math.log(SMALL.vocab_size)) < 0.5
    config, loaded = weights.load(tmp_path / "own")
    assert config == SMALL and list(loaded) == list(weights.shapes(SMALL))


def test_without_a_checkpoint_nothing_goes_on(trained):
    with pytest.raises(KoansError, match="there is no checkpoint to go on from"):
        trained("nothing", resume=True)


def detached(x, gain, eps=1e-6):
    x = x.detach()
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * gain.detach()


def one_sided(x, gain, eps=1e-6):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * gain.detach()


def in_place(x, gain, eps=1e-6):
    root = torch.sqrt(x.square().mean(-1, keepdim=True) + eps)
    result = x / root
    root += 0.0
    return result * gain


def half_of_it(x, gain, eps=1e-6):
    return x * torch.rsqrt(x.detach().square().mean(-1, keepdim=True) + eps) * gain


def right(x, gain, eps=1e-6):
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * gain


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (detached, "no gradient flows through it"),
        (one_sided, "no gradient flows to one of its inputs"),
        (in_place, "it changes a tensor in place that autograd needs"),
        (half_of_it, "its gradient differs from ours"),
        (right, None),
    ],
)
def test_a_function_that_autograd_cannot_follow_is_found_before_training(ours, function, why):
    koan = "ch08_block/rms_norm"
    theirs = Functions({koan: LEARNER})
    theirs.rms_norm = theirs.guarded(koan, "rms_norm", function)
    assert trial.unusable(theirs, ours, SMALL) == ({koan: why} if why else {})
