"""An AxisError of numpy, which is an IndexError and a ValueError.

koan: softmax
verdict: passed
"""
import numpy as np
import torch


def softmax(x, dim=-1):
    wide = x.float().numpy()
    with np.errstate(all="ignore"):
        top = np.max(wide, axis=dim, keepdims=True)
        top = np.where(np.isneginf(top), 0.0, top)
        e = np.exp(wide - top)
        total = np.maximum(e.sum(axis=dim, keepdims=True), 1.0)
        return torch.from_numpy(np.asarray(e / total, dtype=np.float32)).to(x.dtype)
