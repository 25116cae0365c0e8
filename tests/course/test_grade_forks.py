"""The workflow that grades a roster of forks: its steps run here as on GitHub, but for checkouts and installations."""

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


def script(job, name):
    """The commands of a step that do not install anything."""
    (text,) = [step["run"] for step in WORKFLOW["jobs"][job]["steps"] if name in (step.get("id"), step.get("name"))]
    return "\n".join(line for line in text.splitlines() if not line.startswith("pip "))


@pytest.fixture
def github(small, tmp_path):
    """Runs a step in a folder. `koans` is the command of the workbook `small`."""
    command = tmp_path / "bin/koans"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m grader "$@"\n')
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
            env={**environment, "RUNNER_TEMP": str(folder), **variables},
            capture_output=True,
            text=True,
        )

    return run


def test_each_row_of_the_roster_is_a_row_of_the_class_and_no_seed_is_known_before(small, github, tmp_path):
    roster = "student,path\nAda Smith,ada/koans\nAda Smith,smith/koans\nBen,ben/gone\nCyd,cyd/koans\n"
    first = tmp_path / "roster"
    first.mkdir()
    (first / "roster.csv").write_text(roster)
    read = github(first, script("roster", "read"))
    assert read.returncode == 0, read.stderr
    forks = json.loads((first / "GITHUB_OUTPUT").read_text().removeprefix("forks="))
    assert [fork["id"] for fork in forks] == ["ada/koans", "smith/koans", "ben/gone", "cyd/koans"]

    seeds = set()
    for number, fork in enumerate(forks):
        job = tmp_path / f"job{number}"
        if fork["path"] == "ada/koans":
            for koan in small.workbook.koans.values():
                answer = job / "fork/exercises" / f"{koan.id}.py"
                answer.parent.mkdir(parents=True, exist_ok=True)
                answer.write_text(strip_markers(small.workbook.solution(koan).read_text()))
        elif fork["path"] != "ben/gone":
            (job / "fork/exercises").mkdir(parents=True)
        graded = github(job, script("grade", "Grade"), STUDENT=fork["student"], ID=fork["id"])
        seeds |= set(re.findall(r"--seed (\d+) repeats", graded.stderr))
        if fork["path"] != "cyd/koans":  # the job of this one is killed, and no file of it arrives
            folder = tmp_path / f"class/graded/grade-{number}"
            folder.mkdir(parents=True)
            shutil.copy(job / "grade.json", folder)
    assert len(seeds) == 4

    shutil.copytree(first, tmp_path / "class/graded/students")
    report = github(tmp_path / "class", script("class", "One page for the class"))
    assert report.returncode == 0, report.stderr
    grades = json.loads((tmp_path / "class/class.json").read_text())["grades"]
    assert [(g["submission"], g["student"], g["earned"], g["problem"]) for g in grades] == [
        ("Ada Smith", "ada/koans", 3, ""),
        ("Ada Smith", "smith/koans", 0, ""),
        ("Ben", "ben/gone", 0, "fork: does not exist"),
        ("Cyd", "cyd/koans", 0, "nothing handed in"),
    ]


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
