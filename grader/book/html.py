"""The frame of every HTML page: one file that asks nothing of any network.

Style and script are in it, and its content policy allows these two by their hashes and nothing else, so a text that
slipped through the escaping still could not run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")

# The policy allows no style attributes, so a bar's width is a class.
STYLE += "".join(f".w{n}{{width:{n}%}}" for n in range(101)) + "\n"


def document(title: str, body: Iterable[str], *, style: str = "", script: str = "") -> str:
    """The whole page. `title` is text, `body` HTML; `style` comes after what all pages share."""
    sheet = STYLE + style
    allowed = f"script-src {_hash(script)}; " if script else ""
    policy = f"default-src 'none'; style-src {_hash(sheet)}; {allowed}img-src data:; base-uri 'none'"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)}</title>",
            f"<style>{sheet}</style>",
            "</head>",
            "<body>",
            "<main>",
            *body,
            "</main>",
            *([f"<script>{script}</script>"] if script else []),
            "</body>",
            "</html>",
            "",
        ]
    )


def coded(escaped: str) -> str:
    """Escaped text with what stands in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
