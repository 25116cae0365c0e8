"""`Break`: each koan's own kind of run calls its function, and a mistake is seen in the text, the loss or training."""

import pytest

from grader.model.path import PATH
from grader.model.protocol import Break, Crashed, Evaluated, Parted, Text, Trained
from grader.model.use import USE

FEW = {"tokens": 5, "texts": 2, "prompt": "abc"}


def test_every_koan_on_the_path_has_a_kind_of_run():
    assert set(USE) == set(PATH)


# One koan of each kind of run.
KINDS = {str(use): koan for koan, use in USE.items()}


@pytest.mark.parametrize("koan", KINDS.values())
def test_the_kind_of_run_calls_the_functions_for_which_it_is_there(asked, koan):
    entered = set()

    def watch(functions):
        functions.enter = entered.add

    events = asked(Break, whose={koan: "ours"}, watch=watch, koan=koan, steps=2, **FEW)
    same = {name for name, use in USE.items() if use == USE[koan]}
    assert same - {"ch15_model/train_bpe_fast", "ch15_model/checkpoint"} <= entered
    assert koan in entered
    assert bool([event for event in events if isinstance(event, Text)]) == USE[koan].in_text
    assert [event.place for event in events if isinstance(event, Parted)] == [None] * USE[koan].in_text
    losses = [event.loss.nats for event in events if isinstance(event, Evaluated) and event.what == "loss"]
    assert len(losses) == 2 * USE[koan].in_loss and len(set(losses)) <= 1
    assert [event.step.number for event in events if isinstance(event, Trained)] == [1, 2, 1, 2]


def test_a_mistake_changes_text_loss_and_training(asked):
    events = asked(Break, whose={"ch08_block/rms_norm": "wrong:centred"}, koan="ch08_block/rms_norm", steps=2, **FEW)
    ours, broken = (event for event in events if isinstance(event, Evaluated) and event.what == "loss")
    assert (ours.whose, broken.whose) == ("ours", "") and ours.loss.nats != broken.loss.nats
    assert ours.loss.agreement is None and 0 <= broken.loss.agreement < 1
    curves = {
        whose: [e.step.loss for e in events if isinstance(e, Trained) and e.whose == whose] for whose in ("ours", "")
    }
    assert curves["ours"] != curves[""]


def test_a_mistake_that_raises_is_told_and_the_rest_is_compared(asked):
    koan = "ch07_attention/repeat_kv"
    events = asked(Break, whose={koan: "wrong:times_heads"}, koan=koan, **FEW)
    crashed = {event.what: event.why for event in events if isinstance(event, Crashed)}
    assert set(crashed) == {"text", "loss"}
