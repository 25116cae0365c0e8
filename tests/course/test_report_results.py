"""A file of results is small, and gives every report as grading itself writes it."""

import errno
import json
import random
import re

import jsonschema
import msgspec
import pytest

from grader.book import verdict as verdicts
from grader.book.errors import KoansError
from grader.book.verdict import Exit, Status, Verdict, judge
from grader.book.workbook import Workbook
from grader.course import classroom as classes
from grader.course.classroom import Entry, Grades, classroom, heads
from grader.course.grade import Class, Grade
from grader.course.lean import lean
from grader.course.report import as_json, common, formats, full_json, github, read_json, saved
from grader.course.seeds import digest
from grader.course.students import not_handed_in
from tests.classes import a_class, a_hostile_class, grade, verdict
from tests.conftest import ROOT
from tests.course.test_reports import all_reports

BOOK = Workbook(ROOT)
LIMIT = 20_000  # bytes for each student
WORDS = ["tensor", "0.57735,", "expected", "actual", "float32", "differ:", "worst", "at", "[3, 1]", "−inf", "\n  "]


def written(results: Class) -> str:
    return "".join(as_json.classroom(results))


def read(tmp_path, text: str) -> Class:
    file = tmp_path / "class.json"
    file.write_text(text)
    return read_json.read(file)


def failing(book: Workbook, name: str, characters: int, *, named: bool, output: int = 0, answer: int = 0) -> Grade:
    """A student who fails every koan. Each message, output and answer is another text of so many characters."""
    rng = random.Random(name)

    def text(longest: int) -> str:
        return " ".join(rng.choices(WORDS, k=longest // 3))[:longest]

    judged = []
    for koan in book.koans:
        looks = {f"{koan[:9]}_{rng.randrange(99)}": f"{text(80)}: {koan}"} if named else {}
        test = verdicts.TestResult("test_x", "x", Status.failed, text(characters), text(60), looks, "f")
        names = {"f": tuple(looks)} if named else {}
        end = Exit(finished=True)
        judged.append(judge(koan, "x", [test], "", end, seconds=rng.random(), seed=7, output=text(output), names=names))
    answers = {koan: text(answer) for koan in book.koans} if answer else {}
    return grade(
        book, name, judged, answers=answers, cards=(), isolation="isolated: landlock 7, seccomp, " + "limits, " * 20
    )


def solver(book: Workbook) -> Grade:
    return grade(book, "ada", [verdict(koan, Status.passed) for koan in book.koans], cards=tuple(book.cards))


STUDENTS = {
    "solved all": solver,
    "failed all, named": lambda book: failing(book, "ben", 500, named=True),
    "failed all, no name": lambda book: failing(book, "cyd", 500, named=False),
    "printed a lot": lambda book: failing(book, "dan", 900, named=False, output=3100),
    "long answers": lambda book: failing(book, "fay", 500, named=True, answer=1500),
    "one huge text each": lambda book: failing(book, "eve", 100_000, named=False, output=100_000),
}


# What comes back


@pytest.mark.parametrize("write", [as_json.classroom, full_json.grade_or_class])
def test_a_file_of_results_gives_the_reports_that_grading_writes(tmp_path, write):
    found = a_class(BOOK)
    back = read(tmp_path, "".join(write(found)))
    direct, later = all_reports(found), all_reports(back)
    different = [name for name in direct if direct[name] != later[name]]
    assert set(different) == {"json-full", "github 1"}
    # The tokens that stop commands are made from the seed, which is in no file.
    assert re.sub("[0-9a-f]{64}", "", direct["github 1"]) == re.sub("[0-9a-f]{64}", "", later["github 1"])
    assert list(back.grades) == [
        msgspec.structs.replace(lean(one), seed=0, seed_digest=digest(7)) for one in found.grades
    ]


def test_texts_of_strangers_come_back_as_reports_show_them(tmp_path):
    found = a_hostile_class(BOOK)
    found = msgspec.structs.replace(found, grades=found.grades[:2])
    direct, later = all_reports(found), all_reports(read(tmp_path, written(found)))
    assert direct["ctrf"] == later["ctrf"] and direct["html"] == later["html"] and direct["junit"] == later["junit"]


def test_what_a_gpu_measured_comes_back(tmp_path):
    koan = next(koan for koan in BOOK.koans.values() if koan.fast_points)
    races = [{"yours": 2.0, "sdpa-flash": 1.5, "eager": 4.0}, {"yours": 1.0, "sdpa-flash": 0.9}]
    tests = [verdicts.TestResult("test_x", "x", Status.passed, uncompiled=True)]
    tests += [verdicts.TestResult(f"test_{i}", "r", Status.passed, gpu=True, ms=ms) for i, ms in enumerate(races)]
    one = judge(koan.id, "x", tests, "", Exit(finished=True), seconds=1.0, seed=7, output="")
    one = msgspec.structs.replace(one, by_machine=True)
    [back] = read(tmp_path, written(Class("C", 7, (grade(BOOK, "ada", [one]),)))).grades
    (graded,) = back.koans
    assert (graded.verdict.fast, graded.verdict.speed, graded.fast_earned) == (one.fast, one.speed, koan.fast_points)
    assert graded.verdict.uncompiled and graded.verdict.by_machine and graded.verdict.notes == one.notes


def test_the_file_keeps_to_its_schema():
    schema = json.loads(saved.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    for found in (a_class(BOOK), a_hostile_class(BOOK), Class("C", 7, ())):
        jsonschema.validate(json.loads(written(found)), schema)


def test_a_text_of_several_students_stands_once():
    crash = [verdict(koan, Status.failed, text=f"the same text for {koan}") for koan in BOOK.koans]
    text = written(Class("C", 7, tuple(grade(BOOK, name, crash) for name in ("ada", "ben", "cyd"))))
    for koan in BOOK.koans:
        assert text.count(f'"the same text for {koan}"') == 1


def room_taken(text):
    """The bytes of a file of results without the names of koans and cards, which it has once."""
    before, _, rest = text.partition('"koans":[')
    _, _, after = rest.partition('"machines":[')
    assert after
    return len((before + '"machines":[' + after).encode())


def test_each_koan_of_each_submission_has_a_line():
    text = written(a_class(BOOK))
    assert len(re.findall(r'^\[\d+,"(?:passed|failed|not started|broken|timed out|not run here)"', text, re.M)) == (
        3 * len(BOOK.koans)
    )


# How much room it takes


@pytest.mark.parametrize("kind", STUDENTS)
@pytest.mark.parametrize("students", [1, 5])
def test_a_student_takes_at_most_20_kb(kind, students):
    one = STUDENTS[kind](BOOK)
    others = [msgspec.structs.replace(solver(BOOK), submission=f"s{i}", id=f"s{i}") for i in range(students - 1)]
    assert room_taken(written(Class("C", 7, (one, *others)))) <= students * LIMIT


def test_a_text_without_room_is_cut_and_says_how_many_characters_are_missing(tmp_path):
    one = failing(BOOK, "ben", 500, named=False, output=200)
    back = read(tmp_path, written(Class("C", 7, (one,))))
    for before, after in zip(one.koans, back.grades[0].koans, strict=True):
        for text, cut in (
            (before.verdict.message, after.verdict.message),
            (before.verdict.output, after.verdict.output),
        ):
            start, missing = re.fullmatch(r"(.*?)\n?… (\d+) more characters", cut, re.DOTALL).groups()
            assert text.startswith(start) and len(start) + int(missing) == len(text)


def test_what_a_learner_wrote_comes_back_and_is_left_out_before_anything_else(tmp_path):
    full = failing(BOOK, "ben", 300, named=True, answer=300)
    few = msgspec.structs.replace(full, koans=full.koans[:10])
    [back] = read(tmp_path, written(Class("C", 7, (few,)))).grades
    assert [koan.answer for koan in back.koans] == [koan.answer for koan in few.koans]
    [back] = read(tmp_path, written(Class("C", 7, (full,)))).grades
    left_out = [common.is_left_out(koan.answer) for koan in back.koans]
    assert left_out[-1] and not any(common.is_left_out(koan.verdict.headline) for koan in back.koans)


def test_a_file_without_answers_is_read(tmp_path):
    found = a_class(BOOK)
    for write, old in ((as_json.classroom, 2), (full_json.grade_or_class, 1)):
        document = json.loads("".join(write(found)), object_hook=lambda one: {k: one[k] for k in one if k != "answer"})
        assert document["schema"] == old and '"answer":' not in json.dumps(document)
        assert {koan.answer for one in read(tmp_path, json.dumps(document)).grades for koan in one.koans} == {""}


def test_messages_are_whole_where_there_is_room(tmp_path):
    full = failing(BOOK, "ben", 500, named=True)
    some = msgspec.structs.replace(full, koans=full.koans[:12])
    [back] = read(tmp_path, written(Class("C", 7, (some,)))).grades
    assert [koan.verdict.message for koan in back.koans] == [koan.verdict.message for koan in some.koans]
    assert [koan.verdict.headline for koan in back.koans] == [koan.verdict.headline for koan in some.koans]


@pytest.mark.parametrize("koans", [40, 60, 100])
def test_little_is_cut_more_than_the_room_asks_for(koans):
    full = failing(BOOK, "ben", 500, named=True)
    some = msgspec.structs.replace(full, koans=full.koans[:koans])
    assert 0.95 * LIMIT < room_taken(written(Class("C", 7, (some,)))) <= LIMIT


def test_a_name_without_a_message_comes_back(tmp_path):
    bare = Verdict(next(iter(BOOK.koans)), "x", Status.failed, names=("no_max",))
    [back] = read(tmp_path, written(Class("C", 7, (grade(BOOK, "ada", [bare]),)))).grades
    assert (back.koans[0].verdict.names, back.koans[0].verdict.message) == (("no_max",), "")


def test_names_are_never_cut_and_what_they_mean_goes_before_the_rest(tmp_path):
    one = failing(BOOK, "ben", 500, named=True)
    [back] = read(tmp_path, written(Class("C", 7, (one,)))).grades
    assert [koan.verdict.names for koan in back.koans] == [koan.verdict.names for koan in one.koans]
    for before, after in zip(one.koans, back.koans, strict=True):
        whole, shown = (koan.verdict.headline.removeprefix("this looks like: ") for koan in (before, after))
        assert shown == whole or (shown.endswith("…") and whole.startswith(shown[:-1]) and len(shown) > 20)


def test_results_that_are_read_and_written_again_lose_nothing_more(tmp_path):
    grades = tuple(make(BOOK) for make in STUDENTS.values())
    once = read(tmp_path, written(Class("C", 7, grades)))
    assert list(read(tmp_path, written(once)).grades) == list(once.grades)


def test_a_text_that_was_cut_counts_all_that_is_missing_when_it_is_cut_again():
    text = "x" * 1000
    assert common.safe_text(common.safe_text(text, 300), 100) == common.safe_text(text, 100)
    assert common.safe_text(common.safe_text(text, 300), 300) == f"{'x' * 300}\n… 700 more characters"


def test_a_file_that_repeats_a_text_too_often_is_refused(tmp_path):
    document = json.loads(written(a_class(BOOK)))
    document["texts"] = ["x" * 100_000]
    document["grades"][0]["koans"] = [[0, "failed", 0, 0.1, 0]] * 100
    with pytest.raises(KoansError, match="has more than 2,000,000 characters"):
        read(tmp_path, json.dumps(document))


# Grades that are not in memory


def test_a_class_keeps_only_the_short_fields_of_its_grades(monkeypatch):
    given = list(a_class(BOOK).grades)
    for in_memory in (1, 1 << 20):
        monkeypatch.setattr(classes, "IN_MEMORY", in_memory)
        results = classroom("C", 7, (one for one in reversed(given)), details=True)
        assert list(results.grades) == given and results.grades[1] == given[1] and results.grades[-1] == given[3]
        assert [one.submission for one in heads(results.grades)] == ["ada", "ben", "cyd", "dan"]
        assert all((one.koans, one.cards, one.notes) == ((), (), ()) for one in heads(results.grades))
        assert list(results.grades[1:3]) == given[1:3]
    assert list(classroom("C", 7, given).grades) == [lean(one) for one in given]


def test_a_grade_of_texts_that_cannot_be_encoded_is_kept():
    odd = grade(BOOK, "\ud800", [Verdict(next(iter(BOOK.koans)), "x", Status.broken, "\udfff")], notes=("\ud800",))
    [back] = classroom("C", 7, [odd]).grades
    assert (back.submission, back.notes, back.koans[0].verdict.message) == ("\ud800", ("�",), "�")


def test_a_full_disk_is_one_line(monkeypatch):
    class Full:
        def seek(self, *_):
            return 0

        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(classes.tempfile, "SpooledTemporaryFile", lambda _: Full())
    with pytest.raises(KoansError, match=r"^a temporary file in \S+: cannot be written \(the disk is full"):
        classroom("C", 7, a_class(BOOK).grades)


def test_reports_go_through_the_grades_one_at_a_time():
    alive: list[int] = []

    class Watched(Grades):
        """Counts the grades that were taken and are not yet done with."""

        def __iter__(self):
            for entry in self.entries:
                alive.append(1)
                yield entry.grade()
                alive.pop()

    one = lean(a_class(BOOK).grades[1])
    results = Class("C", 7, Watched(Entry(msgspec.structs.replace(one, submission=f"s{i}")) for i in range(6)))
    for name in formats.PER_CLASS:
        for _ in formats.Streamed(name, results):
            assert len(alive) <= 1, name


@pytest.mark.parametrize("name", ["json", "html", "ctrf", "junit"])
def test_a_report_that_ends_early_leaves_the_old_file(tmp_path, name):
    def lost():
        raise OSError(errno.EIO, "Input/output error")

    whole = [Entry(one) for one in a_class(BOOK).grades]
    results = Class("C", 7, Grades([*whole, Entry(msgspec.structs.replace(whole[0].head, koans=()), lost)]))
    file = tmp_path / "report"
    file.write_text("old")
    with pytest.raises(KoansError, match=r"report: cannot be written \(the disk reports an error\)"):
        formats.write([formats.parse(f"{name}={file}")], results, formats.Options())
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


# The command


def test_report_writes_no_details_that_a_file_may_lack(play, tmp_path):
    file = tmp_path / "class.json"
    file.write_text(written(a_class(play.workbook)))
    run = play.says("report", str(file), "--format", f"json-full={tmp_path}/full.json")
    assert run.returncode == 2 and "`koans grade` writes this format" in run.stderr
    assert not (tmp_path / "full.json").exists()


def test_github_and_gradescope_of_who_handed_in_nothing_come_back(tmp_path):
    found = a_class(BOOK)
    found = msgspec.structs.replace(found, grades=(*found.grades, not_handed_in("Eve", "u9", found)))
    back = read(tmp_path, written(found))
    assert github.summary(back.grades[4]) == github.summary(found.grades[4])
