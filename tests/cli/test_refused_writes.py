"""Disks that are full, files of other users, locks: a verdict is shown all the same, and nothing is lost or half written."""

import contextlib
import errno
import os
import sqlite3

import pytest

from grader import cli
from grader.book import files
from grader.book.database import Database, DatabaseRefused
from grader.book.errors import KoansError
from grader.book.files import write_file, write_files
from grader.book.workbook import Workbook
from grader.learn.progress import Progress
from tests.conftest import ROOT

FULL = "the disk is full: free some space"
BOOK = Workbook(ROOT)
LOCKED = "another program has locked it"


def _one_line(result, *parts):
    assert result.returncode == 2, result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("koans: ") and all(part in line for part in parts), line
    return line


@pytest.fixture
def full(monkeypatch):
    """A disk that has no space for the text of any file that we write."""

    def refuse(_descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", refuse)


@pytest.fixture
def unwritable(proved, monkeypatch):
    """A workbook in which softmax has passed, with a progress file that may only be read."""
    access = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode, **more: ".koans" not in str(path) and access(path, mode, **more)
    )
    return proved


@pytest.fixture
def impatient(monkeypatch):
    """No waiting for a lock."""
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout=0, **more: connect(path, timeout=0, **more))


@contextlib.contextmanager
def _locked(play, how):
    with contextlib.closing(sqlite3.connect(play.root / ".koans/progress.db", isolation_level=None)) as other:
        other.execute(f"begin {how}")
        yield


@pytest.mark.needs("links")
def test_a_verdict_is_shown_where_it_cannot_be_recorded_with_the_exit_code_of_the_verdict(play):
    (play.root / ".koans").symlink_to("/proc/nonesuch/koans")
    play.solve("causal_mask")
    play.body("exp_overflow", "return 0")
    passed, failed = play.says("run", "causal_mask"), play.says("run", "exp_overflow")
    assert "causal_mask  ✓ passed" in passed.stdout and "exp_overflow  ✗ failed" in failed.stdout
    assert (passed.returncode, failed.returncode) == (0, 1)
    for run in (passed, failed):
        (line,) = run.stderr.splitlines()
        assert line.startswith("koans: not recorded: ") and ".koans: cannot be written" in line
    several = play.says("run", "causal_mask", "exp_overflow")
    assert len(several.stderr.splitlines()) == 1, "each reason is said once"


@pytest.mark.parametrize("how", ["immediate", "exclusive"])
def test_a_verdict_and_a_hint_are_shown_while_another_program_locks_the_progress_file(proved, impatient, how):
    with _locked(proved, how):
        run, hint = proved.says("run", "softmax"), proved.says("hint", "softmax")
    assert "softmax  ✓ passed" in run.stdout and "softmax, hint 1 of 3" in hint.stdout
    assert (run.returncode, hint.returncode) == (0, 0)
    for said in (run.stderr, hint.stderr):
        assert said.startswith("koans: not recorded: ") and LOCKED in said and len(said.splitlines()) == 1
    with Progress(proved.root) as progress:
        assert progress.hints(proved.workbook.koan("softmax")) == 0


@pytest.mark.parametrize("verb", ["list", "stats", "cards", "cheatsheet", "run"])
def test_what_cannot_be_read_is_not_shown_as_nothing_done(proved, impatient, verb):
    with _locked(proved, "exclusive"):
        result = proved.says(verb)
    _one_line(result, "progress.db", "cannot be read", LOCKED)
    assert not result.stdout


@pytest.mark.parametrize(
    ("verb", "shows"),
    [
        ("list", "✓ passed       softmax"),
        ("stats", f"1 of {len(BOOK.koans)} koans passed, 3 of {len(BOOK.cards)} cards unlocked"),
        ("cards", f"{len(BOOK.cards)} cards: 0 due, 3 new, 0 later, {len(BOOK.cards) - 3} locked"),
        ("cheatsheet", f"1 of {len(BOOK.koans)} koans passed, 3 of {len(BOOK.cards)} cards unlocked"),
        ("solution softmax", "def softmax("),
    ],
)
def test_what_only_reads_works_on_a_file_that_may_only_be_read(unwritable, verb, shows):
    result = unwritable.says(*verb.split())
    assert (result.returncode, result.stderr) == (0, "") and shows in result.stdout


@pytest.mark.parametrize("verb", ["review", "quiz", "again softmax"])
def test_what_is_there_to_be_recorded_says_at_once_that_it_cannot(unwritable, verb):
    result = unwritable.says(*verb.split())
    _one_line(result, "progress.db", "permission denied")
    assert not result.stdout


def test_a_peek_that_cannot_be_recorded_is_not_given(unwritable):
    result = unwritable.says("solution", "scores", "--peek")
    _one_line(result, "the peek cannot be recorded", "permission denied")
    assert not result.stdout


def test_recording_goes_on_when_the_file_can_be_written_again(proved, monkeypatch):
    koan = proved.workbook.koan("softmax")
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_, **__: False)
        progress = Progress(proved.root, must_write=False)
        assert "permission denied" in progress.refused and progress.last_pass(koan) is not None
        with pytest.raises(KoansError, match="permission denied"):
            progress.record_hint(koan, 1)
    with progress:
        progress.record_hint(koan, 1)
        assert (progress.refused, progress.hints(koan)) == ("", 1)
    with Progress(proved.root) as progress:
        assert progress.hints(koan) == 1


def test_reset_replaces_nothing_that_it_cannot_copy(play, full):
    play.write("softmax", "mine = 1\n")
    _one_line(play.says("reset", "softmax"), "replaced", FULL, "nothing was replaced")
    assert play.workbook.exercise(play.workbook.koan("softmax")).read_text() == "mine = 1\n"


def test_reset_keeps_a_copy_byte_for_byte(play):
    file = play.workbook.exercise(play.workbook.koan("softmax"))
    file.write_bytes(b"mine = '\xff\xfe'\r\n")
    said = play.says("reset", "softmax").stdout
    copy = "".join(said.split()).partition("savedat")[2]
    assert (play.root / copy).read_bytes() == b"mine = '\xff\xfe'\r\n"


EXPORTS = [
    ("cards export FILE.tsv --all", "FILE.tsv"),
    ("cards export FILE.apkg --all", "FILE.apkg"),
    ("cheatsheet -o FILE.md", "FILE.md"),
    ("cheatsheet -o FILE.html", "FILE.html"),
    ("stats -o FILE.html", "FILE.html"),
    ("notebook export 14 --overwrite -o FILE.ipynb", "FILE.ipynb"),
    ("settings session 7", ".koans/settings.toml"),
    ("track attention", ".koans/settings.toml"),
    ("stubs --overwrite", "exercises/ch01_tensors/dot.py"),
    ("facts --write", "docs/FACTS.md"),
    ("verify causal_mask --seeds 1 --lock", "content/ids.lock"),
    ("new ch14_budget/fresh", "content/ch14_budget/chapter.toml"),
]


@pytest.mark.parametrize(("command", "name"), EXPORTS, ids=[command for command, _ in EXPORTS])
def test_on_a_full_disk_a_file_keeps_its_content_and_nothing_is_left_beside_it(play, full, command, name):
    file = play.root / name
    file.parent.mkdir(exist_ok=True)
    (play.root / ".koans").mkdir(exist_ok=True)
    old = file.read_bytes() if file.suffix == ".toml" and file.exists() else b"session = 9\n"
    file.write_bytes(old)
    before = sorted(os.listdir(file.parent))
    result = play.says(*command.split())
    _one_line(result, FULL)
    assert file.read_bytes() == old
    assert set(os.listdir(file.parent)) - set(before) <= {"progress.db"}
    assert not (play.root / "exercises/ch14_budget/fresh.py").exists()


@pytest.mark.parametrize("name", ["grade", "html", "gradescope"])
def test_a_report_that_finds_the_disk_full_leaves_the_old_one(tmp_path, full, name):
    file = tmp_path / name
    file.write_text("old")
    with pytest.raises(KoansError, match=FULL):
        write_file(file, "new")
    assert (file.read_text(), os.listdir(tmp_path)) == ("old", [name])


@pytest.mark.needs("modes", "links")
def test_a_file_keeps_its_mode_and_a_link_still_leads_to_it(tmp_path):
    file, link = tmp_path / "deep" / "x.md", tmp_path / "link.md"
    file.parent.mkdir()
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to("deep/x.md")
    write_file(link, "new")
    assert link.is_symlink() and file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o640
    assert os.listdir(file.parent) == ["x.md"]


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path, monkeypatch):
    file = tmp_path / "x.md"
    file.write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(file))
    with pytest.raises(KoansError, match="permission denied"):
        write_file(file, "new")
    assert file.read_text() == "old"


def test_a_file_whose_folder_takes_no_draft_is_written_in_place_and_keeps_its_content_if_that_fails(
    tmp_path, monkeypatch
):
    file = tmp_path / "x.md"
    file.write_text("old")

    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    write_file(file, "longer than before")
    assert file.read_text() == "longer than before"
    truncate, sizes = os.ftruncate, []

    def first_fails(descriptor, size):
        sizes.append(size)
        if len(sizes) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        truncate(descriptor, size)

    monkeypatch.setattr(files.os, "ftruncate", first_fails)
    with pytest.raises(KoansError, match=FULL):
        write_file(file, "new, and much longer than what was there before")
    assert file.read_text() == "longer than before"


def test_a_content_in_parts_is_asked_for_again_if_the_draft_cannot_take_the_name(tmp_path, monkeypatch):
    class Parts:
        asked = 0

        def __iter__(self):
            self.asked += 1
            yield from ("first, ", "secönd")

    def busy(*_):
        raise OSError(errno.EBUSY, "Device or resource busy")

    file, parts = tmp_path / "x.md", Parts()
    write_file(file, parts)
    assert (file.read_text(), parts.asked) == ("first, secönd", 1)
    file.write_text("longer than what comes now")
    monkeypatch.setattr(files.os, "replace", busy)
    write_file(file, parts)
    assert (file.read_text(), parts.asked) == ("first, secönd", 3)
    assert list(tmp_path.iterdir()) == [file]


def test_a_content_in_parts_that_fails_leaves_the_old_file(tmp_path):
    class Failing:
        def __iter__(self):
            yield "new"
            raise OSError(errno.EIO, "Input/output error")

    file = tmp_path / "x.md"
    file.write_text("old")
    with pytest.raises(KoansError, match="the disk reports an error"):
        write_file(file, Failing())
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_of_several_files_all_are_written_or_none(tmp_path, monkeypatch):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("old")
    second.mkdir()
    with pytest.raises(KoansError, match="b: cannot be written"):
        write_files({first: "new", second: "new"})
    assert first.read_text() == "old" and sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.needs("full device")
def test_output_that_cannot_be_written_is_one_line(play, monkeypatch):
    def koans(*args, to):
        errors = []
        monkeypatch.setattr(cli, "say", errors.append)
        monkeypatch.setattr("sys.argv", ["koans", *args])
        with (
            open(to, "w") as stream,
            contextlib.chdir(play.root),
            contextlib.redirect_stdout(stream),
            pytest.raises(SystemExit) as end,
        ):
            cli.main()
        return end.value.code, errors

    for args in (["list", "ch14"], ["--version"], ["settings", "--json"], ["notebook", "export", "14", "-o", "-"]):
        assert koans(*args, to="/dev/full") == (2, [FULL])
    assert koans("list", "ch14", to=os.devnull) == (0, [])


@pytest.fixture
def filling(monkeypatch):
    """A disk that has no space for what is recorded after the first reading."""

    def fill(self, sql, parameters=()):
        if sql.startswith("insert"):
            raise DatabaseRefused(f"progress.db: {FULL}")
        return execute(self, sql, parameters)

    execute = Database.execute
    monkeypatch.setattr(Database, "execute", fill)


def test_a_rating_that_cannot_be_kept_is_not_counted_and_is_said(proved, filling):
    result = proved.says("review", lines=["", "3", "", "3"])
    _one_line(result, "not recorded: progress.db", FULL)
    assert "nothing was reviewed" in result.stdout


def test_an_answer_that_cannot_be_kept_is_said(proved, filling):
    _one_line(proved.says("quiz", "--limit", "1", lines=["a"]), "not recorded: progress.db", FULL)


def test_a_re_solve_shows_its_verdict_where_it_cannot_be_recorded_and_a_pass_stays_open(proved, monkeypatch):
    assert proved.says("again", "softmax").returncode == 0
    scratch = proved.root / ".koans/again/exercises/ch06_numerics/softmax.py"
    answer = proved.workbook.exercise(proved.workbook.koan("softmax")).read_text()
    execute = Database.execute

    def fill(self, sql, parameters=()):
        if sql.startswith("insert into re") and ("failed" in parameters or "reviews" in sql):
            raise DatabaseRefused(f"progress.db: {FULL}")
        return execute(self, sql, parameters)

    with monkeypatch.context() as patched:
        patched.setattr(Database, "execute", fill)
        scratch.write_text(answer.replace("amax", "amin"))
        failed = proved.says("again", "softmax")
        assert (
            failed.returncode == 1
            and "✗ failed" in failed.stdout
            and f"not recorded: progress.db: {FULL}" in (" ".join(failed.stdout.split()))
        )
        scratch.write_text(answer)
        passed = proved.says("again", "softmax")
        assert passed.returncode == 2 and "✓ passed" in passed.stdout and "not recorded: progress.db" in passed.stderr
    with Progress(proved.root) as progress:
        assert [step.event for step in progress.recall.re_solve_steps()] == ["started"]


def test_an_exercise_that_cannot_be_read_is_broken_and_the_rest_is_shown(proved):
    file = proved.workbook.exercise(proved.workbook.koan("exp_overflow"))
    file.unlink()
    file.mkdir()
    listed = proved.says("list", "ch06")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "! broken       exp_overflow" in listed.stdout and "✓ passed       softmax" in listed.stdout
    _one_line(proved.says("reset", "exp_overflow"), "exp_overflow.py is a folder: move it away")
    assert proved.says("stats").returncode == 0
