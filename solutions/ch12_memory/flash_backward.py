"""The gradients of attention, in blocks

The backward pass needs the softmax weights, but the forward pass did not keep them. It kept one number per row, the
log-sum-exp. With this number the backward pass can compute each block of weights again.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def flash_backward(
    q: Float[Tensor, "n_q d"],
    k: Float[Tensor, "n_k d"],
    v: Float[Tensor, "n_k e"],
    out: Float[Tensor, "n_q e"],
    lse: Float[Tensor, " n_q"],
    grad: Float[Tensor, "n_q e"],
    block: int,
) -> tuple[Float[Tensor, "n_q d"], Float[Tensor, "n_k d"], Float[Tensor, "n_k e"]]:
    """The gradients dq, dk and dv, in the dtypes of q, k and v, given the gradient `grad` of the output `out`.

    `out` and `lse` are what the forward pass returned: softmax(q·k / √d) @ v, and log Σ exp(q·k / √d) in float32. Never
    hold more than block × block scores. The lengths need not be multiples of `block`. There is at least one key.
    Compute in float32 and round once, when the sums are complete.

    For a block of queries and a block of keys, whose scores (divided by √d) are S:

        P  = exp(S − lse)                    the weights, computed again
        dv += Pᵀ grad
        dP = grad vᵀ
        dS = P ∘ (dP − D)                    D = Σ over e of grad ∘ out, one number for each query
        dq += dS k / √d
        dk += dSᵀ q / √d

    One query and two keys, q [[0.]], k [[1.], [−1.]], v [[2.], [0.]], so P = [½, ½], out [[1.]], lse [log 2]:
    with grad [[1.]], dP = [2, 0], D = 1, dS = [½, −½]  ->  dq [[1.]], dk [[0.], [0.]], dv [[½], [½]]
    """
    ### BEGIN SOLUTION
    scale = q.shape[1] ** -0.5
    wide_q, wide_k, wide_v, g = q.float(), k.float(), v.float(), grad.float()
    dq, dk, dv = torch.zeros(q.shape), torch.zeros(k.shape), torch.zeros(v.shape)
    delta = (g * out.float()).sum(1, keepdim=True)
    for i in range(0, len(q), block):
        rows = slice(i, i + block)
        for j in range(0, len(k), block):
            columns = slice(j, j + block)
            p = torch.exp(wide_q[rows] @ wide_k[columns].T * scale - lse[rows, None])
            ds = p * (g[rows] @ wide_v[columns].T - delta[rows]) * scale
            dv[columns] += p.T @ g[rows]
            dq[rows] += ds @ wide_k[columns]
            dk[columns] += ds.T @ wide_q[rows]
    return dq.to(q.dtype), dk.to(k.dtype), dv.to(v.dtype)
    ### END SOLUTION
