"""A temporary file, and a temporary folder.

koan: causal_mask
verdict: passed
"""
import os
import tempfile

import torch


def causal_mask(n_q, n_k):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mask.pt")
        torch.save(torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q), path)
        with open(path, "rb") as file:
            assert file.read(1)
        with tempfile.NamedTemporaryFile("w+") as file:
            file.write("x")
        return torch.load(path)
