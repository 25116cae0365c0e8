import torch


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1)
