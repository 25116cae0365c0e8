def scores(q, k):
    if q.shape[:2] != k.shape[:2] or q.shape[3] != k.shape[3]:
        raise ValueError("q and k must agree in batch, heads and width")
    return (q.float() @ k.float().mT).to(q.dtype)
