"""A text does not depend on how its tokens are computed: with a cache, without, in a batch, with drafts."""

import pytest
import torch

from grader.model import decoding
from grader.model.decoding import GREEDY, Sampling
from grader.model.forward import Model

STOP, PAD = 298, 299


class Fixed:
    """A drafter with one distribution for all places."""

    def __init__(self, p: torch.Tensor) -> None:
        self.p = p

    def probabilities(self, ids):
        return self.p


def of(**changes) -> Sampling:
    return Sampling(**{"temperature": 0.0, "top_p": 1.0, "most": 30, **changes})


def test_greedy_text_is_the_same_with_and_without_a_cache(small, prompt):
    assert list(decoding.stream(small, prompt, of(), STOP)) == list(
        decoding.stream(small, prompt, of(cache=False), STOP)
    )


def test_greedy_text_is_the_text_of_the_koan_generate(small, prompt):
    config = small.config
    heads = config.num_attention_heads, config.num_key_value_heads
    assert list(decoding.stream(small, prompt, of(), STOP)) == small.functions.generate(
        prompt, small.weights, *heads, STOP, 30
    )


def test_a_batch_of_prompts_of_unequal_lengths_gives_the_text_of_each(small, prompt):
    prompts = [prompt, prompt[:4], prompt[2:3]]
    most = of(most=20)
    assert decoding.together(small, prompts, most, STOP, PAD) == [
        list(decoding.stream(small, one, most, STOP)) for one in prompts
    ]


@pytest.mark.parametrize("drafts", [1, 4])
def test_drafts_do_not_change_a_greedy_text(small, prompt, drafts):
    drafter = Fixed(torch.softmax(torch.randn(300, generator=torch.Generator().manual_seed(5)), 0))
    with_drafts = list(decoding.stream(small, prompt, of(drafts=drafts), STOP, drafter))
    assert with_drafts == list(decoding.stream(small, prompt, of(), STOP))


def test_drafts_that_are_right_are_accepted(small, prompt):
    token = next(decoding.stream(small, prompt, of(), STOP))
    right = torch.zeros(300)
    right[token] = 1.0
    passes = []

    class Counted(Model):
        def logits(self, ids, cache=None, route="attention"):
            passes.append(ids.shape[1])
            return super().logits(ids, cache, route)

    counted = Counted(small.functions, small.config, small.weights)
    first = list(decoding.stream(counted, prompt, of(drafts=1, most=2), STOP, Fixed(right)))
    assert first[0] == token
    assert passes == [len(prompt) + 1]  # one pass reads the prompt, checks the draft and gives two tokens


def test_a_text_ends_before_the_stop_token(small, prompt):
    whole = list(decoding.stream(small, prompt, of(), STOP))
    stop = whole[3]
    assert list(decoding.stream(small, prompt, of(), stop)) == whole[: whole.index(stop)]


def test_a_text_ends_where_the_context_ends(small, prompt):
    assert len(list(decoding.stream(small, prompt, of(most=1000), stop=-1))) == 64 - len(prompt)


def test_a_seed_gives_the_same_text_and_another_seed_another(small, prompt):
    warm = of(temperature=1.0, top_p=0.9)
    texts = [
        list(decoding.stream(small, prompt, Sampling(**{**to_dict(warm), "seed": seed}), STOP)) for seed in (1, 1, 2)
    ]
    assert texts[0] == texts[1] != texts[2]


def test_top_k_of_one_is_greedy(small, prompt):
    assert list(decoding.stream(small, prompt, of(temperature=1.0, top_k=1), STOP)) == list(
        decoding.stream(small, prompt, of(), STOP)
    )


def to_dict(sampling: Sampling) -> dict:
    return {name: getattr(sampling, name) for name in sampling.__struct_fields__}


def test_greedy_is_temperature_zero_with_all_tokens():
    assert (GREEDY.temperature, GREEDY.top_p, GREEDY.top_k) == (0.0, 1.0, 0)
