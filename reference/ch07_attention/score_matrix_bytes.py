"""The bytes of a tensor with the shape of the scores. On the meta device nothing is allocated."""

import torch

from reference import oracle


@oracle
def score_matrix_bytes(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return torch.empty(batch, config["num_attention_heads"], n_q, n_k, dtype=dtype, device="meta").nbytes


def _bytes(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int) -> int:
    return batch * config["num_attention_heads"] * n_q * n_k * dtype.itemsize


@score_matrix_bytes.right("the bytes of the product of queries and repeated keys")
def by_product(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    heads = config["num_attention_heads"]
    q = torch.empty(batch, heads, n_q, 2, device="meta")
    k = torch.empty(batch, heads, n_k, 2, device="meta")
    return (q @ k.mT).to(dtype).nbytes


@score_matrix_bytes.right("row by row: n_k scores for each query of each head")
def by_rows(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    row = n_k * torch.empty(0, dtype=dtype).element_size()
    return row * n_q * config["num_attention_heads"] * batch


@score_matrix_bytes.wrong("KV heads were counted: query heads that share keys still have their own scores")
def by_key_heads(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    shared = {"num_attention_heads": config["num_key_value_heads"]}
    return _bytes(shared, n_q, n_k, dtype, batch)


@score_matrix_bytes.wrong("one matrix was counted for all heads: each head has its own scores")
def one_head(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes({"num_attention_heads": 1}, n_q, n_k, dtype, batch)


@score_matrix_bytes.wrong("queries and keys were added: every query meets every key, so multiply")
def added(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q + n_k, 1, dtype, batch)


@score_matrix_bytes.wrong("the number of keys was squared: with a cache there are fewer queries than keys")
def keys_squared(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_k, n_k, dtype, batch)


@score_matrix_bytes.wrong("the number of queries was squared: with a cache there are more keys than queries")
def queries_squared(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_q, dtype, batch)


@score_matrix_bytes.wrong(
    "the masked scores were left out: they are computed and stored like the others, then set to −inf"
)
def causal_half(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    seen = n_q * n_k - n_q * (n_q - 1) // 2 if n_q <= n_k else n_k * (n_k + 1) // 2
    return _bytes(config, seen, 1, dtype, batch)


@score_matrix_bytes.wrong("all layers were counted: the scores of one layer are freed before the next layer runs")
def all_layers(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_k, dtype, batch) * config["num_hidden_layers"]


@score_matrix_bytes.wrong("the width of a head was included: a score is one number, a sum over the width")
def times_width(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_k, dtype, batch) * (config["hidden_size"] // config["num_attention_heads"])


@score_matrix_bytes.wrong("the weights after softmax were counted as well: count only the scores")
def weights_too(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_k, dtype, batch) * 2


@score_matrix_bytes.wrong("`batch` was ignored: every sequence has its own scores")
def one_sequence(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_k, dtype, 1)


@score_matrix_bytes.wrong("two bytes per score were assumed for every dtype")
def always_two_bytes(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_k, torch.bfloat16, batch)


@score_matrix_bytes.wrong("scores were counted, not bytes")
def numbers(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_k, torch.int8, batch)


@score_matrix_bytes.wrong("bits were counted: a byte has eight")
def bits(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_k, dtype, batch) * 8


@score_matrix_bytes.wrong("the result is in GiB: return bytes, as an int")
def gibibytes(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> float:
    return _bytes(config, n_q, n_k, dtype, batch) / 2**30


@score_matrix_bytes.wrong("four bytes per score were assumed for every dtype")
def always_four_bytes(config: dict[str, int], n_q: int, n_k: int, dtype: torch.dtype, batch: int = 1) -> int:
    return _bytes(config, n_q, n_k, torch.float32, batch)
