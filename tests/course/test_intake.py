"""What is handed in is read once, from any place an instructor gives, and every entry becomes a row or a line."""

import io
import json
import os
import re
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
            entry, raw = tarfile.TarInfo(name), data if isinstance(data, bytes) else data.encode()
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return path


# One submission


@pytest.mark.parametrize(
    "names, notes",
    [
        ([FILE], []),
        ([f"work/{FILE}"], ["exercises was found in the folder work"]),
        ([f"{KOAN}.py"], ["the chapters are not in a folder exercises/"]),
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
            ["2 files do not match any koan: ch07_attention/scoers.py, ch99"],
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
    assert taken.problem == "mine.py: is not a folder, notebook (.ipynb), archive or file of a koan"


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


def test_a_repository_around_the_folder_with_exercises_tells_its_commit_too(intake, solved, tmp_path):
    place = _put(tmp_path / f"ada/work/{FILE}", solved).parents[3]
    git = ["git", "-C", str(place), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    down = "exercises was found in the folder work"
    taken = _take(intake, place)
    assert (taken.commit, taken.branch, taken.notes) == (head, "main", (down,))
    _put(place / f"work/{FILE}", f"{solved}# more\n")
    assert _take(intake, place).notes == (down, "1 file differs from the commit")
    (place / ".git/HEAD").unlink()
    taken = _take(intake, place)
    assert taken.commit == ""
    assert [note for note in taken.notes if note.startswith("its history was not read: ")]


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
    assert {k.partition("/")[2]: re.split(r"\.py,? ", reason)[1] for k, reason in taken.refused.items()} == {
        "scores": "is a link, a folder or unreadable: hand in the file itself",
        "attention": "is a link, or not a plain file: hand in the file itself",
        "causal_mask": "is a link, or not a plain file: hand in the file itself",
        "repeat_kv": "line 1: the byte 0xff is not utf-8 text; save the file as UTF-8, "
        "or name its encoding on the first line, as in # coding: latin-1",
        "split_heads": "has 585 KiB; at most 256 KiB are allowed",
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


def test_a_link_in_a_class_is_no_way_to_the_work_of_another_learner(intake, solved, tmp_path):
    forks = tmp_path / "forks"
    _put(forks / "ada" / FILE, solved)
    _put(forks / "bob" / FILE, solved)
    _zipped(forks / "cyd.zip", {FILE: solved})
    links = {
        "mal1": "ada",
        "mal2": "ada/exercises",
        "mal3": "ada/exercises/ch07_attention",
        "mal4": str(_put(tmp_path / f"elsewhere/{FILE}", solved).parents[2]),
        "mal5.zip": "cyd.zip",
        "mal_12_345_hw": "bob",
    }
    for name, target in links.items():
        (forks / name).symlink_to(target)
    (forks / "mal6").symlink_to("nowhere")
    collected = collect([forks], intake)
    taken = {one.name: (one.problem, dict(one.texts)) for one in intake.take_all(collected.sources)}
    assert taken == {
        **{name: ("", {KOAN: solved}) for name in ("ada", "bob", "cyd")},
        **{name: (f"{name} is a link: hand in the folder itself", {}) for name in links if name != "mal5.zip"},
        "mal5": ("mal5.zip is a link: hand in the file itself", {}),
    }
    assert [line.partition(":")[0] for line in collected.notes] == [
        "1 of 9 names look like a download of Canvas (mal_12_345_hw), but there are folders among the archives",
        "not a submission, because it is not a folder, notebook (.ipynb) or archive",
    ]
    assert collected.notes[1].endswith(": mal6")


def test_a_class_of_links_is_a_row_for_each(intake, solved, tmp_path):
    (tmp_path / "forks").mkdir()
    for name in ("ada", "bob"):
        (tmp_path / "forks" / name).symlink_to(_put(tmp_path / f"work/{name}/{FILE}", solved).parents[2])
    problems = [one.problem for one in intake.take_all(collect([tmp_path / "forks"], intake).sources)]
    assert problems == [f"{name} is a link: hand in the folder itself" for name in ("ada", "bob")]


def test_submissions_of_which_one_lies_in_the_other_are_told(intake, solved, tmp_path):
    _put(tmp_path / "ada" / FILE, solved)
    _put(tmp_path / "bob" / FILE, solved)
    (tmp_path / "mal").symlink_to("ada/exercises")
    (tmp_path / "eve").symlink_to("ada")
    roster = _put(tmp_path / "roster.csv", "student,path\nAda,ada\nBob,bob\nMal,mal\nEve,eve\nCyd,ada/exercises\n")
    assert [(s.name, s.notes) for s in collect([roster], intake).sources] == [
        ("Ada", ("the submission of Mal is inside it",)),
        ("Bob", ()),
        ("Mal", ("is inside the submission of Ada",)),
        ("Eve", ("in the same place as the submission of Ada",)),
        ("Cyd", ("in the same place as the submission of Mal",)),
    ]


# Limits


def _flooded(tmp_path, kind, folder, files):
    """A submission that has 4,500 more names in this folder: a folder, an archive or a repository."""
    files = {**{f"{folder}{i}.txt": "" for i in range(4500)}, **files}
    if kind in ("zip", "tar.gz"):
        return _packed(tmp_path, kind, files)
    place = _packed(tmp_path, "folder", files)
    if kind == "folder":
        return place
    git = ["git", "-C", str(place), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(place), str(tmp_path / "bare")], check=True)
    return tmp_path / "bare"


@pytest.mark.parametrize(
    "kind, folder, file, where",
    [
        ("zip", "", FILE, "the top folder"),
        ("zip", "", f"{KOAN}.py", "the top folder"),
        ("zip", "", "scores.py", "the top folder"),
        ("zip", "work/", f"work/{FILE}", "work"),
        ("zip", "exercises/", FILE, "exercises"),
        ("zip", "exercises/ch07_attention/", FILE, "exercises/ch07_attention"),
        ("zip", "hw/", "hw/scores.py", "hw"),
        ("folder", "", FILE, "the top folder"),
        ("folder", "exercises/", FILE, "exercises"),
        ("bare", "exercises/", FILE, "exercises"),
    ],
)
def test_answers_are_found_among_more_names_than_are_listed(intake, solved, tmp_path, kind, folder, file, where):
    taken = _take(intake, _flooded(tmp_path, kind, folder, {file: solved}))
    assert (taken.problem, dict(taken.texts)) == ("", {KOAN: solved})
    assert f"{where}: only the first 4,000 names were listed, then only known ones looked up" in taken.notes


@pytest.mark.parametrize("kind", ["folder", "zip", "bare"])
def test_where_looking_for_answers_stopped_is_told(intake, solved, tmp_path, kind):
    taken = _take(intake, _flooded(tmp_path, kind, "", {}))
    assert taken.problem == "has no exercises/ folder; give the root of a submission"
    assert taken.notes == ("the top folder: only the first 4,000 names were listed, then only known ones looked up",)
    folders = {f"a{i:03}/x": "" for i in range(201)} | {f"work/{FILE}": solved}
    taken = _take(intake, _zipped(tmp_path / "folders.zip", folders))
    assert taken.problem == "has no exercises/ folder; give the root of a submission"
    assert taken.notes == ("exercises was looked for in the first 200 of 202 folders",)


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
        "hidden, ignored: .DS_Store",
        "not a submission, because it is not a folder, notebook (.ipynb) or archive: pipe, notes.txt",
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


def _handed_over(place, files, as_archive):
    """A class, as a folder or as one archive."""
    if as_archive:
        return _zipped(place.with_suffix(".zip"), files)
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return place


@pytest.mark.parametrize("as_archive", [False, True], ids=["unpacked", "as one archive"])
def test_what_canvas_and_moodle_hand_over_is_a_class_by_learner(intake, solved, tmp_path, as_archive):
    fork = _zipped(tmp_path / "fork.zip", {FILE: solved}).read_bytes()
    canvas = {
        "lovelaceada_12345_678_hw.zip": fork,
        "boolegeorge_LATE_12346_679_scores.py": solved,
        "noetheremmy_7_8_scores.py": solved,
        "index.html": "",
    }
    collected = collect([_handed_over(tmp_path / "canvas", canvas, as_archive)], intake)
    taken = [intake.take(source) for source in collected.sources]
    assert all(dict(s.texts) == {KOAN: solved} for s in taken), taken
    late = "Canvas says that it was handed in late"
    assert [(s.name, s.student, s.notes) for s in taken] == [
        ("boolegeorge", "12346", (late,)),
        ("lovelaceada", "12345", ()),
        ("noetheremmy", "7", ()),
    ]
    moodle = {
        "Emmy Noether_77_assignsubmission_file/scores.py": solved,
        "George Boole_78_assignsubmission_file/hw.zip": fork,
    }
    sources = collect([_handed_over(tmp_path / "moodle", moodle, as_archive)], intake).sources
    assert [(s.name, s.student) for s in sources] == [("Emmy Noether", "77"), ("George Boole", "78")]
    assert all(dict(intake.take(source).texts) == {KOAN: solved} for source in sources)


@pytest.mark.parametrize("as_archive", [False, True], ids=["unpacked", "as one archive"])
@pytest.mark.parametrize(
    "fork, platform",
    [
        ("lovelaceada_12345_678_hw", "Canvas"),
        ("x_12345_assignsubmission_file", "Moodle"),
        ("K_ada_attempt_2026-01-01-10-00-00_hw", "Blackboard"),
        ("12345-678 - Ada - Nov 20, 2026 1015 PM", "Brightspace"),
    ],
)
def test_a_fork_that_is_called_like_a_platforms_file_gets_no_id(intake, solved, tmp_path, fork, platform, as_archive):
    forks = {f"{name}/{FILE}": solved for name in ("ada", "bob", fork)}
    collected = collect([_handed_over(tmp_path / "forks", forks, as_archive)], intake)
    assert [(s.name, s.student) for s in collected.sources] == [(name, "") for name in sorted(("ada", "bob", fork))]
    look = f"1 of 3 names look like a download of {platform} ({fork})"
    line = (
        f"{look}, but they come from more than one platform: all count as plain names, without ids; "
        "put the download in a separate folder, or give a roster"
    )
    assert collected.notes == (line,)
    if not as_archive:  # so it is if the fork is given alone, or among several
        for paths in ([fork], [fork, "ada"]):
            own = collect([tmp_path / "forks" / path for path in paths], intake).sources[0]
            assert (own.name, own.student, own.notes) == (fork, "", (line,))


def test_a_fork_beside_a_download_never_joins_or_replaces_the_work_of_another(intake, solved, tmp_path):
    place = tmp_path / "canvas"
    _put(place / "evil_12345_9999_hw" / FILE, "x = 1\n")
    _zipped(place / "lovelaceada_12345_678_hw.zip", {FILE: solved})
    _zipped(place / "bob_777_679_hw.zip", {FILE: solved})
    collected = collect([place], intake)
    assert [(s.name, s.student, len(s.places)) for s in collected.sources] == [
        ("bob_777_679_hw", "", 1),
        ("evil_12345_9999_hw", "", 1),
        ("lovelaceada_12345_678_hw", "", 1),
    ]
    [line] = collected.notes
    assert line.startswith("3 of 3 names look like a download of Canvas (bob_777_679_hw.zip, evil_12345_9999_hw and 1")


def test_a_folder_of_a_class_is_no_submission_because_of_its_own_name(intake, solved, tmp_path):
    for place in ("koans_1_2_forks", "x/lab_1_2_forks"):
        _put(tmp_path / place / "ada" / FILE, solved)
        _put(tmp_path / place / "bob" / FILE, solved)
        assert _names(intake, tmp_path / place) == (["ada", "bob"], ())


@pytest.mark.parametrize("as_archive", [False, True], ids=["unpacked", "as one archive"])
def test_blackboards_text_files_tell_user_names_with_underscores(intake, solved, tmp_path, as_archive):
    time = "attempt_2026-01-01-10-00-00"
    files = {
        f"K_1_x_ada_{time}_scores.py": solved,
        f"K_1_x_ada_{time}.txt": "Name: Mal (ada) (x_ada)\r\nAssignment: K_1\r\nComments:\r\nName: Mal (ada)\r\n",
        f"K_1_x_ada_{time}_x_{time}.txt": "Name: Mal (ada)\n",
        f"K_1_john_smith_{time}_scores.py": solved,
    }
    collected = collect([_handed_over(tmp_path / "blackboard", files, as_archive)], intake)
    assert collected.notes == ()
    assert [(s.name, s.student) for s in collected.sources] == [("john_smith", "john_smith"), ("x_ada", "x_ada")]
    taken = [intake.take(source) for source in collected.sources]
    assert all(dict(one.texts) == {KOAN: solved} for one in taken)
    assert taken[0].notes == ()


def _packed(tmp_path, kind, files):
    """A place "class" with these files, which are text or bytes: a folder, or an archive."""
    if kind == "folder":
        for name, data in files.items():
            place = tmp_path / "class" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data if isinstance(data, bytes) else data.encode())
        return tmp_path / "class"
    tmp_path.mkdir(exist_ok=True)
    return {"zip": _zipped, "tar.gz": _tarred}[kind](tmp_path / f"class.{kind}", files)


@pytest.fixture(scope="module")
def wholes(book, solved, tmp_path_factory):
    """Two texts of a koan, and for each of them a zip and a notebook with it."""
    made = {}
    for text in (solved, f"{solved}# mine\n"):
        folder = tmp_path_factory.mktemp("whole")
        notebook = write(folder / "a.ipynb", of_cells(f"{answer(book, book.koans[KOAN])}\n# {len(made)}"))
        made[len(made)] = (text, _zipped(folder / "a.zip", {FILE: text}).read_bytes(), notebook.read_bytes())
    return made


CLASSES = {
    "files of Canvas": (["lovelaceada_12345_678_hw.zip", "boolebob_777_679_hw.zip"], ["boolebob", "lovelaceada"]),
    "folders of Moodle": (
        ["Ada_123_assignsubmission_file/hw.zip", "Bob_124_assignsubmission_file/hw.zip"],
        ["Ada", "Bob"],
    ),
    "zips": (["ada.zip", "bob.zip"], ["ada", "bob"]),
    "notebooks": (["ada.ipynb", "bob.ipynb"], ["ada", "bob"]),
    "forks": ([f"ada/{FILE}", f"bob/{FILE}"], ["ada", "bob"]),
    "forks and one called exercises": ([f"ada/{FILE}", f"exercises/{FILE}"], ["ada", "exercises"]),
    "folders with a zip": (["ada/hw.zip", "bob/hw.zip"], ["ada", "bob"]),
    "a zip and a folder": (["ada.zip", f"bob/{KOAN}.py"], ["ada", "bob"]),
    "an export of Gradescope": (["submission_11/scores.py", "submission_12/scores.py"], ["Ada Lovelace", "Bob", "Cyd"]),
}


@pytest.mark.parametrize(
    "kind, around",
    [
        ("folder", ""),
        ("zip", ""),
        ("folder", "assignment_5_export"),
        ("zip", "hw/forks"),
        ("tar.gz", "submissions"),
    ],
)
@pytest.mark.parametrize("which", CLASSES)
def test_a_class_in_folders_that_hold_nothing_else_is_a_row_for_each_learner(
    intake, wholes, tmp_path, which, kind, around
):
    places, names = CLASSES[which]
    files = {
        place: wholes[i][{"zip": 1, "ipynb": 2}.get(place.rpartition(".")[2], 0)] for i, place in enumerate(places)
    }
    if "Gradescope" in which:
        files["submission_metadata.yml"] = METADATA
    collected = collect([_packed(tmp_path, kind, {f"{around}/{n}".lstrip("/"): d for n, d in files.items()})], intake)
    told = f"class: graded as a class, from its folder {around}"
    assert ([s.name for s in collected.sources], collected.notes) == (sorted(names), (told,) if around else ())
    taken = [(one.problem, len(one.texts)) for one in intake.take_all(collected.sources)]
    assert taken == [("", 1)] * len(names)


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize(
    "names, row",
    [
        ([f"koans/{FILE}", "koans/drafts/a.ipynb", "koans/b.ipynb"], "koans"),
        ([f"koans/{FILE}", "koans/grader/__init__.py", "koans/content/x.md", f"koans/old/{FILE}"], "koans"),
        (["ada/hw.ipynb", "ada/data/x.csv", "ada/images/x.png"], "ada"),
        (["ada/ch06_numerics.ipynb", "ada/ch07_attention.ipynb"], "ada"),
        (["ada/hw.zip"], "ada"),
        ([f"a/b/{FILE}"], "b"),
        ([f"exercises/{KOAN}.py", "exercises/ch07_attention/a.ipynb"], "class"),
    ],
)
def test_the_work_of_one_learner_in_a_folder_is_one_row(intake, tmp_path, kind, names, row):
    assert _names(intake, _packed(tmp_path, kind, dict.fromkeys(names, "x = 1\n")))[0] == [row]


def test_a_link_is_no_folder_around_a_class(intake, tmp_path):
    for name in ("ada", "bob"):
        _put(tmp_path / "forks" / name / FILE)
    (tmp_path / "class").mkdir()
    (tmp_path / "class/mal").symlink_to(tmp_path / "forks")
    assert _names(intake, tmp_path / "class")[0] == ["class"]


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("around", ["", "forks/"])
def test_hand_ins_that_count_together_are_told(intake, wholes, tmp_path, kind, around):
    def notes(*files):
        place = _packed(tmp_path / str(len(list(tmp_path.iterdir()))), kind, {f"{around}{n}": d for n, d in files})
        [source] = collect([place], intake, one_each=True).sources
        taken = intake.take(source)
        assert (taken.problem, list(taken.texts)) == ("", [KOAN])
        return [note for note in taken.notes if "together" in note]

    (tmp_path / "0").mkdir()
    (text, archive, notebook), (_, other, second) = wholes[0], wholes[1]
    together = "count together as the work of one learner: "
    assert notes(("ada.zip", archive), ("bob.zip", other)) == [f"{together}ada.zip, bob.zip"]
    assert notes(("a.ipynb", notebook), ("b.ipynb", second)) == [f"{together}a.ipynb, b.ipynb"]
    assert notes(("a.ipynb", notebook), ("b.zip", other)) == [f"{together}a.ipynb, b.zip"]
    assert notes(("a.zip", archive), ("scores.py", text)) == [f"{together}a.zip, scores.py"]
    assert notes(("ch06_numerics.ipynb", notebook), ("ch07_attention.ipynb", second)) == []
    assert notes(("a.zip", archive)) == []


@pytest.mark.parametrize("kind", ["folder", "zip"])
@pytest.mark.parametrize("around", ["", "submissions/"])
@pytest.mark.parametrize("which", ["files of Canvas", "folders of Moodle", "an export of Gradescope"])
def test_what_a_platform_names_after_several_learners_is_never_one_submission(
    intake, wholes, tmp_path, kind, around, which
):
    place = _packed(tmp_path, kind, {f"{around}{name}": wholes[0][1] for name in CLASSES[which][0]})
    [source] = collect([place], intake, one_each=True).sources
    taken = intake.take(source)
    shown = ", ".join(sorted({name.partition("/")[0] for name in CLASSES[which][0]}))
    assert taken.problem == f"contains the work of several learners; grade it as a class: {shown}"
    assert not taken.texts


def test_a_learner_may_give_files_names_like_those_of_a_platform(intake, wholes, tmp_path):
    files = {"hw_123_4567_a.zip": wholes[0][1], "hw_124_4568_b.zip": wholes[1][1], "scores.py": wholes[1][0]}
    [source] = collect([_packed(tmp_path, "zip", files)], intake, one_each=True).sources
    taken = intake.take(source)
    assert (taken.problem, list(taken.texts)) == ("", [KOAN])


def test_an_archive_beside_a_folder_with_exercises_is_told(intake, solved, tmp_path):
    place = _zipped(tmp_path / "a.zip", {f"ada/{FILE}": solved, "bob.zip": "x"})
    assert _take(intake, place).notes == (
        "exercises was found in the folder ada",
        "not read, because there is a folder exercises/: bob.zip",
    )


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
    collected = collect([_handed_over(tmp_path / "export", files, as_archive)], intake)
    assert collected.notes == ()
    together = ("handed in together by Ada Lovelace, Bob",)
    assert [(s.name, s.student, s.handed_in, s.notes) for s in collected.sources] == [
        ("Ada Lovelace", "7", "2026-11-20T10:11:12-08:00", together),
        ("Bob", "8", "2026-11-20T10:11:12-08:00", together),
        ("Cyd", "cyd@x.org", "2026-11-20T18:11:12+00:00", ()),
    ]
    if not as_archive:
        one = collect([tmp_path / "export/submission_11"], intake).sources
        assert [(s.name, s.student, s.notes) for s in one] == [("Ada Lovelace", "7", together), ("Bob", "8", together)]
    assert all(dict(intake.take(source).texts) == {KOAN: solved} for source in collected.sources)


def test_a_fork_called_like_gradescopes_metadata_is_a_submission(intake, tmp_path):
    _put(tmp_path / "forks/submission_metadata.yml" / FILE)
    _put(tmp_path / "forks/ada" / FILE)
    assert _names(intake, tmp_path / "forks") == (["ada", "submission_metadata.yml"], ())


def test_a_row_with_a_path_that_cannot_be_one_is_a_problem_of_this_row(intake, solved, tmp_path):
    _put(tmp_path / "forks/ada" / FILE, solved)
    roster = _put(tmp_path / "roster.csv", "student,path\nada,forks/ada\nbob,a\0b\n")
    ada, bob = map(intake.take, collect([roster], intake).sources)
    assert (ada.name, dict(ada.texts), ada.problem) == ("ada", {KOAN: solved}, "")
    assert (bob.name, bob.problem) == ("bob", "line 3 of roster.csv: the path has a null character")


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
    run = small.says("grade", str(fork), "--seed", "1", "--format", "json-full=-")
    assert json.loads(run.stdout)["earned"] == 0
    inside = subprocess.run(
        [KOANS, "grade", ".", "--workbook", str(small.root), "--seed", "1", "--format", "json-full=-"],
        cwd=fork,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(small.root)},
        timeout=120,
    )
    assert json.loads(inside.stdout)["earned"] == 0, inside.stderr


def test_nothing_is_imported_from_the_folder_in_which_the_command_runs(small, tmp_path):
    (tmp_path / "imported").mkdir()
    for module in ("grader/__init__", "typing", "torch", "sitecustomize"):
        proof = tmp_path / "imported" / module.replace("/", ".")
        _put(tmp_path / f"fork/{module}.py", f"open({str(proof)!r}, 'w').close()\n")
    _put(tmp_path / "fork" / FILE)
    run = subprocess.run(
        [KOANS, "grade", ".", "--workbook", str(small.root), "--seed", "1", "--format", "json-full=-"],
        cwd=tmp_path / "fork",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(small.root)},
        timeout=120,
    )
    assert os.listdir(tmp_path / "imported") == [], run.stderr
    assert json.loads(run.stdout)["earned"] == 0, run.stderr


def test_a_submission_among_several_paths_is_no_class_that_holds_other_names(intake, solved, tmp_path):
    (tmp_path / "canvas").mkdir()
    _zipped(tmp_path / "canvas/lovelaceada_10101_12301_hw.zip", {FILE: solved})
    forged = {f"{name}/{FILE}": "x = 1\n" for name in ("lovelaceada_10101_90001_hw", "bob_10303_90001_hw")}
    _zipped(tmp_path / "canvas/eve_66666_22222_hw.zip", forged)
    _zipped(tmp_path / "mallory.zip", forged)
    for name in forged:
        _put(tmp_path / "zed" / name)
    _put(tmp_path / "canvas/index.html")
    names = ["canvas/lovelaceada_10101_12301_hw.zip", "canvas/eve_66666_22222_hw.zip", "canvas/index.html"]
    sources = collect([tmp_path / name for name in names], intake).sources
    assert [(s.name, s.student) for s in sources] == [("lovelaceada", "10101"), ("eve", "66666"), ("index.html", "")]
    names = ["canvas/lovelaceada_10101_12301_hw.zip", "mallory.zip", "zed"]
    sources = collect([tmp_path / name for name in names], intake).sources
    plain = "its name looks like one of Canvas's, but other paths do not: it counts as a plain name, without an id"
    assert [(s.name, s.student, s.notes) for s in sources] == [
        ("lovelaceada_10101_12301_hw", "", (plain,)),
        ("mallory", "", ()),
        ("zed", "", ()),
    ]
    for name in ("ada/hw.zip", "mallory/lovelaceada_10101_90001_hw.zip", "mallory/bob_10303_90001_hw.zip"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        _zipped(tmp_path / name, {FILE: solved})
    sources = collect(sorted(tmp_path.glob("[am]*/*.zip")), intake).sources
    assert [s.student for s in sources] == ["", "", ""]
    [alone] = collect([tmp_path / "canvas/eve_66666_22222_hw.zip"], intake).sources
    assert (alone.name, alone.student) == ("eve", "66666")
    (tmp_path / "canvas/lovelaceada_10101_12301_hw.zip").unlink()  # nothing tells any more that Canvas named it
    [alone] = collect([tmp_path / "canvas/eve_66666_22222_hw.zip"], intake).sources
    assert (alone.name, alone.student) == ("eve", "")
    [single] = collect([tmp_path / "mallory.zip"], intake, one_each=True).sources
    assert single.name == "mallory"


def test_a_workbook_that_judges_its_own_exercises_gives_no_grade(small, tmp_path):
    report = tmp_path / "results.json"
    for own in (small.root, small.root / "exercises", small.root.parent):
        run = small.says("grade", str(own), "--seed", "1", "--format", f"gradescope={report}")
        assert run.returncode == 1
        assert "overlaps with the workbook that judges" in json.loads(report.read_text())["output"]
        report.unlink()
    run = small.says("grade", str(small.root), "--feedback", "--seed", "1", "--format", "json-full=-")
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


@pytest.mark.parametrize("folder", ["", "exercises", "solutions", "reference", "content"])
def test_a_mount_of_the_workbook_is_not_apart_from_it(tmp_path, folder):
    for name in ("content", "exercises", "solutions/ch07_attention", "reference"):
        (tmp_path / "koans" / name).mkdir(parents=True)
    for name in ("mal", "bob/exercises"):
        (tmp_path / "class" / name).mkdir(parents=True)
    trial = f"""
from pathlib import Path
from grader.course.intake.collect import apart
from grader.course.intake.submission import Place, Source
sources = [Source(n, n, n, (Place(str(Path({str(tmp_path)!r}, "class", n))),)) for n in ("mal", "bob", "mal/ch07_attention")]
print([source.id for source in apart(Path({str(tmp_path)!r}, "koans"), sources) if source.problem])
"""
    mounts = [f"mount --bind koans/{folder} class/{name}" for name in ("mal", "bob/exercises")]
    unshared = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*unshared, mounts[0]], cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("this system mounts nothing for this user")
    run = subprocess.run(
        [*unshared, " && ".join([*mounts, f'exec {sys.executable} -c "$0"']), trial],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == "['mal', 'bob', 'mal/ch07_attention']\n", run.stderr


# Reports


def test_a_report_is_written_even_if_nothing_can_be_graded(small, tmp_path, monkeypatch):
    report = tmp_path / "results.json"
    formats = ["--format", f"gradescope={report}", "--seed", "1"]
    run = small.says("grade", str(tmp_path / "nowhere"), *formats)
    assert run.returncode == 1
    assert json.loads(report.read_text())["output"].startswith("nothing could be graded: nowhere: does not exist")
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
