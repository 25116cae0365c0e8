"""What naive attention holds

Attention written out step by step holds every score at once before softmax starts: one for each query, each
key and each head. Count the bytes before the allocator does.
"""

import torch


def score_matrix_bytes(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    """Bytes of the scores of one layer for `n_q` queries and `n_k` keys a sequence, held in `dtype`.

    One layer, because the next one runs when these are gone. Only the scores: leave out the weights that
    softmax makes of them. A causal mask hides entries and removes none.

    `config` has more entries than are needed:

        num_hidden_layers, num_attention_heads (the query heads), num_key_value_heads, hidden_size

    By hand: 2 query heads, 3 queries and 5 keys make 30 scores; in float32 120 bytes.
    """
    raise NotImplementedError("your turn")
