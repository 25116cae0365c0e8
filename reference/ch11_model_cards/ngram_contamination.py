"""Without sets: look for every run of every item at every place of every document."""

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
    """The other arguments are what a wrong answer does differently."""
    if n < 1 or len(items) == 0:
        raise ValueError("nothing to look for")
    documents = [words(document) for document in corpus]
    return sum(found(words(item), documents, n) for item in items) / len(items)


@ngram_contamination.right("a text search, with a space around each word")
def by_text(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        texts = [f" {' '.join(document)} " for document in documents]
        return any(f" {' '.join(run)} " in text for run in _runs(item, n) for text in texts)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("parts of words matched: 'at the' is not in 'that then'. Compare whole words")
def parts_of_words(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(" ".join(run) in " ".join(document) for run in _runs(item, n) for document in documents)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong(
    "the corpus was joined into one text: a run then can begin in one document and end in the next"
)
def across_documents(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, [" ".join(corpus)], n)


@ngram_contamination.wrong("upper and lower case were kept apart: a capital letter then hides a run")
def case_matters(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n, lambda text: re.findall(r"\w+", text))


@ngram_contamination.wrong("the text was split at spaces: 'cat?' and 'cat' are then different words")
def with_punctuation(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n, lambda text: text.lower().split())


@ngram_contamination.wrong("runs of n characters were used: use runs of n words")
def characters(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n, lambda text: list(text.lower()))


@ngram_contamination.wrong("the n words matched in any order: a run keeps its order")
def any_order(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(set(run) <= set(document) for run in _runs(item, n) for document in documents)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("every run of an item had to be in the corpus: one run is enough")
def all_runs(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        runs = _runs(item, n)
        return bool(runs) and all(_found(run, documents, n) for run in runs)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the share of runs was returned: return the share of items")
def share_of_runs(items: Texts, corpus: Texts, n: int) -> float:
    _share(items, corpus, n)
    runs = [run for item in items for run in _runs(_words(item), n)]
    documents = [_words(document) for document in corpus]
    return sum(_found(run, documents, n) for run in runs) / max(len(runs), 1)


@ngram_contamination.wrong("the share of documents was returned: return the share of items")
def share_of_documents(items: Texts, corpus: Texts, n: int) -> float:
    _share(items, corpus, n)
    return _share(corpus, items, n) if corpus else 0.0


@ngram_contamination.wrong("the whole item had to be in the corpus: a run of n words is enough")
def whole_items(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return len(item) >= n and _found(item, documents, len(item))

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong(
    "a short item matched with all its words: an item of fewer than n words has no run of n words"
)
def short_items(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return bool(item) and _found(item, documents, min(n, len(item)))

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the last run was left out: a text of m words has m − n + 1 runs")
def last_run_missing(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(run in _runs(document, n)[:-1] for run in _runs(item, n)[:-1] for document in documents)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("runs began only at multiples of n: a run begins at every word")
def blocks(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(run in _runs(document, n)[::n] for run in _runs(item, n)[::n] for document in documents)

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the clean share was returned: return the contaminated share")
def clean(items: Texts, corpus: Texts, n: int) -> float:
    return 1 - _share(items, corpus, n)


@ngram_contamination.wrong("an empty list of items or n below 1 was accepted: raise ValueError")
def unchecked(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, max(n, 1)) if items else 0.0


@ngram_contamination.wrong("a text of fewer than n words was treated as a run: it has no run of n words")
def short_texts(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(
            run == other
            for run in _runs(item, n) or [item]
            for document in documents
            for other in _runs(document, n) or [document]
        )

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the words of a run were compared as a set: a run keeps its order")
def runs_as_sets(items: Texts, corpus: Texts, n: int) -> float:
    def found(item: list[str], documents: list[list[str]], n: int) -> bool:
        return any(
            set(run) == set(other) for run in _runs(item, n) for document in documents for other in _runs(document, n)
        )

    return _share(items, corpus, n, found=found)


@ngram_contamination.wrong("the share of distinct runs was returned: return the share of items")
def share_of_different_runs(items: Texts, corpus: Texts, n: int) -> float:
    _share(items, corpus, n)
    runs = [run for item in items for run in {tuple(run) for run in _runs(_words(item), n)}]
    documents = [_words(document) for document in corpus]
    return sum(_found(list(run), documents, n) for run in runs) / max(len(runs), 1)


@ngram_contamination.wrong(
    "the texts were split at spaces and kept as they are: use `words_of`, which removes capitals and punctuation"
)
def split_as_it_is(items: Texts, corpus: Texts, n: int) -> float:
    return _share(items, corpus, n, str.split)


@ngram_contamination.wrong("an empty list of items gave 0: raise ValueError")
def no_items(items: Texts, corpus: Texts, n: int) -> float:
    if n < 1:
        raise ValueError("no runs")
    return _share(items, corpus, n) if items else 0.0


@ngram_contamination.wrong("n below 1 was accepted: raise ValueError")
def any_length(items: Texts, corpus: Texts, n: int) -> float:
    if not items:
        raise ValueError("no items")
    seen = {tuple(run) for document in corpus for run in _runs(_words(document), n)}
    return sum(bool({tuple(run) for run in _runs(_words(item), n)} & seen) for item in items) / len(items)
