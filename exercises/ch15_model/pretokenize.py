r"""Words with the space before them

BPE merges inside words, so something must say where a word ends. GPT-2 uses one regular expression, and most tokenizers
since then use a variant of it. It gives each word the space in front of it, and it loses nothing: joined together, the
words are the text again. Python's `re` has no \p{L}, the class of all letters, so `kind` is given.
"""

import functools
import re
import unicodedata


@functools.cache
def kind(c: str) -> str:
    r"""The kind of a character, given: "L" letter (\p{L}), "N" number (\p{N}), "S" whitespace (\s), "O" any other.

    Whitespace is Unicode's: all that `str.isspace` accepts, but not the control characters U+001C to U+001F.
    """
    if c.isspace() and not "\x1c" <= c <= "\x1f":
        return "S"
    category = unicodedata.category(c)[0]
    return category if category in "LN" else "O"


def pretokenize(text: str) -> list[str]:
    r"""The words of `text`, from left to right, by the rule of GPT-2. Joined together they are `text` again.

    GPT-2's rule is 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+. At each place the first
    of these that fits is a word:

    1. an ending in small letters, with the ASCII apostrophe: 's 't 're 've 'm 'll 'd
    2. one space, U+0020, or none, and then as many letters as follow
    3. one space or none, and then as many numbers as follow
    4. one space or none, and then as many others as follow: neither letters, numbers nor whitespace
    5. a run of whitespace. If something follows the run, and the run has more than one character, then the last
       character of the run is not part of this word.

    Letters, numbers and whitespace are what `kind` says. An empty text has no words.

        pretokenize("The cat's 12th!")  ->  ["The", " cat", "'s", " 12", "th", "!"]
        pretokenize("a  b\n\n c ")      ->  ["a", " ", " b", "\n\n", " c", " "]
        pretokenize("a\n\nb")           ->  ["a", "\n", "\n", "b"]      the last "\n" is left, and no word takes it
    """
    raise NotImplementedError("your turn")
