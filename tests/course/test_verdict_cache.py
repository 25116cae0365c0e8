"""Kept verdicts: only what rests on the text alone, never another text's, and trouble with the files ends no run."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from grader.book import verdict as results
from grader.book.faults import MachineError, by_machine
from grader.book.verdict import Status, Verdict
from grader.course import verdict_cache as module
from grader.course.verdict_cache import VerdictCache
from grader.course.verdict_key import digest

KEY, OTHER = digest("one"), digest("two")
FAILED = Verdict("ch06_numerics/softmax", "", Status.failed, "x" * 500, seed=3)


def _file(root, key=KEY):
    (file,) = (root / ".koans").rglob(key)
    return file


@pytest.mark.parametrize("status", list(Status))
def test_only_verdicts_that_rest_on_the_text_are_kept(tmp_path, status):
    cache = VerdictCache(tmp_path)
    verdict = msgspec.structs.replace(FAILED, status=status)
    cache.put(KEY, verdict)
    on_the_text = status in (Status.passed, Status.failed, Status.broken, Status.not_started)
    assert cache.get(KEY) == (verdict if on_the_text else None)


@pytest.mark.parametrize(
    "changes",
    [
        {"by_machine": True},
        {"tests": (results.TestResult("t", "t", Status.passed, gpu=True, ms={"yours": 1.0}),), "fast": Status.passed},
        {"tests": (results.TestResult("t", "t", Status.failed, gpu=True),), "fast": Status.failed},
    ],
    ids=["the machine may have caused it", "a race won", "a race lost"],
)
def test_what_the_machine_decides_is_not_kept(tmp_path, changes):
    cache = VerdictCache(tmp_path)
    cache.put(KEY, msgspec.structs.replace(FAILED, **changes))
    assert cache.get(KEY) is None


def test_a_race_that_was_not_run_here_does_not_keep_a_verdict_out(tmp_path):
    cache = VerdictCache(tmp_path)
    lacking = (results.TestResult("t", "t", Status.not_run_here, gpu=True),)
    cache.put(KEY, msgspec.structs.replace(FAILED, tests=lacking, fast=Status.not_run_here))
    assert cache.get(KEY).fast == Status.not_run_here


def _caused(cause):
    try:
        try:
            raise cause
        except type(cause) as error:
            raise ValueError("no result") from error
    except ValueError as error:
        return error


@pytest.mark.parametrize(
    "error, machine",
    [
        (MemoryError(), True),
        (OSError(errno.EAGAIN, os.strerror(errno.EAGAIN)), True),
        (TimeoutError(), True),
        (subprocess.TimeoutExpired("ptxas", 3), True),
        (MachineError("the compiling process ended with -9"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("libx.so: failed to map segment: Cannot allocate memory"), True),
        (_caused(MemoryError()), True),
        (ExceptionGroup("two", [ValueError("a"), MemoryError()]), True),
        (ValueError("shapes differ"), False),
        (RecursionError("maximum recursion depth exceeded"), False),
        (AssertionError("0.1 is not 0.2"), False),
        (_caused(KeyError("x")), False),
    ],
)
def test_errors_that_a_busy_machine_causes_are_told_from_those_of_the_text(error, machine):
    assert by_machine(error) is machine


def test_the_verdict_of_a_later_grading_replaces_the_stored_one(tmp_path):
    VerdictCache(tmp_path).put(KEY, FAILED)
    passed = msgspec.structs.replace(FAILED, status=Status.passed)
    assert VerdictCache(tmp_path).put(KEY, passed) == passed
    assert VerdictCache(tmp_path).get(KEY) == passed


def test_of_two_verdicts_on_one_text_in_a_grading_the_first_is_reported_for_both(tmp_path):
    cache = VerdictCache(tmp_path)
    slower = msgspec.structs.replace(FAILED, seconds=2.0, target="another submission")
    assert cache.put(KEY, FAILED) == FAILED
    assert cache.put(KEY, slower) == FAILED
    assert VerdictCache(tmp_path).get(KEY) == FAILED


def test_again_reads_nothing_from_before_and_replaces_it(tmp_path):
    VerdictCache(tmp_path).put(KEY, FAILED)
    VerdictCache(tmp_path).put(OTHER, FAILED)
    again = VerdictCache(tmp_path, again=True)
    assert again.get(KEY) is None
    passed = msgspec.structs.replace(FAILED, status=Status.passed)
    again.put(KEY, passed)
    assert again.get(KEY) == passed
    assert again.get(OTHER) is None
    assert VerdictCache(tmp_path).get(KEY) == passed
    assert VerdictCache(tmp_path).get(OTHER) == FAILED


def _flip(data):
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize(
    "damage", [lambda d: b"", lambda d: d[:40], lambda d: d[:-1], _flip, lambda d: b"\0" * len(d), lambda d: d + b"x"]
)
def test_a_damaged_file_is_ignored_and_replaced_and_the_others_stay(tmp_path, damage):
    cache = VerdictCache(tmp_path, tell=pytest.fail)
    cache.put(KEY, FAILED)
    cache.put(OTHER, FAILED)
    file = _file(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    assert cache.get(KEY) is None
    assert cache.get(OTHER) == FAILED
    cache.put(KEY, FAILED)
    assert cache.get(KEY) == FAILED


def test_a_verdict_under_the_name_of_another_is_ignored(tmp_path):
    cache = VerdictCache(tmp_path)
    cache.put(KEY, FAILED)
    cache.put(OTHER, msgspec.structs.replace(FAILED, status=Status.passed))
    shutil.copy(_file(tmp_path, OTHER), _file(tmp_path, KEY))
    assert cache.get(KEY) is None


def test_a_kept_verdict_names_no_submission(tmp_path):
    cache = VerdictCache(tmp_path)
    cache.put(KEY, msgspec.structs.replace(FAILED, target="/home/ada/handed-in"))
    assert cache.get(KEY) == FAILED
    prints_its_place = results.TestResult(
        "t", "t", Status.failed, output="File /home/ada/handed-in/exercises/x.py, line 3"
    )
    cache.put(OTHER, msgspec.structs.replace(FAILED, target="/home/ada/handed-in", tests=(prints_its_place,)))
    assert cache.get(OTHER) is None


def test_where_nothing_can_be_kept_the_user_is_told_once(tmp_path):
    (tmp_path / ".koans").mkdir()
    (tmp_path / ".koans/verdicts").write_text("a file where the folder should be")
    told = []
    cache = VerdictCache(tmp_path, tell=told.append)
    for key in (KEY, OTHER):
        assert cache.get(key) is None
        cache.put(key, FAILED)
    (line,) = told
    assert "verdicts: cannot be read (Not a directory); grading continues, but no more verdicts are cached" in line


def test_a_disk_that_is_full_in_the_middle_is_told_once_and_leaves_no_half_file(tmp_path, monkeypatch):
    told = []
    cache = VerdictCache(tmp_path, tell=told.append)
    cache.put(KEY, FAILED)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "replace", full)
    cache.put(OTHER, FAILED)
    cache.put(digest("three"), FAILED)
    assert cache.get(KEY) == FAILED
    assert [line.partition(": ")[2] for line in told] == [
        "cannot be written (No space left on device); grading continues, but no more verdicts are cached"
    ]
    assert [file.name for file in (tmp_path / ".koans").rglob("*") if file.is_file()] == [KEY]


def test_a_folder_that_somebody_deletes_is_made_again(tmp_path):
    cache = VerdictCache(tmp_path, tell=pytest.fail)
    cache.put(KEY, FAILED)
    shutil.rmtree(tmp_path / ".koans")
    assert cache.get(KEY) is None
    cache.put(KEY, FAILED)
    assert cache.get(KEY) == FAILED


WRITER = """
import sys
from pathlib import Path
from grader.book.verdict import Status, Verdict
from grader.course.verdict_cache import VerdictCache
from grader.course.verdict_key import digest
cache, name = VerdictCache(Path(sys.argv[1])), sys.argv[2]
print("ready", flush=True)
for i in range(int(sys.argv[3])):
    for key in (f"both {i % 200}", f"{name} {i}"):
        cache.put(digest(key), Verdict("ch01_tensors/matmul", name, Status.failed, "x" * 3000))
"""


def _writer(root, name, count):
    command = [sys.executable, "-c", WRITER, str(root), name, str(count)]
    environment = {**os.environ, "PYTHONPATH": str(Path(module.__file__).parents[2])}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_graders_at_once_both_keep_everything(tmp_path):
    writers = [_writer(tmp_path, name, 400) for name in ("ada", "ben")]
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    cache = VerdictCache(tmp_path, tell=pytest.fail)
    keys = [f"{name} {i}" for name in ("ada", "ben") for i in range(400)] + [f"both {i}" for i in range(200)]
    assert all(cache.get(digest(key)) is not None for key in keys)


def test_a_killed_grader_leaves_whole_verdicts_only(tmp_path):
    with _writer(tmp_path, "ada", 1_000_000) as writer:
        while sum(file.is_file() for file in (tmp_path / ".koans").rglob("*")) < 300:
            time.sleep(0.01)
        writer.send_signal(signal.SIGKILL)
    files = [file for file in (tmp_path / ".koans").rglob("*") if file.is_file()]
    cache = VerdictCache(tmp_path, tell=pytest.fail)
    kept = [cache.get(file.name) for file in files if not file.name.startswith(".")]
    assert len(kept) >= len(files) - 1  # at most one file was being written
    assert None not in kept


def test_a_verdict_that_is_asked_for_stays_and_one_that_nobody_asks_for_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHARDS", [KEY[:2]])
    forgotten = KEY[:2] + OTHER[2:]
    cache = VerdictCache(tmp_path)
    cache.put(KEY, FAILED)
    cache.put(forgotten, FAILED)
    left = _file(tmp_path).with_name(".left-by-a-killed-writer")
    left.touch()
    for file in (_file(tmp_path, KEY), _file(tmp_path, forgotten), left):
        os.utime(file, times=(time.time() - 0.6 * module.LIFETIME,) * 2)
    assert VerdictCache(tmp_path).get(KEY) == FAILED
    assert not left.exists()
    assert time.time() - _file(tmp_path, KEY).stat().st_mtime < module.DAY
    os.utime(_file(tmp_path, forgotten), times=(time.time() - 1.1 * module.LIFETIME,) * 2)
    assert cache.get(forgotten) is None
    VerdictCache(tmp_path)
    assert [file.name for file in (tmp_path / ".koans").rglob("*") if file.is_file()] == [KEY]
