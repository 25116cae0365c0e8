"""Sets many switches of torch and numpy while it is imported.

koan: l2_norm
verdict: passed
"""
import random

import numpy as np
import torch

torch.set_num_threads(2)
torch.manual_seed(7)
torch.use_deterministic_algorithms(True)
torch.set_printoptions(precision=1, sci_mode=True)
torch.set_flush_denormal(True)
torch.set_float32_matmul_precision("medium")
torch.autograd.set_detect_anomaly(True)
np.seterr(all="raise")
np.set_printoptions(precision=1)
np.random.seed(7)
random.seed(7)


def l2_norm(u):
    return torch.sqrt((u.float() * u.float()).sum()).to(u.dtype)
