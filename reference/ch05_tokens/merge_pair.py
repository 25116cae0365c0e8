"""Recursive: the first id of the list, and the rest."""

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


@merge_pair.right("by looking back at the last id that was written")
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


@merge_pair.right("by finding all places first and cutting the list there")
def by_places(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out, behind = [], 0
    for i in range(len(ids)):
        if i >= behind and ids[i : i + 2] == list(pair):
            out += [*ids[behind:i], new_id]
            behind = i + 2
    return out + ids[behind:]


@merge_pair.wrong("an id was used in two merges: [7, 7, 7] holds one merge of (7, 7), so step over both ids")
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


@merge_pair.wrong("the merge ran from the right: [7, 7, 7] becomes [new, 7], with the left pair merged")
def from_the_right(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return _replace(ids[::-1], pair[::-1], new_id)[::-1]


@merge_pair.wrong("only the first occurrence was merged: merge all of them")
def first_only(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return _replace(ids, pair, new_id, 1)


@merge_pair.wrong("the step after a merge was too long: the second of two adjacent occurrences was missed")
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


@merge_pair.wrong("the right id stayed after the new id: a merge replaces both ids")
def keeps_the_right(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return [new_id if tuple(ids[i : i + 2]) == pair else x for i, x in enumerate(ids)]


@merge_pair.wrong("the pair was merged in either order: (2, 1) and (1, 2) are different pairs")
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


@merge_pair.wrong("the last id was lost: the loop over pairs ends one id before it, so copy it")
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


@merge_pair.wrong("the last pair was not checked: a pair may start at len(ids) − 2")
def last_pair_missed(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return merge_pair.fn(ids[:-1], pair, new_id) + ids[-1:]


@merge_pair.wrong("a whole run became one token: [7, 7, 7, 7] holds (7, 7) twice, side by side")
def run_as_one(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out: list[int] = []
    for x in _replace(ids, pair, new_id):
        if x != new_id or out[-1:] != [new_id]:
            out.append(x)
    return out


@merge_pair.wrong("the new id was merged again: go through the list once, and never merge the new id")
def merges_its_own(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    out: list[int] = []
    for x in ids:
        if out and (out[-1], x) == pair:
            out[-1] = new_id
        else:
            out.append(x)
    return out


@merge_pair.wrong("the ids were joined to a text and replaced there: '11 2' contains '1 2'")
def as_text(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    text = " ".join(map(str, ids)).replace(f"{pair[0]} {pair[1]}", str(new_id))
    return [int(x) for x in re.findall(r"-?\d+", text)]


@merge_pair.wrong(
    "every id of the pair was replaced: replace the two ids only where they are neighbors, left then right"
)
def each_part(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    return [new_id if x in pair else x for x in ids]


@merge_pair.wrong("the input list was changed: the caller still needs it, so write a new list")
def in_place(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            ids[i : i + 2] = [new_id]
        i += 1
    return ids
