"""Reaches a forbidden function by another name, in a partial.

koan: softmax
verdict: failed
"""
import functools

import torch

softmax = functools.partial(getattr(torch, "soft" + "max"))
