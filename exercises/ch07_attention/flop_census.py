"""Where the FLOPs of a block are

Matrix products with weights, the two products inside attention, softmax, norm, residual add, and the
activation of the ffn: count each in one Llama block, and see what share of the arithmetic the products have.
"""


def flop_census(length: int, d_model: int, heads: int, kv_heads: int, ffn: int) -> tuple[dict[str, int], float]:
    """FLOPs of one block by operation, for one sequence of `length` tokens, and the products' share of them.

    The product of an (m, k) and a (k, n) matrix counts 2·m·k·n. A head has width d_model // heads; there are
    `kv_heads` heads of keys and as many of values. Positions and the scale 1/√width are left out.

        "matmul"      w_q, w_k, w_v, w_o (attention's result to d_model), and the ffn's gate, up (both from
                      d_model to ffn) and down (from ffn to d_model)
        "attention"   the scores of each query head, and their softmax times the values; a mask saves nothing
        "softmax"     5 a score: maximum, subtract, exp, add, divide
        "norm"        4 for each number of x: square, add, scale, gain; twice a block
        "residual"    1 for each number of x; twice a block
        "activation"  5 for each of length·ffn hidden units: u·g / (1 + exp(−g))

    Share: ("matmul" + "attention") / the sum of all six, between 0 and 1.

    By hand, length 2, d_model 2, 1 head, 1 key head, ffn 1: four products of 2·2·2·2 and three of 2·2·2·1
    make 88; attention 2·(2·2·2·2) = 32; softmax 5·4, norm 2·4·4, residual 2·4, activation 5·2; share 120/190.

    Raises ValueError if `heads` does not divide d_model, or `kv_heads` does not divide `heads`.
    """
    raise NotImplementedError("your turn")
