"""Where in a tree the answers are: which files are koans, which are notebooks or archives, and what else is there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

import msgspec

from grader.book.notebook_parser.notebook_file import SUFFIX
from grader.course.intake import lms_names
from grader.course.intake.archive_tree import is_archive
from grader.course.intake.tree import MOST_ENTRIES, Entry, EntryKind, Parts, Tree, Unreadable

EXERCISES = "exercises"
CHAPTER_NOTEBOOK = re.compile(r"ch\d\d_\w+\.ipynb")  # a file name that `koans notebook export --all` gives
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
    names = _Names(tree)
    try:
        found = _found(names, koans)
    except (FileNotFoundError, Unreadable) as error:
        found = Layout(problem=_why(error))
    return msgspec.structs.replace(found, notes=(*found.notes, *dict.fromkeys(names.notes)))


class _Names:
    """Lists the folders of a tree, and notes where it did not list all."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.notes: list[str] = []

    def visible(self, folder: Parts, wanted: Iterable[str]) -> list[Entry]:
        """The entries without hidden files and what macOS adds to archives. No wanted name is left out.

        Raises FileNotFoundError and Unreadable as `Tree.entries` does.
        """
        entries = self.tree.entries(folder)
        if len(entries) >= MOST_ENTRIES:
            where = "/".join(folder) or "the top folder"
            self.notes.append(
                f"{where}: only the first {MOST_ENTRIES:,} names were listed, then only known ones looked up"
            )
            listed = {e.name for e in entries}
            kinds = [(name, self.kind_at(*folder, name)) for name in wanted if name not in listed]
            entries += [Entry(name, kind) for name, kind in kinds if kind]
        return [e for e in entries if not e.name.startswith((".", "__"))]

    def kind_at(self, *path: str) -> EntryKind | None:
        """What is at a path, or None if nothing can be read there."""
        try:
            return self.tree.kind_at(path)
        except Unreadable:
            return None


def _found(names: _Names, koans: Collection[str]) -> Layout:
    chapters = {koan.partition("/")[0] for koan in koans}
    top = names.visible((), (EXERCISES, *chapters, *_files_of(koans)))
    if any(e.kind == "folder" and e.name == EXERCISES for e in top):
        return _of_exercises(names, (), koans)
    if problem := _of_several(top):
        return Layout(problem=problem)
    folders = [e.name for e in top if e.kind == "folder"]
    if len(folders) > MOST_FOLDERS:
        names.notes.append(f"{EXERCISES} was looked for in the first {MOST_FOLDERS} of {len(folders)} folders")
    places = [name for name in folders[:MOST_FOLDERS] if names.kind_at(name, EXERCISES) == "folder"]
    if len(places) > 1:
        return Layout(problem=f"several folders have {EXERCISES}/: {_listed(places)}")
    if places:
        return _of_exercises(names, (places[0],), koans)
    if any(e.kind == "link" and e.name == EXERCISES for e in top):
        return Layout(problem=f"{EXERCISES} is a link: hand in the folder itself")
    if chapters.intersection(folders):
        found = _koan_files(names, (), koans)
        note = f"the chapters are not in a folder {EXERCISES}/"
        return Layout(found.koans, place=(), notes=(note, *found.notes))
    return _loose(names, top, koans)


def _of_several(entries: Collection[Entry]) -> str:
    """The problem if a learning platform has named these files after several learners. Otherwise an empty string."""
    work = [e.name for e in entries if e.kind == "folder" or e.name.endswith((SUFFIX, ".py")) or is_archive(e.name)]
    owners: dict[tuple[str, str], str] = {}
    for name in work:
        handed = lms_names.parse(name)
        if handed is None:  # then a learner may have named the others too
            return ""
        if handed.student or handed.platform == "Gradescope":
            owners[handed.platform, handed.owner] = name
    if len(owners) < 2:
        return ""
    return f"contains the work of several learners; grade it as a class: {_listed(list(owners.values()))}"


def _of_exercises(names: _Names, place: Parts, koans: Collection[str]) -> Layout:
    found = _koan_files(names, (*place, EXERCISES), koans)
    notes = found.notes
    if place:
        notes = (f"{EXERCISES} was found in the folder {place[0]}", *notes)
    beside = [e for folder in dict.fromkeys((place, ())) for e in names.visible(folder, ())]
    ignored = [e.name for e in beside if e.kind == "file" and (e.name.endswith(SUFFIX) or is_archive(e.name))]
    if ignored:
        notes = (*notes, f"not read, because there is a folder {EXERCISES}/: {_listed(ignored)}")
    return msgspec.structs.replace(found, place=place, notes=notes)


def _koan_files(names: _Names, folder: Parts, koans: Collection[str]) -> Layout:
    """The files of koans below `folder`, which has chapters. Other files in it are counted."""
    paths: dict[str, Parts] = {}
    others: list[str] = []
    notes: list[str] = []
    chapters = {koan.partition("/")[0] for koan in koans}
    for chapter in names.visible(folder, chapters):
        if chapter.name not in chapters:
            if folder and chapter.kind != "other":
                others.append(chapter.name)
            continue
        own = [koan for koan in koans if koan.startswith(f"{chapter.name}/")]
        if chapter.kind != "folder":  # whoever reads the files says what is wrong with it
            paths |= {k: (*folder, *_file_of(k)) for k in own}
            continue
        try:
            entries = names.visible((*folder, chapter.name), [_file_of(k)[1] for k in own])
        except (FileNotFoundError, Unreadable) as error:
            notes.append(f"{chapter.name}: {_why(error)}")
            continue
        for entry in entries:
            koan = f"{chapter.name}/{entry.name.removesuffix('.py')}"
            if koan in koans and entry.name.endswith(".py"):
                paths[koan] = (*folder, chapter.name, entry.name)
            elif not entry.name.startswith("test_"):
                others.append(f"{chapter.name}/{entry.name}")
    if others:
        one = len(others) == 1
        notes.append(f"{len(others)} {'file does' if one else 'files do'} not match any koan: {_listed(others)}")
    return Layout(paths, notes=tuple(notes))


def _loose(names: _Names, top: Collection[Entry], koans: Collection[str]) -> Layout:
    """Notebooks, archives and single files of koans, in the root or in the one folder that it has."""
    place: Parts = ()
    files = [e for e in top if e.kind == "file"]
    folders = [e.name for e in top if e.kind == "folder"]
    if not files and len(folders) == 1:
        place = (folders[0],)
        try:
            inside = names.visible(place, _files_of(koans))
        except (FileNotFoundError, Unreadable) as error:
            return Layout(problem=f"{place[0]}: {_why(error)}")
        if problem := _of_several(inside):
            return Layout(problem=problem)
        files = [e for e in inside if e.kind == "file"]
    notebooks = tuple((*place, e.name) for e in files if e.name.endswith(SUFFIX))
    archives = tuple((*place, e.name) for e in files if is_archive(e.name))
    paths = {koan: (*place, e.name) for e in files if (koan := koan_called(e.name, koans))}
    if not (notebooks or archives or paths):
        return Layout(problem=f"has no {EXERCISES}/ folder; give the root of a submission")
    read = [path[-1] for path in (*notebooks, *archives, *paths.values())]
    others = [e.name for e in files if e.name not in read]
    notes = [f"not read: {_listed(others)}"] if others else []
    whole = read[: len(notebooks) + len(archives)]  # which may each be all the work of somebody
    if len(read) > 1 and not all(map(CHAPTER_NOTEBOOK.fullmatch, whole)):
        notes.append(f"count together as the work of one learner: {_listed(read)}")
    return Layout(paths, notebooks, archives, place, tuple(notes))


def koan_called(name: str, koans: Collection[str]) -> str:
    """The id of the only koan whose file has this name, or an empty string."""
    same = [koan for koan in koans if f"{koan.partition('/')[2]}.py" == name]
    return same[0] if len(same) == 1 else ""


def _files_of(koans: Collection[str]) -> Iterable[str]:
    return (_file_of(koan)[1] for koan in koans)


def _file_of(koan: str) -> Parts:
    chapter, _, name = koan.partition("/")
    return chapter, f"{name}.py"


def _listed(names: Collection[str]) -> str:
    first = ", ".join(sorted(names)[:SHOWN])
    return first + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _why(error: Exception) -> str:
    return "does not exist" if isinstance(error, FileNotFoundError) else str(error)
