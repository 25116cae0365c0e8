"""Sends the trusted side's decoder forged messages: mutated real ones, and nodes built from a grammar.

A message must give a value whose memory lies inside the bytes that were sent, or Malformed. It may not crash the
process, hang, or take much memory. `python -m tests.fuzz.wire --seconds 1200 --seed 7` runs it for longer than the test
does. What breaks a rule is saved in the corpus, which `tests/judge/test_wire_fuzz.py` replays.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import mmap
import os
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from grader.book.serialization import DTYPES, LARGEST, Malformed, Unpacker, pack
from grader.checks.agreement import compare
from grader.checks.outcome import Expected, Outcome
from grader.judge.sandbox import proxy, wire

CORPUS = Path(__file__).parent / "corpus/wire"
CASES = 2000  # of one child process
HANGS = 5  # seconds of CPU time that one message may take
MEMORY = 512 << 20  # bytes that one child may come to hold beyond those at its start
COPIED = 16 << 20  # bytes of the largest values that the fuzzer itself copies and prints
LONGEST = 1 << 20  # bytes of one message


def real_messages() -> list[bytes]:
    """Messages as an honest worker sends them."""
    x = torch.arange(24.0).reshape(4, 6)
    values = [
        None, 7, -(2**70), "é\ud800", b"bytes", 1.5, np.float32(2), torch.float16, torch.Size([2, 3]), object(),
        x, x.T, x[::2, 1:], x[:0], x.bool(), x.to(torch.bfloat16), x[1:2].expand(5, 6), x.clone().requires_grad_(),
        torch.tensor(3), np.arange(24.0).reshape(4, 6)[::-1, ::-2], np.zeros((0, 3)), np.array(5), np.array([True]),
        [x, {"a": (1, 2), (1, 2): [3]}], ({1: 2, 1.5: 3, None: 4}, [[[]]]),
    ]  # fmt: skip
    replies = [
        *(wire.Returned(1, pack(value)) for value in values),
        wire.Returned(1, pack(x), pack([(x,), {"y": x}]), "printed"),
        wire.Raised(1, wire.Error(["SyntaxError"], "says", [wire.Frame(1, "f")], 3, 4, "text", "name")),
        wire.Raised(1, wire.Error(["MyError", "UnicodeDecodeError"], "says", [wire.Frame(1, "f")])),
        wire.WorkerReady(["all"], []),
        wire.Loaded(["f", "g"], "printed"),
        wire.Ended(9, "tail"),
    ]
    return [wire.frame(reply)[wire.HEADER :] for reply in replies]


INTERESTING = [0, 1, 2, 3, 4, 5, 7, 8, 16, 255, 256, 2**31 - 1, 2**31, 2**32, LARGEST, LARGEST + 1, 2**62, 2**63 - 1]
NUMPY_DTYPES = [
    *("|b1", "|i1", "|u1", "<i2", ">i4", "<i8", "<u8", "<f2", "<f4", ">f8", "<f8", "<f16", "<c8", "<c16", "<c32"),
    *("|O8", "<i,O", "<U4", "|S4", "<M8", "|V8", "<f0", "<f99", "=f4", "|f4", "", "f4"),
]


def number(rng: random.Random) -> int:
    kind = rng.random()
    if kind < 0.6:
        return rng.randrange(5)
    value = rng.choice(INTERESTING) + rng.randrange(-2, 3)
    return -value if kind > 0.85 else value


def shape(rng: random.Random) -> list[int]:
    return [number(rng) for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 5, 40)))]


def strides(rng: random.Random, shape: list[int], itemsize: int) -> list[int]:
    """Often those of a contiguous layout, with some replaced."""
    stride, step = [], itemsize
    for n in reversed(shape):
        stride.insert(0, step)
        step *= max(1, abs(n))
    if rng.random() < 0.5:
        stride = [rng.choice((s, -s, 0, number(rng) * itemsize, number(rng))) for s in stride]
    return stride if rng.random() < 0.95 else stride[1:]


def laid_out(rng: random.Random, shape: list[int], stride: list[int], itemsize: int) -> tuple[int, bytes]:
    """Often the offset and the bytes that fit."""
    steps = [(n - 1) * s for n, s in zip(shape, stride, strict=False) if n > 0]
    low, high = sum(s for s in steps if s < 0), sum(s for s in steps if s > 0)
    length = high - low + itemsize
    if rng.random() < 0.2:
        length += rng.choice((-itemsize, -1, 1, itemsize, -length))
    offset = -low if rng.random() < 0.8 else number(rng)
    filling = rng.choice((b"\0", b"\1", b"\xff", b"\x80\x7f"))
    return offset, (filling * 4096)[: max(0, min(length, 4096))]


def node(rng: random.Random, depth: int = 0) -> Any:
    """A node of the grammar, as msgpack's plain types."""
    kind = rng.choice("TTTNNNNnbDIusF" if depth > 4 else "TTTNNNNnbDIusFltd0000")
    if kind == "T":
        name = rng.choice([*DTYPES, "object"])
        itemsize = DTYPES[name].itemsize if name in DTYPES else 4
        size = shape(rng)
        stride = strides(rng, size, 1)
        data = laid_out(rng, size, [s * itemsize for s in stride], itemsize)[1]
        return ["T", name, size, stride, data, rng.random() < 0.1, rng.random() < 0.1]
    if kind == "N":
        name = rng.choice(NUMPY_DTYPES)
        itemsize = int(name[2:]) if name[2:].isdigit() else 4
        size = shape(rng)
        stride = strides(rng, size, itemsize)
        return ["N", name, size, stride, *laid_out(rng, size, stride, itemsize)]
    if kind == "n":
        name = rng.choice(NUMPY_DTYPES)
        return ["n", name, rng.randbytes(int(name[2:]) if name[2:].isdigit() else 4)]
    if kind == "l" or kind == "t":
        return [kind, [node(rng, depth + 1) for _ in range(rng.randrange(4))]]
    if kind == "d":
        keys, values = rng.randrange(4), rng.randrange(4)
        same = keys if rng.random() < 0.9 else values
        return ["d", [node(rng, depth + 3) for _ in range(keys)], [node(rng, depth + 1) for _ in range(same)]]
    if kind == "s":
        return ["s", shape(rng)]
    if kind == "I":
        return ["I", rng.choice(("ff", "-1", "0x_1", "f" * 3500, "1" * 9000, "", "٣"))]
    if kind in "bu":
        return [kind, rng.choice((b"", b"a", b"\xed\xa0\x80", b"\xff", rng.randbytes(9)))]
    if kind in "DF":
        return [kind, rng.choice(("float32", "\0", "a" * 300, "\ud7ff", "x.y", ""))]
    return rng.choice((None, True, 0, -1, 2**64 - 1, 1.5, float("nan"), float("inf"), "text", "", {}, [], ["?"]))


def nested(rng: random.Random) -> bytes:
    """A node inside thousands of lists, tuples or keys of dicts."""
    depth = rng.choice((50, 99, 100, 101, 500, 5000, 100_000))
    opening = rng.choice((b"\x92\xa1l\x91", b"\x92\xa1t\x91", b"\x93\xa1d\x91\x01\x91", b"\x93\xa1d\x90\x91", b"\x91"))
    return opening * depth + b"\xc0"


def collisions(rng: random.Random) -> Any:
    """A dict whose keys have one hash, or equal each other."""
    count = rng.choice((2, 250, 260, 5000))
    keys = rng.choice(
        (
            [["I", format((i + 1) * (2**61 - 1) * 2**70, "x")] for i in range(count)],
            [["t", [-1 - (i >> bit & 1) for bit in range(13)]] for i in range(count)],
            [0, False, 0.0, ["I", "0"]],
            [float("nan")] * count,
            [["T", "int64", [], [], bytes(8)]] * count,
            [["N", "<i8", [], [], 0, bytes(8)]] * 2,
            [["n", "<i8", bytes(8)], 0],
        )
    )
    return ["d", keys, [0] * len(keys)]


HEADERS = (
    b"\xdd\xff\xff\xff\xff",
    b"\xdc\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    b"\xdb\x10\0\0\0",
)


def mutated(rng: random.Random, body: bytes, others: list[bytes]) -> bytes:
    """The message with bytes flipped, removed, doubled, or replaced by parts of another."""
    data = bytearray(body)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xC0, 0xC4, 0xCB, 0xCF, 0xD3, 0xDC, 0xFF, rng.randrange(256)))
        elif kind == 2:
            del data[at : at + rng.choice((1, 2, 8, 64))]
        elif kind == 3:
            data[at:at] = data[at : at + rng.choice((1, 4, 32))] * rng.choice((1, 2, 100))
        elif kind == 4:
            other = rng.choice(others)
            start = rng.randrange(len(other))
            data[at : at + rng.randrange(16)] = other[start : start + rng.randrange(1, 40)]
        elif kind == 5:
            data[at : at + rng.randrange(6)] = rng.choice(HEADERS)
        else:
            packed = msgspec.msgpack.encode(max(-(2**63), min(number(rng), 2**64 - 1)))
            data[at : at + rng.choice((1, len(packed)))] = packed
    return bytes(data[:LONGEST])


def messages(rng: random.Random) -> Iterator[bytes]:
    """Endless forged messages."""
    real = real_messages()
    while True:
        kind = rng.random()
        if kind < 0.45:
            yield mutated(rng, rng.choice(real), real)
        elif kind < 0.47:
            yield b"\x83\xa4type\xa8Returned\xa2id\x01\xa5value" + nested(rng)
        elif kind < 0.48:
            yield msgspec.msgpack.encode({"type": "Returned", "id": 1, "value": collisions(rng)})
        else:
            with contextlib.suppress(OverflowError):  # a number of more than 64 bits
                body = msgspec.msgpack.encode({"type": "Returned", "id": 1, "value": node(rng), "inputs": node(rng)})
                yield mutated(rng, body, real) if rng.random() < 0.2 else body


def check(body: bytes) -> str:
    """What became of a message. Raises AssertionError if a value's memory does not lie inside its bytes."""
    try:
        reply = wire.reply(body)
        if isinstance(reply, wire.Raised):
            error = proxy.as_exception(reply.error, wire.Load("x = 1\n", "f.py"))
            return type(str(error)).__name__
        if not isinstance(reply, wire.Returned):
            return type(reply).__name__
        value = Unpacker()(reply.value)
        inputs = Unpacker()(reply.inputs)
    except Malformed as error:
        return f"malformed: {str(error)[:40]}"
    for part in (value, inputs):
        for leaf in leaves(part):
            inside(leaf, len(body))
    with contextlib.suppress(Exception):  # a test that cannot judge a value fails, and that is all
        compare(Outcome(value), Expected(Outcome(torch.ones(2)), Outcome(torch.ones(2))))
    with contextlib.suppress(Exception):
        proxy._copy_back([torch.ones(2), [1], {0: 1}, np.ones(2)], inputs)
    with contextlib.suppress(Exception):
        if sum(getattr(leaf, "nbytes", 0) for leaf in leaves(value)) <= COPIED:
            repr(value)
    return type(value).__name__


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from leaves(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(key)
            yield from leaves(part)
    else:
        yield value


def inside(value: Any, sent: int) -> None:
    """The memory of a tensor or array must be no larger than what was sent, and hold all its elements."""
    if isinstance(value, torch.Tensor):
        storage = value.untyped_storage()
        assert storage.nbytes() <= sent, "a tensor of more bytes than were sent"
        if value.numel():
            last = value.storage_offset() + sum((n - 1) * s for n, s in zip(value.shape, value.stride(), strict=True))
            assert (last + 1) * value.element_size() <= storage.nbytes(), "elements outside the tensor's memory"
        if value.nbytes <= COPIED:
            value.clone()
    elif isinstance(value, np.ndarray):
        assert value.size * value.itemsize <= LARGEST
        if value.size:
            memory = np.frombuffer(value.base, np.uint8) if isinstance(value.base, bytearray) else value.base
            assert isinstance(memory, np.ndarray), "an array without memory of its own"
            assert memory.nbytes <= sent, "an array of more bytes than were sent"
            start, at = memory.ctypes.data, value.ctypes.data
            steps = [(n - 1) * s for n, s in zip(value.shape, value.strides, strict=True)]
            low, high = sum(s for s in steps if s < 0), sum(s for s in steps if s > 0) + value.itemsize
            assert start <= at + low and at + high <= start + memory.nbytes, "elements outside the array's memory"
        if value.nbytes <= COPIED:
            value.copy()


class Broken(Exception):
    """A message broke a rule. `body` is the message."""

    def __init__(self, rule: str, body: bytes) -> None:
        super().__init__(rule)
        self.body = body


def run(seed: int, *, cases: int = 1 << 62, seconds: float = 1e9) -> tuple[int, Counter[str]]:
    """Check messages in child processes. Returns their number and what became of them. Raises Broken."""
    until = time.monotonic() + seconds
    done, outcomes = 0, Counter[str]()
    while done < cases and time.monotonic() < until:
        some = itertools.islice(messages(random.Random(f"{seed}:{done}")), min(CASES, cases - done))
        part = check_in_child(itertools.takewhile(lambda _: time.monotonic() < until, some))
        done += sum(part.values())
        outcomes += part
    return done, outcomes


def check_in_child(bodies: Iterable[bytes]) -> Counter[str]:
    """Check messages in one child process. Raises Broken if it crashes, hangs or finds a broken rule."""
    current = mmap.mmap(-1, LONGEST + 16)  # the message that is being checked: the child may die any time
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            outcomes = _check_all(bodies, current)
            os.write(write, msgspec.json.encode(outcomes))
            code = 0
        except AssertionError as error:
            os.write(write, str(error).encode())
        except BaseException as error:
            os.write(write, f"{type(error).__name__}: {error}".encode(errors="replace"))
        finally:
            os._exit(code)
    os.close(write)
    with open(read, "rb") as pipe:
        said = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 0:
        return Counter(msgspec.json.decode(said, type=dict[str, int]))
    body = current[8 : 8 + int.from_bytes(current[:8], "little")]
    hung = status == -signal.SIGPROF
    raise Broken(
        said.decode() or (f"it takes more than {HANGS} s" if hung else f"the process ended with {status}"), body
    )


def _check_all(bodies: Iterable[bytes], current: mmap.mmap) -> Counter[str]:
    outcomes = Counter[str]()
    at_start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for body in bodies:
        current[:8] = len(body).to_bytes(8, "little")
        current[8 : 8 + len(body)] = body
        signal.setitimer(signal.ITIMER_PROF, HANGS)
        outcomes[check(body)] += 1
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - at_start) << 10
        assert grown < MEMORY, f"it takes {grown >> 20} MiB of memory"
    signal.setitimer(signal.ITIMER_PROF, 0)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"seed {options.seed}, {options.seconds:g} s", flush=True)
    try:
        done, outcomes = run(options.seed, seconds=options.seconds)
    except Broken as broken:
        file = CORPUS / hashlib.sha256(broken.body).hexdigest()[:16]
        file.write_bytes(broken.body)
        sys.exit(f"{broken}; the message is saved as {file}")
    print(f"{done} messages, none broke a rule")
    for outcome, count in outcomes.most_common(40):
        print(f"{count:9} {outcome}")


if __name__ == "__main__":
    main()
