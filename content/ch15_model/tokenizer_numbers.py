"""The numbers of the afterwords of the four koans of a tokenizer."""

import importlib.util
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

from reference.ch05_tokens.train_bpe import train_bpe
from reference.ch15_model.pretokenize import pretokenize

HERE = Path(__file__).parent
GIVEN = {
    "about 30 % fewer": "Chen et al., arXiv:2107.03374",
    "up to 10,000 words": "the default of cache_capacity in tokenizers' BPE",
}


def numbers():
    spec = importlib.util.spec_from_file_location("figure_of_ch05", HERE.parent / "ch05_tokens/figure.py")
    declaration = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(declaration)
    article = declaration.ARTICLE_1["English"]
    apart = pretokenize.wrongs["spaces_apart"].fn(article)
    yield f"has {len(pretokenize(article))} words by this rule. With each space apart it would have {len(apart)}."
    assert len("हिन्दी") == len(pretokenize("हिन्दी")) == 6
    words = pretokenize(declaration.PREAMBLE)
    yield f"has {len(words)} words by the rule of GPT-2, and {len(set(words))} different ones"
    looked, touched = _work(dict(Counter(words)), 300)
    preamble = "the preamble of the Universal Declaration of Human Rights"
    yield f"In 300 merges on {preamble}, `train_bpe` looks at {looked:,} words"
    yield f"Only {touched:,} of them hold the pair"
    bench = json.loads((HERE.parents[1] / "benchmarks/results/bpe.json").read_text())
    seconds = {name: f"{value:.2g}" for name, value in bench["seconds"].items()}
    ours = f"take `train_bpe` {seconds['train_bpe']} s, and this function {seconds['train_bpe_fast']} s"
    yield f"On {bench['bytes']:,} bytes of this workbook's texts, {bench['merges']} merges {ours}"
    yield f"takes {seconds['tokenizers']} s, and that includes"
    loop = seconds["minbpe's loop"]
    yield f"minbpe takes {loop} s"
    yield f"{bench['words']:,} words instead of {bench['different words']:,} different ones"


def _work(words, merges):
    """How many words train_bpe looks at, and how many of them hold the merged pair."""
    texts = [word.encode().decode("latin-1") for word in words]
    touched = 0
    made = train_bpe(words, 256 + merges)
    for i, pair in enumerate(made):
        touched += sum(pair in pairwise(map(ord, text)) for text in texts)
        texts = [text.replace("".join(map(chr, pair)), chr(256 + i)) for text in texts]
    return len(made) * len(texts), touched
