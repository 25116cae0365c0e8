"""A Parameter instead of a tensor.

koan: l2_norm
verdict: failed
"""
import torch


def l2_norm(u):
    return torch.nn.Parameter(torch.sqrt((u.float() * u.float()).sum()).to(u.dtype), requires_grad=False)
