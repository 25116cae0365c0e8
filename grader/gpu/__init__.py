"""Throughput, honestly timed, where there is a GPU; and what can be said of one from paper where there is none.

`devices` knows GPUs and their peaks, `timing` the race and its statistics, `thresholds` the verdict. None needs a GPU.
`machine` and `contestants` run things, `worker` is the process that does it, `client` asks it. Nothing here imports
torch or triton before it is needed, and nothing touches CUDA outside the worker.
"""

from grader.gpu.devices import device, lack
from grader.gpu.job import like
from grader.gpu.thresholds import ratios

__all__ = ["device", "lack", "like", "ratios"]
