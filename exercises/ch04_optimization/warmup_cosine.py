"""Up a ramp, down a cosine

Many language models are trained with this schedule. The learning rate rises in equal stages to its peak, then follows
half a cosine down to a floor. The schedule has two formulas, and most mistakes happen at the step where one follows the
other.
"""

import math


def warmup_cosine(step: int, peak: float, warmup: int, total: int, floor: float = 0.0) -> float:
    """The learning rate of step `step`, counted from 0.

    The first `warmup` steps rise in equal stages from peak / warmup to `peak`. No step has a learning rate of 0. From
    step `warmup` on, half a cosine goes from `peak` down to `floor`. It reaches `floor` at step `total`, and the rate
    stays there. With warmup = 0 there is no ramp. With warmup = total there is no cosine.

        peak = 1.0, warmup = 4, total = 12, floor = 0.0
        step 0, 1, 2, 3   ->   0.25, 0.5, 0.75, 1.0
        step 4, 8, 12     ->   1.0, 0.5, 0.0          8 is halfway down

    Raises ValueError unless step ≥ 0 and 0 ≤ warmup ≤ total.
    """
    raise NotImplementedError("your turn")
