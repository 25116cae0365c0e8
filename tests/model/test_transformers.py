"""The model's files are what transformers and tokenizers read, and the functions compute what transformers computes."""

import hashlib

import msgspec
import pytest
import torch

from grader.author import train_model
from grader.author.tokenizer_files import FOLDER
from grader.model import decoding, evaluation, stories, tokenizer, training, weights
from grader.model.decoding import Sampling
from grader.model.forward import Cache, Model
from grader.model.path import ROUTES
from tests.conftest import ROOT

transformers = pytest.importorskip("transformers", reason="not run here: transformers is not installed")

FILES = ROOT / FOLDER
GREEDY = Sampling(temperature=0.0, top_p=1.0, most=200)
PROMPTS = ("Once upon a time, a shy small sheep", "One")


@pytest.fixture(scope="module")
def model(ours) -> Model:
    return Model(ours, *weights.load(FILES))


@pytest.fixture(scope="module")
def theirs():
    return transformers.AutoModelForCausalLM.from_pretrained(FILES, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def exact():
    """The same in float64: what both are compared with."""
    return transformers.AutoModelForCausalLM.from_pretrained(FILES, dtype=torch.float32).double().eval()


@pytest.fixture(scope="module")
def ids(ours) -> torch.Tensor:
    """Eight held-out stories, padded at the right."""
    model_tokenizer = tokenizer.Tokenizer(ours, tokenizer.load(FILES))
    return evaluation.rows(model_tokenizer, stories.held_out(ROOT, 8))[0]


def encoded(ours, text: str) -> list[int]:
    model_tokenizer = tokenizer.Tokenizer(ours, tokenizer.load(FILES))
    return [model_tokenizer.vocabulary.end, *model_tokenizer.encode(text)]


@torch.no_grad()
def bound(theirs, exact, ids: torch.Tensor) -> float:
    """What float32 costs transformers itself, twice: our sums have another order and may err as much."""
    return 2 * float((theirs(ids).logits.double() - exact(ids).logits).abs().max())


@pytest.mark.parametrize("route", ROUTES)
def test_logits_are_those_of_transformers(model, theirs, exact, ids, route):
    with torch.no_grad():
        difference = float((model.logits(ids, route=route).double() - exact(ids).logits).abs().max())
    assert difference <= bound(theirs, exact, ids)


def test_logits_with_a_cache_are_those_of_transformers(model, theirs, exact, ids):
    cache = Cache()
    with torch.no_grad():
        parts = [model.logits(part, cache, "added") for part in ids[:1, :60].split([20, *[1] * 40], dim=1)]
        difference = float((torch.cat(parts, 1).double() - exact(ids[:1, :60]).logits).abs().max())
    assert difference <= bound(theirs, exact, ids[:1, :60])


def greedy_of_transformers(theirs, prompt: list[int]) -> list[int]:
    given = torch.tensor([prompt])
    theirs.generation_config.eos_token_id = None  # it goes on behind the end of a story, as ours with stop=-1
    out = theirs.generate(given, attention_mask=torch.ones_like(given), max_new_tokens=200, do_sample=False)
    return out[0, len(prompt) :].tolist()


def test_greedy_text_of_200_tokens_is_that_of_transformers_however_it_is_computed(ours, model, theirs):
    prompts = [encoded(ours, text) for text in PROMPTS]
    wanted = [greedy_of_transformers(theirs, prompt) for prompt in prompts]
    assert [len(text) for text in wanted] == [200] * len(PROMPTS)
    assert [list(decoding.stream(model, prompt, GREEDY, stop=-1)) for prompt in prompts] == wanted
    assert decoding.together(model, prompts, GREEDY, stop=-1, pad=1023) == wanted
    without_cache = msgspec.structs.replace(GREEDY, cache=False)
    assert list(decoding.stream(model, prompts[0], without_cache, stop=-1)) == wanted[0]
    heads = model.config.num_attention_heads, model.config.num_key_value_heads
    assert ours.generate(prompts[1], model.weights, *heads, -1, 200) == wanted[1]


def test_the_log_is_of_these_weights(model):
    log = msgspec.json.decode((FILES / train_model.LOG).read_bytes(), type=train_model.Log)
    data = (FILES / weights.WEIGHTS).read_bytes()
    assert log.sha256 == hashlib.sha256(data).hexdigest()
    assert len(data) < 4_000_000
    assert log.parameters == sum(p.numel() for p in model.weights.values())
    assert log.plan == train_model.PLAN and log.stories == train_model.STORIES
    assert log.steps[-1].number == log.plan.steps


def test_the_first_steps_of_training_are_those_of_the_log(ours):
    """Bits depend on the processor, so the losses are compared as they are printed: to three places."""
    log = msgspec.json.decode((FILES / train_model.LOG).read_bytes(), type=train_model.Log)
    model_tokenizer = tokenizer.Tokenizer(ours, tokenizer.load(FILES))
    tokens = stories.token_stream(model_tokenizer, stories.training(ROOT, log.stories))
    assert len(tokens) == log.tokens
    state = training.initial(ours, weights.Config(), log.plan.seed)
    steps = training.steps(ours, weights.Config(), tokens, log.plan, state)
    assert [round(next(steps).loss, 3) for _ in log.first] == [round(step.loss, 3) for step in log.first]


def test_the_loss_on_held_out_stories_lies_between_the_grammar_and_three_tokens(ours, model):
    from grader.model import baselines

    log = msgspec.json.decode((FILES / train_model.LOG).read_bytes(), type=train_model.Log)
    compared = baselines.load(FILES)
    assert compared.grammar.nats_per_token < log.held_out.nats < compared.trigram.nats_per_token
    model_tokenizer = tokenizer.Tokenizer(ours, tokenizer.load(FILES))
    again = train_model.held_out_loss(model, model_tokenizer, stories.held_out(ROOT, 50))
    assert compared.grammar.nats_per_token < again.nats < compared.trigram.nats_per_token
