"""The database of progress in .koans: damage is noticed and reported, and nothing is lost silently."""

import sqlite3
import time

import pytest

from grader.book.errors import KoansError
from grader.book.verdict import Status, Verdict
from grader.learn.progress import Progress

FAILED = Verdict("ch06_numerics/softmax", "learner", Status.failed, "x" * 500)


def _damage(file, size=2000):
    """Overwrite the end of the last page: the file opens without an error, and SQLite's check reports the damage.

    Overwriting a whole page (4096 bytes) makes the check itself fail.
    """
    data = bytearray(file.read_bytes())
    data[-size:] = b"\xff" * size
    file.write_bytes(data)
    return bytes(data)


def _copies(root):
    return sorted(file.name for file in (root / ".koans").iterdir() if "-20" in file.name)


def _filled_progress(root):
    with Progress(root) as progress:
        for i in range(50):
            progress.record(FAILED, f"text {i}")
    return root / ".koans/progress.db"


@pytest.mark.parametrize("size", [2000, 4096])
def test_a_damaged_page_of_the_progress_file_is_noticed_and_the_file_is_kept_aside(tmp_path, size):
    file = _filled_progress(tmp_path)
    data = _damage(file, size)
    with pytest.raises(
        KoansError, match=r"progress\.db: damaged .*renamed to progress-.*the next run starts a new one"
    ):
        Progress(tmp_path)
    (copy,) = _copies(tmp_path)
    assert (tmp_path / ".koans" / copy).read_bytes() == data
    with Progress(tmp_path) as progress:
        assert progress.activities() == []


def test_files_damaged_in_the_same_second_are_all_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "20260102-030405")
    for _ in range(3):
        _damage(_filled_progress(tmp_path))
        with pytest.raises(KoansError):
            Progress(tmp_path)
    assert set(_copies(tmp_path)) == {f"progress-20260102-030405{end}.db" for end in ("", "-1", "-2")}


def test_a_file_that_another_process_holds_is_left_where_it_is(tmp_path, monkeypatch):
    file = _filled_progress(tmp_path)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout, **more: connect(path, timeout=0, **more))
    other = connect(file, isolation_level=None)
    other.execute("pragma journal_mode = delete")
    other.execute("begin exclusive")
    with pytest.raises(KoansError, match="another program has locked it"):
        Progress(tmp_path)
    other.close()
    assert _copies(tmp_path) == []
    assert file.exists()
