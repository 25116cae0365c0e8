"""What each operation of attention reads and writes, listed and added up."""

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


@attention_traffic.right("by formula")
def formula(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize)


@attention_traffic.wrong("the table counted once: scores are written and read, weights are written and read")
def table_once(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, tables=1)


@attention_traffic.wrong("the table counted twice: scores and weights are both written, and both read again")
def writes_only(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, tables=2)


@attention_traffic.wrong("fused, K and V counted once: every block of queries reads them anew")
def keys_once(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=1)


@attention_traffic.wrong("fused, K and V counted once a query: a block of queries shares what it loads")
def keys_once_a_query(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=n)


@attention_traffic.wrong("blocks rounded down: the last, partial block of queries reads all keys too")
def rounded_down(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=n // max(1, block))


@attention_traffic.wrong("the blocks of keys counted: it is the blocks of queries that read K and V again")
def blocks_of_keys(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, passes=-(-m // max(1, block)))


@attention_traffic.wrong("fused, only the output counted: Q, K and V are read from main memory too")
def output_only(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    count = _count(heads, n, m, d, block, itemsize)
    return {**count, "fused": heads * n * d * itemsize}


@attention_traffic.wrong("the heads left out: each has its own keys, values and table")
def one_head(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(1, n, m, d, block, itemsize)


@attention_traffic.wrong("the table has d numbers a pair: a score is one number")
def table_times_width(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, itemsize, tables=4 * d)


@attention_traffic.wrong("numbers counted, not bytes")
def numbers(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, block, 1)


@attention_traffic.wrong("a block without queries is let through: ValueError is asked for")
def any_block(heads: int, n: int, m: int, d: int, block: int, itemsize: int) -> Count:
    return _count(heads, n, m, d, max(1, block), itemsize)
