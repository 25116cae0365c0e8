"""Opens a socket.

koan: causal_mask
verdict: passed
graded: failed
note: this uses the network (line 14)
"""
import socket

import torch


def causal_mask(n_q, n_k):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)
