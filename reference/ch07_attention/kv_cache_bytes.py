"""The shape of one layer's keys, written out, times the number of such tensors."""

import torch

from reference import oracle


def _bytes(config: dict[str, int], length: int, dtype: torch.dtype, batch: int, /, **other: int) -> int:
    """Bytes of the tensors that are kept. `other` replaces a factor, as a wrong answer would."""
    sizes = {
        "tensors": 2,
        "layers": config["num_hidden_layers"],
        "batch": batch,
        "heads": config.get("num_key_value_heads", config["num_attention_heads"]),
        "length": length,
        "width": config.get("head_dim", config["hidden_size"] // config["num_attention_heads"]),
        "item": torch.empty(0, dtype=dtype).element_size(),
    }
    product = 1
    for size in {**sizes, **other}.values():
        product *= size
    return product


@oracle
def kv_cache_bytes(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch)


@kv_cache_bytes.right("the bytes of tensors without storage, layer by layer")
def by_meta_tensors(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    heads = config.get("num_key_value_heads", config["num_attention_heads"])
    width = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
    keys = torch.empty(batch, heads, length, width, dtype=dtype, device="meta")
    return sum(keys.nbytes + keys.nbytes for _ in range(config["num_hidden_layers"]))


@kv_cache_bytes.right("by the width of all KV heads together")
def by_total_width(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    queries = config["num_attention_heads"]
    keys = config.get("num_key_value_heads", queries) * config.get("head_dim", config["hidden_size"] // queries)
    return (keys + keys) * dtype.itemsize * config["num_hidden_layers"] * length * batch


@kv_cache_bytes.wrong("only the keys were counted: the values take the same number of bytes")
def keys_only(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, tensors=1)


@kv_cache_bytes.wrong("queries were counted as well: a query is used once and never kept")
def queries_too(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, tensors=3)


@kv_cache_bytes.wrong(
    "query heads were counted: the cache holds KV heads, and grouped-query attention has fewer of them"
)
def by_query_heads(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, heads=config["num_attention_heads"])


@kv_cache_bytes.wrong("the width of a head was left out: every head keeps that many numbers per token")
def no_width(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, width=1)


@kv_cache_bytes.wrong("d_model was used as the width of one head")
def width_is_d_model(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, width=config["hidden_size"])


@kv_cache_bytes.wrong("`head_dim` was ignored: if the config gives it, it may differ from hidden_size // heads")
def derived_width(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, width=config["hidden_size"] // config["num_attention_heads"])


@kv_cache_bytes.wrong("d_model was divided by the number of KV heads: divide it by the number of query heads")
def width_by_key_heads(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    heads = config.get("num_key_value_heads", config["num_attention_heads"])
    return _bytes(config, length, dtype, batch, width=config.get("head_dim", config["hidden_size"] // heads))


@kv_cache_bytes.wrong("one KV head was assumed if the config gives no number: then each query head has its own KV head")
def one_head_by_default(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, heads=config.get("num_key_value_heads", 1))


@kv_cache_bytes.wrong("`num_key_value_heads` was assumed to be in every config: older configs do not have it")
def needs_key_heads(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, heads=config["num_key_value_heads"])


@kv_cache_bytes.wrong("one layer was counted: every layer keeps its own keys and values")
def one_layer(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, layers=1)


@kv_cache_bytes.wrong("`batch` was ignored: every sequence has its own cache here")
def one_sequence(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, 1)


@kv_cache_bytes.wrong("two bytes per number were assumed for every dtype")
def always_two_bytes(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, item=2)


@kv_cache_bytes.wrong("numbers were counted, not bytes")
def numbers(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, item=1)


@kv_cache_bytes.wrong("bits were counted: a byte has eight")
def bits(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch) * 8


@kv_cache_bytes.wrong("the result is in GiB: return bytes, as an int")
def gibibytes(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> float:
    return _bytes(config, length, dtype, batch) / 2**30


@kv_cache_bytes.wrong(
    "the length was squared: that is the score matrix, which is not kept; the cache grows in proportion to the length"
)
def squared(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, length=length**2)


@kv_cache_bytes.wrong("a float was returned: `/` gives a float even for integers, `//` gives an int")
def divided(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> float:
    return float(_bytes(config, length, dtype, batch))


@kv_cache_bytes.wrong(
    "torch.finfo was used for the size: it works only for floats; dtype.itemsize gives the bytes of every dtype"
)
def floats_only(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, item=torch.finfo(dtype).bits // 8)


@kv_cache_bytes.wrong(
    "`head_dim` was assumed to be in every config: if it is missing, the query heads share hidden_size"
)
def needs_head_dim(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, width=config["head_dim"])


@kv_cache_bytes.wrong("four bytes per number were assumed for every dtype")
def always_four_bytes(config: dict[str, int], length: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, length, dtype, batch, item=4)
