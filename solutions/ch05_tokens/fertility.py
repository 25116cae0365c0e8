"""What a language costs

Fertility is the number of tokens per word. A tokenizer trained on English has few merges for other languages, so the
same text has more tokens in those languages. More tokens cost more money, more cache and more attention. How much more
does the model compute? The factor is smaller than the square of the tokens suggests.
"""


def encode(word: str, merges: list[tuple[int, int]]) -> list[int]:
    """`encode`, given: the ids of one word."""
    text = word.encode().decode("latin-1")  # a character for each byte, and one more for each merge
    for i, (left, right) in enumerate(merges):
        text = text.replace(chr(left) + chr(right), chr(256 + i))
    return [ord(c) for c in text]


def fertility(
    texts: dict[str, str], merges: list[tuple[int, int]], d_model: int, base: str
) -> dict[str, dict[str, float]]:
    """For each language of `texts`: tokens per word, and the cost of its text as a multiple of the cost of `base`.

    A word is the text between white space (`text.split()`). Encode each word by itself. White space is not a token
    here.

        "fertility"  tokens divided by words
        "attention"  cost of the two products of attention: 4·s²·d FLOPs per layer for s tokens of text and d = d_model
        "model"      cost of a whole layer: these two products, and 24·s·d² FLOPs for the products with its weights

    By hand: the only merge is ab, d_model is 1, and `base` is "en".

        {"en": "ab ab", "xx": "ba ba"}  ->  "en": 2 tokens for 2 words: fertility 1.0; both costs are 1.0
                                            "xx": 4 tokens: fertility 2.0; attention 4²/2² = 4.0;
                                                  model (4·4² + 24·4) / (4·2² + 24·2) = 160/64 = 2.5

    Raises ValueError if a text has no word.
    """
    ### BEGIN SOLUTION
    if not all(text.split() for text in texts.values()):
        raise ValueError("a text without words has no fertility")
    tokens = {name: sum(len(encode(word, merges)) for word in text.split()) for name, text in texts.items()}

    def model(s: int) -> int:
        return 4 * s**2 * d_model + 24 * s * d_model**2

    return {
        name: {
            "fertility": s / len(texts[name].split()),
            "attention": s**2 / tokens[base] ** 2,
            "model": model(s) / model(tokens[base]),
        }
        for name, s in tokens.items()
    }
    ### END SOLUTION
