"""The messages between the trusted side and a worker, and the frames they travel in.

A frame is a length (8 bytes, little-endian) and a msgpack document. Whatever comes from a worker may be forged: it is
decoded into typed structs and nothing in it is ever run or unpickled.
"""

from __future__ import annotations

import os
import select
import time

import msgspec

from grader.book.values import LARGEST, Malformed, Node

HEADER = 8


class Start(msgspec.Struct, tag=True):
    """First word to a worker: the bytes it may map beyond what it has, and the CPU seconds it may use."""

    memory: int
    seconds: int


class Replace(msgspec.Struct):
    """Take one function from a reference file instead: the variant `name` of `oracle`. `needs` are the texts of other
    reference modules that it imports, by name.
    """

    text: str
    file: str
    oracle: str
    name: str
    needs: dict[str, str] = {}


class Load(msgspec.Struct, tag=True):
    """The submitted text, what it must not use, and for the workbook's own checks a variant in place of a function."""

    text: str
    file: str
    forbids: list[str] = []
    replace: Replace | None = None


class Call(msgspec.Struct, tag=True):
    id: int
    function: str
    args: Node
    kwargs: Node


Request = Start | Load | Call


class Frame(msgspec.Struct, array_like=True):
    """A line of a traceback in the submitted file."""

    line: int
    function: str


class Error(msgspec.Struct):
    """An exception as text: the names of its class and of its bases, and where in the submitted file it passed."""

    types: list[str]
    message: str
    frames: list[Frame] = []
    line: int | None = None  # of a SyntaxError, with the text of the line and the column
    offset: int | None = None
    text: str | None = None
    name: str | None = None  # of a ModuleNotFoundError


class Ready(msgspec.Struct, tag=True):
    """The worker is confined: what holds it, and what of that this system lacks, in words."""

    parts: list[str]
    missing: list[str]


class Loaded(msgspec.Struct, tag=True):
    names: list[str]
    output: str = ""


class Returned(msgspec.Struct, tag=True):
    """`inputs` are the (args, kwargs) as the call left them, if it changed any."""

    id: int
    value: Node
    inputs: Node = None
    output: str = ""


class Raised(msgspec.Struct, tag=True):
    id: int
    error: Error
    output: str = ""


class Ended(msgspec.Struct, tag=True):
    """The zygote's last word on a worker: its wait status, and the end of what it wrote to stderr."""

    status: int
    tail: str


Reply = Ready | Loaded | Returned | Raised | Ended

_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_encode = msgspec.msgpack.Encoder().encode


def frame(message: Request | Reply) -> bytes:
    """A message with its length before it. Raises Malformed if it is larger than any frame may be."""
    body = _encode(message)
    if len(body) > LARGEST:
        raise Malformed(f"{len(body) >> 20} MiB in one message; {LARGEST >> 20} is the most")
    return len(body).to_bytes(HEADER, "little") + body


def request(body: bytes | bytearray) -> Request:
    return _requests.decode(body)


def reply(body: bytes | bytearray) -> Reply:
    """A worker's message. Raises Malformed."""
    try:
        return _replies.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError, MemoryError) as error:
        raise Malformed(str(error) or type(error).__name__) from None


def read_frame(fd: int, deadline: float | None = None) -> bytearray:
    """The next frame's body. The claimed length is never allocated ahead of the bytes.

    Raises EOFError at the end, Malformed for a length out of bounds, TimeoutError past the deadline (monotonic).
    """
    length = int.from_bytes(_read(fd, HEADER, deadline), "little")
    if length > LARGEST:
        raise Malformed(f"a message of {length} bytes announced; {LARGEST} is the most")
    return _read(fd, length, deadline)


def _read(fd: int, n: int, deadline: float | None) -> bytearray:
    data = bytearray()  # not a list of what comes: that may come byte by byte
    while len(data) < n:
        _wait(fd, deadline, writing=False)
        part = os.read(fd, min(n - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return data


def write(fd: int, data: bytes, deadline: float | None = None) -> None:
    """All of `data`. Raises OSError if nobody reads any more, TimeoutError past the deadline."""
    view = memoryview(data)
    while view:
        _wait(fd, deadline, writing=True)
        try:
            view = view[os.write(fd, view[: 1 << 20]) :]
        except BlockingIOError:
            continue


def _wait(fd: int, deadline: float | None, *, writing: bool) -> None:
    if deadline is None:
        return
    left = deadline - time.monotonic()
    poll = select.poll()
    poll.register(fd, select.POLLOUT if writing else select.POLLIN)
    if left <= 0 or not poll.poll(left * 1000):
        raise TimeoutError
