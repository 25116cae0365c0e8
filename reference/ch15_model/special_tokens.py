"""Place by place: does a special token begin here? No regular expression."""

import re
from itertools import pairwise

from reference import oracle


@oracle
def special_tokens(text: str, specials: list[str]) -> list[str]:
    pieces: list[str] = []
    begun = i = 0
    while i < len(text):
        here = [special for special in specials if text.startswith(special, i)]
        if here:
            longest = max(here, key=len)
            pieces += [text[begun:i], longest]
            i += len(longest)
            begun = i
        else:
            i += 1
    return [piece for piece in [*pieces, text[begun:]] if piece]


@special_tokens.right("the next special token is looked up with str.find, again and again")
def by_find(text: str, specials: list[str]) -> list[str]:
    pieces: list[str] = []
    while True:
        found = [(text.find(special), -len(special), special) for special in specials if special in text]
        if not found:
            return [*pieces, text] if text else pieces
        place, _, special = min(found)
        pieces += [text[:place], special] if place else [special]
        text = text[place + len(special) :]


@special_tokens.right("re.finditer, and the text between the places that it finds")
def by_finditer(text: str, specials: list[str]) -> list[str]:
    if not specials:
        return [text][: len(text)]
    pieces: list[str] = []
    end = 0
    for found in re.finditer("|".join(map(re.escape, sorted(specials, key=len)[::-1])), text):
        pieces += [text[end : found.start()], found[0]]
        end = found.end()
    return [piece for piece in [*pieces, text[end:]] if piece]


@special_tokens.right("first every place where the longest special token begins, then the text is cut there")
def by_places(text: str, specials: list[str]) -> list[str]:
    at = {i: s for s in sorted(specials, key=len) for i in range(len(text)) if text.startswith(s, i)}
    cuts, free = {0, len(text)}, 0
    for i in sorted(at):
        if i >= free:
            free = i + len(at[i])
            cuts |= {i, free}
    ends = sorted(cuts)
    return [text[a:b] for a, b in pairwise(ends)]


def _split(pattern: str, text: str) -> list[str]:
    return [piece for piece in re.split(pattern, text) if piece]


def _any(specials: list[str]) -> str:
    return "|".join(map(re.escape, sorted(specials, key=len, reverse=True)))


def _whole(text: str) -> list[str]:
    return [text] if text else []


def _one_after_another(text: str, specials: list[str]) -> list[str]:
    """Cut at the first special token, then cut what is left at the second, and so on."""
    pieces = [text]
    for special in specials:
        parts = [[p] if p in specials else re.split(f"({re.escape(special)})", p) for p in pieces]
        pieces = [piece for part in parts for piece in part]
    return [piece for piece in pieces if piece]


@special_tokens.wrong("the shortest special token was taken: of those that start at one place, take the longest")
def shortest(text: str, specials: list[str]) -> list[str]:
    return _split("(" + "|".join(map(re.escape, sorted(specials, key=len))) + ")", text) if specials else _whole(text)


@special_tokens.wrong(
    "the special token that comes first in the list was taken: of those at one place, take the longest"
)
def first_in_the_list(text: str, specials: list[str]) -> list[str]:
    return _split("(" + "|".join(map(re.escape, specials)) + ")", text) if specials else _whole(text)


@special_tokens.wrong(
    "the text was cut at the longest special token first: of two that overlap, the first in the text counts"
)
def longest_anywhere(text: str, specials: list[str]) -> list[str]:
    return _one_after_another(text, sorted(specials, key=len, reverse=True))


@special_tokens.wrong(
    "the text was cut at one special token after another, in the order of the list: go by place, then by length"
)
def one_after_another(text: str, specials: list[str]) -> list[str]:
    return _one_after_another(text, specials)


@special_tokens.wrong(
    "the special tokens were used as a regular expression: | and . and + have a meaning there, so use re.escape"
)
def not_escaped(text: str, specials: list[str]) -> list[str]:
    pattern = "|".join(sorted(specials, key=len, reverse=True))
    return [piece for piece in re.split(f"({pattern})", text) if piece] if specials else _whole(text)


@special_tokens.wrong(
    "the special tokens are missing: re.split returns them only if the pattern is a group, in parentheses"
)
def dropped(text: str, specials: list[str]) -> list[str]:
    return _split(_any(specials), text) if specials else _whole(text)


@special_tokens.wrong("empty pieces were returned: re.split gives them before, after and between special tokens")
def with_empty_pieces(text: str, specials: list[str]) -> list[str]:
    return re.split(f"({_any(specials)})", text) if specials else [text]


@special_tokens.wrong("an empty text gave one empty piece: no piece is empty, so the list is empty")
def empty_text_is_a_piece(text: str, specials: list[str]) -> list[str]:
    return special_tokens.fn(text, specials) or [text]


@special_tokens.wrong("without special tokens the text fell into characters: an empty pattern fits at every place")
def empty_pattern(text: str, specials: list[str]) -> list[str]:
    return _split(f"({_any(specials)})", text)


@special_tokens.wrong("each special token was cut out only once: it counts wherever it stands")
def once_each(text: str, specials: list[str]) -> list[str]:
    pieces = [text]
    for special in sorted(specials, key=len, reverse=True):
        for i, piece in enumerate(pieces):
            if piece not in specials and special in piece:
                pieces[i : i + 1] = piece.partition(special)
                break
    return [piece for piece in pieces if piece]


@special_tokens.wrong("spaces beside a special token were stripped: every character of the text stays")
def stripped(text: str, specials: list[str]) -> list[str]:
    return [stripped for piece in special_tokens.fn(text, specials) if (stripped := piece.strip())]


@special_tokens.wrong("only special tokens that stand alone, between spaces, were found: they count inside words too")
def between_spaces(text: str, specials: list[str]) -> list[str]:
    return _split(rf"((?<!\S)(?:{_any(specials)})(?!\S))", text) if specials else _whole(text)


@special_tokens.wrong("special tokens in other capitals were found too: every character counts")
def any_capitals(text: str, specials: list[str]) -> list[str]:
    return _split(f"(?i:({_any(specials)}))", text) if specials else _whole(text)


@special_tokens.wrong("special tokens in a row were taken as one piece: each is a piece of its own")
def runs_as_one(text: str, specials: list[str]) -> list[str]:
    return _split(f"((?:{_any(specials)})+)", text) if specials else _whole(text)


@special_tokens.wrong("a special token stayed with the text before it: it is a piece of its own")
def with_the_text_before(text: str, specials: list[str]) -> list[str]:
    pieces: list[str] = []
    for piece in special_tokens.fn(text, specials):
        if pieces and piece in specials and pieces[-1] not in specials:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces
