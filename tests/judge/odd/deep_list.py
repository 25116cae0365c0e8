"""Lists in lists in lists.

koan: merge_pair
verdict: failed
"""
def merge_pair(ids, pair, new_id):
    out = []
    for _ in range(150):
        out = [out]
    return out
