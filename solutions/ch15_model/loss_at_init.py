"""What a model loses before it has learned

An untrained model gives all tokens about the same probability. The first thing that it learns is how often each token
occurs. Both stages have a loss that you can compute before training, so you can check the first step and the first
hundred.
"""

import math


def loss_at_init(counts: list[int]) -> tuple[float, float]:
    """Two losses in nats per token: (every token equally likely, every token as likely as in `counts`).

    counts[i] is how often token i occurs in the text. The first loss is -ln(1 / vocabulary). The vocabulary has
    len(counts) tokens, and tokens that never occur belong to it, because the model can give them probability too. The
    second loss is the mean over the text of -ln(count / total): the entropy of the counts. A token that never occurs
    adds nothing to it.

        counts = [2, 1, 1, 0]: (ln 4 = 1.3863, -(ln 0.5 / 2 + ln 0.25 / 4 + ln 0.25 / 4) = 1.0397)

    Raises ValueError if no token occurs.
    """
    ### BEGIN SOLUTION
    total = sum(counts)
    if total == 0:
        raise ValueError("no token occurs")
    entropy = sum(count / total * math.log(total / count) for count in counts if count)
    return math.log(len(counts)), entropy
    ### END SOLUTION
