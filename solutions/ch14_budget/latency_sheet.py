"""A forward pass, op by op, in microseconds

Each operation has its own roofline, and each launch costs time. Add up these times before you have the device. The sum
tells you what to expect, and where to look if you measure a different time.
"""


def latency_sheet(
    ops: list[tuple[str, float, float]], peak: float, bandwidth: float, launch: float
) -> tuple[list[tuple[str, float, str]], float]:
    """For each op: its name, its time in microseconds and what takes most of this time. Then the time of all ops.

    An op is (name, FLOPs, bytes). The device does `peak` FLOP/s and moves `bandwidth` bytes per second. Arithmetic and
    memory traffic overlap, so the slower of the two counts. The launch comes first and takes `launch` microseconds for
    each op. Ops run one after the other, in the order given. Names may repeat.

    What takes most is "compute", "memory" or "launch": the part with the longest time. In a tie, take the first in this
    order.

        latency_sheet([("matmul", 4e9, 1e6), ("softmax", 1e6, 8e6)], 1e15, 1e12, 2.0)
            matmul   4 µs of arithmetic, 1 µs of traffic, 2 µs for the launch
            softmax  0.001 µs of arithmetic, 8 µs of traffic, 2 µs for the launch
            ->  [("matmul", 6.0, "compute"), ("softmax", 10.0, "memory")], 16.0
    """
    ### BEGIN SOLUTION
    sheet, total = [], 0.0
    for name, flops, moved in ops:
        parts = {"compute": flops / peak * 1e6, "memory": moved / bandwidth * 1e6, "launch": launch}
        time = launch + max(parts["compute"], parts["memory"])
        sheet.append((name, time, max(parts, key=parts.__getitem__)))
        total += time
    return sheet, total
    ### END SOLUTION
