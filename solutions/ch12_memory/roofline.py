"""What limits a kernel

The arithmetic units set one limit to a kernel's speed. Each level of memory sets another, because it must deliver the
bytes. The lowest of these ceilings decides, so it is the one to work on.
"""


def roofline(flops: int, moved: dict[str, int], peak: float, bandwidth: dict[str, float]) -> tuple[float, str]:
    """The FLOP/s that a kernel can reach, and the name of what limits it.

    The kernel does `flops` operations and moves `moved[level]` bytes through each level of memory. The device does at
    most `peak` FLOP/s and moves at most `bandwidth[level]` bytes per second. Arithmetic and all levels work at the same
    time. A level's ceiling is its intensity (FLOPs per byte moved there) times its bandwidth. A level that moves no
    bytes sets no ceiling.

    Return the name of the lowest ceiling: the level, or "compute" for the peak. If several are equally low, "compute"
    wins, then the first level in the order of `moved`.

        roofline(40, {"HBM": 8, "SRAM": 20}, 100.0, {"HBM": 10.0, "SRAM": 60.0})  ->  (50.0, "HBM")
        HBM 40/8 · 10 = 50, SRAM 40/20 · 60 = 120, peak 100

    Raises ValueError if `flops` is not positive. Raises KeyError if a level of `moved` has no bandwidth, even if this
    level moves nothing.
    """
    ### BEGIN SOLUTION
    if flops <= 0:
        raise ValueError(f"{flops} operations have no rate")
    best, name = peak, "compute"
    for level, count in moved.items():
        speed = bandwidth[level]
        if count and flops / count * speed < best:
            best, name = flops / count * speed, level
    return best, name
    ### END SOLUTION
