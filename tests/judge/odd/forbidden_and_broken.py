"""Uses a forbidden function, and would fail while it is imported.

koan: softmax
verdict: failed
"""
import torch

softmax = torch.softmax
nothing = 1 / 0
