"""What an instructor points at, as submissions: folders, notebooks, folders of them, local git repositories, a CSV
roster.

A notebook's cells are read in a process of their own (cells.apart) and written as files. A repository is read at its
HEAD through git's plumbing, blob by blob: no checkout, no filters, no hooks, no network.
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser.answers import Outline
from grader.book.notebook_parser.notebook_file import SUFFIX
from grader.course.intake import sandboxed_parse
from grader.judge.sandbox.submission import LARGEST

EXERCISES = "exercises"
NAME = ("name", "student", "login", "username", "submission")
PATH = ("path", "folder", "repository", "repo")
EXPORTED = re.compile(r"ch\d\d_\w+\.ipynb")  # as `koans notebook export --all` calls them
FILES = 2000  # entries of a repository's exercises/ that are looked at


class Submission(msgspec.Struct, frozen=True):
    """Whose work, and where. A bare git `repository` and `notebooks` are to be read into `folder` first."""

    name: str
    folder: Path
    repository: Path | None = None
    notebooks: tuple[Path, ...] = ()

    @property
    def place(self) -> Path:
        """Where it came from."""
        return self.repository or (self.notebooks[0] if len(self.notebooks) == 1 else self.folder)


class Unpacked(msgspec.Struct, frozen=True):
    """What came of reading a submission: why that was not possible, and what its notebooks left to say."""

    problem: str = ""
    notes: tuple[str, ...] = ()


def collect(paths: Sequence[Path], scratch: Path) -> list[Submission]:
    """Every submission meant by these paths, in order. Repositories and notebooks get a folder below `scratch`.

    Raises KoansError for a path that is not there, a roster without the columns, or two submissions of one name.
    """
    found = [s for path in paths for s in _meant(path, scratch)]
    seen: dict[str, Submission] = {}
    for submission in found:
        other = seen.setdefault(submission.name, submission)
        if other is not submission:
            raise KoansError(f"{submission.folder} and {other.folder} are both called '{submission.name}'")
    return found


def _meant(path: Path, scratch: Path) -> list[Submission]:
    """What one path stands for: a roster, one learner's work, or a folder of several learners'."""
    if path.suffix == ".csv" and path.is_file():
        return list(_roster(path, scratch))
    if _is_notebook(path):
        return [one(path.resolve().stem, path, scratch)]
    if not path.is_dir():
        raise KoansError(f"{path}: is no folder of a submission, no notebook ({SUFFIX}) and no roster (.csv)")
    if _is_fork(path):
        return [one(path.resolve().name, path, scratch)]
    return _of_several(path, scratch)


def _of_several(path: Path, scratch: Path) -> list[Submission]:
    """The notebooks in a folder and the folders in it: a submission each, or one learner's chapters."""
    notebooks = _notebooks(path)
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if any(_is_fork(p) or _notebooks(p) for p in folders):
        return [one(p.stem, p, scratch) for p in notebooks] + [one(p.name, p, scratch) for p in folders]
    # A learner's chapters, or a folder with nothing in it, which is a result of its own.
    if all(EXPORTED.fullmatch(p.name) for p in notebooks):
        return [one(path.resolve().name, path, scratch)]
    return [one(p.stem, p, scratch) for p in notebooks]


def one(name: str, path: Path, scratch: Path) -> Submission:
    """A folder, bare repository, notebook or folder of one learner's notebooks as a submission."""
    name = name.removesuffix(".git")
    bare = _is_bare(path)
    notebooks = (path,) if _is_notebook(path) else _notebooks(path)
    if not bare and (not notebooks or (path / EXERCISES).is_dir()):
        return Submission(name, path)
    folder = scratch / f"{len(list(scratch.iterdir())):04d}-{name[:40]}"
    folder.mkdir()
    return Submission(name, folder, path if bare else None, () if bare else notebooks)


def _notebooks(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(p for p in folder.glob(f"*{SUFFIX}") if not p.name.startswith(".")))


def _roster(file: Path, scratch: Path) -> Iterator[Submission]:
    """Rows with a path (relative to the roster) and a name."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KoansError(f"{file}: cannot be read as CSV ({error})") from None
    columns = {(name or "").strip().lower(): name for name in (rows[0] if rows else {})}
    path = next((columns[c] for c in PATH if c in columns), None)
    if path is None:
        raise KoansError(f"{file}: a roster has a column called {' or '.join(PATH)}, and may have one called {NAME[0]}")
    name = next((columns[c] for c in NAME if c in columns), None)
    for number, row in enumerate(rows, 2):
        place = (row[path] or "").strip()
        if not place:
            raise KoansError(f"{file}:{number}: the row has no {path}")
        folder = (file.parent / place).absolute()
        yield one((row[name] or "").strip() if name and row[name] else folder.name, folder, scratch)


def _is_notebook(path: Path) -> bool:
    return path.suffix == SUFFIX and path.is_file()


def _is_fork(path: Path) -> bool:
    """Is this folder one learner's copy of the workbook, checked out or bare?"""
    return (path / EXERCISES).is_dir() or _is_bare(path)


def _is_bare(path: Path) -> bool:
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and not (path / EXERCISES).exists()


def unpack(submission: Submission, root: Path, outlines: Sequence[Outline]) -> Unpacked:
    """Write what a repository or notebooks hold below the submission's folder."""
    if submission.notebooks:
        told = sandboxed_parse.read(root, submission.notebooks, outlines)
        (submission.folder / EXERCISES).mkdir(exist_ok=True)
        for koan in outlines:
            if koan.koan in told.texts:
                file = submission.folder / EXERCISES / f"{koan.koan}.py"
                file.parent.mkdir(exist_ok=True)
                file.write_text(told.texts[koan.koan], encoding="utf-8", errors="replace")
        return Unpacked(told.problem, told.notes)
    return Unpacked(_from_git(submission)) if submission.repository is not None else Unpacked()


def _from_git(submission: Submission) -> str:
    """Write a repository's exercises. Returns why that was not possible, or nothing."""
    assert submission.repository is not None
    try:
        listing = _git(submission.repository, "ls-tree", "-r", "-z", "-l", "HEAD", "--", EXERCISES)
        submission.folder.mkdir(parents=True, exist_ok=True)
        for entry in listing.split(b"\0")[:FILES]:
            words, _, raw = entry.partition(b"\t")
            parts = raw.decode(errors="replace").split("/")
            # Links (mode 120000) and whatever does not look like an exercise is left where it is.
            if not words.startswith(b"100") or len(parts) != 3 or not parts[2].endswith(".py") or ".." in parts:
                continue
            kind, size = words.split()[2], int(words.split()[3])
            file = submission.folder.joinpath(*parts)
            file.parent.mkdir(parents=True, exist_ok=True)
            if size <= LARGEST:
                file.write_bytes(_git(submission.repository, "cat-file", "blob", kind.decode()))
            else:  # refused for its size when it is read
                file.write_bytes(b" " * (LARGEST + 1))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or b""
        why = said.decode(errors="replace").strip().splitlines()[-1:] or [str(error)]
        return f"{submission.repository}: git could not read it ({why[0][:200]})"
    return ""


def _git(repository: Path, *args: str) -> bytes:
    """Run git on a repository that may be hostile: its configuration may start nothing and fetch nothing."""
    settings = ("safe.directory=*", "protocol.allow=never", "core.fsmonitor=false", "core.hooksPath=/dev/null")
    safe = [word for setting in settings for word in ("-c", setting)]
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "GIT_DIR": str(repository),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }
    run = subprocess.run(
        ["git", *safe, *args], env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True
    )
    return run.stdout
