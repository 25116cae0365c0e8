"""Reads archives that a stranger handed in as trees of files. Nothing is ever written to disk.

A zip file is read through its list of files, and a file in it is inflated when it is asked for. A tar file is read once
from start to end, and the files that may be needed are kept in memory. Sizes in headers are not trusted: reading stops
at a limit. The names of entries are checked before anything uses them.

An archive may hold the work of a class, and then only a part of it is read at a time. What is not in the part is passed
over: it is not counted, kept or remarked on, so no learner can harm another.
"""

from __future__ import annotations

import bz2
import io
import lzma
import re
import stat
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, BinaryIO, Literal, NamedTuple, Protocol, cast

import msgspec

from grader.course.intake.shown import shown
from grader.course.intake.tree import LARGEST_NAME, MOST_ENTRIES, Entry, EntryKind, Parts
from grader.judge.sandbox.submission import LARGEST as LARGEST_FILE
from grader.judge.sandbox.submission import Unreadable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

ZIP, TARS = ".zip", (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
MOST_FILES = 20_000  # files and folders of an archive, or of the part of it that is read
MOST_AT_TOP = 20_000  # names in the root of an outline
MOST_IN_FOLDER = 200  # names in each folder of an outline
DEEPEST = 32  # folders above a file
LARGEST_LIST = 64 << 20  # bytes of the list of files of a zip file: over 400,000 files with ordinary names
LARGEST_HEADER = 64 << 10  # bytes of one header of a tar file
MOST_BYTES = 256 << 20  # bytes that are inflated in all
MOST_PASSED = 4 << 30  # bytes of a tar file of which only a part is wanted
MOST_KEPT = 64 << 20  # bytes of the files of a tar file that are kept
DICTIONARY = 128 << 20  # bytes of memory that the decompressor of .xz may use
CHUNK = 64 << 10
MOST_STREAMS = 1000  # compressed files that follow each other in one file
# The largest files of a tar file that are kept, by suffix. Files with another suffix are only listed.
KEPT = {".py": LARGEST_FILE, ".ipynb": 16 << 20, ".yml": 4 << 20, ZIP: MOST_KEPT, **dict.fromkeys(TARS, MOST_KEPT)}
INSTALLED = frozenset({"site-packages", "node_modules", "__pycache__"})  # folders of packages, which nobody hands in
NOISE = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})  # what file managers add
# The time that tarfile takes for a header grows with the square of the length of a number in it (CVE-2024-6232).
LONG_NUMBER = re.compile(rb"[0-9]{100}")
DRIVE = re.compile(r"[A-Za-z]:")
# All that the parsers of the standard library raise for a damaged or hostile archive.
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    LookupError,
    ArithmeticError,
    TypeError,
    AttributeError,
    AssertionError,
)

Format = Literal["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"]
MAGIC: tuple[tuple[bytes, Format], ...] = (
    (b"PK\3\4", "zip"),
    (b"PK\5\6", "zip"),
    (b"\x1f\x8b", "tar.gz"),
    (b"BZh", "tar.bz2"),
    (b"\xfd7zXZ\0", "tar.xz"),
)
UNKNOWN = ((b"Rar!", "a RAR archive"), (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"))


class _Leaf(msgspec.Struct, frozen=True):
    """A file of an archive. `read` gives its first bytes, at most one more than the argument. Or it raises Unreadable.

    A link, or what is not a plain file, has no `read`.
    """

    kind: EntryKind
    size: int = 0
    read: Callable[[int], bytes] | None = None


_Folder = dict[str, "_Leaf | _Folder"]


class ArchiveTree:
    """A tree in an archive. `notes` say what was left out and what is odd."""

    def __init__(self, root: _Folder, notes: tuple[str, ...] = ()) -> None:
        self._root = root
        self.notes = notes

    def entries(self, folder: Parts = ()) -> list[Entry]:
        found = self._at(folder)
        if isinstance(found, _Leaf):
            raise Unreadable(f"{_path(folder)} is not a folder")
        return [_entry(name, found[name]) for name in sorted(found)[:MOST_ENTRIES]]

    def kind_at(self, path: Parts) -> EntryKind | None:
        try:
            found = self._at(path)
        except FileNotFoundError:
            return None
        return found.kind if isinstance(found, _Leaf) else "folder"

    def read(self, path: Parts, largest: int) -> bytes:
        found = self._at(path)
        if not isinstance(found, _Leaf) or found.read is None:
            raise Unreadable(f"{_path(path)} is a link, a folder or unreadable: hand in the file itself")
        try:
            data = found.read(largest)
        except Unreadable as error:
            raise Unreadable(f"{_path(path)} {error}") from None
        except MemoryError:
            raise Unreadable(f"{_path(path)} needs too much memory") from None
        except BROKEN as error:
            raise Unreadable(f"{_path(path)} is damaged in the archive ({_why(error)})") from None
        if len(data) > largest:
            raise Unreadable(f"{_path(path)} has more than {largest >> 10} KiB")
        return data

    def below(self, folder: Parts) -> ArchiveTree:
        """The tree of one folder. Raises FileNotFoundError and Unreadable as `entries` does."""
        found = self._at(folder)
        if isinstance(found, _Leaf):
            raise Unreadable(f"{_path(folder)} is not a folder")
        return ArchiveTree(found, self.notes)

    def _at(self, path: Parts) -> _Leaf | _Folder:
        here: _Leaf | _Folder = self._root
        for depth, name in enumerate(path):
            if isinstance(here, _Leaf):
                raise Unreadable(f"{_path(path[:depth])} is not a folder")
            if name not in here:
                raise FileNotFoundError(2, "not submitted", _path(path))
            here = here[name]
        return here


def is_archive(name: str) -> bool:
    """Whether a file of this name is an archive that can be read."""
    return name.lower().endswith((ZIP, *TARS))


def open_archive(data: bytes | int | BinaryIO, name: str, prefix: Parts = ()) -> ArchiveTree:
    """The tree in an archive that is given as bytes, descriptor or open file. `name` is for messages.

    The content decides about the format, because learners rename archives. The folder `prefix` becomes the root. Zip
    files are read later too, so the descriptor must stay open. Raises Unreadable, and FileNotFoundError if the archive
    has no such folder.
    """
    return open_part(data, name, prefix).below(prefix)


def open_part(data: bytes | int | BinaryIO, name: str, part: Parts, deadline: float | None = None) -> ArchiveTree:
    """The tree in an archive, with nothing but the file or folder at `part`. Paths are as in the whole archive.

    Limits and notes are about the part only. A tar file is read until the deadline, a time of the monotonic clock.
    """
    label = shown(name)
    builder = _Builder(label, part)
    _read(data, label, builder, _Choice(part, deadline))
    return builder.tree()


def outline(
    data: bytes | int | BinaryIO, name: str, deadline: float | None = None, root: Parts = ()
) -> tuple[dict[str, EntryKind | dict[str, EntryKind]], tuple[str, ...]]:
    """The names in the root of an archive with their kinds, or the names in a folder with theirs. And notes.

    The folder `root` may be looked at instead of the archive's own root. The notes are about the root only. Of the root
    and of each folder a bounded number of names is told. If a tar file breaks off, what came before is told. Raises
    Unreadable.
    """
    label = shown(name)
    names = _Outline(label, root)
    _read(data, label, names, _Choice(None, deadline))
    return names.root, names.notes()


class _Choice(NamedTuple):
    """Which part of an archive is read: None is only the names. And how long a tar file may take."""

    part: Parts | None
    deadline: float | None = None

    def has(self, name: str) -> bool:
        """Whether an entry of this name is at or below the part. An odd name belongs to its first folder."""
        if not self.part:
            return True
        return not name.startswith("/") and _names(name)[: len(self.part)] == self.part


def _read(data: bytes | int | BinaryIO, label: str, sink: _Sink, choice: _Choice) -> None:
    if isinstance(data, bytes):
        file: BinaryIO = io.BytesIO(data)
    else:
        file = open(data, "rb", closefd=False) if isinstance(data, int) else data  # noqa: SIM115
        file.seek(0)
    try:
        if (kind := _format(file, label)) == "zip":
            _zip(file, label, sink, choice)
        else:
            _tar(file, kind, label, sink, choice)
    except Unreadable:
        raise
    except MemoryError:
        raise Unreadable(f"{label} needs too much memory") from None
    except BROKEN as error:
        raise Unreadable(f"{label} cannot be read as an archive ({_why(error)})") from None


def _format(file: BinaryIO, name: str) -> Format:
    head = file.read(512)
    file.seek(0)
    if not head:
        raise Unreadable(f"{name} is empty")
    for magic, what in UNKNOWN:
        if head.startswith(magic):
            raise Unreadable(f"{name} is {what}, which cannot be read: hand in a .zip")
    by_content = next((kind for magic, kind in MAGIC if head.startswith(magic)), None)
    if by_content is None and head[257:262] != b"ustar" and name.lower().endswith(ZIP):
        return "zip"  # a zip file may have other data before it
    return by_content or "tar"


def _why(error: BaseException) -> str:
    return shown(str(error)) or type(error).__name__


def _path(parts: Parts) -> str:
    return shown("/".join(parts)) or "the archive"


def _entry(name: str, found: _Leaf | _Folder) -> Entry:
    return Entry(name, found.kind, found.size) if isinstance(found, _Leaf) else Entry(name, "folder")


class _Sink:
    """Takes the entries of an archive one by one, and keeps count of what is odd."""

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self._odd: dict[str, tuple[str, int]] = {}  # for each remark the first name and the number of names

    def add(self, name: str, leaf: _Leaf | None) -> None:
        """Add a file or, without a leaf, a folder."""
        raise NotImplementedError

    def remark(self, what: str, name: str) -> None:
        """Count an odd entry. `what` follows the name in a sentence."""
        first, count = self._odd.get(what, (shown(name), 0))
        self._odd[what] = (first, count + 1)

    def remark_on_kind(self, kind: EntryKind, name: str) -> None:
        if kind != "file":
            self.remark(
                "is a link and is not followed" if kind == "link" else "is not a plain file and is not read", name
            )

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"{self.archive}: {first} {what}" + (f" (and {count - 1:,} more like it)" if count > 1 else "")
            for what, (first, count) in self._odd.items()
        )


class _Outline(_Sink):
    """The names of the root and of each folder in it. Remarks are about the root only.

    The folder `above` is taken for the root.
    """

    def __init__(self, archive: str, above: Parts) -> None:
        super().__init__(archive)
        self.above = above
        self.root: dict[str, EntryKind | dict[str, EntryKind]] = {}

    def add(self, name: str, leaf: _Leaf | None) -> None:
        path, top = parts_of(name), len(self.above)
        if isinstance(path, str):  # the folder that has the odd entry is told, so that it gets a row
            inside = _names(name)
            if name.startswith("/") or len(inside) < top + 2 or isinstance(parts_of("/".join(inside[: top + 1])), str):
                self.remark(path, name)
                return
            path, leaf = inside[: top + 1], None
        if len(path) <= top or path[:top] != self.above or _is_noise(path):
            return
        path = path[top:]
        known = self.root.get(path[0])
        if known is None:
            if len(self.root) >= MOST_AT_TOP:
                return
            known = self.root[path[0]] = leaf.kind if leaf and len(path) == 1 else {}
            if not isinstance(known, dict):
                self.remark_on_kind(known, name)
        elif isinstance(known, dict) != (leaf is None or len(path) > 1):
            self.remark("is both a file and a folder: the first one counts", path[0])
        elif leaf and len(path) == 1:
            self.remark("appears twice: the last one counts", name)
            self.root[path[0]] = leaf.kind
        if isinstance(known, dict) and len(path) > 1 and len(known) < MOST_IN_FOLDER:
            known.setdefault(path[1], leaf.kind if leaf and len(path) == 2 else "folder")


class _Builder(_Sink):
    """Builds a tree from the entries of a part of an archive."""

    def __init__(self, archive: str, part: Parts) -> None:
        super().__init__(archive)
        self.part = part
        self.root: _Folder = {}
        self.nodes = 0

    def add(self, name: str, leaf: _Leaf | None) -> None:
        checked = parts_of(name)
        if isinstance(checked, str):
            self.remark(checked, name)
            self._folder(self.part)  # an outline tells it too
            return
        if not checked or _is_noise(checked):
            return
        if leaf is not None:
            self.remark_on_kind(leaf.kind, name)
        here = self._folder(checked[:-1] if leaf else checked)
        if here is None or (leaf is not None and isinstance(here.get(checked[-1]), dict)):
            self.remark("is both a file and a folder: the first one counts", name)
        elif leaf is not None:
            if checked[-1] in here:
                self.remark("appears twice: the last one counts", name)
            else:
                self._count()
            here[checked[-1]] = leaf

    def _folder(self, path: Parts) -> _Folder | None:
        """The folder at a path, made if it is missing. None if a file is there."""
        here = self.root
        for part in path:
            if part not in here:
                self._count()
            below = here.setdefault(part, {})
            if isinstance(below, _Leaf):
                return None
            here = below
        return here

    def _count(self) -> None:
        self.nodes += 1
        if self.nodes > MOST_FILES:
            raise Unreadable(
                f"{self.archive} has more than {MOST_FILES:,} files and folders: leave out .venv and other folders "
                "that are not yours"
            )

    def tree(self) -> ArchiveTree:
        return ArchiveTree(self.root, self.notes())


def _names(name: str) -> Parts:
    return tuple(part for part in name.split("/") if part not in ("", "."))


def _is_noise(path: Parts) -> bool:
    return any(part in NOISE or part.startswith("._") for part in path)


def parts_of(name: str) -> Parts | str:
    """The path of an entry of this name, or what is wrong with the name."""
    if "\0" in name or "\\" in name:
        return "has a backslash or a null character in its name and is ignored"
    if name.startswith("/") or DRIVE.match(name):
        return "is an absolute path and is ignored"
    parts = _names(name)
    if ".." in parts:
        return "leads out of the archive and is ignored"
    try:
        longest = max((len(part.encode()) for part in parts), default=0)
    except UnicodeEncodeError:
        return "has a name that is not UTF-8 and is ignored"
    if longest > LARGEST_NAME or len(parts) > DEEPEST:
        return "has a name or path that is too long and is ignored"
    return parts


class _Ends(Unreadable):
    """The whole archive takes too much, whosever files do."""


class _Budget:
    """How many bytes may still be inflated."""

    def __init__(self, most: int, error: type[Unreadable] = Unreadable) -> None:
        self.most = self.left = most
        self._error = error

    def spend(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise self._error(f"cannot be read: the archive unpacks to more than {self.most >> 20} MiB")


# Zip


class _List(NamedTuple):
    """Where the list of files of a zip file is. Positions in it are relative to `base`."""

    start: int
    size: int
    base: int


def _find_list(file: BinaryIO) -> _List:
    """Find the list through the record at the end, which a comment may follow."""
    length = file.seek(0, io.SEEK_END)
    first = file.seek(max(0, length - LONGEST_END))
    tail = file.read(LONGEST_END)
    at = len(tail) - END.size
    if at < 0 or not (tail.startswith(b"PK\5\6", at) and tail.endswith(b"\0\0")):
        at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) < at + END.size:
        raise zipfile.BadZipFile("File is not a zip file")
    size, offset = END.unpack_from(tail, at)[5:7]
    end = first + at
    wide = at - END_64.size - LOCATOR_64.size
    if wide >= 0 and tail.startswith(b"PK\6\6", wide) and tail.startswith(b"PK\6\7", at - LOCATOR_64.size):
        size, offset = END_64.unpack_from(tail, wide)[8:10]
        end = first + wide
    if size > end:
        raise zipfile.BadZipFile("the list of its files is cut off")
    return _List(end - size, size, end - size - offset)


END = struct.Struct("<4s4H2LH")
END_64 = struct.Struct("<4sQ2H2L4Q")
LOCATOR_64 = struct.Struct("<4sLQL")
LONGEST_END = END.size + 0xFFFF + END_64.size + LOCATOR_64.size
RECORD = struct.Struct("<4s4xH18x3H4xL4x")  # signature, flags, three lengths and attributes of a file in the list


class _Record(NamedTuple):
    """A file in the list of a zip file."""

    name: bytes
    flags: int
    attributes: int
    data: memoryview


def _records(data: bytes) -> Iterator[_Record]:
    """The files in a list. zipfile needs ten times as long for them."""
    view, at = memoryview(data), 0
    unpack, head = RECORD.unpack_from, RECORD.size
    while at < len(data):
        if len(data) < at + head:
            raise zipfile.BadZipFile("the list of its files is damaged")
        magic, flags, name, extra, comment, attributes = unpack(data, at)
        end = at + head + name + extra + comment
        if magic != b"PK\1\2" or end > len(data):
            raise zipfile.BadZipFile("the list of its files is damaged")
        yield _Record(data[at + head : at + head + name], flags, attributes, view[at:end])
        at = end


class _Shortened(io.BufferedIOBase):
    """A zip file whose list has only some of its files. zipfile reads a list of any size into memory."""

    def __init__(self, file: BinaryIO, place: _List, records: Sequence[_Record]) -> None:
        self._file, self._start, self._at = file, place.start, 0
        listed = b"".join(record.data for record in records)
        offset, end = place.start - place.base, place.start - place.base + len(listed)
        wide = b""
        if offset > 0xFFFFFFFE:
            numbers = (len(records), len(records), len(listed), offset)
            wide = END_64.pack(b"PK\6\6", END_64.size - 12, 45, 45, 0, 0, *numbers)
            wide += LOCATOR_64.pack(b"PK\6\7", 0, end, 1)
        counts = (len(records) & 0xFFFF,) * 2
        last = END.pack(b"PK\5\6", 0, 0, *counts, len(listed), min(max(offset, 0), 0xFFFFFFFF), 0)
        self._tail = listed + wide + last

    def read(self, size: int | None = -1, /) -> bytes:
        end = self._start + len(self._tail)
        stop = end if size is None or size < 0 else min(end, self._at + size)
        data = b""
        if self._at < self._start:
            self._file.seek(self._at)
            data = self._file.read(min(min(stop, self._start) - self._at, LARGEST_LIST))
            self._at += len(data)
        if self._start <= self._at < stop:
            data += self._tail[self._at - self._start : stop - self._start]
            self._at = stop
        return data

    def seek(self, offset: int, whence: int = 0, /) -> int:
        base = {0: 0, 1: self._at, 2: self._start + len(self._tail)}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def seekable(self) -> bool:
        return True


def _zip(file: BinaryIO, name: str, sink: _Sink, choice: _Choice) -> None:
    place = _find_list(file)
    if place.size > LARGEST_LIST:
        raise Unreadable(f"{name}: the list of files has more than {LARGEST_LIST >> 20} MiB")
    file.seek(place.start)
    data = file.read(place.size)
    # Some programs on Windows separate folders by backslashes.
    separator = "/" if any(b"/" in record.name for record in _records(data)) else "\\"
    if choice.part is None:
        for record in _records(data):
            path = _decoded(record.name, record.flags).replace(separator, "/")
            sink.add(path, _zip_leaf(path, record.attributes))
        return
    records = list(_chosen(data, separator, choice, name))
    if not records:
        return
    archive = zipfile.ZipFile(cast(BinaryIO, _Shortened(file, place, records)))
    budget = _Budget(MOST_BYTES)
    for record, entry in zip(records, archive.infolist(), strict=True):
        path = _decoded(record.name, record.flags).replace(separator, "/")
        leaf = _zip_leaf(path, record.attributes)
        if leaf and leaf.kind == "file":
            leaf = _Leaf("file", entry.file_size, _ZipReader(archive, entry, budget))
        sink.add(path, leaf)


def _chosen(data: bytes, separator: str, choice: _Choice, name: str) -> Iterator[_Record]:
    """The files of the part. Whether a folder of the root is above it is looked at once for each."""
    first = _Choice(choice.part[:1] if choice.part else ())
    mark, count = separator.encode(), 0
    above: dict[tuple[bytes, int], bool] = {}
    for record in _records(data):
        raw, flags = record.name, record.flags & UTF_8
        top = raw.partition(mark)[0]
        if top in (b"", b"."):
            above[top, flags] = True
        elif (top, flags) not in above:
            above[top, flags] = first.has(_decoded(top, flags))
        if not above[top, flags] or not choice.has(_decoded(raw, flags).replace(separator, "/")):
            continue
        count += 1
        if count > MOST_FILES:
            raise Unreadable(f"{name} has more than {MOST_FILES:,} files: leave out .venv")
        yield record


def _zip_leaf(path: str, attributes: int) -> _Leaf | None:
    mode = attributes >> 16
    if path.endswith("/") or stat.S_ISDIR(mode):
        return None
    if stat.S_ISLNK(mode):
        return _Leaf("link")
    return _Leaf("other" if stat.S_IFMT(mode) and not stat.S_ISREG(mode) else "file")


UTF_8 = 0x800  # the flag of a name


def _decoded(name: bytes, flags: int) -> str:
    """A name as it was written. Some programs write UTF-8 without saying so."""
    try:
        return name.decode()
    except UnicodeError:
        return name.decode("utf-8", "surrogateescape") if flags & UTF_8 else name.decode("cp437")


class _ZipReader:
    """Inflates one file of a zip file."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, budget: _Budget) -> None:
        self._archive, self._entry, self._budget = archive, entry, budget

    def __call__(self, largest: int) -> bytes:
        if self._entry.flag_bits & 0x41:
            raise Unreadable("is protected by a password")
        # zipfile inflates other formats without a limit.
        if self._entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Unreadable("uses a compression that is not supported: hand in an ordinary .zip")
        with self._archive.open(self._entry) as stream:
            return b"".join(self._chunks(stream, largest + 1))

    def _chunks(self, stream: IO[bytes], size: int) -> Iterator[bytes]:
        while size > 0 and (chunk := stream.read(min(size, CHUNK))):
            self._budget.spend(len(chunk))
            size -= len(chunk)
            yield chunk


# Tar


class _Decompressor(Protocol):
    """What BZ2Decompressor and LZMADecompressor have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Gzip:
    """A decompressor of gzip. gzip.GzipFile reads long headers byte by byte."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=DICTIONARY)


DECOMPRESSORS: dict[Format, Callable[[], _Decompressor]] = {
    "tar.gz": _Gzip,
    "tar.bz2": bz2.BZ2Decompressor,
    "tar.xz": _xz,
}


class _Inflated(io.RawIOBase):
    """The bytes of a compressed file, or of several that follow each other. Other data after one is ignored."""

    def __init__(self, file: BinaryIO, new: Callable[[], _Decompressor]) -> None:
        self._file, self._new = file, new
        self._decompressor = new()
        self._streams = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        data = self._some(len(view))
        view[: len(data)] = data
        return len(data)

    def _some(self, size: int) -> bytes:
        """Up to `size` bytes, and none at the end."""
        while True:
            if self._decompressor.eof:
                data = self._decompressor.unused_data or self._file.read(CHUNK)
                self._streams += 1
                if not data or self._streams > MOST_STREAMS:
                    return b""
                self._decompressor = self._new()
                try:
                    out = self._decompressor.decompress(data, size)
                except (OSError, zlib.error, lzma.LZMAError):
                    self._streams = MOST_STREAMS
                    return b""
            else:
                data = self._file.read(CHUNK) if self._decompressor.needs_input else b""
                waits = self._decompressor.needs_input
                out = self._decompressor.decompress(data, size)
                if waits and not data and not out and not self._decompressor.eof:
                    raise EOFError("it is cut off")
            if out:
                return out


class _Forward(io.RawIOBase):
    """The uncompressed bytes of a tar file, read once from start to end.

    tarfile is given no way back, because it reads some archives for ever, and no large header. `content` tells whether
    it now reads the content of a file. `last` is what was read last.
    """

    def __init__(self, stream: BinaryIO | io.BufferedReader, most: int, deadline: float | None) -> None:
        self._stream, self._deadline = stream, deadline
        self._budget = _Budget(most, _Ends)
        self._position = 0
        self.content = False
        self.last = b""

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= LARGEST_HEADER:
            raise tarfile.ReadError("a header is too large")
        data = self._next(size)
        if not self.content and LONG_NUMBER.search(data, tarfile.BLOCKSIZE):
            raise tarfile.ReadError("a header has a number that is too long")
        return data

    def _next(self, size: int) -> bytes:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise _Ends("takes too long to read")
        self.last = self._stream.read(size)
        self._position += len(self.last)
        self._budget.spend(len(self.last))
        return self.last

    def seek(self, offset: int, whence: int = 0, /) -> int:
        if whence or offset < self._position:
            raise tarfile.ReadError("it refers back to what was read")
        while self._position < offset and self._next(min(offset - self._position, CHUNK)):
            pass
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def _tar(file: BinaryIO, kind: Format, name: str, sink: _Sink, choice: _Choice) -> None:
    new = DECOMPRESSORS.get(kind)
    whole = choice.part == ()
    inflated = io.BufferedReader(_Inflated(file, new), CHUNK) if new else file
    stream = _Forward(inflated, MOST_BYTES if whole else MOST_PASSED, choice.deadline)
    read = False
    try:
        for member, leaf in _members(stream, choice):
            read = True
            sink.add(member, leaf)
    except BROKEN as error:
        if whole or not read:
            raise
        sink.remark(f"ends too early, and the rest is not read ({_why(error)})", "the archive")
    except Unreadable as error:
        if whole or not read or not isinstance(error, _Ends):
            raise error if str(error).startswith(name) else Unreadable(f"{name} {error}") from None
        sink.remark(f"{error}, and the rest is not read", "the archive")
    else:
        if stream.last.strip(b"\0"):  # a tar file ends with zeros, and tarfile takes damage for the end
            sink.remark("is damaged, and the rest is not read", "one place")


def _members(stream: _Forward, choice: _Choice) -> Iterator[tuple[str, _Leaf | None]]:
    """The name and leaf of each member of the part."""
    kept, used, count = _Budget(MOST_KEPT), _Budget(MOST_BYTES), 0
    archive = tarfile.TarFile(fileobj=cast(BinaryIO, stream), encoding="utf-8", errors="surrogateescape")
    for member in archive:
        archive.members.clear()  # type: ignore[attr-defined]  # tarfile keeps them all, with their headers
        if not choice.has(member.name):
            continue
        count += 1
        if choice.part is not None:
            if count > MOST_FILES:
                raise Unreadable(f"has more than {MOST_FILES:,} files: leave out .venv")
            if choice.part:
                used.spend(max(0, member.size))
        if member.isdir():
            yield member.name, None
        elif member.issym() or member.islnk():
            yield member.name, _Leaf("link")
        elif not member.isreg() or member.issparse():
            yield member.name, _Leaf("other")
        elif choice.part is None:
            yield member.name, _Leaf("file", member.size)
        else:
            yield member.name, _Leaf("file", member.size, _kept(archive, member, stream, kept))


def _kept(
    archive: tarfile.TarFile, member: tarfile.TarInfo, stream: _Forward, budget: _Budget
) -> Callable[[int], bytes]:
    """Read a file that may be needed now, for later."""
    largest = next((most for suffix, most in KEPT.items() if member.name.lower().endswith(suffix)), 0)
    installed = any(part in INSTALLED or part in NOISE or part.startswith(".") for part in member.name.split("/")[1:])
    if not largest or installed:
        return _Refused("is ignored: only notebooks, .py and archives are read from a tar file")
    if not 0 <= member.size <= largest:
        return _Refused(f"has {member.size >> 10} KiB; at most {largest >> 10} KiB are allowed")
    if member.size > budget.left:
        return _Refused(f"is ignored: the archive has more than {MOST_KEPT >> 20} MiB of such files")
    budget.spend(member.size)
    stream.content = True
    file = archive.extractfile(member)
    data = b"".join(iter(lambda: file.read(CHUNK), b"")) if file else b""
    stream.content = False
    return lambda most: data[: most + 1]


class _Refused:
    """A file that was not kept, and why."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __call__(self, most: int) -> bytes:
        raise Unreadable(self._reason)
