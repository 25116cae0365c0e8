"""Each byte knows its token; a letter stands alone if its bytes are all the bytes of one token."""

from collections.abc import Callable, Iterator

from reference import oracle

Counts = dict[str, tuple[int, int]]


def _letters(tokens: list[bytes]) -> Iterator[tuple[str, list[int]]]:
    """Each character with the number of the token of each of its bytes."""
    owners = [i for i, token in enumerate(tokens) for _ in token]
    try:
        text = b"".join(tokens).decode()
    except UnicodeDecodeError as error:
        raise ValueError(str(error)) from None
    place = 0
    for letter in text:
        size = len(letter.encode())
        yield letter, owners[place : place + size]
        place += size


def _count(tokens: list[bytes], alone: Callable[[str, list[int]], bool]) -> Counts:
    judged = [(letter, alone(letter, owners)) for letter, owners in _letters(tokens)]
    return {letter: (judged.count((letter, True)), judged.count((letter, False))) for letter, _ in judged}


@oracle
def letters_in_tokens(tokens: list[bytes]) -> dict[str, tuple[int, int]]:
    return _count(tokens, lambda letter, owners: [tokens[i] for i in set(owners)] == [letter.encode()])


@letters_in_tokens.right("token by token, carrying incomplete bytes on to the next token")
def carried(tokens: list[bytes]) -> Counts:
    found: Counts = {}
    rest = b""
    for token in tokens:
        whole = not rest
        rest += token
        try:
            text = rest.decode()
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                raise
            text = rest[: error.start].decode()
        done = len(text.encode())
        alone = whole and len(text) == 1 and done == len(rest)
        rest = rest[done:]
        for letter in text:
            own, hidden = found.get(letter, (0, 0))
            found[letter] = (own + alone, hidden + (not alone))
    if rest:
        raise ValueError("ends inside a letter")
    return found


@letters_in_tokens.right("all occurrences minus the tokens that are one letter")
def by_difference(tokens: list[bytes]) -> Counts:
    text = b"".join(tokens).decode()
    return {
        letter: (tokens.count(letter.encode()), text.count(letter) - tokens.count(letter.encode())) for letter in text
    }


@letters_in_tokens.wrong(
    "each token was decoded by itself: a letter spread over two tokens is lost; join the bytes first"
)
def token_by_token(tokens: list[bytes]) -> Counts:
    list(_letters(tokens))
    found: Counts = {}
    for token in tokens:
        text = token.decode(errors="ignore")
        for letter in text:
            own, hidden = found.get(letter, (0, 0))
            found[letter] = (own + (len(text) == 1), hidden + (len(text) > 1))
    return found


@letters_in_tokens.wrong(
    "each token was decoded by itself, which raises an error inside a letter: join the bytes first"
)
def token_by_token_strictly(tokens: list[bytes]) -> Counts:
    found: Counts = {}
    for token in tokens:
        text = token.decode()
        for letter in text:
            own, hidden = found.get(letter, (0, 0))
            found[letter] = (own + (len(text) == 1), hidden + (len(text) > 1))
    return found


@letters_in_tokens.wrong("each token was decoded by itself, so U+FFFD was counted: join the bytes first")
def with_replacement_signs(tokens: list[bytes]) -> Counts:
    list(_letters(tokens))
    found: Counts = {}
    for token in tokens:
        text = token.decode(errors="replace")
        for letter in text:
            own, hidden = found.get(letter, (0, 0))
            found[letter] = (own + (len(text) == 1), hidden + (len(text) > 1))
    return found


@letters_in_tokens.wrong("a letter in a longer token was counted as seen: 'berry' is one id and shows no letter")
def seen_inside(tokens: list[bytes]) -> Counts:
    return _count(tokens, lambda letter, owners: any(letter.encode() in token for token in tokens))


@letters_in_tokens.wrong("a letter that is a token somewhere was counted as seen everywhere: check each place")
def seen_once_seen_always(tokens: list[bytes]) -> Counts:
    return _count(tokens, lambda letter, owners: letter.encode() in tokens)


@letters_in_tokens.wrong("tokens were counted, not letters: 'berry' hides two r's")
def tokens_counted(tokens: list[bytes]) -> Counts:
    counts: Counts = {}
    for letter, (own, hidden) in letters_in_tokens.fn(tokens).items():
        holding = {owners[0] for other, owners in _letters(tokens) if other == letter}
        counts[letter] = (own, min(hidden, len(holding) - own))
    return counts


@letters_in_tokens.wrong("each letter was expected to have one byte: a token of two bytes may be a letter, such as é")
def one_byte(tokens: list[bytes]) -> Counts:
    return _count(tokens, lambda letter, owners: len(set(owners)) == 1 and len(tokens[owners[0]]) == 1)


@letters_in_tokens.wrong("a letter at the start of a token was counted as seen: the token must hold nothing else")
def at_the_start(tokens: list[bytes]) -> Counts:
    starts, place = set(), 0
    for token in tokens:
        starts.add(place)
        place += len(token)
    places, at = [], 0
    for _letter, owners in _letters(tokens):
        places.append(at in starts and len(set(owners)) == 1)
        at += len(owners)
    answers = iter(places)
    return _count(tokens, lambda letter, owners: next(answers))


@letters_in_tokens.wrong("a letter spread over several tokens was counted as seen: it has no single id")
def spread_is_alone(tokens: list[bytes]) -> Counts:
    return _count(tokens, lambda letter, owners: b"".join(tokens[i] for i in sorted(set(owners))) == letter.encode())


@letters_in_tokens.wrong("the two counts were exchanged: first the letters that stand alone, then the hidden ones")
def exchanged(tokens: list[bytes]) -> Counts:
    return {letter: (hidden, own) for letter, (own, hidden) in letters_in_tokens.fn(tokens).items()}


@letters_in_tokens.wrong("all occurrences were returned as hidden: letters that stand alone are not hidden")
def all_for_hidden(tokens: list[bytes]) -> Counts:
    return {letter: (own, own + hidden) for letter, (own, hidden) in letters_in_tokens.fn(tokens).items()}


@letters_in_tokens.wrong("'R' and 'r' were counted together: they are different bytes and different tokens")
def folded(tokens: list[bytes]) -> Counts:
    counts: Counts = {}
    for letter, (own, hidden) in letters_in_tokens.fn(tokens).items():
        before = counts.get(letter.lower(), (0, 0))
        counts[letter.lower()] = (before[0] + own, before[1] + hidden)
    return counts


@letters_in_tokens.wrong("spaces were left out: a space is a character, and often the first of a token")
def without_spaces(tokens: list[bytes]) -> Counts:
    return {letter: counts for letter, counts in letters_in_tokens.fn(tokens).items() if not letter.isspace()}


@letters_in_tokens.wrong("each byte was read as a character, as Latin-1 does: the bytes are UTF-8")
def latin_1(tokens: list[bytes]) -> Counts:
    list(_letters(tokens))
    found: Counts = {}
    for token in tokens:
        for letter in token.decode("latin-1"):
            own, hidden = found.get(letter, (0, 0))
            found[letter] = (own + (len(token) == 1), hidden + (len(token) > 1))
    return found


@letters_in_tokens.wrong("bytes that are not UTF-8 were replaced: raise ValueError")
def replaces(tokens: list[bytes]) -> Counts:
    text = b"".join(tokens).decode(errors="replace")
    return {c: (tokens.count(c.encode()), text.count(c) - tokens.count(c.encode())) for c in text}


@letters_in_tokens.wrong(
    "a letter was counted as seen although its token also holds part of another letter: it must be alone"
)
def beside_half_a_letter(tokens: list[bytes]) -> Counts:
    text = b"".join(tokens).decode()
    seen = [token.decode(errors="ignore") for token in tokens]
    return {c: (seen.count(c), text.count(c) - seen.count(c)) for c in text}


@letters_in_tokens.wrong("bytes that are not UTF-8 were left out: raise ValueError")
def ignores(tokens: list[bytes]) -> Counts:
    text = b"".join(tokens).decode(errors="ignore")
    return {c: (tokens.count(c.encode()), text.count(c) - tokens.count(c.encode())) for c in text}
