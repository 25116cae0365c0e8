"""Products in lists, summed exactly by fsum: no accumulator that could be forgotten."""

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


@scores_by_loops.right("by indices into a table of zeros")
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


@scores_by_loops.wrong("queries and keys swapped: a row belongs to a query, a column to a key")
def swapped(q: Table, k: Table) -> Table:
    return [[_dot(query, key) for query in q] for key in k]


@scores_by_loops.wrong("query i meets key i only: every query meets every key")
def in_pairs(q: Table, k: Table) -> list[float]:
    return [_dot(query, key) for query, key in zip(q, k, strict=False)]


@scores_by_loops.wrong("queries multiplied with queries: the second factor comes from the keys")
def queries_only(q: Table, k: Table) -> Table:
    return [[_dot(query, other) for other in q] for query in q]


@scores_by_loops.wrong("as many columns as there are queries: a row has one number for each key")
def square(q: Table, k: Table) -> Table:
    return [[_dot(q[i], k[j]) for j in range(len(q))] for i in range(len(q))]


@scores_by_loops.wrong("the running sum is not set back to 0 before the next pair")
def carries_on(q: Table, k: Table) -> Table:
    table: Table = []
    score = 0.0
    for query in q:
        table.append([])
        for key in k:
            score += _dot(query, key)
            table[-1].append(score)
    return table


@scores_by_loops.wrong("[[0] * n_k] * n_q holds one row n_q times: what is added to one row is added to all")
def one_row_shared(q: Table, k: Table) -> Table:
    table = [[0.0] * len(k)] * len(q)
    for i, query in enumerate(q):
        for j, key in enumerate(k):
            table[i][j] += _dot(query, key)
    return table


@scores_by_loops.wrong("each product replaces the one before it: they are to be summed (+=, not =)")
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


@scores_by_loops.wrong("the sum of q times the sum of k: multiply component by component, then add")
def product_of_sums(q: Table, k: Table) -> Table:
    return [
        [_dot([sum(query)], [sum(key)]) if len(query) == len(key) else _dot(query, key) for key in k] for query in q
    ]


@scores_by_loops.wrong("zip stops at the shorter vector without a word: compare the widths first")
def cut_short(q: Table, k: Table) -> Table:
    return [[math.fsum(a * b for a, b in zip(query, key, strict=False)) for key in k] for query in q]


@scores_by_loops.wrong("scaled by 1/√d: this table is not scaled yet")
def scaled(q: Table, k: Table) -> Table:
    return [[_dot(query, key) / max(1, len(query)) ** 0.5 for key in k] for query in q]


@scores_by_loops.wrong("divided by the lengths of q and k: that is the cosine, a score keeps the lengths")
def cosine(q: Table, k: Table) -> Table:
    return [[_dot(x, y) / ((_dot(x, x) * _dot(y, y)) ** 0.5 or 1.0) for y in k] for x in q]


@scores_by_loops.wrong(
    "q times k as it lies, k[c][j]: that needs kᵀ; key j is the row k[j], so its component c is k[j][c]"
)
def keys_not_transposed(q: list[list[float]], k: list[list[float]]) -> list[list[float]]:
    columns = len(k[0]) if k else 0
    table = [[0.0] * len(k) for _ in q]
    for i in range(len(q)):
        for j in range(columns):
            for c in range(len(k)):
                table[i][j] += q[i][c] * k[c][j]
    return table


@scores_by_loops.wrong("[[0] * n_k] * n_q holds one row n_q times: every row shows the scores of the last query")
def one_row_overwritten(q: Table, k: Table) -> Table:
    table = [[0.0] * len(k)] * len(q)
    for i, query in enumerate(q):
        for j, key in enumerate(k):
            table[i][j] = _dot(query, key)
    return table


@scores_by_loops.wrong("the running sum is set back to 0 for each query, but not for each key")
def carries_on_in_a_row(q: Table, k: Table) -> Table:
    table: Table = []
    for query in q:
        score, row = 0.0, []
        for key in k:
            score += _dot(query, key)
            row.append(score)
        table.append(row)
    return table


@scores_by_loops.wrong("only the first query and the first key compared: any of the others may be wider")
def first_widths_only(q: Table, k: Table) -> Table:
    if q and k and len(q[0]) != len(k[0]):
        raise ValueError("the widths differ")
    return [[math.fsum(a * b for a, b in zip(query, key, strict=False)) for key in k] for query in q]
