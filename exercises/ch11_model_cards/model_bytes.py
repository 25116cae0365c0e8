"""The memory that serving a model needs

To serve a model, you need memory for its weights, in blocks, and for a KV cache. The format of the weights does not
change the cache.
"""

FORMATS = {  # weights of a block, bytes of a block
    "F32": (1, 4),
    "F16": (1, 2),
    "BF16": (1, 2),
    "Q8_0": (32, 34),
    "Q6_K": (256, 210),
    "Q4_K": (256, 144),
    "Q4_0": (32, 18),
}


def model_bytes(
    tensors: list[tuple[int, str]], layers: int, kv_heads: int, head_dim: int, tokens: int, sequences: int
) -> dict[str, int]:
    """Bytes of the weights, of the KV cache, and of both together: {"weights": ..., "cache": ..., "total": ...}.

    `tensors` are (number of weights, format). FORMATS says how many weights and how many bytes a block of each format
    has. The cache holds keys and values in fp16: `kv_heads` heads of `head_dim` numbers in each of `layers` layers, for
    each of `tokens` tokens in each of `sequences` sequences.

        [(512, "Q4_K"), (10, "F32")], layers 2, kv_heads 1, head_dim 4, tokens 3, sequences 1
            weights 2 · 144 + 10 · 4 = 328,  cache 2 · 2 · 1 · 4 · 3 · 2 = 96,  total 424

    Raises ValueError if a tensor does not divide into whole blocks.
    """
    raise NotImplementedError("your turn")
