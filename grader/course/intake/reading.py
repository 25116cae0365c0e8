"""Takes one submission apart: from its place on disk to texts of koans. It is called in a process that has confined
itself.

What it returns is data that a stranger may have forged, so `client` checks it again.
"""

from __future__ import annotations

import io
import math
import os
import stat
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import msgspec

from grader.book.notebook_parser import notebook_file
from grader.book.notebook_parser.answers import Outline
from grader.course.intake import notebooks
from grader.course.intake.archive_tree import is_archive, open_archive, open_part
from grader.course.intake.git_folder import is_repository
from grader.course.intake.git_tree import GitTree, Repository, difference_note, differing, open_repository
from grader.course.intake.layout import EXERCISES, Layout, koan_called, layout
from grader.course.intake.shown import shown
from grader.course.intake.submission import Place
from grader.course.intake.tree import FolderTree, Parts, Tree, Unreadable
from grader.judge.sandbox.submission import LARGEST, as_source, as_text

LONGEST_NOTE = 300  # characters
LARGEST_METADATA = 4 << 20  # bytes
LARGEST_ARCHIVE = 64 << 20  # bytes of an archive within an archive
DEEPEST = 2  # an archive in a platform's archive may hold one more


class Found(msgspec.Struct, frozen=True):
    """What a submission holds: see `submission.Submission`."""

    texts: dict[str, str] = {}
    refused: dict[str, str] = {}
    commit: str = ""
    branch: str = ""
    authored: str = ""
    notes: tuple[str, ...] = ()
    problem: str = ""


def take(
    places: Sequence[Place], koans: Collection[str], outlines: Sequence[Outline], scratch: Path, seconds: float
) -> Found:
    """What the places of one submission hold together. Git may use the folder `scratch`, and so many seconds."""
    taking = _Taking(koans, scratch, time.monotonic() + seconds)
    for place in places:
        try:
            taking.place(place)
        except FileNotFoundError:
            taking.problems.append(f"{_name(place)}: does not exist")
        except Unreadable as error:
            taking.problems.append(str(error))
    return taking.result(outlines)


def text_at(place: Place) -> str:
    """The text of one file of at most LARGEST_METADATA. Raises FileNotFoundError and Unreadable."""
    path = Path(place.file)
    with _opened(path) as stream:
        if not place.inside:
            return as_text(_bounded(stream, path.name, LARGEST_METADATA), path.name)
        tree = open_part(stream, path.name, place.inside, math.inf)
        return as_text(tree.read(place.inside, LARGEST_METADATA), place.inside[-1])


@dataclass
class _Taking:
    """A submission that is being read."""

    koans: Collection[str]
    scratch: Path
    deadline: float  # of the monotonic clock
    texts: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)  # of koans in a tree, as they were read
    notebooks: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    commit: str = ""
    branch: str = ""
    authored: str = ""

    def place(self, place: Place) -> None:
        """Read one place. Raises FileNotFoundError and Unreadable."""
        path = Path(place.file)
        try:
            link, kind = path.is_symlink(), path.stat().st_mode
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Unreadable(f"{path.name}: cannot be read ({error.strerror})") from None
        if link and not stat.S_ISDIR(kind):
            raise Unreadable(f"{path.name} is a link: hand in the file itself")
        if stat.S_ISDIR(kind):
            self._folder(path)
        elif not stat.S_ISREG(kind):
            raise Unreadable(f"{path.name} is not a plain file")
        else:
            with _opened(path) as stream:
                self._stream(place, stream)

    def _stream(self, place: Place, stream: BinaryIO) -> None:
        name, inside = Path(place.file).name, place.inside
        if not inside:
            self._file(place.name or name, stream, DEEPEST)
            return
        tree = open_part(stream, name, inside, self.deadline)
        if tree.kind_at(inside) == "folder":
            self._tree(tree.below(inside), DEEPEST - 1)
        else:
            self.notes += tree.notes
            self._file(_name(place), io.BytesIO(tree.read(inside, LARGEST_ARCHIVE)), DEEPEST - 1)

    def _folder(self, path: Path) -> None:
        tree = FolderTree(path)
        bare = is_repository(path) and not any(tree.kind_at((name,)) for name in (EXERCISES, ".git"))
        if bare:
            with open_repository(path, self.scratch, self._remaining()) as repository:
                self._tree(self._commit(repository), 0)
            return
        found = self._tree(tree, 1)
        for folder in dict.fromkeys((found.place, ())):  # a repository is the folder of exercises/, or around it
            if found.koans and os.path.lexists(path.joinpath(*folder, ".git")):
                self._history(path, folder, found)
                break

    def _commit(self, repository: Repository) -> GitTree:
        head = repository.head()
        self.commit, self.branch, self.authored = head.hash, head.branch, head.authored
        self.notes += head.notes
        return repository.tree(head)

    def _history(self, root: Path, folder: Parts, found: Layout) -> None:
        """Which commit a folder was checked out from, and what differs from it. Its files were read already."""
        texts: dict[Parts, bytes | None] = {
            path[len(folder) :]: self.files[koan] for koan, path in found.koans.items() if koan in self.files
        }
        try:
            with open_repository(root.joinpath(*folder), self.scratch, self._remaining()) as repository:
                self.notes += difference_note(differing(self._commit(repository), texts))
        except (FileNotFoundError, Unreadable) as error:
            self.commit = self.branch = self.authored = ""
            self.notes.append(f"its history was not read: {error}")

    def _remaining(self) -> float:
        return max(1.0, self.deadline - time.monotonic())

    def _file(self, name: str, stream: BinaryIO, depth: int) -> None:
        """A notebook, an archive or the file of one koan."""
        if name.endswith(notebook_file.SUFFIX):
            self.notebooks.append((name, as_text(_bounded(stream, name, notebook_file.LARGEST), name)))
        elif is_archive(name) and depth:
            self._tree(open_archive(stream, name), depth - 1)
        elif koan := koan_called(name, self.koans):
            self._text(koan, as_source(_bounded(stream, name, LARGEST), name))
        else:
            self.problems.append(
                f"{name}: is not a folder, notebook ({notebook_file.SUFFIX}), archive or file of a koan"
            )

    def _tree(self, tree: Tree, depth: int) -> Layout:
        """The answers in a tree. `depth` says how many archives within archives are still read."""
        found = layout(tree, self.koans)
        self.notes += [*found.notes, *getattr(tree, "notes", ())]
        if found.problem:
            self.problems.append(found.problem)
        for koan, path in found.koans.items():
            try:
                self.files[koan] = tree.read(path, LARGEST)
                self._text(koan, as_source(self.files[koan], "/".join(path)))
            except FileNotFoundError:
                self.refused[koan] = f"{'/'.join(path)} is named, but does not exist"
            except Unreadable as error:
                self.refused[koan] = str(error)
        for path in (*found.notebooks, *found.archives):
            largest = LARGEST_ARCHIVE if path in found.archives else notebook_file.LARGEST
            try:
                self._file(path[-1], io.BytesIO(tree.read(path, largest)), depth)
            except (FileNotFoundError, Unreadable) as error:
                self.problems.append(str(error))
        return found

    def _text(self, koan: str, text: str) -> None:
        if self.texts.get(koan, text) != text:
            self.notes.append(f"{koan}: handed in twice; the later file counts")
        self.texts[koan] = text
        self.refused.pop(koan, None)

    def result(self, outlines: Sequence[Outline]) -> Found:
        """All of it. What is wrong is a problem only if nothing else was found."""
        if self.notebooks:
            parsed = notebooks.find_answers(self.notebooks, outlines)
            self.notes += parsed.notes
            if parsed.problem:
                self.problems.append(parsed.problem)
            for koan, text in parsed.texts.items():
                self._text(koan, text)
        problem = ""
        if self.problems and not (self.texts or self.refused):
            problem, self.problems = "; ".join(dict.fromkeys(self.problems)), []
        notes = [shown(note, LONGEST_NOTE) for note in dict.fromkeys([*self.problems, *self.notes])]
        refused = {koan: shown(why, LONGEST_NOTE) for koan, why in self.refused.items()}
        return Found(
            self.texts,
            refused,
            self.commit,
            self.branch,
            self.authored,
            tuple(notes),
            shown(problem, LONGEST_NOTE),
        )


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise Unreadable(f"{path.name}: cannot be read ({error.strerror})") from None


def _bounded(stream: BinaryIO, name: str, largest: int) -> bytes:
    """All bytes of the stream. Raises Unreadable if there are more than `largest`."""
    data = stream.read(largest + 1)
    if len(data) > largest:
        raise Unreadable(f"{name} has more than {largest >> 10} KiB")
    return data


def _name(place: Place) -> str:
    return place.name or (place.inside[-1] if place.inside else Path(place.file).name)
