"""Device facts. Throughput is claimed only where it can be measured."""

from __future__ import annotations

import platform
from pathlib import Path


def lack() -> str:
    """What this machine lacks for throughput tests, or an empty string."""
    import torch

    if not torch.cuda.is_available():
        return "needs a CUDA GPU"
    major, minor = torch.cuda.get_device_capability()
    if major < 8:
        return f"needs a GPU from sm_80 on for Triton's tensor cores; this one is sm_{major}{minor}"
    return ""


def device() -> str:
    """What this machine has to run on. Read from the driver's files: a parent of forks must not touch CUDA."""
    names = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Model:"):
                names.append(line.partition(":")[2].strip())
    return ", ".join(names) or f"CPU ({platform.machine()})"
