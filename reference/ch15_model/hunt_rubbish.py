"""Each query attends alone, to the keys up to its own. The variants hide keys by other masks."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from reference import PLANTED, oracle
from reference.ch04_optimization.adamw_step import adamw_step
from reference.symptom import Curve, Symptom, Text
from reference.tiny import END, VOCABULARY, corpus, decode, encode

Tensors = dict[str, Tensor]
Sentences = list[list[int]]
Graded = tuple[Tensor, Tensors]
Attend = Callable[[Tensor, Tensor, Tensor, Tensor, int], Tensor]  # of q, k, v (b, heads, n, d), real (b, n), layer


def _normed(x: Tensor, gain: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * gain


def _log_p(ids: Tensor, real: Tensor, w: Tensors, layers: int, heads: int, attend: Attend) -> Tensor:
    """The log-probabilities after every position, by the operations of the learner's file: equal bits earn a name."""
    x = w["token"][ids] + w["position"][: ids.shape[1]]
    for i in range(layers):
        qkv = _normed(x, w[f"{i}.attention_norm"]) @ w[f"{i}.qkv"].T
        q, k, v = qkv.reshape(*ids.shape, 3, heads, -1).permute(2, 0, 3, 1, 4)
        x = x + attend(q, k, v, real, i).transpose(1, 2).flatten(2) @ w[f"{i}.out"].T
        up = _normed(x, w[f"{i}.ffn_norm"]) @ w[f"{i}.up"].T
        x = x + (up * torch.sigmoid(up)) @ w[f"{i}.down"].T
    return torch.log_softmax(_normed(x, w["norm"]) @ w["token"].T, dim=-1)


def _graded(
    sentences: Sentences,
    weights: Tensors,
    layers: int,
    heads: int,
    *,
    attend: Attend,
    smoothing: float = 0.0,
    ahead: int = 1,
) -> Graded:
    """The loss and the gradients with this attention. `smoothing` goes to all tokens, `ahead` 1 is the next."""
    n = max(map(len, sentences))
    ids = torch.tensor([sentence + [0] * (n - len(sentence)) for sentence in sentences])
    real = torch.arange(n) < torch.tensor([[len(sentence)] for sentence in sentences])
    leaves = {name: w.detach().requires_grad_() for name, w in weights.items()}
    log_p = _log_p(ids, real, leaves, layers, heads, attend)
    places = [(row, i - ahead, s[i]) for row, s in enumerate(sentences) for i in range(ahead, len(s))]
    rows, befores, tokens = torch.tensor(places).unbind(1)
    loss = -(1 - smoothing) * log_p[rows, befores, tokens].mean() - smoothing * log_p[rows, befores].mean()
    return loss.detach(), dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def _query_by_query(q: Tensor, k: Tensor, v: Tensor, real: Tensor, layer: int) -> Tensor:
    mixed = []
    for i in range(q.shape[2]):
        scores = (k[:, :, : i + 1] * q[:, :, i : i + 1]).sum(-1) / q.shape[-1] ** 0.5
        shares = torch.exp(scores - scores.amax(-1, keepdim=True))
        shares = shares / shares.sum(-1, keepdim=True)
        mixed.append((shares.unsqueeze(-1) * v[:, :, : i + 1]).sum(2))
    return torch.stack(mixed, dim=2)


@oracle
def hunt_rubbish(sentences: Sentences, weights: Tensors, layers: int, heads: int) -> Graded:
    return _graded(sentences, weights, layers, heads, attend=_query_by_query)


def _future(n: int, above: int = 1) -> Tensor:
    """True where a key comes `above` or more places after the query."""
    return torch.ones(n, n, dtype=torch.bool).triu(above)


def _masked(hide: Callable[[int, Tensor, int], Tensor]) -> Attend:
    """Attention where each query sees the keys that are not hidden by `hide(n, padding, layer)`."""

    def attend(q: Tensor, k: Tensor, v: Tensor, real: Tensor, layer: int) -> Tensor:
        scores = q @ k.mT / q.shape[-1] ** 0.5
        hidden = hide(q.shape[2], ~real[:, None, None, :], layer)
        return torch.softmax(scores.masked_fill(hidden, -torch.inf), dim=-1) @ v

    return attend


def _padding_only(n: int, padding: Tensor, layer: int) -> Tensor:
    return padding


def _causal(n: int, padding: Tensor, layer: int) -> Tensor:
    return padding | _future(n)


@hunt_rubbish.right("the causal mask alone: padding stands on the right, so no token of a sentence sees it")
def causal_alone(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(lambda n, padding, layer: _future(n)))


@hunt_rubbish.right("the causal mask and the padding together, as one mask that is added to the scores")
def added_mask(*args: Any) -> Graded:
    def attend(q: Tensor, k: Tensor, v: Tensor, real: Tensor, layer: int) -> Tensor:
        hidden = _causal(q.shape[2], ~real[:, None, None, :], layer)
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=(~hidden).to(q.dtype).log())

    return _graded(*args, attend=attend)


@hunt_rubbish.right("with torch's fused attention and is_causal")
def library(*args: Any) -> Graded:
    def attend(q: Tensor, k: Tensor, v: Tensor, real: Tensor, layer: int) -> Tensor:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    return _graded(*args, attend=attend)


@hunt_rubbish.wrong(PLANTED)
def planted(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(_padding_only))


@hunt_rubbish.wrong("the past was hidden and the future stayed: the triangle is on the wrong side")
def past_hidden(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(lambda n, padding, layer: padding | _future(n).mT))


@hunt_rubbish.wrong("each token was hidden from itself, too: it must see itself, and the first one sees nothing else")
def itself_hidden(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(lambda n, padding, layer: padding | _future(n, 0)))


@hunt_rubbish.wrong("one token of the future can still be seen: it is the token to predict")
def one_ahead(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(lambda n, padding, layer: padding | _future(n, 2)))


@hunt_rubbish.wrong("only the next token was hidden: those after it can still be seen, and they tell what it was")
def only_the_next(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(lambda n, padding, layer: padding | _future(n) & ~_future(n, 2)))


@hunt_rubbish.wrong("the future was hidden in the first layer only: the layers after it still see it")
def first_layer_only(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(lambda n, padding, layer: padding if layer else _causal(n, padding, layer)))


@hunt_rubbish.wrong("the scores of the future were only made smaller: larger scores undo this, so use -inf")
def lowered(*args: Any) -> Graded:
    def attend(q: Tensor, k: Tensor, v: Tensor, real: Tensor, layer: int) -> Tensor:
        scores = q @ k.mT / q.shape[-1] ** 0.5 - 10.0 * _future(q.shape[2])
        return torch.softmax(scores.masked_fill(~real[:, None, None, :], -torch.inf), dim=-1) @ v

    return _graded(*args, attend=attend)


@hunt_rubbish.wrong("the future was removed after the softmax: the shares of a row no longer add up to 1")
def after_the_softmax(*args: Any) -> Graded:
    def attend(q: Tensor, k: Tensor, v: Tensor, real: Tensor, layer: int) -> Tensor:
        scores = q @ k.mT / q.shape[-1] ** 0.5
        shares = torch.softmax(scores.masked_fill(~real[:, None, None, :], -torch.inf), dim=-1)
        return shares.masked_fill(_future(q.shape[2]), 0.0) @ v

    return _graded(*args, attend=attend)


@hunt_rubbish.wrong("the targets were smoothed: the loss no longer looks too good, and the future can still be seen")
def smoothed(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(_padding_only), smoothing=0.1)


@hunt_rubbish.wrong("the targets were moved by one more place: the token after the next one can be seen as well")
def further_ahead(*args: Any) -> Graded:
    return _graded(*args, attend=_masked(_padding_only), ahead=2)


WIDTH, LAYERS, HEADS, LONGEST = 32, 2, 2, 24


def _start(seed: int) -> Tensors:
    """Random weights for the symptom's model."""
    shapes: dict[str, tuple[int, ...]] = {"token": (len(VOCABULARY), WIDTH), "position": (LONGEST, WIDTH)}
    for i in range(LAYERS):
        shapes |= {f"{i}.attention_norm": (WIDTH,), f"{i}.qkv": (3 * WIDTH, WIDTH), f"{i}.out": (WIDTH, WIDTH)}
        shapes |= {f"{i}.ffn_norm": (WIDTH,), f"{i}.up": (4 * WIDTH, WIDTH), f"{i}.down": (WIDTH, 4 * WIDTH)}
    generator = torch.Generator().manual_seed(seed)
    weights = {name: 0.1 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    return {name: torch.ones_like(w) if w.dim() == 1 else w for name, w in weights.items()} | {
        "norm": torch.ones(WIDTH)
    }


def _sentences(seed: int, n: int) -> Sentences:
    end = VOCABULARY.index(END)
    rows: Sentences = [[end]]
    for token in corpus(seed, 14 * n).tolist():
        rows[-1].append(token)
        if token == end:
            rows.append([end])
    return rows[:n]


def _written(w: Tensors, start: str, attend: Attend) -> str:
    """The start of a sentence, and the most probable tokens after it, up to the end of the sentence."""
    end = VOCABULARY.index(END)
    text = [end, *encode(start).tolist()]
    while len(text) < 16 and text[-1] != end:
        ids = torch.tensor([text])
        text.append(int(_log_p(ids, ids >= 0, w, LAYERS, HEADS, attend)[0, -1].argmax()))
    return decode(text[1:])


@hunt_rubbish.symptom("loss on new sentences that are read token by token, in nats a token")
def symptom(run: Callable[..., Graded], seed: int) -> Symptom:
    w, losses = _start(seed), []
    m, v = ({name: torch.zeros_like(p) for name, p in w.items()} for _ in range(2))
    sentences = _sentences(seed, 16 * 50)
    for step in range(50):
        loss, grads = run(sentences[16 * step : 16 * step + 16], w, LAYERS, HEADS)
        losses.append(float(loss))
        for name, p in w.items():
            w[name], m[name], v[name] = adamw_step(p, grads[name], m[name], v[name], step + 1, lr=0.01, decay=0.0)
    attend = _masked(_causal)
    written = [_written(w, start, attend) for start in ("the dogs", "the old bird", "the child near the dogs")]
    new, _ = _graded(_sentences(seed + 1000, 16), w, LAYERS, HEADS, attend=attend)
    return Symptom(
        float(new),
        (Curve("training loss", tuple(losses)), Text("what it writes after three starts", "\n".join(written))),
    )
