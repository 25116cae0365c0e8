"""Badges that open each chapter's notebook, in the README and at the top of each chapter.

The notebooks are not on the main branch: `.github/workflows/notebooks.yml` writes them to a branch of their own at each
push. Only the repository's owner knows where that branch is public, so a command writes the badges.
"""

from __future__ import annotations

import re
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.files import write_files
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
    if (workbook.root / NAME).exists():
        raise KoansError(
            f"{workbook.root}: badges in a student edition would make it differ from its {NAME}; "
            "`koans release DIR --source OWNER/NAME` writes them with it"
        )
    old = {name: _text(workbook.root / name) for name in pages(workbook)}
    new = with_badges(workbook, old, source, branch=branch, opens=opens)
    changed = {workbook.root / name: text for name, text in new.items() if text != old[name]}
    write_files(changed)
    return list(changed)


def pages(workbook: Workbook) -> list[str]:
    """The files that have badges."""
    return ["README.md", *(f"content/{chapter.id}/chapter.md" for chapter in workbook.chapters)]


def with_badges(
    workbook: Workbook, texts: dict[str, str], source: str, *, branch: str = BRANCH, opens: str = OPENS
) -> dict[str, str]:
    """The texts of `pages` with badges, or without any if `source` is empty. Raises KoansError for a bad address."""
    if source and not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        raise KoansError(f"--source {source}: give owner/name of the public repository")
    try:
        links = {c.id: opens.format(source=source, branch=branch, chapter=c.id) for c in workbook.chapters}
    except (KeyError, IndexError, ValueError):
        raise KoansError(
            f"--opens {opens}: may contain {{source}}, {{branch}} and {{chapter}}, but no other braces"
        ) from None
    readme, *chapters = pages(workbook)
    new = {readme: _readme(texts[readme], workbook, links if source else {})}
    for name, chapter in zip(chapters, workbook.chapters, strict=True):
        new[name] = _chapter(texts[name], links[chapter.id] if source else "")
    return new


def _readme(text: str, workbook: Workbook, links: dict[str, str]) -> str:
    if not BLOCK.search(text):
        raise KoansError(
            f"{workbook.root / 'README.md'}: has no lines {BEGIN} and {END}, which must enclose the badges"
        )
    rows = [_row(chapter, links[chapter.id]) for chapter in workbook.chapters if links]
    inner = "".join(["| chapter | |\n|---|---|\n", *rows]) if rows else NO_BADGES
    return BLOCK.sub(lambda _: f"{BEGIN}\n{inner}{END}", text, count=1)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _row(chapter: Chapter, link: str) -> str:
    number = chapter.id.partition("_")[0].removeprefix("ch")
    return f"| {number} {chapter.title} | {_badge(link, f'content/{PICTURE}')} |\n"


def _chapter(text: str, link: str) -> str:
    title, _, rest = BADGE.sub("", text).partition("\n")
    badge = f"\n<!-- notebook -->{_badge(link, f'../{PICTURE}')}<!-- /notebook -->\n" if link else ""
    return f"{title}\n{badge}{rest}"


def _badge(link: str, picture: str) -> str:
    return f"[![open as a notebook]({picture})]({link})"
