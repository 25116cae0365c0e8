"""The walk over what an instructor gives: which entries are submissions, whose they are, and what the others are.

It looks at names and kinds of files only. What is in a submission is read by `reader`. Every entry becomes a source or
a line that says why it is none.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from grader.book.errors import KoansError
from grader.book.notebook_parser.notebook_file import SUFFIX
from grader.course.intake import lms_download, roster
from grader.course.intake.archive_tree import NOISE, is_archive
from grader.course.intake.client import Intake
from grader.course.intake.ids import identify
from grader.course.intake.layout import CHAPTER_NOTEBOOK, EXERCISES
from grader.course.intake.lms_names import SHAPES, Handed, blackboard_user, parse, without_number
from grader.course.intake.reader import Failed, Listing
from grader.course.intake.submission import Place, Source
from grader.course.intake.tree import Entry, EntryKind, Parts

WORKBOOK_FOLDERS = {"grader", "content", EXERCISES}  # a folder that has them is a fork, whatever else is in it
WORKBOOK = ("content", EXERCISES, "solutions", "reference", "tests", "grader")  # what judges, or has answers
GRADESCOPE = "submission_metadata.yml"  # in an export of Gradescope: whose each folder is
MOST_SUBMISSIONS = 20_000
MOST_LOOKED_AT = 1000  # names in a folder that may be a submission
MOST_AROUND = 8  # folders around a class
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
    folders = _Folders(intake, paths)
    for path in paths:
        if _is_roster(path):
            sources, lines = _rows(path)
            found += sources
            notes += lines
        else:
            sources, lines = _at(path, intake, folders, one_each)
            found += sources
            notes += lines
    ids = identify([(source.name, source.origin) for source in found])
    sources = [msgspec.structs.replace(source, id=id_) for source, id_ in zip(found, ids, strict=True)]
    return Collected(tuple(_with_twins(sources)), tuple(notes))


def _one_team(one: Source, other: Source) -> bool:
    return bool(one.team) and one.team == other.team


def _with_twins(sources: Sequence[Source]) -> Iterator[Source]:
    """The sources, with a note on those that share a place by another name, or of which one lies in the other."""
    places = [[(*Path(os.path.realpath(p.file)).parts, *p.inside) for p in source.places] for source in sources]
    first: dict[Parts, int] = {}
    for number, paths in enumerate(places):
        for path in paths:
            first.setdefault(path, number)
    notes: dict[int, str] = {}
    for number, paths in enumerate(places):
        for path in paths:
            if (other := first[path]) != number and not _one_team(sources[number], sources[other]):
                notes[number] = f"in the same place as the submission of {sources[other].name}"
            around = next((first[path[:n]] for n in range(len(path) - 1, 0, -1) if path[:n] in first), number)
            if around != number and not _one_team(sources[number], sources[around]):
                notes.setdefault(number, f"is inside the submission of {sources[around].name}")
                notes.setdefault(around, f"the submission of {sources[number].name} is inside it")
    for number, source in enumerate(sources):
        note = (notes[number],) if number in notes else ()
        yield msgspec.structs.replace(source, notes=(*source.notes, *note))


def _is_roster(path: Path) -> bool:
    return path.suffix.lower() in (".csv", ".tsv") and path.is_file()


def _rows(file: Path) -> tuple[list[Source], Sequence[str]]:
    """A source for each row of a roster, and notes. Raises KoansError."""
    found = roster.read(file)
    if not found.has_paths:
        raise KoansError(f"{file}: has no column called {roster.PATHS[0]}, which says what to grade")
    return [_row(file, row) for row in found.rows], found.notes


def _row(file: Path, row: roster.RosterRow) -> Source:
    known = Source("", row.name, f"{file}:{row.line}", student=row.id, handed_in=row.handed_in)
    if row.problem:
        return msgspec.structs.replace(known, problem=row.problem)
    if row.path is None:
        return msgspec.structs.replace(known, name=row.name or row.id, problem="nothing handed in")
    path = row.path.absolute()
    return msgspec.structs.replace(known, name=row.name or _name(path), origin=str(path), places=(Place(str(path)),))


def _name(path: Path) -> str:
    """What a submission is called after its folder or file."""
    name = path.resolve().name if path.name in ("", ".", "..") else path.name
    for suffix in (".git", SUFFIX, ".py"):
        name = name.removesuffix(suffix)
    return lms_download.bare(name) or path.name


class _Folders:
    """The folders around the paths that are given. Each is looked at once."""

    def __init__(self, intake: Intake, paths: Sequence[Path]) -> None:
        self.intake, self.paths = intake, paths
        self._known: dict[Path, tuple[dict[str, list[lms_download.Group]], str]] = {}

    def groups_of(self, path: Path) -> tuple[Sequence[lms_download.Group], str]:
        """Whose the file or folder is, as its name tells among those beside it, and a line if these contradict it."""
        folder = path.absolute().parent
        if folder not in self._known:
            box = FolderBox(folder)
            try:
                groups, line = _groups(box, _visible(box.entries()), self.intake)
            except CannotListError:
                groups, line = [], ""
            by_name: dict[str, list[lms_download.Group]] = {}
            for group in groups:
                for name, _ in group.files:
                    by_name.setdefault(name, []).append(group)
            self._known[folder] = by_name, line
        by_name, line = self._known[folder]
        return by_name.get(path.name, ()), line

    @cached_property
    def mixed(self) -> bool:
        """Whether a path is given that no platform named. Then a folder with a platform's names may be a learner's."""
        paths = [path for path in self.paths if not _is_roster(path)]
        works = [
            path
            for path in paths
            if lms_download.is_work(Entry(path.name, "folder" if path.is_dir() else "file")) or _is_platforms(path.name)
        ]
        return any(not self.groups_of(path)[0] for path in works)


def _at(path: Path, intake: Intake, folders: _Folders, one_each: bool) -> tuple[list[Source], list[str]]:
    whole = Source("", _name(path), str(path), (Place(str(path.absolute())),))
    if not one_each and not os.path.lexists(path):
        raise KoansError(f"{path}: does not exist")
    may_be_class = not one_each and (path.is_dir() or is_archive(path.name))
    if parse(path.name) or (not may_be_class and _is_platforms(path.name)):
        groups, line = folders.groups_of(path)
        if groups and not folders.mixed:
            return [_alone(whole, group) for group in groups], []
        if handed := parse(path.name):  # what is called so is one learner's, whoever that is
            looks = f"its name looks like one of {handed.platform}'s"
            line = line or f"{looks}, but other paths do not: it counts as a plain name, without an id"
            return [msgspec.structs.replace(whole, places=(_called(whole.places[0], handed),), notes=(line,))], []
    if one_each:
        return [whole], []
    box: Box
    if path.is_dir():
        box = FolderBox(path)
    elif is_archive(path.name) and path.is_file():
        box = ArchiveBox(path, intake)
    else:
        return [whole], []
    try:
        found = _class_in(box)
    except CannotListError as error:
        return [msgspec.structs.replace(whole, places=(), problem=str(error))], []
    if found is None:
        return [whole], []
    sources, notes = _in_box(found.box, found.entries, intake)
    if found.box.folder:
        notes = [f"{whole.name}: graded as a class, from its folder {found.box.folder}", *found.notes, *notes]
    return sources, notes


class CannotListError(Exception):
    """A folder or archive cannot be listed. The text says why."""


def _is_platforms(name: str) -> bool:
    """Whether a platform may have given the name, also a Canvas with short ids."""
    return any(shape(name) for shape in SHAPES)


def _alone(whole: Source, group: lms_download.Group) -> Source:
    """One of the files of a learner, without the others."""
    handed = next(handed for name, handed in group.files if name == Path(whole.origin).name)
    late = (_late(group),) if handed.late else ()
    about = () if group.student and not group.team else group.notes  # otherwise they are about the other files
    return msgspec.structs.replace(
        whole,
        name=group.learner,
        places=(_called(whole.places[0], handed),),
        student=group.student,
        handed_in=handed.handed_in or group.handed_in,
        notes=(*late, *about),
        team=whole.origin if group.team else "",
    )


class Box(Protocol):
    """A folder or an archive that may hold a class, or a folder in it."""

    @property
    def folder(self) -> str:
        """The path of the folder that is looked at. Empty if it is the whole."""

    def entries(self) -> list[Entry]:
        """Its entries, sorted by name. Raises CannotListError."""

    def below(self, folder: str) -> Box:
        """The box of one of its folders."""

    def is_link(self, name: str) -> bool: ...

    def names_in(self, folder: str) -> Mapping[str, EntryKind]:
        """The names in one of its folders. Empty if it cannot be read."""

    def place(self, name: str) -> Place: ...

    def origin(self, name: str) -> str: ...

    @property
    def notes(self) -> tuple[str, ...]: ...


class FolderBox:
    """A folder. A link in it is told as what it points to, and `is_link` tells that it is one."""

    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, folder: str = "") -> None:
        self.path, self.folder = path / folder, folder
        self._whole = path

    def entries(self) -> list[Entry]:
        try:
            with os.scandir(self.path) as found:
                return sorted((_entry(e) for e in islice(found, MOST_SUBMISSIONS)), key=lambda entry: entry.name)
        except OSError as error:
            raise CannotListError(f"cannot be read ({error.strerror})") from None

    def below(self, folder: str) -> FolderBox:
        return FolderBox(self._whole, f"{self.folder}/{folder}".lstrip("/"))

    def is_link(self, name: str) -> bool:
        return (self.path / name).is_symlink()

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
    """An archive. It is listed when its entries are asked for."""

    def __init__(self, path: Path, intake: Intake, inside: Parts = ()) -> None:
        self.path, self.intake, self.inside, self.folder = path, intake, inside, "/".join(inside)
        self.listing = Listing((), {})

    def entries(self) -> list[Entry]:
        listing = self.intake.list(Place(str(self.path.absolute()), self.inside))
        if isinstance(listing, Failed):
            raise CannotListError(listing.reason)
        self.listing = listing
        return list(listing.entries[:MOST_SUBMISSIONS])

    def below(self, folder: str) -> ArchiveBox:
        return ArchiveBox(self.path, self.intake, (*self.inside, folder))

    def is_link(self, name: str) -> bool:
        return False  # a link has a kind of its own in an archive

    def names_in(self, folder: str) -> Mapping[str, EntryKind]:
        return {e.name: e.kind for e in self.listing.folders.get(folder, ())}

    def place(self, name: str) -> Place:
        return Place(str(self.path.absolute()), (*self.inside, name))

    def origin(self, name: str) -> str:
        return f"{self.path}: {'/'.join((*self.inside, name))}"

    @property
    def notes(self) -> tuple[str, ...]:
        return self.listing.notes


def _entry(entry: os.DirEntry[str]) -> Entry:
    try:
        kind: EntryKind = "folder" if entry.is_dir() else "file" if entry.is_file() else "other"
    except OSError:
        kind = "other"
    return Entry(entry.name, kind)


class ClassBox(NamedTuple):
    """What holds a class, with its entries, and notes about the folders around it."""

    box: Box
    entries: list[Entry]
    notes: tuple[str, ...] = ()


def _class_in(box: Box, depth: int = 0) -> ClassBox | None:
    """The class in a box, if it holds one. Folders that hold nothing else may be around it. Raises CannotListError."""
    entries = box.entries()
    visible = _visible(entries)
    inner: ClassBox | None = None
    if len(visible) == 1 and depth < MOST_AROUND and _may_be_around(box, visible[0]):
        with contextlib.suppress(CannotListError):  # then it is a row, which says so
            inner = _class_in(box.below(visible[0].name), depth + 1)
    # The only folder may be the only learner's work. So its content must clearly be a class.
    if _is_class(box, entries) and not (inner and _has_several(inner.box, inner.entries)):
        return ClassBox(box, entries)
    return inner and inner._replace(notes=(*box.notes, *_hidden_note(entries), *inner.notes))


def _may_be_around(box: Box, entry: Entry) -> bool:
    """Whether an entry may be the folder around a class."""
    is_folder = entry.kind == "folder" and not box.is_link(entry.name)
    return is_folder and entry.name != EXERCISES and parse(entry.name) is None


def _has_several(box: Box, entries: Sequence[Entry]) -> bool:
    """Whether what looks like a class is one of several learners, and cannot be the work of one."""
    visible = _visible(entries)
    if any(parse(e.name) for e in visible):
        return True
    folders = [e.name for e in visible if e.kind == "folder"]
    if EXERCISES in folders:
        return any(box.names_in(name).get(EXERCISES) == "folder" for name in folders if name != EXERCISES)
    archives = [e.name for e in visible if is_archive(e.name)]
    notebooks = [e.name for e in visible if e.name.endswith(SUFFIX)]
    handed_in = [name for name in folders if archives or _looks_handed_in(box.names_in(name))]
    return len({*archives, *notebooks, *handed_in}) > 1


def _hidden_note(entries: Iterable[Entry]) -> list[str]:
    hidden = [e.name for e in entries if _hidden(e.name)]
    return [f"hidden, ignored: {_listed(hidden)}"] if hidden else []


def _is_class(box: Box, entries: Sequence[Entry]) -> bool:
    """Whether the entries are submissions of several learners, and not the files of one."""
    visible = _visible(entries)
    names = {e.name for e in visible if e.kind == "folder"}
    files = [e.name for e in visible if e.kind == "file"]
    if names >= WORKBOOK_FOLDERS or _is_bare({e.name: e.kind for e in visible}):
        return False
    found = lms_download.download(visible)
    # Among a learner's own loose files one may be called like a platform's.
    if found and (2 * len(found.handed) >= len(visible) or any(map(_is_work, visible))):
        return True
    if EXERCISES not in names and any(parse(e.name) for e in visible):
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
    return name.startswith(".") or name in NOISE


def _visible(entries: Iterable[Entry]) -> list[Entry]:
    return [e for e in entries if not _hidden(e.name)]


def _in_box(box: Box, entries: Sequence[Entry], intake: Intake) -> tuple[list[Source], list[str]]:
    """A source for each submission, and lines about the other entries."""
    notes = [*box.notes, *_hidden_note(entries)]
    visible = _visible(entries)
    groups, line = _groups(box, visible, intake)
    notes += [line] if line else []
    linked = {e.name: _linked(e) for e in visible if box.is_link(e.name)}
    sources = [_of_group(box, group, linked) for group in groups]
    named = {name for group in groups for name, _ in group.files}
    if any(group.platform == "Gradescope" for group in groups):
        named.add(GRADESCOPE)
    rest = [e for e in visible if e.name not in named]
    works = [e.name for e in rest if _is_work(e)]
    sources += [_of_name(box, name, linked) for name in works]
    others = [e.name for e in sorted(rest, key=lambda e: e.kind != "other") if not _is_work(e)]
    if others:
        kinds = f"not a folder, notebook ({SUFFIX}) or archive"
        notes.append(f"not a submission, because it is {kinds}: {_listed(others)}")
    if len(entries) >= MOST_SUBMISSIONS:
        notes.append(f"only the first {MOST_SUBMISSIONS} entries were read")
    return sorted(sources, key=lambda source: source.origin), notes


def _is_work(entry: Entry) -> bool:
    return entry.kind != "other" and lms_download.is_work(entry)


def _groups(box: Box, visible: Iterable[Entry], intake: Intake) -> tuple[list[lms_download.Group], str]:
    """The learners whose work a platform handed over in this box. None, and perhaps a line, if it is no download."""
    entries = [e for e in visible if e.kind != "other"]
    found = lms_download.download(entries)
    if found is None:
        return [], lms_download.doubt(entries)
    users: dict[str, str] = {}
    for name, handed in found.handed.items():
        if _is_attempt(handed) and (user := blackboard_user(intake.first_line(box.place(name)))):
            users[handed.owner] = user
    has_teams = found.platform == "Gradescope" and any(e.name == GRADESCOPE for e in entries)
    teams = intake.owners(box.place(GRADESCOPE)) if has_teams else {}
    return lms_download.group(found, users, teams), ""


def _is_attempt(handed: Handed) -> bool:
    """Whether it is the text file that Blackboard writes for an attempt."""
    return handed.platform == "Blackboard" and not handed.file


def _of_name(box: Box, name: str, linked: Mapping[str, str]) -> Source:
    source = Source("", _name(Path(name)), box.origin(name), (box.place(name),))
    return msgspec.structs.replace(source, places=(), problem=linked[name]) if name in linked else source


def _of_group(box: Box, group: lms_download.Group, linked: Mapping[str, str]) -> Source:
    files = [(name, handed) for name, handed in group.files if not _is_attempt(handed)] or group.files
    places = tuple(_called(box.place(name), handed) for name, handed in files)
    notes = (*group.notes, _late(group)) if group.late else group.notes
    origin, team = box.origin(files[-1][0]), box.origin(group.team) if group.team else ""
    problem = next((linked[name] for name, _ in files if name in linked), "")
    places = () if problem else places
    return Source("", group.learner, origin, places, group.student, group.handed_in, notes, problem, team=team)


def _late(group: lms_download.Group) -> str:
    return f"{group.platform} says that it was handed in late"


def _linked(entry: Entry) -> str:
    """Why a link in a class is not followed: it may lead to the work of another learner."""
    return f"{entry.name} is a link: hand in the {entry.kind} itself"


def _called(place: Place, handed: Handed) -> Place:
    """The place, with the name that the learner gave the file."""
    name = without_number(handed.file) if handed.platform == "Canvas" else handed.file
    return msgspec.structs.replace(place, name=name if "/" not in name else "")


def _listed(names: Sequence[str]) -> str:
    first = ", ".join(names[:SHOWN])
    return first + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def apart(workbook: Path, sources: Iterable[Source]) -> Iterator[Source]:
    """The sources. One that is the workbook that judges, or overlaps with it, has a problem instead of places."""
    root = Path(os.path.realpath(workbook))
    number = cache(_number)
    own = {number(root / folder) for folder in ("", *WORKBOOK)} - {None}
    for source in sources:
        paths = [Path(os.path.realpath(place.file)) for place in source.places]
        near = (number(folder) for path in paths for folder in (path / EXERCISES, path, *path.parents))
        if any(path.is_relative_to(root) or root.is_relative_to(path) for path in paths) or not own.isdisjoint(near):
            problem = "overlaps with the workbook that judges: grade a copy elsewhere, or give --workbook"
            yield msgspec.structs.replace(source, places=(), problem=problem)
        else:
            yield source


def _number(folder: Path) -> tuple[int, int] | None:
    """What is the same for a folder by all its names, mounts too. None if there is none, or it is not told."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None
