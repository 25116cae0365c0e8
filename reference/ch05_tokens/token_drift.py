"""One row for each byte of the text: the id that covers it, and where its token starts and ends."""

from collections.abc import Callable
from typing import Any

from reference import oracle

Tokens = list[tuple[int, bytes]]
Byte = tuple[int, int, int]  # id, start, end


def _bytewise(tokens: Tokens) -> list[Byte]:
    out: list[Byte] = []
    for i, data in tokens:
        start = len(out)
        out += [(i, start, start + len(data))] * len(data)
    return out


def _share(trained: Tokens, served: Tokens, look: Callable[[Byte], Any] = lambda byte: byte) -> float:
    """The share of bytes for which `look` gives two answers."""
    a, b = _bytewise(trained), _bytewise(served)
    return sum(look(x) != look(y) for x, y in zip(a, b, strict=True)) / len(a) if a else 0.0


def _check(trained: Tokens, served: Tokens) -> None:
    if b"".join(data for _, data in trained) != b"".join(data for _, data in served):
        raise ValueError("the bytes are two different texts")


def _valid(tokens: Tokens, rows: int) -> bool:
    return all(i in range(rows) for i, _ in tokens)


@oracle
def token_drift(trained: list[tuple[int, bytes]], served: list[tuple[int, bytes]], rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served), _valid(served, rows)


@token_drift.right("with two positions that move along the text")
def two_fingers(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    i = j = at_i = at_j = alike = 0
    while i < len(trained) and j < len(served):
        (left, a), (right, b) = trained[i], served[j]
        if at_i == at_j and left == right and len(a) == len(b):
            alike += len(a)
        if at_i + len(a) <= at_j + len(b):
            i, at_i = i + 1, at_i + len(a)
        else:
            j, at_j = j + 1, at_j + len(b)
    size = sum(len(data) for _, data in trained)
    largest, least = max([i for i, _ in served], default=0), min([i for i, _ in served], default=0)
    return (1 - alike / size if size else 0.0), least >= 0 and (largest < rows or not served)


@token_drift.right("with a dict from start to token")
def by_start(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)

    def starts(tokens: Tokens) -> dict[int, tuple[int, bytes]]:
        found, place = {}, 0
        for token in tokens:
            found[place] = token
            place += len(token[1])
        return found

    ours = starts(trained)
    other = sum(len(token[1]) for place, token in starts(served).items() if ours.get(place) != token)
    return other / (sum(len(data) for _, data in served) or 1), _valid(served, rows)


@token_drift.wrong("only the numbers of tokens were compared: two splits of the same length can differ everywhere")
def by_length(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    longest = max(len(trained), len(served), 1)
    return abs(len(trained) - len(served)) / longest, _valid(served, rows)


@token_drift.wrong("the ids were compared index by index: after one extra token every id is at a different index")
def index_by_index(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    pairs = list(zip([i for i, _ in trained], [i for i, _ in served], strict=False))
    longest = max(len(trained), len(served), 1)
    return (longest - sum(a == b for a, b in pairs)) / longest, _valid(served, rows)


@token_drift.wrong("tokens were counted, not the bytes they cover: a token of eight bytes is eight bytes of the text")
def share_of_tokens(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    ours, theirs = set(_bytewise(trained)), set(_bytewise(served))
    return (len(theirs - ours) / len(theirs) if theirs else 0.0), _valid(served, rows)


@token_drift.wrong("only the borders were compared: the same piece with a different id is a different embedding row")
def borders_only(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served, lambda byte: byte[1:]), _valid(served, rows)


@token_drift.wrong("only the ids were compared: the same id can cover other bytes of the text in the two splits")
def ids_only(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served, lambda byte: byte[0]), _valid(served, rows)


@token_drift.wrong(
    "only id and start were compared, not the end: id 256 may be 'ab' in one table and 'abc' in the other"
)
def without_the_end(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served, lambda byte: byte[:2]), _valid(served, rows)


@token_drift.wrong("only the places where a token starts were compared: every byte of the text counts")
def starts_only(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    a, b = {x[1]: x for x in _bytewise(trained)}, {x[1]: x for x in _bytewise(served)}
    places = a.keys() | b.keys()
    return sum(a.get(p) != b.get(p) for p in places) / max(len(places), 1), _valid(served, rows)


@token_drift.wrong("characters were counted, not bytes: 'é' is two bytes of the text")
def characters(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    data = b"".join(data for _, data in trained)
    first = [i for i, byte in enumerate(data) if byte & 0xC0 != 0x80]  # not the second byte of a letter
    a, b = _bytewise(trained), _bytewise(served)
    return (sum(a[i] != b[i] for i in first) / len(first) if first else 0.0), _valid(served, rows)


@token_drift.wrong("the share that is alike was returned: return the share that differs")
def share_alike(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return (1.0 - _share(trained, served) if trained else 0.0), _valid(served, rows)


@token_drift.wrong("the ids were compared as sets: then their places are lost")
def as_sets(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    ours, theirs = {i for i, _ in trained}, {i for i, _ in served}
    return len(ours ^ theirs) / max(len(ours | theirs), 1), _valid(served, rows)


@token_drift.wrong("the number of bytes was returned, not their share of the text")
def in_bytes(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served) * len(_bytewise(trained)), _valid(served, rows)


@token_drift.wrong("one row too many was allowed: a table of 257 rows ends at id 256")
def one_row_more(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served), _valid(served, rows + 1)


@token_drift.wrong("negative ids were accepted: an embedding has no row −1")
def negative_rows(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served), all(i < rows for i, _ in served)


@token_drift.wrong("the trained ids were checked for rows: the model gets the served ids")
def checks_the_trained(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served), _valid(trained, rows)


@token_drift.wrong("an id that training did not use in this text was called invalid: it is valid if it has a row")
def known_from_training(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served), {i for i, _ in served} <= {i for i, _ in trained}


@token_drift.wrong("the code divided by the length of an empty text: its share is 0.0")
def divides_by_nothing(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    return _share(trained, served) * len(_bytewise(trained)) / len(_bytewise(trained)), _valid(served, rows)


@token_drift.wrong("two different texts were compared: this is not drift, so raise ValueError")
def two_texts(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    a, b = _bytewise(trained), _bytewise(served)
    alike = sum(x == y for x, y in zip(a, b, strict=False))
    longest = max(len(a), len(b), 1)
    return (longest - alike) / longest, _valid(served, rows)


@token_drift.wrong("the tokens were compared index by index: after one extra token every token is at a different index")
def place_by_place(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    size = len(_bytewise(trained))
    same = sum(len(x[1]) for x, y in zip(trained, served, strict=False) if x == y)
    return ((size - same) / size if size else 0.0), _valid(served, rows)


@token_drift.wrong("the place of a token was ignored: it must be at the same place in the other text, not anywhere")
def anywhere(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    _check(trained, served)
    size = len(_bytewise(trained))
    other = sum(len(token[1]) for token in served if token not in trained)
    return (other / size if size else 0.0), _valid(served, rows)


@token_drift.wrong(
    "only the lengths of the two texts were compared: texts of the same length can differ, so compare the bytes"
)
def lengths_only(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    if len(_bytewise(trained)) != len(_bytewise(served)):
        raise ValueError("the bytes are two different texts")
    return _share(trained, served), _valid(served, rows)


@token_drift.wrong("the two texts were not compared: tokens of different texts are not drift, so raise ValueError")
def unchecked(trained: Tokens, served: Tokens, rows: int) -> tuple[float, bool]:
    size = len(_bytewise(trained))
    alike = set(_bytewise(trained)) & set(_bytewise(served))
    return (size - sum(end - start for _, start, end in alike)) / max(size, 1), _valid(served, rows)
