def merge_pair(ids, pair, new_id):
    out = [ids[0]]
    free = True
    for x in ids[1:]:
        if free and (out[-1], x) == tuple(pair):
            out[-1] = new_id
            free = False
        else:
            out.append(x)
            free = True
    return out
