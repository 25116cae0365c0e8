"""One merge, left to right

Once a pair has won, it becomes one new token at every place. Only overlapping places need care, and everybody who
encodes the text later must treat them in the same way.
"""


def merge_pair(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """A new list, in which one `new_id` replaces every occurrence of `pair`; `ids` itself does not change.

    Go from left to right. After a merge, continue behind its two ids. Go through the list once: do not merge the new
    id again.

        merge_pair([1, 2, 3, 1, 2], (1, 2), 256)  ->  [256, 3, 256]
        merge_pair([7, 7, 7], (7, 7), 256)        ->  [256, 7]
    """
    ### BEGIN SOLUTION
    out: list[int] = []
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out
    ### END SOLUTION
