"""A cache of results: of oracles, in a file that outlives a run, and of wrong answers, in memory.

Measuring a bound takes most of the time of a passing check. Naming one wrong answer among many takes most of the time
of a failing one. The runs of a class, or of the gate, need the same results many times. Only a process that runs no
learner's code may use the cache, because its entries are trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from torch import Tensor

from grader.book.files import BINARY
from grader.book.serialization import Malformed, Node, OtherData, Unpacker, pack
from grader.checks.outcome import Expected, Outcome
from grader.checks.pytree import leaves

T = TypeVar("T")
KEY_BYTES = 16
MAX_ENTRY_BYTES, MAX_FILE_BYTES = 1 << 20, 64 << 20


class VariantResult(NamedTuple):
    """The outcome of a wrong answer, and whether it agrees with the oracle."""

    outcome: Outcome
    agrees: bool


class StoredExpected(msgspec.Struct, array_like=True):
    """An Expected without errors and without its bounds, in the form that is written to the file."""

    value: Node
    native: Node
    bits: bool
    largest: float


class OracleCache:
    """The cache in one file.

    `entries` are all entries with a key, `unsaved` those that `save` will append to the file. `variants` are results of
    wrong answers; they stay in memory.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.entries: dict[bytes, bytes] = {}
        self.unsaved: list[tuple[bytes, bytes]] = []
        self.variants: dict[tuple[Any, ...], VariantResult] = {}
        self._read = 0  # bytes of the file that were read

    def refresh(self) -> None:
        """Read the entries that other processes have added to the file."""
        for key, body, end in _entries(self.file, self._read):
            self.entries[key], self._read = body, end

    def save(self) -> None:
        """Append the new entries in one write, since several processes may append at the same time."""
        data = b"".join(len(body).to_bytes(4, "little") + key + body for key, body in self.unsaved)
        self.unsaved.clear()
        if data and (not self.file.exists() or self.file.stat().st_size + len(data) <= MAX_FILE_BYTES):
            fd = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | BINARY, 0o600)
            with contextlib.closing(os.fdopen(fd, "wb", buffering=0)) as stream:
                stream.write(data)

    def expected(self, digest: bytes | None, key: tuple[Any, ...], compute: Callable[[], Expected]) -> Expected:
        """What the oracle expects, without its bounds: from the cache, else from `compute`.

        `key` names the oracle and its options, in plain words and numbers; `digest` identifies the inputs. Without a
        digest nothing is cached.
        """
        return self._cached(digest, (*key, "expected"), compute, _encode, _decode)

    def widths(
        self, digest: bytes | None, key: tuple[Any, ...], measure: Callable[[], Sequence[Tensor | None]]
    ) -> Sequence[Tensor | None]:
        """The bounds for these inputs: from the cache, else from `measure`."""
        return self._cached(digest, (*key, "widths"), measure, _encode_widths, _decode_widths)

    def _cached(
        self,
        digest: bytes | None,
        key: tuple[Any, ...],
        compute: Callable[[], T],
        encode: Callable[[T], bytes | None],
        decode: Callable[[bytes], T],
    ) -> T:
        if digest is None:
            return compute()
        entry = hashlib.blake2b(repr(key).encode() + digest, digest_size=KEY_BYTES).digest()
        if entry in self.entries:
            with contextlib.suppress(msgspec.MsgspecError, Malformed):
                return decode(self.entries[entry])
        value = compute()
        body = encode(value)
        if body is not None and len(body) <= MAX_ENTRY_BYTES:
            self.entries[entry] = body
            self.unsaved.append((entry, body))
        return value

    def variant_result(
        self, digest: bytes, key: tuple[Any, ...], compute: Callable[[], VariantResult]
    ) -> VariantResult:
        """What a wrong answer gives on the inputs with this digest: from memory, else from `compute`."""
        result = self.variants.get((digest, *key))
        if result is None:
            result = compute()
            if result.outcome.error is not None:
                result.outcome.error.__traceback__ = None  # its frames would keep tensors alive
            if sum(x.nbytes for x in leaves(result.outcome.value) if hasattr(x, "nbytes")) <= MAX_ENTRY_BYTES:
                self.variants[(digest, *key)] = result
        return result


def digest(inputs: Any) -> bytes | None:
    """A short key for these inputs. None if one of them is not a plain value."""
    node = pack(inputs)
    data = msgspec.msgpack.encode(node)
    if b"\xa1F" in data and _has_other(node):
        return None
    return hashlib.blake2b(data, digest_size=KEY_BYTES).digest()


def _has_other(node: Any) -> bool:
    if isinstance(node, OtherData):
        return True
    parts = [*getattr(node, "items", ()), *getattr(node, "keys", ()), *getattr(node, "values", ())]
    return any(map(_has_other, parts))


def _encode(expected: Expected) -> bytes | None:
    """An Expected as bytes. None if it has an error or a value that is not plain."""
    outcome, native = expected.outcome, expected.native
    if outcome.error is not None or native.error is not None or outcome.mutated or native.mutated:
        return None
    value, native_value = pack(outcome.value), pack(native.value)
    if _has_other(value) or _has_other(native_value):
        return None
    return msgspec.msgpack.encode(StoredExpected(value, native_value, expected.bits, expected.largest))


def _decode(body: bytes) -> Expected:
    stored = msgspec.msgpack.decode(body, type=StoredExpected)
    unpack = Unpacker(1 << 40)
    return Expected(
        Outcome(unpack(stored.value)), Outcome(unpack(stored.native)), bits=stored.bits, largest=stored.largest
    )


def _encode_widths(widths: Sequence[Tensor | None]) -> bytes:
    return msgspec.msgpack.encode([pack(w) for w in widths])


def _decode_widths(body: bytes) -> Sequence[Tensor | None]:
    unpack = Unpacker(1 << 40)
    return [unpack(node) for node in msgspec.msgpack.decode(body, type=list[Node])]


def _entries(file: Path, start: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Each entry from byte `start` of the file on: its key, its body, and the position of its end."""
    with contextlib.suppress(OSError), file.open("rb") as stream:
        stream.seek(start)
        data = memoryview(stream.read())
        at = 0
        while at + 4 + KEY_BYTES <= len(data):
            length = int.from_bytes(data[at : at + 4], "little")
            key, at = bytes(data[at + 4 : at + 4 + KEY_BYTES]), at + 4 + KEY_BYTES
            if at + length > len(data):
                return  # another process is writing this entry
            body, at = bytes(data[at : at + length]), at + length
            yield key, body, start + at
