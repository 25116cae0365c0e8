"""Starts the model's process, which runs the learner's functions, and yields its events. The process has limits."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import IO

import msgspec

from grader.book import processes
from grader.book.errors import KoansError
from grader.book.processes import FOLDER, PipeReader, environment, module
from grader.model.protocol import BOX, Done, Event, Failed, Note, Request

PATIENCE = 20.0  # seconds of the processor in which a call of a function must return
STALL = 30.0  # seconds, and 8 times its patience, that the process may be silent: it tells long before what runs
START = 120.0  # seconds that it may take to start
# How the process ends if a call lets no other thread run: by SIGPROF, which Windows does not have.
STUCK = -getattr(signal, "SIGPROF", 0) or None
LONGEST = 16 << 20  # bytes of one event


def run(request: Request, patience: float = PATIENCE) -> Generator[Event]:
    """The events of a request; the last is Done or Failed. If the caller stops, the process ends at once.

    Raises KoansError if no process can be started.
    """
    with (
        tempfile.TemporaryFile() as errors,
        tempfile.TemporaryDirectory(prefix="koans-model-", ignore_cleanup_errors=True) as folder,
    ):
        box = Path(folder) / "box"
        box.write_bytes(bytes(1 << 16))
        try:
            process = processes.start(
                [*module(__package__, "worker"), str(patience), str(box)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment(FOLDER),
                cwd=request.source.root,
            )
        except OSError as error:
            raise KoansError(f"no process could be started for the model: {error.strerror}") from None
        assert process.stdin is not None and process.stdout is not None
        reader = PipeReader(process.stdout)
        try:
            with contextlib.suppress(OSError), process.stdin:  # Windows has another error for a broken pipe
                process.stdin.write(msgspec.msgpack.encode(request))
            for event in _events(reader, STALL + 8 * patience):
                if not (isinstance(event, Note) and not event.text):  # it only says that the process works
                    yield event
                if isinstance(event, Done | Failed):
                    return
            process.wait()
            running = box.read_bytes()[:BOX].rstrip(b"\0").decode(errors="replace")
            yield _ended(process.returncode, _last(errors), running, request.source.whose)
        finally:
            processes.end(process)  # also what a function has started
            process.wait()
            reader.close()


def _events(reader: PipeReader, stall: float) -> Iterator[Event]:
    """Events from a pipe: 4 bytes of length, then msgpack. Ends where the pipe ends, after damage or a long silence."""
    data, patience = bytearray(), max(stall, START)
    decoder = msgspec.msgpack.Decoder(Event)
    while True:
        while len(data) >= 4 and len(data) >= 4 + int.from_bytes(data[:4], "big"):
            size = 4 + int.from_bytes(data[:4], "big")
            try:
                yield decoder.decode(bytes(data[4:size]))
            except msgspec.MsgspecError:
                yield Failed("a function wrote between the messages of the model's process, so it was ended")
                return
            del data[:size]
        if len(data) >= 4 and int.from_bytes(data[:4], "big") > LONGEST:
            yield Failed("a function wrote between the messages of the model's process, so it was ended")
            return
        try:
            part = reader.read(patience)
        except TimeoutError:
            yield Failed(f"the model's process did nothing for {patience:.0f} seconds, so it was ended")
            return
        if not part:
            return
        data, patience = data + part, stall


def _last(errors: IO[bytes], most: int = 8000) -> str:
    """The end of what the process wrote to stderr."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - most))
    return errors.read().decode(errors="replace").strip()


_FRAME = re.compile(r'File ".*exercises[/\\](\w+)[/\\](\w+)\.py", line (\d+) in')  # as faulthandler writes it


def _ended(code: int, errors: str, running: str, whose: Mapping[str, str]) -> Failed:
    """How a process ended that did not say so itself. `running` is the koan whose function ran then."""
    name = running.partition("/")[2]
    said = errors.splitlines()[-1:]
    frames = [int(line) for *koan, line in _FRAME.findall(errors) if "/".join(koan) == running]  # the innermost first
    if code == STUCK:
        how = "did not return, and let nothing else run"
    elif code < 0:
        how = f"was ended by signal {-code} ({signal.Signals(-code).name})"
    else:
        how = f"ended with exit code {code}" + (f": {said[0]}" if said and not running else "")
    message = f"the model's process {how}" + (f" while {name} ran" if name else "")
    if code == STUCK and name:
        message = f"{name} {how}"
    return Failed(message, running, whose=whose.get(running, "ours") if running else "", line=[*frames, 0][0])


def folder_of_ours(root: Path) -> Path:
    """Where the workbook keeps its own trained model."""
    return root / "content" / "ch15_model" / "model"
