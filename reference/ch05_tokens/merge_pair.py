"""The list read as its first id and the rest."""

import re

from reference import oracle


@oracle
def merge_pair(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    left, right = pair
    match ids:
        case [first, second, *rest] if (first, second) == (left, right):
            return [new_id, *merge_pair.fn(rest, pair, new_id)]
        case [first, *rest]:
            return [first, *merge_pair.fn(rest, pair, new_id)]
    return []


def _replace(ids: list[int], pair: tuple[int, int], new_id: int, count: int = -1) -> list[int]:
    text = "".join(map(chr, ids)).replace("".join(map(chr, pair)), chr(new_id), count)
    return [ord(c) for c in text]


@merge_pair.right("ids as characters, and str.replace")
def as_characters(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return _replace(ids, pair, new_id)


@merge_pair.right("by looking back at what was written last")
def looking_back(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out: list[int] = []
    free = False  # may the last id of `out` still be merged?
    for x in ids:
        if free and (out[-1], x) == pair:
            out[-1] = new_id
            free = False
        else:
            out.append(x)
            free = True
    return out


@merge_pair.right("the places found first, the list cut there")
def by_places(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out, behind = [], 0
    for i in range(len(ids)):
        if i >= behind and ids[i : i + 2] == list(pair):
            out += [*ids[behind:i], new_id]
            behind = i + 2
    return out + ids[behind:]


@merge_pair.wrong("an id used in two merges: [7, 7, 7] has room for one (7, 7), so step over both ids of a merge")
def overlapping(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
            i += 1 if tuple(ids[i + 1 : i + 3]) == pair else 2
        else:
            out.append(ids[i])
            i += 1
    return out


@merge_pair.wrong("merged from the right: [7, 7, 7] becomes [new, 7], the left pair first")
def from_the_right(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return _replace(ids[::-1], pair[::-1], new_id)[::-1]


@merge_pair.wrong("only the first occurrence merged: all of them are asked for")
def first_only(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return _replace(ids, pair, new_id, 1)


@merge_pair.wrong("one id too many stepped over: of two occurrences side by side the second is missed")
def steps_too_far(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out += [new_id, *ids[i + 2 : i + 3]]
            i += 3
        else:
            out.append(ids[i])
            i += 1
    return out


@merge_pair.wrong("the right id left standing behind the new one: a merge uses up both")
def keeps_the_right(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return [new_id if tuple(ids[i : i + 2]) == pair else x for i, x in enumerate(ids)]


@merge_pair.wrong("the pair merged in either order: (2, 1) is another pair than (1, 2)")
def either_order(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) in (pair, pair[::-1]):
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


@merge_pair.wrong("the last id lost where it is in no merge: the loop over pairs ends one before it")
def last_lost(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out, i = [], 0
    while i < len(ids) - 1:
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out


@merge_pair.wrong("the last pair not looked at: it may start at len(ids) − 2")
def last_pair_missed(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return merge_pair.fn(ids[:-1], pair, new_id) + ids[-1:]


@merge_pair.wrong("a whole run made one token: [7, 7, 7, 7] holds two of (7, 7), side by side")
def run_as_one(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out: list[int] = []
    for x in _replace(ids, pair, new_id):
        if x != new_id or out[-1:] != [new_id]:
            out.append(x)
    return out


@merge_pair.wrong(
    "merged again with what a merge has made: the list is gone through once, and the new id not looked at"
)
def merges_its_own(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out: list[int] = []
    for x in ids:
        if out and (out[-1], x) == pair:
            out[-1] = new_id
        else:
            out.append(x)
    return out


@merge_pair.wrong("ids pasted into a text and replaced there: '11 2' contains '1 2'")
def as_text(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    text = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new_id))
    return [int(x) for x in re.findall(r"-?\d+", text)]


@merge_pair.wrong("each id replaced that belongs to the pair: both must stand side by side, left then right")
def each_part(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return [new_id if x in pair else x for x in ids]


@merge_pair.wrong("merged in the list that was handed in: the caller still needs it, so write a new one")
def in_place(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            ids[i : i + 2] = [new_id]
        i += 1
    return ids
