"""Search among stored vectors

A bi-encoder embeds documents without the query. Their vectors are computed once and stored. A search is then one
product with the query's vector and a selection of the k largest scores.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def bi_encoder_search(
    queries: Float[Tensor, "q d"], documents: Float[Tensor, "n d"], k: int
) -> tuple[Float[Tensor, "q k"], Int[Tensor, "q k"]]:
    """For each query: its k largest dot products with documents, largest first, and the documents' numbers (int64).

    Compute and rank the scores in float32, then round them to the dtype of `queries`, whatever dtype the documents
    have. If scores are equal, the document with the lower number comes first. If there are fewer than k documents,
    return all of them.

        queries [[1., 2.]], documents [[1., 1.], [4., 0.], [0., 2.], [9., -9.]], k = 3
            scores 3, 4, 4, -9  ->  ([[4., 4., 3.]], [[1, 2, 0]])

    Use the vectors as they are: do not normalize them. Raises ValueError if k is less than 1.
    """
    ### BEGIN SOLUTION
    if k < 1:
        raise ValueError(f"k is {k}")
    scores = queries.float() @ documents.float().T
    ranked, ids = torch.sort(scores, dim=-1, descending=True, stable=True)
    return ranked[:, :k].to(queries.dtype), ids[:, :k]
    ### END SOLUTION
