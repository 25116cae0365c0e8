"""Uses a forbidden function in a lambda.

koan: softmax
verdict: failed
"""
import torch

softmax = lambda x, dim=-1: torch.softmax(x, dim)
