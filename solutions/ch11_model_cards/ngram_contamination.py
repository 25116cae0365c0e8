"""Was the test in the training data?

The usual search looks for runs of n words that a test question shares with the training corpus. A question that shares
at least one such run counts as contaminated.
"""

import re


def words_of(text: str) -> list[str]:
    """Given: the words of a text in lower case, without punctuation. "Hello, world!" -> ["hello", "world"]"""
    return re.findall(r"\w+", text.lower())


def ngram_contamination(items: list[str], corpus: list[str], n: int) -> float:
    """The share of `items` that have at least one run of n words in common with at least one document of `corpus`.

    `words_of` gives the words. A run lies within one document and does not continue into the next. An item of fewer
    than n words has no run of n words, so it counts as clean.

        items ["Where is the cat?", "Two and two"], corpus ["I know where is the dog.", "two plus two"], n = 3
            "where is the" is in both; "two and two" is not  ->  0.5

    Raises ValueError if n is less than 1 or if there are no items.
    """
    ### BEGIN SOLUTION
    if n < 1 or not items:
        raise ValueError("contamination needs items and runs of at least one word")

    def runs(text: str) -> set[tuple[str, ...]]:
        words = words_of(text)
        return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}

    seen = set().union(*map(runs, corpus))
    return sum(not seen.isdisjoint(runs(item)) for item in items) / len(items)
    ### END SOLUTION
