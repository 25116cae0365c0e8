"""Each report has the data of the grades in the documented format, and no text of a submission breaks out of it."""

import csv
import html.parser
import io
import json
import os
import re
import shutil
import xml.etree.ElementTree

import jsonschema
import junitparser
import msgspec
import pytest
from rich.console import Console

from grader.book.errors import KoansError
from grader.book.html import STYLE
from grader.book.verdict import Status
from grader.book.workbook import Workbook
from grader.course.grade import Class, Grade
from grader.course.report import (
    canvas,
    classroom50,
    common,
    ctrf,
    formats,
    full_json,
    github,
    grades,
    gradescope,
    junit,
    page,
    read_json,
    saved,
    spreadsheet,
)
from grader.course.seeds import digest
from tests.browser import CHROMIUM, Browser
from tests.classes import HUGE, OTHER, SAYS, a_class, a_hostile_class, grade, verdict
from tests.conftest import ROOT

DATA = ROOT / "tests/data"
ENVIRONMENT = {
    "CLASSROOM": "numerics",
    "ASSIGNMENT": "koans",
    "ASSIGNMENT_TYPE": "individual",
    "OWNER": "ada",
    "SUBMISSION_TAG": "submit/2026-11-22T09-59-00Z-a1b2c3d",
    "COMMIT_URL": "https://github.com/o/r/commit/a1b2c3d",
    "RELEASE_URL": "https://github.com/o/r/releases/tag/submit%2F2026",
}


@pytest.fixture(scope="module")
def found(book) -> Class:
    return a_class(book)


@pytest.fixture(scope="module")
def hostile(book) -> Class:
    return a_hostile_class(book)


def all_reports(classroom: Class) -> dict[str, str]:
    texts = {name: "".join(formats.Streamed(name, classroom)) for name in formats.PER_CLASS}
    texts["canvas"] = canvas.merge(EXPORT, classroom, "Koans").text
    for i, one in enumerate(classroom.grades):
        texts[f"gradescope {i}"] = gradescope.results(one)
        texts[f"classroom50 {i}"] = classroom50.result(one, ENVIRONMENT)
        texts[f"github {i}"] = github.commands(one)
        texts[f"summary {i}"] = github.summary(one)
    return texts


# All reports


def test_the_same_grades_give_the_same_text(found, hostile):
    for classroom in (found, hostile):
        copied = msgspec.json.decode(msgspec.json.encode(a_copy(classroom)), type=Class)
        assert all_reports(copied) == all_reports(a_copy(classroom))


def a_copy(classroom: Class) -> Class:
    """The class with only texts that JSON can encode."""
    return msgspec.json.decode("".join(full_json.grade_or_class(classroom)), type=Class)


def test_no_report_carries_what_a_terminal_or_an_encoder_chokes_on(found, hostile):
    for classroom in (found, hostile):
        for name, text in all_reports(classroom).items():
            text.encode("utf-8")
            bad = re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufffe\uffff\ud800-\udfff]", text)
            assert set(bad) <= ({"\r"} if name == "canvas" else set()), name


def test_a_report_of_a_class_of_one_megabyte_texts_stays_readable(hostile):
    assert len(HUGE) >= 1_000_000
    for name, text in all_reports(hostile).items():
        if not name.startswith("json"):
            assert len(text) < 3_000_000, name
        if name.startswith("summary"):
            assert len(text.encode()) < 1 << 20, name


# JSON


def test_the_published_schema_is_the_codes():
    for module, version in ((full_json, 1), (saved, 2)):
        file = f"grader/course/report/schema/grade-v{version}.json"
        assert module.schema() == (ROOT / file).read_text(), (
            f"python -m {module.__name__} > {file}, and a new number if a field changed meaning"
        )


def test_json_with_all_tests_keeps_to_its_schema_and_comes_back_whole(found, hostile):
    schema = json.loads(full_json.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    for classroom in (found, hostile):
        one = Class("one", 7, classroom.grades[:1])
        for results in (classroom, one):
            jsonschema.validate(json.loads("".join(full_json.grade_or_class(results))), schema)
    without_seed = msgspec.json.decode(
        re.sub(rb'"seed":7\b', b'"seed":0', msgspec.json.encode(found)).replace(
            b'"seed_digest":""', f'"seed_digest":"{digest(7)}"'.encode()
        ),
        type=Class,
    )
    assert a_copy(found) == without_seed
    ben = "".join(full_json.grade_or_class(Class("one", 7, found.grades[1:2])))
    assert msgspec.json.decode(ben, type=Grade) == without_seed.grades[1]


# Gradescope: the keys and values of https://gradescope-autograders.readthedocs.io/en/latest/specs/

WHOLE_KEYS = {"score", "execution_time", "output", "output_format", "test_output_format", "test_name_format"}
WHOLE_KEYS |= {"visibility", "stdout_visibility", "extra_data", "tests", "leaderboard"}
TEST_KEYS = {"score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags"}
TEST_KEYS |= {"visibility", "extra_data"}
VISIBLE = {"hidden", "after_due_date", "after_published", "visible"}


def test_gradescope_has_the_documented_keys_and_our_points(found, hostile):
    for one in [*found.grades, *hostile.grades]:
        results = json.loads(gradescope.results(one))
        assert set(results) <= WHOLE_KEYS
        assert results["visibility"] in VISIBLE and results["stdout_visibility"] in VISIBLE
        assert isinstance(results["execution_time"], int)
        assert {results[f"{what}output_format"] for what in ("", "test_")} == {"text"}
        assert results["score"] == sum(test["score"] for test in results["tests"]) == one.earned
        for test in results["tests"]:
            assert set(test) <= TEST_KEYS
            assert test["status"] in ("passed", "failed") and test["visibility"] in VISIBLE
            assert 0 <= test["score"] <= test["max_score"]
            assert test["name_format"] == test["output_format"] == "text"
            assert all(isinstance(tag, str) for tag in test["tags"])
            assert (test["status"] == "passed") == (test["extra_data"]["verdict"] == "passed")


def test_gradescope_says_why_nothing_was_graded(found):
    results = json.loads(gradescope.results(found.grades[3]))
    [test] = results["tests"]
    assert (results["score"], test["score"], test["max_score"]) == (0, 0, int(FULL))
    assert "no exercises/ folder" in results["output"] and "no exercises/ folder" in test["output"]


# Classroom 50: the fields of the wiki's "The result.json contract" and of its schemas/result-v1.schema.json

FULL = str(sum(koan.points for koan in Workbook(ROOT).koans.values()))
STAMP = r"\d{4}-\d{2}-\d{2}T([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ"
SOME = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
FIELDS = ("classroom", "assignment", "owner", "commit", "release", "review")
CONTRACT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "schema": {"const": "classroom50/result/v1"},
        **dict.fromkeys(FIELDS, SOME),
        "assignment_type": {"enum": ["individual", "group", "team"]},
        "submission": {"type": "string", "pattern": "^submit/"},
        "datetime": {"type": "string", "pattern": f"^{STAMP}$"},
        "graded_at": {"type": "string", "pattern": f"^{STAMP}$"},
        "score": COUNT,
        "max-score": COUNT,
        "tests": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["test-name", "passed", "score", "max-score"],
                "properties": {"test-name": SOME, "passed": {"type": "boolean"}, "score": COUNT, "max-score": COUNT},
            },
        },
    },
    "required": ["schema", *FIELDS, "assignment_type", "submission", "datetime", "score", "max-score", "tests"],
}


def test_classroom50_keeps_to_the_contract(found, hostile):
    for one in [*found.grades, *hostile.grades]:
        result = json.loads(classroom50.result(one, ENVIRONMENT))
        jsonschema.validate(result, CONTRACT)
        assert result["score"] == sum(test["score"] for test in result["tests"]) <= result["max-score"]
        assert result["max-score"] == sum(test["max-score"] for test in result["tests"])
        assert all(test["passed"] == (test["score"] == test["max-score"]) for test in result["tests"])


def test_classroom50_says_what_its_runner_did_not_set(found):
    with pytest.raises(KoansError, match="CLASSROOM, RELEASE_URL, OWNER not set"):
        classroom50.result(
            found.grades[0], {k: v for k, v in ENVIRONMENT.items() if k not in ("CLASSROOM", "RELEASE_URL", "OWNER")}
        )


# CTRF: its own JSON Schema (tests/data/README.md)


def test_ctrf_keeps_to_the_published_schema_and_counts_right(found, hostile):
    schema = json.loads((DATA / "ctrf-schema-0.0.json").read_text())
    for classroom in (found, hostile):
        report = json.loads("".join(ctrf.report(classroom)))
        jsonschema.validate(report, schema)
        tests, summary = report["results"]["tests"], report["results"]["summary"]
        assert summary["tests"] == len(tests)
        for status in ("passed", "failed", "skipped", "pending", "other"):
            assert summary[status] == sum(test["status"] == status for test in tests)
        assert summary["start"] < summary["stop"]


def test_only_a_pass_is_passed_in_ctrf_and_junit(found):
    ben = Class("one", 7, (found.grades[1],))
    expected = [graded.verdict.status for graded in found.grades[1].koans]
    tests = json.loads("".join(ctrf.report(ben)))["results"]["tests"]
    words = {"passed": "passed", "not started": "pending", "not run here": "skipped"}
    assert [test["status"] for test in tests] == [words.get(status.value, "failed") for status in expected]
    assert [test["rawStatus"] for test in tests] == [status.value for status in expected]
    cases = list(junitparser.JUnitXml.fromstring("".join(junit.report(ben)).encode()).__iter__().__next__())
    assert [case.is_passed for case in cases] == [status == Status.passed for status in expected]


# JUnit: junitparser reads it, and it has the elements and attributes of Jenkins' junit-10.xsd

ALLOWED = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "time", "skipped", "timestamp", "hostname", "id", "package"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"name", "time", "classname", "group"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "skipped": {"type", "message"},
    "system-out": set(),
}


def test_junit_is_read_by_a_parser_of_others_and_counts_right(found, hostile):
    for classroom in (found, hostile):
        text = "".join(junit.report(classroom))
        for element in xml.etree.ElementTree.fromstring(text).iter():
            assert set(element.attrib) <= ALLOWED[element.tag], element.tag
        parsed = junitparser.JUnitXml.fromstring(text.encode())
        suites = list(parsed)
        assert len(suites) == len(classroom.grades)
        for suite, one in zip(suites, classroom.grades, strict=True):
            cases = list(suite)
            assert suite.tests == len(cases) == (len(one.koans) or 1)
            assert suite.failures == sum(isinstance(r, junitparser.Failure) for case in cases for r in case.result)
            assert suite.errors == sum(isinstance(r, junitparser.Error) for case in cases for r in case.result)
            assert suite.skipped == sum(isinstance(r, junitparser.Skipped) for case in cases for r in case.result)
        assert parsed.failures == sum(suite.failures for suite in suites)


def test_junit_gives_reason_and_output(found):
    suites = list(junitparser.JUnitXml.fromstring("".join(junit.report(found)).encode()))
    case = list(suites[1])[1]
    assert (case.classname, case.name) == tuple(found.grades[1].koans[1].verdict.koan.split("/"))
    assert case.result[0].type == "failed" and case.system_out == "seen\n"


# Canvas: an export in the format of lib/gradebook_exporter.rb of canvas-lms

EXPORT = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Notes,Essay (11),Koans (12),Current Score,Final Score\r\n"
    ",,,,,,Manual Posting,,,\r\n"
    "    Points Possible,,,,,,10.00,,(read only),(read only)\r\n"
    '"Lovelace, Ada",101,u101,ada,"Sec A, B",,9.50,,95.00,95.00\r\n'
    '"Blum, Ben",102,u102,ben@uni.example,Sec A,"said ""hi""\ntwice",-,3.00,-1.5,+2.00\r\n'
    '"=""=HYPERLINK(""""x"""")""",103,u103,eve,@SUM(1),=1+1,EX,,1,1\r\n'
    '"Curie, Cyd",104,,,Sec A,,N/A,,,\r\n'
    '"Student, Test",105,,f00d,Sec A,,,,,\r\n'
)


def rows_of(text: str, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))


def test_canvas_fills_the_assignment_and_leaves_the_rest(found):
    for assignment in ("Koans", "12", "Koans (12)"):
        merged = canvas.merge(EXPORT, found, assignment)
        before, after = rows_of(EXPORT), rows_of(merged.text)
        assert after[0] == before[0] and after[1] == before[1]
        assert [row[7] for row in after[3:]] == [FULL, str(found.grades[1].earned), "", "", ""]
        assert after[2] == [*before[2][:7], FULL, *before[2][8:]]
        for old, new in zip(before[3:], after[3:], strict=True):
            if "HYPERLINK" not in old[0]:
                assert new[:7] + new[8:] == old[:7] + old[8:]
        assert merged.notes == (
            "cyd: no student of this name in the gradebook",
            "dan: left out, nothing could be graded",
        )


def test_canvas_cells_that_begin_a_formula_are_neutralised_and_numbers_stay(found, hostile):
    for classroom in (found, hostile):
        after = rows_of(canvas.merge(EXPORT, classroom, "Koans").text)
        assert after[5][0] == '\'="=HYPERLINK(""x"")"' and after[5][4:6] == ["'@SUM(1)", "'=1+1"]
        assert after[4][6:] == ["-", "3.00" if classroom is hostile else str(found.grades[1].earned), "-1.5", "+2.00"]
        for row in after[3:]:
            for cell in row:
                assert not re.match(r"\s*[=+\-@\t\r]", cell) or re.fullmatch(r"-|[-+]\d+(\.\d+)?", cell), cell


@pytest.mark.parametrize("text", ["=1", "+1+1", "-1+cmd", "@x", "\t=1", "\r=1", " =1", "＝1", "\n=1"])
def test_a_spreadsheet_gets_no_formula(text):
    assert spreadsheet.neutral(text).startswith("'")


def test_canvas_adds_a_column_before_the_totals_and_keeps_points_that_are_there(found):
    after = rows_of(canvas.merge(EXPORT, found, "Numerics").text)
    assert after[0][7:10] == ["Koans (12)", "Numerics", "Current Score"]
    assert [row[8] for row in after[1:4]] == ["", FULL, FULL]
    assert {len(row) for row in after} == {11}
    merged = canvas.merge(EXPORT, found, "Essay")
    assert rows_of(merged.text)[2][6] == "10.00"
    assert f"Essay (11) has 10.00 possible points, but the koans have {FULL}: points were not scaled" in merged.notes


def test_canvas_treats_a_row_that_ends_early_as_having_empty_cells(found):
    export = (
        "Student,ID,SIS Login ID,Section,Koans (1),Final Score\n    Points Possible\nAda,1,ada\nBen,2,ben,S\n\nEve,3\n"
    )
    ben = found.grades[1].earned
    merged = canvas.merge(export, found, "Koans")
    assert merged.text.splitlines() == [
        "Student,ID,SIS Login ID,Section,Koans (1),Final Score",
        f"    Points Possible,,,,{FULL},",
        f"Ada,1,ada,,{FULL},",
        f"Ben,2,ben,S,{ben},",
        "",
        "Eve,3,,,,",
    ]
    added = canvas.merge(export, found, "Numerics")
    assert rows_of(added.text)[2] == ["Ada", "1", "ada", "", "", FULL, ""]
    assert added.notes == merged.notes


def test_canvas_keeps_semicolons_marks_and_line_ends(found):
    semicolons = "\ufeffStudent;ID;SIS Login ID;Section;Koans (1)\nAda;1;ada;S;\n"
    assert canvas.merge(semicolons, found, "Koans").text == semicolons.replace("ada;S;", f"ada;S;{FULL}")


@pytest.mark.parametrize("name", ["u101", "ADA", "101", "Lovelace, Ada", "ada lovelace"])
def test_canvas_finds_a_student_by_id_login_or_name(book, found, name):
    one = Class("one", 7, (msgspec.structs.replace(found.grades[0], submission=name),))
    merged = canvas.merge(EXPORT, one, "Koans")
    assert rows_of(merged.text)[3][7] == FULL and not merged.notes


def test_canvas_guesses_at_nobody(found):
    two = EXPORT.replace('"Student, Test",105', '"Lovelace, Ada",105')
    twice = [msgspec.structs.replace(found.grades[0], submission=name) for name in ("Lovelace, Ada", "ben", "u102")]
    merged = canvas.merge(two, Class("c", 7, tuple(twice)), "Koans")
    assert merged.notes == (
        "Lovelace, Ada: several students of this name in the gradebook",
        "ben: left out, u102 belongs to the same student",
        "u102: left out, ben belongs to the same student",
    )
    with pytest.raises(KoansError, match="not an export"):
        canvas.merge("name,points\nada,1\n", found, "Koans")


# GitHub


def obeyed(log: str) -> list[tuple[str, str]]:
    """The commands in a log that a runner would obey (actions/runner, ActionCommand and ActionCommandManager).

    A command starts with `::` after any spaces at the start of a line, or in the old form with `##[` anywhere. None is
    obeyed between stop-commands and its token.
    """
    commands, token = [], ""
    for line in re.split(r"\r\n|\r|\n", log):
        match = re.match(r"\s*::(?P<head>.*?)::(?P<data>.*)", line) or re.search(
            r"##\[(?P<head>.*?)\](?P<data>.*)", line
        )
        if not match:
            continue
        command = match["head"].split(" ")[0]
        if token:
            token = "" if command == token else token
        elif command == "stop-commands":
            token = match["data"]
        else:
            commands.append((command, match["data"]))
    assert not token
    return commands


def test_github_obeys_our_commands_only(found, hostile):
    for one in [*found.grades, *hostile.grades]:
        commands = obeyed(github.commands(one))
        not_passed = [r for r in common.rows(one) if r.status not in (Status.passed, Status.not_started)]
        kinds = [command for command, _ in commands]
        assert set(kinds) <= {"error", "notice", "group", "endgroup"}
        assert kinds.count("error") <= 10
        assert kinds.count("group") == kinds.count("endgroup") == len(not_passed)
        if not one.problem:
            assert commands[-1] == (
                "notice",
                f"{one.earned} of {common.total(one)[1]} points (seed digest {digest(7)})",
            )


def test_github_output_is_barred_even_without_the_token(hostile):
    for one in hostile.grades:
        inside = False
        for line in github.commands(one).splitlines():
            ours = re.match(r"::(group|stop-commands|error|notice)[: ]", line)
            assert ours or line.startswith("| ") or line == "::endgroup::" or re.fullmatch(r"::[0-9a-f]{64}::", line)
            inside |= line.startswith("| ")
            assert "##[" not in line or ours
        assert inside or one.problem


def test_a_submission_that_prints_an_old_token_does_not_end_the_stop(book):
    first = grade(book, "eve", [verdict(next(iter(book.koans)), Status.failed, text="x")])
    token = re.search(r"::stop-commands::(\w+)", github.commands(first))[1]
    text = f"x\n::{token}::\n::error::forged"
    second = grade(book, "eve", [verdict(next(iter(book.koans)), Status.failed, text=text)])
    assert not [data for kind, data in obeyed(github.commands(second)) if kind == "error" and data == "forged"]


def test_the_step_summary_has_no_markup_of_a_submission(found, hostile):
    assert "| ch06\\_" not in github.summary(found.grades[0])
    for one in [*found.grades, *hostile.grades]:
        text = github.summary(one)
        tags = re.findall(r"</?([a-z!]\w*)", text)
        assert set(tags) <= {"details", "summary", "pre"}
        outside = re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)
        assert not re.search(r"@|\]\(|javascript:|`|\n# ", outside)
        table = [line for line in outside.splitlines() if line.startswith("|")]
        assert all(line.count("|") == 5 for line in table)


# HTML

VOID = {"meta", "link", "br"}


class Outline(html.parser.HTMLParser):
    """The elements, attributes and text of a page. Fails if an element is not closed properly."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag

    def handle_comment(self, data):
        raise AssertionError(data)

    def handle_data(self, data):
        self.text += data


def outline(text: str) -> Outline:
    parser = Outline()
    parser.feed(text)
    parser.close()
    assert not parser.open
    return parser


def test_the_page_is_well_formed_and_asks_for_nothing(found, hostile):
    for classroom in (found, hostile):
        seen = outline("".join(page.page(classroom)))
        tags = [tag for tag, _ in seen.tags]
        assert tags.count("script") == tags.count("style") == tags.count("title") == 1
        assert not {"img", "iframe", "object", "embed", "base", "form", "a", "svg"} & set(tags)
        for tag, attributes in seen.tags:
            assert not [name for name in attributes if name.startswith("on") or name in ("src", "style", "srcset")]
            assert "href" not in attributes or (tag, attributes["href"]) == ("link", "data:,")
        assert "@import" not in STYLE and "url(" not in STYLE


def test_the_page_says_who_is_where_and_what_the_class_gets_wrong(found):
    seen = outline("".join(page.page(found)))
    plain = " ".join(seen.text.split())
    assert "dan was not graded: forks/dan: has no exercises/ folder" in plain
    assert SAYS.replace("`", "") in plain and OTHER in plain
    misconceptions = common.misconceptions(found)
    koans = list(found.grades[1].koans)
    first = misconceptions[0]
    assert (first.koan, first.name, first.alone, first.among) == (
        koans[1].verdict.koan,
        "no_max",
        ("ben",),
        (),
    )
    assert all(one.alone == () and one.among == ("ben",) for one in misconceptions[1:])
    statuses = [attributes["title"] for tag, attributes in seen.tags if tag == "abbr"]
    assert len(statuses) == 3 * len(koans)
    second = [[one for one in statuses if one.startswith(f"{k.verdict.koan}: ")][1] for k in koans]  # of each table
    assert second == [f"{k.verdict.koan}: {k.verdict.status.value}" for k in koans]


def test_most_common_misconceptions_come_first(book):
    koan = next(iter(book.koans))
    grades = [grade(book, f"s{i}", [verdict(koan, Status.failed, names=["nan"])]) for i in range(3)]
    grades += [grade(book, "t", [verdict(koan, Status.failed, names=["no_max"])])]
    found = common.misconceptions(Class("c", 7, tuple(grades)))
    assert [(one.name, one.description, one.count) for one in found] == [("nan", OTHER, 3), ("no_max", SAYS, 1)]


@pytest.mark.skipif(CHROMIUM is None, reason="not run here: needs chromium")
def test_the_page_opens_in_a_browser_without_a_complaint_or_a_request_and_sorts(found, hostile, tmp_path):
    with Browser(tmp_path / "profile") as browser:
        for name, classroom in (("class", found), ("hostile", hostile)):
            file = tmp_path / f"{name}.html"
            file.write_text("".join(page.page(classroom)))
            for dark, width in ((False, 1280), (True, 390)):
                browser.looks(dark=dark, width=width)
                browser.open(file)
                assert browser.requests == [file.as_uri()]
                assert browser.complaints == []
                assert browser.run("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        browser.looks()
        browser.open(tmp_path / "class.html")
        names = "[...document.querySelector('table').tBodies[0].rows].map(r => r.cells[0].textContent)"
        assert browser.run(names) == ["ada", "ben", "cyd", "dan"]
        click = "document.querySelectorAll('table')[0].querySelectorAll('th button')"
        browser.run(f"{click}[1].click()")
        assert browser.run(names) == ["ada", "ben", "cyd", "dan"]
        browser.run(f"{click}[1].click()")
        assert browser.run(names) == ["cyd", "dan", "ben", "ada"]
        assert browser.run("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "ascending"
        browser.run("document.body.append(Object.assign(document.createElement('script'), {text: 'window.owned = 1'}))")
        assert browser.run("window.owned === undefined"), "the policy lets a foreign script run"


# Terminal


def test_a_terminal_gets_no_escapes(hostile):
    for one in hostile.grades:
        out = io.StringIO()
        Console(file=out, width=80, force_terminal=False).print(grades.grade(one))
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", out.getvalue())


# The command


def test_a_class_is_graded_into_files(play, tmp_path):
    play.solve("causal_mask")
    play.body("score_variance", "while True: return <script>")
    forks = tmp_path / "forks"
    shutil.copytree(play.root / "exercises", forks / "ada/exercises")
    shutil.copytree(play.root / "solutions/ch07_attention", forks / "<b>eve/exercises/ch07_attention")
    (forks / "empty").mkdir()
    export = tmp_path / "export.csv"
    export.write_text("Student,ID,SIS Login ID,Section\nAda,1,ada,S\n")
    wanted = ["json=class.json", "html=class.html", "canvas=import.csv", "ctrf=ctrf.json", "junit=junit.xml"]
    wanted += ["gradescope={}.gradescope.json", "github-summary={}.md"]
    options = [part for pair in wanted for part in ("--format", pair)]
    folders = [str(forks / name) for name in ("ada", "<b>eve", "empty")]
    result = play.says("grade", *folders, *options, "--seed", "5", "--class", "C", "--gradebook", str(export))
    assert result.returncode == 1, result.stderr
    assert "<b>eve: no student" in result.stderr and "empty: left out" in result.stderr
    assert "ada " in result.stdout and "3 submissions, seed 5; isolated" in result.stdout

    found = read_json.read(play.root / "class.json")
    assert [g.submission for g in found.grades] == ["<b>eve", "ada", "empty"]
    eve, ada, empty = found.grades
    book = play.workbook
    status = {g.verdict.koan: g.verdict.status for g in ada.koans}
    assert status.pop("ch07_attention/causal_mask") == Status.passed
    assert status.pop("ch07_attention/score_variance") == Status.broken
    assert set(status.values()) == {Status.not_started}
    assert [g.verdict.koan for g in ada.koans] == list(book.koans)
    assert [g.rung for g in ada.koans] == [koan.rung for koan in book.koans.values()]
    assert eve.points == ada.points == sum(koan.points for koan in book.koans.values())
    assert eve.earned == sum(koan.points for koan in book.chapter("7").koans)
    proofs = {p.card for p in book.proofs if p.koan.startswith("ch07")}
    proofs -= {p.card for p in book.proofs if p.gpu or not p.koan.startswith("ch07")}
    assert set(eve.cards) == {card for card in proofs if not book.cards[card].pending} != set()
    only = {p.card for p in book.proofs if p.koan == "ch07_attention/causal_mask"}
    only -= {p.card for p in book.proofs if p.koan != "ch07_attention/causal_mask"}
    assert set(ada.cards) == {card for card in only if not book.cards[card].pending} != set()
    assert {g.seed_digest for g in found.grades} == {digest(5)} == {found.seed_digest}
    assert set(ada.versions) == {"koans", "python", "torch", "triton", "numpy"}
    assert re.fullmatch(STAMP, ada.started) and ada.seconds > 0 and ada.device
    assert empty.problem.endswith("give the root of a submission") and not empty.koans and not empty.earned

    assert "&lt;b&gt;eve" in (play.root / "class.html").read_text()
    assert (play.root / "import.csv").read_text().splitlines()[1] == f"Ada,1,ada,S,{ada.earned}"
    assert json.loads((play.root / "ctrf.json").read_text())["results"]["summary"]["suites"] == 3
    assert len(list(junitparser.JUnitXml.fromfile(str(play.root / "junit.xml")))) == 3
    [results_of_eve] = play.root.glob("*eve*.gradescope.json")
    assert "<" not in results_of_eve.name and json.loads(results_of_eve.read_text())["score"] == eve.earned
    assert (play.root / "ada.md").read_text().startswith("## ada: ")
    assert not list(play.root.glob(".*-????????")), "a draft is left"


def test_one_submission_on_standard_output(play):
    result = play.says("grade", ".", "--feedback", "--format", "github=-", "--seed", "3")
    assert result.returncode == 0, result.stderr
    assert obeyed(result.stdout) == [
        ("notice", f"0 of {sum(k.points for k in play.workbook.koans.values())} points (seed digest {digest(3)})")
    ]


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["a", "--format", "excel=x"], "there are canvas, classroom50, csv, ctrf"),
        (["a", "--format", "html"], "--format html=FILE"),
        (["a", "b", "--format", "gradescope=x.json"], "write {} where its id goes"),
        (["a", "--format", "canvas=x.csv"], "needs --gradebook"),
        (["a", "--format", "moodle=x.csv"], "needs --gradebook, the grading worksheet"),
        (["a", "--format", "json=nonesuch/x.json"], "its folder does not exist"),
    ],
    ids=["unknown", "no file", "many to one", "no export", "no worksheet", "no folder"],
)
def test_what_cannot_be_written_is_said_before_grading(play, args, says):
    result = play.says("grade", *args)
    assert result.returncode == 2 and not result.stdout
    assert len(result.stderr.splitlines()) == 1 and says in result.stderr


def test_a_report_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "x.json"
    formats.write_file(str(file), "old")
    with monkeypatch.context() as patched:
        patched.setattr(os, "chmod", lambda *_: os.stat(tmp_path / "none"))
        with pytest.raises(KoansError, match="cannot be written"):
            formats.write_file(str(file), "new")
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]
    with pytest.raises(KoansError, match="cannot be written"):
        formats.write_file(str(tmp_path / "none/x"), "text")
