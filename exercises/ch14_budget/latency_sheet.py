"""A forward pass, op by op, in microseconds

Each operation has its own roofline, and each launch has a price. Add them up before you have the device. The sum tells
you what to expect, and where to look when the measurement disagrees.
"""


def latency_sheet(
    ops: list[tuple[str, float, float]], peak: float, bandwidth: float, launch: float
) -> tuple[list[tuple[str, float, str]], float]:
    """For each op: its name, its microseconds, and what takes most of them. Then the microseconds of all ops together.

    An op is (name, FLOPs, bytes). The device does `peak` FLOP/s and moves `bandwidth` bytes per second. Arithmetic and
    memory traffic overlap, so the slower of the two counts. Before them comes the launch: `launch` microseconds for
    each op. Ops run one after the other, in the order given. Names may repeat.

    What takes most: "compute", "memory" or "launch", the one that takes longest. In a tie, the first of these three.

        latency_sheet([("matmul", 4e9, 1e6), ("softmax", 1e6, 8e6)], 1e15, 1e12, 2.0)
            matmul   4 µs of arithmetic, 1 of traffic, 2 for the launch
            softmax  0.001 of arithmetic, 8 of traffic, 2 for the launch
            ->  [("matmul", 6.0, "compute"), ("softmax", 10.0, "memory")], 16.0
    """
    raise NotImplementedError("your turn")
