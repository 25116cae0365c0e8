"""Search among vectors that are already there

A bi-encoder embeds documents without knowing the query. Their vectors are computed once and kept; a search is one
product with the query's vector and the k largest scores.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def bi_encoder_search(
    queries: Float[Tensor, "q d"], documents: Float[Tensor, "n d"], k: int
) -> tuple[Float[Tensor, "q k"], Int[Tensor, "q k"]]:
    """For each query the k largest dot products with documents, in falling order, and the documents' numbers (int64).

    Scores are computed and ranked in float32 and then rounded to the dtype of `queries`, whatever dtype the
    documents have. Of equal scores the document with the lower number comes first. If there are fewer than k documents,
    all are returned.

        queries [[1., 2.]], documents [[1., 1.], [4., 0.], [0., 2.], [9., -9.]], k = 3
            scores 3, 4, 4, -9  ->  ([[4., 4., 3.]], [[1, 2, 0]])

    The vectors are used as they are, not normalised. Raises ValueError if k is not at least 1.
    """
    ### BEGIN SOLUTION
    if k < 1:
        raise ValueError(f"k is {k}")
    scores = queries.float() @ documents.float().T
    ranked, ids = torch.sort(scores, dim=-1, descending=True, stable=True)
    return ranked[:, :k].to(queries.dtype), ids[:, :k]
    ### END SOLUTION
