"""The answer's name holds a number.

koan: causal_mask
verdict: failed
"""
causal_mask = 5
