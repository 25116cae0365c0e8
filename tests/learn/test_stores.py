"""The databases in .koans: damage is noticed and reported, nothing is lost silently, unused verdicts expire."""

import sqlite3
import time

import pytest

from grader.book.errors import KoansError
from grader.book.verdict import Status, Verdict
from grader.course import verdict_cache as module
from grader.course.verdict_cache import VerdictCache
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


def _filled_grades(root):
    with VerdictCache(root) as cache:
        for i in range(50):
            cache.put(f"key {i}", FAILED)
    return root / ".koans/grades.db"


@pytest.mark.parametrize("size", [2000, 4096])
def test_a_damaged_page_of_the_progress_file_is_noticed_and_the_file_is_kept_aside(tmp_path, size):
    file = _filled_progress(tmp_path)
    data = _damage(file, size)
    with pytest.raises(KoansError, match=r"progress\.db: damaged .*kept as progress-.*the next run starts a new one"):
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


def test_a_damaged_file_of_grades_is_kept_aside_and_told_and_grading_goes_on(tmp_path):
    file = _filled_grades(tmp_path)
    data = _damage(file)
    with VerdictCache(tmp_path) as cache:
        (aside,) = _copies(tmp_path)
        assert aside in cache.message
        assert "damaged" in cache.message
        assert len(cache.message.splitlines()) == 1
        assert cache.get("key 1") is None
        cache.put("key 1", FAILED)
    assert (tmp_path / ".koans" / aside).read_bytes() == data
    with VerdictCache(tmp_path) as cache:
        assert cache.message == ""
        assert cache.get("key 1") == FAILED


def test_a_new_file_of_grades_does_not_take_the_log_of_the_damaged_one_for_its_own(tmp_path):
    with VerdictCache(tmp_path) as holder:  # while it is open, SQLite's log stays beside the file
        holder.put("old", FAILED)
        (tmp_path / ".koans/grades.db").write_bytes(b"no database" * 1000)
        with VerdictCache(tmp_path) as cache:
            assert "damaged" in cache.message
            assert cache.get("old") is None
            cache.put("new", FAILED)
        assert [name.partition(".")[2] for name in _copies(tmp_path)] == ["db", "db-shm", "db-wal"]
    with VerdictCache(tmp_path) as cache:
        assert (cache.message, cache.get("new")) == ("", FAILED)


def test_koans_grade_tells_that_the_file_of_grades_was_damaged(play, tmp_path):
    (play.root / ".koans").mkdir()
    (play.root / ".koans/grades.db").write_bytes(b"no database" * 1000)
    (tmp_path / "nobody").mkdir()
    run = play.says("grade", str(tmp_path / "nobody"), "--seed", "1")
    assert run.returncode == 2
    assert "grades.db: damaged (file is not a database); it was kept as grades-" in run.stderr.splitlines()[0]


@pytest.mark.parametrize("store", [Progress, VerdictCache])
def test_a_file_that_another_process_holds_is_left_where_it_is(tmp_path, store, monkeypatch):
    file = {Progress: _filled_progress, VerdictCache: _filled_grades}[store](tmp_path)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout, **more: connect(path, timeout=0, **more))
    other = connect(file, isolation_level=None)
    other.execute("pragma journal_mode = delete")
    other.execute("begin exclusive")
    with pytest.raises(KoansError, match="database is locked"):
        store(tmp_path)
    other.close()
    assert _copies(tmp_path) == []
    assert file.exists()


def test_a_verdict_that_is_asked_for_stays_and_one_that_nobody_asks_for_goes(tmp_path, monkeypatch):
    now = [1.8e9]
    monkeypatch.setattr(module.time, "time", lambda: now[0])
    with VerdictCache(tmp_path) as cache:
        cache.put("asked for", FAILED)
        cache.put("forgotten", FAILED)
    for _ in range(3):
        now[0] += 0.6 * module.LIFETIME
        with VerdictCache(tmp_path) as cache:
            assert cache.get("asked for") == FAILED
    with VerdictCache(tmp_path) as cache:
        assert cache.get("forgotten") is None
        assert cache.get("asked for") == FAILED
    now[0] += 1.1 * module.LIFETIME
    with VerdictCache(tmp_path) as cache:
        assert cache.get("asked for") is None
