"""Every query against every key, in loops

A score is one dot product, and there is one score for every query with every key. Write the three loops in plain
Python first, so that you know what einsum and the GPU versions must give.
"""


def scores_by_loops(q: list[list[float]], k: list[list[float]]) -> list[list[float]]:
    """The matrix of scores, not scaled: row i is for query i, column j for key j, and the entry is q[i] · k[j].

    `q` holds n_q vectors and `k` holds n_k vectors, all of the same width d. The result has n_q rows of n_k numbers.
    Each row is a separate list.

        scores_by_loops([[1, 2], [0, 1]], [[3, 4]])  ->  [[11], [4]]

    Raises ValueError if a query and a key differ in width.
    """
    ### BEGIN SOLUTION
    table = []
    for query in q:
        row = []
        for key in k:
            if len(query) != len(key):
                raise ValueError(f"a query of width {len(query)} cannot meet a key of width {len(key)}")
            score = 0.0
            for a, b in zip(query, key, strict=True):
                score += a * b
            row.append(score)
        table.append(row)
    return table
    ### END SOLUTION
