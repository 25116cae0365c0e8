"""A commit of a repository that belongs to a stranger, as a tree of files.

    with open_repository(folder, scratch, seconds=20) as repository:
        commit = repository.head()
        tree = repository.tree(commit)

No checkout, no filter, no hook, no settings: names and contents come from git's objects as they are. All of it has one
deadline. What cannot be read raises Unreadable with a reason in our words.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from heapq import heappop, heappush
from pathlib import Path

import msgspec

from grader.course.intake.git_folder import HASH, Refs, is_repository, objects_path, read_refs
from grader.course.intake.git_objects import Missing, Objects, Stopped, TooLarge
from grader.course.intake.tree import LARGEST_NAME, MOST_ENTRIES, Entry, EntryKind, Parts
from grader.judge.sandbox.submission import Unreadable

SECONDS = 20.0
LARGEST_COMMIT = 1 << 20  # bytes, with its message and signatures
LARGEST_TREE = 1 << 20  # bytes of one folder's object: about 20,000 names
MOST_PARENTS = 64
MOST_KEPT = 100_000  # names that are kept in memory
MOST_COMMITS = 2000  # that are read to find the branches that are ahead
MOST_NAMED = 3  # branches in the notes
CLOCKS = 24 * 3600  # seconds by which the clocks of a team may differ

_COMMIT = re.compile(rf"tree ({HASH})\n((?:parent {HASH}\n)*)(.*)".encode(), re.DOTALL)
_TIME = rb"^%s [^\n]*> (\d{1,10}) ([+-])(\d\d)(\d\d)$"
_AUTHOR = re.compile(_TIME % b"author", re.MULTILINE)
_COMMITTER = re.compile(_TIME % b"committer", re.MULTILINE)
_PLAIN = re.compile(r"\w[\w./+#-]{0,99}")  # a branch name that can be shown anywhere
_BRANCH = re.compile(r"refs/(?:heads|remotes)/(?P<name>.+)")


class Commit(msgspec.Struct, frozen=True):
    """A commit, and notes on how it stands in its repository.

    `branch` is empty if HEAD is detached or the name is not a plain one. The times are in ISO 8601 with the offset of
    who made the commit, and empty if the commit has none that makes sense. Anybody can set them to anything.
    """

    hash: str
    tree: str
    branch: str = ""
    authored: str = ""
    committed: str = ""
    notes: tuple[str, ...] = ()


class Repository:
    """An open repository. See `open_repository`."""

    def __init__(self, refs: Refs, objects: Objects) -> None:
        self._refs = refs
        self._objects = objects

    def head(self) -> Commit:
        """The commit that HEAD points to. Raises Unreadable."""
        raw = _read_commit(self._objects, self._refs.head)
        notes = [] if self._refs.branch else ["HEAD is detached"]
        if self._refs.shallow:
            notes.append("the repository is shallow: it holds only a part of the history")
        notes += _ahead(self._refs, self._objects, raw)
        authored, committed = _iso(_AUTHOR, raw.rest), _iso(_COMMITTER, raw.rest)
        return Commit(self._refs.head, raw.tree, _shown(self._refs.branch), authored, committed, tuple(notes))

    def tree(self, commit: Commit) -> GitTree:
        """The files of a commit."""
        return GitTree(self._objects, commit.tree)


@contextmanager
def open_repository(folder: Path, scratch: Path, seconds: float = SECONDS) -> Iterator[Repository]:
    """Open a bare repository, or the one of a folder that is checked out. All that is read has these seconds.

    `scratch` is a folder of ours, for git. Raises Unreadable if the repository is damaged or refers to another place.
    """
    if not is_repository(folder):
        raise Unreadable("it is not a git repository")
    deadline = time.monotonic() + seconds
    refs = read_refs(folder, deadline)
    objects = Objects(objects_path(folder), scratch, "sha1" if len(refs.head) == 40 else "sha256", deadline)
    try:
        yield Repository(refs, objects)
    finally:
        objects.close()


# --- files ---------------------------------------------------------------------------------------------------------


class _Named(msgspec.Struct, frozen=True):
    """A name in a tree object."""

    kind: EntryKind
    hash: str


class GitTree:
    """The files of a commit: a Tree."""

    def __init__(self, objects: Objects, root: str) -> None:
        self._objects = objects
        self._root = root
        self._kept: dict[str, dict[str, _Named]] = {}

    def entries(self, folder: Parts = ()) -> list[Entry]:
        names = sorted(self._folder(folder).items())[:MOST_ENTRIES]
        try:
            found = self._objects.facts([named.hash for _, named in names if named.kind == "file"])
        except Unreadable as error:
            raise Unreadable(f"{_path(folder)} cannot be read: {error}") from None
        facts = iter(found)
        sizes = (size.size if n.kind == "file" and (size := next(facts, None)) else 0 for _, n in names)
        return [Entry(name, named.kind, size) for (name, named), size in zip(names, sizes, strict=True)]

    def kind_at(self, path: Parts) -> EntryKind | None:
        try:
            return self._find(path).kind
        except FileNotFoundError:
            return None

    def read(self, path: Parts, largest: int) -> bytes:
        name = self.hash_at(path)
        try:
            return self._objects.read(name, "blob", largest)
        except TooLarge as error:
            raise Unreadable(
                f"{_path(path)} has {error.size >> 10} KiB; at most {largest >> 10} KiB are allowed"
            ) from None
        except Unreadable as error:
            raise Unreadable(f"{_path(path)} cannot be read: {error}") from None

    def hash_at(self, path: Parts) -> str:
        """The hash of a file's contents. Raises as `read` does."""
        named = self._find(path)
        if named.kind != "file":
            raise Unreadable(f"{_path(path)} is a link, a folder or another repository: hand in the file itself")
        return named.hash

    def hash_of(self, data: bytes) -> str:
        """The hash that a file with these contents has in this repository."""
        return self._objects.hash_of("blob", data)

    def _find(self, path: Parts) -> _Named:
        named = self._folder(path[:-1]).get(path[-1]) if path else _Named("folder", self._root)
        if named is None:
            raise FileNotFoundError(2, "not submitted", _path(path))
        return named

    def _folder(self, path: Parts) -> dict[str, _Named]:
        """The names in a folder."""
        at = self._root
        names = self._names(at, ())
        for depth, part in enumerate(path, 1):
            named = names.get(part)
            if named is None:
                raise FileNotFoundError(2, "not submitted", _path(path))
            if named.kind != "folder":
                raise Unreadable(f"{_path(path[:depth])} is a link, a file or another repository, not a folder")
            at = named.hash
            names = self._names(at, path[:depth])
        return names

    def _names(self, tree: str, path: Parts) -> dict[str, _Named]:
        if tree not in self._kept:
            if sum(map(len, self._kept.values())) >= MOST_KEPT:
                self._kept.clear()
            try:
                data = self._objects.read(tree, "tree", LARGEST_TREE)
                self._kept[tree] = dict(_parse_tree(data, len(tree) // 2))
            except Unreadable as error:
                raise Unreadable(f"{_path(path)} cannot be read: {error}") from None
        return self._kept[tree]


def _path(path: Parts) -> str:
    return "/".join(path) or "the top folder"


def _parse_tree(data: bytes, hash_size: int) -> Iterator[tuple[str, _Named]]:
    """The entries of a tree object, each of which is "MODE NAME\\0" and a hash."""
    seen: set[bytes] = set()
    at = 0
    while at < len(data):
        space = data.find(b" ", at, at + 8)
        end = data.find(b"\0", space + 1, space + LARGEST_NAME + 2)
        if space < 0 or end < 0 or end + 1 + hash_size > len(data):
            raise Unreadable("an object is damaged")
        mode, name = data[at:space], data[space + 1 : end]
        at = end + 1 + hash_size
        if name in seen or name in (b"", b".", b"..") or b"/" in name or name.lower() == b".git":
            raise Unreadable("it holds a name that git does not check out")
        seen.add(name)
        yield name.decode("utf-8", errors="surrogateescape"), _Named(_kind(mode), data[end + 1 : at].hex())


def _kind(mode: bytes) -> EntryKind:
    if mode.startswith(b"100") and len(mode) == 6:
        return "file"
    return "folder" if mode in (b"40000", b"040000") else "link" if mode == b"120000" else "other"


def differing(tree: GitTree, texts: Mapping[Parts, bytes | None]) -> list[Parts]:
    """The paths whose contents differ between the working folder and the commit. None stands for no file.

    Line ends do not count.
    """
    return [path for path, data in texts.items() if _differs(tree, path, data)]


def _differs(tree: GitTree, path: Parts, data: bytes | None) -> bool:
    try:
        name = tree.hash_at(path)
    except FileNotFoundError:
        return data is not None
    except Unreadable:
        return True
    if data is None:
        return True
    text = data.replace(b"\r\n", b"\n")
    if name in (tree.hash_of(data), tree.hash_of(text)):
        return False
    try:
        return tree.read(path, 2 * len(data) + 2).replace(b"\r\n", b"\n") != text
    except Unreadable:
        return True


def difference_note(paths: Iterable[Parts]) -> tuple[str, ...]:
    """A note about paths that differ, if there are any."""
    count = len(list(paths))
    return (f"{count} file{'s differ' if count > 1 else ' differs'} from the commit",) if count else ()


# --- commits -------------------------------------------------------------------------------------------------------


class _RawCommit(msgspec.Struct, frozen=True):
    """A commit object. `rest` is what follows the tree and the parents, and `time` the committer's, 0 if unknown."""

    tree: str
    parents: tuple[str, ...]
    rest: bytes
    time: int


def _read_commit(objects: Objects, name: str) -> _RawCommit:
    """Raises Unreadable."""
    try:
        data = objects.read(name, "commit", LARGEST_COMMIT)
    except (Missing, Stopped):
        raise
    except Unreadable as error:
        raise Unreadable(f"its commit cannot be read: {error}") from None
    parts = _COMMIT.fullmatch(data)
    if parts is None:
        raise Unreadable("its commit cannot be read: an object is damaged")
    headers = parts[3].partition(b"\n\n")[0]
    parents = tuple(line[7:].decode() for line in parts[2].splitlines()[:MOST_PARENTS])
    committer = _COMMITTER.search(headers)
    return _RawCommit(parts[1].decode(), parents, headers, int(committer[1]) if committer else 0)


def _iso(pattern: re.Pattern[bytes], headers: bytes) -> str:
    found = pattern.search(headers)
    if found is None:
        return ""
    hours, minutes = int(found[3]), int(found[4])
    if hours > 14 or minutes > 59:
        return ""
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if found[2] == b"-" else 1)
    return datetime.fromtimestamp(int(found[1]), timezone(offset)).isoformat()


def _shown(ref: str) -> str:
    """The short name of a branch, or an empty string if it is not a plain name."""
    branch = _BRANCH.fullmatch(ref)
    return branch["name"] if branch and _PLAIN.fullmatch(branch["name"]) else ""


def _ahead(refs: Refs, objects: Objects, head: _RawCommit) -> Iterator[str]:
    """Notes on the branches that hold the graded commit and later ones, newest first."""
    branches: dict[str, str] = {}  # one name for each tip: a branch is often here and on a remote
    for name in sorted(refs.refs):  # refs/heads/ comes first
        if _BRANCH.fullmatch(name):
            branches.setdefault(refs.refs[name], name)
    later = _later_commits(objects, refs.head, branches, head.time - CLOCKS)
    names = [f"branch `{name}`" if (name := _shown(branches[tip])) else "a branch" for tip in later if tip in branches]
    for name in names[:MOST_NAMED]:
        yield f"{name} is ahead of the graded branch"
    if (more := len(names) - MOST_NAMED) > 0:
        yield f"{more} more {'branches are' if more > 1 else 'branch is'} ahead of the graded branch"


def _later_commits(objects: Objects, head: str, tips: Iterable[str], oldest: int) -> list[str]:
    """The descendants of `head` among the ancestors of `tips`, newest first.

    MOST_COMMITS are read, newest first, and no ancestors of commits before the time `oldest`.
    """
    seen = {head}
    times: dict[str, int] = {}
    children: dict[str, list[str]] = {}
    queue: list[tuple[int, str]] = []

    def read(name: str) -> None:
        if name in seen or len(seen) >= MOST_COMMITS:
            return
        seen.add(name)
        try:
            commit = _read_commit(objects, name)
        except Stopped:
            raise
        except Unreadable:  # the end of a shallow history, or a tag
            return
        times[name] = commit.time
        for parent in commit.parents:
            children.setdefault(parent, []).append(name)
            if commit.time >= oldest:
                heappush(queue, (-commit.time, parent))

    for tip in tips:
        read(tip)
    while queue:
        read(heappop(queue)[1])
    later, waiting = set[str](), [head]
    while waiting:
        new = [child for child in children.pop(waiting.pop(), ()) if child not in later]
        later.update(new)
        waiting += new
    return sorted(later, key=lambda name: (-times[name], name))
