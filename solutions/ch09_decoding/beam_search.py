"""Several texts at once

Greedy decoding takes the best next token, which may be a mistake later. Beam search keeps the best few texts and
compares the probabilities of whole texts. Every token makes a text less likely, so at the end each log-probability is
divided by a power of the length.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def beam_search(
    table: Float[Tensor, "n n"], start: int, end: int, beams: int, most: int, alpha: float
) -> tuple[list[int], float]:
    """(the best text found, its score) in a model that looks only at the last token.

    table[i] holds the logits for the token after token i, all finite. A text begins after `start`, which is not part of
    it. Its log-probability is the sum of log softmax(table[i])[j] for each token j after token i. In each step every
    live text grows by each of the n tokens, and the `beams` most probable results stay (of equal results, first the
    result of the earlier text, then the result with the lower new id). Texts that have `end` as their last token are
    finished. They leave the beam, and their places are not filled until the next step. Stop when no text is live or
    after `most` tokens; the texts that are still live then count as finished, too.

    The score of a finished text is its log-probability / length ** alpha; `end` counts in the length. The highest score
    wins, and of equal scores the text that finished first. Compute in float32 or better.

        two tokens, 0 and end = 1; from 0 the probabilities [0.6, 0.4]; most = 2, beams = 2
        step 1: [0] 0.6, [1] 0.4, which is finished    step 2: [0, 0] 0.36, [0, 1] 0.24
        alpha = 0:  0.4 is the largest            ->  ([1], -0.9163)         log 0.4
        alpha = 1:  log 0.36 / 2 is the largest   ->  ([0, 0], -0.5108)
    """
    ### BEGIN SOLUTION
    log_p = torch.log_softmax(table.double(), dim=-1).tolist()
    live: list[tuple[float, list[int]]] = [(0.0, [])]
    done = []
    for _ in range(most):
        grown = [
            (total + step, [*text, token])
            for total, text in live
            for token, step in enumerate(log_p[text[-1] if text else start])
        ]
        kept = sorted(grown, key=lambda entry: -entry[0])[:beams]
        done += [entry for entry in kept if entry[1][-1] == end]
        live = [entry for entry in kept if entry[1][-1] != end]
    score, text = max(((total / len(text) ** alpha, text) for total, text in done + live), key=lambda entry: entry[0])
    return text, score
    ### END SOLUTION
