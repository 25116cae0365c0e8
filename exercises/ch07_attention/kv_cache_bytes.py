"""What a KV cache costs

A decoder keeps the key and the value of every past token, in every layer. A model's config.json is enough to compute
how many bytes that is.
"""

import torch


def kv_cache_bytes(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    """Bytes of the keys and values of `batch` sequences of `length` tokens, kept in `dtype`.

    `config` has the names of a config.json. These are the names that you need:

        num_hidden_layers     layers
        num_attention_heads   query heads
        num_key_value_heads   KV heads; if it is missing, each query head has its own keys and values
        hidden_size           d_model
        head_dim              width of one head; if it is missing, hidden_size // num_attention_heads

    By hand: 1 layer, 4 query heads, 2 KV heads and hidden_size 12 give heads of width 3. One token in bf16 keeps
    2 heads × 3 numbers × 2 bytes = 12 bytes of keys and 12 of values, together 24.
    """
    raise NotImplementedError("your turn")
