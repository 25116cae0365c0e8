"""With tensors: one matrix of sums in each step, flattened and sorted."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from reference import oracle

Found = tuple[list[int], float]
Entry = tuple[float, list[int]]


@oracle
def beam_search(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    wide = table.double()
    log_p = wide - torch.logsumexp(wide, -1, keepdim=True)
    texts: list[list[int]] = [[]]
    last, totals = torch.tensor([start]), torch.zeros(1, dtype=torch.float64)
    finished: list[tuple[list[int], float]] = []
    n = len(table)
    for _ in range(most):
        sums = (totals[:, None] + log_p[last]).reshape(-1)
        best = torch.sort(sums, descending=True, stable=True).indices[:beams]
        grown = [(texts[i // n] + [i % n], float(sums[i])) for i in best.tolist()]
        finished += [entry for entry in grown if entry[0][-1] == end]
        grown = [entry for entry in grown if entry[0][-1] != end]
        if not grown:
            break
        texts = [text for text, _ in grown]
        last = torch.tensor([text[-1] for text in texts])
        totals = torch.tensor([total for _, total in grown], dtype=torch.float64)
    else:
        finished += [(text, total) for text, total in zip(texts, totals.tolist(), strict=True)]
    scores = [total / len(text) ** alpha for text, total in finished]
    winner = scores.index(max(scores))
    return finished[winner][0], scores[winner]


def _log_p(table: Tensor) -> list[list[float]]:
    return torch.log_softmax(table.double(), -1).tolist()


def _length(text: list[int], alpha: float) -> float:
    return len(text) ** alpha


def _search(
    table: Tensor,
    start: int,
    end: int,
    beams: int,
    most: int,
    alpha: float,
    steps: list[list[float]] | None = None,
    rank: Callable[[Entry], tuple[float, ...]] = lambda entry: (entry[0],),
    divide: Callable[[list[int], float], float] = _length,
    finish: bool = True,
    unfinished: bool = True,
    refill: bool = False,
    shrink: bool = False,
    each: bool = False,
) -> Found:
    """The search. The last arguments say what a wrong answer does differently."""
    log_p = _log_p(table) if steps is None else steps
    live: list[Entry] = [(0.0, [])]
    done: list[Entry] = []
    for _ in range(most):
        grown = [
            [(total + step, [*text, token]) for token, step in enumerate(log_p[text[-1] if text else start])]
            for total, text in live
        ]
        width = max(1, beams - len(done)) if shrink else beams
        if each and live:
            best = 1 if live[0][1] else width
            kept = [entry for group in grown for entry in sorted(group, key=rank, reverse=True)[:best]]
        else:
            pool = sorted([entry for group in grown for entry in group], key=rank, reverse=True)
            kept = pool[:width]
            if refill:
                done += [entry for entry in kept if entry[1][-1] == end]
                live = [entry for entry in pool if entry[1][-1] != end][:width]
                continue
        done += [entry for entry in kept if finish and entry[1][-1] == end]
        live = [entry for entry in kept if not (finish and entry[1][-1] == end)]
    entries = done + live if unfinished or not done else done
    total, text = max(entries, key=lambda entry: entry[0] / divide(entry[1], alpha))
    return text, total / divide(text, alpha)


@beam_search.right("with a heap of the best")
def by_nlargest(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    import heapq

    log_p = _log_p(table)
    live: list[tuple[float, tuple[int, ...]]] = [(0.0, (start,))]
    done: list[tuple[float, tuple[int, ...]]] = []
    while live and len(live[0][1]) <= most:
        grown = ((total + log_p[text[-1]][j], (*text, j)) for total, text in live for j in range(len(table)))
        kept = heapq.nlargest(beams, grown, key=lambda entry: entry[0])
        live = [entry for entry in kept if entry[1][-1] != end]
        done += [entry for entry in kept if entry[1][-1] == end]
    scored = [(total / (len(text) - 1) ** alpha, list(text[1:])) for total, text in done + live]
    best = max(score for score, _ in scored)
    return next((text, score) for score, text in scored if score == best)


@beam_search.wrong("logits were added, not log-probabilities: any number may be added to all logits of a row")
def adds_logits(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, table.double().tolist())


@beam_search.wrong("probabilities were multiplied: after a few hundred tokens the product is 0 for all texts")
def multiplies(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    p = torch.softmax(table.double(), -1).tolist()
    live: list[Entry] = [(1.0, [])]
    done: list[Entry] = []
    for _ in range(most):
        grown = [(c * x, [*text, j]) for c, text in live for j, x in enumerate(p[text[-1] if text else start])]
        kept = sorted(grown, key=lambda entry: -entry[0])[:beams]
        done += [entry for entry in kept if entry[1][-1] == end]
        live = [entry for entry in kept if entry[1][-1] != end]

    def score(entry: Entry) -> float:
        return (math.log(entry[0]) if entry[0] else -math.inf) / len(entry[1]) ** alpha

    winner = max(done + live, key=score)
    return winner[1], score(winner)


@beam_search.wrong("probabilities were added: the probability of a text is the product over its tokens")
def adds_probabilities(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, torch.softmax(table.double(), -1).tolist())


@beam_search.wrong("one text was kept, whatever `beams` is: that is greedy decoding")
def greedy(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, 1, most, alpha)


@beam_search.wrong(
    "each live text grew only by its own best token: all texts with all tokens compete for the same places"
)
def each_keeps_its_own(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, each=True)


@beam_search.wrong("`alpha` was ignored: then the shortest text tends to win")
def no_penalty(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, 0.0)


@beam_search.wrong("the score was divided by the length, whatever `alpha` is: divide by length ** alpha")
def alpha_one(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, 1.0)


@beam_search.wrong(
    "the score was multiplied by length ** alpha: log-probabilities are negative, so this punishes length twice"
)
def multiplied_by_length(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, -alpha)


@beam_search.wrong("the score was divided by alpha · length: divide by length ** alpha")
def alpha_times_length(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, divide=lambda text, a: a * len(text) or 1.0)


@beam_search.wrong("`start` was counted in the length")
def start_counted(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, divide=lambda text, a: (len(text) + 1) ** a)


@beam_search.wrong("`end` was left out of the length: it is a token like the others, with a probability")
def end_not_counted(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(
        table, start, end, beams, most, alpha, divide=lambda text, a: max(1, len(text) - (text[-1] == end)) ** a
    )


@beam_search.wrong("the penalty of Wu et al., ((5 + length) / 6) ** alpha, was used: here it is length ** alpha")
def wu(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, divide=lambda text, a: ((5 + len(text)) / 6) ** a)


@beam_search.wrong("`end` was taken as an ordinary token: a text with it is finished and does not grow")
def grows_past_the_end(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, finish=False)


@beam_search.wrong("texts that are live after `most` tokens were dropped: they count as finished too")
def drops_the_live(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, unfinished=False)


@beam_search.wrong("finished texts were dropped: they stay candidates until the end, and may win")
def drops_the_finished(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    log_p = _log_p(table)
    blocked = [[-math.inf if j == end else x for j, x in enumerate(row)] for row in log_p]
    return (
        _search(table, start, end, beams, most, alpha, blocked)
        if len(table) > 1
        else _search(table, start, end, beams, most, alpha)
    )


@beam_search.wrong("places of finished texts were filled in the same step: they stay empty until the next step")
def refills(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, refill=True)


@beam_search.wrong("a finished text kept its place: the beam has `beams` places for live texts in every step")
def beam_shrinks(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, shrink=True)


@beam_search.wrong(
    "of equal texts the text with the lower new id came first: the earlier text must come first, whatever the id"
)
def by_new_id(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, rank=lambda entry: (entry[0], -entry[1][-1]))


@beam_search.wrong("the first finished text was returned: a later one may have a higher score")
def first_finished(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    log_p = _log_p(table)
    live: list[Entry] = [(0.0, [])]
    for _ in range(most):
        grown = [
            (total + x, [*text, j]) for total, text in live for j, x in enumerate(log_p[text[-1] if text else start])
        ]
        live = sorted(grown, key=lambda entry: -entry[0])[:beams]
        if any(text[-1] == end for _, text in live):
            break
    scores = [total / len(text) ** alpha for total, text in live if text[-1] == end] or [
        total / len(text) ** alpha for total, text in live
    ]
    texts = [text for _, text in live if text[-1] == end] or [text for _, text in live]
    return texts[scores.index(max(scores))], max(scores)


@beam_search.wrong(
    "the search stopped at the first finished text: live texts may still win, so go on until none is live"
)
def stops_at_the_first(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    log_p = _log_p(table)
    live: list[Entry] = [(0.0, [])]
    for _ in range(most):
        grown = [
            (total + x, [*text, j]) for total, text in live for j, x in enumerate(log_p[text[-1] if text else start])
        ]
        live = sorted(grown, key=lambda entry: -entry[0])[:beams]
        if any(text[-1] == end for _, text in live):
            break
    total, text = max(live, key=lambda entry: (entry[0] / len(entry[1]) ** alpha, entry[1][-1] == end))
    return text, total / len(text) ** alpha


@beam_search.wrong("nothing was searched when `start` is `end`: `start` is not part of the text and finishes nothing")
def start_finishes(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return ([], 0.0) if start == end else _search(table, start, end, beams, most, alpha)


@beam_search.wrong("`start` was returned with the text: it is not part of it")
def with_start(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    text, score = _search(table, start, end, beams, most, alpha)
    return [start, *text], score


@beam_search.wrong("`end` was cut off: it is a token of the text")
def without_end(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    text, score = _search(table, start, end, beams, most, alpha)
    return [token for token in text if token != end], score


@beam_search.wrong("the log-probability was returned as the score: return it divided by length ** alpha")
def undivided_score(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    text, score = _search(table, start, end, beams, most, alpha)
    return text, score * len(text) ** alpha


@beam_search.wrong("softmax was taken along the columns: the row table[i] is for the token after token i")
def columns(table: Tensor, start: int, end: int, beams: int, most: int, alpha: float) -> Found:
    return _search(table, start, end, beams, most, alpha, torch.log_softmax(table.double(), 0).tolist())
