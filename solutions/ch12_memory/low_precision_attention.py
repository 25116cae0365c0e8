"""Where each precision belongs

Tensor cores multiply 16-bit numbers and accumulate the products in float32. Attention computes two products on them,
with a softmax in between. Which numbers may be rounded on the way, and which must not?
"""

import torch
from jaxtyping import Float
from torch import Tensor


def low_precision_attention(
    q: Float[Tensor, "n_q d"], k: Float[Tensor, "n_k d"], v: Float[Tensor, "n_k e"]
) -> tuple[Float[Tensor, "n_q e"], Float[Tensor, " n_q"]]:
    """softmax(q·k / √d) @ v in the dtype of `q`, and log Σ exp(q·k / √d) of each query in float32.

    Each of q, k and v may be fp16, bf16 or float32. Compute as a kernel on tensor cores does:

        scores     multiply q and k as they are, accumulate and scale in float32
        softmax    maximum, exp and sum in float32
        weights    may be rounded once to the dtype of `q` before they meet the values (a tensor core needs this)
        result     accumulate in float32, round once to the dtype of `q`

    There is at least one key. A product of two 16-bit numbers is exact in float32. So `.float()` before a matrix
    product gives what tensor cores give.

        q [[0.]], k [[5.], [7.]], v [[1.], [3.]]  ->  [[2.]], [log 2 = 0.6931]
    """
    ### BEGIN SOLUTION
    scores = q.float() @ k.float().T / q.shape[1] ** 0.5
    top = scores.amax(1, keepdim=True)
    e = torch.exp(scores - top)
    total = e.sum(1, keepdim=True)
    out = e.to(q.dtype).float() @ v.float() / total
    return out.to(q.dtype), (top + torch.log(total)).squeeze(1)
    ### END SOLUTION
