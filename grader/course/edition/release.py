"""Makes the student edition of a workbook: everything that a learner needs, without the solutions."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.stubs import STUBS, stub_of
from grader.book.workbook import Workbook
from grader.course.edition import badges
from grader.course.edition.manifest import NAME, Manifest, digest

PARTS = ("reference", "content", "grader")
FILES = (
    *("conftest.py", "pyproject.toml", "LICENSE", ".gitignore", "SECURITY.md"),
    *(".devcontainer/devcontainer.json", ".github/workflows/notebooks.yml"),
)
EXTRA_FILES = Path(__file__).parent / "files"  # files that only a student edition has
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*_cache")


def release(workbook: Workbook, folder: Path, source: str = "") -> Manifest:
    """Write the edition into a new or empty folder. Returns its manifest.

    If it will be public as `source` (owner/name), it has badges. Raises KoansError if the folder is not empty, or if
    the workbook has no solutions.
    """
    if folder.exists() and (not folder.is_dir() or any(p.name != ".git" for p in folder.iterdir())):
        raise KoansError(f"{folder}: is not empty; give a new folder (or an empty repository)")
    if not (workbook.root / "solutions").is_dir():
        raise KoansError(f"{workbook.root}: has no solutions, so it is a student edition itself")
    version = tomllib.loads((workbook.root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        shutil.copytree(workbook.root / part, folder / part, ignore=IGNORED)
    for name in FILES:
        shutil.copy(workbook.root / name, _with_parents(folder / name))
    shutil.copytree(EXTRA_FILES, folder, dirs_exist_ok=True, ignore=IGNORED)
    for file in sorted((folder / "workflows").iterdir()):
        file.replace(_with_parents(folder / ".github" / "workflows" / file.name))
    (folder / "workflows").rmdir()
    learner = []
    for koan in workbook.koans.values():
        name = f"exercises/{koan.id}.py"
        learner.append(name)
        for copy in (folder / name, folder / STUBS / f"{koan.id}.py"):
            _with_parents(copy).write_text(stub_of(workbook, koan), encoding="utf-8")
        test = workbook.test_file(koan)
        shutil.copy(test, _with_parents(folder / test.relative_to(workbook.root)))
    badges.write(Workbook(folder), source)
    files = sorted(p for p in folder.rglob("*") if p.is_file() and ".git" not in p.relative_to(folder).parts)
    manifest = Manifest(version, {p.relative_to(folder).as_posix(): digest(p) for p in files}, tuple(learner))
    (folder / NAME).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    return manifest


def _with_parents(file: Path) -> Path:
    """Make the folders above `file`. Returns `file`."""
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
