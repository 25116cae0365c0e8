"""Finds out how far a process can be confined here: `python -m grader.judge.sandbox.probe ROOT FOLDER` confines one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.places import code, shipped
from grader.book.processes import environment, module
from grader.judge.sandbox import users
from grader.judge.sandbox.confine import Confinement, Level, confine

UNAVAILABLE = Level(missing=["a sandbox (only Linux has one): submission and tests share a process"])


def level(root: Path) -> Level:
    """How a worker would be confined on this machine. Takes a tenth of a second.

    Raises KoansError if it cannot be tried.
    """
    if sys.platform != "linux":
        return UNAVAILABLE
    with tempfile.TemporaryDirectory(prefix="koans-probe-") as scratch:
        command = [sys.executable, *module(__package__, "probe"), str(shipped(root)), scratch]
        tried = subprocess.run(
            command,
            env=environment(code(root)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
        )
    if tried.returncode:
        why = (tried.stderr.strip() or "it gave no reason").splitlines()[-1]
        raise KoansError(f"the sandbox could not be tested: {why}")
    return msgspec.json.decode(tried.stdout, type=Level)


def main() -> None:
    root, scratch = map(Path, sys.argv[1:])
    write = os.dup(1)
    sys.stdout.flush()
    os.write(write, msgspec.json.encode(confine(Confinement((write,), scratch, root, 1 << 30, 10, users.free()))))
    os._exit(0)


if __name__ == "__main__":
    main()
