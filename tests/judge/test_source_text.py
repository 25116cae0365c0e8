"""A Python file is read as Python reads it. What Python cannot read is said with its line."""

import pytest

from grader.book import source_text

TEXTS = {
    "UTF-8": ("a = 'é'\n".encode(), "a = 'é'\n"),
    "a byte order mark": (b"\xef\xbb\xbfa = 1\n", "a = 1\n"),
    "line ends of Windows": (b"a = 1\r\nb = 2\r\n", "a = 1\nb = 2\n"),
    "line ends of old": (b"a = 1\rb = 2", "a = 1\nb = 2"),
    "a coding line": (b"# coding: latin-1\na = '\xe9'\n", "# coding: latin-1\na = 'é'\n"),
    "a coding line below the shebang": (b"#!python\n# vim: set fileencoding=cp1252 :\n# \x80", None),
    "no text at all": (b"", ""),
}
ADVICE = "save the file as UTF-8, or name its encoding on the first line, as in # coding: latin-1"
UNREADABLE = {
    "a null byte": (
        b"a = 1\r\nb = '\0'\n",
        2,
        6,
        "a null byte, which a Python file must not contain: delete it, or write the line again",
        "b = '\ufffd'",
    ),
    "a stray byte": (b"a = 1\r\nb = '\xe9'\r\n", 2, 6, f"the byte 0xe9 is not utf-8 text; {ADVICE}", "b = '\ufffd'"),
    "a stray byte on the first line": (
        b"b = '\xc3\xa9\xff'\n",
        1,
        7,
        f"the byte 0xff is not utf-8 text; {ADVICE}",
        "b = 'é\ufffd'",
    ),
    "a byte that the named encoding lacks": (
        b"# coding: ascii\n\nb = '\xe9'",
        3,
        6,
        f"the byte 0xe9 is not ascii text; {ADVICE}",
        "b = '\ufffd'",
    ),
    "an unknown encoding": (
        b"# coding: nonesuch\n",
        1,
        1,
        "nonesuch is not an encoding that Python knows; save the file as UTF-8 without this line",
        "# coding: nonesuch",
    ),
    "an encoding that is none of text": (
        b"#!python\n# coding: zlib_codec\n",
        2,
        1,
        "zlib_codec is not an encoding that Python knows; save the file as UTF-8 without this line",
        "# coding: zlib_codec",
    ),
    "two encodings": (
        b"\xef\xbb\xbf# coding: latin-1\n",
        1,
        1,
        "latin-1 contradicts the byte order mark; save the file as UTF-8 without this line",
        "# coding: latin-1",
    ),
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_file_is_read_as_python_reads_it(what):
    data, text = TEXTS[what]
    assert source_text.decode(data, "f.py") == (data.decode("cp1252") if text is None else text)
    assert source_text.readable(data) == source_text.decode(data, "f.py")


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_python_cannot_read_is_said_with_its_line_and_what_to_do(what):
    data, line, column, message, text = UNREADABLE[what]
    with pytest.raises(SyntaxError):
        compile(data, "f.py", "exec")
    with pytest.raises(SyntaxError) as caught:
        source_text.decode(data, "f.py")
    error = caught.value
    assert (error.filename, error.lineno, error.offset, error.msg, error.text) == ("f.py", line, column, message, text)
    assert "\r" not in source_text.readable(data)


def test_lines_end_where_python_ends_them():
    assert source_text.lines("a = 1\x0c\nb = '\u2028'\n\x1cc") == ["a = 1\x0c\n", "b = '\u2028'\n", "\x1cc"]


def test_a_text_that_replaces_a_file_keeps_its_line_ends():
    assert source_text.encode("a\nb\n", b"x\r\ny\r\n") == b"a\r\nb\r\n"
    assert source_text.encode("a\nb\n", b"x\ny\r\n") == b"a\nb\n"
    assert source_text.encode("é\n") == b"\xc3\xa9\n"
