"""One table at both ends

The embedding turns each id into a row of a table. The head multiplies the last hidden states with all rows of a table,
which gives the logits. Small models use one table for both (tied embeddings). Then the table gets two gradients.
"""

from jaxtyping import Float, Int64
from torch import Tensor


def embed(ids: Int64[Tensor, "b n"], table: Float[Tensor, "v d"]) -> Float[Tensor, "b n d"]:
    """The row of `table` for each id, in the dtype of `table`. Llama does not scale the rows.

        ids = [[2, 0, 2]], table = [[1., 2.], [3., 4.], [5., 6.]]   ->   [[[5., 6.], [1., 2.], [5., 6.]]]

    Ids are at least 0 and less than v. Autograd must be able to follow the result back to `table`.
    """
    ### BEGIN SOLUTION
    return table[ids]
    ### END SOLUTION


def head(x: Float[Tensor, "b n d"], table: Float[Tensor, "v d"]) -> Float[Tensor, "b n v"]:
    """The logits: the dot product of each hidden state with each row of `table`, in the dtype of `x`.

    Compute in float32 inside, whatever dtypes the inputs have, and round once. Autograd must be able to follow the
    result back to `x` and `table`.

        x = [[[1., 1.]]], table = [[1., 2.], [3., 4.], [5., 6.]]   ->   [[[3., 7., 11.]]]
    """
    ### BEGIN SOLUTION
    return (x.float() @ table.float().T).to(x.dtype)
    ### END SOLUTION


def table_gradient(
    ids: Int64[Tensor, "b n"],
    d_embed: Float[Tensor, "b n d"],
    x: Float[Tensor, "b n d"],
    d_logits: Float[Tensor, "b n v"],
) -> Float[Tensor, "v d"]:
    """The gradient of a loss for a table that is used twice: by embed(ids, table) and by head(x, table).

    `d_embed` is the loss's gradient for the result of `embed`, and `d_logits` is its gradient for the result of `head`.
    The gradients of both uses add up, and so do the gradients of all positions that have the same id. Compute in
    float32, without autograd, and return the dtype of `x`, whatever dtypes the others have.

        ids = [[0, 0]], d_embed = [[[1., 2.], [3., 4.]]], x = [[[1., 0.], [0., 1.]]]
        d_logits = [[[5., 0., 6.], [0., 7., 0.]]]
        as embedding: row 0 gets [1., 2.] + [3., 4.]; as head: row 0 gets 5 · [1., 0.], row 1 gets 7 · [0., 1.], row 2
        gets 6 · [1., 0.]   ->   [[9., 6.], [0., 7.], [6., 0.]]
    """
    ### BEGIN SOLUTION
    as_head = d_logits.float().flatten(0, 1).T @ x.float().flatten(0, 1)
    return as_head.index_add(0, ids.flatten(), d_embed.float().flatten(0, 1)).to(x.dtype)
    ### END SOLUTION
