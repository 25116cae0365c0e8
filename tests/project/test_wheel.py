"""The wheel holds all that a learner needs, and works without a checkout."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from grader.book.stubs import strip_markers
from grader.book.workbook import Workbook
from tests.conftest import ROOT
from tests.project.installation import Installed, built

LARGEST = 6_000_000  # bytes
THREE = ("ch01_tensors/l2_norm", "ch01_tensors/dot", "ch01_tensors/matmul")
DATA = ("content", "exercises", "solutions")


@pytest.fixture
def folder(installed, tmp_path):
    installed.run("init", str(tmp_path / "my koans"), program="koans")
    return tmp_path / "my koans"


def _solution(koan):
    return strip_markers((ROOT / "solutions" / f"{koan}.py").read_text(encoding="utf-8"))


def _solve(folder, koan):
    (folder / "exercises" / f"{koan}.py").write_text(_solution(koan), encoding="utf-8")


def _names(place):
    """What git tracks below a folder of the checkout, or every file if it is no checkout."""
    run = subprocess.run(["git", "ls-files", "-z", place], cwd=ROOT, capture_output=True, text=True)
    if run.returncode == 0 and run.stdout:
        return {name for name in run.stdout.split("\0") if name and (ROOT / name).is_file()}
    files = (file for file in (ROOT / place).rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(ROOT).as_posix() for file in files}


def test_the_wheel_has_every_file_that_a_learner_needs_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name and ".data/" not in name}
    wanted = {f"tensor_koans/{name}" for place in DATA for name in _names(place)}
    assert names == wanted | _names("grader") | _names("reference")
    assert wheel.stat().st_size <= LARGEST


def test_the_sdist_has_all_that_a_wheel_needs(wheel, tmp_path):
    import tarfile

    with tarfile.open(built(ROOT, "sdist", tmp_path / "sdist")) as archive:
        archive.extractall(tmp_path / "source", filter="data")
    again = built(next((tmp_path / "source").iterdir()), "wheel", tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(again) as other:
        assert {i.filename: i.CRC for i in other.infolist()} == {i.filename: i.CRC for i in one.infolist()}


def test_the_installed_package_is_not_the_checkout(installed, tmp_path):
    where = installed.run(
        "-c", "import grader, reference; print(grader.__file__); print(reference.__file__)", cwd=tmp_path
    )
    assert all(Path(line).is_relative_to(installed.site) for line in where.stdout.splitlines())


def test_a_new_folder_has_the_exercises_a_readme_and_settings_and_nothing_else(folder):
    assert sorted(entry.name for entry in folder.iterdir()) == [
        *(".github", ".gitignore", ".koans", "AGENTS.md", "CLAUDE.md", "GEMINI.md", "README.md", "exercises"),
        "pyproject.toml",
    ]
    files = {file.relative_to(folder).as_posix() for file in (folder / "exercises").rglob("*") if file.is_file()}
    assert files == {name for name in _names("exercises") if not Path(name).name.startswith("test_")}
    assert all((folder / name).read_bytes() == (ROOT / name).read_bytes() for name in files)
    assert len((folder / "README.md").read_text(encoding="utf-8").splitlines()) < 60


@pytest.mark.parametrize("variables, command", [({}, "koans"), ({"UV": "/usr/bin/uv"}, "uv run koans")])
def test_the_next_steps_after_init_work_where_it_was_started(installed, tmp_path, monkeypatch, variables, command):
    monkeypatch.delenv("UV", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    shown = installed.run("init", "new koans", cwd=tmp_path, program="koans").stdout.splitlines()
    book = Workbook(ROOT)
    assert shown[0] == f"new koans: {len(book.koans)} koans in {len(book.chapters)} chapters"
    assert [line.strip().split("  ")[0] for line in shown[3:]] == ["cd 'new koans'", command]


def test_the_first_three_koans_pass_one_after_another_and_a_deck_is_exported(installed, folder):
    for number, koan in enumerate(THREE):
        if number:
            assert f"{koan}  · not started" in installed.run("run", cwd=folder, program="koans", code=1).stdout
        _solve(folder, koan)
        assert f"{koan}  ✓ passed" in installed.run("run", koan, cwd=folder, program="koans").stdout
    assert [
        line for line in installed.run("list", "ch01", cwd=folder, program="koans").stdout.splitlines() if "✓" in line
    ]
    exported = installed.run("cards", "export", "deck.apkg", cwd=folder, program="koans").stdout
    assert exported.startswith("8 cards written to deck.apkg")
    assert zipfile.is_zipfile(folder / "deck.apkg")


NO_MAX = """
import torch


def softmax(x, dim=-1):
    powers = torch.exp(x)
    return powers / powers.sum(dim, keepdim=True)
"""


def test_a_mistake_has_the_same_name_as_in_a_clone(installed, folder):
    (folder / "exercises/ch06_numerics/softmax.py").write_text(NO_MAX, encoding="utf-8")
    shown = installed.run("run", "softmax", cwd=folder, program="koans", code=1).stdout
    assert "this looks like: exp before subtracting the row maximum" in shown


def test_pytest_shows_the_tests_at_the_exercises(installed, folder):
    _solve(folder, "ch01_tensors/dot")
    run = installed.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "exercises/ch01_tensors", cwd=folder, code=1)
    assert "ch01_tensors/dot  25 of 25 tests pass" in run.stdout
    assert "ch01_tensors/matmul  not started; next: open exercises/ch01_tensors/matmul.py" in run.stdout
    everything = installed.run("-m", "pytest", "--collect-only", "-q", cwd=folder).stdout
    collected = {line.partition("::")[0] for line in everything.splitlines() if "::" in line}
    assert collected == {name for name in _names("exercises") if not Path(name).name.startswith("test_")}


EDITOR = """
import json, sys
import pytest

class Plugin:
    def pytest_collection_finish(self, session):
        for item in session.items:
            print(json.dumps([item.nodeid, str(item.path), item.location[1]]), file=sys.stderr)

sys.exit(pytest.main(sys.argv[1:], plugins=[Plugin()]))
"""


def test_an_editor_finds_each_test_in_the_file_that_the_learner_edits(installed, folder, tmp_path):
    _solve(folder, "ch01_tensors/dot")
    (tmp_path / "editor.py").write_text(EDITOR)
    file = folder / "exercises/ch01_tensors/dot.py"
    collect = [str(tmp_path / "editor.py"), "-q", f"--rootdir={folder}", "--collect-only", str(file)]
    found = [json.loads(line) for line in installed.run(*collect, cwd=folder).stderr.splitlines()]
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(found) == 25
    assert {path for _, path, _ in found} == {str(file)}
    assert {lines[line].split("(")[0] for _, _, line in found} == {"def dot"}
    run = ["-m", "pytest", "-q", f"--rootdir={folder}", *(node for node, _, _ in found[:3])]
    assert "3 passed" in installed.run(*run, cwd=folder).stdout


def test_the_inputs_of_a_seed_are_those_of_a_clone(installed, folder, tmp_path):
    _solve(folder, "ch01_tensors/dot")
    plugin = (
        "import pytest, grader.judge.pytest_plugin as p\n"
        "def pytest_collection_finish(session):\n"
        "    print('SEEDS', sorted((i.name, p.seed_of(i)) for i in session.items))\n"
    )
    (tmp_path / "seeds.py").write_text(plugin)
    args = ("-p", "seeds", "-q", "--collect-only", "--seed", "7")
    here = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def seeds(command, cwd, env):
        run = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120)
        return next(line for line in run.stdout.splitlines() if line.startswith("SEEDS"))

    file = "exercises/ch01_tensors/dot.py"
    there = seeds([str(installed.python), "-m", "pytest", *args, file], folder, here)
    clone = seeds([sys.executable, "-m", "pytest", *args, "exercises/ch01_tensors/test_dot.py"], ROOT, here)
    assert there == clone and len(there) > 100


def test_an_update_brings_new_stubs_and_keeps_what_the_learner_wrote(installed, folder, wheel, tmp_path):
    newer = Installed(tmp_path / "newer", wheel)
    for koan in THREE:
        file = newer.site / "tensor_koans/solutions" / f"{koan}.py"
        file.write_text(file.read_text(encoding="utf-8").replace('"""', '"""Newer: ', 1), encoding="utf-8")
    _solve(folder, THREE[0])
    mine = (folder / f"exercises/{THREE[0]}.py").read_bytes()
    (folder / f"exercises/{THREE[1]}.py").unlink()
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    tried = newer.run("update", "--dry-run", "--json", cwd=folder, program="koans").stdout
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
    done = newer.run("update", "--json", cwd=folder, program="koans").stdout
    assert json.loads(done) == json.loads(tried) | {"from_": json.loads(tried)["from_"]}
    changes = json.loads(done)
    assert changes["new"] == [f"exercises/{THREE[1]}.py"]
    assert changes["replaced"] == [f"exercises/{THREE[2]}.py"]
    assert changes["kept"] == [f"exercises/{THREE[0]}.py"]
    assert (folder / f"exercises/{THREE[0]}.py").read_bytes() == mine
    assert all('"""Newer: ' in (folder / f"exercises/{koan}.py").read_text(encoding="utf-8") for koan in THREE[1:])
    assert "nothing to do" in newer.run("update", cwd=folder, program="koans").stdout

    # Another machine has no record. An answer is the learner's, but a body that is not written may be an old stub.
    (folder / ".koans/given.json").unlink()
    old = (ROOT / f"exercises/{THREE[2]}.py").read_text(encoding="utf-8")
    (folder / f"exercises/{THREE[2]}.py").write_text(old, encoding="utf-8")
    changes = json.loads(newer.run("update", "--json", cwd=folder, program="koans").stdout)
    assert (changes["new"], changes["replaced"], changes["kept"]) == ([], [], [f"exercises/{THREE[2]}.py"])
    assert (folder / f"exercises/{THREE[2]}.py").read_text(encoding="utf-8") == old


@pytest.mark.parametrize("content", ["exercises", "README.md", "a file in its place"])
def test_nothing_is_overwritten_by_a_new_folder(installed, tmp_path, content):
    place = tmp_path / "taken"
    if content == "a file in its place":
        place.write_text("mine")
    else:
        (place / content).mkdir(parents=True)
    run = installed.run("init", str(place), program="koans", code=2)
    assert run.stderr.startswith(f"koans: {place}: ") and len(run.stderr.splitlines()) == 1
    assert place.read_text() == "mine" if place.is_file() else [e.name for e in place.iterdir()] == [content]


@pytest.mark.parametrize(
    "verb", [("verify", "softmax"), ("new", "ch01_tensors/x"), ("release", "out"), ("facts", "--check")]
)
def test_what_needs_a_clone_says_so_in_one_line(installed, folder, verb):
    run = installed.run(*verb, cwd=folder, program="koans", code=2)
    assert run.stderr == f"koans: {folder}: `koans init` made it, so it has no tests or texts; run this in a clone\n"


def test_the_model_the_pictures_and_the_facts_come_from_the_package(installed, folder):
    said = installed.run("model", "say", "--tokens", "5", "--seed", "1", cwd=folder, program="koans").stdout
    assert "5 tokens in " in said
    assert "Numerics is the bug" in installed.run("read", "ch06", "--no-questions", cwd=folder, program="koans").stdout
    assert json.loads(installed.run("facts", "N8-1", "--json", cwd=folder, program="koans").stdout)


def test_an_exported_notebook_gets_the_package_and_makes_a_folder(installed, folder, tmp_path):
    import nbformat

    installed.run("notebook", "export", "ch01", "-o", "one.ipynb", cwd=folder, program="koans")
    cell = nbformat.read(folder / "one.ipynb", 4).cells[1].source
    assert 'SOURCE, COMMIT = "tensor-koans==' in cell.replace("'", '"')
    away = tmp_path / "away"
    away.mkdir()
    (away / "cell.py").write_text(cell + '\nkoan.check("ch01_tensors/dot")\n', encoding="utf-8")
    shown = installed.run("cell.py", cwd=away).stdout
    assert f"workbook: {away / 'workbook'} (version " in shown
    assert (away / "workbook/exercises/ch01_tensors/dot.py").is_file()
