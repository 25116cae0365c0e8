"""Prints into os.devnull and into a buffer.

koan: causal_mask
verdict: passed
"""
import contextlib
import io
import os

import torch


def causal_mask(n_q, n_k):
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        print("nothing")
    with contextlib.redirect_stdout(io.StringIO()) as text:
        print("kept")
    assert text.getvalue() == "kept\n"
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
