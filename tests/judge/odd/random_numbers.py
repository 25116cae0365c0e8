"""The same random numbers at home and when graded: only then is the failure the same.

koan: xavier_std
verdict: failed
"""
import random

import numpy as np
import torch


def xavier_std(fan_in, fan_out, gain=1.0):
    return random.random() + np.random.rand() + torch.rand(()).item()


def signal_by_depth(widths, stds, relu=False):
    return []
