"""Starts the model's process, which runs the learner's functions, and yields its events. The process has limits."""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.processes import FOLDER, environment, module
from grader.model.protocol import Done, Event, Failed, Request

STALL = 60.0  # seconds without an event after which the process is ended: it has said what runs long before
LONGEST = 16 << 20  # bytes of one event


def run(request: Request, stall: float = STALL) -> Iterator[Event]:
    """The events of a request; the last is Done or Failed. If the caller stops, the process ends at once.

    Raises KoansError if no process can be started.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                [sys.executable, *module(__package__, "worker")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(FOLDER),
                cwd=request.source.root,
                process_group=0,
            )
        except OSError as error:
            raise KoansError(f"no process could be started for the model: {error.strerror}") from None
        try:
            assert process.stdin is not None and process.stdout is not None
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(msgspec.msgpack.encode(request))
            for event in _events(process.stdout.fileno(), stall):
                yield event
                if isinstance(event, Done | Failed):
                    return
            process.wait()
            yield Failed(_how_it_ended(process.returncode, errors.fileno()))
        finally:
            process.kill()
            process.wait()


def _events(descriptor: int, stall: float) -> Iterator[Event]:
    """Events from a pipe: 4 bytes of length, then msgpack. Ends where the pipe ends, after damage or a long silence."""
    data = bytearray()
    decoder = msgspec.msgpack.Decoder(Event)
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big"):
                size = 4 + int.from_bytes(data[:4], "big")
                yield decoder.decode(bytes(data[4:size]))
                del data[:size]
            if len(data) >= 4 and int.from_bytes(data[:4], "big") > LONGEST:
                return
            if not selector.select(stall):
                yield Failed(f"the model's process did nothing for {stall:.0f} seconds, so it was ended")
                return
            part = os.read(descriptor, 1 << 16)
            if not part:
                return
            data += part


def _how_it_ended(code: int, errors: int) -> str:
    size = os.fstat(errors).st_size
    last = os.pread(errors, 2000, max(0, size - 2000)).decode(errors="replace").strip().splitlines()[-1:]
    said = f": {last[0]}" if last else ""
    if code < 0:
        return f"the model's process was ended by signal {-code}{said}"
    return f"the model's process ended with exit code {code}{said}"


def folder_of_ours(root: Path) -> Path:
    """Where the workbook keeps its own trained model."""
    return root / "content" / "ch15_model" / "model"
