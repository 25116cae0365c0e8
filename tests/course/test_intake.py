"""What is handed in is read once, from any place an instructor gives, and every entry becomes a row or a line."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import msgspec
import pytest

from grader.book.stubs import strip_markers
from grader.course.intake import client, reader
from grader.course.intake.client import Intake
from grader.course.intake.collect import apart, collect
from grader.course.intake.reading import Found
from grader.course.intake.submission import Place, Source
from tests.course.test_lms_names import METADATA
from tests.notebooks import answer, of_cells, write

KOAN = "ch07_attention/scores"
FILE = f"exercises/{KOAN}.py"
KOANS = str(Path(sys.executable).with_name("koans"))  # the command as it is installed


@pytest.fixture(scope="module")
def intake(book):
    with Intake(book) as open_intake:
        yield open_intake


@pytest.fixture(scope="module")
def solved(book):
    return strip_markers(book.solution(book.koans[KOAN]).read_text())


def _put(path, text="x = 1\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _take(intake, *paths, inside=()):
    return intake.take(Source("a", "a", "a", tuple(Place(str(path), inside) for path in paths)))


def _names(intake, *paths):
    collected = collect(list(paths), intake)
    return [source.name for source in collected.sources], collected.notes


def _zipped(path, files):
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def _tarred(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data.encode())
            archive.addfile(entry, io.BytesIO(data.encode()))
    return path


# One submission


@pytest.mark.parametrize(
    "names, notes",
    [
        ([FILE], []),
        ([f"work/{FILE}"], ["exercises found one folder down, in work"]),
        ([f"{KOAN}.py"], ["chapters found without a folder exercises/ around them"]),
        (["scores.py"], []),
        (["hw/scores.py", "hw/README.md"], ["not read: README.md"]),
        ([FILE, "a.ipynb"], ["not read, because there is a folder exercises/: a.ipynb"]),
        (
            [
                FILE,
                "exercises/ch07_attention/scoers.py",
                "exercises/ch07_attention/test_scores.py",
                "exercises/ch99/x.py",
            ],
            ["2 files match no koan: ch07_attention/scoers.py, ch99"],
        ),
    ],
    ids=["whole", "one down", "chapters", "one file", "one file in a folder", "beside a notebook", "misspelled"],
)
@pytest.mark.parametrize("kind", ["folder", "zip", "tar.gz"])
def test_answers_are_found_where_learners_put_them(intake, solved, tmp_path, kind, names, notes):
    files = {name: solved if name.endswith("/scores.py") or name == "scores.py" else "x = 1\n" for name in names}
    if kind == "folder":
        place = tmp_path / "ada"
        for name, text in files.items():
            _put(place / name, text)
    else:
        place = {"zip": _zipped, "tar.gz": _tarred}[kind](tmp_path / f"ada.{kind}", files)
    taken = _take(intake, place)
    assert taken.problem == ""
    assert dict(taken.texts) == {KOAN: solved}
    assert list(taken.notes) == notes


def test_a_notebook_or_an_archive_within_an_archive_is_read(book, intake, solved, tmp_path):
    notebook = write(tmp_path / "a.ipynb", of_cells(answer(book, book.koans[KOAN]))).read_bytes()
    inner = _zipped(tmp_path / "inner.zip", {FILE: solved}).read_bytes()
    for name, data in (("a.ipynb", notebook), ("inner.zip", inner)):
        taken = _take(intake, _zipped(tmp_path / "outer.zip", {name: data}))
        assert (taken.problem, list(taken.texts)) == ("", [KOAN])


def test_a_single_file_is_a_submission_if_it_is_called_as_a_koan(intake, solved, tmp_path):
    assert dict(_take(intake, _put(tmp_path / "scores.py", solved)).texts) == {KOAN: solved}
    taken = _take(intake, _put(tmp_path / "mine.py", solved))
    assert taken.problem == "mine.py: is no folder, notebook (.ipynb), archive or file of a koan"


def test_a_folder_that_was_checked_out_tells_its_commit_and_what_differs_from_it(intake, solved, tmp_path):
    for place in (tmp_path / "ada", tmp_path / "hw/ada"):
        _put(place / FILE, solved)
        identity = ["git", "-C", str(place), "-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "init", "-q", "-b", "main", str(place)], check=True)
        subprocess.run([*identity, "add", "-A"], check=True)
        subprocess.run([*identity, "commit", "-qm", "x", "--date=2026-01-02T03:04:05+0100"], check=True)
        head = subprocess.run([*identity, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
        taken = _take(intake, place if place.parent == tmp_path else place.parent)
        assert (taken.commit, taken.branch, taken.authored) == (head.strip(), "main", "2026-01-02T03:04:05+01:00")
        assert [note for note in taken.notes if "differ" in note] == []
        _put(place / FILE, solved + "# more\n")
        assert "1 file differs from the commit" in _take(intake, place).notes


def test_what_is_no_plain_file_is_refused_with_its_koan(intake, tmp_path):
    chapter = tmp_path / "ada/exercises/ch07_attention"
    chapter.mkdir(parents=True)
    secret = _put(tmp_path / "secret.py", "secret = 1\n")
    (chapter / "scores.py").symlink_to(secret)
    os.mkfifo(chapter / "attention.py")
    os.link(secret, chapter / "causal_mask.py")
    (chapter / "repeat_kv.py").write_bytes(b"\xff")
    _put(chapter / "split_heads.py", "x = 1\n" * 100_000)
    taken = _take(intake, tmp_path / "ada")
    assert dict(taken.texts) == {}
    assert {koan.partition("/")[2]: reason.rpartition(".py ")[2] for koan, reason in taken.refused.items()} == {
        "scores": "is a link, a folder or not to be read: hand in the file itself",
        "attention": "is no plain file of its own: hand in the file itself",
        "causal_mask": "is no plain file of its own: hand in the file itself",
        "repeat_kv": "is not UTF-8 text",
        "split_heads": "has 585 KiB; 256 is the most",
    }


def _linked_exercises(ada, tmp_path):
    (ada / "exercises").symlink_to(_put(tmp_path / f"other/{FILE}").parents[2])


def _linked_to_a_long_name(ada, tmp_path):
    (ada / "exercises").symlink_to("x" * 300)


def _closed(ada, tmp_path):
    _put(ada / FILE).parents[2].chmod(0)


def _socket(ada, tmp_path):
    os.mkfifo(ada / "exercises")


def _many_names(ada, tmp_path):
    for i in range(5000):
        (ada / f"{i}").touch()


@pytest.mark.parametrize(
    "build",
    [_linked_exercises, _linked_to_a_long_name, _closed, _socket, _many_names],
    ids=lambda build: build.__name__,
)
def test_an_odd_folder_is_one_problem_and_no_traceback(intake, tmp_path, build):
    ada = tmp_path / "ada"
    ada.mkdir()
    build(ada, tmp_path)
    taken = _take(intake, ada)
    if build is _closed and os.geteuid() == 0:  # nothing is closed to root, nor to its confined readers
        assert list(taken.texts) == [KOAN]
    else:
        assert taken.problem and "\n" not in taken.problem and not taken.texts


def test_a_link_in_a_class_is_no_way_to_a_file_outside(intake, solved, tmp_path):
    secret = write(tmp_path / "secret.ipynb", of_cells("x = 1"))
    forks = tmp_path / "forks"
    forks.mkdir()
    (forks / "eve.ipynb").symlink_to(secret)
    [source] = collect([forks], intake).sources
    assert intake.take(source).problem == "eve.ipynb is a link: hand in the file itself"


# Limits


def test_a_reader_that_has_died_is_started_again(intake, solved, tmp_path):
    ada = _put(tmp_path / "ada/scores.py", solved).parent
    assert _take(intake, ada).texts
    before = intake._process.pid
    os.kill(before, signal.SIGKILL)
    assert _take(intake, ada).texts
    assert intake._process.pid != before


@pytest.mark.parametrize(
    "harm, reason",
    [
        (lambda *_: time.sleep(60), "it could not be read within 1 s"),
        (lambda *_: os.kill(os.getpid(), signal.SIGSEGV), "reading it ended early (signal 11)"),
        (lambda *_: os._exit(3), "reading it ended early (exit code 3)"),
        (lambda *_: Found(texts={KOAN: "x" * (65 << 20)}), "its files have more than 64 MiB together"),
        (lambda *_: [bytearray(1 << 30) for _ in range(9)], "it is too large to be read"),
    ],
    ids=["late", "signal", "exit", "vast", "memory"],
)
def test_a_child_that_reads_a_submission_ends_in_time_and_harms_nothing(book, tmp_path, monkeypatch, harm, reason):
    monkeypatch.setattr(reader, "take", harm)
    monkeypatch.setattr(reader, "SECONDS", 1 if "within" in reason else 20)
    one = reader.Reader(reader.Setup(str(book.root), (KOAN,), ()), tmp_path)
    reply = msgspec.msgpack.decode(one.reply(reader.Take((Place(str(tmp_path)),))), type=reader.Reply)
    assert reply == reader.Failed(reason)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_gone_when_its_reader_confines_itself_is_not_read(book, solved, tmp_path, monkeypatch):
    ada = _put(tmp_path / "ada/scores.py", solved).parent
    real = reader.confine

    def confine(what):
        ada.rename(tmp_path / "away")
        level = real(what)
        (tmp_path / "away").rename(ada)
        return level

    monkeypatch.setattr(reader, "confine", confine)
    one = reader.Reader(reader.Setup(str(book.root), (KOAN,), ()), tmp_path / "scratch")
    one.scratch.mkdir()
    reply = msgspec.msgpack.decode(one.reply(reader.Take((Place(str(ada)),))), type=reader.Reply)
    assert isinstance(reply, reader.Failed), reply


def test_a_reader_cannot_make_its_client_believe_more_than_texts_of_koans(intake, monkeypatch, solved, tmp_path):
    lie = client.Found(
        texts={"../../x": "x", KOAN: solved, "ch07_attention/attention": "x" * (client.LARGEST + 1)},
        refused={"nonsense": "x", "ch07_attention/causal_mask": "\x1b[31mred\n" + "x" * 1000},
        commit="HEAD; rm",
        branch="a\nb",
        authored="tomorrow",
        notes=("\x1b]0;x\x07" + "y" * 1000,) * 100,
    )
    monkeypatch.setattr(intake, "_ask", lambda request: client.Taken(lie))
    taken = _take(intake, tmp_path)
    assert dict(taken.texts) == {KOAN: solved}
    assert list(taken.refused) == ["ch07_attention/causal_mask"]
    assert (taken.commit, taken.branch, taken.authored) == ("", "", "")
    assert len(taken.notes) == 20
    shown = [*taken.notes, *taken.refused.values()]
    assert all(len(line) <= 300 and "\n" not in line and "\x1b" not in line for line in shown)


# A class


def test_every_entry_of_a_class_is_a_row_or_a_line(intake, tmp_path):
    forks = tmp_path / "forks"
    _put(forks / "ada" / FILE)
    _put(forks / "notes.txt")
    _put(forks / ".DS_Store")
    os.mkfifo(forks / "pipe")
    (forks / "empty").mkdir()
    write(forks / "ben.ipynb", of_cells())
    _zipped(forks / "cyd.zip", {FILE: "x = 1\n"})
    names, notes = _names(intake, forks)
    assert names == ["ada", "ben", "cyd", "empty"]
    assert notes == (
        "hidden, not looked at: .DS_Store",
        "no submission, because it is no folder, notebook (.ipynb) or archive: pipe, notes.txt",
    )


@pytest.mark.parametrize("inner", [FILE, f"{KOAN}.py"], ids=["a fork", "chapters"])
def test_a_submission_called_exercises_does_not_swallow_its_class(intake, tmp_path, inner):
    _put(tmp_path / "forks/exercises" / inner)
    _put(tmp_path / "forks/ada" / FILE)
    assert _names(intake, tmp_path / "forks") == (["ada", "exercises"], ())


def test_a_fork_is_one_submission_whatever_else_is_in_it(intake, tmp_path):
    _put(tmp_path / "ada" / FILE)
    _put(tmp_path / "ada/grader/__init__.py")
    _put(tmp_path / "ada/content/x.md")
    _put(tmp_path / "ada/old" / FILE)
    write(tmp_path / "ada/drafts/one.ipynb", of_cells()) if (tmp_path / "ada/drafts").mkdir() else None
    assert _names(intake, tmp_path / "ada") == (["ada"], ())


@pytest.mark.parametrize("as_archive", [False, True], ids=["unpacked", "as one archive"])
def test_what_canvas_and_moodle_hand_over_is_a_class_by_learner(intake, solved, tmp_path, as_archive):
    fork = _zipped(tmp_path / "fork.zip", {FILE: solved}).read_bytes()
    files = {
        "lovelaceada_12345_678_hw.zip": fork,
        "boolegeorge_LATE_12346_679_scores.py": solved.encode(),
        "Emmy Noether_77_assignsubmission_file/scores.py": solved.encode(),
    }
    if as_archive:
        place = _zipped(tmp_path / "submissions.zip", files)
    else:
        place = tmp_path / "submissions"
        for name, data in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(data)
    collected = collect([place], intake)
    taken = {s.name: s for s in map(intake.take, collected.sources)}
    assert set(taken) == {"lovelaceada", "boolegeorge", "Emmy Noether"}
    assert all(dict(s.texts) == {KOAN: solved} for s in taken.values()), taken
    assert (taken["lovelaceada"].student, taken["boolegeorge"].student) == ("12345", "12346")
    assert taken["boolegeorge"].notes == ("Canvas says that it was handed in late",)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_learner_in_a_class_archive_changes_nothing_for_another(intake, solved, tmp_path, kind):
    honest = {f"{name}/{FILE}": solved for name in ("ada", "zoe")}
    floods = {f"mallory/{i}": "" for i in range(20_001)} | {"mallory/a\\b": "", "mallory/../ada/x.py": ""}
    files = {f"ada/{FILE}": solved, f"mallory/{FILE}": solved, **floods, f"zoe/{FILE}": solved}
    pack = {"zip": _zipped, "tar.gz": _tarred}[kind]
    taken = []
    for folder, these in (("alone", honest), ("beside", files)):
        (tmp_path / folder).mkdir()
        collected = collect([pack(tmp_path / folder / f"class.{kind}", these)], intake)
        assert collected.notes == ()
        taken.append({one.name: one for one in intake.take_all(collected.sources)})
    assert taken[1].pop("mallory").problem.startswith(f"class.{kind} has more than 20,000 files")
    what = [{name: (one.id, one.texts, one.notes, one.problem) for name, one in all_.items()} for all_ in taken]
    assert what[0] == what[1] == {name: (name, {KOAN: solved}, (), "") for name in ("ada", "zoe")}


def test_a_class_archive_may_hold_more_submissions_than_a_folder_of_one(intake, tmp_path):
    files = {f"s{i:04}/{FILE}": "" for i in range(4500)}
    names, notes = _names(intake, _zipped(tmp_path / "class.zip", files))
    assert (len(names), notes) == (4500, ())


@pytest.mark.parametrize("as_archive", [False, True], ids=["unpacked", "as one archive"])
def test_gradescopes_metadata_tell_whose_a_folder_is(intake, solved, tmp_path, as_archive):
    files = {
        "submission_metadata.yml": METADATA,
        "submission_11/scores.py": solved,
        "submission_12/scores.py": solved,
    }
    if as_archive:
        place = _zipped(tmp_path / "export.zip", files)
    else:
        place = tmp_path / "export"
        for name, text in files.items():
            _put(place / name, text)
    collected = collect([place], intake)
    assert collected.notes == ()
    assert [(s.name, s.student, s.handed_in) for s in collected.sources] == [
        ("Ada Lovelace, Bob", "7", "2026-11-20T10:11:12-08:00"),
        ("Cyd", "cyd@x.org", "2026-11-20T18:11:12+00:00"),
    ]
    assert all(dict(intake.take(source).texts) == {KOAN: solved} for source in collected.sources)


def test_names_that_would_be_paths_or_escapes_are_only_names(small, tmp_path):
    forks = tmp_path / "forks"
    for name in ("name[x]", "\x1b[31mred", "x", "X", "con"):
        _put(forks / name / FILE)
    roster = _put(
        tmp_path / "roster.csv", 'student,path\nname[/b],forks/x\n../../up,forks/x\n"a/b",forks/X\n,forks/con\n'
    )
    (tmp_path / "out").mkdir()
    places = [str(roster), *map(str, sorted(forks.iterdir()))]
    run = small.says("grade", *places, "--seed", "1", "--format", f"gradescope={tmp_path}/out/{{}}.json")
    assert run.returncode == 0, run.stderr
    assert len(list((tmp_path / "out").iterdir())) == 9
    assert not list(tmp_path.glob("*.json")) and not list(tmp_path.parent.glob("*.json"))
    shown = run.stdout.replace("\n", "")
    assert "name[x]" in shown and "name[/b]" in shown, run.stdout
    assert "\x1b" not in run.stdout + run.stderr


# Who judges


def _all_return_none(play):
    """Make a workbook whose tests ask for nothing, and whose answers are none."""
    for koan in play.workbook.koans.values():
        play.workbook.test_file(koan).write_text("def test_nothing():\n    pass\n")
        play.workbook.exercise(koan).write_text(f"def {koan.name}(*args):\n    return None\n")


def test_a_fork_does_not_judge_itself(small, tmp_path):
    fork = tmp_path / "fork"
    shutil.copytree(small.root, fork, ignore=shutil.ignore_patterns("__pycache__", ".koans"))
    hostile = type(small)(fork)
    _all_return_none(hostile)
    # The command is the installed one, and the current folder is the fork.
    run = small.says("grade", str(fork), "--seed", "1", "--json")
    assert json.loads(run.stdout)["earned"] == 0
    inside = subprocess.run(
        [KOANS, "grade", ".", "--workbook", str(small.root), "--seed", "1", "--json"],
        cwd=fork,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(small.root)},
        timeout=120,
    )
    assert json.loads(inside.stdout)["earned"] == 0, inside.stderr


@pytest.mark.parametrize("module", ["grader/__init__", "typing", "torch", "sitecustomize"])
def test_nothing_is_imported_from_the_folder_in_which_the_command_runs(small, tmp_path, module):
    proof = tmp_path / "proof"
    _put(tmp_path / f"fork/{module}.py", f"open({str(proof)!r}, 'w').close()\n")
    _put(tmp_path / "fork" / FILE)
    run = subprocess.run(
        [KOANS, "grade", ".", "--workbook", str(small.root), "--seed", "1", "--json"],
        cwd=tmp_path / "fork",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(small.root)},
        timeout=120,
    )
    assert not proof.exists(), run.stderr
    assert json.loads(run.stdout)["earned"] == 0, run.stderr


def test_a_submission_among_several_paths_is_no_class_that_holds_other_names(intake, solved, tmp_path):
    _zipped(tmp_path / "lovelaceada_10101_12301_hw.zip", {FILE: solved})
    forged = {f"{name}/{FILE}": "x = 1\n" for name in ("lovelaceada_10101_90001_hw", "bob_10303_90001_hw")}
    _zipped(tmp_path / "eve_66666_22222_hw.zip", forged)
    _zipped(tmp_path / "mallory.zip", forged)
    for name in forged:
        _put(tmp_path / "zed" / name)
    names = ("lovelaceada_10101_12301_hw.zip", "eve_66666_22222_hw.zip", "mallory.zip", "zed")
    sources = collect([tmp_path / name for name in names], intake).sources
    assert [(s.name, s.student) for s in sources] == [
        ("lovelaceada", "10101"),
        ("eve", "66666"),
        ("mallory", ""),
        ("zed", ""),
    ]
    [alone] = collect([tmp_path / "eve_66666_22222_hw.zip"], intake).sources
    assert (alone.name, alone.student) == ("eve", "66666")
    [single] = collect([tmp_path / "mallory.zip"], intake, one_each=True).sources
    assert single.name == "mallory"


def test_a_workbook_that_judges_its_own_exercises_gives_no_grade(small, tmp_path):
    report = tmp_path / "results.json"
    for own in (small.root, small.root / "exercises", small.root.parent):
        run = small.says("grade", str(own), "--seed", "1", "--format", f"gradescope={report}")
        assert run.returncode == 1
        assert "overlaps with the workbook that judges" in json.loads(report.read_text())["output"]
        report.unlink()
    run = small.says("grade", str(small.root), "--feedback", "--seed", "1", "--json")
    result = json.loads(run.stdout)
    assert (run.returncode, result["trusted"]) == (0, False)
    assert result["isolation"].startswith("feedback, NOT a grade; isolated")


def test_a_source_beside_the_workbook_is_apart_from_it(tmp_path):
    book = tmp_path / "koans"
    book.mkdir()
    (tmp_path / "link").symlink_to(book)
    for name, problem in (("koans-ada", False), ("koans", True), ("koans/forks/ada", True), ("link", True)):
        source = Source("a", "a", "a", (Place(str(tmp_path / name)),))
        [found] = apart(book, [source])
        assert bool(found.problem) is problem, name


# Reports


def test_a_report_is_written_even_if_nothing_can_be_graded(small, tmp_path, monkeypatch):
    report = tmp_path / "results.json"
    formats = ["--format", f"gradescope={report}", "--seed", "1"]
    run = small.says("grade", str(tmp_path / "nowhere"), *formats)
    assert run.returncode == 1
    assert json.loads(report.read_text())["output"].startswith("nothing could be graded: nowhere: is not there")
    monkeypatch.setattr("grader.course.grade.trusted", lambda level: False)
    run = small.says("grade", str(_put(tmp_path / "ada" / FILE).parents[2]), *formats, "--require-isolation")
    assert run.returncode == 2 and "nothing was graded" in run.stderr
    assert json.loads(report.read_text())["score"] == 0


def test_a_folder_whose_name_is_not_utf_8_is_a_row_that_says_so(intake, tmp_path):
    for name in (b"ada", b"\xff\xfe"):
        os.makedirs(os.path.join(os.fsencode(tmp_path), name, b"exercises"))
    taken = {one.name: one.problem for one in intake.take_all(collect([tmp_path], intake).sources)}
    odd = taken.pop("\udcff\udcfe")
    assert odd.endswith("a name in its path is not UTF-8: rename it")
    assert list(taken) == ["ada"] and "UTF-8" not in taken["ada"]
