"""Throughput: measured where there is a GPU, predicted from data sheets where there is none.

`devices` knows GPUs and their peaks, `timing` has the race and its statistics, `thresholds` gives the verdict. None of
these needs a GPU. `machine` and `contestants` run kernels, `worker` is the process in which they run, and `client`
sends it jobs. torch and triton are imported only where they are needed, and only the worker uses CUDA.
"""

from grader.gpu.devices import NO_GPU, device, lack
from grader.gpu.job import like
from grader.gpu.thresholds import ratios

__all__ = ["NO_GPU", "device", "lack", "like", "ratios"]
