"""What storage does to a ranking

Vectors are stored in 16 or 8 bits, and every number is rounded. What counts is not how far the numbers move, but
whether other documents come out on top.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def embedding_precision(queries: Float32[Tensor, "q d"], documents: Float32[Tensor, "n d"], k: int) -> dict[str, float]:
    """For three formats the share of each query's true k best documents that are still among its k best when the
    documents are stored in it, as a mean over the queries.

    "fp16", "bf16"   each number cast to that dtype
    "int8"           each document divided by its own scale (its largest |number| / 127), rounded to whole numbers, and
                     multiplied back; a document of zeros stays so

    Only the documents are stored. Scores are dot products in float64, both for the true ranking and for the stored
    documents, so that nothing else rounds. Of equal scores the lower number ranks first. A number beyond fp16 becomes
    inf there; a score that is NaN ranks last, like -inf.

        queries [[1.]], documents [[1.0], [1.001], [1.002]], k = 1: document 2 is the best
            fp16  1, 1.00098, 1.00195  ->  still 2, 1.0
            bf16  1, 1, 1              ->  a tie, so 0 comes first: 0.0
            int8  the scales are the numbers / 127: all of it comes back, 1.0

    Raises ValueError if k is not between 1 and the number of documents.
    """
    raise NotImplementedError("your turn")
