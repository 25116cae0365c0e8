"""Facts about devices: which one is here, what it lacks, and its peak speed."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

OLDEST = (8, 0)  # the first compute capability with bf16 tensor cores, which Triton uses for tl.dot
NO_GPU = "needs a CUDA GPU"  # what a machine without one says of a test with the gpu mark
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

    return "" if torch.cuda.is_available() else NO_GPU


def too_old(capability: tuple[int, int]) -> str:
    """Why a GPU of this compute capability is not timed, or an empty string."""
    if capability >= OLDEST:
        return ""
    major, minor = capability
    return f"needs a GPU from sm_80 on for Triton's bf16 tensor cores; this one is sm_{major}{minor}"


def present(root: Path = Path("/")) -> bool:
    """Does this process see a GPU, by its device files? A process that forks must not use CUDA.

    `root` is the folder with `dev`.
    """
    return _chosen() != () and any((root / "dev").glob("nvidia[0-9]*"))


def device(root: Path = Path("/")) -> str:
    """The names of the GPUs that this process sees, else its CPU. Read from files, like `present`.

    `root` is the folder with `proc`.
    """
    return ", ".join(_names(root)) or f"CPU ({platform.machine()})"


def _names(root: Path) -> Iterator[str]:
    """The names of the GPUs that CUDA_VISIBLE_DEVICES chooses, or of all. A part of a GPU has the name of the GPU."""
    cards = [
        _facts(file.read_text(encoding="utf-8", errors="replace"))
        for file in sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
    ]
    cards = [card for card in cards if "Model" in card]
    chosen = _chosen()
    for choice in map(str, range(len(cards))) if chosen is None else chosen:
        card = _card(choice, cards)
        if card is None:
            return  # as in CUDA: what follows an entry that is no device is not seen
        yield card["Model"]


def _card(choice: str, cards: Sequence[Mapping[str, str]]) -> Mapping[str, str] | None:
    """The card of an entry of CUDA_VISIBLE_DEVICES: a number, a UUID or its beginning, or a part of a card (MIG).

    The driver's files do not tell which card has a part, so all cards must be of one model.
    """
    if choice.isdecimal():
        return cards[int(choice)] if int(choice) < len(cards) else None
    if choice.startswith("MIG-"):
        return cards[0] if len({card["Model"] for card in cards}) == 1 else None
    return next((card for card in cards if card.get("GPU UUID", "").startswith(choice)), None)


def _chosen() -> tuple[str, ...] | None:
    """The entries of CUDA_VISIBLE_DEVICES, or None if it is not set. Without entries no GPU is seen."""
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return None
    entries = tuple(entry.strip() for entry in value.split(","))
    return () if entries[0] in ("", "-1") else entries


def _facts(text: str) -> dict[str, str]:
    """The lines "name: value" of a file of the driver."""
    return {name: value.strip() for name, value in re.findall(r"^([^:\n]+):(.*)$", text, re.MULTILINE)}
