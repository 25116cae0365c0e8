"""What storage does to a ranking

Vectors are stored in 16 or 8 bits, so every number is rounded. It does not matter how much the numbers change. It
matters whether the best documents change.
"""

import torch
from jaxtyping import Float32
from torch import Tensor


def embedding_precision(queries: Float32[Tensor, "q d"], documents: Float32[Tensor, "n d"], k: int) -> dict[str, float]:
    """How many of the true k best documents a search still finds after the documents are stored, for three formats.

    For each query, count how many of its true k best documents are still among its k best after storage, and divide by
    k. The value of a format is the mean over the queries.

    "fp16", "bf16"   cast each number to this dtype
    "int8"           divide each document by its own scale (its largest |number| / 127), round to whole numbers, and
                     multiply back; a document of zeros stays zeros

    Only the documents are stored. All scores are dot products in float64, for the true ranking and for the stored
    documents, so nothing else rounds. If scores are equal, the document with the lower number ranks first. A number
    beyond fp16's range becomes inf in fp16. A score that is NaN ranks last, like -inf.

        queries [[1.]], documents [[1.0], [1.001], [1.002]], k = 1: document 2 is the best
            fp16  1, 1.00098, 1.00195  ->  still 2, 1.0
            bf16  1, 1, 1              ->  a tie, so 0 comes first: 0.0
            int8  the scales are the numbers / 127, so all numbers come back: 1.0

    Raises ValueError if k is not between 1 and the number of documents.
    """
    raise NotImplementedError("your turn")
