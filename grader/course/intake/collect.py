"""The walk over what an instructor gives: which entries are submissions, whose they are, and what the others are.

It looks at names and kinds of files only. What is in a submission is read by `reader`. Every entry becomes a source or
a line that says why it is none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser.notebook_file import SUFFIX
from grader.course.intake import lms_names, roster
from grader.course.intake.archive_tree import is_archive
from grader.course.intake.client import Intake
from grader.course.intake.ids import identify
from grader.course.intake.layout import EXERCISES
from grader.course.intake.reader import Failed, Listing
from grader.course.intake.submission import Place, Source
from grader.course.intake.tree import Entry, EntryKind

CHAPTER_NOTEBOOK = re.compile(r"ch\d\d_\w+\.ipynb")  # a file name that `koans notebook export --all` gives
WORKBOOK_FOLDERS = {"grader", "content", EXERCISES}  # a folder that has them is a fork, whatever else is in it
GRADESCOPE = "submission_metadata.yml"  # in an export of Gradescope: whose each folder is
GRADESCOPE_EXPORT = re.compile(r"assignment_[0-9]+_export")  # the folder around such an export
MOST_SUBMISSIONS = 20_000
MOST_LOOKED_AT = 1000  # names in a folder that may be a submission
SHOWN = 5  # names that one note lists


class Collected(msgspec.Struct, frozen=True):
    """The sources, in order, and lines about entries that are none."""

    sources: tuple[Source, ...]
    notes: tuple[str, ...]


def collect(paths: Sequence[Path], intake: Intake, *, one_each: bool = False) -> Collected:
    """All submissions at these paths.

    With `one_each` each path is one submission, however it looks. So it is if there are several paths: they may come
    from a shell's `*`, and a submission must not become a class that holds other students' names.

    Raises KoansError for a roster that makes no sense and, without `one_each`, for a path that does not exist.
    """
    found: list[Source] = []
    notes: list[str] = []
    one_each = one_each or len(paths) > 1
    for path in paths:
        if path.suffix.lower() in (".csv", ".tsv") and path.is_file():
            sources, lines = _rows(path)
            found += sources
            notes += lines
        else:
            sources, lines = _at(path, intake, one_each)
            found += sources
            notes += lines
    ids = identify([(source.name, source.origin) for source in found])
    sources = [msgspec.structs.replace(source, id=id_) for source, id_ in zip(found, ids, strict=True)]
    return Collected(tuple(_with_twins(sources)), tuple(notes))


def _with_twins(sources: Iterable[Source]) -> Iterator[Source]:
    """The sources, with a note on those that are the same place by another name."""
    first: dict[tuple[str, ...], Source] = {}
    for source in sources:
        key = tuple(f"{os.path.realpath(p.file)}\0{'/'.join(p.inside)}" for p in source.places)
        other = first.setdefault(key, source) if key else source
        note = () if other is source else (f"the same place as the submission of {other.name}",)
        yield msgspec.structs.replace(source, notes=(*source.notes, *note))


def _rows(file: Path) -> tuple[list[Source], Sequence[str]]:
    """A source for each row of a roster, and notes. Raises KoansError."""
    found = roster.read(file)
    if not found.has_paths:
        raise KoansError(f"{file}: has no column called {roster.PATHS[0]}, which says what to grade")
    return [_row(file, row) for row in found.rows], found.notes


def _row(file: Path, row: roster.RosterRow) -> Source:
    known = Source("", row.name, f"{file}:{row.line}", student=row.id, handed_in=row.handed_in)
    if row.path is None:
        return msgspec.structs.replace(known, name=row.name or row.id, problem="nothing handed in")
    path = row.path.absolute()
    return msgspec.structs.replace(known, name=row.name or _name(path), origin=str(path), places=(Place(str(path)),))


def _name(path: Path) -> str:
    """What a submission is called after its folder or file."""
    name = path.resolve().name if path.name in ("", ".", "..") else path.name
    for suffix in (".git", SUFFIX, ".py"):
        name = name.removesuffix(suffix)
    return re.sub(r"\.(zip|tar|tgz|tar\.\w+)$", "", name, flags=re.IGNORECASE) or path.name


def _at(path: Path, intake: Intake, one_each: bool) -> tuple[list[Source], list[str]]:
    whole = Source("", _name(path), str(path), (Place(str(path.absolute())),))
    if not one_each and not os.path.lexists(path):
        raise KoansError(f"{path}: is not there")
    handed = lms_names.parse(path.name)
    if handed is not None:  # a platform gives such names to what one learner handed in
        place = _called(Place(str(path.absolute())), handed)
        late = (f"{handed.platform} says that it was handed in late",) if handed.late else ()
        return [Source("", handed.learner, str(path), (place,), handed.student, handed.handed_in, late)], []
    if one_each:
        return [whole], []
    box: Box
    if path.is_dir():
        box = FolderBox(path)
    elif is_archive(path.name) and path.is_file():
        listing = intake.list(str(path.absolute()))
        if isinstance(listing, Failed):
            return [msgspec.structs.replace(whole, places=(), problem=listing.reason)], []
        box = ArchiveBox(path, listing)
    else:
        return [whole], []
    try:
        entries = box.entries()
    except OSError as error:
        return [msgspec.structs.replace(whole, places=(), problem=f"cannot be read ({error.strerror})")], []
    around = [e for e in entries if not _hidden(e.name)]
    if isinstance(box, FolderBox) and len(around) == 1 and GRADESCOPE_EXPORT.fullmatch(around[0].name):
        return _at(path / around[0].name, intake, one_each)
    return _in_box(box, entries, intake) if _is_class(box, entries) else ([whole], [])


class Box(Protocol):
    """A folder or an archive that may hold a class."""

    def entries(self) -> list[Entry]:
        """Its entries, sorted by name. Raises OSError."""

    def names_in(self, folder: str) -> Mapping[str, EntryKind]:
        """The names in one of its folders. Empty if it cannot be read."""

    def place(self, name: str) -> Place: ...

    def origin(self, name: str) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


class FolderBox:
    """A folder. Links in it count as what they point to: it is the instructor's folder."""

    notes: tuple[str, ...] = ()

    def __init__(self, path: Path) -> None:
        self.path = path

    def entries(self) -> list[Entry]:
        with os.scandir(self.path) as found:
            return sorted((_entry(e) for e in islice(found, MOST_SUBMISSIONS)), key=lambda entry: entry.name)

    def names_in(self, folder: str) -> Mapping[str, EntryKind]:
        try:
            with os.scandir(self.path / folder) as found:
                return {e.name: _entry(e).kind for e in islice(found, MOST_LOOKED_AT)}
        except OSError:
            return {}

    def place(self, name: str) -> Place:
        return Place(str((self.path / name).absolute()))

    def origin(self, name: str) -> str:
        return str(self.path / name)


class ArchiveBox:
    """An archive."""

    def __init__(self, path: Path, listing: Listing) -> None:
        self.path, self.listing, self.notes = path, listing, listing.notes

    def entries(self) -> list[Entry]:
        return list(self.listing.entries[:MOST_SUBMISSIONS])

    def names_in(self, folder: str) -> Mapping[str, EntryKind]:
        return {e.name: e.kind for e in self.listing.folders.get(folder, ())}

    def place(self, name: str) -> Place:
        return Place(str(self.path.absolute()), (name,))

    def origin(self, name: str) -> str:
        return f"{self.path}: {name}"


def _entry(entry: os.DirEntry[str]) -> Entry:
    try:
        kind: EntryKind = "folder" if entry.is_dir() else "file" if entry.is_file() else "other"
    except OSError:
        kind = "other"
    return Entry(entry.name, kind)


def _is_class(box: Box, entries: Sequence[Entry]) -> bool:
    """Whether the entries are submissions of several learners, and not the files of one."""
    visible = [e for e in entries if not _hidden(e.name)]
    names = {e.name for e in visible if e.kind == "folder"}
    files = [e.name for e in visible if e.kind == "file"]
    if names >= WORKBOOK_FOLDERS or _is_bare({e.name: e.kind for e in visible}):
        return False
    if any(lms_names.parse(e.name) for e in visible):
        return True
    # A learner may be called `exercises`: then the other folders look like submissions too.
    if any(_looks_handed_in(box.names_in(name)) for name in names - {EXERCISES}):
        return True
    if EXERCISES in names:
        return _looks_handed_in(box.names_in(EXERCISES))
    notebooks = [name for name in files if name.endswith(SUFFIX)]
    if notebooks:
        return not all(map(CHAPTER_NOTEBOOK.fullmatch, notebooks))
    return any(map(is_archive, files))


def _looks_handed_in(names: Mapping[str, EntryKind]) -> bool:
    """Whether a folder with these names looks like the work of one learner."""
    if names.get(EXERCISES) in ("folder", "link") or _is_bare(names):
        return True
    return any(kind == "file" and (name.endswith(SUFFIX) or is_archive(name)) for name, kind in names.items())


def _is_bare(names: Mapping[str, EntryKind]) -> bool:
    return names.get("HEAD") == "file" and names.get("objects") == "folder" and EXERCISES not in names


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _in_box(box: Box, entries: Sequence[Entry], intake: Intake) -> tuple[list[Source], list[str]]:
    """A source for each submission, and lines about the other entries."""
    notes = list(box.notes)
    hidden = [e.name for e in entries if _hidden(e.name)]
    if hidden:
        notes.append(f"hidden, not looked at: {_listed(hidden)}")
    visible = {e.name: e for e in entries if not _hidden(e.name)}
    metadata = visible.pop(GRADESCOPE, None)
    owners = intake.owners(box.place(GRADESCOPE)) if metadata is not None else {}
    others = [name for name, entry in visible.items() if entry.kind == "other"]
    sources: list[Source] = []
    for group in lms_names.group([name for name in visible if name not in others]):
        names = [name for name, _ in group.files]
        learner, student, handed_in, remarks = group.learner, group.student, group.handed_in, group.notes
        if group.platform == "Gradescope" and names[0] in owners:
            owner = owners[names[0]]
            learner, student, handed_in = owner.learner, owner.student, owner.handed_in
        if not group.platform:
            [name] = names
            if visible[name].kind != "folder" and not name.endswith(SUFFIX) and not is_archive(name):
                others.append(name)
                continue
            learner = _name(Path(name))
        elif group.late:
            remarks = (*remarks, f"{group.platform} says that it was handed in late")
        places = tuple(_called(box.place(name), handed) for name, handed in group.files)
        sources.append(Source("", learner, box.origin(names[-1]), places, student, handed_in, tuple(remarks)))
    if others:
        kinds = f"no folder, notebook ({SUFFIX}) or archive"
        notes.append(f"no submission, because it is {kinds}: {_listed(others)}")
    if len(entries) >= MOST_SUBMISSIONS:
        notes.append(f"only {MOST_SUBMISSIONS} entries were looked at")
    return sorted(sources, key=lambda source: source.origin), notes


def _called(place: Place, handed: lms_names.Handed) -> Place:
    """The place, with the name that the learner gave the file."""
    name = lms_names.without_number(handed.file) if handed.platform == "Canvas" else handed.file
    return msgspec.structs.replace(place, name=name if handed.platform and "/" not in name else "")


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(names[:SHOWN])
    return first + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def apart(workbook: Path, sources: Iterable[Source]) -> Iterator[Source]:
    """The sources. One that is the workbook that judges, or overlaps with it, has a problem instead of places."""
    root = os.path.realpath(workbook)
    for source in sources:
        paths = [os.path.realpath(place.file) for place in source.places]
        if any(path == root or Path(path).is_relative_to(root) or Path(root).is_relative_to(path) for path in paths):
            problem = "overlaps with the workbook that judges: grade a copy elsewhere, or give --workbook"
            yield msgspec.structs.replace(source, places=(), problem=problem)
        else:
            yield source
