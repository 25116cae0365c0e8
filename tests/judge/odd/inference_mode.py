"""The result is made in inference mode.

koan: l2_norm
verdict: passed
"""
import torch


@torch.inference_mode()
def l2_norm(u):
    return torch.sqrt((u.float() * u.float()).sum()).to(u.dtype)
