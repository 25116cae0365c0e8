"""Turns the paths that an instructor gives into submissions: folders, notebooks, folders of these, local git
repositories, a CSV roster.

A sandboxed process reads the notebooks (sandboxed_parse), and the answers in them are written as files. A repository is
read at its HEAD with git's plumbing commands, blob by blob: no checkout, no filters, no hooks, no network.
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
NAME_COLUMNS = ("name", "student", "login", "username", "submission")
PATH_COLUMNS = ("path", "folder", "repository", "repo")
CHAPTER_NOTEBOOK = re.compile(r"ch\d\d_\w+\.ipynb")  # a file name that `koans notebook export --all` gives
MOST_FILES = 2000  # entries of a repository's exercises/ that are read; the rest is ignored


class Submission(msgspec.Struct, frozen=True):
    """A learner's work: a name and a folder that has exercises/.

    If it has a `repository` (bare) or `notebooks`, `folder` is empty until `unpack` fills it from these.
    """

    name: str
    folder: Path
    repository: Path | None = None
    notebooks: tuple[Path, ...] = ()

    @property
    def origin(self) -> Path:
        """The path that the work comes from, for messages."""
        return self.repository or (self.notebooks[0] if len(self.notebooks) == 1 else self.folder)


class Unpacked(msgspec.Struct, frozen=True):
    """The outcome of `unpack`: why the work could not be read (empty if it was), and notes about its notebooks."""

    problem: str = ""
    notes: tuple[str, ...] = ()


def collect(paths: Sequence[Path], scratch: Path) -> list[Submission]:
    """All submissions at these paths, in order. Repositories and notebooks get a folder below `scratch`.

    Raises KoansError for a path that does not exist, a roster without a path column, or two submissions of one name.
    """
    submissions = [s for path in paths for s in _submissions_at(path, scratch)]
    by_name: dict[str, Submission] = {}
    for submission in submissions:
        other = by_name.setdefault(submission.name, submission)
        if other is not submission:
            raise KoansError(f"{submission.folder} and {other.folder} are both called '{submission.name}'")
    return submissions


def _submissions_at(path: Path, scratch: Path) -> list[Submission]:
    """The submissions at one path: a roster, one learner's work, or a folder with the work of several learners."""
    if path.suffix == ".csv" and path.is_file():
        return list(_roster(path, scratch))
    if _is_notebook(path):
        return [as_submission(path.resolve().stem, path, scratch)]
    if not path.is_dir():
        raise KoansError(f"{path}: is no folder of a submission, no notebook ({SUFFIX}) and no roster (.csv)")
    if _is_fork(path):
        return [as_submission(path.resolve().name, path, scratch)]
    return _submissions_in(path, scratch)


def _submissions_in(path: Path, scratch: Path) -> list[Submission]:
    """The submissions in a folder: each notebook and each folder in it, or the chapters of one learner."""
    notebooks = _notebooks(path)
    folders = sorted(p for p in path.iterdir() if p.is_dir() and not p.name.startswith("."))
    if any(_is_fork(p) or _notebooks(p) for p in folders):
        of_notebooks = [as_submission(p.stem, p, scratch) for p in notebooks]
        return of_notebooks + [as_submission(p.name, p, scratch) for p in folders]
    # One learner's chapters. A folder without notebooks is one submission too: its grade says what is wrong with it.
    if all(CHAPTER_NOTEBOOK.fullmatch(p.name) for p in notebooks):
        return [as_submission(path.resolve().name, path, scratch)]
    return [as_submission(p.stem, p, scratch) for p in notebooks]


def as_submission(name: str, path: Path, scratch: Path) -> Submission:
    """Make a submission of a folder, a bare repository, a notebook or a folder of one learner's notebooks."""
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
    """The submissions in a roster. Each row has a path (relative to the file) and maybe a name. Raises KoansError."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KoansError(f"{file}: cannot be read as CSV ({error})") from None
    columns = {(name or "").strip().lower(): name for name in (rows[0] if rows else {})}
    path = next((columns[c] for c in PATH_COLUMNS if c in columns), None)
    if path is None:
        allowed = f"a column called {' or '.join(PATH_COLUMNS)}, and may have one called {NAME_COLUMNS[0]}"
        raise KoansError(f"{file}: a roster has {allowed}")
    name = next((columns[c] for c in NAME_COLUMNS if c in columns), None)
    for number, row in enumerate(rows, 2):
        location = (row[path] or "").strip()
        if not location:
            raise KoansError(f"{file}:{number}: the row has no {path}")
        folder = (file.parent / location).absolute()
        yield as_submission((row[name] or "").strip() if name and row[name] else folder.name, folder, scratch)


def _is_notebook(path: Path) -> bool:
    return path.suffix == SUFFIX and path.is_file()


def _is_fork(path: Path) -> bool:
    """Whether the folder is one learner's copy of the workbook, checked out or as a bare repository."""
    return (path / EXERCISES).is_dir() or _is_bare(path)


def _is_bare(path: Path) -> bool:
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and not (path / EXERCISES).exists()


def unpack(submission: Submission, root: Path, outlines: Sequence[Outline]) -> Unpacked:
    """Fill the submission's folder from its notebooks or its repository, if it has any. `root` is the workbook's."""
    if submission.notebooks:
        return _unpack_notebooks(submission, root, outlines)
    if submission.repository is not None:
        return Unpacked(_unpack_repository(submission.repository, submission.folder))
    return Unpacked()


def _unpack_notebooks(submission: Submission, root: Path, outlines: Sequence[Outline]) -> Unpacked:
    parsed = sandboxed_parse.read(root, submission.notebooks, outlines)
    (submission.folder / EXERCISES).mkdir(exist_ok=True)
    for outline in outlines:  # the parser is not trusted, so the names of files come from the workbook
        if outline.koan in parsed.texts:
            file = submission.folder / EXERCISES / f"{outline.koan}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(parsed.texts[outline.koan], encoding="utf-8", errors="replace")
    return Unpacked(parsed.problem, parsed.notes)


def _unpack_repository(repository: Path, folder: Path) -> str:
    """Write the repository's exercises into `folder`. Returns why that was not possible, or an empty string."""
    try:
        listing = _git(repository, "ls-tree", "-r", "-z", "-l", "HEAD", "--", EXERCISES)
        folder.mkdir(parents=True, exist_ok=True)
        for entry in listing.split(b"\0")[:MOST_FILES]:
            _unpack_entry(repository, entry, folder)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        output = getattr(error, "stderr", b"") or b""
        reason = output.decode(errors="replace").strip().splitlines()[-1:] or [str(error)]
        return f"{repository}: git could not read it ({reason[0][:200]})"
    return ""


def _unpack_entry(repository: Path, entry: bytes, folder: Path) -> None:
    """Write the file that one line of `git ls-tree -l` describes: "MODE TYPE HASH SIZE<tab>PATH"."""
    words, _, raw_path = entry.partition(b"\t")
    parts = raw_path.decode(errors="replace").split("/")
    # Links (mode 120000) and everything that does not look like an exercise are ignored.
    if not words.startswith(b"100") or len(parts) != 3 or not parts[2].endswith(".py") or ".." in parts:
        return
    blob, size = words.split()[2], int(words.split()[3])
    file = folder.joinpath(*parts)
    file.parent.mkdir(parents=True, exist_ok=True)
    if size <= LARGEST:
        file.write_bytes(_git(repository, "cat-file", "blob", blob.decode()))
    else:  # a file of this size is refused when it is read
        file.write_bytes(b" " * (LARGEST + 1))


def _git(repository: Path, *args: str) -> bytes:
    """Run git in a repository that may be hostile. Its configuration can start no program and fetch nothing."""
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
