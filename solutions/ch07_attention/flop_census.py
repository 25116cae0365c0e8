"""Where a block's FLOPs go

A Llama block computes matrix products with weights, the two products inside attention, softmax, norms, residual adds
and the activation of the ffn. Count the FLOPs of each, and the share of the matrix products.
"""


def flop_census(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> tuple[dict[str, int], float]:
    """FLOPs of one block by operation, for one sequence of `length` tokens, and the share of the matrix products.

    The product of an (m, k) and a (k, n) matrix counts as 2·m·k·n FLOPs. A head has width d_model // heads. There are
    `kv_heads` heads of keys and the same number of heads of values. Do not count the position encoding or the scale
    1/√width.

        "matmul"      w_q, w_k, w_v, w_o (from attention's result to d_model), and the ffn's gate, up (both from
                      d_model to ffn) and down (from ffn to d_model)
        "attention"   the scores of each query head, and the weights times the values; a mask changes nothing
        "softmax"     5 for each score: maximum, subtract, exp, add, divide
        "norm"        4 for each number of x: square, add, scale, gain; twice in a block
        "residual"    1 for each number of x; twice in a block
        "activation"  5 for each of length·ffn hidden units: u·g / (1 + exp(−g))

    Share: ("matmul" + "attention") / the sum of all six, between 0 and 1.

    By hand, for length 2, d_model 2, 1 head, 1 KV head, ffn 1: "matmul" has four products of 2·2·2·2 and three of
    2·2·2·1, together 88; attention 2·(2·2·2·2) = 32; softmax 5·4, norm 2·4·4, residual 2·4, activation 5·2; the
    share is 120/190.

    Raises ValueError if `heads` does not divide d_model, or `kv_heads` does not divide `heads`.
    """
    ### BEGIN SOLUTION
    if d_model % heads or heads % kv_heads:
        raise ValueError(f"{heads} heads must divide the width {d_model}, and {kv_heads} KV heads must divide {heads}")
    numbers, keys = length * d_model, kv_heads * (d_model // heads)
    flops = {
        "matmul": 2 * numbers * (2 * d_model + 2 * keys + 3 * ffn),
        "attention": 2 * 2 * length * numbers,
        "softmax": 5 * heads * length**2,
        "norm": 2 * 4 * numbers,
        "residual": 2 * numbers,
        "activation": 5 * length * ffn,
    }
    return flops, (flops["matmul"] + flops["attention"]) / sum(flops.values())
    ### END SOLUTION
