"""A card's text as HTML for Anki: code highlighted, formulas as MathJax, everything else as it stands.

A card is written in plain Unicode, so that it reads in a terminal: `code` in backticks, code of several lines between
lines of three, formulas as x² + √y. Where Anki can set a formula, the card's `tex` says how.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from grader.book.verdict import clean

CODE = re.compile(r"```\w*\n(.+?)\n?```|`([^`]+)`", re.DOTALL)


def as_html(text: str, tex: Mapping[str, str] | None = None) -> str:
    """One line of HTML: no tab, no newline, no markup but ours. `tex` maps passages of the text to TeX."""
    # Anki brings notes to this normal form itself; a note that differs would look edited.
    text = unicodedata.normalize("NFC", clean(text)).strip()
    return "".join(_pieces(text, {unicodedata.normalize("NFC", k): v for k, v in (tex or {}).items()}))


def _pieces(text: str, tex: Mapping[str, str]) -> Iterator[str]:
    at = 0
    for found in CODE.finditer(text):
        yield from _prose(text[at : found.start()], tex)
        block, words = found.groups()
        yield f"<pre><code>{_highlighted(block)}</code></pre>" if block else f"<code>{_highlighted(words)}</code>"
        at = found.end()
    yield from _prose(text[at:], tex)


def _prose(text: str, tex: Mapping[str, str]) -> Iterator[str]:
    # An alternative that begins like another must come before it.
    formulas = "|".join(re.escape(passage) for passage in sorted(tex, key=len, reverse=True))
    for piece in re.split(f"({formulas})", text) if formulas else [text]:
        yield rf"\({_escaped(tex[piece])}\)" if piece in tex else _plain(piece)


def _plain(text: str) -> str:
    escaped = _escaped(text)
    # Text that only looks like what Anki gives a meaning to: MathJax, sounds, LaTeX.
    escaped = re.sub(r"\\(?=[()\[\]])", r"<span>\\</span>", escaped)
    return re.sub(r"\[(?=sound:|anki:|/?latex\]|/?\$)", "&#91;", escaped)


def _escaped(text: str) -> str:
    # A quotation mark would begin a quoted field of the text format.
    escaped = html.escape(text, quote=False).replace('"', "&quot;")
    return escaped.replace("\t", "&#9;").replace("\n", "<br>")


def _highlighted(code: str) -> str:
    """Python with a span around what has a colour; names and operators stay bare, so that a search finds them."""
    from pygments.lexers.python import PythonLexer
    from pygments.token import Token

    kinds = (
        ("k", (Token.Keyword, Token.Operator.Word)),
        ("s", (Token.Literal.String,)),
        ("m", (Token.Literal.Number,)),
        ("c", (Token.Comment,)),
        ("b", (Token.Name.Builtin,)),
    )

    def kind(piece: tuple[Any, str]) -> str:
        return next((name for name, tokens in kinds if any(piece[0] in token for token in tokens)), "")

    parts = []
    for name, run in groupby(PythonLexer(stripnl=False, ensurenl=False).get_tokens(code), kind):
        text = _escaped("".join(text for _, text in run))
        parts.append(f'<span class="{name}">{text}</span>' if name else text)
    return "".join(parts)
