"""How much of a text is repeated

The most probable text often goes in a loop. Repetition can be counted: cut the text into overlapping runs of n tokens,
and count how many of them occurred before.
"""


def repetition_rate(tokens: list[int], n: int) -> float:
    """The share of the n-grams of `tokens` that have occurred before in it, between 0 and 1.

    An n-gram is n neighboring tokens in their order. An n-gram starts at every place except the last n − 1 places, so
    n-grams overlap. The first occurrence of an n-gram is new, every later one is repeated. A text of fewer than n
    tokens has a rate of 0.0.

        repetition_rate([1, 2, 1, 2, 1], 2)  ->  0.5     (1, 2) new, (2, 1) new, (1, 2) and (2, 1) repeated
        repetition_rate([7, 7, 7, 7], 1)     ->  0.75

    Raises ValueError if n is less than 1.
    """
    raise NotImplementedError("your turn")
