"""An installed wheel grades a stranger's code as a clone does, though answers and packages lie in one folder."""

import json
import re
import shutil
import sys

import pytest

from tests.conftest import ROOT
from tests.course.test_reports import ENVIRONMENT
from tests.project.installation import Installed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run here: the sandbox needs Linux")

KOAN = "ch07_attention/causal_mask"
EXPLOITS = ROOT / "tests/exploits"
HEADER = re.compile(r'"""[^\n]+\n\nkoan: (?P<koan>\w+)\nverdict: (?P<verdict>[a-z ]+)\n"""')
READERS = (
    "read_solutions",
    "read_proc",
    "read_memory",
    "import_hooks",
    "names_of_the_tests",
    "forge_files",
    "patch_checks",
)

# Looks for answers in every way that it can think of, and says what it found.
HOSTILE = """
import ctypes, glob, importlib, importlib.util, inspect, io, linecache, mmap, os, pkgutil, shutil, sys, traceback
import importlib.metadata, importlib.resources
import torch

reached, tried = [], []


def attempt(what):
    def run(look):
        tried.append(what)
        try:
            found = look()
        except Exception:
            return
        if found:
            reached.append((what, str(found)[:80]))
    return run


folders = {p for p in sys.path if p.endswith("-packages")} | {os.path.dirname(os.path.dirname(torch.__file__))}
folders |= {os.path.dirname(p) for p in importlib.import_module("reference").__path__}
KOAN = "ch07_attention/causal_mask.py"
FILES = [f"reference/{KOAN}", f"tensor_koans/solutions/{KOAN}", f"tensor_koans/exercises/ch07_attention/test_causal_mask.py"]
FILES += ["tensor_koans/content/ch07_attention/causal_mask.md", "grader/judge/runner/server.py", "grader/__init__.py"]
paths = [f"{folder}/{name}" for folder in folders for name in FILES]
paths += [f"{root}{path}" for path in paths for root in ("/proc/self/root", "/proc/thread-self/root")]
paths += [f"/proc/self/cwd{path}" for path in paths if path.startswith("/home") or path.startswith("/tmp")]
for path in paths:
    attempt(f"open {path}")(lambda: open(path).read())
    attempt(f"os.open {path}")(lambda: os.read(os.open(path, os.O_RDONLY), 99))
    attempt(f"io {path}")(lambda: io.FileIO(path).read())
    attempt(f"ctypes {path}")(lambda: ctypes.CDLL(None).open(path.encode(), 0) >= 0)
    attempt(f"mmap {path}")(lambda: mmap.mmap(os.open(path, os.O_RDONLY), 0, prot=mmap.PROT_READ)[:9])
    attempt(f"linecache {path}")(lambda: linecache.getlines(path))
    attempt(f"copy {path}")(lambda: shutil.copy(path, os.environ.get("TMPDIR", "/tmp") + "/copy"))
    attempt(f"link {path}")(lambda: os.link(path, os.environ.get("TMPDIR", "/tmp") + "/link") or 1)
    attempt(f"spec {path}")(
        lambda: importlib.util.spec_from_file_location("answer", path).loader.exec_module(type(sys)("answer")) or 1
    )
for folder in folders:
    attempt(f"pyc {folder}")(lambda: [open(p, "rb").read() for p in glob.glob(f"{folder}/reference/**/*.pyc", recursive=True)])
    for entry in os.scandir(folder):
        attempt(f"link in {folder}")(lambda: entry.is_symlink() and open(f"{entry.path}/solutions/{KOAN}").read())
for name in ("reference.ch07_attention.causal_mask", "tensor_koans.solutions.ch07_attention.causal_mask"):
    attempt(f"import {name}")(lambda: importlib.import_module(name))
    attempt(f"source {name}")(lambda: importlib.util.find_spec(name).loader.get_source(name))
    attempt(f"data {name}")(lambda: pkgutil.get_data(name.rpartition(".")[0], "causal_mask.py"))
    attempt(f"resource {name}")(lambda: importlib.resources.files(name.rpartition(".")[0]).joinpath("causal_mask.py").read_text())
for module in [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "reference"]:
    attempt(f"source of {module.__name__}")(lambda: inspect.getsource(module))
attempt("distribution")(lambda: importlib.metadata.distribution("tensor-koans").read_text("../reference/" + KOAN))
for fd in range(3, 64):
    attempt(f"descriptor {fd}")(lambda: os.readlink(f"/proc/self/fd/{fd}").startswith("/") and open(f"/proc/self/fd/{fd}").read())
    attempt(f"openat {fd}")(lambda: os.open("reference", os.O_RDONLY, dir_fd=fd))
for pid in (os.getppid(), 1):
    attempt(f"root of {pid}")(lambda: open(f"/proc/{pid}/root{paths[0]}").read())
    attempt(f"memory of {pid}")(lambda: open(f"/proc/{pid}/maps").read())


def causal_mask(n_q, n_k):
    raise RuntimeError(f"{len(tried)} tries, reached {reached}")
"""

# Imports what nothing has imported before, from the folder that also holds the answers.
HONEST = """
import torch
import lonely_module
import lonely_package.inner

try:
    import grader.checks
except ModuleNotFoundError:  # as from a clone: there is nothing of the workbook
    checks = None


def causal_mask(n_q, n_k):
    value = lonely_module.NEGATIVE * lonely_package.inner.INFINITE
    return torch.full((n_q, n_k), value).triu(1 + n_k - n_q)
"""


@pytest.fixture(scope="module")
def place(wheel, tmp_path_factory):
    """An environment with the wheel, and with packages that only one submission imports."""
    here = Installed(tmp_path_factory.mktemp("grading"), wheel)
    (here.site / "lonely_module.py").write_text("NEGATIVE = -1.0\n")
    (here.site / "lonely_package").mkdir()
    (here.site / "lonely_package/__init__.py").write_text("")
    (here.site / "lonely_package/inner.py").write_text("INFINITE = float('inf')\n")
    (here.site / "to_answers").symlink_to(here.site / "tensor_koans", target_is_directory=True)
    return here


@pytest.fixture(scope="module")
def graded(place, tmp_path_factory):
    """The grades of a class in which most try to read answers, by name."""
    forks = tmp_path_factory.mktemp("forks")
    texts = {"hostile": HOSTILE, "honest": HONEST}
    texts |= {name: (EXPLOITS / f"{name}.py").read_text(encoding="utf-8") for name in READERS}
    for name, text in texts.items():
        file = forks / name / "exercises" / f"{KOAN}.py"
        file.parent.mkdir(parents=True)
        file.write_text(text, encoding="utf-8")
    out = forks.parent / "class.json"
    place.run("grade", str(forks), "--require-isolation", "--format", f"json-full={out}", cwd=forks, program="koans")
    return {grade["submission"]: grade for grade in json.loads(out.read_text(encoding="utf-8"))["grades"]}


def verdict(grade):
    return next(koan["verdict"] for koan in grade["koans"] if koan["verdict"]["koan"] == KOAN)


def test_grading_from_a_wheel_is_isolated(graded):
    assert {grade["isolation"].partition(":")[0] for grade in graded.values()} == {"isolated"}
    assert all("files by Landlock" in grade["isolation"] and grade["trusted"] for grade in graded.values())


def test_a_submission_reads_no_answer_of_an_installed_workbook(graded):
    message = verdict(graded["hostile"])["message"]
    tries, reached = re.search(r"(\d+) tries, reached (\[.*\])", message).groups()
    assert reached == "[]"
    assert int(tries) > 300
    assert graded["hostile"]["earned"] == 0


@pytest.mark.parametrize("name", READERS)
def test_an_exploit_reads_no_more_from_a_wheel_than_from_a_clone(graded, name):
    wanted = HEADER.match((EXPLOITS / f"{name}.py").read_text(encoding="utf-8"))
    assert (wanted["koan"], wanted["verdict"]) == ("causal_mask", verdict(graded[name])["status"])
    assert graded[name]["earned"] == 0


def test_an_honest_submission_still_imports_other_packages_of_that_folder(graded):
    assert verdict(graded["honest"])["status"] == "passed", verdict(graded["honest"])["message"]
    assert graded["honest"]["earned"] > 0


def test_an_environment_inside_a_clone_shows_no_answers_of_the_clone(tmp_path):
    """The environment may be read, and the folder around it may not."""
    clone = tmp_path / "clone"
    for part in ("content", "exercises", "grader", "reference", "solutions"):
        shutil.copytree(ROOT / part, clone / part, ignore=shutil.ignore_patterns("__pycache__", ".koans"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "conftest.py"):
        shutil.copy(ROOT / name, clone)
    here = Installed(clone / ".venv", clone)
    file = tmp_path / "hostile/exercises" / f"{KOAN}.py"
    file.parent.mkdir(parents=True)
    file.write_text(HOSTILE.replace("tensor_koans/", ""), encoding="utf-8")
    out = tmp_path / "grade.json"
    arguments = ("grade", str(tmp_path / "hostile"), "--require-isolation", "--format", f"json-full={out}")
    here.run("-P", "-m", "grader", *arguments, cwd=tmp_path)
    grade = json.loads(out.read_text(encoding="utf-8"))
    assert grade["trusted"] and "reached []" in verdict(grade)["message"]


CLASSROOM50 = re.search(
    r"^## Classroom 50$.*?^```python\n(.*?)^```$", (ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8"), re.M | re.S
)[1]


def test_the_autograder_of_classroom50_grades_with_the_wheel_whatever_lies_in_the_checkout(
    place, tmp_path, monkeypatch
):
    """The text in INSTRUCTORS.md, without the installation."""
    checkout, bundle = tmp_path / "checkout", tmp_path / "bundle"
    bundle.mkdir()
    installs = [line for line in CLASSROOM50.splitlines() if "check=True" in line]
    assert len(installs) == 2
    script = "".join(f"{line}\n" for line in CLASSROOM50.splitlines() if line not in installs)
    (bundle / "autograder.py").write_text(script, encoding="utf-8")
    file = checkout / "exercises" / f"{KOAN}.py"
    file.parent.mkdir(parents=True)
    file.write_text(HONEST, encoding="utf-8")
    for package in ("grader", "reference", "torch"):  # whoever imports these gives the student all points
        (checkout / package).mkdir()
        (checkout / package / "__init__.py").write_text("import os\nos._exit(0)\n", encoding="utf-8")
    (checkout / "result.json").write_text('{"score": 1000}', encoding="utf-8")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    place.run(str(bundle / "autograder.py"), cwd=checkout)
    result = json.loads((checkout / "result.json").read_text(encoding="utf-8"))
    [passed] = [test for test in result["tests"] if test["passed"]]
    assert (result["owner"], result["score"], passed["test-name"]) == (ENVIRONMENT["OWNER"], passed["score"], KOAN)
