"""A main block that would read a file, start a program and exit.

koan: causal_mask
verdict: passed
"""
import subprocess
import sys

import torch


def causal_mask(n_q, n_k):
    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)


def save(path):
    with open(path, "w") as file:
        file.write(str(causal_mask(3, 3)))


if __name__ == "__main__":
    print(open("numbers.txt").read())
    subprocess.run(["ls"])
    save(sys.argv[1])
    exit(0)
