"""What fusion saves

Unfused attention is three operations, and each reads its inputs from main memory and writes its result there. Fused, a
block of queries stays on the chip while all keys and values go by.
"""


def attention_traffic(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> dict[str, int]:
    """Bytes read and written by unfused and by fused attention: n queries and m keys of width d in each head.

    Unfused: scores = q kᵀ, weights = softmax(scores), out = weights v; every operation reads its inputs once and writes
    its result once. Fused: for each block of `block` queries K and V are read once; queries are read and the output
    is written once in all. Returns {"unfused": ..., "fused": ...}. Raises ValueError if a block has no query.
    One head, n = m = 4, d = 2, block 2, 2 bytes: q, k, v and out have 8 numbers each and the table 16, so unfused
    (4 · 8 + 4 · 16) · 2 = 192 and fused (2 · 8 + 2 · 2 · 8) · 2 = 96.
    """
    ### BEGIN SOLUTION
    if block < 1:
        raise ValueError("a block has at least one query")
    queries, keys, table = n * d, m * d, n * m
    passes = -(-n // block)
    return {
        "unfused": heads * (2 * queries + 2 * keys + 4 * table) * itemsize,
        "fused": heads * (2 * queries + 2 * keys * passes) * itemsize,
    }
    ### END SOLUTION
