def repeat_kv(x, heads):
    kv = x.shape[1]
    if heads < kv or heads % kv:
        raise ValueError("no equal groups")
    return x.repeat(1, heads // kv, 1, 1)
