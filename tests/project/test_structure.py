"""What the layout of grader/ promises, where import-linter cannot see it."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache

import pytest

from tests.conftest import ROOT

MACHINE = sorted((ROOT / "grader").rglob("*.py"))
PROCESSES = ROOT / "grader/book/processes.py"
CELL = ROOT / "grader/learn/notebook/first_cell.py"  # the text of a notebook's cell: it cannot import us yet
CONTRACT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"][0]
PACKAGES = [name.strip() for layer in CONTRACT["layers"][1:] for name in layer.split("|")]


def imports(text):
    """The modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_grader_holds_ten_packages_and_three_stable_names():
    found = {p.stem if p.suffix else p.name for p in (ROOT / "grader").iterdir() if p.name != "__pycache__"}
    assert found == {*PACKAGES, "__init__", "__main__", "notebook", "plugin"}
    assert len(PACKAGES) == 10


@pytest.mark.parametrize("name", PACKAGES)
def test_each_package_says_in_a_sentence_what_it_holds(name):
    says = ast.get_docstring(ast.parse((ROOT / "grader" / name / "__init__.py").read_text("utf-8")))
    first = (says or "").partition("\n\n")[0].replace("\n", " ")
    assert 20 < len(first) <= 120
    assert first.endswith(".")


@pytest.mark.parametrize("pattern", [r"\"-m\", f?\"grader", r"parents\[", r"startswith\(\"grader"])
def test_commands_places_and_names_of_the_package_come_from_one_module(pattern):
    hits = [p.name for p in MACHINE if p not in (PROCESSES, CELL) and re.search(pattern, p.read_text("utf-8"))]
    assert hits == []


def test_a_process_of_ours_is_in_no_group_that_a_terminal_sends_ctrl_c_to():
    wrong = []
    for file in MACHINE:
        for call in (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.Call)):
            starts = isinstance(call.func, ast.Attribute) and call.func.attr == "Popen"
            if starts and not {"process_group", "start_new_session"} & {keyword.arg for keyword in call.keywords}:
                wrong.append(file.name)
    # Git is below a reader, which is in a group of its own.
    assert wrong == ["git_objects.py"]


def test_content_imports_no_machine_and_tests_of_koans_only_its_checks():
    wrong = []
    for folder in ("exercises", "solutions", "reference", "content"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            allowed = ("grader.checks", "grader.gpu") if file.name.startswith("test_") else ()
            ours = [name for name in imports(file.read_text("utf-8")) if name.split(".")[0] == "grader"]
            wrong += [(file.name, name) for name in ours if not name.startswith(allowed or ("-",))]
    assert wrong == []


HEAVY = {"torch", "triton", "numpy", "pytest", "hypothesis", "matplotlib", "genanki", "fpdf"}
HEAVY |= {"rich.markdown", "rich.syntax"}
TREES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): ast.parse(file.read_text("utf-8"))
    for file in MACHINE
}


@cache
def imported_first(module):
    """What a module of ours imports at its top: our own modules, and the names and packages of all others."""
    ours, others = set(), set()
    for node in TREES[module].body:
        for name in imports(ast.unparse(node)) if isinstance(node, ast.Import | ast.ImportFrom) else ():
            own = next((m for m in (name, name.rpartition(".")[0]) if m in TREES), None)
            if own is None:
                others |= {name.partition(".")[0], name.rpartition(".")[0]}
            else:
                ours.add(own)
    return ours, others


@cache
def at_the_top(module):
    """What importing a module of ours imports, directly or not."""
    found, seen, rest = set(), set(), [module]
    while rest:
        ours, others = imported_first(rest.pop())
        found |= others
        rest += ours - seen
        seen |= ours
    return found


def test_outside_the_verbs_only_what_is_slow_to_import_is_imported_late():
    late = [
        (file.relative_to(ROOT).as_posix(), name)
        for file in MACHINE
        if file.parent.name != "cli" and file != ROOT / "grader/__init__.py"
        for function in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
        for name in imports(ast.unparse(function))
        if name.startswith("grader.")
    ]
    assert late
    modules = {name: name if name in TREES else name.rpartition(".")[0] for _, name in late}
    assert [(file, name) for file, name in late if not HEAVY & at_the_top(modules[name])] == []


def test_the_command_starts_without_torch():
    program = "import sys, grader.cli; print([name for name in ('torch', 'triton', 'pytest') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_the_stable_names_are_there():
    program = (
        "from grader import grade_one; from grader.notebook import live; from grader.checks import agrees; live.start"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_the_map_in_contributing_names_every_package_and_module():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    words = set(re.findall(r"\w+", text.partition("## The machine")[2].partition("\n## ")[0]))
    names = {file.parent.name if file.stem == "__init__" else file.stem for file in MACHINE} - {"grader", "__main__"}
    assert names - words == set()
