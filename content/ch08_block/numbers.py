"""The numbers of the chapter's texts, computed from the references, the benchmark's result and the formulas."""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import load_file

from content.ch15_model.stories import HELD_OUT, story
from content.number_formats import power_of_ten, raised, signed
from content.prices import ONE_AT_A_TIME, READING, hidden, ours, price, rise, same
from reference.ch08_block.alibi_bias import alibi_bias
from reference.ch08_block.apply_rope import apply_rope
from reference.ch08_block.count_block_params import count_block_params
from reference.ch08_block.gradient_by_depth import gradient_by_depth
from reference.ch08_block.hunt_blurred_attention import hunt_blurred_attention
from reference.ch08_block.layer_norm import layer_norm
from reference.ch08_block.llama_block import llama_block
from reference.ch08_block.lora_trainable import lora_trainable
from reference.ch08_block.next_token_loss import next_token_loss
from reference.ch08_block.rms_norm import rms_norm
from reference.ch08_block.rope_angles import rope_angles
from reference.ch08_block.swiglu import swiglu
from reference.ch08_block.swiglu_hidden import swiglu_hidden
from reference.ch15_model.encode_text import encode_text

MEASURED = Path(__file__).parents[2] / "benchmarks/results/gradients.json"
LLAMA = {"hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32, "num_key_value_heads": 8}
QWEN = {"hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28, "num_key_value_heads": 4}
LAYERS, VOCABULARY = 32, 128_256  # of Llama-3-8B
MODEL = Path(__file__).parents[1] / "ch15_model/model"
CONFIG = json.loads((MODEL / "config.json").read_text())
SCALES = hunt_blurred_attention.rights["library"].fn, hunt_blurred_attention.wrongs["planted"].fn
TRAINED, FACTOR = 4096, 4  # the context and the stretch of the examples


def numbers():
    yield from _norms()
    yield from _gated()
    yield from _rotation()
    yield from _longer()
    yield from _wiring()
    yield from _counting()
    yield from _training()
    yield from _prices()
    yield from _quiet_rows()
    yield from _blurred_attention()


def _prices():
    """What mistakes cost the small model, as the afterwords quote it."""
    yield f"rises {rise('ch08_block/apply_rope', 'interleaved')} nats a token"
    yield f"losses differ by {hidden('ch08_block/apply_rope', 'interleaved')} of their spread"
    yield f"rises {rise('ch08_block/rope_angles', 'restarts', ONE_AT_A_TIME)} nats"
    yield f"{rise('ch08_block/swiglu', 'silu_on_up')} nats a token"
    yield f"losses differ by {hidden('ch08_block/swiglu', 'silu_on_up')} of their spread"
    yield f"rises by only {price('ch08_block/rms_norm', 'centred', READING) - ours(READING):.3f} nats a token"
    yield f"stays the same at {same('ch08_block/rms_norm', 'centred')} of the places"


def _norms():
    x = torch.tensor([1.0, 2.0, 3.0, 6.0])
    variance, mean_square = (x - x.mean()).square().mean().item(), x.square().mean().item()
    yield f"(4 + 1 + 0 + 9) / 4 = {variance} |"
    yield f"(4 + 1 + 0 + 9) / 4 = {variance}, divided by n"
    yield f"(1 + 4 + 9 + 36) / 4 = {mean_square}"
    yield f"its root | {variance**0.5:.3f} | {mean_square**0.5:.3f}"
    one = torch.ones(4)
    yield f"| [{_list(layer_norm(x, one, 0 * one), 3)}] | [{_list(rms_norm(x, one), 3)}] |"
    small = torch.full((4,), 0.001)
    yield f"values are 0.001, RMS norm with eps 1e-6 gives {rms_norm(small, one)[0]:.2f}"
    step = math.ulp(1000.0**2) * 2 ** (52 - 23)  # of float32
    yield f"steps of 1/{1 / step:.0f} when the values lie around 1,000"
    yield f"by 10{raised(int(math.log10(1000**2)))} and its root by 10{raised(3)}"
    yield f"4,096 numbers in bf16 is {2 * 2 * 4096 // 1024} KiB"


def _gated():
    one = torch.ones(1, 1)
    x, silu = torch.tensor([3.0]), -3 / (1 + math.exp(3))
    right, swapped = swiglu(x, -one, one, one).item(), swiglu(x, one, -one, one).item()
    yield f"−3 · sigmoid(−3) = −3 · {1 / (1 + math.exp(3)):.4f} = {signed(silu, 3)}"
    yield f"The product is {signed(silu, 3)} · 3 = {signed(right, 3)}"
    yield f"the result is {signed(swapped, 3)}"
    yield f"the hidden value is {signed(right, 2)}; swapped it is {signed(swapped, 2)}"
    hidden, ratio = swiglu_hidden(4096)
    plain, _ = swiglu_hidden(4096, multiple=1)
    yield f"rounds {plain:,} up to {hidden:,}"
    yield f"For d_model 4,096 this is {plain:,}"
    yield f"multiple of 256: {hidden:,}, which is {ratio - 1:.1%}".replace("%", " %") + " more weights"
    yield f"Llama-2-7B: {hidden:,}"
    yield f"uses it: {hidden:,} = {hidden / 4096:.2f} · d_model"
    yield f"A product of width {plain:,} ends in a tile of 128 columns, and only {plain % 128} of them are in use"
    widths = [swiglu_hidden(d, m, by) for d, m, by in ((4096, 1024, 1.3), (8192, 4096, 1.3), (16384, 4096, 1.2))]
    times = [w / d for (w, _), d in zip(widths, (4096, 8192, 16384), strict=True)]
    names = f"{widths[0][0]:,}, {widths[1][0]:,} and {widths[2][0]:,}"
    yield names
    assert times[0] == times[1]
    yield f"8B and 70B take {times[0]} · d_model, and 405B takes {times[2]}"
    yield f"{times[0]}, {times[1]} and {times[2]}: {names}"
    yield f"{names}: {times[0]}, {times[1]} and {times[2]} times d_model"
    yield f"Llama-3-8B takes {times[0]} · d_model"
    yield f"8B and 70B take {times[0]} · d_model, and Llama-3-405B takes {times[2]}"
    more = [round(100 * (r - 1)) for _, r in widths]
    yield f"{more[0]}, {more[1]} and {more[2]} %"
    yield f"{widths[0][0]:,} = 2{raised(11)} · {widths[0][0] // 2**11}"
    yield f"the {widths[0][0]:,}. A serving engine"
    yield f"hold {3 * 14336 * 4096 / 1e6:.0f} million weights"


def _rotation():
    def turned(pair, position):
        angles = rope_angles(1, 2, start=position)
        return tuple(apply_rope(torch.tensor([pair]), angles)[0].tolist())

    def dot(a, b):
        return a[0] * b[0] + a[1] * b[1]

    q, k = (2.0, 1.0), (1.0, 3.0)
    q3, k1 = turned(q, 3), turned(k, 1)
    c3, s3, c1, s1 = (f"{v:.3f}".replace("-", "−") for v in (math.cos(3), math.sin(3), math.cos(1), math.sin(1)))
    yield f"cos 3 = {c3} and sin 3 = {s3}"
    yield f"(2 · {c3} − 1 · {s3}, 2 · {s3} + 1 · {c3}) = {_pair(q3)}"
    yield f"cos 1 = {c1} and sin 1 = {s1}"
    yield f"(1 · {c1} − 3 · {s1}, 1 · {s1} + 3 · {c1}) = {_pair(k1)}"
    (a, b), (c, d) = ([signed(v, 3) for v in pair] for pair in (q3, k1))
    yield f"({a}) · ({c}) + ({b}) · {d} = {dot(q3, k1):.3f}"
    far_q, far_k = turned(q, 1003), turned(k, 1001)
    yield f"The turned query is {_pair(far_q)} and the turned key is {_pair(far_k)}"
    yield f"positions 0 to {1000 - 1}"
    yield f"their dot product is again {dot(far_q, far_k):.3f}"
    yield f"to position 0, and the dot product becomes {signed(dot(q3, k), 3)}"
    back = apply_rope(torch.tensor([k]), torch.tensor([[-2.0]]))[0].tolist()
    yield f"you also get {dot(q, back):.3f} if"


def _longer():
    speed = rope_angles(1, 128, start=1)[0].double()
    turns = (TRAINED * speed / (2 * math.pi)).tolist()
    first, last = 2 * math.pi / speed[0].item(), 2 * math.pi / speed[-1].item()
    yield f"a full turn in {first:.1f} tokens. Pair 63 needs {last:,.0f} tokens"
    yield f"width 128 needs {last:,.0f} tokens for one turn, and {sum(t < 1 for t in turns)} of the 64"
    yield f"needs {first:.1f} tokens for a full turn, and the last pair needs {last:,.0f}. In"
    yield f"Pair 0 turns {turns[0]:.0f} times, and pair 63 turns {turns[-1]:.2f} times"
    yield f"pairs 0 to {sum(t >= 32 for t in turns) - 1}. 3."
    yield f"pairs {next(i for i, t in enumerate(turns) if t < 1)} to 63"
    scale = 0.1 * math.log(FACTOR) + 1
    yield f"0.1 · ln s + 1 = {scale:.2f}, so the scores grow by the square, {scale**2:.2f}"
    yield f"At position {2 * TRAINED - 1:,}"
    slow = 2 * math.pi / rope_angles(1, 128, base=500_000.0, start=1)[0, -1].item()
    yield f"last pair needs {slow / 1e6:.1f} million tokens"
    gap = math.ulp(131_071.0) * 2 ** (52 - 23)
    yield f"Near 131,071 radians, neighboring float32 numbers are {gap:.3f} apart"
    yield f"an error of up to {gap / 2:.3f}"


def _wiring():
    rows = json.loads(MEASURED.read_text())["gradients"]
    by = {(r["start"], r["kind"], r["layers"]): r for r in rows}
    post, pre = by["xavier", "post-norm", 24], by["xavier", "pre-norm", 24]
    for kind in ("post-norm", "pre-norm"):
        ffn = by["xavier", kind, 24]["ffn"]
        of_6, of_48 = (by["xavier", kind, layers]["ffn"][-1] for layers in (6, 48))
        yield f"| {kind} | {ffn[0]:.2f} | {ffn[11]:.2f} | {ffn[-1]:.2f} | {of_6:.2f} | {of_48:.2f} |"
    spread = [max(r["ffn"]) / min(r["ffn"]) for r in (post, pre)]
    yield f"feed-forward gradient is only {spread[0]:.1f} times the smallest"
    yield f"feed-forward gradient is {spread[1]:.1f} times the smallest"
    grows = f"from {post['attention'][0]:.2f} to {post['attention'][-1]:.2f}"
    yield f"output of this model, {grows}"
    yield f"model of 24 layers, {grows}"
    copied = by["copied", "post-norm", 24]["ffn"]
    yield f"are {copied[0]:.2f} in the first layer, {copied[11]:.2f} in the middle and {copied[-1]:.2f} in the last"
    six = {kind: by["xavier", kind, 6]["ffn"][-1] for kind in ("post-norm", "pre-norm")}
    yield (
        f"6 and 24 layers: pre-norm {six['pre-norm']:.2f} and {pre['ffn'][-1]:.2f},"
        f" post-norm {six['post-norm']:.2f} and {post['ffn'][-1]:.2f}"
    )
    yield f"a gradient of {pre['ffn'][-1]:.2f} in pre-norm and {post['ffn'][-1]:.2f} in post-norm"
    yield f"the first feed-forward weights get {post['ffn'][0]:.2f} and the last {post['ffn'][-1]:.2f}"
    deep = by["xavier", "pre-norm", 48]["ffn"][-1]
    yield f"pre-norm falls from {pre['ffn'][0]:.2f} to {pre['ffn'][-1]:.2f}. Last layer"
    yield f"pre-norm falls from {six['pre-norm']:.2f} for 6 layers to {deep:.2f} for 48"
    yield f"falls in pre-norm, from {six['pre-norm']:.2f} for 6 layers to {deep:.2f} for 48"
    yield f"and stays at {six['post-norm']:.2f} in post-norm"
    assert round(by["xavier", "post-norm", 48]["ffn"][-1], 2) == round(six["post-norm"], 2)
    near = [v for layers in (6, 24, 48) for v in by["xavier", "post-norm", layers]["ffn"][-1:]] + post["ffn"]
    assert all(0.3 < v < 0.45 for v in near)
    middle = f"{sum(near) / len(near):.1f}"
    yield f"post-norm stays near {middle} from the first to the last layer"
    yield f"post-norm stays near {middle}, pre-norm"
    yield from _toy()
    eye, one = torch.eye(2), torch.ones(2)
    names = ("q", "k", "v", "o", "gate", "up", "down")
    w = {f"{n}_proj": eye for n in names} | {"input_layernorm": one, "post_attention_layernorm": one}
    x = torch.tensor([[[3.0, 4.0]]])
    small, large = (llama_block(by * x, w, 1, 1).flatten() for by in (1, 1000))
    yield f"[3, 4] into [{_list(small, 2)}]"
    yield f"[{_list(large, 2)}]. The branches"
    yield "What is its result for [{:.0f}, {:.0f}]".format(*(1000 * x).flatten())


def _toy():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # products this small only wait for other threads
    last, total = {}, {}
    for layers in (6, 24, 96):
        for pre_norm in (True, False):
            runs = [gradient_by_depth(*_stack(seed, layers), pre_norm) for seed in range(4)]
            mean = torch.stack(runs).mean(0)
            last[layers, pre_norm], total[layers, pre_norm] = mean[-1].item(), mean.norm().item()
    torch.set_num_threads(threads)
    for pre_norm, name in ((True, "pre-norm"), (False, "post-norm")):
        yield f"| {name} | " + " | ".join(f"{last[layers, pre_norm]:.0f}" for layers in (6, 24, 96)) + " |"
    post, pre = ([total[layers, kind] for layers in (6, 96)] for kind in (False, True))
    yield f"from {post[0]:.0f} for 6 layers to {post[1]:,.0f} for 96"
    yield f"in pre-norm only from {pre[0]:.0f} to {pre[1]:.0f}"


def _stack(seed, layers, tokens=8, width=64):
    """The tokens, weights and probe of a toy whose branches are as large as what they read."""
    shapes = ((tokens, width), (layers, width, width), (tokens, width))
    parts = [
        torch.randn(*shape, generator=torch.Generator().manual_seed(100 * seed + i), dtype=torch.float64)
        for i, shape in enumerate(shapes)
    ]
    return parts[0], parts[1] / width**0.5, parts[2]


def _counting():
    llama = count_block_params(LLAMA)
    qo, kv = 2 * 4096 * 4096, 2 * 1024 * 4096
    assert qo + kv == llama["attention"]
    share = round(100 * llama["ffn"] / llama["total"])
    yield f"| q and o, 4096 × 4096 each | {qo:,} |"
    yield f"| k and v, 1024 × 4096 each | {kv:,} |"
    yield f"| gate, up and down, 14336 × 4096 each | {llama['ffn']:,} | {share} % |"
    yield f"| two gains | {llama['norms']:,} |"
    yield f"A block of Llama-3-8B has {llama['total']:,} parameters, and the feed-forward layer holds {share} %"
    whole = LAYERS * llama["total"] + 2 * VOCABULARY * 4096 + 4096
    yield f"make {whole:,}"
    yield f"A Llama-3-8B block has {llama['total'] / 1e6:.0f} million parameters"
    yield (
        f"Attention {llama['attention'] / 1e6:.1f} million"
        f" (w_q and w_o {qo / 2e6:.1f} each, w_k and w_v {kv / 2e6:.1f} each),"
        f" feed-forward layer {llama['ffn'] / 1e6:.1f} million ({share} %), norms {llama['norms']:,}"
    )
    yield f"{llama['total'] / 1e6:.0f} million parameters a block, {share} % of them ffn"
    names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    biased = count_block_params(LLAMA, names)
    yield f"would add {biased['biases']:,} parameters a block, {100 * biased['biases'] / llama['total']:.2f} %"
    qwen = count_block_params(QWEN, names[:3])
    few = f"{100 * qwen['biases'] / qwen['total']:.3f} %"
    yield f"they are {few} of a block"
    yield f"{qwen['biases']:,} of {qwen['total'] / 1e6:.0f} million: {few}"
    yield f"{qwen['biases']:,} of its {qwen['total'] / 1e6:.0f} million parameters"
    yield f"q, k and v: 3,584 + {4 * 128} + {4 * 128} = {qwen['biases']:,} a block"
    narrow = count_block_params(LLAMA | {"intermediate_size": 11008})
    yield f"2 · 4096² + 2 · 4096 · 1024 = {llama['attention'] / 1e6:.1f} million"
    yield f"3 · 4096 · 14,336 = {llama['ffn'] / 1e6:.1f} million"
    yield f"Gains: {llama['norms']:,}. Together {llama['total'] / 1e6:.1f} million"
    yield (
        f"At a width of 11,008 the feed-forward layer has {narrow['ffn'] / 1e6:.1f} million,"
        f" and the block {narrow['total'] / 1e6:.1f} million"
    )
    targets = dict(zip(names[:4], ((4096, 4096), (1024, 4096), (1024, 4096), (4096, 4096)), strict=True))
    shapes = {f"{name}.weight": shape for name, shape in targets.items()}
    trained = sum(math.prod(shape) for shape in lora_trainable(shapes, names[:4], 16)[0].values())
    yield f"16 · (8192 + 5120 + 5120 + 8192) = {trained:,}, which is {100 * trained / llama['total']:.1f} %"
    new = LAYERS * trained
    yield (
        f"16 · (8192 + 5120 + 5120 + 8192) = {new / 1e6:.1f} million of {(whole + new) / 1e9:.2f} billion:"
        f" {100 * new / (whole + new):.2f} %"
    )
    yield f"rank 16 trains {new / 1e6:.1f} million numbers, {100 * new / (whole + new):.2f} % of the model"
    yield f"LoRA trains {new / 1e6:.1f} million parameters, {100 * new / (whole + new):.2f} %"
    one = lora_trainable({"q_proj.weight": (4096, 4096)}, ["q_proj"], 16)[0]
    a_and_b = sum(math.prod(shape) for shape in one.values())
    share = f"{100 * a_and_b / 4096**2:.1f} %"
    yield f"2 · 4096 · 16 = {a_and_b:,} numbers, compared with {4096**2 / 1e6:.1f} million: {share}"
    yield f"on 4096 × 4096 trains {100 * a_and_b / 4096**2:.1f} %"
    yield f"r = 16 that is {8 * a_and_b // 2**20} MiB instead of {8 * 4096**2 // 2**20} MiB"


def _training():
    slopes = -alibi_bias(8, 1, 2)[:, 0, 0]
    yield f"1/{1 / slopes[0]:.0f}, 1/{1 / slopes[1]:.0f}, …, 1/{1 / slopes[-1]:.0f}"
    yield f"slope 2⁻{raised(round(-math.log2(slopes[-1])))}"
    labels = torch.tensor([[0, 1, 0, 1]])
    own = 10.0 * torch.nn.functional.one_hot(labels, 2).float()
    yield f"get a loss of {next_token_loss(own, labels).item():.0f}"


def _quiet_rows():
    """A row of size 1e-5 under an eps of 1e-6, inside and outside the root."""
    size, eps = 1e-5, 1e-6
    row, gain = torch.full((4,), size, dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    inside, outside = rms_norm(row, gain, eps)[0].item(), rms_norm.wrongs["eps_outside"].fn(row, gain, eps)[0].item()
    yield f"Take a row of size {power_of_ten(size, 0)[4:]} and an eps of {power_of_ten(eps, 0)[4:]}"
    yield f"about √eps = {power_of_ten(eps**0.5, 0)[4:]}, and the row comes out with the size {inside:.2f}"
    yield f"about {power_of_ten(size, 0)[4:]}, and the row comes out with the size {outside:.2f}"
    yield f"near or below √eps, {eps**0.5:.3f} for"
    yield f"comes out with size {outside:.2f} instead of {inside:.2f}"


def _blurred_attention():
    """What the wrong scale does to the small model, on held-out stories."""
    yield f"times too small: {8**0.5:.1f} times with 8 heads, {32**0.5:.1f} times with 32 heads"
    heads, kv_heads = CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"]
    merges = [tuple(pair) for pair in json.loads((MODEL / "merges.json").read_text())["merges"]]
    weights = {name: w.float() for name, w in load_file(MODEL / "model.safetensors").items()}
    texts = [[CONFIG["eos_token_id"], *encode_text(story(seed).text, merges, {})] for seed in HELD_OUT[:5]]
    reads = [[_read(torch.tensor([ids]), weights, heads, kv_heads, attention) for ids in texts] for attention in SCALES]
    (loss, share), (wrong_loss, wrong_share) = (
        (sum(x) / len(texts) for x in zip(*read, strict=True)) for read in reads
    )
    entropies = f"{100 * wrong_share:.0f} % of ln(tokens) instead of {100 * share:.0f} %"
    yield f"with {heads} heads, gets a mean entropy of {entropies}"
    yield f"its loss rises from {loss:.2f} to {wrong_loss:.2f} nats a token"


def _read(ids, weights, heads, kv_heads, attention):
    """The loss in nats a token, and the mean entropy as a share of ln(tokens), with this attention in all layers."""
    x, shares = weights["model.embed_tokens.weight"][ids], []
    at_most = torch.arange(2, ids.shape[1] + 1).log()
    for number in range(CONFIG["num_hidden_layers"]):
        prefix = f"model.layers.{number}."
        w = {n.split(".")[-2]: t for n, t in weights.items() if n.startswith(prefix)}
        result, spread = attention(rms_norm(x, w["input_layernorm"]), w, heads, kv_heads)
        shares.append((spread[..., 1:] / at_most).mean().item())
        x = x + result
        x = x + swiglu(rms_norm(x, w["post_attention_layernorm"]), w["gate_proj"], w["up_proj"], w["down_proj"])
    logits = rms_norm(x, weights["model.norm.weight"]) @ weights["model.embed_tokens.weight"].T
    return next_token_loss(logits, ids).item(), sum(shares) / len(shares)


def _list(values, digits):
    return ", ".join(signed(v, digits) if v else "0" for v in values.tolist())


def _pair(values):
    return f"({signed(values[0], 3)}, {signed(values[1], 3)})"


RMS = "Zhang and Sennrich 2019, arXiv:1910.07467, abstract"
SOURCE = "what a source says"
LLAMA_3 = "The Llama 3 Herd of Models, arXiv:2407.21783"
LLAMA_CONFIG = "config.json of meta-llama/Meta-Llama-3-8B"
EXAMPLE = "an input of an example"
TRANSFORMERS = "transformers: the label that its losses ignore"
BERT = "Devlin et al. 2018, arXiv:1810.04805, section 3.1"
GIVEN = {
    "7 to 64 %": RMS,
    "about 40 % faster": SOURCE,
    "expect 40 %": SOURCE,
    "40 % lies within": SOURCE,
    "Qwen 2.5": "a name",
    "405B": "a name",
    "3.4.1": "a section",
    "8,000 steps": f"{LLAMA_3}, section 3.4.1",
    "multiplier of 1.3 for 8B and 70B and of 1.2": "Meta's params.json: ffn_dim_multiplier",
    "1.3, 1.3 and 1.2": "Meta's params.json: ffn_dim_multiplier",
    "base of 500,000": f"{LLAMA_3}, section 3.2",
    "Llama-3 has 500,000": f"{LLAMA_3}, section 3.2",
    "128,256 · 4,096": LLAMA_CONFIG,
    "(14336, 4096)": LLAMA_CONFIG,
    "d_model 4096, 32 query heads": LLAMA_CONFIG,
    "KV heads of width 128": LLAMA_CONFIG,
    "feed-forward width of 14,336": LLAMA_CONFIG,
    "8/3 · d_model (11,008)": "computed above",
    "768 numbers": "config.json of openai-community/gpt2",
    "about 15 % of": BERT,
    "label −100": TRANSFORMERS,
    "label of −100": TRANSFORMERS,
    "−100 covers": TRANSFORMERS,
    "about 1.5 after": "a rule of thumb: good models reach some 2 nats a token on ordinary text",
    "pull request 1345": "a number on GitHub",
    "an eps of 1e-6. Under": EXAMPLE,
    "size 1e-5 comes": EXAMPLE,
    "[300, 400]": EXAMPLE,
    "[3000, 4000]": EXAMPLE,
    "1,000 times": EXAMPLE,
    "by 1,000": EXAMPLE,
    "1003 and 1001": EXAMPLE,
    "1005 and 1003": EXAMPLE,
    "1,000 to 1,003": EXAMPLE,
    "1,000 tokens": EXAMPLE,
    "gets 1,000": EXAMPLE,
    "base 10,000": EXAMPLE,
    "width 128": EXAMPLE,
    "d = 128": EXAMPLE,
    "4,096 tokens": EXAMPLE,
    "beyond 4,096": EXAMPLE,
    "fail at 8,192": EXAMPLE,
    "4096 × 4096 weight": EXAMPLE,
    "4096 by 4096": EXAMPLE,
}
