import math

import torch


def exp_overflow(dtype):
    return torch.tensor(math.log(torch.finfo(dtype).max), dtype=dtype).item()
