"""What holds a kernel back

A kernel computes at most as fast as the arithmetic units can, and at most as fast as each memory brings it bytes to
compute with. The lowest of these ceilings is the one to work on.
"""


def roofline(flops: int, moved: dict[str, int], peak: float, bandwidth: dict[str, float]) -> tuple[float, str]:
    """The FLOP/s that a kernel can reach, and the name of what holds it there.

    The kernel does `flops` operations and moves `moved[level]` bytes through each level of memory. The device does at
    most `peak` FLOP/s and moves at most `bandwidth[level]` bytes a second; arithmetic and all levels work at the same
    time. A level's ceiling is its intensity, the FLOPs done per byte moved there, times its bandwidth. A level that
    moves no bytes sets no ceiling.

    The name is that of the lowest ceiling: a level, or "compute" for the peak. Where several are equally low,
    "compute" goes first, then the levels in the order of `moved`.

        roofline(40, {"HBM": 8, "SRAM": 20}, 100.0, {"HBM": 10.0, "SRAM": 60.0})  ->  (50.0, "HBM")
        HBM 40/8 · 10 = 50, SRAM 40/20 · 60 = 120, peak 100

    Raises ValueError if `flops` is not positive, and KeyError if a level of `moved` has no bandwidth, even if
    that level moves nothing.
    """
    raise NotImplementedError("your turn")
