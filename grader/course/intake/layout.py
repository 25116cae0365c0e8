"""Where in a tree the answers are: which files are koans, which are notebooks or archives, and what else is there."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from grader.book.notebook_parser.notebook_file import SUFFIX
from grader.course.intake.archive_tree import is_archive
from grader.course.intake.tree import Entry, Parts, Tree, Unreadable

EXERCISES = "exercises"
MOST_FOLDERS = 200  # of one tree that are searched for exercises
SHOWN = 3  # names that a note lists


class Layout(msgspec.Struct, frozen=True):
    """The files of a tree that hold answers. `problem` says why there are none, and is empty otherwise.

    `koans` has the path of each koan's file. If there are any, the notebooks and archives are beside them, and count
    only as a note. `place` is the folder that the paths of koans begin with.
    """

    koans: Mapping[str, Parts] = {}
    notebooks: tuple[Parts, ...] = ()
    archives: tuple[Parts, ...] = ()
    place: Parts = ()
    notes: tuple[str, ...] = ()
    problem: str = ""


def layout(tree: Tree, koans: Collection[str]) -> Layout:
    """Look for answers in `exercises/`, then one folder down, then in the root itself. `koans` are the known ids."""
    try:
        top = _visible(tree.entries())
    except (FileNotFoundError, Unreadable) as error:
        return Layout(problem=_why(error))
    places = [()] if _has_exercises(tree, top) else [(e.name,) for e in _folders(top) if _holds_exercises(tree, e)]
    if len(places) > 1:
        return Layout(problem=f"several folders have {EXERCISES}/: {_listed(['/'.join(p) for p in places])}")
    if places:
        return _of_exercises(tree, places[0], koans)
    if any(e.kind == "link" and e.name == EXERCISES for e in top):
        return Layout(problem=f"{EXERCISES} is a link: hand in the folder itself")
    chapters = {koan.partition("/")[0] for koan in koans}
    if any(e.name in chapters for e in _folders(top)):
        found = _koan_files(tree, (), koans)
        note = f"chapters found without a folder {EXERCISES}/ around them"
        return Layout(found.koans, place=(), notes=(note, *found.notes))
    return _loose(tree, top, koans)


def _visible(entries: Collection[Entry]) -> list[Entry]:
    """Without hidden files, and without what macOS adds to archives."""
    return [e for e in entries if not e.name.startswith((".", "__"))]


def _folders(entries: Collection[Entry]) -> list[Entry]:
    return [e for e in entries if e.kind == "folder"][:MOST_FOLDERS]


def _has_exercises(tree: Tree, entries: Collection[Entry]) -> bool:
    return any(e.kind == "folder" and e.name == EXERCISES for e in entries)


def _holds_exercises(tree: Tree, folder: Entry) -> bool:
    try:
        return _has_exercises(tree, tree.entries((folder.name,)))
    except (FileNotFoundError, Unreadable):
        return False


def _of_exercises(tree: Tree, place: Parts, koans: Collection[str]) -> Layout:
    found = _koan_files(tree, (*place, EXERCISES), koans)
    notes = found.notes
    if place:
        notes = (f"{EXERCISES} found one folder down, in {place[0]}", *notes)
    beside = _visible(tree.entries(place))
    ignored = [e.name for e in beside if e.kind == "file" and (e.name.endswith(SUFFIX) or is_archive(e.name))]
    if ignored:
        notes = (*notes, f"not read, because there is a folder {EXERCISES}/: {_listed(ignored)}")
    return msgspec.structs.replace(found, place=place, notes=notes)


def _koan_files(tree: Tree, folder: Parts, koans: Collection[str]) -> Layout:
    """The files of koans below `folder`, which has chapters. Other files in it are counted."""
    paths: dict[str, Parts] = {}
    others: list[str] = []
    notes: list[str] = []
    chapters = {koan.partition("/")[0] for koan in koans}
    for chapter in _visible(tree.entries(folder)):
        if chapter.name not in chapters:
            if folder and chapter.kind != "other":
                others.append(chapter.name)
            continue
        if chapter.kind != "folder":  # whoever reads the files says what is wrong with it
            paths |= {k: (*folder, *_file_of(k)) for k in koans if k.startswith(f"{chapter.name}/")}
            continue
        try:
            entries = tree.entries((*folder, chapter.name))
        except (FileNotFoundError, Unreadable) as error:
            notes.append(f"{chapter.name}: {_why(error)}")
            continue
        for entry in _visible(entries):
            koan = f"{chapter.name}/{entry.name.removesuffix('.py')}"
            if koan in koans and entry.name.endswith(".py"):
                paths[koan] = (*folder, chapter.name, entry.name)
            elif not entry.name.startswith("test_"):
                others.append(f"{chapter.name}/{entry.name}")
    if others:
        one = len(others) == 1
        notes.append(f"{len(others)} {'file matches' if one else 'files match'} no koan: {_listed(others)}")
    return Layout(paths, notes=tuple(notes))


def _loose(tree: Tree, top: Collection[Entry], koans: Collection[str]) -> Layout:
    """Notebooks, archives and single files of koans, in the root or in the one folder that it has."""
    place: Parts = ()
    files = [e for e in top if e.kind == "file"]
    folders = _folders(top)
    if not files and len(folders) == 1:
        place = (folders[0].name,)
        try:
            files = [e for e in _visible(tree.entries(place)) if e.kind == "file"]
        except (FileNotFoundError, Unreadable) as error:
            return Layout(problem=f"{place[0]}: {_why(error)}")
    notebooks = tuple((*place, e.name) for e in files if e.name.endswith(SUFFIX))
    archives = tuple((*place, e.name) for e in files if is_archive(e.name))
    paths = {koan: (*place, e.name) for e in files if (koan := koan_called(e.name, koans))}
    if not (notebooks or archives or paths):
        return Layout(problem=f"has no {EXERCISES}/ folder; give the root of a submission")
    read = {path[-1] for path in (*notebooks, *archives, *paths.values())}
    others = [e.name for e in files if e.name not in read]
    notes = [f"not read: {_listed(others)}"] if others else []
    return Layout(paths, notebooks, archives, place, tuple(notes))


def koan_called(name: str, koans: Collection[str]) -> str:
    """The id of the only koan whose file has this name, or an empty string."""
    same = [koan for koan in koans if f"{koan.partition('/')[2]}.py" == name]
    return same[0] if len(same) == 1 else ""


def _file_of(koan: str) -> Parts:
    chapter, _, name = koan.partition("/")
    return chapter, f"{name}.py"


def _listed(names: Collection[str]) -> str:
    first = ", ".join(sorted(names)[:SHOWN])
    return first + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _why(error: Exception) -> str:
    return "is not there" if isinstance(error, FileNotFoundError) else str(error)
