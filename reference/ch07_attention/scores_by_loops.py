"""Products in lists, summed exactly by fsum, so no accumulator can be forgotten."""

import math
from collections.abc import Sequence

import torch

from reference import oracle

Table = list[list[float]]


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    if len(a) != len(b):
        raise ValueError(f"a query of width {len(a)} cannot meet a key of width {len(b)}")
    return math.fsum(x * y for x, y in zip(a, b, strict=True))


@oracle
def scores_by_loops(q: Table, k: Table) -> Table:
    return [[_dot(query, key) for key in k] for query in q]


@scores_by_loops.right("by indices into a list of zeros")
def by_indices(q: Table, k: Table) -> Table:
    table = [[0.0] * len(k) for _ in q]
    for i in range(len(q)):
        for j in range(len(k)):
            if len(q[i]) != len(k[j]):
                raise ValueError("the widths differ")
            for d in range(len(q[i])):
                table[i][j] += q[i][d] * k[j][d]
    return table


@scores_by_loops.right("as a product of tensors")
def by_tensors(q: Table, k: Table) -> Table:
    if not q or not k:
        return [[] for _ in q]
    if len({len(vector) for vector in q + k}) > 1:
        raise ValueError("the widths differ")
    return (torch.tensor(q, dtype=torch.float64) @ torch.tensor(k, dtype=torch.float64).T).tolist()


@scores_by_loops.wrong("queries and keys were swapped: a row belongs to a query, a column to a key")
def swapped(q: Table, k: Table) -> Table:
    return [[_dot(query, key) for query in q] for key in k]


@scores_by_loops.wrong("query i was multiplied only with key i: every query meets every key")
def in_pairs(q: Table, k: Table) -> list[float]:
    return [_dot(query, key) for query, key in zip(q, k, strict=False)]


@scores_by_loops.wrong("queries were multiplied with queries: the second factor must be a key")
def queries_only(q: Table, k: Table) -> Table:
    return [[_dot(query, other) for other in q] for query in q]


@scores_by_loops.wrong("the result has as many columns as there are queries: a row needs one number for each key")
def square(q: Table, k: Table) -> Table:
    return [[_dot(q[i], k[j]) for j in range(len(q))] for i in range(len(q))]


@scores_by_loops.wrong("the running sum was not reset to 0 before the next pair")
def carries_on(q: Table, k: Table) -> Table:
    table: Table = []
    score = 0.0
    for query in q:
        table.append([])
        for key in k:
            score += _dot(query, key)
            table[-1].append(score)
    return table


@scores_by_loops.wrong("[[0] * n_k] * n_q holds the same row n_q times: adding to one row adds to all of them")
def one_row_shared(q: Table, k: Table) -> Table:
    table = [[0.0] * len(k)] * len(q)
    for i, query in enumerate(q):
        for j, key in enumerate(k):
            table[i][j] += _dot(query, key)
    return table


@scores_by_loops.wrong("each product replaced the one before it: add the products (+=, not =)")
def last_product(q: Table, k: Table) -> Table:
    table: Table = []
    for query in q:
        table.append([])
        for key in k:
            score = _dot(query, key)
            for a, b in zip(query, key, strict=True):
                score = a * b
            table[-1].append(score)
    return table


@scores_by_loops.wrong("the sum of q was multiplied by the sum of k: multiply component by component, then add")
def product_of_sums(q: Table, k: Table) -> Table:
    return [
        [_dot([sum(query)], [sum(key)]) if len(query) == len(key) else _dot(query, key) for key in k] for query in q
    ]


@scores_by_loops.wrong("zip stops at the shorter vector without an error: compare the widths first")
def cut_short(q: Table, k: Table) -> Table:
    return [[math.fsum(a * b for a, b in zip(query, key, strict=False)) for key in k] for query in q]


@scores_by_loops.wrong("the scores were multiplied by 1/√d: these scores are not scaled yet")
def scaled(q: Table, k: Table) -> Table:
    return [[_dot(query, key) / max(1, len(query)) ** 0.5 for key in k] for query in q]


@scores_by_loops.wrong(
    "the scores were divided by the lengths of q and k: that is the cosine, but a score keeps the lengths"
)
def cosine(q: Table, k: Table) -> Table:
    return [[_dot(x, y) / ((_dot(x, x) * _dot(y, y)) ** 0.5 or 1.0) for y in k] for x in q]


@scores_by_loops.wrong(
    "k[c][j] was used, q times k without a transpose: key j is the row k[j], so its component c is k[j][c]"
)
def keys_not_transposed(q: list[list[float]], k: list[list[float]]) -> list[list[float]]:
    columns = len(k[0]) if k else 0
    table = [[0.0] * len(k) for _ in q]
    for i in range(len(q)):
        for j in range(columns):
            for c in range(len(k)):
                table[i][j] += q[i][c] * k[c][j]
    return table


@scores_by_loops.wrong("[[0] * n_k] * n_q holds the same row n_q times: every row shows the scores of the last query")
def one_row_overwritten(q: Table, k: Table) -> Table:
    table = [[0.0] * len(k)] * len(q)
    for i, query in enumerate(q):
        for j, key in enumerate(k):
            table[i][j] = _dot(query, key)
    return table


@scores_by_loops.wrong("the running sum was reset to 0 for each query, but not for each key")
def carries_on_in_a_row(q: Table, k: Table) -> Table:
    table: Table = []
    for query in q:
        score, row = 0.0, []
        for key in k:
            score += _dot(query, key)
            row.append(score)
        table.append(row)
    return table


@scores_by_loops.wrong(
    "only the widths of the first query and the first key were compared: any other vector may be wider"
)
def first_widths_only(q: Table, k: Table) -> Table:
    if q and k and len(q[0]) != len(k[0]):
        raise ValueError("the widths differ")
    return [[math.fsum(a * b for a, b in zip(query, key, strict=False)) for key in k] for query in q]
