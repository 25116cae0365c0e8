"""Device facts: what there is to run on, what it lacks, and how fast it can be at most."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

import msgspec

OLDEST = (8, 0)  # the first with bf16 tensor cores, which is what Triton compiles tl.dot to
MARGIN = 0.9  # of the data sheet's floor: clocks are allowed to run above the one that its peak is given for


class Peak(msgspec.Struct, frozen=True):
    """What a data sheet promises: FLOP/s of dense bf16 products summed in fp32, bytes/s of memory."""

    flops: float
    bandwidth: float

    def seconds(self, flops: float, bytes_: float) -> float:
        """The least time for this many FLOPs on tensor cores and bytes of memory: the roofline."""
        return max(flops / self.flops, bytes_ / self.bandwidth)

    @property
    def ridge(self) -> float:
        """FLOPs a byte from which arithmetic is the limit."""
        return self.flops / self.bandwidth


H100 = Peak(989.4e12, 3.35e12)
# By words that a device's name contains, the first that fits; from NVIDIA's data sheets.
PEAKS: Mapping[str, Peak] = {
    "B200": Peak(2250e12, 8.0e12),
    "H200": Peak(989.4e12, 4.8e12),
    "GH200": Peak(989.4e12, 4.0e12),
    "H100 NVL": Peak(835e12, 3.9e12),
    "H100 PCIe": Peak(756e12, 2.0e12),
    "H100": H100,
    "A100 SXM4 80GB": Peak(312e12, 2.039e12),
    "A100 80GB PCIe": Peak(312e12, 1.935e12),
    "A100": Peak(312e12, 1.555e12),
    "L40S": Peak(362e12, 0.864e12),
    "L4": Peak(121e12, 0.300e12),
    "RTX 4090": Peak(165.2e12, 1.008e12),
    "RTX 3090": Peak(71e12, 0.936e12),
}


class Facts(msgspec.Struct, frozen=True):
    """What was measured on. Sizes in bytes."""

    name: str
    capability: tuple[int, int] = (0, 0)
    multiprocessors: int = 0
    memory: int = 0
    l2: int = 0
    versions: Mapping[str, str] = {}

    @property
    def peak(self) -> Peak | None:
        return peak(self.name)

    def floor(self, flops: float, loads: float) -> float:
        """Milliseconds below which a time is not to be believed; 0 where the device is not known.

        Only what must be read counts: what is written may still be in a cache when the clock stops.
        """
        return 1e3 * MARGIN * self.peak.seconds(flops, loads) if self.peak else 0.0


def peak(name: str) -> Peak | None:
    """The data sheet of a device by its name, as the driver says it, or None."""
    words = set(name.replace("-", " ").split())
    return next((found for key, found in PEAKS.items() if words >= set(key.split())), None)


def lack() -> str:
    """What this machine lacks for throughput tests as far as can be told without starting CUDA, or an empty string."""
    import torch

    return "" if torch.cuda.is_available() else "needs a CUDA GPU"


def too_old(capability: tuple[int, int]) -> str:
    """Why a GPU of this compute capability is not timed, or an empty string."""
    if capability >= OLDEST:
        return ""
    major, minor = capability
    return f"needs a GPU from sm_80 on for Triton's bf16 tensor cores; this one is sm_{major}{minor}"


def present() -> bool:
    """Is there a GPU, by its device files? A parent of forks must not ask CUDA."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def device() -> str:
    """What this machine has to run on. Read from the driver's files: a parent of forks must not touch CUDA."""
    names = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Model:"):
                names.append(line.partition(":")[2].strip())
    return ", ".join(names) or f"CPU ({platform.machine()})"
