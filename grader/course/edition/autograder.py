"""Makes an autograder for Gradescope: a zip file with the whole workbook, and the two scripts that Gradescope starts.

The format: https://gradescope-autograders.readthedocs.io/en/latest/specs/. `setup.sh` and `run_autograder` lie in the
root of the zip file, which Gradescope unpacks into /autograder/source. `grader.course.container` grades there.
"""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, read_file
from grader.book.files import write_file
from grader.book.workbook import Workbook
from grader.course.assignment import LARGEST, NAME
from grader.course.container import ASSIGNMENT, SETTINGS, WORKBOOK, Settings
from grader.course.edition.tree import Tree
from grader.course.edition.workbook_files import chosen, files_of_git
from grader.course.exceptions import EXTENSIONS, OVERRIDES
from grader.course.scheme import Scheme, read_all
from grader.course.seeds import SECRET

PARTS = ("content", "exercises", "grader", "reference", "solutions")
FILES = ("conftest.py", "pyproject.toml")
SCRIPTS = "grader/course/edition/gradescope"
EXECUTABLE = {"setup.sh": "setup.sh", "run_autograder": "run_autograder.sh"}  # in the zip file, and in SCRIPTS
BEGINNING = (1980, 1, 1, 0, 0, 0)  # the time of all files: the same workbook gives the same zip file


def write_autograder(workbook: Workbook, file: Path, assignments: Sequence[Path], settings: Settings) -> int:
    """Write the zip file, with the assignments of these folders or files. Returns its size in bytes.

    Raises KoansError if the workbook has no solutions or lacks a file, or if an assignment makes no sense.
    """
    if file.suffix.lower() != ".zip":
        raise KoansError(f"--gradescope {file}: name a file that ends in .zip")
    if not (workbook.root / "solutions").is_dir():
        raise KoansError(f"{workbook.root}: has no solutions, so it cannot grade")
    files = {SETTINGS: msgspec.json.encode(settings)}
    with Tree(workbook.root) as tree:
        names, _ = chosen(tree, PARTS, files_of_git(workbook.root))
        for name in (*names, *FILES):
            files[f"{WORKBOOK}/{name}"] = _read(tree, name)
        for name, script in EXECUTABLE.items():
            files[name] = _read(tree, f"{SCRIPTS}/{script}")
    schemes = read_all(assignments, workbook)
    if twice := [scheme.name for scheme in schemes if [one.name for one in schemes].count(scheme.name) > 1]:
        raise KoansError(f"two assignments are called {twice[0]}: give their folders different names")
    for scheme in schemes:
        files |= _assignment(scheme)
    data = _zipped(files)
    write_file(file, data)
    return len(data)


def _read(tree: Tree, name: str) -> bytes:
    data = tree.read(name)
    if data is None:
        raise KoansError(f"{tree.root / name}: is missing")
    return data


def _assignment(scheme: Scheme) -> dict[str, bytes]:
    """The files of an assignment, by their names in the zip file."""
    beside = {scheme.file.parent / name for name in (EXTENSIONS, OVERRIDES, SECRET)}
    found = {f"{ASSIGNMENT}/{scheme.name}/{NAME}": read_file(scheme.file, LARGEST)}
    return found | {
        f"{ASSIGNMENT}/{scheme.name}/{one.name}": read_file(one, LARGEST << 4) for one in beside if one.exists()
    }


def _zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, BEGINNING)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, whose mode follows
            entry.external_attr = (stat.S_IFREG | (0o755 if name in EXECUTABLE else 0o644)) << 16
            archive.writestr(entry, data)
    return out.getvalue()
