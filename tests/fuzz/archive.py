"""Fuzzes archives: `python -m tests.fuzz.archive --seconds 600 --seed 1`."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import random
import struct
import sys
import tarfile
import warnings
import zipfile

from grader.course.intake.archive_tree import (
    MOST_BYTES,
    MOST_KEPT,
    ArchiveTree,
    is_archive,
    open_archive,
    open_part,
    outline,
)
from grader.course.intake.tree import LARGEST_NAME, MOST_ENTRIES, Parts, Unreadable
from tests.fuzz.fuzzer import INTERESTING, Fuzzer, main, mutated

warnings.filterwarnings("ignore", "Duplicate name")
NAMES = (
    "exercises/ch06_numerics/softmax.py", "softmax.py", "hw.ipynb", "a", "a/b.py", "a/b/", "../x.py", "/etc/passwd",
    "C:\\x.py", "a\\b.py", "exercises\\x.py", "./a//b.py", "..", ".", "", "/", "\0.py", "é.py", "Jürgen/hw.py",
    "\ud800.py".encode("utf-8", "replace").decode(), "x" * 300 + ".py", "d/" * 40 + "x.py", "__MACOSX/._a", "._a",
    "inner.zip", "inner.tar.gz", "\x1b[31m.py", "a\nb.py", "con.py", "submission_1/hw.py",
)  # fmt: skip
MODES = (0, 0o644, 0o100644, 0o120777, 0o040755, 0o010644, 0o020644, 0o060644, 0o140644, 0o170000)
NUMBERS = (0, 1, -1, 511, 512, 513, 10_000, 1 << 20, 1 << 33, 1 << 62, -512, -1024, -(1 << 40), -(1 << 62))
WRONG_TYPES = b"0\0" + b"1234567ALKNSVXxgD\xff"


def make(rng: random.Random) -> bytes:
    data = make_zip(rng) if rng.random() < 0.5 else make_tar(rng)
    if rng.random() < 0.1:
        data = rng.randbytes(rng.choice((1, 20, 600))) + data
    return mutated(data, rng) if rng.random() < 0.7 else data


def content(rng: random.Random, deep: bool = True) -> bytes:
    match rng.randrange(8 if deep else 6):
        case 0:
            return b""
        case 1:
            return bytes(rng.choice((512, 1 << 20, 20 << 20 if rng.random() < 0.05 else 3)))
        case 2:
            return rng.randbytes(rng.choice((3, 511, 512, 5000)))
        case 6:
            return make_zip(rng, deep=False)
        case 7:
            return make_tar(rng, deep=False)
        case _:
            return b"def softmax(x):\n    return x\n"


def make_zip(rng: random.Random, deep: bool = True) -> bytes:
    out = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(out, "w") as archive:
        for _ in range(rng.choice((0, 1, 2, 3, 8))):
            entry = zipfile.ZipInfo()
            entry.filename = entry.orig_filename = rng.choice(NAMES)
            entry.compress_type = rng.choice(methods)
            entry.external_attr = rng.choice(MODES) << 16 | rng.choice((0, 16))
            if rng.random() < 0.3:
                entry.extra = rng.choice((b"", struct.pack("<HHQQ", 1, 16, 1 << 62, 1 << 61), rng.randbytes(9)))
            with contextlib.suppress(ValueError, struct.error):
                archive.writestr(entry, content(rng, deep))
        archive.comment = rng.choice((b"", b"", b"hello", b"PK\5\6" + bytes(18), rng.randbytes(40)))
    return damaged_zip(bytearray(out.getvalue()), rng)


def damaged_zip(data: bytearray, rng: random.Random) -> bytes:
    """Change fields of headers of a zip file."""
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        signature = rng.choice((b"PK\1\2", b"PK\3\4", b"PK\5\6"))
        places = [i for i in range(len(data)) if data.startswith(signature, i)] if len(data) < 20_000 else []
        if places:
            at = rng.choice(places) + 4 + rng.randrange(0, 42, 2)
            width = rng.choice((2, 4))
            data[at : at + width] = (rng.choice(INTERESTING) % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(data)


def make_tar(rng: random.Random, deep: bool = True) -> bytes:
    blocks = [member(rng, deep) for _ in range(rng.choice((0, 1, 2, 3, 8)))]
    data = b"".join(blocks) + bytes(rng.choice((0, 512, 1024, 10240)))
    if deep and rng.random() < 0.2:
        data = mutated(data, rng)
    match rng.randrange(5):
        case 0:
            return gzip.compress(data, 1) * rng.choice((1, 1, 2)) + rng.choice((b"", b"trailing", bytes(20)))
        case 1:
            return bz2.compress(data, 1) * rng.choice((1, 1, 2))
        case 2:
            return lzma.compress(data, preset=0) * rng.choice((1, 1, 2)) + rng.choice((b"", bytes(4)))
        case _:
            return data


def member(rng: random.Random, deep: bool) -> bytes:
    """One member of a tar file: its header, whose checksum is right, and its content."""
    name, data = rng.choice(NAMES), content(rng, deep)
    if rng.random() < 0.25:
        data = extended(rng)
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), rng.choice(MODES)
    info.linkname = rng.choice(("", "/etc/passwd", "a", name))
    form = rng.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    try:
        block = bytearray(info.tobuf(form, "utf-8", "surrogateescape"))
    except ValueError:  # a name that this format cannot hold
        block = bytearray(tarfile.TarInfo("x").tobuf(form))
    head = bytearray(block[-512:])
    if rng.random() < 0.7:
        head[156:157] = bytes([rng.choice(WRONG_TYPES)])
    if rng.random() < 0.3:  # the number of another field, in octal or in base 256
        at, width = rng.choice(((124, 12), (124, 12), (136, 12), (100, 8), (108, 8), (483, 12), (386, 12), (398, 12)))
        number = rng.choice(NUMBERS)
        octal = b"%0*o\0" % (width - 1, max(number, 0) % 8 ** (width - 1))
        wide = (number % (1 << 8 * width)).to_bytes(width, "big")
        head[at : at + width] = rng.choice((octal, wide, b"\x80" + wide[1:], rng.randbytes(width)))
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(block[:-512] + head) + data + bytes(-len(data) % 512)


def extended(rng: random.Random) -> bytes:
    """The content of an extended header, more or less."""
    keys = (b"path", b"size", b"linkpath", b"mtime", b"hdrcharset", b"charset", b"GNU.sparse.map", b"GNU.sparse.size",
            b"GNU.sparse.major", b"GNU.sparse.minor", b"GNU.sparse.realsize", b"GNU.sparse.name", b"uid")  # fmt: skip
    values = (b"x.py", b"../x.py", b"0", b"1", b"-1", b"-512", b"9" * 30, b"nan", b"inf", b"1e400", b"BINARY", b"0,0,1,9",
              b"\xff\xfe", b"a\0b", b"", b"/" * 300, b"1" * 5000)  # fmt: skip
    records = []
    for _ in range(rng.randrange(5)):
        record = b" " + rng.choice(keys) + b"=" + rng.choice(values) + b"\n"
        length = len(record) + len(str(len(record) + 2))
        records.append(str(rng.choice((length, length, length, 0, 10**9))).encode() + record)
    return b"".join(records) + rng.choice((b"", b"", b"\0", rng.randbytes(5)))


def check(data: bytes) -> None:
    for name in ("hw.zip", "hw.tar.gz"):
        inspect(data, name, deep=True)


def inspect(data: bytes, name: str, deep: bool) -> None:
    inspect_parts(data, name)
    try:
        tree = open_archive(data, name)
    except Unreadable as error:
        clear(error)
        return
    for note in tree.notes:
        assert note.isprintable() and len(note) < 400
    inflated = walk(tree, (), deep)
    assert inflated <= 2 * MOST_BYTES + MOST_KEPT


def inspect_parts(data: bytes, name: str) -> None:
    """Look at the names of an archive, and at each entry of its root as the work of one learner."""
    try:
        root, notes = outline(data, name)
    except Unreadable as error:
        clear(error)
        return
    for top, inside in root.items():
        try:
            part = open_part(data, name, (top,))
        except Unreadable as error:
            clear(error)
            continue
        [entry] = part.entries()
        assert entry.name == top and isinstance(inside, dict) == (entry.kind == "folder")
        notes += part.notes
        assert walk(part, (), deep=False) <= 2 * MOST_BYTES + MOST_KEPT
        if isinstance(inside, dict):
            inspect_folder(data, name, top, part)
    for note in notes:
        assert note.isprintable() and len(note) < 400


def inspect_folder(data: bytes, name: str, top: str, part: ArchiveTree) -> None:
    """Look at a folder of the root as if a class were in it."""
    told, notes = outline(data, name, root=(top,))
    whole = {entry.name: entry.kind for entry in part.entries((top,))}
    assert set(whole) <= set(told) or len(whole) == MOST_ENTRIES
    for inner, below in list(told.items())[:3]:
        [entry] = open_part(data, name, (top, inner)).entries((top,))
        assert entry.name == inner and isinstance(below, dict) == (entry.kind == "folder")
    for note in notes:
        assert note.isprintable() and len(note) < 400


def walk(tree: ArchiveTree, folder: Parts, deep: bool) -> int:
    """Look at all files. Returns how many bytes were read."""
    entries = tree.entries(folder)
    assert len(entries) <= MOST_ENTRIES
    assert [e.name for e in entries] == sorted({e.name for e in entries})
    inflated = 0
    for entry in entries:
        path = (*folder, entry.name)
        assert entry.name not in ("", ".", "..") and not set(entry.name) & set("/\\\0")
        assert len(entry.name.encode()) <= LARGEST_NAME
        if entry.kind == "folder":
            inflated += walk(tree, path, deep)
        for largest in (5, 1 << 20):
            try:
                data = tree.read(path, largest)
            except Unreadable as error:
                clear(error)
                continue
            assert entry.kind == "file" and len(data) <= largest
            assert data == tree.read(path, largest)
            inflated += len(data)
            if deep and is_archive(entry.name) and largest > 5:
                inspect(data, entry.name, deep=False)
    return inflated


def clear(error: Unreadable) -> None:
    """Whether the reason is one line, and not the lack of memory."""
    text = str(error)
    assert text.isprintable() and 10 < len(text) < 400, text
    assert "memory" not in text, text


FUZZER = Fuzzer("archive", make, check)

if __name__ == "__main__":
    sys.exit(main(FUZZER))
