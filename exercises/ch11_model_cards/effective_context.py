"""How long the context really is

The window on a card says how many tokens the model accepts. You must measure how many tokens it can use: hide a fact
somewhere in a text, ask for it, and find the length up to which the model finds the fact often enough.
"""

import math


def effective_context(trials: list[tuple[int, bool]], bar: float) -> int:
    """The longest tested length that reaches `bar` together with all shorter tested lengths; 0 if there is none.

    A trial is (length in tokens, was the fact found?). The trials are in any order, and several trials can have the
    same length. A length reaches the bar if the share of its trials that found the fact is at least `bar`.

        4096: found, found; 8192: not, not; 16384: found, found; 32768: not, not; bar 0.9  ->  4096

    Raises ValueError if there are no trials.
    """
    raise NotImplementedError("your turn")


def perplexity(probabilities: list[float]) -> float:
    """e to the mean of −log p over the tokens of a text. p is the probability that the model gave to the actual token.

        perplexity([0.5, 0.125])  ->  e^((0.693 + 2.079) / 2) = 4.0

    Infinite if a probability is 0. Raises ValueError if there are no tokens.
    """
    raise NotImplementedError("your turn")
