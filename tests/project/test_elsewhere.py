"""What is taken away is away in every process: the test's, commands, runs, the model's, and whatever these start."""

import ast
import os
import subprocess
import sys

import pytest

from grader.judge.runner import start
from tests import suites
from tests.conftest import ROOT
from tests.elsewhere import away
from tests.elsewhere.lacking import lacking, missing

SAYS = """
import os, platform, signal, socket, sys
try:
    open("/proc/self/statm")
    proc = True
except OSError:
    proc = False
names = [(os, "fork"), (os, "getuid"), (os, "sched_getaffinity"), (signal, "SIGKILL"), (socket, "AF_UNIX"), (socket, "SO_PEERCRED")]
there = [name for module, name in names if hasattr(module, name)]
for name in ("fcntl", "pty", "pwd", "resource", "termios", "triton"):
    try:
        __import__(name)
        there.append(name)
    except ImportError:
        pass
said = (sys.platform, os.name, platform.system(), proc, *there)
"""
ON_MACOS = ("fork", "getuid", "SIGKILL", "AF_UNIX", "fcntl", "pty", "pwd", "resource", "termios")
EXPECTED = {
    "windows": ("win32", "nt", "Windows", False),
    "macos": ("darwin", "posix", "Darwin", False, *ON_MACOS),
}
MODES = pytest.mark.parametrize("mode", sorted(EXPECTED))


@pytest.fixture
def taken(tmp_path, mode):
    """The variables of a process from which everything is taken away."""
    return away.environment(away.folder(tmp_path / "away", mode))


def _said(text):
    return ast.literal_eval(text.strip().splitlines()[-1])


@pytest.mark.needs("linux")
@MODES
def test_a_process_and_its_children_lack_what_the_system_lacks(taken, mode):
    """Whatever variables a child gets: none, or those of the workbook's own processes."""
    program = f"""{SAYS}
import subprocess
from pathlib import Path
from grader.book import processes
child = {SAYS!r} + "print(said)"
bare = subprocess.run([sys.executable, "-c", child], env={{}}, capture_output=True, encoding="utf-8").stdout
env = processes.environment(Path({str(ROOT)!r}), strangers=True)
ours = subprocess.run([sys.executable, "-P", "-c", child], env=env, capture_output=True, encoding="utf-8").stdout
print([said, eval(bare), eval(ours)])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], env=taken, cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    )
    assert _said(done.stdout) == [EXPECTED[mode]] * 3


@pytest.mark.needs("linux")
@MODES
def test_the_process_of_a_run_lacks_it_too_and_the_run_is_not_forked(taken, mode, small):
    """The exercise says what its process has. This is the process that judges a learner's file."""
    place = small.root / "said"
    small.solve("causal_mask")
    file = small.workbook.exercise(small.workbook.koan("causal_mask"))
    file.write_text(
        f"{file.read_text('utf-8')}\n{SAYS}\nopen({str(place)!r}, 'w', encoding='utf-8').write(repr(said))\n", "utf-8"
    )
    command = [sys.executable, "-m", "grader", "run", "causal_mask"]
    env = {**taken, "PYTHONPATH": os.pathsep.join([taken["PYTHONPATH"], str(small.root)]), "KOANS_WARM_SECONDS": "0"}
    done = subprocess.run(command, cwd=small.root, env=env, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ast.literal_eval(place.read_text("utf-8")) == EXPECTED[mode]


FINDER = """
import importlib.abc, sys
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        frame = sys._getframe(1)
        while frame.f_globals["__name__"].startswith("importlib"):
            frame = frame.f_back
        print(repr((name, frame.f_globals["__name__"])))
sys.meta_path.insert(0, Finder())
try:
    import no_such_module
except ImportError:
    pass
"""


@pytest.mark.needs("linux")
@MODES
def test_a_finder_sees_which_module_imports_as_it_does_without_any_of_this(taken, mode):
    """The finder of the koans decides by it whether a test or another koan's file imports a koan."""
    command = [sys.executable, "-c", FINDER]
    done = subprocess.run(command, env=taken, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    assert _said(done.stdout) == ("no_such_module", "__main__")


@pytest.mark.needs("linux")
@MODES
def test_no_process_sees_in_its_variables_that_anything_was_taken_away(taken, mode):
    """A warm process has an address that depends on the variables. So a test and a command must see the same ones."""
    program = """
import os, subprocess, sys
child = "import os; print([os.environ.get('PYTHONPATH'), os.name])"
for given in (None, os.path.abspath("given")):
    env = {**os.environ, **({"PYTHONPATH": given} if given else {})}
    done = subprocess.run([sys.executable, "-c", child], env=env, capture_output=True, encoding="utf-8", check=True)
    assert eval(done.stdout) == [env.get("PYTHONPATH"), os.name], done.stdout
print([os.environ.get("PYTHONPATH"), os.path.abspath("given")])
"""
    env = {**taken, "PYTHONPATH": os.pathsep.join([taken["PYTHONPATH"].split(os.pathsep)[0], str(ROOT)])}
    done = subprocess.run([sys.executable, "-c", program], env=env, cwd=ROOT, capture_output=True, encoding="utf-8")
    assert (done.stderr, _said(done.stdout)) == ("", [str(ROOT), str(ROOT / "given")])


@pytest.mark.needs("linux")
@MODES
def test_what_is_not_ours_keeps_what_it_needs_here(taken, mode):
    """The standard library and the packages are built for the other system there."""
    program = "import asyncio, multiprocessing, subprocess, torch; print(torch.ones(2).sum().item())"
    done = subprocess.run([sys.executable, "-c", program], env=taken, capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "2.0"


def test_windows_lacks_forks_limits_and_signals_and_macos_only_what_is_linuxs():
    assert {"fork", "killpg", "setsid", "getuid", "geteuid", "statvfs"} <= set(lacking("windows")["os"])
    assert {"SIGKILL", "SIGHUP", "SIGALRM", "setitimer"} <= set(lacking("windows")["signal"])
    assert {"fcntl", "pty", "pwd", "resource", "termios", "tty"} <= set(missing("windows"))
    assert not {"replace", "chmod", "kill", "getpid", "O_APPEND"} & set(lacking("windows")["os"])
    assert {"sched_getaffinity", "memfd_create"} <= set(lacking("macos")["os"])
    assert not {"fork", "getuid", "killpg"} & set(lacking("macos")["os"])
    assert not {"fcntl", "pty", "resource"} & set(missing("macos"))


def test_every_file_of_tests_is_in_one_list_and_says_why_if_it_is_linuxs():
    lists = (suites.LEARNER, tuple(suites.LINUX_ONLY), suites.MAINTAINERS)
    listed = [file for names in lists for file in suites.files(names)]
    everything = sorted(suites.TESTS.rglob("test_*.py"))
    assert sorted(listed) == everything
    assert all(len(reason.split()) > 1 for reason in suites.LINUX_ONLY.values())


def test_what_a_test_may_need_is_here_on_linux_and_nothing_is_needed_that_no_test_needs():
    used = set()
    for file in suites.files():
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.needs":
                used |= {argument.value for argument in node.args}
    assert used == set(suites.THINGS)
    if sys.platform == "linux":
        assert [thing for thing, (here, _) in suites.THINGS.items() if not here()] == []


@pytest.mark.needs("linux")
def test_nothing_is_taken_from_a_plain_run_of_the_tests():
    assert away.mode() == ""
    assert start.how() == "fork"
