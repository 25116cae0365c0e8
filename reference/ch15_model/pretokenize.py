r"""Place by place: which character begins a word, and how far its kind reaches. No regular expression."""

import re
import unicodedata
from itertools import groupby

from reference import oracle

# Unicode's White_Space, by its PropList.txt
WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
ENDINGS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


def _kind(c: str) -> str:
    if c in WHITE:
        return "S"
    category = unicodedata.category(c)
    return {"L": "L", "N": "N"}.get(category[0], "O")


def _end(text: str, start: int) -> int:
    """Where the word that begins at `start` ends."""
    for ending in ENDINGS:
        if text.startswith(ending, start):
            return start + len(ending)
    end = start + (text[start] == " ")
    if end < len(text) and _kind(text[end]) != "S":
        return _last(text, end)
    end = _last(text, start)
    return end if end == len(text) or end == start + 1 else end - 1


def _last(text: str, start: int) -> int:
    """Where the run of one kind that begins at `start` ends."""
    end = start
    while end < len(text) and _kind(text[end]) == _kind(text[start]):
        end += 1
    return end


@oracle
def pretokenize(text: str) -> list[str]:
    words, start = [], 0
    while start < len(text):
        words.append(text[start : _end(text, start)])
        start += len(words[-1])
    return words


# The rule as a regular expression, on a text of ASCII that has a stand-in for every other character.
ENDING, LETTERS, NUMBERS = "'(?:s|t|re|ve|m|ll|d)", " ?[A-Za-z]+", " ?[0-9]+"
OTHERS, ALL_BUT_LAST, SPACES = r" ?[^\sA-Za-z0-9]+", r"\s+(?!\S)", r"\s+"


def _stand_in(c: str) -> str:
    return c if c.isascii() else {"L": "A", "N": "0", "S": "\n", "O": "!"}[_kind(c)]


def _find(text: str, *parts: str, shape: str | None = None, flags: int = re.ASCII) -> list[str]:
    shape = "".join(map(_stand_in, text)) if shape is None else shape
    return [text[found.start() : found.end()] for found in re.finditer("|".join(parts), shape, flags)]


@pretokenize.right("GPT-2's regular expression, on a text with a stand-in for each character that is not ASCII")
def by_stand_ins(text: str) -> list[str]:
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES)


@pretokenize.right("GPT-2's regular expression, with the letters and the numbers of this text as its classes")
def by_classes_of_the_text(text: str) -> list[str]:
    of = {kind: "".join(re.escape(c) for c in sorted(set(text)) if _kind(c) == kind) for kind in "LNOS"}
    runs = [f" ?[{of[kind]}]+" for kind in "LNO" if of[kind]]
    white = [f"[{of['S']}]+(?![^{of['S']}])", f"[{of['S']}]+"] if of["S"] else []
    return re.findall("|".join([ENDING, *runs, *white]), text)


@pretokenize.right("runs of one kind first; then each run of whitespace gives its last character away")
def by_runs(text: str) -> list[str]:
    runs: list[str] = []
    for kind, group in groupby(text, _kind):
        run = "".join(group)
        if runs and kind != "S" and _kind(runs[-1][-1]) == "S":
            before = runs.pop()
            if before[-1] == " ":
                runs += [before[:-1], " " + run]
            else:
                runs += [before[:-1], before[-1], run]
        else:
            runs.append(run)
    runs = [run for run in runs if run]
    words: list[str] = []
    while runs:
        run = runs.pop(0)
        if run == "'" and runs:
            size = next((len(e) - 1 for e in ENDINGS if runs[0].startswith(e[1:])), 0)
            if size:
                run, runs[0] = run + runs[0][:size], runs[0][size:]
                runs = [r for r in runs if r]
        words.append(run)
    return words


@pretokenize.wrong("the text was split at whitespace, and the whitespace is lost: each word keeps the space before it")
def split_at_spaces(text: str) -> list[str]:
    return text.split()


@pretokenize.wrong("the space stayed with the word before it: in GPT-2 a space belongs to the word after it")
def space_after(text: str) -> list[str]:
    return _find(text, ENDING + " ?", "[A-Za-z]+ ?", "[0-9]+ ?", r"[^\sA-Za-z0-9]+ ?", SPACES)


@pretokenize.wrong("each run of whitespace became a word of its own: a space belongs to the word after it")
def spaces_apart(text: str) -> list[str]:
    return _find(text, ENDING, "[A-Za-z]+", "[0-9]+", r"[^\sA-Za-z0-9]+", SPACES)


@pretokenize.wrong("all spaces before a word were joined to it: a word takes only one space")
def all_spaces(text: str) -> list[str]:
    return _find(text, ENDING, " *[A-Za-z]+", " *[0-9]+", r" *[^\sA-Za-z0-9]+", ALL_BUT_LAST, SPACES)


@pretokenize.wrong("a run of spaces kept its last space: that space belongs to the word after the run")
def greedy_spaces(text: str) -> list[str]:
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, SPACES)


@pretokenize.wrong(
    "whitespace at the end of the text was cut in two: a run gives its last character away only to a word"
)
def cut_at_the_end(text: str) -> list[str]:
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, r"\s+(?=\s)", SPACES)


@pretokenize.wrong("a word took the newline or tab before it: a word takes a space, U+0020, and no other whitespace")
def any_whitespace(text: str) -> list[str]:
    return _find(text, ENDING, r"\s?[A-Za-z]+", r"\s?[0-9]+", r"\s?[^\sA-Za-z0-9]+", ALL_BUT_LAST, SPACES)


@pretokenize.wrong("only words of letters took the space before them: numbers and other characters take it too")
def only_letters_take_it(text: str) -> list[str]:
    return _find(text, ENDING, LETTERS, "[0-9]+", r"[^\sA-Za-z0-9]+", ALL_BUT_LAST, SPACES)


@pretokenize.wrong("the whitespace at both ends of the text was stripped: nothing may be lost")
def stripped(text: str) -> list[str]:
    return pretokenize.fn(text.strip())


@pretokenize.wrong("a space was put before the first word: joined together the words must be the text again")
def prefix_space(text: str) -> list[str]:
    return pretokenize.fn(" " + text if text else text)


@pretokenize.wrong(
    "spaces were written as Ġ, as GPT-2's vocabulary file does: the words must have the text's characters"
)
def printable(text: str) -> list[str]:
    return [word.replace(" ", "Ġ") for word in pretokenize.fn(text)]


@pretokenize.wrong("endings such as 's were not split off: they come first, before the runs of one kind")
def no_endings(text: str) -> list[str]:
    return _find(text, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES)


@pretokenize.wrong("the apostrophe was taken as a letter, so that \"cat's\" stayed one word: 's is a word of its own")
def apostrophe_inside(text: str) -> list[str]:
    return _find(text, " ?[A-Za-z']+", NUMBERS, r" ?[^\sA-Za-z0-9']+", ALL_BUT_LAST, SPACES)


@pretokenize.wrong("endings in capitals were split off too: GPT-2 knows 's but not 'S")
def endings_in_capitals(text: str) -> list[str]:
    return _find(text, f"(?i:{ENDING})", LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES)


@pretokenize.wrong(
    "an ending was taken only if no letter follows: GPT-2 does not look, and cuts 'something into 's and omething"
)
def endings_only_at_the_end(text: str) -> list[str]:
    return _find(text, ENDING + "(?![A-Za-z])", LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES)


@pretokenize.wrong("an ending took the space before it: only the runs of one kind take a space")
def ending_takes_a_space(text: str) -> list[str]:
    return _find(text, " ?" + ENDING, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES)


@pretokenize.wrong(
    'the text was cut at the endings before all else: in "!\'s" the run of others takes the apostrophe first'
)
def endings_cut_first(text: str) -> list[str]:
    return [w for part in re.split(f"({ENDING})", text) for w in ([part] if part in ENDINGS else pretokenize.fn(part))]


@pretokenize.wrong("the curly apostrophe ’ began an ending too: GPT-2 knows only the ASCII apostrophe '")
def curly_apostrophe(text: str) -> list[str]:
    shape = "".join("'" if c == "’" else _stand_in(c) for c in text)
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES, shape=shape)


@pretokenize.wrong('letters and digits were taken together, as \\w does: "12th" is the two words 12 and th')
def digits_with_letters(text: str) -> list[str]:
    return _find(text, ENDING, " ?[A-Za-z0-9]+", OTHERS, ALL_BUT_LAST, SPACES)


@pretokenize.wrong("the underscore was taken as a letter, as \\w does: it is one of the others")
def underscore_is_a_letter(text: str) -> list[str]:
    return _find(text, ENDING, " ?[A-Za-z_]+", NUMBERS, r" ?[^\sA-Za-z0-9_]+", ALL_BUT_LAST, SPACES)


@pretokenize.wrong("only the letters A to Z were taken as letters: é and 中 are letters too")
def ascii_letters(text: str) -> list[str]:
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES, shape=_changed(text, "L", "!"))


@pretokenize.wrong("only the decimal digits were taken as numbers, as \\d does: ½ and Ⅻ are numbers too")
def decimal_digits(text: str) -> list[str]:
    shape = "".join("!" if _kind(c) == "N" and not c.isdecimal() else _stand_in(c) for c in text)
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES, shape=shape)


@pretokenize.wrong("`re`'s [^\\W\\d_] was used for letters: it takes ½ and ² too, which are numbers")
def word_class(text: str) -> list[str]:
    return re.findall(rf"{ENDING}| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+", text)


@pretokenize.wrong("an accent of its own was joined to its letter: a combining mark is one of the others")
def marks_are_letters(text: str) -> list[str]:
    shape = "".join("A" if unicodedata.category(c)[0] == "M" else _stand_in(c) for c in text)
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES, shape=shape)


@pretokenize.wrong("only ASCII whitespace was taken as whitespace: the no-break space U+00A0 is whitespace too")
def ascii_whitespace(text: str) -> list[str]:
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES, shape=_changed(text, "S", "!"))


@pretokenize.wrong("all that str.isspace accepts was taken as whitespace: U+001C to U+001F are others")
def isspace(text: str) -> list[str]:
    shape = "".join("\n" if "\x1c" <= c <= "\x1f" else _stand_in(c) for c in text)
    return _find(text, ENDING, LETTERS, NUMBERS, OTHERS, ALL_BUT_LAST, SPACES, shape=shape)


@pretokenize.wrong("numbers were cut into groups of three digits, as GPT-4's rule does: GPT-2 takes as many as follow")
def three_digits(text: str) -> list[str]:
    return _find(text, ENDING, LETTERS, " ?[0-9]{1,3}", OTHERS, ALL_BUT_LAST, SPACES)


@pretokenize.wrong("each of the other characters became a word: a run of them is one word")
def others_one_by_one(text: str) -> list[str]:
    return _find(text, ENDING, LETTERS, NUMBERS, r" ?[^\sA-Za-z0-9]", ALL_BUT_LAST, SPACES)


@pretokenize.wrong("the text was normalized first: é in two characters must stay two characters")
def normalized(text: str) -> list[str]:
    return pretokenize.fn(unicodedata.normalize("NFC", text))


def _changed(text: str, kind: str, stand_in: str) -> str:
    """The stand-ins of a text, with another one for this kind beyond ASCII."""
    return "".join(stand_in if not c.isascii() and _kind(c) == kind else _stand_in(c) for c in text)
