"""Exports a chapter as a notebook: predictions, the text, each koan with its stub, a check and hints, and questions.

The same content gives the same bytes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from grader.book import source_text
from grader.book.errors import KoansError, reading
from grader.book.files import write_file
from grader.book.notebook_parser.answers import without_header
from grader.book.places import is_whole
from grader.book.project import NAME, project
from grader.book.stubs import stub_of
from grader.book.workbook import Chapter, Koan, Question, Workbook
from grader.learn.progress import keep_copy

if TYPE_CHECKING:
    from nbformat import NotebookNode

FIRST_CELL = Path(__file__).with_name("first_cell.py")
FIGURE = re.compile(r"!\[([^\]]*)\]\(([^)]+\.svg)\)")
HELP = """\
How this notebook works:

- Run the next cell first. It finds the workbook or fetches it.
- Each koan has a cell with a function to write and, below it, a cell that checks it. Run your cell, then the check. The
  check runs the koan's tests in a separate process, on the source of your cell as you last ran it.
- Hints and answers are folded. Write your own answer before you open them.
- `koans notebook import {name}` copies what you have written into the folder of a workbook.
"""


class Source(msgspec.Struct, frozen=True):
    """Where a hosted notebook gets the workbook: an address for git and a commit; both empty if unknown.

    The address is a requirement for pip (`tensor-koans==1.2.0`) if the workbook comes from an installed package.
    """

    address: str = ""
    commit: str = ""


def source_of(root: Path, given: str = "") -> Source:
    """The public source of the workbook at `root`.

    Its address is `given` ("owner/name" means GitHub), or else the installed package if `koans init` made `root`, or
    else the git remote `origin`, or else one of [project.urls] in pyproject.toml. An address that only this machine
    can reach is not used, and passwords are removed. Raises KoansError if git cannot fetch from `given`.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if given:
        return Source(address_of(given), commit)
    if not is_whole(root):
        return Source(f"{NAME}=={project(root).version}")
    urls = {name.lower(): url for name, url in project(root).urls.items()}
    remotes = [_git(root, "remote", "get-url", "origin")]
    remotes += [urls.get(name, "") for name in ("repository", "source", "homepage")]
    address = next(filter(None, map(public_address, remotes)), "")
    return Source(address, commit if address else "")


def address_of(given: str) -> str:
    """The address that git can fetch for "owner/name" or an address. Raises KoansError if there is none."""
    if re.fullmatch(r"[\w.-]+/[\w.-]+", given) and not Path(given).exists():
        return f"https://github.com/{given}"
    if re.match(r"https?://|file://|/", given):
        return given
    return public_address(given) or _no_address(given)


def _no_address(given: str) -> str:
    raise KoansError(
        f"--source {given}: give owner/name of a GitHub repository, or an https address that git can fetch"
    )


def public_address(remote: str) -> str:
    """The https address of a remote, without user and password; empty for a local one."""
    ssh = re.fullmatch(r"(?:ssh://)?git@([\w.-]+)[:/](?:\d+/)?(.+)", remote)
    if ssh:
        return f"https://{ssh[1]}/{ssh[2].removesuffix('.git')}"
    parts = urlsplit(remote)
    if parts.scheme == "https" and parts.hostname and "." in parts.hostname:
        return f"https://{parts.hostname}{parts.path.removesuffix('.git')}"
    return ""


def _git(root: Path, *args: str) -> str:
    """The output of git in the repository at `root`; empty if it fails, if `root` is no repository, or without git."""
    if not (root / ".git").exists():
        return ""
    try:
        run = subprocess.run(
            ["git", "-C", str(root), *args], capture_output=True, encoding="utf-8", errors="replace", timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip() if run.returncode == 0 else ""


def notebook_place(out: str, chapter: Chapter, *, several: bool = False) -> Path:
    """Where a chapter's notebook is written: to the file `out`, or into the folder `out` if it is one.

    A folder is what is there as one, or what ends in a slash. For `several` notebooks it is always one; then
    KoansError is raised for "-" and for a file.
    """
    name = f"{chapter.id}.ipynb"
    folder = several or out.endswith(("/", os.sep)) or Path(out).is_dir()
    if several and (out == "-" or out.endswith(".ipynb") or Path(out).is_file()):
        raise KoansError(f"-o {out}: --all writes a notebook for each chapter, so give a folder: -o notebooks/")
    return Path(out) / name if folder or not out else Path(out)


class AlreadyThere(KoansError):
    """A file of another text is in the place of a notebook."""


def write_notebook(file: Path, text: str, *, root: Path, overwrite: bool) -> str:
    """Write a notebook. Returns the path of the copy of what it replaced, relative to the workbook's root, if any.

    Raises AlreadyThere if the file has another text, unless `overwrite` is set, and KoansError if a file cannot be
    written.
    """
    copy = ""
    if file.is_file():
        with reading(file):
            old = file.read_bytes()
        if old and old != text.encode():
            if not overwrite:
                raise AlreadyThere(
                    f"{file} exists already: `koans notebook import {file}` copies its answers into exercises/, "
                    "--overwrite replaces it"
                )
            copy = keep_copy(root / ".koans", f"notebooks/{file.name}", old).relative_to(root).as_posix()
    write_file(file, text, make_folder=True)
    return copy


def export(workbook: Workbook, chapter: Chapter, source: Source) -> str:
    """The text of the notebook. Raises KoansError if nbformat is not installed."""
    try:
        import nbformat
        from nbformat.v4 import new_notebook
    except ImportError:
        raise KoansError("notebooks need nbformat: pip install nbformat") from None

    version = project(workbook.root).version
    notebook = new_notebook(
        cells=list(_cells(workbook, chapter, source, version)),
        metadata={
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
            "koans": {"chapter": chapter.id, "version": version},
        },
    )
    notebook.nbformat_minor = 5
    nbformat.validate(notebook)
    return str(nbformat.writes(notebook)) + "\n"


def _cells(workbook: Workbook, chapter: Chapter, source: Source, version: str) -> Iterator[NotebookNode]:
    head = chapter.id.partition("_")[0]
    title, *sections = re.split(r"^(?=## )", workbook.text(chapter), flags=re.MULTILINE)
    heading, _, opening = title.strip().partition("\n")
    questions = [q for q in workbook.questions.values() if q.chapter == chapter.id]
    yield _markdown_cell(f"{head}-title", f"{heading}\n\n{HELP.format(name=f'{chapter.id}.ipynb')}")
    yield _code_cell("setup", _first_cell(chapter, source, version))
    predictions = [q for q in questions if q.ask == "predict"]
    if predictions:
        yield _markdown_cell("predict", "## Before you read: predict")
        yield from _question_cells(predictions, "The chapter's answer")
    for number, section in enumerate([opening, *sections]):
        if section.strip():
            text = _with_figures(section.strip(), workbook.folder_of(chapter))
            yield _markdown_cell(f"{head}-text-{number}", text)
    for koan in chapter.koans:
        yield from _koan_cells(workbook, koan)
    retrieves = [q for q in questions if q.ask == "retrieve"]
    if retrieves:
        yield _markdown_cell("retrieve", "## From memory\n\nAnswer without scrolling up. Answer again tomorrow.")
        yield from _question_cells(retrieves, "The chapter's answer")
    yield _markdown_cell(
        "take-it-home",
        f"---\n\n`koans notebook import {chapter.id}.ipynb`, run in the folder of a workbook, copies "
        "your functions into its `exercises/`, by name. It also records your progress and unlocks your cards.",
    )


def _first_cell(chapter: Chapter, source: Source, version: str) -> str:
    """The text of the first cell, with its constants filled in."""
    text = FIRST_CELL.read_text(encoding="utf-8").replace("  # noqa: E402", "").strip("\n")
    for names, values in (
        ("CHAPTER, VERSION", (chapter.id, version)),
        ("SOURCE, COMMIT", (source.address, source.commit)),
    ):
        text = text.replace(f'{names} = "", ""', f"{names} = {', '.join(json.dumps(value) for value in values)}")
    return text


def _koan_cells(workbook: Workbook, koan: Koan) -> Iterator[NotebookNode]:
    prompt = workbook.prompt(koan).partition("\n")[2].strip()
    points = f"{koan.points} point{'s' * (koan.points != 1)}"
    facts = [
        f"`{koan.id}`",
        koan.rung,
        points,
        *([f"builds on {', '.join(map(_short_name, koan.needs))}"] * bool(koan.needs)),
    ]
    yield _markdown_cell(f"prompt-{koan.name}", f"## {koan.title}\n\n{' · '.join(facts)}\n\n{prompt}")
    yield _code_cell(f"koan-{koan.name}", _learner_text(workbook, koan))
    yield _code_cell(f"check-{koan.name}", f'koan.check("{koan.id}")')
    hints = enumerate(workbook.notes(koan).hints, 1)
    yield _markdown_cell(f"hints-{koan.name}", "\n\n".join(_folded(f"Hint {number}", hint) for number, hint in hints))


def _short_name(koan: str) -> str:
    return f"`{koan.partition('/')[2]}`"


def _learner_text(workbook: Workbook, koan: Koan) -> str:
    """What the learner has written so far, or else the stub, without the prompt, which has its own cell."""
    try:
        text = source_text.read(workbook.exercise(koan))
    except (OSError, SyntaxError):
        text = stub_of(workbook, koan)
    return without_header(text)


def _question_cells(questions: list[Question], title: str) -> Iterator[NotebookNode]:
    for question in questions:
        yield _markdown_cell(f"ask-{question.id}"[:64], question.prompt)
        yield _markdown_cell(f"mine-{question.id}"[:64], "*Your answer (double-click to write):*")
        yield _markdown_cell(f"answer-{question.id}"[:64], _folded(title, question.answer))


def _folded(title: str, text: str) -> str:
    """A folded text. Markdown inside <details> needs empty lines around it."""
    return f"<details><summary>{escape(title)}</summary>\n\n{text.strip()}\n\n</details>"


def _with_figures(text: str, folder: Path) -> str:
    """The text with its figures embedded as HTML images. Several readers refuse SVG data in Markdown's own syntax."""

    def embedded(match: re.Match[str]) -> str:
        with reading(folder / match[2]):
            data = base64.b64encode((folder / match[2]).read_bytes()).decode()
        caption = escape(" ".join(match[1].split()))
        return f'<img alt="{caption}" src="data:image/svg+xml;base64,{data}" width="420">\n\n<small>{caption}</small>'

    return FIGURE.sub(embedded, text)


def _markdown_cell(name: str, source: str) -> NotebookNode:
    from nbformat.v4 import new_markdown_cell

    return new_markdown_cell(source, id=name)


def _code_cell(name: str, source: str) -> NotebookNode:
    from nbformat.v4 import new_code_cell

    return new_code_cell(source, id=name)
