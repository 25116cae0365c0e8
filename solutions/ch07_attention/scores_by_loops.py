"""Every query against every key, in loops

Before einsum and before the GPU: a score is one dot product, and there is one for every query with every key.
Write the three loops out once in plain Python, so that you know what the one-line versions have to give.
"""


def scores_by_loops(q: list[list[float]], k: list[list[float]]) -> list[list[float]]:
    """The table of scores, not scaled: row i for query i, column j for key j, and in it q[i] · k[j].

    `q` holds n_q vectors and `k` holds n_k; all are of one width d. The result has n_q rows of n_k numbers,
    each row a list of its own.

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
