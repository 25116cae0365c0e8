"""Converts a card's text to HTML for Anki: highlights code, writes formulas as MathJax, escapes everything else.

A card is written in plain Unicode, so that it is readable in a terminal: `code` in backticks, blocks of code between
lines of three backticks, formulas as x² + √y. The card's `tex` gives the TeX of the formulas that Anki should set.
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
    """The text as one line of HTML, with no tab or newline. `tex` maps passages of the text to TeX."""
    # Anki normalizes notes to NFC on import. A note in another form would look edited.
    text = unicodedata.normalize("NFC", clean(text)).strip()
    formulas = {unicodedata.normalize("NFC", passage): formula for passage, formula in (tex or {}).items()}
    return "".join(_pieces(text, formulas))


def _pieces(text: str, tex: Mapping[str, str]) -> Iterator[str]:
    end = 0
    for match in CODE.finditer(text):
        yield from _prose(text[end : match.start()], tex)
        block, inline = match.groups()
        yield f"<pre><code>{_highlighted(block)}</code></pre>" if block else f"<code>{_highlighted(inline)}</code>"
        end = match.end()
    yield from _prose(text[end:], tex)


def _prose(text: str, tex: Mapping[str, str]) -> Iterator[str]:
    # Longer passages come first, because a regular expression takes the first alternative that matches.
    formulas = "|".join(re.escape(passage) for passage in sorted(tex, key=len, reverse=True))
    for piece in re.split(f"({formulas})", text) if formulas else [text]:
        yield rf"\({_escaped(tex[piece])}\)" if piece in tex else _plain(piece)


def _plain(text: str) -> str:
    escaped = _escaped(text)
    # Break up text that Anki would take for MathJax, a sound or LaTeX.
    escaped = re.sub(r"\\(?=[()\[\]])", r"<span>\\</span>", escaped)
    return re.sub(r"\[(?=sound:|anki:|/?latex\]|/?\$)", "&#91;", escaped)


def _escaped(text: str) -> str:
    # In the text format a quotation mark would start a quoted field.
    escaped = html.escape(text, quote=False).replace('"', "&quot;")
    return escaped.replace("\t", "&#9;").replace("\n", "<br>")


def _highlighted(code: str) -> str:
    """Python code with a span around each run of colored tokens.

    Names and operators get no span, so that Anki's search finds them.
    """
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
