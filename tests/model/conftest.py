"""A small model with random weights, and the workbook's own functions."""

import msgspec
import pytest
import torch

from grader.book.workbook import Workbook
from grader.model import functions, requests, tokenizer, training, weights
from grader.model.forward import Model
from grader.model.protocol import Source
from grader.model.weights import Config
from tests.conftest import ROOT

SMALL = Config(
    vocab_size=300,
    hidden_size=32,
    intermediate_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    bos_token_id=298,
    eos_token_id=298,
    pad_token_id=299,
)


@pytest.fixture(scope="session")
def ours():
    return functions.load(Workbook(ROOT))


@pytest.fixture(scope="session")
def small(ours) -> Model:
    """Weights that are larger than at the start of training, so that the logits differ visibly."""
    params = training.initial(ours, SMALL, seed=3).params
    return Model(ours, SMALL, {n: t * 6 if t.dim() > 1 else t for n, t in params.items()})


@pytest.fixture(scope="session")
def merges() -> list[tuple[int, int]]:
    """42 merges of pairs of letters."""
    letters = b"abcdefgh"
    return [(a, b) for a in letters for b in letters][:42]


@pytest.fixture(scope="session")
def small_tokenizer(ours, merges) -> tokenizer.Tokenizer:
    return tokenizer.Tokenizer(ours, tokenizer.vocabulary(merges))


@pytest.fixture(scope="session")
def folder(small, small_tokenizer, tmp_path_factory):
    """The small model in a folder, as a workbook keeps one."""
    place = tmp_path_factory.mktemp("small model")
    weights.save(place, SMALL, small.weights, torch.float32)
    (place / tokenizer.MERGES).write_bytes(msgspec.json.encode(small_tokenizer.vocabulary))
    return place


@pytest.fixture
def asked(folder):
    """A function that answers a request in this process, on our functions or on variants, and returns the events."""

    def ask(kind, *, whose=None, watch=None, **fields):
        events = []
        source = Source(str(ROOT), str(folder), whose or {})
        requests.answer(kind(source, **fields), events.append, watch or (lambda functions: None))
        return events

    return ask


@pytest.fixture
def prompt(seed) -> list[int]:
    return torch.randint(0, 298, (9,), generator=torch.Generator().manual_seed(seed)).tolist()
