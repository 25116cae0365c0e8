"""A defaultdict instead of a dict.

koan: letters_in_tokens
verdict: passed
"""
from collections import defaultdict


def letters_in_tokens(tokens):
    pieces, place = {}, 0
    for token in tokens:
        pieces[place] = token
        place += len(token)
    found, place = defaultdict(lambda: (0, 0)), 0
    for letter in b"".join(tokens).decode():
        alone = pieces.get(place) == letter.encode()
        own, hidden = found[letter]
        found[letter] = (own + alone, hidden + (not alone))
        place += len(letter.encode())
    return found
