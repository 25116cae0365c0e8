"""What fusion saves

Unfused attention is three operations. Each reads its inputs from main memory and writes its result there. A fused
kernel keeps a block of queries on the chip and reads all keys and values for it, one block after another.
"""


def attention_traffic(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> dict[str, int]:
    """Bytes that unfused and fused attention read and write, for n queries and m keys of width d in each head.

    Unfused: scores = q kᵀ, weights = softmax(scores), out = weights v. Every operation reads its inputs once and writes
    its result once. Fused: K and V are read once for each block of `block` queries. The queries are read once and the
    output is written once. Returns {"unfused": ..., "fused": ...}. Raises ValueError if a block has no query.
    One head, n = m = 4, d = 2, block 2, 2 bytes: q, k, v and out have 8 numbers each, and the score matrix has 16. So
    unfused is (4 · 8 + 4 · 16) · 2 = 192, and fused is (2 · 8 + 2 · 2 · 8) · 2 = 96.
    """
    raise NotImplementedError("your turn")
