"""The workflow `machines` runs the learner's suite with the versions of pyproject.toml, and asks for no more than it needs."""

import os
import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests import machine, suites
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
BOUNDS = {name.name: name.specifier for name in map(Requirement, PROJECT["dependencies"])}
FLOW = yaml.safe_load((ROOT / ".github/workflows/machines.yml").read_text("utf-8"))
JOBS = FLOW["jobs"]
SUITE, NEXT = JOBS["suite"]["strategy"]["matrix"], JOBS["pre-releases"]["strategy"]["matrix"]
SYSTEMS = ["ubuntu-latest", "macos-latest", "windows-latest"]


def promised():
    """The versions of Python that the classifiers name."""
    return [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if "Python :: 3." in name]


def oldest(package):
    return next(Version(bound.version) for bound in BOUNDS[package] if bound.operator == ">=")


def test_every_python_that_we_promise_runs_on_every_system():
    assert SUITE["python"] == promised()
    assert SUITE["os"] == SYSTEMS
    required = SpecifierSet(PROJECT["requires-python"])
    assert promised()[0] in required
    major, minor = promised()[0].split(".")
    assert f"{major}.{int(minor) - 1}" not in required


def test_each_runs_with_the_oldest_torch_that_we_take_and_with_the_newest():
    low, newest = SUITE["torch"]
    assert newest == "newest"
    assert Version(low) == oldest("torch") and Version(low) in BOUNDS["torch"]


def test_triton_runs_from_its_oldest_to_its_newest_on_linux_alone():
    assert SUITE["triton"] == ["newest"]
    assert {Version(entry["triton"]) for entry in SUITE["include"]} == {oldest("triton")}
    assert {entry["os"] for entry in SUITE["include"]} == {"ubuntu-latest"}
    pythons, torches = ({entry[axis] for entry in SUITE["include"]} for axis in ("python", "torch"))
    assert pythons == {SUITE["python"][0], SUITE["python"][-1]} and torches == set(SUITE["torch"])
    marker = next(r.marker for r in map(Requirement, PROJECT["dependencies"]) if r.name == "triton")
    assert marker.evaluate({"platform_system": "Linux"}) and not marker.evaluate({"platform_system": "Darwin"})


def test_pre_releases_run_each_week_with_the_newest_python_and_the_next():
    minor = int(promised()[-1].partition(".")[2])
    assert NEXT["python"] == [f"3.{minor}", f"3.{minor + 1}"]
    assert NEXT["os"] == SYSTEMS
    assert len(FLOW[True]["schedule"]) == 1  # YAML reads the key `on` as true
    (setup,) = [step["with"] for step in JOBS["pre-releases"]["steps"] if "setup-python" in step.get("uses", "")]
    assert setup["allow-prereleases"] is True
    assert all("--pre" in step["run"] for step in JOBS["pre-releases"]["steps"] if "pip install" in step.get("run", ""))


@pytest.mark.parametrize("job", ["suite", "pre-releases"])
def test_the_job_runs_the_whole_suite_and_every_model_answer(job):
    runs = [step.get("run", "") for step in JOBS[job]["steps"]]
    assert any(run.startswith("python -m tests.suites") and ".py" not in run for run in runs)
    assert any("--target solutions exercises" in run for run in runs)
    assert set(map(str, suites.files())) <= set(suites.command(["-n", "auto"]))


def test_only_the_job_that_opens_the_issue_may_write_and_it_runs_for_scheduled_failures_alone():
    assert FLOW["permissions"] == {"contents": "read"}
    rights = {name: job.get("permissions") for name, job in JOBS.items()}
    assert rights == {"suite": None, "pre-releases": None, "issue": {"issues": "write"}}
    assert JOBS["issue"]["needs"] == ["suite", "pre-releases"]
    assert JOBS["issue"]["if"] == "failure() && github.event_name == 'schedule'"
    checkouts = [step for job in JOBS.values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"] for step in checkouts] == [{"persist-credentials": False}] * 2
    shells = [step.get("run", "") for job in JOBS.values() for step in job["steps"]]
    assert not any(re.search(r"\$\{\{", shell) for shell in shells), "values reach a shell by variables only"


@pytest.mark.parametrize(("open_issue", "call"), [("", "issue create"), ("12", "issue comment 12")])
def test_the_issue_has_the_versions_and_a_second_failure_is_a_comment_on_it(tmp_path, open_issue, call):
    (step,) = [step for step in JOBS["issue"]["steps"] if "gh issue" in step.get("run", "")]
    for at, text in enumerate(["- Windows, torch 2.9.0", "- macOS, torch 2.13.0"]):
        folder = tmp_path / "failed" / str(at)
        folder.mkdir(parents=True)
        (folder / "machine.md").write_text(f"{text}\n", "utf-8")
    gh = tmp_path / "bin/gh"
    gh.parent.mkdir()
    gh.write_text(
        f'#!/bin/sh\n[ "$2" = list ] && echo "{open_issue}" || {{ echo "$@"; cat text.md; }} > called\n', "utf-8"
    )
    gh.chmod(0o755)
    env = {"PATH": f"{gh.parent}:{os.environ['PATH']}", "TITLE": JOBS["issue"]["env"]["TITLE"], "RUN": "https://run"}
    subprocess.run(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=env, check=True)
    called = (tmp_path / "called").read_text("utf-8")
    assert call in called.splitlines()[0]
    assert "https://run" in called and "- Windows, torch 2.9.0\n- macOS, torch 2.13.0\n" in called


def test_a_machine_says_its_system_and_versions_in_a_line():
    line = machine.line()
    assert line.startswith("- ") and "\n" not in line
    for name in ("Python 3.", "torch 2.", "triton", "numpy", "pytest"):
        assert name in line
    assert machine.version("no-such-package") == "not installed"
