"""The workflow that grades a roster of forks: its steps run here as on GitHub, but for installations.

The forks are repositories on this machine, and git is told that GitHub is there.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from grader.book.stubs import strip_markers
from tests.conftest import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/grade-forks.yml").read_text("utf-8"))
SERVER = "https://github.example"
MOST_JOBS, MOST_OUTPUT = 256, 1 << 20  # of a matrix, and bytes of a job's outputs
EARLY = "its job ended before it was graded"
TOKEN = "a-token-of-the-instructor"


def script(job, name):
    """The commands of a step that do not install anything."""
    (text,) = [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if name in (step.get("id"), step.get("name"))]
    return "\n".join(line for line in text.splitlines() if not line.startswith("pip "))


@pytest.fixture
def github(small, tmp_path):
    """Runs a step in a folder. `koans` is the command of the workbook `small`, and ends early where a file says so."""
    command = tmp_path / "bin/koans"
    command.parent.mkdir()
    early = 'for end in 124 2; do if grep -qf "$0.$end" one.csv 2>/dev/null; then exit $end; fi; done'
    command.write_text(f'#!/bin/sh\n{early}\nexec {sys.executable} -P -m grader "$@"\n')
    command.chmod(0o755)

    def run(folder, text, **variables):
        folder.mkdir(exist_ok=True)
        text = text.replace("--require-isolation ", "")  # a machine that tests may have no sandbox
        environment = {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}", "PYTHONPATH": str(small.root)}
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
            variables[name] = str(folder / name)
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", text],
            cwd=folder,
            env={**environment, "GITHUB_SERVER_URL": SERVER, **variables},
            capture_output=True,
            text=True,
        )

    return run


class Course:
    """An instructor's repository and the forks, in a folder."""

    def __init__(self, folder, github):
        self.folder, self.github = folder, github

    def read(self, rows, jobs=MOST_JOBS, **variables):
        """Run the first job. Returns the numbers of the batches."""
        place = self.folder / "roster"
        place.mkdir(exist_ok=True)
        (place / "roster.csv").write_text("student,path\n" + "".join(f"{row}\n" for row in rows))
        run = self.github(place, script("roster", "read").replace("JOBS = 256", f"JOBS = {jobs}"), **variables)
        assert run.returncode == 0, run.stderr
        output = (place / "GITHUB_OUTPUT").read_text()
        assert len(output) < MOST_OUTPUT
        return json.loads(output.removeprefix("batches="))

    def fork(self, path, texts):
        """A repository that can be cloned as `path` of GitHub."""
        place = self.folder / "hub" / f"{path}.git"
        for koan, text in texts.items():
            file = place / "exercises" / f"{koan}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        (place / "README.md").parent.mkdir(parents=True, exist_ok=True)
        (place / "README.md").write_text("a fork")
        name = ("-c", "user.name=A", "-c", "user.email=a@b")
        for command in (("init", "-q"), ("add", "-A"), (*name, "commit", "-qm", "one")):
            subprocess.run(["git", "-C", place, *command], check=True, capture_output=True)

    def job(self, batch, **variables):
        """Run the steps of a job that grades. Returns its log."""
        place = self.folder / f"job{batch}"
        shutil.copytree(self.folder / "roster", place / "students")
        hub = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.file://{self.folder}/hub/.insteadOf"}
        hub["GIT_CONFIG_VALUE_0"] = f"{SERVER}/"
        got = self.github(place, script("grade", "Get the forks"), BATCH=str(batch), TOKEN=TOKEN, **hub)
        assert got.returncode == 0, got.stderr
        graded = self.github(place, script("grade", "Grade"), BATCH=str(batch), **variables)
        assert graded.returncode == 0, graded.stderr
        for file in place.rglob("*"):
            assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), "the token is left"
        return graded.stdout + graded.stderr

    def report(self, batches, **variables):
        """Run the last job with what these jobs have uploaded. Returns the grades."""
        place = self.folder / "class"
        for batch in batches:
            shutil.copytree(self.folder / f"job{batch}/graded", place / f"graded/grade-{batch}")
        shutil.copytree(self.folder / "roster", place / "graded/students")
        run = self.github(place, script("class", "One page for the class"), **variables)
        assert run.returncode == 0, run.stderr
        rows = [*csv.DictReader((place / "class.csv").read_text().splitlines())]
        grades = json.loads((place / "class.json").read_text())["grades"]
        assert [row["student"] for row in rows] == [grade["student"] for grade in grades]
        assert (place / "class.html").exists()
        return grades


@pytest.fixture
def course(tmp_path, github):
    return Course(tmp_path, github)


@pytest.fixture
def solved(small):
    koans = small.workbook.koans.values()
    return {koan.id: strip_markers(small.workbook.solution(koan).read_text()) for koan in koans}


def told(grades):
    return [(g["submission"], g["student"], g["earned"], g["problem"]) for g in grades]


def test_each_row_of_the_roster_is_a_row_of_the_class_whatever_happens_to_its_fork(small, course, solved, tmp_path):
    rows = [
        "Ada Smith,ada/koans",
        "Ada Smith,smith/koans",
        "Ben,ben/gone",
        "Cyd,cyd/koans",
        "Dan,dan/koans",
        "Eve,eve/koans",
    ]
    assert course.read([*rows, "Fay,fay/koans"], jobs=4) == [0, 1, 2, 3]
    for name in ("smith", "cyd", "dan", "eve", "fay"):
        course.fork(f"{name}/koans", {})
    course.fork("ada/koans", solved)
    (tmp_path / "bin/koans.124").write_text("^Cyd,cyd/koans,forks/\n")  # the time of this one is over
    (tmp_path / "bin/koans.2").write_text("^Dan,dan/koans,forks/\n")  # and this one fails
    logs = [course.job(batch) for batch in (0, 1, 2)]  # the job of the last batch is killed
    seeds = re.findall(r"--seed (\d+) repeats", "".join(logs))
    assert len(seeds) == len(set(seeds)) >= 6, "each fork has a seed of its own"
    summary = (tmp_path / "job0/GITHUB_STEP_SUMMARY").read_text()
    assert summary.count("## Ada Smith") == 2
    assert told(course.report((0, 1, 2))) == [
        ("Ada Smith", "ada/koans", 3, ""),
        (
            "Ada Smith",
            "smith/koans",
            0,
            "has no exercises/ folder; give the root of a submission",
        ),
        ("Ben", "ben/gone", 0, "ben/gone could not be cloned"),
        ("Cyd", "cyd/koans", 0, "grading took longer than 60 minutes"),
        ("Dan", "dan/koans", 0, "grading failed; the log of job 2 says why"),
        ("Eve", "eve/koans", 0, "has no exercises/ folder; give the root of a submission"),
        ("Fay", "fay/koans", 0, EARLY),
    ]


def test_if_no_job_has_graded_anything_the_class_still_has_all_rows(course):
    course.read(["Ada,ada/koans", "Ben,ben/koans"])
    assert told(course.report(())) == [("Ada", "ada/koans", 0, EARLY), ("Ben", "ben/koans", 0, EARLY)]


@pytest.mark.parametrize(
    ("forks", "jobs", "each"), [(1, 1, 1), (256, 256, 1), (257, 129, 2), (600, 200, 3), (5000, 250, 20)]
)
def test_more_forks_than_a_matrix_has_jobs_share_jobs(course, tmp_path, forks, jobs, each):
    batches = course.read([f"Student {n},s{n}/koans" for n in range(forks)])
    assert batches == [*range(jobs)] and jobs <= MOST_JOBS
    paths = []
    for batch in batches:
        rows = [*csv.reader((tmp_path / f"roster/batches/{batch}.csv").read_text().splitlines())]
        assert 1 <= len(rows) <= each
        paths += [path for _, _, path in rows]
    assert paths == [f"s{n}/koans" for n in range(forks)]
    assert len((tmp_path / "roster/students.csv").read_text().splitlines()) == forks + 1


def test_an_assignment_decides_and_its_secret_stays_where_it_is_needed(small, course, solved, tmp_path):
    assignment = "assignments/koans-1"
    (tmp_path / "roster" / assignment).mkdir(parents=True)
    assert course.read(["Ada,ada/koans"], ASSIGNMENT="koans-1") == [0]
    course.fork("ada/koans", solved)
    toml = 'title = "Koans 1"\nkoans = ["ch07_attention/scores"]\n[points]\n"ch07_attention/scores" = 7.5\n'
    for place in (tmp_path / "job0/workbook", tmp_path / "class"):
        (place / assignment).mkdir(parents=True)
        (place / assignment / "assignment.toml").write_text(toml)
    step = script("grade", "The secret of the assignment")
    run = course.github(tmp_path / "job0", step, ASSIGNMENT="koans-1", SECRET="5ec2e7" * 11)
    assert run.returncode == 0, run.stderr
    secret = tmp_path / "job0/workbook" / assignment / "secret"
    assert secret.stat().st_mode & 0o077 == 0
    shutil.rmtree(tmp_path / "roster/assignments")
    log = course.job(0, ASSIGNMENT="koans-1")
    assert "--seed" not in log, "the seed follows from the secret"
    [ada] = course.report((0,), ASSIGNMENT="koans-1")
    assert [(mark["assignment"], mark["earned"], mark["points"]) for mark in ada["marks"]] == [("Koans 1", 7.5, 7.5)]
    assert "5ec2e7" not in (tmp_path / "class/class.json").read_text() + log


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("Ada,../koans/x", "not owner/name: '../koans/x'"),
        ("$(touch x),ada/koans", "a plain name, please: '$(touch x)'"),
        ("Ada,ada/koans\nAda,ada/koans", "two students have one id"),
    ],
)
def test_a_roster_that_could_mean_something_else_stops_the_workflow(github, tmp_path, row, says):
    (tmp_path / "roster").mkdir()
    (tmp_path / "roster/roster.csv").write_text(f"student,path\n{row}\n")
    run = github(tmp_path / "roster", script("roster", "read"))
    assert run.returncode != 0 and says in run.stderr


@pytest.mark.parametrize(("name", "says"), [("../x", "not the name of a folder"), ("x", "no folder assignments/x")])
def test_an_assignment_that_is_not_there_stops_the_workflow(github, tmp_path, name, says):
    (tmp_path / "roster").mkdir()
    (tmp_path / "roster/roster.csv").write_text("student,path\nAda,ada/koans\n")
    run = github(tmp_path / "roster", script("roster", "read"), ASSIGNMENT=name)
    assert run.returncode != 0 and says in run.stderr
