"""Git repositories for tests: honest ones made by git, and objects, packs and indexes of any content made by hand."""

import hashlib
import os
import struct
import subprocess
import zlib
from bisect import bisect_left
from pathlib import Path

KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
REF_DELTA = 7
ADA = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0530",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": "1700000100 -0800",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(folder, *args, **variables):
    """What git prints when it is run in a folder."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **ADA, **variables}
    return subprocess.run(
        ["git", *args], cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout.strip()


def fork(folder, files, *options):
    """A checked-out repository with one commit of these texts by path."""
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main", *options)
    return commit_files(folder, files)


def commit_files(folder, files, **variables):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode() if isinstance(text, str) else text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "work", **variables)
    return git(folder, "rev-parse", "HEAD")


def bare(folder, head="ref: refs/heads/main\n"):
    """An empty bare repository made by hand."""
    for name in ("objects/pack", "objects/info", "refs/heads"):
        (folder / name).mkdir(parents=True)
    (folder / "HEAD").write_text(head)
    return folder


def name_of(kind, data):
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data).hexdigest()


def loose(folder, kind, data, name=None, raw=None):
    """Write a loose object into a bare repository. `raw` is what the file holds, if not what it should."""
    name = name or name_of(kind, data)
    file = folder / "objects" / name[:2] / name[2:]
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(zlib.compress(f"{kind} {len(data)}\0".encode() + data, 1) if raw is None else raw)
    return name


def tree_data(*entries):
    """The data of a tree with entries (mode, name, hash), in this order."""
    return b"".join(
        mode.encode() + b" " + (name if isinstance(name, bytes) else name.encode()) + b"\0" + bytes.fromhex(of)
        for mode, name, of in entries
    )


def commit_data(tree, *parents, author="A <a@b> 1700000000 +0000", committer="A <a@b> 1700000000 +0000", rest=b""):
    lines = [f"tree {tree}", *(f"parent {p}" for p in parents), f"author {author}", f"committer {committer}"]
    return "\n".join(lines).encode() + b"\n\nwork\n" + rest


def with_tree(folder, *entries, **options):
    """A bare repository whose HEAD has a tree with these entries."""
    bare(folder)
    return point(folder, loose(folder, "commit", commit_data(loose(folder, "tree", tree_data(*entries)), **options)))


def point(folder, commit, branch="main"):
    file = folder / "refs" / "heads" / branch
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"{commit}\n")
    return commit


def varint(value):
    """A number as deltas have it: 7 bits a byte, low ones first."""
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def entry_head(kind, size):
    """The head of an object in a pack."""
    out = [kind << 4 | size & 15]
    size >>= 4
    while size:
        out[-1] |= 128
        out.append(size & 127)
        size >>= 7
    return bytes(out)


def packed(kind, data, size=None):
    """A whole object in a pack."""
    return entry_head(KINDS[kind], len(data) if size is None else size) + zlib.compress(data, 9)


def ref_delta(base, base_size, result_size, instructions):
    """A delta in a pack against the object called `base`."""
    delta = varint(base_size) + varint(result_size) + instructions
    return entry_head(REF_DELTA, len(delta)) + bytes.fromhex(base) + zlib.compress(delta, 9)


def copy(offset, size):
    """The instruction of a delta to copy from the base. The size is below 2**24."""
    return bytes([0xFF]) + struct.pack("<I", offset) + struct.pack("<I", size)[:3]


def pack(folder, entries, idx=True):
    """Write a pack of {hash: bytes of an entry}, and its index."""
    body, offsets = struct.pack(">4sII", b"PACK", 2, len(entries)), {}
    for name, entry in entries.items():
        offsets[name] = len(body)
        body += entry
    checksum = hashlib.sha1(body).digest()
    stem = folder / "objects" / "pack" / f"pack-{checksum.hex()}"
    Path(f"{stem}.pack").write_bytes(body + checksum)
    if idx:
        names = sorted(entries)
        counts = [bisect_left(names, f"{first + 1:02x}" if first < 255 else "g") for first in range(256)]
        index = b"\xfftOc" + struct.pack(">I", 2) + struct.pack(">256I", *counts)
        index += b"".join(bytes.fromhex(n) for n in names)
        index += b"".join(struct.pack(">I", zlib.crc32(entries[n])) for n in names)
        index += b"".join(struct.pack(">I", offsets[n]) for n in names) + checksum
        Path(f"{stem}.idx").write_bytes(index + hashlib.sha1(index).digest())
    return stem
