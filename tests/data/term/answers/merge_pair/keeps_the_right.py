def merge_pair(ids, pair, new_id):
    return [new_id if tuple(ids[i : i + 2]) == tuple(pair) else x for i, x in enumerate(ids)]
