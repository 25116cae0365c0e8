"""What a step waits for

One pass through a model reads every weight once, for one token or for two thousand. It also reads the keys and values
of each sequence. Count the FLOPs for each byte that the pass reads, and say what a device would wait for.
"""


def arithmetic_intensity(
    config: dict[str, int], new: int, cached: int, batch: int, peak: float, bandwidth: float
) -> dict[str, int | float | str]:
    """One pass over `new` tokens for each of `batch` sequences that have `cached` tokens in their caches, in bfloat16.

    `config` has num_hidden_layers, num_attention_heads, num_key_value_heads, hidden_size, intermediate_size and
    vocab_size. A head has width hidden_size // num_attention_heads. A layer has the matrices w_q, w_k, w_v, w_o
    (between hidden_size and the width of its heads), gate, up and down (between hidden_size and intermediate_size).

        "weights"    bytes of the matrices of all layers and of the output head, vocab_size × hidden_size; leave out
                     the input embedding (a pass reads only a few rows of it) and the norms
        "cache"      bytes of the keys and values of all sequences, of `cached` and `new` tokens
        "flops"      2 for each weight of a layer and each token; 2 for each weight of the head and each sequence (only
                     its last token needs the head); and for the two products of attention 4·hidden_size for each layer,
                     new token and token that it meets. A new token meets every cached and every new token of its
                     sequence (a mask changes nothing)
        "intensity"  FLOPs for each byte of weights and cache
        "bound"      "compute" if the FLOPs at `peak` FLOP/s take at least as long as the bytes at `bandwidth` bytes/s;
                     else "weights" or "cache", whichever has more bytes ("weights" if they are equal)

    By hand, 1 layer, 1 head, 1 KV head, hidden_size 2, intermediate_size 1, vocab_size 3; new 1, cached 2, batch 1:
    22 weights in the layer, 6 in the head: 56 bytes. 3 tokens with 2 numbers of key and of value: 24 bytes.
    44 + 12 FLOPs for weights, 4·2·3 for attention: 80. Intensity 1.0.
    """
    raise NotImplementedError("your turn")
