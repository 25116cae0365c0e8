"""Prints in every way there is, also while it is imported.

koan: causal_mask
verdict: passed
"""
import logging
import sys

import torch

logging.basicConfig(level=logging.INFO, stream=sys.stdout)
sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
sys.stderr.reconfigure(errors="replace")
print("imported", flush=True)


def causal_mask(n_q, n_k):
    print("a line", n_q)
    print("an error", file=sys.stderr)
    print("unseen", file=sys.__stdout__)
    print("unseen", file=sys.__stderr__, flush=True)
    sys.stdout.write("no newline")
    sys.stdout.writelines(["a\n", "b\n"])
    sys.stdout.buffer.write(b"bytes\n")
    sys.stdout.flush()
    logging.getLogger(__name__).info("logged")
    assert sys.stdout.isatty() is False
    assert sys.stdout.encoding == "utf-8"
    sys.stdout.fileno()
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
