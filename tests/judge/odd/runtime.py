"""Clocks, timers, variables, weak references, exit handlers, context variables, very long integers.

koan: causal_mask
verdict: passed
"""
import atexit
import contextvars
import datetime
import gc
import os
import secrets
import signal
import sys
import time
import uuid
import weakref

import torch

gc.disable()
atexit.register(print, "bye")
sys.set_int_max_str_digits(0)
depth = contextvars.ContextVar("depth", default=0)
started = time.perf_counter()
today = datetime.datetime.now(datetime.timezone.utc).astimezone()
name = uuid.uuid4()
os.environ["OMP_NUM_THREADS"] = "1"
debug = os.environ.get("MY_DEBUG", "0") == "1"
os.environ.setdefault("MY_MODE", "fast")
rang, deleted = [], []
signal.signal(signal.SIGALRM, lambda number, frame: rang.append(number))


class Node:
    def __del__(self):
        deleted.append(1)


def causal_mask(n_q, n_k):
    node = Node()
    other = weakref.ref(node)
    del node
    assert other() is None and deleted
    depth.set(depth.get() + 1)
    assert depth.get() > 0
    assert time.perf_counter() > started
    assert len(secrets.token_bytes(4)) == len(os.urandom(4)) == 4
    assert os.environ["MY_MODE"] == "fast"
    assert os.environ["PATH"]
    assert len(str(10**5000)) == 5001
    if not rang:
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        time.sleep(0.01)
        assert rang
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
