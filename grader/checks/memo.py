"""What an oracle has said about the same inputs before, kept in a file from run to run; and what its wrong answers came
to, kept in memory from run to run of one process.

Measuring a bound takes most of a check's time, and telling one wrong answer from all others most of a failure's. The
runs of a class or of the gate ask the same questions again. Only runs whose process holds no code of a learner's take
part: what is written down here is believed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from grader.checks.context import current
from grader.checks.trees import leaves
from grader.sandbox.values import Malformed, Node, OtherData, Unpacker, pack

if TYPE_CHECKING:
    from grader.checks.agreement import Expected, Outcome

KEY = 16  # bytes
ENTRY, FILE = 1 << 20, 64 << 20  # bytes of the largest entry and file that are kept


class Seen(NamedTuple):
    """What a wrong answer came to, and whether that agrees with the oracle."""

    outcome: Outcome
    agrees: bool


class Remembered(msgspec.Struct, array_like=True):
    """An Expected without errors, as data."""

    value: Node
    native: Node
    widths: list[Node]
    bits: bool
    largest: float


class Memo:
    """The entries of one file, and those to be added to it. `known` is in the file, `seen` only here."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.known: dict[bytes, bytes] = {}
        self.new: list[tuple[bytes, bytes]] = []
        self.seen: dict[tuple[Any, ...], Seen] = {}
        self._read = 0

    def refresh(self) -> None:
        """Take in what other processes have added to the file."""
        for key, body, end in _entries(self.file, self._read):
            self.known[key], self._read = body, end

    def save(self) -> None:
        """Append what is new, in one write: several runs may do so at once."""
        data = b"".join(len(body).to_bytes(4, "little") + key + body for key, body in self.new)
        self.new.clear()
        if data and (not self.file.exists() or self.file.stat().st_size + len(data) <= FILE):
            fd = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with contextlib.closing(os.fdopen(fd, "wb", buffering=0)) as stream:
                stream.write(data)


def recalled(key: tuple[Any, ...], inputs: Any, ask: Callable[[], Expected]) -> Expected:
    """What `ask` gives, from the memo if it is there. `key` are plain words and numbers, `inputs` a koan's values."""
    memo = current().memo
    if memo is None:
        return ask()
    digest = _digest(key, pack(inputs))
    if digest is None:
        return ask()
    if digest in memo.known:
        with contextlib.suppress(msgspec.MsgspecError, Malformed):
            return _restore(memo.known[digest])
    expected = ask()
    body = _keep(expected)
    if body is not None and len(body) <= ENTRY:
        memo.known[digest] = body
        memo.new.append((digest, body))
    return expected


def digest(inputs: Any) -> bytes | None:
    """What to call these inputs by in `seen`. None if nothing is kept, or they are no plain values."""
    return None if current().memo is None else _digest((), pack(inputs))


def seen(inputs: bytes | None, key: tuple[Any, ...], ask: Callable[[], Seen]) -> Seen:
    """What `ask` gives, from the memo if it was asked about inputs of this digest under this key before."""
    memo = current().memo
    if memo is None or inputs is None:
        return ask()
    found = memo.seen.get((inputs, *key))
    if found is None:
        found = ask()
        if found.outcome.error is not None:
            found.outcome.error.__traceback__ = None  # its frames hold on to tensors
        if sum(x.nbytes for x in leaves(found.outcome.value) if hasattr(x, "nbytes")) <= ENTRY:
            memo.seen[(inputs, *key)] = found
    return found


def _digest(key: tuple[Any, ...], inputs: Node) -> bytes | None:
    data = msgspec.msgpack.encode(inputs)
    if b"\xa1F" in data and _has_other(inputs):
        return None
    return hashlib.blake2b(repr(key).encode() + data, digest_size=KEY).digest()


def _has_other(node: Any) -> bool:
    if isinstance(node, OtherData):
        return True
    parts = [*getattr(node, "items", ()), *getattr(node, "keys", ()), *getattr(node, "values", ())]
    return any(map(_has_other, parts))


def _keep(expected: Expected) -> bytes | None:
    outcome, native = expected.outcome, expected.native
    if outcome.error is not None or native.error is not None or outcome.mutated or native.mutated:
        return None
    value, itself = pack(outcome.value), pack(native.value)
    if _has_other(value) or _has_other(itself):
        return None
    widths = [pack(w) for w in expected.widths]
    return msgspec.msgpack.encode(Remembered(value, itself, widths, expected.bits, expected.largest))


def _restore(body: bytes) -> Expected:
    from grader.checks.agreement import Expected, Outcome

    kept = msgspec.msgpack.decode(body, type=Remembered)
    unpack = Unpacker(1 << 40)
    return Expected(
        Outcome(unpack(kept.value)),
        Outcome(unpack(kept.native)),
        [unpack(w) for w in kept.widths],
        kept.bits,
        kept.largest,
    )


def _entries(file: Path, start: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Key, body and end in the file of each entry from `start` on."""
    with contextlib.suppress(OSError), file.open("rb") as stream:
        stream.seek(start)
        data = memoryview(stream.read())
        at = 0
        while at + 4 + KEY <= len(data):
            length = int.from_bytes(data[at : at + 4], "little")
            key, at = bytes(data[at + 4 : at + 4 + KEY]), at + 4 + KEY
            if at + length > len(data):
                return  # being written
            body, at = bytes(data[at : at + length]), at + length
            yield key, body, start + at
