"""The messages between the trusted side and a worker, and the frames that carry them.

A frame is a length (8 bytes, little-endian) and a msgpack document. A worker may send forged frames. So they are
decoded into typed structs, and nothing in them is ever run or unpickled.
"""

from __future__ import annotations

import os
import select
import time
from typing import Annotated

import msgspec

from grader.book.koan_imports import Imported
from grader.book.serialization import LARGEST, Malformed, Node
from grader.judge.sandbox import bounds

HEADER = 8


class Start(msgspec.Struct, tag=True):
    """The first message to a worker: the bytes it may map beyond those it has, and the CPU seconds it may use.

    `exact` is for a claim about memory: no freed memory adds to these bytes, and no gaps in the heap take from them.
    """

    memory: int
    seconds: int
    exact: bool = False


class Replace(msgspec.Struct):
    """Replace one function by the variant `name` of `oracle`, from the `text` of a reference file.

    `needs` holds the texts of the other reference modules that the file imports, by name.
    """

    text: str
    file: str
    oracle: str
    name: str
    needs: dict[str, str] = {}


class Load(msgspec.Struct, tag=True):
    """The submitted text of a koan (an id), and the functions it must not use.

    `imports` are the submission's files of other koans that it may import, by koan id. `replace` is for the workbook's
    own checks. `wanted` are the functions that the tests ask for.
    """

    text: str
    file: str
    koan: str = ""
    forbids: list[str] = []
    replace: Replace | None = None
    imports: dict[str, Imported] = {}
    wanted: list[str] = []


class Call(msgspec.Struct, tag=True):
    """Call a function of the submission. `args` holds a tuple, `kwargs` a dict."""

    id: int
    function: str
    args: Node
    kwargs: Node


Request = Start | Load | Call


class Frame(msgspec.Struct, array_like=True):
    """One frame of a traceback, in the submitted file, or in the file of another koan (an id) that it imports."""

    line: int
    function: str
    koan: str = ""


class Error(msgspec.Struct):
    """An exception as text: the name of its class, the names of its builtin base classes, and its frames
    in the submitted file.

    A SyntaxError fills `line`, `offset` and `text`, and `koan` if it is in the file of another koan. An ImportError
    fills `name`.
    """

    types: list[str]
    message: str
    frames: list[Frame] = []
    line: int | None = None
    offset: int | None = None
    text: str | None = None
    name: str | None = None
    koan: str = ""


class WorkerReady(msgspec.Struct, tag=True):
    """The worker is confined. `parts` confine it; `missing` are the parts that this system lacks."""

    parts: list[str]
    missing: list[str]


class Loaded(msgspec.Struct, tag=True):
    """The submission was imported: the names of its functions, what it printed, and the koans that it imports."""

    names: list[str]
    output: str = ""
    imports: list[str] = []


class Returned(msgspec.Struct, tag=True):
    """The result of a call. If the call changed its inputs, `inputs` holds the changed (args, kwargs)."""

    id: int
    value: Node
    inputs: Node = None
    output: str = ""


class Raised(msgspec.Struct, tag=True):
    """The call `id`, or with id 0 the import, raised an exception. `imports` are as in Loaded."""

    id: int
    error: Error
    output: str = ""
    imports: list[str] = []


class Ended(msgspec.Struct, tag=True):
    """The last message, from the zygote: the worker's wait status, and the end of what it wrote to stderr."""

    status: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
    tail: str


Reply = WorkerReady | Loaded | Returned | Raised | Ended

_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_encode = msgspec.msgpack.Encoder().encode


def frame(message: Request | Reply) -> bytes:
    """The frame of a message. Raises Malformed if the message is too large."""
    body = _encode(message)
    if len(body) > LARGEST:
        raise Malformed(f"{len(body) >> 20} MiB in one message; {LARGEST >> 20} is the most")
    return len(body).to_bytes(HEADER, "little") + body


def request(body: bytes | bytearray) -> Request:
    """A message of the trusted side."""
    return _requests.decode(body)


def reply(body: bytes | bytearray) -> Reply:
    """A worker's message. Raises Malformed."""
    bounds.check(body)
    try:
        return _replies.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError, MemoryError) as error:
        raise Malformed(str(error) or type(error).__name__) from None


def read_frame(fd: int, deadline: float | None = None) -> bytearray:
    """The body of the next frame. Memory is allocated only for bytes that have arrived, not for the claimed length.

    Raises EOFError if the connection is closed, Malformed if the length is too large, and TimeoutError after the
    deadline (of the monotonic clock).
    """
    length = int.from_bytes(_read(fd, HEADER, deadline), "little")
    if length > LARGEST:
        raise Malformed(f"a message of {length} bytes announced; {LARGEST} is the most")
    return _read(fd, length, deadline)


def _read(fd: int, n: int, deadline: float | None) -> bytearray:
    data = bytearray()  # not a list of parts, because each part may have one byte
    while len(data) < n:
        _wait(fd, deadline, writing=False)
        part = os.read(fd, min(n - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return data


def write(fd: int, data: bytes, deadline: float | None = None) -> None:
    """Write all of `data`. Raises OSError if the other end is closed, and TimeoutError after the deadline."""
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
    remaining = deadline - time.monotonic()
    poll = select.poll()
    poll.register(fd, select.POLLOUT if writing else select.POLLIN)
    if remaining <= 0 or not poll.poll(remaining * 1000):
        raise TimeoutError
