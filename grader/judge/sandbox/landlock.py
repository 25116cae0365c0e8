"""Landlock limits the files a process may open. It also forbids TCP, and signals and abstract sockets to the outside.

The numbers below are from the kernel's documentation (Documentation/userspace-api/landlock.rst).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
VERSION = 1 << 0
PATH_BENEATH = 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
WRITES = WRITE_FILE | sum(1 << bit for bit in range(4, 13))  # write to, remove and create files of all kinds
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
CONNECT_AND_BIND_TCP = 0b11
SIGNALS_AND_ABSTRACT_SOCKETS = 0b11

if sys.platform != "win32":
    _libc = ctypes.CDLL(None, use_errno=True)


def _call(number: int, *args: int | ctypes.Array[ctypes.c_char]) -> int:
    # ctypes passes a plain int as 32 bits, but the kernel reads a full register.
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    result = int(_libc.syscall(ctypes.c_long(number), *wide))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def version() -> int:
    """The version of the kernel's Landlock ABI. Raises OSError if the kernel has no Landlock."""
    return _call(CREATE_RULESET, 0, 0, VERSION)


def keeps_signals_in(abi: int) -> bool:
    """Whether a process that is restricted can signal only processes that are restricted with it."""
    return abi >= 6


def restrict(
    folders: Iterable[Path],
    files: Iterable[Path],
    listed: Iterable[Path],
    writable: Iterable[Path],
    programs: Iterable[Path],
    sinks: Iterable[Path],
) -> str:
    """From now on allow reading only these, writing only below `writable`, and running only the `programs`.

    The names in the folders `listed`, and in all below them, may be read, but no contents. The `sinks` are devices that
    may be written to. Raises OSError.
    """
    abi = version()
    rights = (1 << 13) - 1
    rights |= (REFER if abi >= 2 else 0) | (TRUNCATE if abi >= 3 else 0) | (IOCTL_DEV if abi >= 5 else 0)
    fields = [rights]
    if abi >= 4:
        fields.append(CONNECT_AND_BIND_TCP)
    if keeps_signals_in(abi):
        fields.append(SIGNALS_AND_ABSTRACT_SOCKETS)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _call(CREATE_RULESET, ctypes.create_string_buffer(attributes, len(attributes)), len(attributes), 0)
    try:
        for folder in folders:
            _allow(ruleset, folder, READ_FILE | READ_DIR)
        for file in files:
            _allow(ruleset, file, READ_FILE)
        for folder in listed:
            _allow(ruleset, folder, READ_DIR)
        for program in programs:
            _allow(ruleset, program, READ_FILE | EXECUTE | (READ_DIR if program.is_dir() else 0))
        for sink in sinks:
            _allow(ruleset, sink, READ_FILE | WRITE_FILE)
        for folder in writable:
            _allow(ruleset, folder, rights & (READ_FILE | READ_DIR | WRITES | REFER | TRUNCATE))
        _call(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return f"ABI {abi}: " + (
        "no TCP, no signals to other processes" if keeps_signals_in(abi) else "no TCP" if abi >= 4 else "files only"
    )


def _allow(ruleset: int, path: Path, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, fd)
        _call(ADD_RULE, ruleset, PATH_BENEATH, ctypes.create_string_buffer(rule, len(rule)), 0)
    finally:
        os.close(fd)
