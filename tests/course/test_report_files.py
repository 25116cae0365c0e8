"""What reports are called, that each of them is written, whose row is whose, and what they tell of the seed."""

import csv
import errno
import io
import itertools
import json
import os
import random
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.book.errors import KoansError
from grader.book.workbook import Workbook
from grader.course.grade import Class
from grader.course.report import as_json, canvas, formats, full_json, names, page, read_json
from grader.course.seeds import digest
from grader.course.students import NOTHING_HANDED_IN, Found, combine, not_handed_in
from tests.classes import a_class, a_hostile_class, grade
from tests.conftest import ROOT
from tests.course.test_reports import ENVIRONMENT, all_reports

BOOK = Workbook(ROOT)
NAMES = ["../../x", "/etc/x", "a/b", "a\0b", "..", ".", "", "x", "X", "x.git", "con", "a\nb", "é", "e\u0301", "n" * 300]
NAMES += ["ada\u200b", "ada", "ada\x1b[31m", "\ud800", "-rf", "{}", "name[/b]", "<b>", "\u202egpj.exe"]
POINTS = sum(koan.points for koan in BOOK.koans.values())
EACH = [f"{name}={{}}.{name}" for name in formats.PER_SUBMISSION]
ALL = [f"{name}=class.{name}" for name in formats.PER_CLASS]


def a_grade(name: str, points: int = 1, **more):
    """A grade with these points and no verdicts, except the ones that are needed to earn them."""
    earned = a_class(BOOK).grades[0].koans[:points]
    return grade(BOOK, name, [], koans=earned, earned=sum(k.points for k in earned), **more)


def a_class_of(*names_: str, **more) -> Class:
    return Class("C", 7, tuple(a_grade(name, folder=f"forks/{i}", id="", **more) for i, name in enumerate(names_)))


def export(tmp_path) -> formats.Options:
    file = tmp_path / "export.csv"
    file.write_text("Student,ID,SIS User ID,SIS Login ID,Section\n")
    return formats.Options(file, "Koans", ENVIRONMENT)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, which is the current one, in a folder that must stay empty too."""
    (tmp_path / "outer/out").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "outer/out")
    return tmp_path / "outer/out"


# What a file is called


@pytest.mark.parametrize("pattern", ["{}.json", "sub/{}.json", "{}/results.json", "{}/{}.json"])
def test_a_file_is_called_by_the_id_and_stays_in_its_folder(here, pattern):
    (here / "sub").mkdir()
    report = formats.parse(f"gradescope={pattern}")
    formats.check([report], len(NAMES), formats.Options())
    formats.write([report], a_class_of(*NAMES), formats.Options())
    files = [file for file in here.rglob("*") if file.is_file()]
    assert len(files) == len({str(file).lower() for file in files}) == len(NAMES)
    assert list(here.parent.iterdir()) == [here]
    for file in files:
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", file.name), file
        assert json.loads(file.read_text())["score"] > 0


def test_an_id_that_a_file_of_results_brings_is_not_trusted(here):
    evil = [a_grade("ada", id=one, folder=str(i)) for i, one in enumerate(["../x", "/tmp/x", "a\0b", "ok", "ok", "OK"])]
    results = "".join(as_json.classroom(Class("C", 7, tuple(evil))))
    (here / "class.json").write_text(results)
    found = names.identified(read_json.read(here / "class.json"))
    ids = [one.id for one in found.grades]
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", one) for one in ids)
    assert len({one.lower() for one in ids}) == len(evil)


def test_the_id_of_a_grade_is_kept(here):
    found = Class("C", 7, (a_grade("Ada Lovelace", id="u101"), a_grade("Ben", id="u102")))
    formats.write([formats.parse("github-summary={}.md")], found, formats.Options())
    assert sorted(file.name for file in here.iterdir()) == ["u101.md", "u102.md"]


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=4)), max_size=8))
def test_any_names_have_ids_that_are_safe_and_differ(pairs):
    found = Class("C", 7, tuple(a_grade(name, id="", folder=folder) for name, folder in pairs))
    ids = [one.id for one in names.identified(found).grades]
    assert len({one.lower() for one in ids}) == len(pairs)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", one) for one in ids)


def test_names_that_look_alike_are_shown_with_their_ids():
    found = names.identified(a_class_of("ada", "ada\x1b[31m", "a\u200bda", "Ben", "", "ben (x)"))
    shown = names.labels(found.grades)
    ids = [one.id for one in found.grades]
    assert shown[0] == f"ada ({ids[0]})" and shown[1] == f"ada ({ids[1]})" and shown[2].endswith(f" ({ids[2]})")
    assert shown[3] == "Ben" and shown[4] == f"({ids[4]})" and shown[5] == f"ben (x) ({ids[5]})"
    assert len(set(shown)) == 6
    for text in ("".join(page.page(found)), all_reports(found)["junit"], all_reports(found)["ctrf"]):
        assert ids[0] in text and ids[1] in text


def test_json_keeps_a_name_as_it_is_except_for_halves_of_characters():
    odd = "\x1b[31m a\nb \x9b1m \u202e [x] <b> \ud800"
    text = "".join(as_json.classroom(a_class_of(odd)))
    assert json.loads(text)["grades"][0]["submission"] == odd.replace("\ud800", "�")
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


# Every report is written


def test_every_format_has_a_row_with_no_points_and_the_reason():
    dan = grade(BOOK, "dan", [], earned=0, cards=(), problem="forks/dan: has no exercises/ folder")
    for name, text in all_reports(Class("C", 7, (dan,))).items():
        if name.startswith("canvas"):
            continue  # an empty cell, and a note: nobody gets 0 points for a file that could not be read
        assert "exercises" in text and "0" in text and str(POINTS) in text, name


def test_a_class_of_nobody_has_every_report(here, tmp_path):
    options = export(tmp_path)
    reports = [formats.parse(text) for text in ALL]
    formats.check(reports, 0, options)
    assert formats.write(reports, Class("C", 0, ()), options) == []
    assert {file.name for file in here.iterdir()} == {f"class.{name}" for name in formats.PER_CLASS}
    assert all(file.stat().st_size for file in here.iterdir())


def test_a_text_that_cannot_be_encoded_stops_no_report(here, tmp_path):
    halves = grade(BOOK, "\ud800", [], problem="\udfff", folder="\ud800", notes=("\ud800",), commit="\ud800")
    halves = msgspec.structs.replace(halves, branch="\ud800", versions={"koans\ud800": "\udfff"}, device="\ud800")
    texts = Class("\ud800", 7, (halves, *a_hostile_class(BOOK).grades), notes=("\ud800",))
    options = export(tmp_path)
    formats.write([formats.parse(text) for text in [*EACH, *ALL]], texts, options)
    assert len(list(here.iterdir())) == len(EACH) * len(texts.grades) + len(ALL)


def test_a_file_that_cannot_be_written_keeps_no_other_from_being_written(here, tmp_path, monkeypatch):
    replace, count = os.replace, itertools.count()

    def full(source, target):
        if next(count) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    found = a_class_of("a", "b", "c", "d")
    reports = [formats.parse(text) for text in ("gradescope={}.json", "canvas=c.csv", "html=class.html")]
    with pytest.raises(KoansError) as error:
        formats.write(reports, found, export(tmp_path))
    first, *notes = str(error.value).splitlines()
    assert first == "c.json: cannot be written (the disk is full: free some space)"
    assert notes == [f"c.csv: {name}: no student of this name in the gradebook" for name in "abcd"]
    assert sorted(f.name for f in here.iterdir()) == ["a.json", "b.json", "c.csv", "class.html", "d.json"]


def test_all_files_that_could_not_be_written_are_named(here):
    found = a_class_of("a", "b", "c")
    for name in "ac":
        (here / f"{name}.json").mkdir()
    with pytest.raises(KoansError, match=r"2 files could not be written: a\.json: .*; c\.json: "):
        formats.write([formats.parse("gradescope={}.json")], found, formats.Options())
    assert (here / "b.json").is_file()


@pytest.mark.parametrize(
    ("report", "says"),
    [
        ("json=folder", "is a folder"),
        ("json=file/x.json", "its folder does not exist"),
        ("gradescope=none/{}/x.json", "its folder does not exist"),
        ("json={}.json", "for all submissions; remove"),
        ("classroom50=r.json", "CLASSROOM"),
        ("canvas=x.csv", "not an export"),
    ],
)
def test_what_cannot_be_written_is_known_before_grading(here, tmp_path, report, says):
    (here / "folder").mkdir()
    (here / "file").write_text("")
    (tmp_path / "bad.csv").write_text("name,points\n")
    with pytest.raises(KoansError, match=says):
        formats.check([formats.parse(report)], 1, formats.Options(tmp_path / "bad.csv"))


def test_two_reports_do_not_share_a_file(here):
    with pytest.raises(KoansError, match="two reports have this file"):
        formats.check([formats.parse("json=x"), formats.parse("html=x")], 1, formats.Options())


def test_a_report_replaces_no_other_report_and_no_file_that_is_read(play, tmp_path):
    file, roster = tmp_path / "class.json", tmp_path / "roster.csv"
    file.write_text("".join(as_json.classroom(a_class(play.workbook))))
    roster.write_text("student\nada\n")
    (tmp_path / "link.csv").symlink_to(roster)
    (tmp_path / "folder").mkdir()
    before = [file.read_text(), roster.read_text()]
    for formats_, says in (
        (["json=out.json", "html=folder/../out.json"], "two reports have this file"),
        (["html=class.json"], "this command reads this file, and the report would replace it"),
        (["html=link.csv"], "this command reads this file, and the report would replace it"),
    ):
        given = [word for text in formats_ for word in ("--format", text.replace("=", f"={tmp_path}/"))]
        run = play.says("report", str(file), "--roster", str(roster), *given)
        assert (run.returncode, run.stderr.count("\n")) == (2, 1)
        assert says in run.stderr
    assert [file.read_text(), roster.read_text()] == before
    assert not (tmp_path / "out.json").exists()


def test_a_folder_without_the_right_to_write_is_known_before_grading(here, monkeypatch):
    def refused(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(formats.tempfile, "TemporaryFile", refused)
    with pytest.raises(KoansError, match=r"--format json=x.json: cannot be written \(permission denied"):
        formats.check([formats.parse("json=x.json")], 1, formats.Options())


# Canvas: whose row is whose

GRADEBOOK = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Koans (1)\n"
    '"Last, First",101,u101,first,S,\n'
    '"Blum, Ben",102,u102,ben@uni.example,S,\n'
    '"Twin, Tom",103,u103,tom1,S,\n'
    '"Twin, Tom",104,u104,tom2,S,\n'
    '"102, Trick",105,ben,trick,S,\n'
)


def cells(merged: canvas.Merged) -> dict[str, str]:
    """The points by the student's id."""
    return {row[1]: row[5] for row in list(csv.reader(io.StringIO(merged.text)))[1:]}


def merge(*grades) -> canvas.Merged:
    return canvas.merge(GRADEBOOK, Class("C", 7, grades), "Koans")


def test_a_notebook_called_like_a_student_does_not_take_the_students_row():
    own, other = a_grade("first", 3), a_grade("First Last", 1)
    known = msgspec.structs.replace(own, student="u101")
    assert cells(merge(other, known))["101"] == str(own.earned)
    guessed = merge(other, own)
    assert cells(guessed)["101"] == ""
    assert guessed.notes == (
        "First Last: left out, first belongs to the same student",
        "first: left out, First Last belongs to the same student",
    )


def test_a_known_student_has_the_row_of_this_id_and_no_other():
    assert cells(merge(a_grade("whoever", 2, student="102")))["102"] != ""
    lost = merge(a_grade("Blum, Ben", 2, student="u999"))
    assert set(cells(lost).values()) == {""}
    assert lost.notes == ("Blum, Ben: no student with the id u999 in the gradebook",)
    both = merge(a_grade("x", student="u102"), a_grade("y", 2, student="102"))
    assert set(cells(both).values()) == {""} and len(both.notes) == 2


def test_a_name_of_several_students_is_nobodys():
    merged = merge(a_grade("Tom Twin"), a_grade("tom2", 2))
    assert cells(merged)["103"] == "" and cells(merged)["104"] != ""
    assert merged.notes == ("Tom Twin: several students of this name in the gradebook",)


CLAIMS = ["first", "First Last", "u101", "101", "Blum, Ben", "ben", "102", "Tom Twin", "tom1", "nobody", "trick"]


@given(
    st.lists(st.tuples(st.sampled_from(CLAIMS), st.sampled_from(["", "", "101", "u101", "u102", "zzz"])), max_size=7),
    st.integers(0, 1000),
)
def test_the_order_of_submissions_does_not_matter_to_canvas(claims, order):
    grades = [a_grade(name, i + 1, student=student, id=f"s{i}") for i, (name, student) in enumerate(claims)]
    shuffled = random.Random(order).sample(grades, len(grades))
    first, second = merge(*grades), merge(*shuffled)
    assert first.text == second.text
    rows = [name for name in cells(first).values() if name]
    assert len(rows) == len(set(rows)), "one submission has two rows"
    assert len(rows) + len(first.notes) == len(grades) == len(rows) + len(second.notes)


def test_long_cells_of_the_gradebook_are_kept():
    text = GRADEBOOK.replace(",S,", f",{'s' * 9000},", 1)
    assert "s" * 9000 in canvas.merge(text, Class("C", 7, ()), "Koans").text


# Several files of results, and a roster


def test_a_student_in_two_files_counts_once_and_a_note_says_which():
    first = a_grade("ada", 1, student="u1", handed_in="2026-11-20T10:00:00+01:00")
    later = a_grade("Ada L", 3, student="U1", handed_in="2026-11-20T09:30:00Z")
    for order in ((first, later), (later, first)):
        found = [Found(f"{one.submission}.json", Class("", 7, (one,))) for one in order]
        result = combine("C", found)
        assert list(result.grades) == [later]
        [note] = result.notes
        assert "ada.json (handed in 2026-11-20T10:00:00+01:00) and Ada L.json (handed in 2026" in note
        assert note.startswith(f"{order[0].submission}, {order[1].submission}: ")
        assert note.endswith("belong to the same student; the second one counts")


def test_two_of_one_name_who_may_be_two_students_are_kept_and_noted():
    two = [Found(f"{i}.json", Class("", 7, (a_grade("ada", i, folder=f"{i}/ada"),))) for i in (1, 2)]
    result = combine("C", two)
    assert len(result.grades) == 2
    assert result.notes == (
        "ada: 1/ada in 1.json and 2/ada in 2.json are counted as two students, because they have no student id",
    )
    known = [Found(f"{i}.json", Class("", 7, (a_grade("ada", i, student=f"u{i}"),))) for i in (1, 2)]
    assert len(combine("C", known).grades) == 2 and combine("C", known).notes == ()


def test_a_file_given_twice_counts_once(play, tmp_path):
    found = a_class(play.workbook)
    file = tmp_path / "class.json"
    file.write_text("".join(as_json.classroom(found)))
    result = play.says("report", str(file), str(file), "--format", f"json={tmp_path / 'out.json'}")
    assert result.returncode == 0
    assert [one.submission for one in read_json.read(tmp_path / "out.json").grades] == ["ada", "ben", "cyd", "dan"]
    assert result.stdout.count("belong to the same student") == 4


def test_a_class_of_which_one_grade_is_left_keeps_its_notes_in_json():
    two = [Found(f"{i}.json", Class("", 7, (a_grade("ada", i, student="u1"),), ("x.txt: no work",))) for i in (1, 2)]
    notes = json.loads("".join(as_json.classroom(combine("C", two))))["notes"]
    assert notes[:2] == ["x.txt: no work", "x.txt: no work"]
    assert "belong to the same student; the second one counts" in notes[2]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("earned", 10, "has points that differ from the sum over its koans"),
        ("points", 0, "has more points than are possible"),
        ("seconds", 1e308, "has a time that is not between 0 and 1e+09 s"),
        ("seconds", -1.0, "has a time that is not between 0 and 1e+09 s"),
        ("machine", 99, "is not a file that `koans grade --format json=…` wrote"),
        ("koans", [[999, "passed", 0, 0.1]], "is not a file that `koans grade --format json=…` wrote"),
        ("earned", 10**400, "is not a file that `koans grade --format json=…` wrote"),
        ("points", 1_000_001, "is not a file that `koans grade --format json=…` wrote"),
    ],
)
def test_results_that_cannot_be_are_one_line(play, tmp_path, field, value, says):
    found = msgspec.json.decode("".join(as_json.classroom(a_class(play.workbook))))
    found["grades"][0][field] = value
    file = tmp_path / "class.json"
    file.write_text(json.dumps(found))
    run = play.says("report", str(file), "--format", f"ctrf={tmp_path}/out.json")
    assert run.returncode == 2 and run.stderr.startswith("koans: ")
    assert says in run.stderr and "Traceback" not in run.stderr


def test_a_file_with_rungs_as_version_0_1_0_spelled_them_is_read(book, tmp_path):
    now = "".join(full_json.grade_or_class(a_class(book)))
    former = now.replace('"vectorize it"', '"vectorise it"').replace('"stabilize it"', '"stabilise it"')
    assert former.count("ise it") == now.count("ize it") > 0
    (tmp_path / "now.json").write_text(now)
    (tmp_path / "former.json").write_text(former)
    assert list(read_json.read(tmp_path / "former.json").grades) == list(read_json.read(tmp_path / "now.json").grades)


def test_a_file_without_an_end_is_read_up_to_a_limit(play, monkeypatch):
    monkeypatch.setattr(read_json, "LARGEST", 1 << 20)
    with pytest.raises(KoansError, match="/dev/zero has more than 1 MiB"):
        read_json.read(Path("/dev/zero"))
    monkeypatch.setattr(formats, "LARGEST_GRADEBOOK", 1 << 20)
    with pytest.raises(KoansError, match="/dev/zero has more than 1 MiB"):
        formats.check([formats.parse("canvas=-")], 1, formats.Options(Path("/dev/zero")))


def test_who_handed_in_nothing_has_a_row_in_every_report():
    found = a_class(BOOK)
    eve = not_handed_in("Eve E.", "u9", found)
    assert (eve.points, eve.earned, eve.problem, eve.student) == (POINTS, 0, NOTHING_HANDED_IN, "u9")
    for name, text in all_reports(msgspec.structs.replace(found, grades=(*found.grades, eve))).items():
        if name in ("json", "ctrf", "junit", "html") or name.endswith(" 4"):
            assert NOTHING_HANDED_IN in text, name


def test_report_names_who_is_on_the_roster_and_in_no_file(play, tmp_path):
    found = a_class(play.workbook)
    file, roster = tmp_path / "class.json", tmp_path / "roster.csv"
    file.write_text("".join(as_json.classroom(found)))
    roster.write_text("\ufeffstudent;id\nBen;\nada;u1\nEve [x] E.;u9\ncyd;u3\ndan;u4\nZoe;u5\n;;\n")
    out = tmp_path / "all.json"
    said = play.says("report", str(file), "--roster", str(roster), "--format", f"json={out}", env={"COLUMNS": "100"})
    assert said.returncode == 0, said.stderr
    lines = [line.split() for line in said.stdout.splitlines()]
    assert [line[0] for line in lines[1:7]] == ["Eve", "Zoe", "ada", "ben", "cyd", "dan"]
    assert lines[1] == ["Eve", "[x]", "E.", f"0/{POINTS}", "0", "nothing", "handed", "in"]
    absent = [one for one in read_json.read(out).grades if one.problem == NOTHING_HANDED_IN]
    assert [(one.submission, one.student, one.earned) for one in absent] == [("Eve [x] E.", "u9", 0), ("Zoe", "u5", 0)]

    printed = play.says("report", str(file), "--roster", str(roster), "--format", "junit=-")
    assert printed.stdout.startswith("<?xml")
    assert "koans: Zoe: nothing handed in" in printed.stderr.splitlines()
    assert "koans: notes.txt is no submission" in printed.stderr.splitlines()


# The seed


def test_no_file_tells_the_seed(here, tmp_path):
    seed = 918273645
    found = msgspec.structs.replace(
        a_class(BOOK),
        seed=seed,
        grades=tuple(
            msgspec.structs.replace(
                one,
                seed=seed,
                koans=tuple(
                    msgspec.structs.replace(k, verdict=msgspec.structs.replace(k.verdict, seed=seed)) for k in one.koans
                ),
            )
            for one in a_class(BOOK).grades
        ),
    )
    formats.write([formats.parse(text) for text in [*EACH, *ALL]], found, export(tmp_path))
    telling = []
    for file in here.iterdir():
        text = file.read_text()
        assert str(seed) not in text, file.name
        telling += [file.suffix] if digest(seed) in text else []
    assert set(telling) == {
        f".{name}" for name in ("json", "json-full", "html", "ctrf", "junit", "gradescope", "github")
    } | {".github-summary"}
    read = read_json.read(here / "class.json")
    assert {one.seed_digest for one in read.grades} == {digest(seed)} == {read.seed_digest}
    assert digest(seed) in "".join(page.page(read)), "a report of a file has the digest too"


def test_the_terminal_tells_the_instructor_the_seed_where_it_is_known(play, tmp_path):
    file = tmp_path / "class.json"
    file.write_text("".join(as_json.classroom(a_class(play.workbook))))
    assert f"4 submissions, seed digest {digest(7)}" in play.says("report", str(file)).stdout


def test_a_class_of_several_seeds_says_so(play, tmp_path):
    for seed in (7, 8):
        one = msgspec.structs.replace(a_class(play.workbook).grades[seed - 7], seed=seed)
        (tmp_path / f"{seed}.json").write_text("".join(as_json.classroom(Class("", one.seed, (one,)))))
    said = play.says("report", *(str(tmp_path / f"{seed}.json") for seed in (7, 8)))
    assert "2 submissions, several seeds" in said.stdout


# Which version was graded


def test_the_reports_say_which_version_was_graded_and_what_was_noted():
    found = a_class(BOOK)
    ben = Class("C", 7, (found.grades[1],))
    texts = all_reports(ben)
    for name in ("json", "ctrf", "junit", "html", "gradescope 0", "summary 0"):
        text = texts[name].replace("&#45;", "-").replace("&#58;", ":").replace("&#43;", "+")
        assert "a1b2c3d4e5f6" in text and "main" in text, name
        assert "2026-11-21T20:05:00Z" in text and "3 files do not match any koan" in text, name
    assert "notes.txt is no submission" in "".join(page.page(found))
