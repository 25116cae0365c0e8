"""The autograder that `koans release --gradescope` writes, run in a pretended /autograder as Gradescope runs it.

Only the installation (setup.sh) does not run here: KOANS_PYTHON names this Python instead.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.book.errors import KoansError
from grader.book.stubs import strip_markers
from grader.course.intake import gradescope_metadata
from grader.course.intake.gradescope_metadata import HandIn
from tests.conftest import ROOT

MASK = "ch07_attention/causal_mask"
SECRET = "5ec2e7" * 11
METADATA = {  # https://gradescope-autograders.readthedocs.io/en/latest/submission_metadata/
    "id": 123456,
    "created_at": "2026-11-22T14:22:32.365935-07:00",
    "assignment": {"due_date": "2026-11-21T23:00:00.000000-07:00", "title": "Koans", "total_points": "20.0"},
    "submission_method": "upload",
    "users": [{"email": "ada@uni.example", "id": 1234, "name": "Ada Lovelace"}],
    "previous_submissions": [{"submission_time": "2026-11-20T14:24:48.087023-07:00", "score": 0.0, "results": {}}],
}
ASSIGNMENT = """
title = "Koans 1"
due = 2026-11-20T23:59:00-07:00
[late]
rule = "per day"
per_day = 1
"""
# Looks for the workbook, the secret and the results, and says what it could reach.
HOSTILE = """
import os, sys
reached = []
root = "{root}"
for name in ("source/assignment/koans-1/secret", "source/workbook/solutions/{mask}.py", "source/autograder.json",
             "source/workbook/reference/{mask}.py", "submission_metadata.json", "results/results.json", "run_autograder"):
    for path in (f"{{root}}/{{name}}", f"/proc/self/root{{root}}/{{name}}"):
        try:
            reached.append((name, open(path).read()))
        except OSError:
            pass
        try:
            open(path, "w").write('{{"score": 1000}}')
            reached.append((name, "written"))
        except OSError:
            pass
for folder in (root, root + "/source", root + "/results"):
    try:
        reached.append((folder, os.listdir(folder)))
    except OSError:
        pass


def causal_mask(n_q, n_k):
    print('{{"score": 1000}}')
    raise RuntimeError(f"reached {{reached}}")
"""


class Container:
    """A folder like /autograder of a container, with the unpacked zip file."""

    def __init__(self, root: Path, archive: Path) -> None:
        self.root = root
        with zipfile.ZipFile(archive) as unpacked:
            for entry in unpacked.infolist():
                Path(unpacked.extract(entry, root / "source")).chmod(entry.external_attr >> 16 & 0o777)
        shutil.copy(root / "source/run_autograder", root)
        (root / "submission").mkdir()

    def hand_in(self, texts, metadata=METADATA):
        for koan, text in texts.items():
            file = self.root / "submission/exercises" / f"{koan}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        if metadata is not None:
            text = metadata if isinstance(metadata, str) else json.dumps(metadata)
            (self.root / "submission_metadata.json").write_text(text)
        return self

    def run(self, python=sys.executable):
        """The results, and what the instructor sees."""
        environment = {"PATH": os.environ["PATH"], "KOANS_PYTHON": str(python)}
        run = subprocess.run(
            [self.root / "run_autograder"], cwd=self.root, env=environment, capture_output=True, text=True, timeout=300
        )
        assert run.returncode == 0, run.stdout + run.stderr
        text = (self.root / "results/results.json").read_text()
        assert "Traceback" not in text and str(self.root) not in text and SECRET not in text
        assert SECRET not in run.stdout + run.stderr and "seed" not in run.stdout + run.stderr
        return json.loads(text), run.stdout + run.stderr


@pytest.fixture
def assignment(tmp_path):
    folder = tmp_path / "assignments/koans-1"
    folder.mkdir(parents=True)
    (folder / "assignment.toml").write_text(ASSIGNMENT)
    (folder / "secret").write_text(SECRET)
    return folder


@pytest.fixture
def container(small, tmp_path):
    """Makes containers of the workbook `small`."""

    def make(*options):
        archive = tmp_path / "autograder.zip"
        made = small.says("release", "--gradescope", str(archive), *options)
        assert made.returncode == 0, made.stderr
        return Container(tmp_path / "autograder", archive)

    return make


def solution(play, koan=MASK):
    return strip_markers((play.root / "solutions" / f"{koan}.py").read_text())


WRONG = "import torch\n\n\ndef causal_mask(n_q, n_k):\n    return torch.zeros(n_q, n_k)\n"


def test_the_zip_file_has_the_scripts_in_its_root_and_what_grades_beside_them(small, tmp_path, assignment):
    first, second = tmp_path / "one.zip", tmp_path / "two.zip"
    options = ("--assignment", str(assignment), "--minutes", "20", "--require-isolation")
    for file in (first, second):
        made = small.says("release", "--gradescope", str(file), *options)
        assert made.returncode == 0, made.stderr
    assert "it has the solutions, so give it to nobody else" in made.stdout
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
        assert json.loads(archive.read("autograder.json")) == {"minutes": 20, "require_isolation": True}
        assert archive.read("assignment/koans-1/secret").decode() == SECRET
    assert {name for name, mode in modes.items() if mode & 0o111} == {"run_autograder", "setup.sh"}
    places = {name.partition("/")[0] for name in modes}
    assert places == {"run_autograder", "setup.sh", "autograder.json", "assignment", "workbook"}
    for name in (
        "solutions",
        "reference",
        "exercises",
        "content/ch07_attention/chapter.toml",
        "grader/course/container.py",
    ):
        assert any(file.startswith(f"workbook/{name}") for file in modes), name
    assert "workbook/exercises/ch07_attention/test_causal_mask.py" in modes
    assert not any("__pycache__" in name or "/.koans" in name for name in modes)


@pytest.mark.parametrize("script", ["setup.sh", "run_autograder.sh"])
def test_the_scripts_are_correct_bash(script):
    file = ROOT / "grader/course/edition/gradescope" / script
    assert file.read_text().startswith("#!/usr/bin/env bash\n") and os.access(file, os.X_OK)
    subprocess.run(["bash", "-n", file], check=True)
    if shutil.which("shellcheck"):
        subprocess.run(["shellcheck", file], check=True)


@pytest.mark.parametrize("what", ["right", "wrong", "empty"])
def test_the_results_are_those_of_koans_grade(small, container, tmp_path, what):
    texts = {"right": {MASK: solution(small)}, "wrong": {MASK: WRONG}, "empty": {}}[what]
    box = container().hand_in(texts)
    found, _ = box.run()
    out = tmp_path / "expected.json"
    small.says("grade", str(box.root / "submission"), "--format", f"gradescope={out}")
    expected = json.loads(out.read_text())
    for result in (found, expected):
        for field in ("execution_time", "extra_data", "output"):
            del result[field]
        for test in result["tests"]:
            test["output"] = test["output"].replace(str(box.root / "submission"), "").replace("submission", "")
    assert found == expected
    assert found["score"] == {"right": 1, "wrong": 0, "empty": 0}[what]


def test_a_hostile_hand_in_reaches_neither_answers_nor_the_secret_nor_the_results(small, container, assignment):
    box = container("--assignment", str(assignment))
    box.hand_in({MASK: HOSTILE.format(root=box.root, mask=MASK)})
    found, _ = box.run()
    [test] = [test for test in found["tests"] if test["name"] == MASK]
    assert "reached []" in test["output"]
    assert (found["score"], test["score"]) == (0, 0)
    modes = {
        name: (box.root / name).stat().st_mode & 0o077 for name in ("source", "results", "submission_metadata.json")
    }
    assert set(modes.values()) == {0}, "others may read nothing, should the sandbox lack a part"


def test_dates_and_extensions_count_with_the_time_and_the_address_that_gradescope_tells(small, container, assignment):
    (assignment / "extensions.csv").write_text(
        "student,due,comment,by,at\nben@uni.example,2026-11-23T12:00:00-07:00,ill,T,2026-11-20\n"
    )
    box = container("--assignment", str(assignment))
    late, _ = box.hand_in({MASK: solution(small)}).run()
    assert late["score"] == 0 and "2 days late: 1 points deducted" in late["output"]
    users = [{"email": "ben@uni.example", "id": 5, "name": "Ben"}]
    extended, _ = box.hand_in({}, {**METADATA, "users": users}).run()
    assert extended["score"] == 1


@pytest.mark.parametrize("metadata", [None, "{"])
def test_a_hand_in_is_graded_also_if_nobody_knows_whose_it_is(small, container, metadata):
    found, _ = container().hand_in({MASK: solution(small)}, metadata).run()
    assert found["score"] == 1


def test_there_are_results_if_python_does_not_start(container):
    found, _ = container().run(python="/nonexistent/python")
    assert found["score"] == 0 and "tell your instructor" in found["output"]
    assert found["stdout_visibility"] == "hidden"


@pytest.mark.parametrize(
    ("spoil", "says", "told"),
    [
        ("workbook/content/ch07_attention/chapter.toml", "The autograder failed.", "chapter.toml"),
        ("autograder.json", "The autograder failed.", "JSON"),
        ("assignment/koans-1/assignment.toml", "The autograder failed.", "assignment.toml"),
    ],
)
def test_there_are_results_if_grading_fails(small, container, assignment, spoil, says, told):
    box = container("--assignment", str(assignment)).hand_in({MASK: solution(small)})
    (box.root / "source" / spoil).write_text("= {")
    found, seen = box.run()
    assert found["score"] == 0 and found["output"] == f"{says} This is no grade: tell your instructor."
    assert told in seen, "the instructor sees why"


def test_there_are_results_if_the_time_is_over(small, container):
    box = container().hand_in({MASK: "while True:\n    pass\n"})
    (box.root / "source/autograder.json").write_text('{"minutes": 0}')
    found, _ = box.run()
    assert found["output"] == "Grading took longer than 0 minutes. This is no grade: tell your instructor."


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "say what to write: a folder for the student edition, or --gradescope ZIP"),
        (("--gradescope", "x.tar"), "name a file that ends in .zip"),
        (("--gradescope", "none/x.zip"), "none/x.zip"),
        (("--gradescope", "x.zip", "--assignment", "pyproject.toml"), "the field 'build-system' is not known"),
    ],
)
def test_what_cannot_be_released_is_said_in_one_line(small, options, says):
    made = small.says("release", *options)
    assert made.returncode == 2 and says in made.stderr and len(made.stderr.splitlines()) == 1
    assert not (small.root / "x.zip").exists()


def test_metadata_tell_a_students_id_before_the_address_and_name_a_whole_team(tmp_path):
    file = tmp_path / "submission_metadata.json"

    def read(data):
        file.write_text(json.dumps(data))
        return gradescope_metadata.read(file)

    assert read(METADATA) == HandIn("Ada Lovelace", "ada@uni.example", "2026-11-22T14:22:32.365935-07:00")
    team = [{"email": "a@x", "sid": 17, "name": "Ada"}, {"email": "b@x", "sid": None, "name": "Ben"}]
    assert read({**METADATA, "users": team, "created_at": None}) == HandIn("Ada, Ben", "17", "")
    assert read({}) == HandIn()
    assert read({"created_at": "yesterday", "users": [{}]}) == HandIn()
    for wrong in ("[1]", "{", '{"users": null}'):
        file.write_text(wrong)
        with pytest.raises(KoansError, match="is not what Gradescope writes"):
            gradescope_metadata.read(file)
