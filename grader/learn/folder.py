"""A learner's folder: `koans init` makes it from the installed package, and `koans update` brings it up to a newer one.

It has the exercises, a README, the settings of tools, and the rules for coding assistants. Everything else stays in the
package. A record in `.koans/` says what each file was when it was written, so an update replaces a file only if the
learner has not changed it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from grader.book import assistants, source_text
from grader.book.errors import KoansError, reading
from grader.book.files import write_files
from grader.book.places import SHIPPED, is_whole
from grader.book.project import NAME, project
from grader.book.stubs import STUB, stub_of
from grader.book.workbook import Workbook

FILES = Path(__file__).with_name("folder_files")
PLAIN = ("README.md", "pyproject.toml")
IGNORED = (".koans/", ".venv/", "__pycache__/", ".pytest_cache/", ".hypothesis/")  # for git
RECORD = Path(".koans") / "given.json"
ANY = f"{NAME}>=0"  # in the template; the folder asks for the version that made it, or a newer one


class Given(msgspec.Struct, frozen=True):
    """What a folder was given: the version of the package, and a digest of each file as it was written."""

    version: str
    files: dict[str, str]


class Updated(msgspec.Struct, frozen=True):
    """What an update changes, as paths in the folder: files that are new, replaced, and kept as the learner has them.

    `kept` has only files for which the package has, or may have, another text than the folder was given.
    """

    from_: str
    to: str
    new: tuple[str, ...]
    replaced: tuple[str, ...]
    kept: tuple[str, ...]


def create(folder: Path) -> Workbook:
    """Make a learner's folder. Returns its workbook.

    Raises KoansError if the folder has one of its files already, if it cannot be written, or without content.
    """
    if folder.exists() and not folder.is_dir():
        raise KoansError(f"{folder}: is not a folder")
    book = Workbook(SHIPPED)
    files = _files(book, assistants.DEFAULT)
    if (folder / RECORD).exists():
        raise KoansError(f"{folder}: is a folder of koans already; `koans update`, run there, brings what is new")
    taken = [name for name in sorted({*files, "exercises", ".koans"}) if (folder / name).exists()]
    if taken:
        raise KoansError(f"{folder}: has {taken[0]} already; give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, files, files, project(SHIPPED).version)
    return Workbook(folder)


def update(root: Path, *, write: bool = True) -> Updated:
    """Bring the folder up to the installed package. Without `write` nothing is changed.

    Raises KoansError if the workbook at `root` was not made by `create`, or cannot be written.
    """
    if is_whole(root):
        raise KoansError(
            f"{root}: has its own tests and texts, so it is updated from a place: `koans update PLACE`; "
            "in a clone, use `git pull`"
        )
    book = Workbook(root)
    wanted, before = _files(book, assistants.policy_of(root)), _given(root)
    new, replaced, kept = [], [], []
    for name, text in wanted.items():
        current = _text(root / name)
        if current is None:
            new.append(name)
        elif current == text:
            continue
        elif _digest(current) == before.files.get(name):
            replaced.append(name)
        elif _may_be_stale(current, text, before.files.get(name)):
            kept.append(name)
    version = project(root).version
    if write:
        _write(root, {name: wanted[name] for name in (*new, *replaced)}, wanted, version)
    return Updated(before.version, version, tuple(new), tuple(replaced), tuple(kept))


def _may_be_stale(current: str, wanted: str, given: str | None) -> bool:
    """Whether a file that the learner has changed lacks something new. `given` is the digest of what it was given.

    Without a record nobody knows what the file was given, so only a body that is not written yet counts.
    """
    return STUB in current if given is None else _digest(wanted) != given


def _files(book: Workbook, policy: assistants.Policy) -> dict[str, str]:
    """All files of a learner's folder, by their path in it. `policy` is for coding assistants."""
    version = project(book.root).version
    plain = {name: (FILES / name).read_text(encoding="utf-8").replace(ANY, f"{NAME}>={version}") for name in PLAIN}
    stubs = {f"exercises/{koan.id}.py": stub_of(book, koan) for koan in book.koans.values()}
    return plain | dict(assistants.files(policy)) | {".gitignore": "\n".join(IGNORED) + "\n"} | stubs


def _write(root: Path, files: Mapping[str, str], all_files: Mapping[str, str], version: str) -> None:
    """Write the files, and the record of all that the folder was given."""
    record = Given(version, {name: _digest(text) for name, text in all_files.items()})
    data = msgspec.json.format(msgspec.json.encode(record), indent=1)
    write_files({**{root / name: text for name, text in files.items()}, root / RECORD: data})


def _given(root: Path) -> Given:
    """The record. Without one nothing is known to be unchanged."""
    file = root / RECORD
    if not file.exists():
        return Given("", {})
    try:
        with reading(file):
            return msgspec.json.decode(file.read_bytes(), type=Given)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{file}: is damaged ({error}); remove it, and an update keeps all your files") from None


def _text(file: Path) -> str | None:
    """The text of a file, with the ends of lines as we write them. None if there is no file."""
    if not file.exists():
        return None
    with reading(file):
        return source_text.readable(file.read_bytes()).replace("\r\n", "\n")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
