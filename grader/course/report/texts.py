"""Which texts a file of results writes once for all, and how much of the others there is room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from grader.course.report.common import LONGEST, is_left_out, json_line, length, safe_text

LEAST = 60  # bytes of a text that was cut: with less, fewer texts are kept
OMITTED = 6  # bytes of a text that was left out
SHORT = 6  # bytes: such a text is no longer than its number in the table

Kept = str | int  # a text, or minus the number of characters that were left out


class Shared(msgspec.Struct, frozen=True):
    """The texts that occur at least twice in a file: the number of each, and how it is written."""

    numbers: Mapping[str, int]
    texts: Sequence[str]


def shared(texts: Iterable[str], room: int) -> Shared:
    """Find the texts that occur at least twice. The table of them takes at most about `room` bytes."""
    seen: set[int] = set()  # hashes, because the texts together may be too much for memory
    twice: dict[str, int] = {}
    for text in texts:
        if hash(text) not in seen:
            seen.add(hash(text))
        elif text not in twice and size(text) > SHORT and not is_left_out(text):
            twice[text] = len(twice)
    return Shared(twice, list(fit(twice, room, _start).values()))


def fit(texts: Iterable[str], room: int, cut: Callable[[str, int], str]) -> dict[str, str]:
    """Each text, cut so far that all of them together take at most about `room` bytes. The longest are cut first.

    `cut` shortens a text to some bytes.
    """
    sizes = {text: size(text) for text in texts}
    limit = _level(sorted(sizes.values()), max(0, room))
    return {text: text if taken <= limit else cut(text, limit) for text, taken in sizes.items()}


def fit_or_omit(texts: Iterable[str], room: int) -> dict[str, Kept]:
    """The same, but where too little of each would be left, the last texts are left out."""
    texts = sorted(dict.fromkeys(texts), key=is_left_out)
    sizes = [size(text) for text in texts]
    count = sum(not is_left_out(text) for text in texts)
    while count and _level(sorted(sizes[:count]), room - OMITTED * (len(texts) - count)) < min(LEAST, max(sizes)):
        count -= 1
    kept: dict[str, Kept] = {**fit(texts[:count], room - OMITTED * (len(texts) - count), _start)}
    return kept | {text: -length(text) for text in texts[count:]}


def size(text: str) -> int:
    """The bytes that a text takes in JSON, with a comma."""
    return len(json_line(text).encode()) + 1


def whole(text: str) -> str:
    """The text as other reports show it."""
    return safe_text(text, LONGEST) if text else ""


def ellipsis(text: str, limit: int) -> str:
    """The start of a text and "…", in at most `limit` bytes. At least the "…" is left."""
    return _shortened(text, limit, lambda longest: f"{text[:longest]}…")


def _start(text: str, limit: int) -> str:
    """The start of a text and a line that says how much was cut, in about `limit` bytes. The line is always there."""
    return _shortened(text, limit, lambda longest: safe_text(text, longest))


def _shortened(text: str, limit: int, cut: Callable[[int], str]) -> str:
    """What `cut` leaves of the text for so many characters that it takes at most `limit` bytes, if that can be."""
    longest = max(0, limit * len(text) // size(text))
    while longest and size(cut(longest)) > limit:
        longest -= max(1, longest // 32)
    return min(cut(longest), text, key=size)


def _level(sizes: Sequence[int], room: int) -> int:
    """The largest limit for which sizes cut to it add up to at most `room`. `sizes` are sorted."""
    for i, taken in enumerate(sizes):
        share = room // (len(sizes) - i)
        if taken > share:
            return share
        room -= taken
    return max(sizes, default=0)
