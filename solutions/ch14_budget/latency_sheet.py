"""A forward pass, op by op, in microseconds

Every operation has a roofline of its own and a price for being launched at all. Add them up, and you know what to
expect of a device before you have it, and what to work on when the measurement disagrees.
"""


def latency_sheet(
    ops: list[tuple[str, float, float]], peak: float, bandwidth: float, launch: float
) -> tuple[list[tuple[str, float, str]], float]:
    """For each op its name, its microseconds and what they are mostly spent on; and the microseconds of all.

    An op is (name, FLOPs, bytes). On a device of `peak` FLOP/s and `bandwidth` bytes a second its arithmetic and its
    traffic go on at the same time, so the slower of the two decides; before that comes `launch`, in microseconds,
    once for each op. Ops run one after the other, in the order given. Names may repeat.

    Mostly spent on: "compute", "memory" or "launch", whichever of the three takes longest; if equal, the first of
    these.

        latency_sheet([("matmul", 4e9, 1e6), ("softmax", 1e6, 8e6)], 1e15, 1e12, 2.0)
            matmul   4 µs of arithmetic, 1 of traffic, 2 for the launch
            softmax  0.001 of arithmetic, 8 of traffic, 2 for the launch
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
