"""What a failing call prints is shown: stdout, stderr and a log, in order.

koan: causal_mask
verdict: failed
"""
import logging
import sys

logging.basicConfig(format="%(levelname)s %(message)s")


def causal_mask(n_q, n_k):
    print("first")
    print("second", file=sys.stderr)
    logging.warning("third")
    print("fourth")
