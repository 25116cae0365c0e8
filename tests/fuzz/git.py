"""Damages small git repositories at random, and checks that reading them gives texts or a reason of ours.

    python -m tests.fuzz.git --seconds 900 --seed 7
    python -m tests.fuzz.git --replay

The first damages in each repository come before its objects are named, so that git believes them. The others change
files. A case that fails is kept as JSON in tests/fuzz/corpus/git, and `--replay` reads all that is kept there.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import random
import re
import resource
import shutil
import stat
import struct
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from grader.course.intake.git_tree import GitTree, open_repository
from grader.course.intake.tree import Parts, Unreadable
from tests import repositories as make

CORPUS = Path(__file__).parent / "corpus" / "git"
SECONDS = 10.0  # for one repository; all of them are small, so none may need that long
MEMORY = 200  # MiB of the largest git
OWN_MEMORY = 2 << 30  # bytes of address space for the fuzzer itself
MOST_FILES = 300  # that are read of one repository
LARGEST_CASE = 100_000  # bytes of a case that is kept
NUMBERS = [0, 1, 127, 128, 255, 65535, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, 1 << 64]

REASONS = re.compile(
    r"""(
    it\ (is\ not\ a\ git\ repository|has\ no\ (HEAD|objects|refs))
    |reading\ it\ takes\ too\ long
    |its\ (HEAD|packed-refs|shallow|refs|objects|\.git)\ (is|are|hold|cannot\ be\ read|takes?)\ ?
        (a\ symbolic\ link|something\ that\ is\ not\ a\ plain\ file|not\ a\ plain\ file|too\ (large|deep)|damaged
        |a\ branch\ (without\ a\ commit|that\ is\ damaged)|a\ file\ that\ points\ to\ another\ folder
        |too\ many\ files:\ run\ `[a-z\ -]+`)?
    |its\ (commondir|objects/info/alternates)\ points\ to\ another\ repository
    |its\ refs\ are\ in\ the\ reftable\ format:\ use\ `git\ refs\ migrate\ --ref-format=files`
    |((PATH|its\ commit)\ cannot\ be\ read:\ )?(an\ object\ is\ (missing\ or\ damaged|damaged|too\ large)|it\ is\ too\ large
        |it\ is\ not\ a\ (commit|tree|blob)|it\ holds\ a\ name\ that\ git\ does\ not\ check\ out)
    |PATH\ is\ a\ link,\ a\ (file|folder)\ or\ another\ repository(,\ not\ a\ folder|:\ hand\ in\ the\ file\ itself)
    |PATH\ has\ \d+\ KiB;\ at\ most\ 64\ KiB\ are\ allowed
    )""",
    re.VERBOSE,
)
NOTES = re.compile(
    r"HEAD is detached|the repository is shallow: it holds only a part of the history"
    r"|(a branch|branch `[\w./+#-]+`) is ahead of the graded branch"
    r"|\d+ more branch(es are| is) ahead of the graded branch"
)


# --- repositories ----------------------------------------------------------------------------------------------------


def bits(dice: random.Random, data: bytes) -> bytes:
    """The bytes with something changed."""
    out = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 8))):
        at = dice.randrange(len(out) + 1)
        match dice.randrange(6):
            case 0:
                out[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                out[at:at] = dice.randbytes(dice.choice((1, 4, 20)))
            case 2:
                del out[at : at + dice.choice((1, 4, 20, 400))]
            case 3:
                out[at : at + 1] = bytes([(out[at] if at < len(out) else 0) ^ 1 << dice.randrange(8)])
            case 4:
                out[at : at + 4] = struct.pack(">I", dice.choice(NUMBERS) & 0xFFFFFFFF)
            case 5:
                out[at:at] = dice.choice((b"\0", b"\n", b" ", b"/", b"..", b"\xff", b"\x1b[31m", b"0" * 40))
    return bytes(out)


def twisted(dice: random.Random, data: bytes, odds: float) -> bytes:
    return bits(dice, data) if dice.random() < odds else data


def build(dice: random.Random, folder: Path) -> None:
    """Make a repository, with a few damages in what its objects say."""
    make.bare(folder, head=dice.choice(["ref: refs/heads/main\n"] * 9 + ["ref: refs/heads/other\n"]))
    odds = dice.choice((0, 0, 0.02, 0.2))
    objects: dict[str, tuple[str, bytes]] = {}

    def add(kind: str, data: bytes) -> str:
        data = twisted(dice, data, odds)
        name = make.name_of(kind, data)
        objects[name] = (kind, data)
        return name

    def tree(depth: int) -> str:
        entries = []
        for number in range(dice.randrange(1, 4)):
            name = dice.choice(
                (f"file{number}.py", f"exercise{number}", "..", ".git", "a/b", "ü", "file0.py")[
                    : 2 if dice.random() < 0.9 else 7
                ]
            )
            if depth and dice.random() < 0.5:
                entries.append(("40000", name, tree(depth - 1)))
            else:
                mode = dice.choice(("100644",) * 8 + ("100755", "120000", "160000", "40000", "100", "0", "100664"))
                text = f"def f{dice.randrange(99)}(x):\n    return x\n".encode() * dice.choice((0, 1, 1, 3, 100))
                entries.append((mode, name, add("blob", text)))
        return add("tree", make.tree_data(*entries))

    commits: list[str] = []
    for number in range(dice.randrange(1, 5)):
        when = f"A <a@b> {dice.choice((1700000000 + number, 1700000000 + number, *NUMBERS))} {dice.choice(('+0000', '-0730', '+9999'))}"
        parents = dice.sample(commits, min(len(commits), dice.choice((0, 1, 1, 1, 2))))
        commits.append(add("commit", make.commit_data(tree(2), *parents, author=when, committer=when)))
    if dice.random() < 0.1:
        commits.append(add("tag", f"object {commits[-1]}\ntype commit\ntag x\n\n".encode()))
    make.point(folder, dice.choice(commits))
    for number in range(dice.randrange(3)):
        make.point(folder, dice.choice(commits), f"topic{number}")
    if dice.random() < 0.3:
        lines = [f"{dice.choice(commits)} refs/heads/packed{n}\n" for n in range(dice.randrange(4))]
        (folder / "packed-refs").write_bytes(twisted(dice, "".join(lines).encode(), 0.3))
    store(dice, folder, objects)


def store(dice: random.Random, folder: Path, objects: dict[str, tuple[str, bytes]]) -> None:
    """Write the objects: some loose, the others in a pack, in which some are deltas."""
    names = list(objects)
    inside = {name for name in names if dice.random() < dice.choice((0, 0.5, 1))}
    entries: dict[str, bytes] = {}
    for name in names:
        kind, data = objects[name]
        if name not in inside:
            make.loose(folder, kind, data)
            continue
        base = dice.choice(names)
        if dice.random() < 0.4 and objects[base][0] == kind and data and (dice.random() < 0.2 or base != name):
            literal = b"".join(
                bytes([len(part)]) + part for part in (data[n : n + 127] for n in range(0, len(data), 127))
            )
            prefix = make.copy(0, dice.choice((0, 1, 1 << 20))) if dice.random() < 0.2 else b""
            sizes = [len(objects[base][1]), len(data)]
            if dice.random() < 0.2:
                sizes[dice.randrange(2)] = dice.choice(NUMBERS)
            entries[name] = make.ref_delta(base, *sizes, twisted(dice, prefix + literal, 0.1))
        else:
            size = dice.choice(NUMBERS) if dice.random() < 0.05 else len(data)
            entries[name] = make.packed(kind, data, size)
    if entries:
        make.pack(folder, entries, idx=dice.random() < 0.97)


def damage(dice: random.Random, folder: Path) -> None:
    """Change one file of a repository."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
    if not files:
        return
    kind = dice.randrange(12)
    loose = [path for path in files if len(path.parent.name) == 2]
    packs = [path for path in files if path.suffix in (".pack", ".idx")]
    file = dice.choice((kind < 4 and loose) or (kind < 8 and packs) or files)
    data = file.read_bytes()
    match kind:
        case 0 | 1 if file in loose:
            try:
                inner = zlib.decompress(data)
            except zlib.error:
                inner = data
            head, _, rest = inner.partition(b"\0")
            heads = [
                head + b"0",
                b"blob",
                b"",
                b"blob -1",
                b"blob  9",
                b"commit 9",
                b"tag 0",
                b"x" * 99,
                b"blob 09",
                head[:-1],
            ]
            heads += [b"blob %d" % number for number in NUMBERS]
            changed = dice.choice((dice.choice(heads) + b"\0" + rest, bits(dice, inner), inner + b"x"))
            file.write_bytes(zlib.compress(changed) if dice.random() < 0.9 else data + zlib.compress(changed))
        case 2 if file in loose:
            other = dice.choice(loose)
            file.write_bytes(other.read_bytes())
        case 4 | 5 if file.suffix == ".pack":  # with a checksum that fits, and an index that knows it
            body = bits(dice, data[:-20])
            checksum = hashlib.sha1(body).digest()
            file.write_bytes(body + checksum)
            index = file.with_suffix(".idx")
            if index.exists():
                start = index.read_bytes()[:-40] + checksum
                index.write_bytes(start + hashlib.sha1(start).digest())
        case 4 | 5 | 6 if file.suffix == ".idx":
            body = bits(dice, data[:-20])
            file.write_bytes(body + hashlib.sha1(body).digest())
        case 8:
            with suppress(NotADirectoryError, FileExistsError):  # an earlier damage is in the way
                odd(dice, folder)
        case 9 if dice.random() < 0.2:
            os.truncate(file, dice.choice((0, 1, len(data) // 2, 1 << 20)))
        case _:
            file.write_bytes(bits(dice, data))


def odd(dice: random.Random, folder: Path) -> None:
    """Put something into the repository that an honest one does not have."""
    names = [
        "HEAD",
        "packed-refs",
        "shallow",
        "commondir",
        "refs/heads/main",
        "refs/heads/x",
        "refs",
        "reftable",
        ".git",
    ]
    names += [
        "objects",
        "objects/info/alternates",
        "objects/pack/pack-1.idx",
        "objects/ab",
        "objects/info/commit-graph",
    ]
    path = folder / dice.choice(names)
    if any(above.is_symlink() for above in (path, *path.parents) if above != folder and above.is_relative_to(folder)):
        return  # nothing may be written through a link of an earlier damage
    if path.is_dir():
        if dice.random() < 0.7:
            return
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    match dice.randrange(5):
        case 0:
            path.symlink_to(dice.choice((".", "HEAD", "/dev/zero", "/nowhere", "../beside")))
        case 1:
            os.mkfifo(path)
        case 2:
            path.mkdir()
        case _:
            texts = [
                b"",
                b"ref: refs/heads/main\n",
                b"ref: HEAD\n",
                b"ref: refs/heads/x",
                b"0" * 40,
                b"f" * 64,
                b"../x\n",
                b"\xff",
            ]
            path.write_bytes(dice.choice(texts))


# --- the property ----------------------------------------------------------------------------------------------------


def outcomes(folder: Path, scratch: Path) -> Iterator[str]:
    """What reading a repository says: "text" for each file, and reasons. Raises AssertionError if one is not ours."""
    try:
        with open_repository(folder, scratch, SECONDS) as repository:
            commit = repository.head()
            for note in commit.notes:
                assert NOTES.fullmatch(note), note
                yield "note"
            yield from below(repository.tree(commit), ())
    except Unreadable as error:
        yield reason(error, ())


def below(tree: GitTree, folder: Parts) -> Iterator[str]:
    queue: list[Parts] = [folder]
    for at in queue:
        try:
            entries = tree.entries(at)
        except Unreadable as error:
            yield reason(error, at)
            continue
        for entry in entries:
            path = (*at, entry.name)
            if len(queue) > MOST_FILES:
                return
            if entry.kind == "folder":
                queue.append(path)
            try:
                data = tree.read(path, 1 << 16)
                assert tree.hash_of(data) == tree.hash_at(path)
                yield "text"
            except Unreadable as error:
                yield reason(error, path)


def reason(error: Unreadable, path: Parts) -> str:
    """The message, with PATH for the path that was asked for or a folder above it."""
    text = str(error)
    for end in range(len(path), -1, -1):
        shown = "/".join(path[:end]) or "the top folder"
        if text.startswith(f"{shown} "):
            text = "PATH" + text.removeprefix(shown)
            break
    assert REASONS.fullmatch(text), f"not a reason of ours: {text!r}"
    assert "too long" not in text, "a small repository takes too long"
    return text


def check(folder: Path) -> Counter[str]:
    """Read a repository. Raises an exception of any kind if that went wrong."""
    with tempfile.TemporaryDirectory(prefix="koans-fuzz-") as scratch:
        said = Counter(outcomes(folder, Path(scratch)))
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    assert largest < MEMORY, f"a git took {largest} MiB"
    return said


# --- cases that are kept ---------------------------------------------------------------------------------------------


def as_json(folder: Path) -> str:
    case: dict[str, str | None] = {}
    for path in sorted(folder.rglob("*")):
        kind, name = path.lstat().st_mode, str(path.relative_to(folder))
        if stat.S_ISLNK(kind):
            case[name] = f"link {path.readlink()}"
        elif stat.S_ISFIFO(kind):
            case[name] = "pipe"
        elif stat.S_ISDIR(kind):
            case[name] = None
        else:
            data = path.read_bytes() if path.stat().st_size < LARGEST_CASE else b""
            case[name] = f"file {path.stat().st_size} {base64.b85encode(data).decode()}"
    return json.dumps(case, indent=1)


def from_json(text: str, folder: Path) -> None:
    for name, what in json.loads(text).items():
        path = folder / name
        if what is None:
            path.mkdir(parents=True)
        elif what == "pipe":
            os.mkfifo(path)
        elif what.startswith("link "):
            path.symlink_to(what[5:])
        else:
            _, size, data = what.split(" ")
            path.write_bytes(base64.b85decode(data))
            os.truncate(path, int(size))


def replay() -> int:
    """Read all cases that are kept. Returns how many fail."""
    failed = 0
    for file in sorted(CORPUS.glob("*.json")):
        with tempfile.TemporaryDirectory(prefix="koans-fuzz-") as place:
            folder = Path(place) / "x.git"
            folder.mkdir()
            from_json(file.read_text("ascii"), folder)
            try:
                said = check(folder)
                print(f"{file.name}: {', '.join(f'{count} × {what}' for what, count in sorted(said.items()))}")
            except Exception:
                failed += 1
                print(f"{file.name}: FAILED\n{traceback.format_exc()}")
    return failed


def fuzz(seconds: float, seed: int) -> int:
    """Damage and read repositories. Returns how many cases fail."""
    print(f"seed {seed}", flush=True)
    until, failed, number, said = time.monotonic() + seconds, 0, 0, Counter[str]()
    while time.monotonic() < until and failed < 10:
        dice = random.Random(f"{seed} {number}")
        with tempfile.TemporaryDirectory(prefix="koans-fuzz-") as place:
            folder = Path(place) / "x.git"
            folder.mkdir()
            build(dice, folder)
            for _ in range(dice.choice((0, 1, 1, 1, 2, 4))):
                damage(dice, folder)
            try:
                said += check(folder)
            except Exception:
                failed += 1
                kept = CORPUS / f"seed-{seed}-{number}.json"
                kept.write_text(as_json(folder), "ascii")
                print(f"{kept.name}: FAILED\n{traceback.format_exc()}", flush=True)
        number += 1
    print(f"{number} repositories, {failed} failed")
    for what, count in said.most_common():
        print(f"{count:8} {what!r}")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    parser.add_argument("--replay", action="store_true", help="read the cases that are kept, instead of new ones")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (OWN_MEMORY, OWN_MEMORY))  # a fault in here must not take the machine
    return min(1, replay() if options.replay else fuzz(options.seconds, options.seed))


if __name__ == "__main__":
    sys.exit(main())
