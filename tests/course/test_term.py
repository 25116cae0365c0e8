"""A whole term of 60 students and three assignments. Every report says what the spreadsheet in tests/data/term says.

The spreadsheet was worked from the rules in INSTRUCTORS.md. Its README says how. Here the term is played with commands
only, and nothing is computed but the sums of a few cells.
"""

import csv
import html.parser
import json
import os
import re
import shutil
import subprocess
from collections import Counter, defaultdict
from datetime import datetime

import pytest

from grader.book.stubs import strip_markers
from grader.course.verdict_cache import VerdictCache
from tests.conftest import ROOT, Lasting

DATA = ROOT / "tests/data/term"
KOANS = {
    "ch05_tokens": ("most_frequent_pair", "merge_pair"),
    "ch06_numerics": ("exp_overflow", "softmax"),
    "ch07_attention": ("causal_mask", "scores", "repeat_kv", "kv_cache_bytes"),
}
NAMES = [name for names in KOANS.values() for name in names]
CHAPTER = {name: chapter for chapter, names in KOANS.items() for name in names}
RIGHT_TEST = "    exact(repeat_kv, randn(2, 1, 3, 4, seed=seed), 5, with_=oracle)\n"
WRONG_TEST = "    assert repeat_kv(randn(2, 1, 3, 4, seed=seed), 5).shape == (2, 5, 4, 3)\n"
STAGES = [
    ("Koans 1", "as announced"),
    ("Koans 1", "due a day later"),
    ("Koans 2", "before the fix"),
    ("Koans 2", "after the fix"),
    ("Koans 3", "no penalty"),
    ("Koans 3", "not accepted"),
]


def _table(name):
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _only_eight(play):
    """Leave eight koans in the workbook, with the points and rungs that they have."""
    shutil.rmtree(play.root / "content/ch15_model/model")  # it needs more koans
    for chapter in play.workbook.chapters:
        lines = [f'title = "{chapter.title}"']
        mine = [koan for koan in chapter.koans if koan.name in KOANS.get(chapter.id, ())]
        for koan in mine:
            lines += ["[[koans]]", f'name = "{koan.name}"', f'title = "{koan.title}"', f'rung = "{koan.rung}"']
            lines += [f"points = {koan.points}", f"forbids = {json.dumps(koan.forbids)}"]
        folder = play.root / "content" / chapter.id
        (folder / "chapter.toml").write_text("\n".join(lines) + "\n" + "koans = []\n" * (not mine))
        (folder / "cards.toml").write_text("")
        (folder / "questions.toml").write_text("")


class Term:
    """The folder of a course: hand-ins, rosters and assignments as in tests/data/term, and what the reports say."""

    def __init__(self, play, folder):
        self.play, self.folder = play, folder
        self.judged = []  # koans whose verdicts were computed, and not read from the cache
        self.ran = {}  # of these, for each step of the term
        self.found = {}  # what the reports say, for each assignment and stage
        for name in ("koans-1", "koans-2", "koans-3"):
            shutil.copytree(DATA / name, folder / name)
            (folder / name / "secret").write_text(f"{name[-1]:0>64}\n")
        self._hand_in()
        students = _table("students.csv")
        roster = [f"{one['id']},{one['student']}\n" for one in students if one["on the roster"] == "yes"]
        (folder / "roster.csv").write_text("id,student\n" + "".join(roster))
        columns = "Student,ID,SIS User ID,SIS Login ID,Section\n    Points Possible,,,,\n"
        rows = [f"{one['student']},{9000 + i},{one['id']},{one['id']}@x.org,A\n" for i, one in enumerate(students)]
        (folder / "gradebook.csv").write_text(columns + "".join(rows))

    def _hand_in(self):
        """Write what was handed in, and a roster for each assignment and round."""
        names = {one["id"]: one["student"] for one in _table("students.csv")}
        rosters = defaultdict(list)
        for row in _table("handed_in.csv"):
            path = f"{row['assignment']}-{row['round']}/{row['student']}"
            if row["kind"] in ("folder", "repository"):
                self._write(self.folder / path, row)
            path = "" if row["kind"] == "no path" else path
            cells = [names[row["student"]], row["student"], path, row["handed_in"]]
            rosters[f"{row['assignment']}-{row['round']}.csv"].append(cells)
        for file, rows in rosters.items():
            with (self.folder / file).open("w", newline="") as stream:
                csv.writer(stream).writerows([["student", "id", "path", "handed in"], *rows])
        self.rosters = sorted(rosters)

    def _write(self, folder, row):
        for name in NAMES:
            if answer := row[name]:
                file = folder / "exercises" / CHAPTER[name] / f"{name}.py"
                file.parent.mkdir(parents=True, exist_ok=True)
                solution = ROOT / "solutions" / CHAPTER[name] / f"{name}.py"
                (text,) = [*(DATA / "answers" / name).glob(f"{answer}.*")] if answer != "right" else [solution]
                file.write_text(strip_markers(text.read_text()))
        if row["kind"] == "repository":
            dates = {"GIT_AUTHOR_DATE": row["committed"], "GIT_COMMITTER_DATE": row["committed"]}
            git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
            for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "work"]):
                subprocess.run([*git, *command], cwd=folder, env={**os.environ, **dates}, check=True)

    def grade(self, name, step):
        """Grade each round of hand-ins of the assignment."""
        self.judged.clear()
        for roster in self.rosters:
            if roster.startswith(name):
                file = self.folder / roster
                result = file.with_suffix(".json")
                assignment = f"--assignment={self.folder / name}"
                run = self.play.says("grade", str(file), assignment, f"--format=json={result}")
                assert run.returncode == any(g["problem"] for g in json.loads(result.read_text())["grades"]), run.stderr
        self.ran[step] = list(self.judged)

    def report(self, name, stage):
        """Report on all rounds of hand-ins of the assignment, in each format."""
        results = [self.folder / roster.replace(".csv", ".json") for roster in self.rosters if name in roster]
        options = (f"--roster={self.folder / 'roster.csv'}", f"--assignment={self.folder / name}")
        self._report(name.replace("koans-", "Koans "), stage, results, *options)

    def together(self, stages):
        """Report on what was reported about each assignment, in each format: as it is, and computed anew."""
        results = [self.found[stage].folder / "class.json" for stage in stages]
        self._report("all", "put together", results)
        assignments = (f"--assignment={self.folder / name}" for name in ("koans-1", "koans-2", "koans-3"))
        self._report("all", "computed anew", results, f"--roster={self.folder / 'roster.csv'}", *assignments)

    def _report(self, title, stage, results, *options):
        self.judged.clear()
        out = self.folder / "reports" / f"{title}, {stage}"
        (out / "gradescope").mkdir(parents=True)
        formats = (
            "json=class.json",
            "canvas=import.csv",
            "gradescope=gradescope/{}.json",
            "html=class.html",
            "csv=class.csv",
        )
        formats = (f"--format={one.replace('=', f'={out}/')}" for one in formats)
        gradebook = f"--gradebook={self.folder / 'gradebook.csv'}"
        run = self.play.says("report", *map(str, results), *options, gradebook, *formats)
        assert run.returncode == 0, run.stderr
        self.ran[f"report: {title}, {stage}"] = list(self.judged)
        self.found[title, stage] = Reports(out, run.stdout + run.stderr)

    def change(self, file, old, new):
        text = file.read_text()
        assert text.count(old) == 1
        file.write_text(text.replace(old, new))


class Reports:
    """What each report says of the students of a class, by id."""

    def __init__(self, folder, told):
        self.folder, self.told = folder, told
        self.json = json.loads((folder / "class.json").read_text())
        self.grades = {grade["student"]: grade for grade in self.json["grades"]}
        assert len(self.grades) == len(self.json["grades"])

    @property
    def marks(self):
        return {student: grade["marks"][0] for student, grade in self.grades.items()}

    def lines(self, student):
        """The points of each koan, by its short name."""
        koans = [koan[0].partition("/")[2] for koan in self.json["koans"]]
        return {koans[line[0]]: line[2] for line in self.marks[student]["lines"]}

    @property
    def canvas(self):
        with (self.folder / "import.csv").open(newline="") as file:
            return {row["SIS User ID"]: row for row in csv.DictReader(file)}

    @property
    def spreadsheet(self):
        with (self.folder / "class.csv").open(newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file)}

    def gradescope(self, student):
        return json.loads((self.folder / "gradescope" / f"{self.grades[student]['id']}.json").read_text())

    @property
    def page(self):
        return Page((self.folder / "class.html").read_text()).points


class Page(html.parser.HTMLParser):
    """The points of each student on the page, as "earned / possible"."""

    def __init__(self, text):
        super().__init__()
        self.rows = []
        self.inside = ""
        self.feed(text)
        heads = [i for i, row in enumerate(self.rows) if [cell.strip() for cell in row[:2]] == ["submission", "points"]]
        (start,) = heads
        self.points = {}
        for row in self.rows[start + 1 :]:
            if len(row) != len(self.rows[start]):
                break
            self.points[row[0].strip()] = re.match(r"\s*([\d.]+)\s*/\s*([\d.]+)", row[1]).groups()

    def handle_starttag(self, tag, attributes):
        if self.inside and tag not in ("bdi", "td", "th"):
            self.rows[-1][-1] += " "
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.inside = tag
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def term(tmp_path_factory):
    """The term, played once for all tests of this file."""
    copy = Lasting(tmp_path_factory.mktemp("term"), _only_eight)
    put = VerdictCache.put
    term = Term(copy.play, tmp_path_factory.mktemp("course"))

    def record(cache, key, verdict):
        term.judged.append(verdict.koan.partition("/")[2])
        return put(cache, key, verdict)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KOANS_WARM_SECONDS", "600")
        patch.setenv("PYTHONPATH", str(copy.play.root))
        patch.setattr("grader.cli.grading.Runner", copy.grader)
        patch.setattr(VerdictCache, "put", record)
        _play(term)
    yield term
    copy.close()


def _play(term):
    term.grade("koans-1", "koans-1")
    term.report("koans-1", "as announced")
    term.change(term.folder / "koans-1/assignment.toml", "due = 2026-10-24 ", "due = 2026-10-25 ")
    term.report("koans-1", "due a day later")
    term.grade("koans-1", "koans-1, due a day later")
    tests = term.play.root / "exercises/ch07_attention/test_repeat_kv.py"
    term.change(tests, RIGHT_TEST, WRONG_TEST)
    term.grade("koans-2", "koans-2")
    term.report("koans-2", "before the fix")
    term.change(tests, WRONG_TEST, RIGHT_TEST)
    term.grade("koans-2", "koans-2, with the right test")
    term.report("koans-2", "after the fix")
    term.grade("koans-3", "koans-3")
    term.report("koans-3", "no penalty")
    term.change(term.folder / "koans-3/assignment.toml", 'rule = "no penalty"', 'rule = "not accepted"')
    term.report("koans-3", "not accepted")
    term.together([STAGES[1], STAGES[3], STAGES[5]])


@pytest.fixture(params=STAGES, ids=", ".join)
def stage(request, term):
    """The rows of the spreadsheet about an assignment at a time of the term, by student, and what the reports say."""
    return _sheet(request.param), term.found[request.param]


def _sheet(stage):
    rows = [row for row in _table("totals.csv") if (row["assignment"], row["stage"]) == stage]
    return {row["student"]: row for row in rows}


def _points(row):
    """The points of each koan of the assignment, in a row of the spreadsheet."""
    return {name: _number(row[name]) for name in NAMES if row[name]}


def _number(cell):
    return float(cell.removesuffix(" (override)"))


def _moment(text):
    return datetime.fromisoformat(text) if text else None


def test_every_student_has_a_row_at_each_time_of_the_term():
    rows = Counter((row["assignment"], row["stage"]) for row in _table("totals.csv"))
    assert rows == dict(zip(STAGES, [60, 60, 60, 60, 59, 59], strict=True))
    assert {row["student"] for row in _table("totals.csv")} == {row["id"] for row in _table("students.csv")}


def test_json_has_the_totals_of_the_spreadsheet_and_its_working(stage):
    sheet, reports = stage
    assert reports.marks.keys() == sheet.keys()
    says = {
        student: (mark["earned"], mark["points"], mark.get("days_late", 0), mark.get("deducted", 0))
        for student, mark in reports.marks.items()
    }
    assert says == {
        student: (_number(row["total"]), _number(row["possible"]), int(row["days late"]), _number(row["deduction"]))
        for student, row in sheet.items()
    }


def test_json_has_the_times_of_the_spreadsheet(stage):
    sheet, reports = stage
    says = {
        student: (_moment(mark["due"]), _moment(mark.get("handed_in", ""))) for student, mark in reports.marks.items()
    }
    assert says == {student: (_moment(row["due"]), _moment(row["handed in"])) for student, row in sheet.items()}


def test_json_and_gradescope_have_the_points_of_each_koan(stage):
    sheet, reports = stage
    graded = [student for student, grade in reports.grades.items() if not grade.get("problem")]
    assert len(graded) > 20
    for student in graded:
        assert reports.lines(student) == _points(sheet[student]), student
        tests = reports.gradescope(student)["tests"]
        assert {test["name"].partition("/")[2]: test["score"] for test in tests} == _points(sheet[student]), student


def test_gradescope_has_the_totals_of_the_spreadsheet(stage):
    sheet, reports = stage
    says = {student: reports.gradescope(student)["score"] for student in reports.grades}
    assert says == {student: _number(row["total"]) for student, row in sheet.items()}


def test_the_plain_table_has_the_totals_of_the_spreadsheet(stage):
    sheet, reports = stage
    columns = (next(iter(sheet.values()))["assignment"], "total", "possible", "days late")
    says = {student: tuple(row[column] for column in columns) for student, row in reports.spreadsheet.items()}
    assert says == {
        student: (row["total"], row["total"], row["possible"], row["days late"]) for student, row in sheet.items()
    }


def test_the_page_has_the_totals_of_the_spreadsheet(stage):
    sheet, reports = stage
    assert reports.page == {
        label: (sheet[student]["total"], sheet[student]["possible"]) for label, student in _labels(reports).items()
    }


def _labels(reports):
    """What a report calls the students: their names, two of one name with their ids, and s60, who is on no roster."""
    names = {student["id"]: student["student"] for student in _table("students.csv")}
    labels = {}
    for student, grade in reports.grades.items():
        label = f"Kim Lee ({grade['id']})" if names[student] == "Kim Lee" else names[student]
        labels["s60" if student == "s60" else label] = student
    assert len(labels) == len(reports.grades)
    return labels


def test_canvas_has_the_totals_of_the_spreadsheet(stage):
    """A cell of a student of whom nothing was graded, and about whom nobody decided, stays as it was."""
    sheet, reports = stage
    column = next(iter(sheet.values()))["assignment"]
    says = {student: row[column] for student, row in reports.canvas.items() if student in sheet}
    assert says == {student: row["total"] if _is_decided(row) else "" for student, row in sheet.items()}


def _is_decided(row):
    nothing = row["time from"] == "nothing handed in" or row["time from"].endswith("cannot be graded")
    return not nothing or row["override"] != "" or any("override" in row[name] for name in NAMES)


def test_reports_say_which_rows_of_exceptions_are_about_nobody(term):
    told = term.found["Koans 1", "as announced"].told
    assert "Koans 1: extensions.csv:13: no student of this class is called s99" in told
    assert "Koans 1: overrides.csv:16: 2 students of this class are called Kim Lee" in told
    assert "Koans 1: overrides.csv:21: no student of this class is called s99" in told


def test_a_mark_says_what_decided_about_it(term):
    marks = term.found["Koans 1", "as announced"].marks
    says = {student: " | ".join(mark.get("notes", ())) for student, mark in marks.items()}
    assert "this is the time of the commit, by its author's clock" in says["s14"]
    assert "the time of hand-in is not known: counted as on time" in says["s15"]
    assert "extension by teacher on 2026-10-28T09:00:00+00:00: the doctor's note was about one day" in says["s19"]
    assert "the latest of 2 hand-ins counts" in says["s21"]
    assert "another hand-in could not be graded: " in says["s57"]
    assert "not accepted: handed in too late" in says["s11"]
    assert "handed in by Ada Okafor, for the group" in says["s60"]
    assert "4.25 points for all by teacher on 2026-10-28T09:00:00+00:00: the sum was wrong" in says["s28"]


def test_another_date_or_late_rule_runs_nothing(term):
    assert {step for step, koans in term.ran.items() if koans} == {
        "koans-1",
        "koans-2",
        "koans-2, with the right test",
        "koans-3",
    }
    assert _sheet(("Koans 1", "as announced")) != _sheet(("Koans 1", "due a day later"))


def test_students_share_verdicts_unless_each_has_a_seed(term):
    """A text that several students handed in may be judged twice only while the first run is not over."""
    for name in ("koans-1", "koans-2"):
        runs, texts = Counter(term.ran[name]), _texts(name)
        assert runs.keys() == texts.keys()
        assert all(len(set(texts[koan])) <= runs[koan] < len(texts[koan]) / 2 for koan in texts)
    students = [row for row in _table("handed_in.csv") if row["assignment"] == "koans-3"]
    own = {(row["student"], name, row[name]) for row in students for name in NAMES if row[name]}
    assert Counter(term.ran["koans-3"]) == Counter(name for _, name, _ in own)


def test_after_a_test_is_mended_only_its_koan_is_judged_again(term):
    assert set(term.ran["koans-2, with the right test"]) == {"repeat_kv"}
    before, after = _sheet(("Koans 2", "before the fix")), _sheet(("Koans 2", "after the fix"))
    assert sum(before[student]["total"] != after[student]["total"] for student in before) > 10
    assert before["s20"]["repeat_kv"] == after["s20"]["repeat_kv"] == "1.5 (override)"


def _texts(assignment):
    """The answers that were handed in, for each koan of the assignment."""
    found = defaultdict(list)
    for row in _table("handed_in.csv"):
        for name in NAMES:
            if row["assignment"] == assignment and row[name]:
                found[name].append(row[name])
    return found


@pytest.mark.parametrize("way", ["put together", "computed anew"])
def test_the_results_of_all_assignments_together_have_the_totals_of_each(term, way):
    stages = [("Koans 1", "due a day later"), ("Koans 2", "after the fix"), ("Koans 3", "not accepted")]
    sheets = {stage[0]: _sheet(stage) for stage in stages}
    totals = {
        student: {title: _number(sheet[student]["total"]) for title, sheet in sheets.items() if student in sheet}
        for student in sheets["Koans 1"]
    }
    if way == "computed anew":
        totals["s60"]["Koans 3"] = 0  # known by the groups of the other assignments
    whole = term.found["all", way]
    says = {s: {mark["assignment"]: mark["earned"] for mark in grade["marks"]} for s, grade in whole.grades.items()}
    assert says == totals
    sums = {student: pytest.approx(sum(marks.values()), abs=0.001) for student, marks in totals.items()}
    assert {student: whole.gradescope(student)["score"] for student in totals} == sums
    page = {_labels(whole)[label]: float(earned) for label, (earned, _) in whole.page.items()}
    assert page == sums
    for title, sheet in sheets.items():
        column = {student: row[title] for student, row in whole.canvas.items() if student in sheet}
        assert column == {student: row["total"] if _is_decided(row) else "" for student, row in sheet.items()}
