"""Builds HTML pages that are one file and load nothing from any network.

The page holds its style and its script. Its content security policy allows these two by their hashes and nothing else.
So a text that was not escaped by mistake still could not run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import chain
from pathlib import Path

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")

# The policy allows no style attributes, so a bar's width is a class.
STYLE += "".join(f".w{n}{{width:{n}%}}" for n in range(101)) + "\n"


def document(title: str, body: Iterable[str], *, style: str = "", script: str = "") -> str:
    """The whole page. `title` is text, `body` is lines of HTML. `style` follows the style that all pages share."""
    return "".join(parts(title, body, style=style, script=script))


def parts(title: str, body: Iterable[str], *, style: str = "", script: str = "") -> Iterator[str]:
    """The same line by line, for a page that is too long for memory."""
    stylesheet = STYLE + style
    script_source = f"script-src {_hash(script)}; " if script else ""
    policy = f"default-src 'none'; style-src {_hash(stylesheet)}; {script_source}img-src data:; base-uri 'none'"
    start = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',
        f"<title>{escape(title)}</title>",
        f"<style>{stylesheet}</style>",
        "</head>",
        "<body>",
        "<main>",
    ]
    end = ["</main>", *([f"<script>{script}</script>"] if script else []), "</body>", "</html>"]
    return (f"{line}\n" for line in chain(start, body, end))


def coded(escaped: str) -> str:
    """Turn what is in backticks into `<code>` elements. The text must be escaped already."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
