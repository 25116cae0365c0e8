"""With Python numbers: how many drafts are accepted, and then what is drawn."""

from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle


def _walk(weights: list[float], v: float) -> int:
    spot, end = v * sum(weights), 0.0
    for i, weight in enumerate(weights):
        end += weight
        if spot < end:
            return i
    return len(weights)


def _ratio(p: float, q: float, u: float) -> bool:
    return u < p / q


def _residual(p: list[float], q: list[float], x: int) -> list[float]:
    return [max(a - b, 0.0) for a, b in zip(p, q, strict=True)]


def _accept(
    p: Tensor,
    q: Tensor,
    drafts: list[int],
    u: list[float],
    v: float,
    accepts: Callable[[float, float, float], bool] = _ratio,
    residual: Callable[[list[float], list[float], int], list[float]] = _residual,
) -> list[int]:
    """The step. The last two arguments say what a wrong answer does differently."""
    large, small = p.double().tolist(), q.double().tolist()
    verdicts = [accepts(large[i][x], small[i][x], u[i]) for i, x in enumerate(drafts)]
    if all(verdicts):
        return [*drafts, _walk(large[-1], v)]
    i = verdicts.index(False)
    return [*drafts[:i], _walk(residual(large[i], small[i], drafts[i]), v)]


@oracle
def speculative_accept(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v)


@speculative_accept.right("with the ratio capped at 1, and the residual normalized before drawing")
def normalised(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    out: list[int] = []
    for i, x in enumerate(drafts):
        if torch.tensor(u[i]) < torch.clamp(p[i, x] / q[i, x], max=1.0):
            out.append(x)
            continue
        rest = torch.relu(p[i] - q[i])
        return [*out, int(torch.searchsorted((rest / rest.sum()).cumsum(0), v, right=True))]
    return [*out, int(torch.searchsorted(p[-1].cumsum(0), v, right=True))]


@speculative_accept.right("all places at once")
def at_once(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    m = len(drafts)
    ids = torch.tensor(drafts, dtype=torch.int64).reshape(m, 1)
    wins = torch.tensor(u) < (p[:m].gather(1, ids) / q.gather(1, ids)).squeeze(1)
    accepted = int(wins.long().cumprod(0).sum())
    weights = torch.cat([(p[:m] - q).clamp(min=0), p[m:]])[accepted]
    return [*drafts[:accepted], _walk(weights.double().tolist(), v)]


@speculative_accept.wrong(
    "a draft was accepted if it is the large model's most likely token: that is the rule for greedy decoding"
)
def accepts_the_argmax(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    for i, x in enumerate(drafts):
        if x != int(p[i].argmax()):
            return [*drafts[:i], int(p[i].argmax())]
    return [*drafts, int(p[-1].argmax())]


@speculative_accept.wrong("a draft was rejected whenever p is below q: accept it with probability p/q, as u decides")
def without_chance(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v, lambda a, b, x: a >= b)


@speculative_accept.wrong("a draft was accepted with probability p: it was already drawn with q, so use p/q")
def with_p(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v, lambda a, b, x: x < a)


@speculative_accept.wrong("q/p was used for p/q: a token with p above q must always be accepted")
def inverted(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v, lambda a, b, x: x * a < b)


@speculative_accept.wrong("a draft was accepted at u = p/q: at u = 0 this accepts a token that p rules out")
def at_most(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v, lambda a, b, x: x * b <= a)


@speculative_accept.wrong("every draft was accepted: then the text has the small model's distribution")
def accepts_all(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v, lambda a, b, x: True)


@speculative_accept.wrong("a rejected draft was replaced from p: tokens that q proposes too often then come too often")
def resamples_from_p(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v, residual=lambda a, b, x: a)


@speculative_accept.wrong("a rejected draft was replaced from q: the text moves toward the small model")
def resamples_from_q(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v, residual=lambda a, b, x: b)


@speculative_accept.wrong("only the rejected token was removed from p: subtract q for every token, max(p − q, 0)")
def rules_out_the_draft(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    def rest(a: list[float], b: list[float], x: int) -> list[float]:
        return [0.0 if j == x else w for j, w in enumerate(a)]

    return _accept(p, q, drafts, u, v, residual=rest)


@speculative_accept.wrong(
    "the residual was not clipped at 0: p − q adds up to 0, and negative weights give a wrong draw"
)
def not_clipped(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    for i, x in enumerate(drafts):
        if u[i] * q[i, x] >= p[i, x]:
            ends = (p[i] - q[i]).cumsum(-1)
            return [*drafts[:i], int((ends <= v * ends[-1]).sum())]
    return [*drafts, _walk(p[-1].double().tolist(), v)]


@speculative_accept.wrong("the residual was drawn by u of the rejected place: v draws it, because u is already used")
def drawn_by_u(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    accepted = len(_accept(p, q, drafts, u, v)) - 1
    return _accept(p, q, drafts, u, v if accepted == len(drafts) else u[accepted])


@speculative_accept.wrong("the residual was taken from the next row of p: draft i is compared with p[i]")
def next_row(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    accepted = len(_accept(p, q, drafts, u, v)) - 1
    if accepted == len(drafts):
        return _accept(p, q, drafts, u, v)
    rest = _residual(p[accepted + 1].double().tolist(), q[accepted].double().tolist(), 0)
    return [*drafts[:accepted], _walk(rest, v)]


@speculative_accept.wrong("the absolute value was used for the residual: where q is larger, no probability is missing")
def absolute(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    def rest(a: list[float], b: list[float], x: int) -> list[float]:
        return [abs(s - t) for s, t in zip(a, b, strict=True)]

    return _accept(p, q, drafts, u, v, residual=rest)


@speculative_accept.wrong("q − p was used for p − q: the residual is what the drafts give too rarely")
def residual_inverted(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u, v, residual=lambda a, b, x: _residual(b, a, x))


@speculative_accept.wrong("the most likely token of the residual was taken: draw it by v")
def likeliest_of_the_residual(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    def rest(a: list[float], b: list[float], x: int) -> list[float]:
        weights = _residual(a, b, x)
        return [float(j == weights.index(max(weights))) for j in range(len(weights))]

    return _accept(p, q, drafts, u, v, residual=rest)


@speculative_accept.wrong("drafts after a rejected draft were kept: they were drafted for another text")
def goes_on(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    large, small = p.double().tolist(), q.double().tolist()
    out = [
        x if _ratio(large[i][x], small[i][x], u[i]) else _walk(_residual(large[i], small[i], x), v)
        for i, x in enumerate(drafts)
    ]
    return [*out, _walk(large[-1], v)] if out == drafts else out


@speculative_accept.wrong("there is no token for a rejected draft: a step always gives at least one token")
def no_replacement(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    out = _accept(p, q, drafts, u, v)
    return out if len(out) > len(drafts) else out[:-1]


@speculative_accept.wrong(
    "there is no further token when all drafts are accepted: the pass has already computed its distribution"
)
def no_bonus(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    out = _accept(p, q, drafts, u, v)
    return out[: len(drafts)] if len(out) > len(drafts) else out


@speculative_accept.wrong(
    "the further token was drawn from p at the last draft's place: it comes after it, from the last row"
)
def bonus_one_early(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    out = _accept(p, q, drafts, u, v)
    return [*drafts, _walk(p[-2].double().tolist(), v)] if drafts and len(out) > len(drafts) else out


@speculative_accept.wrong("the number of accepted drafts was returned: return the tokens")
def number(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> int:
    return len(_accept(p, q, drafts, u, v)) - 1


@speculative_accept.wrong("u[0] was used at every place: each draft has a number of its own")
def one_number(p: Tensor, q: Tensor, drafts: list[int], u: list[float], v: float) -> list[int]:
    return _accept(p, q, drafts, u[:1] * len(drafts), v)
