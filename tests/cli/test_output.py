"""What is printed: in any encoding, without colors on a dumb terminal, and so that code can be copied."""

import ast
import contextlib
import io
import json
import re
import sys
from unittest import mock

import pytest

from grader import cli
from grader.book import output, terminal
from grader.book.verdict import SYMBOLS
from tests.conftest import ROOT


def _koans(play, *args, encoding):
    """Run `koans ARGS` with streams of this encoding, which raise for every sign that it lacks."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2)]
    with (
        contextlib.chdir(play.root),
        mock.patch.dict("os.environ", {"COLUMNS": "80", "NO_COLOR": "1"}),
        mock.patch.object(sys, "argv", ["koans", *args]),
        mock.patch.object(cli.gc, "freeze"),
        contextlib.redirect_stdout(streams[0]),
        contextlib.redirect_stderr(streams[1]),
        pytest.raises(SystemExit) as end,
    ):
        cli.main()
    return end.value.code or 0, *(stream.buffer.getvalue().decode(encoding) for stream in streams)


@pytest.mark.parametrize(
    "verb", ["list ch06", "cards --chapter 6", "facts --errata ch09", "read 6", "settings", "track", "--help"]
)
def test_every_verb_prints_in_every_encoding(play, verb):
    questions = _koans(play, *verb.split(), encoding="utf-8")[1].count("?")
    for encoding in ("ascii", "latin-1", "cp1252"):
        code, out, err = _koans(play, *verb.split(), encoding=encoding)
        assert (code, err) == (0, "")
        assert out.count("?") == questions, "each sign has a substitute"


def test_each_sign_of_the_workbook_has_a_substitute_that_is_no_question_mark():
    texts = [file.read_text() for end in ("md", "toml") for file in (ROOT / "content").rglob(f"*.{end}")]
    signs = {sign for text in texts for sign in text if not sign.isascii()}
    assert len(signs) > 50
    lost = {sign for sign in signs if "?" in output.substitute(sign)}
    assert lost <= set("日本語🙂हिन्दी"), sorted(lost)


def test_signs_keep_their_meaning_in_ascii(play):
    code, out, _ = _koans(play, "list", "ch06", encoding="ascii")
    assert code == 0 and ". not started  softmax " in out and "Softmax that sur..." in out
    assert [output.substitute(sign) for sign in SYMBOLS.values()] == ["v", "x", ".", "!", "!", "!", "-"]
    assert output.substitute("→ … “x” ≤ 10⁻⁶³ x₁₂ Σβ ½ é µs 日") == '-> ... "x" <= 10^-63 x_12 Sigmabeta 1/2 e us ?'


def test_tables_have_borders_of_ascii_where_the_encoding_has_no_others(play):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    with contextlib.redirect_stdout(stream):
        terminal.console().print(terminal.markdown("| a | b |\n|---|---|\n| 1 | 2 |\n"))
    stream.flush()
    assert re.search(rb"-{3}", stream.buffer.getvalue())


def test_errors_are_said_in_every_encoding(play):
    code, out, err = _koans(play, "run", "naïve→", encoding="ascii")
    assert (code, out) == (2, "")
    assert err == "koans: no koan is called 'naive->': `koans list` shows them all\n"


def test_json_loses_no_sign_in_ascii(play):
    code, out, _ = _koans(play, "cards", "--chapter", "6", "--json", encoding="ascii")
    assert code == 0 and out.isascii()
    assert json.loads(out) == json.loads(_koans(play, "cards", "--chapter", "6", "--json", encoding="utf-8")[1])


def test_a_file_that_is_written_to_the_output_is_utf_8_in_every_encoding(play):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with (
        contextlib.chdir(play.root),
        contextlib.redirect_stdout(stream),
        mock.patch.object(sys, "argv", ["koans", "notebook", "export", "14", "-o", "-"]),
        pytest.raises(SystemExit),
    ):
        cli.main()
    text = stream.buffer.getvalue().decode("utf-8")
    assert "µs" in text and json.loads(text)["nbformat"] == 4


@pytest.mark.parametrize("columns", ["40", "80"])
def test_a_solution_is_printed_as_it_is(proved, columns):
    text = proved.says("solution", "softmax", env={"COLUMNS": columns}).stdout
    assert ast.parse(text)
    solution = proved.workbook.solution(proved.workbook.koan("softmax")).read_text().splitlines()
    assert text.splitlines() == [line for line in solution if "### " not in line]
    assert max(map(len, solution)) > 80


def test_code_in_hints_and_texts_is_neither_wrapped_nor_indented_nor_padded():
    long = "x = " + " + ".join(["value"] * 30)
    stream = io.StringIO()
    console = terminal.SafeConsole(file=stream, width=40)
    console.print(terminal.markdown(f"Some words.\n\n```python\n{long}\nif x:\n    y = 1\n```\n\nMore words."))
    lines = stream.getvalue().splitlines()
    assert lines == ["Some words.", "", long, "if x:", "    y = 1", "", "More words."]


def test_what_is_piped_does_not_end_in_spaces(play):
    for verb in ("read 6", "cheatsheet ch14", "cards --chapter 6 --all", "list ch06", "facts N8-1"):
        assert [line for line in play.says(*verb.split()).stdout.splitlines() if line.endswith(" ")] == []


def test_a_dumb_terminal_gets_no_color_and_no_cursor_movement(monkeypatch):
    class Tty(io.StringIO):
        encoding = "utf-8"

        def isatty(self):
            return True

    def printed(term):
        monkeypatch.setenv("TERM", term)
        monkeypatch.delenv("NO_COLOR", raising=False)
        stream = Tty()
        with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            terminal.console().print(terminal.markdown("# Title\n\nSome `code`."))
            with cli.waiting("working"):
                pass
        return stream.getvalue()

    assert "\x1b" not in printed("dumb") and "working" not in printed("dumb")
    assert "\x1b[" in printed("xterm-256color")


def test_commands_and_paths_are_not_wrapped_where_the_terminal_is_narrow(play):
    lines = play.says("run", "scale_per_tensor_channel_group", env={"COLUMNS": "30"}).stdout.splitlines()
    assert "exercises/ch06_numerics/scale_per_tensor_channel_group.py" in lines
    assert "  edit exercises/ch06_numerics/scale_per_tensor_channel_group.py" in lines
