"""A list of an own class instead of a list.

koan: merge_pair
verdict: passed
"""
class Ids(list):
    pass


def merge_pair(ids, pair, new_id):
    out, i = Ids(), 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out
