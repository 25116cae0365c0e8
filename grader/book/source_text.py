"""Reads the text of a Python file as Python does: with a byte order mark, a coding line, and any kind of line end."""

from __future__ import annotations

import codecs
import errno
import io
import os
import re
from importlib.util import decode_source
from pathlib import Path

UNREADABLE = (UnicodeDecodeError, SyntaxError, LookupError)  # what decode_source raises
CODING_LINE = re.compile(rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")  # PEP 263


def decode(data: bytes, file: str) -> str:
    """The text of a Python file, with "\\n" at the end of lines.

    Raises SyntaxError with the line, if its bytes are no text in the encoding that the file names (default: UTF-8), or
    if there is a null byte. `file` is a name for that message.
    """
    try:
        text = decode_source(data)
    except UNREADABLE:
        raise _why_unreadable(data, file) from None
    refuse_null_bytes(text, file)
    return text


def refuse_null_bytes(text: str, file: str) -> None:
    """Raise SyntaxError with the line of the first null byte, if there is one. Python's own error names no line."""
    before, found, after = text.partition("\0")
    if not found:
        return
    *_, start = before.split("\n")
    line = (start + found + after.partition("\n")[0]).replace("\0", "�")
    message = "a null byte, which a Python file must not contain: delete it, or write the line again"
    raise SyntaxError(message, (file, before.count("\n") + 1, len(start) + 1, line))


def read(file: Path) -> str:
    """The text of this Python file. Raises OSError, and SyntaxError as `decode` does."""
    return decode(contents(file), str(file))


def contents(file: Path) -> bytes:
    """The bytes of a file. Raises OSError, also for what is not a plain file: a pipe has no end."""
    if why := no_plain_file(file):
        raise NotPlain(errno.EINVAL, why, str(file))
    return file.read_bytes()


class NotPlain(OSError):
    """There is something else than a file in its place."""


def no_plain_file(file: Path) -> str:
    """Why there is no file to read or replace here, although its place is taken. Empty if there is one, or nothing."""
    if file.is_symlink() and not file.exists():
        return f"is a link to {os.readlink(file)}, which does not exist: remove the link"
    if file.is_dir():
        return "is a folder: move it away"
    return "is not a plain file: move it away" if file.exists() and not file.is_file() else ""


def readable(data: bytes) -> str:
    """The text to show, record and compare, also if Python cannot read it: a sign takes the place of a wrong byte."""
    try:
        return decode_source(data)
    except UNREADABLE:
        return io.StringIO(data.decode("utf-8", "replace"), newline=None).read()


def lines(text: str) -> list[str]:
    """The lines of a Python text, as Python counts them, each with its end.

    `str.splitlines` also ends lines at form feeds and at other rare characters.
    """
    return io.StringIO(text, newline=None).readlines()


def encode(text: str, replaced: bytes = b"") -> bytes:
    """The bytes of a text that replaces these bytes of a file: UTF-8, and if the file had CRLF, with CRLF too."""
    crlf = b"\r\n" in replaced[: replaced.find(b"\n") + 1]
    return (text.replace("\n", "\r\n") if crlf else text).encode()


def _why_unreadable(data: bytes, file: str) -> SyntaxError:
    """The error for a file that Python cannot read: its first wrong byte, or its coding line."""
    coding = next(((n, match[1].decode()) for n, match in enumerate(_coding_lines(data), 1) if match), None)
    encoding = coding[1] if coding else "utf-8"
    try:
        data.decode("utf-8" if _is_utf8(encoding) else encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start]
        start = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
        number = len(lines(before.decode("latin-1") + "."))
        line = re.split(rb"[\r\n]", data[start:], maxsplit=1)[0].decode("utf-8", "replace")
        column = len(data[start : error.start].decode("utf-8", "replace")) + 1
        advice = "save the file as UTF-8, or name its encoding on the first line, as in # coding: latin-1"
        message = f"the byte 0x{data[error.start]:02x} is not {encoding} text; {advice}"
        return SyntaxError(message, (file, number, column, line))
    except LookupError:
        pass
    number = coding[0] if coding else 1
    line = re.split(rb"[\r\n]+", data)[number - 1].decode("utf-8-sig", "replace")
    reason = "contradicts the byte order mark" if _is_text(encoding) else "is not an encoding that Python knows"
    return SyntaxError(f"{encoding} {reason}; save the file as UTF-8 without this line", (file, number, 1, line))


def _coding_lines(data: bytes) -> list[re.Match[bytes] | None]:
    """What each of the first two lines says about the encoding. The second counts only below a comment."""
    first, *rest = re.split(rb"\r\n|\r|\n", data.removeprefix(codecs.BOM_UTF8), maxsplit=2)
    second = rest[:1] if not first.strip() or first.lstrip().startswith(b"#") else []
    return [CODING_LINE.match(line) for line in (first, *second)]


def _is_utf8(encoding: str) -> bool:
    return encoding.lower().replace("_", "-").startswith("utf-8")


def _is_text(encoding: str) -> bool:
    try:
        "".encode(encoding)
    except LookupError:
        return False
    return True
