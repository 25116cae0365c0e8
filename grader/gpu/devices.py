"""Facts about devices: which one is here, what it lacks, and its peak speed."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

import msgspec

OLDEST = (8, 0)  # the first compute capability with bf16 tensor cores, which Triton uses for tl.dot
MARGIN = 0.9  # times down to this share of the floor are believed: a clock may run faster than the data sheet's


class Peak(msgspec.Struct, frozen=True):
    """Peak speeds from a data sheet: FLOP/s of dense bf16 products summed in fp32, and memory bandwidth in bytes/s."""

    flops: float
    bandwidth: float

    def seconds(self, flops: float, bytes_: float) -> float:
        """The roofline: the least seconds for this many FLOPs on tensor cores and bytes from memory."""
        return max(flops / self.flops, bytes_ / self.bandwidth)

    @property
    def ridge(self) -> float:
        """The FLOPs per byte above which arithmetic is the limit."""
        return self.flops / self.bandwidth


H100 = Peak(989.4e12, 3.35e12)
# From NVIDIA's data sheets. The first key whose words are all in a device's name applies.
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
    """The device that was measured on. Sizes are in bytes."""

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
        """The milliseconds below which a time cannot be true; 0 for an unknown device.

        Only bytes that must be read count, since written bytes may still be in a cache when the clock stops.
        """
        return 1e3 * MARGIN * self.peak.seconds(flops, loads) if self.peak else 0.0


def peak(name: str) -> Peak | None:
    """The peak speeds of a device, by the name that its driver gives, or None."""
    words = set(name.replace("-", " ").split())
    return next((known for key, known in PEAKS.items() if words >= set(key.split())), None)


def lack() -> str:
    """What this machine lacks for throughput tests, or an empty string. Does not start CUDA."""
    import torch

    return "" if torch.cuda.is_available() else "needs a CUDA GPU"


def too_old(capability: tuple[int, int]) -> str:
    """Why a GPU of this compute capability is not timed, or an empty string."""
    if capability >= OLDEST:
        return ""
    major, minor = capability
    return f"needs a GPU from sm_80 on for Triton's bf16 tensor cores; this one is sm_{major}{minor}"


def present() -> bool:
    """Is there a GPU, by its device files? A process that forks must not use CUDA."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def device() -> str:
    """The names of this machine's GPUs, else its CPU. Read from files, since a process that forks must not use CUDA."""
    names = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("Model:"):
                names.append(line.partition(":")[2].strip())
    return ", ".join(names) or f"CPU ({platform.machine()})"
