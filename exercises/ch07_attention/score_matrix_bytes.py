"""What naive attention stores

Naive attention stores every score before softmax starts. There is one score for each query, each key and each head. How
many bytes do these scores take?
"""

import torch


def score_matrix_bytes(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    """Bytes of the scores of one layer, for `n_q` queries and `n_k` keys in each sequence, stored in `dtype`.

    Count one layer: the scores of a layer are freed before the next layer runs. Count only the scores, and not the
    weights that softmax makes from them. A causal mask hides scores but does not remove them.

    `config` has more entries than you need:

        num_hidden_layers, num_attention_heads (the query heads), num_key_value_heads, hidden_size

    By hand: 2 query heads, 3 queries and 5 keys give 30 scores. In float32 that is 120 bytes.
    """
    raise NotImplementedError("your turn")
