"""Device facts. Throughput is claimed only where it can be measured."""

from __future__ import annotations


def lack() -> str:
    """What this machine lacks for throughput tests, or an empty string."""
    import torch

    if not torch.cuda.is_available():
        return "needs a CUDA GPU"
    major, minor = torch.cuda.get_device_capability()
    if major < 8:
        return f"needs a GPU from sm_80 on for Triton's tensor cores; this one is sm_{major}{minor}"
    return ""
