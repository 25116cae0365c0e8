"""A high temperature, and still the same few tokens

A sampler logs how many tokens it could have drawn at each place. At temperature 1 all is well. At temperature 2 the
texts should be full of surprises, but the number of possible tokens hardly changes. At temperature 0.3 the texts should
be safe, but now and then an odd token appears.
"""

import torch
from jaxtyping import Float32
from torch import Tensor

from exercises.ch09_decoding.sample import sample
from exercises.ch09_decoding.temperature import temperature
from exercises.ch09_decoding.top_p import top_p


def hunt_same_few_tokens(
    table: Float32[Tensor, "n n"],
    start: int,
    end: int,
    u: Float32[Tensor, " most"],
    t: float,
    mass: float,
    again: float,
) -> tuple[list[int], list[int]]:
    """(the tokens of a random text, how many tokens could have been drawn at each place).

    The model looks only at the last token: table[i] holds the logits for the token after token i. The text begins after
    `start`, which is not part of it, and ends with `end`, which is part of it, or after one token for each number of
    `u`.

    A logit is lowered by `again` if its token is in the text already. The lowered logits give a distribution at
    temperature `t`, which is above 0. The next token is drawn from the nucleus of this distribution, the smallest set
    of most likely tokens that reaches `mass`, by one number of `u`. The tokens of the nucleus can be drawn, and no
    others.

        table = [[2., 1., 0.], [0., 0., 5.], [0., 0., 0.]], start = 0, end = 2, mass = 0.8, again = 1.0, u = [0.9, 0.5]
        t = 1   ->   [1, 2], [2, 1]   after 0: [0.67, 0.24, 0.09]: two tokens reach 0.8; after 1: token 2 alone has 0.99
        t = 4   ->   [2], [3]         after 0: [0.42, 0.33, 0.25]: two tokens have only 0.75
    """
    last, text, counts = start, list[int](), list[int]()
    for number in u:
        scores = table[last].clone()
        if text:
            scores[torch.tensor(text).unique()] -= again
        p = _distribution(scores, t, mass)
        last = int(sample(p, number))
        text.append(last)
        counts.append(int((p > 0).sum()))
        if last == end:
            break
    return text, counts


def _distribution(scores: Float32[Tensor, " n"], t: float, mass: float) -> Float32[Tensor, " n"]:
    """The probability with which each token is drawn. It is 0 outside the nucleus."""
    ### BEGIN BUG
    return top_p(temperature(scores, t), mass)
    ### PLANTED
    # nucleus = top_p(torch.softmax(scores, dim=-1), mass)
    # return temperature(nucleus.log(), t)
    ### END BUG
