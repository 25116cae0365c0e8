"""Makes the student edition of a workbook: everything that a learner needs, without the solutions.

All its files are made in memory first. Then they are written into a new folder, the manifest last.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grader.book import assistants
from grader.book.errors import KoansError, writing
from grader.book.published import Published, as_json, file_name
from grader.book.stubs import STUBS, stub_of
from grader.book.workbook import Workbook
from grader.course.assignment import Assignment
from grader.course.edition import badges, manifest
from grader.course.edition.manifest import NAME, SCHEMA, Manifest
from grader.course.edition.tree import Tree
from grader.course.edition.workbook_files import chosen, files_of_git, why_left_out

PARTS = ("reference", "content", "grader")
FILES = (
    *("conftest.py", "pyproject.toml", "LICENSE", ".gitignore", "SECURITY.md"),
    *(".devcontainer/devcontainer.json", ".github/workflows/notebooks.yml"),
)
EXTRA_FILES = "grader/course/edition/files"  # files that only a student edition has
UNFINISHED = "unfinished-release"  # stands in the folder while it is written


class Release(msgspec.Struct, frozen=True):
    """The manifest of an edition, and the files of the workbook's folders that are not in it, because of `reason`."""

    manifest: Manifest
    left_out: tuple[str, ...]
    reason: str


def release(
    workbook: Workbook,
    folder: Path,
    source: str = "",
    assignment: Assignment = Assignment(),  # noqa: B008 - frozen
    assignments: Sequence[Published] = (),
) -> Release:
    """Write the edition into a new or empty folder.

    If it will be public as `source` (owner/name), it has badges. Its files for coding assistants, and its
    pyproject.toml, have the assignment's policy. It has what students may know of `assignments`. Raises KoansError if
    the folder is not empty or is a link, if the workbook has no solutions, or if a file of a koan is missing.
    """
    _check_empty(folder)
    if not (workbook.root / "solutions").is_dir():
        raise KoansError(f"{workbook.root}: has no solutions, so it is a student edition itself")
    tracked = files_of_git(workbook.root)
    with Tree(workbook.root) as tree:
        names, left_out = chosen(tree, PARTS, tracked)
        files = _files(workbook, tree, names, source)
        files |= _for_assistants(files["pyproject.toml"].decode(), assignment.assistants)
        files |= {file_name(one.name): as_json(one) for one in assignments}
        for koan in workbook.koans.values():
            for needed in (f"reference/{koan.id}.py", f"content/{koan.id}.md"):
                if needed not in files:
                    _read(tree, needed)
                    raise KoansError(f"{workbook.root / needed}: {koan.id} needs it, but git does not track it")
    learner = tuple(f"exercises/{koan.id}.py" for koan in workbook.koans.values())
    made = Manifest(
        version=tomllib.loads(files["pyproject.toml"].decode())["project"]["version"],
        files={name: manifest.digest(data) for name, data in sorted(files.items())},
        learner=learner,
        schema=SCHEMA,
        released=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    manifest.check_names([*files], str(workbook.root))
    _write(folder, {**files, NAME: manifest.as_json(made)})
    return Release(made, tuple(left_out), why_left_out(tracked))


def _check_empty(folder: Path) -> None:
    """Raise KoansError unless this is a new folder, an empty one, or an empty repository."""
    if folder.is_symlink():
        raise KoansError(f"{folder}: is a link; give a folder")
    if not folder.exists():
        return
    if not folder.is_dir():
        raise KoansError(f"{folder}: is not a folder")
    with Tree(folder) as tree:
        entries = tree.entries() or []
    if UNFINISHED in entries:
        raise KoansError(
            f"{folder}: contains a release that was stopped; remove everything in it except .git, then run this again"
        )
    if (folder / ".git").is_symlink() or set(entries) - {".git"}:
        raise KoansError(f"{folder}: is not empty; give a new folder (or an empty repository)")


def _files(workbook: Workbook, tree: Tree, names: list[str], source: str) -> dict[str, bytes]:
    """Every file of the edition but the manifest. Text has Unix line ends."""
    files = {}
    tests = [workbook.test_file(koan).relative_to(workbook.root).as_posix() for koan in workbook.koans.values()]
    for name in (*names, *FILES, *tests):
        files[name] = _read(tree, name)
    for name in [name for name in names if name.startswith(f"{EXTRA_FILES}/")]:
        below = name.removeprefix(f"{EXTRA_FILES}/")
        files[f".github/{below}" if below.startswith("workflows/") else below] = files[name]
    for koan in workbook.koans.values():
        stub = stub_of(workbook, koan).encode()
        files |= {f"exercises/{koan.id}.py": stub, f"{STUBS}/{koan.id}.py": stub}
    pages = {name: files[name].decode() for name in badges.pages(workbook)}
    return files | {name: text.encode() for name, text in badges.with_badges(workbook, pages, source).items()}


def _for_assistants(pyproject: str, policy: assistants.Policy) -> dict[str, bytes]:
    """The files that tell coding assistants what the course asks of them, and the pyproject.toml that knows it too."""
    texts = {**assistants.files(policy), "pyproject.toml": assistants.with_policy(pyproject, policy)}
    return {name: text.encode() for name, text in texts.items()}


def _read(tree: Tree, name: str) -> bytes:
    data = tree.read(name)
    if data is None:
        raise KoansError(f"{tree.root / name}: is missing")
    return manifest.unix(data)


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write all files into the folder. If that fails, remove what was written."""
    is_new = not folder.exists()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with Tree(folder, follow=False) as tree:
        strange = set(tree.entries() or ())
        try:
            tree.create(UNFINISHED, b"Remove this file and all others but .git, then run `koans release` again.\n")
            for name, data in files.items():
                tree.create(name, data)
        except BaseException:
            for entry in {name.partition("/")[0] for name in files} - strange:
                tree.remove_all(entry)
            tree.remove(UNFINISHED)
            if is_new:
                folder.rmdir()
            raise
        tree.remove(UNFINISHED)
