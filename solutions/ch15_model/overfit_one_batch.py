"""Can it learn one batch by heart?

Train on the same batch again and again. A model with far more parameters than the batch has tokens can learn it by
heart, so the loss must fall to almost nothing. If it does not, look for a mistake before you train on anything else.
Here you read the curve.
"""

import math


def overfit_one_batch(losses: list[float], floor: float = 0.0, share: float = 0.05) -> str:
    """What the losses say, in the order of the steps: the first of these five that holds.

    `floor` is the lowest mean loss that any model can have on this batch. It is 0 if each beginning of a text in the
    batch has only one next token, and above 0 otherwise. The end is the mean of the last tenth of the losses: of
    len(losses) // 10 losses, but at least one.

        "not finite"        a loss is NaN or infinite
        "below the floor"   a loss is more than 0.01 below `floor`, which is not possible
        "diverges"          the end is above the first loss
        "learns"            end - floor is at most share · (first loss - floor)
        "stalls"            none of these

        overfit_one_batch([4.0, 1.0, 0.1])               ->  "learns": 0.1 is at most 0.05 · 4.0
        overfit_one_batch([4.0, 3.0, 2.9])               ->  "stalls"
        overfit_one_batch([4.0, 3.0, 2.9], floor=2.85)   ->  "learns": 0.05 is at most 0.05 · 1.15

    Raises ValueError if there are no losses.
    """
    ### BEGIN SOLUTION
    if not losses:
        raise ValueError("there are no losses")
    if not all(map(math.isfinite, losses)):
        return "not finite"
    if min(losses) < floor - 0.01:
        return "below the floor"
    last = losses[-max(1, len(losses) // 10) :]
    end = sum(last) / len(last)
    if end > losses[0]:
        return "diverges"
    return "learns" if end - floor <= share * (losses[0] - floor) else "stalls"
    ### END SOLUTION
