"""Late interaction

ColBERT keeps a vector for each token of a document, not one vector for the text. At query time each token of the query
looks for its best match among the document's tokens. A document's score is the sum of these best matches.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def maxsim(
    query: Float[Tensor, "q d"], documents: Float[Tensor, "n t d"], mask: Bool[Tensor, "n t"]
) -> Float[Tensor, "n"]:
    """For each document: the sum of each query token's largest dot product with one of the document's tokens.

    `mask` is True where a document has a token and False where it has padding. Padding has no effect, even if it is inf
    or NaN. A document without tokens scores -inf. The result has the dtype of `query`, whatever dtype the documents
    have. Compute in float32 and round once.

        query tokens [1, 0] and [0, 1], document tokens [2, 0], [0.5, 1] and [-1, 3]:
            products [2, 0.5, -1] and [0, 1, 3]  ->  2 + 3 = 5
        without the third token                  ->  2 + 1 = 3

    Use the vectors as they are. A query has at least one token.
    """
    raise NotImplementedError("your turn")
