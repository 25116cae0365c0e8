"""How long the context really is

The window on a card is what the model accepts. What it can use is measured: hide a fact at some place of a text, ask
for it, and see up to which length it is found often enough.
"""

import math


def effective_context(trials: list[tuple[int, bool]], bar: float) -> int:
    """The longest tested length such that it and every shorter tested one reach `bar`; 0 if the shortest does not.

    A trial is (length in tokens, was it found?), in any order; several have the same length. A length reaches the bar
    if the share of its trials that found the fact is at least `bar`.

        4096: found, found; 8192: not, not; 16384: found, found; 32768: not, not; bar 0.9  ->  4096

    Raises ValueError if there are no trials.
    """
    raise NotImplementedError("your turn")


def perplexity(probabilities: list[float]) -> float:
    """e to the mean of −log p over the tokens of a text, p being what the model gave to the token that came.

        perplexity([0.5, 0.125])  ->  e^((0.693 + 2.079) / 2) = 4.0

    Infinite if a probability is 0. Raises ValueError if there are no tokens.
    """
    raise NotImplementedError("your turn")
