"""Code for a terminal that can be copied: no line is wrapped, indented or padded with spaces, however long it is."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Markdown, MarkdownElement
from rich.syntax import Syntax
from rich.text import Text


class CopyableCode:
    """A text with its syntax in colors. The console must not crop lines."""

    def __init__(self, text: str, language: str = "python") -> None:
        self.text = text.rstrip("\n")
        self.language = language

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        colored = Syntax("", self.language, theme="ansi_dark", background_color="default").highlight(self.text)
        colored.rstrip()
        for line in colored.split("\n", allow_blank=True):
            yield from Text.render(line, console, end="\n")


class _Fence(CodeBlock):
    """A block of code within a text."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield CopyableCode(str(self.text), self.lexer_name)


class CopyableMarkdown(Markdown):
    """Markdown whose blocks of code can be copied."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {**Markdown.elements, "fence": _Fence, "code_block": _Fence}
