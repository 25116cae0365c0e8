"""Forged messages neither crash the trusted side nor reach its memory: those that once did, and a few seconds of others.

`python -m tests.fuzz.wire` looks for longer.
"""

import os
import signal
import sys

import pytest

from tests.fuzz import wire

SEED = 19
CORPUS = sorted(file for file in wire.CORPUS.iterdir())
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run here: the sandbox needs Linux")


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name)
def test_a_message_of_the_corpus_breaks_no_rule(file):
    assert wire.check_in_child([file.read_bytes()])


def test_forged_messages_break_no_rule():
    print(f"seed {SEED}")
    done, outcomes = wire.run(SEED, cases=6000)
    assert done == 6000
    # The messages reach what they are to test: some are values of every kind, some are refused by every check.
    assert {"Tensor", "ndarray", "dict", "list", "float32", "dtype", "Size"} <= {*outcomes}
    refused = " ".join(name for name in outcomes if name.startswith("malformed"))
    for reason in ("strides", "offset", "boolean", "lists insi", "equal keys", "ends too", "text in", "256"):
        assert reason in refused, refused


def test_an_honest_message_is_a_value():
    for body in wire.real_messages():
        assert not wire.check(body).startswith("malformed")


def _break_a_rule():
    raise AssertionError("its rule")


def _die():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("fault", "rule"), [(_break_a_rule, "its rule"), (_die, "ended with -9")])
def test_a_broken_rule_and_a_crash_are_seen_with_their_message(monkeypatch, fault, rule):
    monkeypatch.setattr(wire, "check", lambda body: fault() if body == b"second" else "fine")
    with pytest.raises(wire.Broken, match=rule) as caught:
        wire.check_in_child([b"first", b"second", b"third"])
    assert caught.value.body == b"second"
