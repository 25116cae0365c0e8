"""Keys of kept verdicts: whatever a verdict depends on changes its key, and nothing else does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.book.koan_imports import Imported, imported
from grader.book.workbook import Workbook
from grader.course.verdict_key import Imports, Keys

ROOT = Path(__file__).parents[2]
KOAN = "ch07_attention/causal_mask"
REFERENCE, TESTS = f"reference/{KOAN}.py", "exercises/ch07_attention/test_causal_mask.py"
HELPER = "reference/ch07_attention/helper.py"


@pytest.fixture
def copy(tmp_path):
    """A copy of what keys are made of."""
    for name in ("content", "exercises", "grader", "reference", "solutions"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def _key(root, text="def causal_mask(n_q, n_k): ...", refusal="", *settings):
    book = Workbook(root)
    return Keys(book, *settings).key(book.koans[KOAN], text, refusal)


def _append(file, text="\n# changed\n"):
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as stream:
        stream.write(text)


def test_the_text_the_refusal_and_the_settings_are_part_of_a_key():
    texts = [
        ("a",),
        ("b",),
        ("",),
        (None,),
        (None, "a link"),
        (None, "no UTF-8"),
        ("no text: ",),
        ("a", "", 1),
        ("a", "", 2),
    ]
    keys = [_key(ROOT, *arguments) for arguments in texts]
    assert len(set(keys)) == len(texts)
    assert keys == [_key(ROOT, *arguments) for arguments in texts]


def test_the_files_of_other_koans_that_a_text_may_import_are_part_of_its_key():
    book = Workbook(ROOT)
    imports = [
        {},
        {"a/b": Imported("x")},
        {"a/b": Imported("y")},
        {"a/b": Imported(refusal="x")},
        {"a/c": Imported("x")},
        {"a/b": Imported("x"), "a/c": Imported("x")},
    ]
    keys = [Keys(book).key(book.koans[KOAN], "a", imports=files) for files in imports]
    assert len(set(keys)) == len(imports)
    in_another_order = {"a/c": Imported("x"), "a/b": Imported("x")}
    assert Keys(book).key(book.koans[KOAN], "a", imports=in_another_order) == keys[-1]


@pytest.mark.parametrize(
    "importer, line",
    [
        (REFERENCE, "from reference.ch07_attention.helper import f"),
        (REFERENCE, "import reference.ch07_attention.helper as h"),
        (REFERENCE, "import math, reference.ch07_attention.helper"),
        (REFERENCE, "from reference.ch07_attention import (\n    causal_mask,\n    helper,\n)"),
        (REFERENCE, "from . import helper"),
        (REFERENCE, "from .helper import f"),
        (REFERENCE, "from ..ch07_attention.helper import f"),
        (REFERENCE, "def f():\n    from reference.ch07_attention import helper"),
        (REFERENCE, "if True: from reference.ch07_attention import helper"),
        (REFERENCE, "x = 1; import reference.ch07_attention.helper"),
        (REFERENCE, 'y = """\nfrom (here\n"""; z = (0)\nfrom reference.ch07_attention import helper'),
        (TESTS, "from reference.ch07_attention import helper"),
        (f"solutions/{KOAN}.py", "from reference.ch07_attention import helper"),
    ],
)
def test_a_change_in_a_module_that_is_imported_changes_the_key(copy, importer, line):
    _append(copy / HELPER, "f = 1\n")
    before = _key(copy)
    _append(copy / HELPER)
    assert _key(copy) == before, "nobody imports it yet"
    _append(copy / importer, f"\n{line}\n")
    before = _key(copy)
    _append(copy / HELPER)
    assert _key(copy) != before


@pytest.mark.parametrize(
    "file",
    [
        TESTS,
        REFERENCE,
        f"solutions/{KOAN}.py",
        f"stubs/{KOAN}.py",
        "reference/__init__.py",
        "grader/judge/explain.py",
        "grader/judge/runner/pytest.ini",
        "conftest.py",
    ],
)
def test_a_change_in_what_judges_changes_the_key(copy, file):
    before = _key(copy)
    _append(copy / file)
    assert _key(copy) != before


def test_what_a_helper_imports_counts_too_and_a_circle_ends(copy):
    _append(copy / REFERENCE, "\nfrom reference.ch07_attention import helper\n")
    _append(copy / HELPER, "from reference.deep import g\n")
    _append(copy / "reference/deep.py", "from reference.ch07_attention import helper\n")
    before = _key(copy)
    _append(copy / "reference/deep.py")
    assert _key(copy) != before


@pytest.mark.parametrize(
    "file", [f"exercises/{KOAN}.py", "exercises/ch07_attention/test_scores.py", "reference/ch07_attention/scores.py"]
)
def test_what_a_verdict_does_not_depend_on_leaves_the_key_as_it_is(copy, file):
    before = _key(copy)
    _append(copy / file)
    assert _key(copy) == before


def built_on(book, koan):
    """The other koans that a koan's solution imports, directly or not. A learner's files of these are in the target."""
    found, rest = [], [koan]
    while rest:
        one = rest.pop()
        others = [book.koans[name] for name in imported(book.solution(one).read_text(), one.id, book.koans)]
        rest += [other for other in others if other not in found]
        found += [other for other in others if other not in found]
    return found


def test_no_test_imports_the_exercise_of_a_koan_that_the_solution_is_not_built_on(book):
    """A key has the text of a koan, and of the koans that it imports."""
    for koan in book.koans.values():
        imports = Imports(book)
        imports.left_out = set()
        files = imports.closure([book.test_file(koan), book.reference(koan), book.solution(koan)])
        exercises = [file for file in files if file.is_relative_to(book.root / "exercises")]
        others = {book.exercise(other) for other in built_on(book, koan)}
        assert set(exercises) == {book.test_file(koan), book.exercise(koan)} | others


RUN_TIME = """
import importlib.util, json, os, sys
from pathlib import Path
from grader.book.koan_imports import Imported
from grader.book.workbook import Workbook
from grader.judge import targets
import grader.checks, hypothesis, hypothesis.strategies, jaxtyping, pytest, torch

root = Path(sys.argv[1])
book, opened = Workbook(root), set()
assert book.koans

def hook(event, args):
    if event == "open" and isinstance(args[0], str) and args[0].startswith(str(root)):
        opened.add(args[0])

sys.addaudithook(hook)
found = {}
for koan in book.koans.values():
    for name in [n for n in sys.modules if n.split(".")[0] in ("reference", "exercises") and n != "reference"]:
        del sys.modules[name]
    before = set(sys.modules)
    opened.clear()
    targets.install(book, targets.Target("solutions"))
    file = book.test_file(koan)
    spec = importlib.util.spec_from_file_location("the_test", file)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    files = {getattr(sys.modules[name], "__file__", None) for name in set(sys.modules) - before}
    found[koan.id] = sorted({str(f) for f in files if f} | opened)
print(json.dumps(found))
"""


def test_every_file_that_importing_a_koans_tests_reads_is_in_its_key(book):
    """All koans: the modules found at run time, and the files that were opened, also those that no import names."""
    run = subprocess.run(
        [sys.executable, "-c", RUN_TIME, str(ROOT)], cwd=ROOT, capture_output=True, text=True, env=_environment()
    )
    assert run.returncode == 0, run.stderr
    imports, seen = Imports(book), set()
    for koan, files in json.loads(run.stdout).items():
        own = book.koans[koan]
        known = set(imports.closure([book.test_file(own), book.reference(own), book.solution(own)]))
        known |= {book.solution(other) for other in built_on(book, own)}
        for file in {_source(Path(name)) for name in files}:
            if file.is_relative_to(ROOT) and not file.is_relative_to(ROOT / "grader"):
                assert file in known, (koan, file)
                seen.add(file)
    assert {book.reference(koan) for koan in book.koans.values()} <= seen
    assert ROOT / "reference/baselines.py" in seen


def _environment():
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _source(file):
    """The source of a file with compiled code, or the file itself."""
    return file.parent.parent / f"{file.name.partition('.')[0]}.py" if file.parent.name == "__pycache__" else file
