"""Output whose encoding has not every sign, such as Latin-1 or ASCII: what it lacks is replaced, and nothing raises."""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import re
import sys
import unicodedata
from typing import TextIO

HANDLER = "koans"  # the name of the error handler of these streams

# A sign and its substitute. A table keeps its columns where this has one character.
PAIRS = """
✓v ✗x ○o ●* •* ·. ∘o ⊙(*) …... –- —-- −- ‐- ‑- →-> ←<- ⇒=> ↔<-> ↑^ ↓v ×x ÷/ ±+- ≤<= ≥>= ≠!= ≈~ ∞inf √sqrt ∑sum ‖|| ∈in
µu μmu ½1/2 °deg €EUR ′' ∶: ♯# “" ”" „" ‘' ’' «" »" ─- ━= ═= ╌- ┄- │| ┃| ║| ╎| ┆| █# ▉# ▊# ▋# ▌# ▍| ▎| ▏| ▸>
"""
SUBSTITUTES = {pair[0]: pair[1:] for pair in PAIRS.split()}
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀᵗᵇᵃᵐⁿⁱ", "0123456789+-Ttbamni")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
RUN = re.compile(
    rf"(?P<raised>[{''.join(map(chr, RAISED))}]+)|(?P<lowered>[{''.join(map(chr, LOWERED))}]+)|.", re.DOTALL
)
NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def prepare() -> None:
    """Let the standard streams replace what their encoding lacks. Input that cannot be decoded is replaced too."""
    codecs.register_error(HANDLER, _replace)
    if sys.stdout is None:  # closed by the shell, by `>&-`
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not in a test that captures it
            stream.reconfigure(errors=HANDLER)
    if isinstance(sys.stdin, io.TextIOWrapper):
        with contextlib.suppress(io.UnsupportedOperation):  # something was read already
            sys.stdin.reconfigure(errors="replace")


def is_unicode(stream: TextIO) -> bool:
    """Whether the stream can show every sign."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")


def ascii_json(text: str) -> str:
    """The same JSON in ASCII: each other sign as an escape."""
    return NOT_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)


def substitute(text: str) -> str:
    """The text in ASCII: each other sign as what means the same, or looks like it, else as a question mark."""
    return "".join(_substitute(match) for match in RUN.finditer(text))


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return substitute(error.object[error.start : error.end]), error.end


def _substitute(match: re.Match[str]) -> str:
    if match["raised"]:
        return "^" + match["raised"].translate(RAISED)
    if match["lowered"]:
        return "_" + match["lowered"].translate(LOWERED)
    sign = match[0]
    if sign.isascii():
        return sign
    return SUBSTITUTES.get(sign) or _by_name(sign)


def _by_name(sign: str) -> str:
    name = unicodedata.name(sign, "")
    if match := re.match(r"GREEK (SMALL|CAPITAL) LETTER (?:FINAL )?(\w+)", name):
        return match[2].capitalize() if match[1] == "CAPITAL" else match[2].lower()
    if name.startswith("BOX DRAWINGS"):
        return "+"
    if unicodedata.combining(sign):
        return "^" if name == "COMBINING CIRCUMFLEX ACCENT" else ""
    plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
    return plain or "?"
