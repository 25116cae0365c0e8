"""No sets: every run of every item is looked for in every document, place by place."""

import re
from collections.abc import Callable

from reference import oracle

Texts = list[str]
Words = Callable[[str], list[str]]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _runs(words: list[str], n: int) -> list[list[str]]:
    return [words[i : i + n] for i in range(len(words) - n + 1)]


@oracle
def ngram_contamination(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n)


def _found(item: list[str], corpus: list[list[str]], n: int) -> bool:
    return any(run == other for run in _runs(item, n) for document in corpus for other in _runs(document, n))


def _share(
    items: Texts,
    corpus: Texts,
    n: int,
    words: Words = _words,
    found: Callable[[list[str], list[list[str]], int], bool] = _found,
) -> float:
    """The other arguments are what a wrong answer does otherwise."""
    if n < 1 or len(items) == 0:
        raise ValueError("nothing to look for")
    documents = [words(document) for document in corpus]
    return sum(found(words(item), documents, n) for item in items) / len(items)


@ngram_contamination.right("a search for text, with the words between spaces")
def by_text(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        texts = [f" {' '.join(document)} " for document in documents]
        return any(f" {' '.join(run)} " in text for run in _runs(item, n) for text in texts)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("parts of words found: 'at the' is not in 'that then'; compare whole words")
def parts_of_words(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(" ".join(run) in " ".join(document) for run in _runs(item, n) for document in documents)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the corpus joined into one text: a run may begin in one document and end in the next")
def across_documents(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, [" ".join(corpus)], n)


@ngram_contamination.wrong("upper and lower case told apart: a capital letter hides the run")
def case_matters(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n, lambda text: re.findall(r"\w+", text))


@ngram_contamination.wrong("split at spaces: 'cat?' and 'cat' are different words then")
def with_punctuation(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n, lambda text: text.lower().split())


@ngram_contamination.wrong("runs of n characters: runs of n words are asked for")
def characters(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n, lambda text: list(text.lower()))


@ngram_contamination.wrong("n words in any order: a run keeps its order")
def any_order(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(set(run) <= set(document) for run in _runs(item, n) for document in documents)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("every run of an item wanted in the corpus: one is enough")
def all_runs(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        runs = _runs(item, n)
        return bool(runs) and all(_found(run, documents, n) for run in runs)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the share of runs, not of items")
def share_of_runs(items: Texts, corpus: Texts, n: int) -> float:
    _share(items, corpus, n)
    runs = [run for item in items for run in _runs(_words(item), n)]
    documents = [_words(document) for document in corpus]
    return sum(_found(run, documents, n) for run in runs) / max(len(runs), 1)


@ngram_contamination.wrong("the share of documents that have something of the test: the share of items is asked for")
def share_of_documents(items: Texts, corpus: Texts, n: int) -> float:
    _share(items, corpus, n)
    return _share(corpus, items, n) if corpus else 0.0


@ngram_contamination.wrong("the whole item looked for: a run of n words is enough")
def whole_items(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return len(item) >= n and _found(item, documents, len(item))

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong(
    "short items found by the words that they have: an item of fewer than n words has no run of n"
)
def short_items(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return bool(item) and _found(item, documents, min(n, len(item)))

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the last run left out: a text of m words has m − n + 1 of them")
def last_run_missing(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(run in _runs(document, n)[:-1] for run in _runs(item, n)[:-1] for document in documents)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("runs at multiples of n only: they begin at every word")
def blocks(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(run in _runs(document, n)[::n] for run in _runs(item, n)[::n] for document in documents)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the share that is clean: the contaminated one is asked for")
def clean(items: Texts, corpus: Texts, n: int) -> float:
    return 1 - _share(items, corpus, n)


@ngram_contamination.wrong("no items, or runs of no words, let through: raise ValueError")
def unchecked(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, max(n, 1)) if items else 0.0


@ngram_contamination.wrong("a text of fewer than n words taken for a run: it has none")
def short_texts(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(
            run == other
            for run in _runs(item, n) or [item]
            for document in documents
            for other in _runs(document, n) or [document]
        )

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the words of a run compared without their order: a run keeps it")
def runs_as_sets(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(
            set(run) == set(other) for run in _runs(item, n) for document in documents for other in _runs(document, n)
        )

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the share of different runs, not of items")
def share_of_different_runs(items: Texts, corpus: Texts, n: int) -> float:
    _share(items, corpus, n)
    runs = [run for item in items for run in {tuple(run) for run in _runs(_words(item), n)}]
    documents = [_words(document) for document in corpus]
    return sum(_found(list(run), documents, n) for run in runs) / max(len(runs), 1)


@ngram_contamination.wrong("the texts split at spaces as they are: capitals and punctuation make other words of them")
def split_as_it_is(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n, str.split)


@ngram_contamination.wrong("no items let through with a share of 0: raise ValueError")
def no_items(items: Texts, corpus: Texts, n: int) -> float:
    if n < 1:
        raise ValueError("no runs")
    return _share(items, corpus, n) if items else 0.0


@ngram_contamination.wrong("runs of no words let through: n is at least 1, raise ValueError")
def any_length(items: Texts, corpus: Texts, n: int) -> float:
    if not items:
        raise ValueError("no items")
    seen = {tuple(run) for document in corpus for run in _runs(_words(document), n)}
    return sum(bool({tuple(run) for run in _runs(_words(item), n)} & seen) for item in items) / len(items)
