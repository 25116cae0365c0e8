"""How much of it has been said before

The most probable text goes in circles. How much a text repeats itself can be counted: cut it into overlapping runs of n
tokens, and see how many of these were there before.
"""


def repetition_rate(tokens: list[int], n: int) -> float:
    """The share of the n-grams of `tokens` that have occurred before in it, between 0 and 1.

    An n-gram is n neighbouring tokens in their order; one starts at every place but the last n − 1, so they overlap.
    The first occurrence of an n-gram is new, every later one is repeated. A text of fewer than n tokens has a rate of
    0.0.

        repetition_rate([1, 2, 1, 2, 1], 2)  ->  0.5     (1, 2) new, (2, 1) new, (1, 2) and (2, 1) repeated
        repetition_rate([7, 7, 7, 7], 1)     ->  0.75

    Raises ValueError if n is less than 1.
    """
    ### BEGIN SOLUTION
    if n < 1:
        raise ValueError(f"there are no {n}-grams")
    grams = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0
    ### END SOLUTION
