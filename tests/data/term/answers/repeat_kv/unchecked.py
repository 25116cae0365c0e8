def repeat_kv(x, heads):
    b, kv, n, d = x.shape
    return x.unsqueeze(2).expand(b, kv, heads // kv, n, d).reshape(b, heads, n, d)
