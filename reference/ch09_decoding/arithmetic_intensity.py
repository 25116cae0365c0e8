"""Matrix by matrix and token by token."""

import torch

from reference import oracle

Report = dict[str, int | float | str]
Config = dict[str, int]


def _shapes(config: Config) -> list[tuple[int, int]]:
    """The matrices of one layer."""
    d, ffn = config["hidden_size"], config["intermediate_size"]
    kv = d // config["num_attention_heads"] * config["num_key_value_heads"]
    return [(d, d), (kv, d), (kv, d), (d, d), (ffn, d), (ffn, d), (d, ffn)]


def _report(weights: int, cache: int, flops: int, peak: float, bandwidth: float) -> Report:
    compute, memory = flops / peak, (weights + cache) / bandwidth
    bound = "compute" if compute >= memory else ["weights", "cache"][cache > weights]
    return {
        "weights": weights,
        "cache": cache,
        "flops": flops,
        "intensity": flops / (weights + cache),
        "bound": bound,
    }


def _count(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float, **other: int) -> Report:
    """The report. `other` replaces a factor, as a wrong answer would."""
    d = config["hidden_size"]
    f = {
        "item": 2,
        "layers": config["num_hidden_layers"],
        "layer": sum(m * n for m, n in _shapes(config)),
        "head": config["vocab_size"] * d,
        "embedding": 0,
        "reads": 1,
        "kept": 2,
        "kv": d // config["num_attention_heads"] * config["num_key_value_heads"],
        "sequences": batch,
        "tokens": cached + new,
        "each": 2,
        "logits": 1,
        "products": 4 * d,
        "met": cached + new,
        **other,
    }
    body = f["layers"] * f["layer"]
    weights = f["item"] * f["reads"] * (body + f["head"] + f["embedding"])
    cache = f["item"] * f["kept"] * f["kv"] * f["layers"] * f["tokens"] * f["sequences"]
    flops = batch * (
        f["each"] * body * new + f["each"] * f["head"] * f["logits"] + f["products"] * f["layers"] * new * f["met"]
    )
    return _report(weights, cache, flops, peak, bandwidth)


@oracle
def arithmetic_intensity(
    config: dict[str, int], new: int, cached: int, batch: int, peak: float, bandwidth: float
) -> dict[str, int | float | str]:
    return _count(config, new, cached, batch, peak, bandwidth)


@arithmetic_intensity.right("the bytes of tensors without storage, and FLOPs sequence by sequence")
def by_meta_tensors(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    def nbytes(*shape: int) -> int:
        return torch.empty(*shape, dtype=torch.bfloat16, device="meta").nbytes

    layers, d = config["num_hidden_layers"], config["hidden_size"]
    width, kv_heads = d // config["num_attention_heads"], config["num_key_value_heads"]
    head = (config["vocab_size"], d)
    weights = layers * sum(nbytes(*shape) for shape in _shapes(config)) + nbytes(*head)
    cache = 2 * layers * nbytes(batch, kv_heads, cached + new, width)
    flops = 0
    for _ in range(batch):
        flops += layers * sum(2 * new * m * n for m, n in _shapes(config)) + 2 * head[0] * head[1]
        flops += layers * 2 * (2 * config["num_attention_heads"] * new * width * (cached + new))
    return _report(weights, cache, flops, peak, bandwidth)


@arithmetic_intensity.wrong("the weights were counted again for every token: all tokens of a pass share one reading")
def read_per_token(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, reads=new * batch)


@arithmetic_intensity.wrong("the weights were counted again for every sequence: a batch shares one reading")
def read_per_sequence(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, reads=batch)


@arithmetic_intensity.wrong("the input embedding was counted as read: a pass reads one row of it for each token")
def embedding_read(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    size = config["vocab_size"] * config["hidden_size"]
    return _count(config, new, cached, batch, peak, bandwidth, embedding=size)


@arithmetic_intensity.wrong("the output head was left out")
def no_head(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, head=0)


@arithmetic_intensity.wrong("logits were counted for every new token: only the last token of a sequence needs them")
def all_logits(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, logits=new)


@arithmetic_intensity.wrong("one cache was counted for the batch: each sequence has its own")
def one_cache(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, sequences=1)


@arithmetic_intensity.wrong("the new tokens were left out of the cache: their keys and values are read too")
def without_the_new(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, tokens=cached)


@arithmetic_intensity.wrong("only the keys were counted: the values take the same number of bytes")
def keys_only(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, kept=1)


@arithmetic_intensity.wrong("the cache was counted by query heads: it holds KV heads, and there are fewer of them")
def by_query_heads(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, kv=config["hidden_size"])


@arithmetic_intensity.wrong("the cache of one layer was counted: every layer has its own")
def one_layer_cached(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    tokens = cached + new
    report = _count(config, new, cached, batch, peak, bandwidth)
    cache = int(report["cache"]) // config["num_hidden_layers"] if tokens else 0
    return _report(int(report["weights"]), cache, int(report["flops"]), peak, bandwidth)


@arithmetic_intensity.wrong("one FLOP was counted for each weight: it is a multiplication and an addition, so two")
def one_flop(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, each=1)


@arithmetic_intensity.wrong("the products of attention were left out: with a long cache they have most of the FLOPs")
def no_attention(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, products=0)


@arithmetic_intensity.wrong("one product of attention was counted: there are two, the scores and the weighted values")
def one_product(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, products=2 * config["hidden_size"])


@arithmetic_intensity.wrong("each new token met only the tokens before it: the hidden scores are computed as well")
def half_the_triangle(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    d, layers = config["hidden_size"], config["num_hidden_layers"]
    report = _count(config, new, cached, batch, peak, bandwidth)
    hidden = 4 * d * layers * batch * (new * (new - 1) // 2)
    return _report(int(report["weights"]), int(report["cache"]), int(report["flops"]) - hidden, peak, bandwidth)


@arithmetic_intensity.wrong("the products of attention were counted for one layer: every layer has its own")
def attention_once(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    others = 4 * config["hidden_size"] * (config["num_hidden_layers"] - 1) * batch * new * (cached + new)
    return _report(int(report["weights"]), int(report["cache"]), int(report["flops"]) - others, peak, bandwidth)


@arithmetic_intensity.wrong(
    "only the bytes of the weights were in the intensity: the bytes of the cache are read as well"
)
def weights_only(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    return {**report, "intensity": int(report["flops"]) / int(report["weights"])}


@arithmetic_intensity.wrong("the intensity was rounded down to an integer")
def whole_intensity(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    return {**report, "intensity": float(int(report["flops"]) // (int(report["weights"]) + int(report["cache"])))}


@arithmetic_intensity.wrong('equal bytes of cache and weights were called "cache": the answer is then "weights"')
def draw_to_cache(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    even = report["bound"] != "compute" and report["weights"] == report["cache"]
    return {**report, "bound": "cache"} if even else report


@arithmetic_intensity.wrong("new tokens met only each other: they meet the cached tokens as well")
def only_new_met(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, met=new)


@arithmetic_intensity.wrong("new tokens met only the cached tokens: they meet the new ones as well")
def only_cached_met(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, met=cached)


@arithmetic_intensity.wrong("two matrices were counted in the ffn: there are three, gate, up and down")
def two_ffn_matrices(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    layer = sum(m * n for m, n in _shapes(config)[:-1])
    return _count(config, new, cached, batch, peak, bandwidth, layer=layer)


@arithmetic_intensity.wrong(
    "keys and values were projected as wide as the queries: with fewer KV heads than query heads they are narrower"
)
def wide_keys(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    d = config["hidden_size"]
    layer = 4 * d * d + 3 * d * config["intermediate_size"]
    return _count(config, new, cached, batch, peak, bandwidth, layer=layer)


@arithmetic_intensity.wrong("numbers were counted, not bytes: a bfloat16 number has two bytes")
def numbers(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth, item=1)


@arithmetic_intensity.wrong(
    "decode was always bound by the cache: it is bound by the weights until the cache is larger"
)
def memory_is_cache(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    return {**report, "bound": "compute" if report["bound"] == "compute" else "cache"}


@arithmetic_intensity.wrong("decode was always bound by the weights: a long cache, or a batch of caches, is larger")
def memory_is_weights(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    return {**report, "bound": "compute" if report["bound"] == "compute" else "weights"}


@arithmetic_intensity.wrong('equal times of compute and memory were given to memory: the answer is then "compute"')
def draw_to_memory(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    read = "weights" if int(report["weights"]) >= int(report["cache"]) else "cache"
    return {**report, "bound": "compute" if float(report["intensity"]) > peak / bandwidth else read}


@arithmetic_intensity.wrong(
    "prefill and decode were separated by the number of new tokens: compare the two times instead"
)
def by_phase(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    read = "weights" if int(report["weights"]) >= int(report["cache"]) else "cache"
    return {**report, "bound": "compute" if new > 1 else read}


@arithmetic_intensity.wrong("bytes per FLOP were computed: intensity is FLOPs per byte")
def inverted(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    report = _count(config, new, cached, batch, peak, bandwidth)
    return {**report, "intensity": 1 / float(report["intensity"])}


@arithmetic_intensity.wrong(
    "the intensity was compared with bandwidth / peak: compare it with peak / bandwidth, in FLOPs per byte"
)
def ridge_inverted(config: Config, new: int, cached: int, batch: int, peak: float, bandwidth: float) -> Report:
    return _count(config, new, cached, batch, peak, bandwidth) | {
        "bound": _count(config, new, cached, batch, bandwidth, peak)["bound"]
    }
