"""Bytes merged by hand, one merge after the other; a layer's cost is added up product by product."""

from collections.abc import Callable

from reference import oracle

Merges = list[tuple[int, int]]
Costs = dict[str, dict[str, float]]


def _encode(word: str, merges: Merges) -> list[int]:
    ids = list(word.encode())
    for new_id, (left, right) in enumerate(merges, 256):
        i = 0
        while i < len(ids) - 1:
            if ids[i] == left and ids[i + 1] == right:
                ids[i : i + 2] = [new_id]
            i += 1
    return ids


def _words(text: str) -> list[str]:
    words = text.split()
    if not words:
        raise ValueError("no words")
    return words


def _count(text: str, merges: Merges) -> float:
    return sum(len(_encode(word, merges)) for word in _words(text))


def _layer(s: float, d: int) -> float:
    query = key = value = out = 2 * s * d * d
    up, down = 2 * s * d * (4 * d), 2 * s * (4 * d) * d
    return query + key + value + out + up + down + _products(s, d)


def _products(s: float, d: int) -> float:
    scores = weighted_values = 2 * s * s * d
    return scores + weighted_values


@oracle
def fertility(
    texts: dict[str, str], merges: list[tuple[int, int]], d_model: int, base: str
) -> dict[str, dict[str, float]]:
    return _costs(texts, merges, d_model, base)


def _costs(
    texts: dict[str, str],
    merges: Merges,
    d: int,
    base: str,
    count: Callable[[str, Merges], float] = _count,
    words: Callable[[str], float] = lambda text: len(_words(text)),
    attention: Callable[[float, int], float] = _products,
    model: Callable[[float, int], float] = _layer,
) -> Costs:
    """The other arguments are what a wrong answer does otherwise."""
    s = {name: count(text, merges) for name, text in texts.items()}
    return {
        name: {
            "fertility": s[name] / words(text),
            "attention": attention(s[name], d) / attention(s[base], d),
            "model": model(s[name], d) / model(s[base], d),
        }
        for name, text in texts.items()
    }


@fertility.right("from the share of attention in the base: 1 / (1 + 6·d/s)")
def by_share(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    s = {name: _count(text, merges) for name, text in texts.items()}
    share = 1 / (1 + 6 * d_model / s[base])
    costs = {}
    for name, text in texts.items():
        more = s[name] / s[base]
        model = more * (share * more + (1 - share))
        costs[name] = {"fertility": s[name] / len(text.split()), "attention": more**2, "model": model}
    return costs


@fertility.right("in FLOPs per token, times the tokens")
def per_token(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, model=lambda s, d: s * (24 * d * d + 4 * s * d))


@fertility.wrong("the cost of the whole layer grew with the square of the tokens: only attention's products do that")
def quadratic_model(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, model=lambda s, d: s**2)


@fertility.wrong(
    "the cost of the whole layer grew with the tokens: the cost of attention's two products grows with their square"
)
def linear_model(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, model=lambda s, d: s)


@fertility.wrong(
    "attention's cost grew with the tokens: every token attends to every other, so it grows with their square"
)
def linear_attention(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, attention=lambda s, d: s)


@fertility.wrong("the two ratios were added: first add the FLOPs of both parts for each text, then divide")
def added(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    costs = _costs(texts, merges, d_model, base)
    for cost in costs.values():
        cost["model"] = cost["attention"] + cost["attention"] ** 0.5
    return costs


@fertility.wrong("the two ratios were averaged with weights 4 and 24: the weights depend on s and d_model too")
def averaged(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    costs = _costs(texts, merges, d_model, base)
    for cost in costs.values():
        cost["model"] = (4 * cost["attention"] + 24 * cost["attention"] ** 0.5) / 28
    return costs


@fertility.wrong("the costs came from tokens per word: use all tokens, because a language may need fewer words")
def from_fertility(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    mean = {name: _count(text, merges) / len(_words(text)) for name, text in texts.items()}
    costs = _costs(texts, merges, d_model, base)
    for name, cost in costs.items():
        cost["attention"] = (mean[name] / mean[base]) ** 2
        cost["model"] = _layer(mean[name], d_model) / _layer(mean[base], d_model)
    return costs


@fertility.wrong(
    "characters were counted, not bytes: an unmerged letter costs its bytes, two for ä or λ and three for अ"
)
def characters(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    def count(text: str, merges: Merges) -> float:
        total = 0
        for word in _words(text):
            for new_id, (left, right) in enumerate(merges, 256):
                word = word.replace(chr(left) + chr(right), chr(0xF0000 + new_id))
            total += len(word)
        return total

    return _costs(texts, merges, d_model, base, count=count)


@fertility.wrong("bytes were counted without any merge: count the tokens that are left after all merges")
def bytes_for_tokens(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, count=lambda text, _: sum(len(w.encode()) for w in _words(text)))


@fertility.wrong("the tokens were a quarter of the characters: this rule of thumb is for English and its tokenizers")
def four_characters(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, count=lambda text, _: len(text) / 4 if _words(text) else 0.0)


@fertility.wrong("white space was encoded too: encode each word by itself; white space is not a token here")
def with_white_space(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, count=lambda text, m: len(_encode(text, m)) if _words(text) else 0)


@fertility.wrong(
    "the text was cut at single spaces: two spaces make an empty word, and line ends do not cut; use split()"
)
def cut_at_spaces(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    def count(text: str, merges: Merges) -> float:
        _words(text)
        return sum(len(_encode(word, merges)) for word in text.split(" "))

    return _costs(texts, merges, d_model, base, count=count, words=lambda text: len(text.split(" ")))


@fertility.wrong("each word was counted once: a word that occurs again costs again")
def distinct_words(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    once = {name: " ".join(dict.fromkeys(text.split())) for name, text in texts.items()}
    return _costs(once, merges, d_model, base)


@fertility.wrong("words per token were returned: fertility is tokens per word, 1 or more")
def words_per_token(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    costs = _costs(texts, merges, d_model, base)
    return {name: {**cost, "fertility": 1 / cost["fertility"]} for name, cost in costs.items()}


@fertility.wrong("tokens per character were returned: fertility is tokens per word")
def per_character(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, words=lambda text: sum(map(len, _words(text))))


@fertility.wrong("the base's cost was divided by the language's: divide the language's cost by the base's")
def inverted(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    costs = _costs(texts, merges, d_model, base)
    return {
        name: {"fertility": c["fertility"], "attention": 1 / c["attention"], "model": 1 / c["model"]}
        for name, c in costs.items()
    }


@fertility.wrong("the costs were compared with the first language: compare with `base`")
def first_as_base(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, next(iter(texts), base))


@fertility.wrong("only one of attention's two products was counted: scores and weighted values together cost 4·s²·d")
def half_of_attention(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, model=lambda s, d: _layer(s, d) - _products(s, d) / 2)


@fertility.wrong("d_model is missing in attention's products: over all heads, the scores of two tokens take d products")
def without_the_width(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, model=lambda s, d: 24 * s * d**2 + 4 * s**2)


@fertility.wrong("d_model was used where its square belongs: a d × d matrix of weights costs 2·d² for each token")
def width_once(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, model=lambda s, d: 24 * s * d + 4 * s**2 * d)


@fertility.wrong("the feed-forward part was left out: it has 16·s·d² of the 24·s·d²")
def without_ffn(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, model=lambda s, d: _layer(s, d) - 16 * s * d**2)


@fertility.wrong("the code divided by a text without words: raise ValueError")
def divides_by_nothing(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(
        texts,
        merges,
        d_model,
        base,
        count=lambda text, m: sum(len(_encode(word, m)) for word in text.split()),
        words=lambda text: len(text.split()),
    )


@fertility.wrong("attention's products were counted for each word: each token of the text attends to all others")
def attention_word_by_word(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    def attention(name: str) -> float:
        return sum(_products(len(_encode(word, merges)), d_model) for word in _words(texts[name]))

    def model(name: str) -> float:
        s = _count(texts[name], merges)
        return attention(name) + _layer(s, d_model) - _products(s, d_model)

    costs = _costs(texts, merges, d_model, base)
    for name, cost in costs.items():
        cost["attention"] = attention(name) / attention(base)
        cost["model"] = model(name) / model(base)
    return costs


@fertility.wrong("a text without words was accepted: it has no fertility, so raise ValueError")
def lets_no_words_through(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    _words(texts[base])
    return _costs(
        texts,
        merges,
        d_model,
        base,
        count=lambda text, m: sum(len(_encode(word, m)) for word in text.split()),
        words=lambda text: max(1, len(text.split())),
    )


@fertility.wrong("only multiplications by weights were counted: with the additions, a layer costs 24·s·d²")
def half_of_the_weights(texts: dict[str, str], merges: Merges, d_model: int, base: str) -> Costs:
    return _costs(texts, merges, d_model, base, model=lambda s, d: (_layer(s, d) + _products(s, d)) / 2)
