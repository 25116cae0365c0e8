"""What to reread about a koan: a paragraph of its chapter, or its second hint if the chapter does not name it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from html import escape
from typing import NamedTuple

from grader.book.errors import KoansError
from grader.book.html import coded
from grader.book.workbook import Koan, Workbook

NO_PROSE = re.compile(r"\s*(\||!\[|<|```|[-*] |\d+\. )")  # tables, figures, code and lists
CLEARLY = 1.5  # another paragraph of the section is shown if it has so many times the words of the mistake,
AT_LEAST = 3.0  # and so much more (in nats: a rare word counts log(paragraphs / paragraphs with it))


class Passage(NamedTuple):
    """A passage in Markdown. `where` says in which file and section it stands."""

    where: str
    text: str


class _Block(NamedTuple):
    """A paragraph, list, table or code of a chapter's text."""

    section: str
    text: str

    @property
    def prose(self) -> bool:
        return not NO_PROSE.match(self.text)


class Reading:
    """Finds passages in a workbook. Each chapter is read once. Without a workbook nothing is found."""

    def __init__(self, workbook: Workbook | None) -> None:
        self._workbook = workbook
        self._chapters: dict[str, list[_Block]] = {}

    def passage(self, koan: str, mistake: str) -> Passage | None:
        """What to reread about a koan in which a mistake was made.

        It is the paragraph that names the koan. Another paragraph of its section is taken instead if it has clearly
        more of the words that describe the mistake.
        """
        try:
            one = self._workbook.koans.get(koan) if self._workbook else None
            if one is None:
                return None
            return self._in_chapter(one, mistake) or self._hint(one)
        except KoansError:  # this edition lacks the text
            return None

    def _in_chapter(self, koan: Koan, mistake: str) -> Passage | None:
        blocks = self._blocks(koan.chapter)
        name = f"`{koan.name}`"
        sections = {block.section for block in blocks if name in block.text}
        near = [block for block in blocks if block.section in sections and block.prose]
        named = [block for block in near if name in block.text]
        if not near:
            return None
        weigh = _Weights(blocks)
        best = max(near, key=lambda block: weigh(block.text, mistake))
        first = max(named, key=lambda block: weigh(block.text, mistake)) if named else best
        known, new = weigh(first.text, mistake), weigh(best.text, mistake)
        chosen = best if new > CLEARLY * known + AT_LEAST else first
        text = chosen.text
        after = blocks.index(chosen) + 1
        if text.endswith(":") and after < len(blocks) and blocks[after].section == chosen.section:
            text = f"{text}\n\n{blocks[after].text}"
        return Passage(f"content/{koan.chapter}/chapter.md, “{chosen.section}”", text)

    def _hint(self, koan: Koan) -> Passage:
        assert self._workbook is not None
        return Passage(f"content/{koan.id}.md, “Hint 2”", self._workbook.notes(koan).hints[1])

    def _blocks(self, chapter: str) -> list[_Block]:
        assert self._workbook is not None
        if chapter not in self._chapters:
            text = self._workbook.text(self._workbook.chapter(chapter))
            self._chapters[chapter] = list(_blocks(text))
        return self._chapters[chapter]


class _Weights:
    """Tells how many words two texts have in common. A rare word counts more than a common one."""

    def __init__(self, blocks: list[_Block]) -> None:
        self._count = len(blocks)
        self._with = Counter(word for block in blocks for word in _words(block.text))

    def __call__(self, one: str, other: str) -> float:
        return sum(math.log((self._count + 1) / (self._with[word] + 1)) for word in _words(one) & _words(other))


def _words(text: str) -> set[str]:
    """The starts of words: "subtract" and "subtracted" are the same."""
    return {word[:6] for word in re.findall(r"[a-z]{3,}|∞|√", text.lower())}


def _blocks(markdown: str) -> Iterator[_Block]:
    section, fenced = "", False
    lines: list[str] = []
    for line in [*markdown.splitlines(), ""]:
        fenced ^= line.lstrip().startswith("```")
        title = line.startswith("#") and not fenced
        if (title or not line.strip()) and not fenced:
            if lines:
                yield _Block(section, "\n".join(lines))
            lines = []
            section = line.lstrip("# ").strip() if title else section
        else:
            lines.append(line)


def as_html(passage: Passage) -> str:
    """The passage: paragraphs with code and emphasis, and everything else as it is written."""
    return "".join(map(_as_html, _blocks(passage.text)))


def _as_html(block: _Block) -> str:
    if not block.prose:
        lines = [line for line in block.text.splitlines() if not line.lstrip().startswith("```")]
        return f"<pre>{escape(chr(10).join(lines))}</pre>"
    parts = re.split(r"(`[^`]+`)", escape(re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", block.text)))
    parts[::2] = [re.sub(r"(\*\*?)(?=\S)([^*]+)(?<=\S)\1", r"<em>\2</em>", part) for part in parts[::2]]
    return f"<p>{coded(''.join(parts))}</p>"
