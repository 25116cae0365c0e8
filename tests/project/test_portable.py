"""The workbook uses nothing that Windows or macOS lacks without asking, and no name that Windows cannot store."""

import ast
import re
import subprocess
from collections import Counter
from pathlib import PurePosixPath

import pytest

from tests.conftest import ROOT
from tests.elsewhere.lacking import lacking, missing

# Modules that run on Linux only, or where the system forks, and why nobody reaches them elsewhere.
LINUX_ONLY = {
    "grader/author": "for maintainers",
    "grader/course": "a class is graded on Linux; the verbs say so",
    "grader/judge/sandbox": "the sandbox is Linux's; elsewhere there is none",
    "grader/judge/runner/server.py": "it forks; elsewhere other modules make the runs",
}
# Classes and functions whose callers have asked.
ASKED_BEFORE = {
    ("grader/book/heap.py", "limit"): "the callers ask `can_limit`",
    ("grader/book/processes.py", "fork"): "servers that fork call it",
    ("grader/book/processes.py", "_kill_all"): "Windows gives it no processes: a job object ends them",
    ("grader/book/processes.py", "_kill_group"): "it asks for `killpg`; a system that has it has SIGKILL",
    ("grader/judge/runner/child.py", "_mapped_bytes"): "it comes after a read of /proc, which only Linux has",
    ("grader/judge/runner/child.py", "leave_parent"): "a server that forks calls it in the fork",
    ("grader/learn/review_ui/pressed_keys.py", "_Posix"): "`of_terminal` makes it on other systems than Windows",
}
# What asks, in the function that uses a name.
GUARDS = ("sys.platform", "os.name", "resource is None", "resource is not None", "AttributeError", "ImportError")
GUARDS += ("has_unix_sockets()",)  # a function of ours that asks
LEARNERS = [
    file
    for file in sorted((ROOT / "grader").rglob("*.py"))
    if not file.relative_to(ROOT).as_posix().startswith(tuple(LINUX_ONLY))
]
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\.|$)")


def scopes(tree):
    """Each node with the outermost function or class that it is in, or the module."""
    for top in tree.body:
        scope = top if isinstance(top, ast.FunctionDef | ast.ClassDef) else None
        for node in ast.walk(top):
            yield node, scope or top


def uses(text, mode):
    """Names that the system lacks and that this text uses without asking: the line, the name and where."""
    names, modules = lacking(mode), missing(mode)
    for node, scope in scopes(ast.parse(text)):
        found = None
        match node:
            case ast.Attribute(ast.Name(module), name) if name in names.get(module, ()):
                found = f"{module}.{name}"
            case ast.Import() if wanted := [alias.name for alias in node.names if alias.name in modules]:
                found = wanted[0]
            case ast.ImportFrom(module) if module in modules:
                found = module
        if found:
            around = ast.unparse(scope)
            asks = f"hasattr({found.replace('.', ', ')!r}".replace("'", "").replace(", ", ", '", 1)
            if not any(guard in around for guard in (*GUARDS, asks)):
                yield node.lineno, found, getattr(scope, "name", "")


@pytest.mark.parametrize("mode", ["windows", "macos"])
def test_what_a_system_lacks_is_not_used_without_asking(mode):
    found = [
        (place, line, name)
        for file in LEARNERS
        for place in [file.relative_to(ROOT).as_posix()]
        for line, name, scope in uses(file.read_text("utf-8"), mode)
        if (place, scope) not in ASKED_BEFORE
    ]
    assert found == []


def test_every_exception_is_needed():
    for place in LINUX_ONLY:
        files = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        assert any(next(uses(file.read_text("utf-8"), "windows"), None) for file in files), place
    for place, scope in ASKED_BEFORE:
        assert scope in {where for *_, where in uses((ROOT / place).read_text("utf-8"), "windows")}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import os\ndef f():\n    return os.fork()", ["os.fork"]),
        ("import os\ndef f():\n    if hasattr(os, 'fork'):\n        return os.fork()", []),
        ("import os\ndef f():\n    if hasattr(os, 'setsid'):\n        return os.fork()", ["os.fork"]),
        ("import fcntl", ["fcntl"]),
        ("try:\n    import resource\nexcept ImportError:\n    resource = None", []),
        ("from termios import TCSADRAIN", ["termios"]),
        ("import signal\nSTRAY = (signal.SIGSEGV, signal.SIGBUS)", ["signal.SIGBUS"]),
        ("import os\nos.replace('a', 'b')", []),
    ],
)
def test_the_check_itself_finds_what_is_not_asked_for(text, found):
    assert [name for _, name, _ in uses(text, "windows")] == found


def _is_text(call):
    """Whether a call opens a file as text, or a pipe, and names no encoding."""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if "encoding" in given or None in given or "force_zip64" in given:  # a member of a zip file is bytes
        return False
    match call.func:
        case ast.Attribute(_, "read_text" | "write_text"):
            return len(call.args) < (1 if call.func.attr == "read_text" else 2)
        case ast.Name("open") | ast.Attribute(_, "open" | "fdopen"):
            mode = given.get("mode") or (call.args[-1] if call.args else None)
            if isinstance(call.func, ast.Attribute) and not (
                isinstance(mode, ast.Constant) and isinstance(mode.value, str)
            ):
                return False  # some other `open`
            return not (isinstance(mode, ast.Constant) and "b" in str(mode.value))
        case ast.Attribute(ast.Name("subprocess"), "run" | "Popen" | "check_output"):
            return "text" in given
    return False


def test_every_text_is_read_and_written_in_a_named_encoding():
    """Without a name it is the console's old code page on Windows."""
    found = [
        (file.relative_to(ROOT).as_posix(), node.lineno)
        for file in LEARNERS
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and _is_text(node)
    ]
    assert found == []


def test_a_path_below_the_workbook_is_shown_with_slashes_on_every_system():
    shown = (ast.FormattedValue, ast.Call)
    found = []
    for file in LEARNERS:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            text = isinstance(node, shown) and (
                node.value
                if isinstance(node, ast.FormattedValue)
                else node.args[0]
                if isinstance(node.func, ast.Name) and node.func.id == "str" and node.args
                else None
            )
            if isinstance(text, ast.Call) and ast.unparse(text.func).endswith(".relative_to"):
                found.append((file.name, node.lineno))
    assert found == []


def test_every_system_can_store_the_names_of_our_files():
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout
    paths = listed.strip("\0").split("\0")
    assert len(paths) > 1000
    parts = {part for path in paths for part in PurePosixPath(path).parts}
    assert [part for part in parts if RESERVED.match(part) or re.search(r'[<>:"|?*\\\x00-\x1f]|[ .]$', part)] == []
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    assert [name for name, times in Counter(map(str.casefold, {*paths, *folders})).items() if times > 1] == []
    assert max(map(len, paths)) < 160  # Windows allows 260 for the whole path
