"""Each id is expanded to its bytes, and an incremental decoder reads these one by one."""

import codecs
from collections.abc import Callable

from reference import oracle

Merges = list[tuple[int, int]]


def _unfold(i: int, merges: Merges) -> bytes:
    if 0 <= i < 256:
        return bytes([i])
    if not 256 <= i < 256 + len(merges):
        raise LookupError(f"no token {i}")
    left, right = merges[i - 256]
    return _unfold(left, merges) + _unfold(right, merges)


@oracle
def decode(ids: list[int], merges: list[tuple[int, int]]) -> str:
    reader = codecs.getincrementaldecoder("utf-8")(errors="replace")
    text = "".join(reader.decode(bytes([b])) for i in ids for b in _unfold(i, merges))
    return text + reader.decode(b"", final=True)


def _data(ids: list[int], merges: Merges) -> bytes:
    return b"".join(_unfold(i, merges) for i in ids)


def _each(ids: list[int], merges: Merges, read: Callable[[bytes], str]) -> str:
    return "".join(read(_unfold(i, merges)) for i in ids)


@decode.right("a list of tokens, and a check of the ids")
def by_list(ids: list[int], merges: Merges) -> str:
    tokens = [bytes([b]) for b in range(256)]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    if any(i < 0 for i in ids):
        raise KeyError("negative")
    return str(b"".join([tokens[i] for i in ids]), "utf-8", "replace")


@decode.right("the merges undone, the last first")
def undone(ids: list[int], merges: Merges) -> str:
    for i, (left, right) in reversed(list(enumerate(merges))):
        ids = [y for x in ids for y in ((left, right) if x == 256 + i else (x,))]
    if any(not 0 <= i < 256 for i in ids):
        raise IndexError("no such token")
    return bytes(ids).decode(errors="replace")


@decode.wrong("the tokens were decoded one by one: one letter's bytes may be in two tokens, so join all bytes first")
def token_by_token(ids: list[int], merges: Merges) -> str:
    return _each(ids, merges, lambda data: data.decode(errors="replace"))


@decode.wrong("the tokens were decoded one by one, and incomplete letters were left out: join all bytes first")
def token_by_token_ignoring(ids: list[int], merges: Merges) -> str:
    return _each(ids, merges, lambda data: data.decode(errors="ignore"))


@decode.wrong("invalid bytes raise an error: a model may stop inside a letter, so use errors='replace'")
def strict(ids: list[int], merges: Merges) -> str:
    return _data(ids, merges).decode()


@decode.wrong("invalid bytes were left out: then nobody sees that something is missing; use errors='replace'")
def ignored(ids: list[int], merges: Merges) -> str:
    return _data(ids, merges).decode(errors="ignore")


@decode.wrong("invalid bytes were written as escapes: use errors='replace', which writes U+FFFD")
def escaped(ids: list[int], merges: Merges) -> str:
    return _data(ids, merges).decode(errors="backslashreplace")


@decode.wrong("invalid bytes were replaced by '?': the replacement character is U+FFFD")
def question_mark(ids: list[int], merges: Merges) -> str:
    return decode.fn(ids, merges).replace("\ufffd", "?")


@decode.wrong("each byte was read as a character, as chr and Latin-1 do: the bytes are UTF-8")
def latin_1(ids: list[int], merges: Merges) -> str:
    return _data(ids, merges).decode("latin-1")


@decode.wrong("only ASCII was read: UTF-8 has two to four bytes for every other letter")
def ascii_only(ids: list[int], merges: Merges) -> str:
    return _data(ids, merges).decode("ascii", errors="replace")


@decode.wrong("the bytes of a merge's right id were put before the bytes of its left id")
def right_first(ids: list[int], merges: Merges) -> str:
    return decode.fn(ids, [(right, left) for left, right in merges])


@decode.wrong("each merge was expanded only once: the parts of a merge may be merges themselves")
def unfolded_once(ids: list[int], merges: Merges) -> str:
    _data(ids, merges)
    parts = [x for i in ids for x in ((i,) if i < 256 else merges[i - 256])]
    return bytes(x for x in parts if x < 256).decode(errors="replace")


@decode.wrong("a space was put between the tokens: spaces are bytes in tokens like all others")
def with_spaces(ids: list[int], merges: Merges) -> str:
    return b" ".join(_unfold(i, merges) for i in ids).decode(errors="replace")


@decode.wrong("an unknown id was left out: it has no bytes, so raise LookupError")
def skips_unknown(ids: list[int], merges: Merges) -> str:
    return decode.fn([i for i in ids if 0 <= i < 256 + len(merges)], merges)


@decode.wrong("an unknown id was written as U+FFFD: this sign is for bad bytes; for an unknown id raise LookupError")
def replaces_unknown(ids: list[int], merges: Merges) -> str:
    known = range(256 + len(merges))
    return b"".join(_unfold(i, merges) if i in known else b"\xef\xbf\xbd" for i in ids).decode(errors="replace")


@decode.wrong("a negative id was looked up from the end of a list: -1 is not a token, so raise LookupError")
def from_the_end(ids: list[int], merges: Merges) -> str:
    size = 256 + len(merges)
    return decode.fn([i + size if -size <= i < 0 else i for i in ids], merges)


@decode.wrong("an incomplete letter at the end was left out: it becomes U+FFFD")
def held_back(ids: list[int], merges: Merges) -> str:
    reader = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return "".join(reader.decode(_unfold(i, merges)) for i in ids)


@decode.wrong("a ValueError for an unknown id: the contract asks for a LookupError, as a dict or a list raises")
def value_error(ids: list[int], merges: Merges) -> str:
    if any(not 0 <= i < 256 + len(merges) for i in ids):
        raise ValueError("no such token")
    return decode.fn(ids, merges)
