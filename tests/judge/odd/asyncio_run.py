"""A coroutine.

koan: causal_mask
verdict: passed
graded: failed
note: asyncio
"""
import asyncio

import torch


async def mask(n_q, n_k):
    await asyncio.sleep(0)
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)


def causal_mask(n_q, n_k):
    return asyncio.run(mask(n_q, n_k))
