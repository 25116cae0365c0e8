"""Badges that open each chapter's notebook, in the README and at the top of each chapter.

The notebooks are not on the main branch: `.github/workflows/notebooks.yml` writes them to a branch of their own at each
push. Only the repository's owner knows where that branch is public, so a command writes the badges.
"""

from __future__ import annotations

import re
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.workbook import BADGE, Chapter, Workbook
from grader.course.edition.manifest import NAME

BRANCH = "notebooks"
OPENS = "https://colab.research.google.com/github/{source}/blob/{branch}/{chapter}.ipynb"
PICTURE = "notebook.svg"  # below content/
BEGIN, END = "<!-- notebooks -->", "<!-- /notebooks -->"
BLOCK = re.compile(f"{BEGIN}\n.*?{END}", re.DOTALL)
NO_BADGES = (
    "`koans notebook badges --source OWNER/NAME` puts a badge here for each chapter, once the repository is public.\n"
)


def write(workbook: Workbook, source: str, *, branch: str = BRANCH, opens: str = OPENS) -> list[Path]:
    """Write or replace the badges. An empty `source` removes them. Returns the files that changed.

    `source` is the public repository as owner/name. `opens` is the address that opens a notebook; {source}, {branch}
    and {chapter} in it are replaced. Raises KoansError for a bad address, and in a student edition.
    """
    if source and not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        raise KoansError(f"--source {source}: give owner/name of the public repository")
    try:
        links = {c.id: opens.format(source=source, branch=branch, chapter=c.id) for c in workbook.chapters}
    except (KeyError, IndexError, ValueError):
        raise KoansError(
            f"--opens {opens}: may hold {{source}}, {{branch}} and {{chapter}}, and no other braces"
        ) from None
    if (workbook.root / NAME).exists():
        raise KoansError(
            f"{workbook.root}: badges in a student edition would make it differ from its {NAME}; "
            "`koans release DIR --source OWNER/NAME` writes them with it"
        )
    readme = workbook.root / "README.md"
    texts = {readme: _readme(readme, workbook, links if source else {})}
    for chapter in workbook.chapters:
        file = workbook.root / "content" / chapter.id / "chapter.md"
        texts[file] = _chapter(file.read_text(encoding="utf-8"), links[chapter.id] if source else "")
    changed = [file for file, text in texts.items() if text != file.read_text(encoding="utf-8")]
    for file in changed:
        file.write_text(texts[file], encoding="utf-8")
    return changed


def _readme(file: Path, workbook: Workbook, links: dict[str, str]) -> str:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if not BLOCK.search(text):
        raise KoansError(f"{file}: has no lines {BEGIN} and {END}, between which badges would stand")
    rows = [_row(chapter, links[chapter.id]) for chapter in workbook.chapters if links]
    inner = "".join(["| chapter | |\n|---|---|\n", *rows]) if rows else NO_BADGES
    return BLOCK.sub(lambda _: f"{BEGIN}\n{inner}{END}", text, count=1)


def _row(chapter: Chapter, link: str) -> str:
    number = chapter.id.partition("_")[0].removeprefix("ch")
    return f"| {number} {chapter.title} | {_badge(link, f'content/{PICTURE}')} |\n"


def _chapter(text: str, link: str) -> str:
    title, _, rest = BADGE.sub("", text).partition("\n")
    badge = f"\n<!-- notebook -->{_badge(link, f'../{PICTURE}')}<!-- /notebook -->\n" if link else ""
    return f"{title}\n{badge}{rest}"


def _badge(link: str, picture: str) -> str:
    return f"[![open as a notebook]({picture})]({link})"
