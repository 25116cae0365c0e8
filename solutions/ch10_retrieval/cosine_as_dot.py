"""Cosine similarity as one product

The cosine of the angle between two vectors is their dot product divided by both lengths. If you divide first, one
matrix product gives the cosines of all pairs. A vector index for inner products computes exactly this.
"""

from jaxtyping import Float
from torch import Tensor


def cosine_as_dot(queries: Float[Tensor, "q d"], documents: Float[Tensor, "n d"]) -> Float[Tensor, "q n"]:
    """The cosine of each query with each document, in the dtype of `queries`: normalize all rows, then multiply.

    Compute in float32, whatever the two dtypes, and round once, at the end. A row of zeros has cosine 0 with every
    other row. Write it yourself: torch.nn.functional.cosine_similarity is refused.

        cosine_as_dot(tensor([[1., 0.]]), tensor([[5., 0.], [3., 4.], [0., -2.], [0., 0.]]))  ->  [[1., 0.6, 0., 0.]]

    Raises ValueError if queries and documents have different widths, even if one width is 1.
    """
    ### BEGIN SOLUTION
    if queries.shape[-1] != documents.shape[-1]:
        raise ValueError(f"queries of width {queries.shape[-1]}, documents of width {documents.shape[-1]}")
    unit = []
    for x in (queries.float(), documents.float()):
        norm = x.norm(dim=-1, keepdim=True)
        unit.append(x / norm.masked_fill(norm == 0, 1.0))
    return (unit[0] @ unit[1].T).to(queries.dtype)
    ### END SOLUTION
