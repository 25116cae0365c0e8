"""An error while importing that was caused by another.

koan: causal_mask
verdict: broken
"""
try:
    {}["a"]
except KeyError as error:
    raise RuntimeError("no table") from error
