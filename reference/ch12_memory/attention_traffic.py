"""The reads and writes of each operation of attention, listed and added up."""

from reference import oracle

Count = dict[str, int]


@oracle
def attention_traffic(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    if block < 1:
        raise ValueError("a block has at least one query")
    queries, keys, table = n * d, m * d, n * m
    unfused = [queries, keys, table]  # scores = q @ k.T
    unfused += [table, table]  # weights = softmax(scores)
    unfused += [table, keys, queries]  # out = weights @ v
    fused = [queries, queries]
    for _ in range(0, n, block):
        fused += [keys, keys]
    return {"unfused": heads * sum(unfused) * itemsize, "fused": heads * sum(fused) * itemsize}


def _count(
    heads: int, n: int, m: int, d: int, block: int, itemsize: int, tables: int = 4, passes: int | None = None
) -> Count:
    if block < 1:
        raise ValueError
    passes = -(-n // block) if passes is None else passes
    size = heads * itemsize
    return {
        "unfused": size * (2 * n * d + 2 * m * d + tables * n * m),
        "fused": size * (2 * n * d + 2 * m * d * passes),
    }


def _passes(n: int, block: int) -> int:
    if block < 1:
        raise ValueError("a block has at least one query")
    return -(-n // block)


@attention_traffic.right("by formula")
def formula(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize)


@attention_traffic.wrong(
    "the score matrix was counted once: the scores are written and read, and the weights are written and read"
)
def table_once(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, tables=1)


@attention_traffic.wrong(
    "the score matrix was counted twice: the scores and the weights are both written, and both are read again"
)
def writes_only(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, tables=2)


@attention_traffic.wrong("fused: K and V were counted once: every block of queries reads them again")
def keys_once(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=1)


@attention_traffic.wrong(
    "fused: K and V were counted once for each query: all queries of a block share what the block loads"
)
def keys_once_a_query(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=n)


@attention_traffic.wrong("the number of blocks was rounded down: the last, partial block of queries reads all keys too")
def rounded_down(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=n // max(1, block))


@attention_traffic.wrong("the number of blocks is not whole: half a block of queries reads all keys and values too")
def not_rounded(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    count = _count(heads, n, m, d, block, itemsize)
    return {**count, "fused": heads * itemsize * 2 * n * d + int(heads * itemsize * 2 * m * d * n / block)}


@attention_traffic.wrong(
    "the number of blocks was rounded down to at least one: the last, partial block of queries reads all keys too"
)
def rounded_down_to_one(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=max(1, n // max(1, block)))


@attention_traffic.wrong(
    "a block larger than the number of queries was refused: such a block holds all queries, and K and V are read once"
)
def large_block_refused(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    if block > n:
        raise ValueError("a block larger than the queries")
    return _count(heads, n, m, d, block, itemsize)


@attention_traffic.wrong("n keys were counted: keys and values have m rows, queries have n")
def keys_as_queries(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    passes, size = _passes(n, block), heads * itemsize
    return {"unfused": size * (4 * n * d + 4 * n * m), "fused": size * 2 * n * d * (1 + passes)}


@attention_traffic.wrong("the queries of all heads were cut as one sequence: each head has its own blocks")
def heads_flattened(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    count = _count(heads, n, m, d, block, itemsize)
    return {**count, "fused": itemsize * (heads * 2 * n * d + 2 * m * d * _passes(heads * n, block))}


@attention_traffic.wrong("the blocks of keys were counted: K and V are read again for each block of queries")
def blocks_of_keys(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=-(-m // max(1, block)))


@attention_traffic.wrong("fused: only the output was counted: Q, K and V are read from main memory too")
def output_only(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    count = _count(heads, n, m, d, block, itemsize)
    return {**count, "fused": heads * n * d * itemsize}


@attention_traffic.wrong("the heads were left out: each head has its own keys, values and score matrix")
def one_head(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(1, n, m, d, block, itemsize)


@attention_traffic.wrong("the score matrix was counted with d numbers per pair: a score is one number")
def table_times_width(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, tables=4 * d)


@attention_traffic.wrong("fused: numbers were counted: count bytes")
def fused_numbers(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    count = _count(heads, n, m, d, block, itemsize)
    return {**count, "fused": count["fused"] // itemsize}


@attention_traffic.wrong("numbers were counted: count bytes")
def numbers(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, 1)


@attention_traffic.wrong("a block without queries was accepted: raise ValueError")
def any_block(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return {
        "unfused": heads * (2 * n * d + 2 * m * d + 4 * n * m) * itemsize,
        "fused": heads * (2 * n * d + 2 * m * d * -(-n // block)) * itemsize,
    }
