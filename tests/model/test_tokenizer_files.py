"""The tokenizer of the stories, in the files that tokenizers and transformers read: the ids are ours."""

import json
import random
from itertools import pairwise

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from content.ch15_model.stories import HELD_OUT, story
from grader.author import tokenizer_files
from grader.author.tokenizer_files import FOLDER, tokenizer_json, tokens
from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.model import functions
from grader.model.tokenizer import Vocabulary, load, vocabulary
from tests.conftest import ROOT

MODEL = ROOT / FOLDER
ODD = [
    "",
    " ",
    "  two  spaces  ",
    "line\n\nline\r\n\ttab \n",
    "don't we'll I'm you've she'd they're DON'T 's",
    "1234 3.14 x2y ½ ² Ⅷ",
    "naïve café Ünïcödé Ελλάδα Жизнь 漢字 日本語 한국어 हिन्दी العربية",
    "🙂👩‍👩‍👧 \u200b\u00a0\u2028\x00\x7f",
    "e\u0301 and é stay as they are",
    "<|end|><|pad|><|end|> <|end|>a<|end |><|end||>",
    "Once<|end|>Once <|pad|> upon",
    '!!! ... "\'" -- (a)[b]{c}',
]


@pytest.fixture(scope="module")
def ours():
    return functions.load(Workbook(ROOT))


def encode(ours, text, known=None):
    known = known or load(MODEL)
    return ours.encode_text(text, list(known.merges), known.specials)


def test_the_vocabulary_has_766_merges_and_two_special_tokens_after_them():
    known = load(MODEL)
    assert len(known.merges) == 766
    assert known.specials == {"<|end|>": 1022, "<|pad|>": 1023}


def test_tokenizers_gives_the_ids_of_encode_text_for_500_stories(ours):
    loaded = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    texts = [story(seed).text for seed in HELD_OUT[:500]]
    joined = "<|end|>".join(texts)
    assert loaded.encode(joined).ids == encode(ours, joined)
    assert loaded.decode(loaded.encode(joined).ids, skip_special_tokens=False) == joined


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_tokenizers_gives_the_ids_of_encode_text_for_odd_texts(text, ours):
    loaded = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    assert loaded.encode(text).ids == encode(ours, text)
    assert loaded.decode(loaded.encode(text).ids, skip_special_tokens=False) == text


def test_tokenizers_gives_the_ids_of_encode_text_for_random_characters(ours):
    loaded = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    rng = random.Random(0)
    letters = [*" \n\t'", *"abest", *"é½2Ω字🙂_-.", "<|end|>", "'ll"]
    for _ in range(100):
        text = "".join(rng.choices(letters, k=30))
        assert loaded.encode(text).ids == encode(ours, text)


def test_transformers_loads_the_folder_and_knows_the_end_and_the_padding():
    loaded = AutoTokenizer.from_pretrained(MODEL)
    text = "Once upon a time, <|end|>"
    assert loaded(text).input_ids == Tokenizer.from_file(str(MODEL / "tokenizer.json")).encode(text).ids
    assert (len(loaded), loaded.eos_token_id, loaded.bos_token_id, loaded.pad_token_id) == (1024, 1022, 1022, 1023)
    assert loaded.model_max_length == 256
    batch = loaded(["Once", "Once upon a time"], padding=True).input_ids
    assert batch[0] == [*loaded("Once").input_ids, *[1023] * (len(batch[1]) - len(loaded("Once").input_ids))]
    assert loaded.decode(loaded('"Hi ," said Mia \'s cat .').input_ids) == '"Hi ," said Mia \'s cat .'


def test_ids_of_bytes_are_their_values_and_merges_follow():
    document = tokenizer_json(Vocabulary(((32, 98), (97, 256)), {"<|end|>": 258}))
    ids = document["model"]["vocab"]
    assert (ids["a"], ids["Ġ"], ids["Ċ"], ids["Ġb"], ids["aĠb"], len(ids)) == (97, 32, 10, 256, 257, 258)
    assert document["model"]["merges"] == [("Ġ", "b"), ("a", "Ġb")]
    assert [(added["id"], added["content"]) for added in document["added_tokens"]] == [(258, "<|end|>")]


def test_two_merges_that_make_one_token_are_an_error():
    with pytest.raises(KoansError, match="two merges make the same token: abc"):
        tokens([(97, 98), (98, 99), (256, 99), (97, 257)])


def test_a_story_has_about_170_tokens_and_fits_into_the_context(ours):
    ids = encode(ours, "".join(story(seed).text + "<|end|>" for seed in HELD_OUT[:500]))
    ends = [-1, *(place for place, token in enumerate(ids) if token == 1022)]
    lengths = [end - start for start, end in pairwise(ends)]
    assert len(lengths) == 500
    assert 165 < sum(lengths) / 500 < 178
    assert max(lengths) <= 256


def test_the_files_are_those_of_the_stories_and_the_solutions(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert tokenizer_files.main(["--check"]) == 0
    assert capsys.readouterr().out == "the files of the tokenizer are up to date\n"


def test_other_merges_make_other_files():
    known = load(MODEL)
    changed = vocabulary([*known.merges[:-1], (97, 98)])
    made = tokenizer_files.files(changed, tokenizer_files.Config())
    assert {name: data == (MODEL / name).read_bytes() for name, data in made.items()} == {
        "merges.json": False,
        "tokenizer.json": False,
        "tokenizer_config.json": True,
    }
    assert json.loads(made["merges.json"])["merges"][-1] == [97, 98]
