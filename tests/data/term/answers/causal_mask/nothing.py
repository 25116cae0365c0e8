def causal_mask(n_q, n_k):
    return None
