"""Which tests a learner's machine must pass, whatever its system, and what a test may need that a machine lacks.

Every file of tests is in exactly one of three lists. A test of the learner's suite whose claim does not exist
everywhere carries `@pytest.mark.needs("pty")`. Where the thing is missing, the test says "not run here" and why.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grader.judge.runner import start

TESTS = Path(__file__).parent
NOT_RUN = "not run here: "

# Names may end in * for all files that start so.
LEARNER = (
    *("checks/*", "cli/*", "learn/*"),
    *("judge/test_bad_code.py", "judge/test_debug.py", "judge/test_environment.py"),
    *("judge/test_koans_on_koans.py", "judge/test_places.py", "judge/test_plain_pytest.py", "judge/test_printed.py"),
    *("judge/test_runs.py", "judge/test_session.py", "judge/test_source_text.py"),
    *("judge/test_warm.py", "judge/test_when_graded.py"),
    *("kernels/test_accesses.py", "kernels/test_chapter_kernels.py", "kernels/test_config.py"),
    *("kernels/test_findings.py", "kernels/test_gpu_only.py", "kernels/test_kernels.py", "kernels/test_launch.py"),
    *("kernels/test_reached.py", "kernels/test_tiles_evidence.py", "kernels/test_traffic.py"),
    *("model/test_baselines.py", "model/test_breaking.py", "model/test_checking.py", "model/test_decoding.py"),
    *("model/test_forward.py", "model/test_limits.py", "model/test_saying.py", "model/test_stories.py"),
    *("model/test_training.py", "model/test_training_requests.py"),
    *("project/test_elsewhere.py", "project/test_wheel.py"),
)
LINUX_ONLY = {
    "judge/test_claims.py": "the claim on a GPU, which Triton measures",
    "course/*": "a class is graded on Linux, where there is a sandbox",
    "gpu/*": "GPUs are measured with Triton",
    "judge/test_confine.py": "the sandbox is Landlock and seccomp",
    "judge/test_exploits.py": "the sandbox is Landlock and seccomp",
    "judge/test_machine.py": "control groups, and the user ids of the sandbox",
    "judge/test_parity.py": "at home as in the sandbox",
    "judge/test_sandbox.py": "the sandbox is Landlock and seccomp",
    "judge/test_seccomp.py": "the sandbox is Landlock and seccomp",
    "judge/test_shared_runs.py": "runs of a class in one forked process",
    "judge/test_spawn.py": "runs without fork on Linux, whose processes it finds by /proc and ps",
    "judge/test_survival.py": "a batch of forked runs in the sandbox",
    "judge/test_wire.py": "the messages of the sandbox",
    "judge/test_wire_fuzz.py": "the messages of the sandbox",
    "kernels/test_compile.py": "Triton's compiler",
    "kernels/test_hostile_texts.py": "texts of strangers, with limits that Linux enforces",
    "kernels/test_refused_by_both.py": "Triton's compiler",
    "kernels/test_without_triton.py": "takes Triton away on Linux, where it is",
    "project/test_wheel_grading.py": "a class is graded on Linux, where there is a sandbox",
}
MAINTAINERS = (
    *("author/*", "fuzz/*", "oracles/*"),
    *("model/test_tokenizer_files.py", "model/test_transformers.py"),
    *("project/test_benchmarks.py", "project/test_cluster.py", "project/test_machines.py", "project/test_pins.py"),
    *("project/test_play.py", "project/test_portable.py", "project/test_project.py", "project/test_structure.py"),
)


def files(names: tuple[str, ...] = LEARNER) -> list[Path]:
    """The files of tests that these names stand for, in order."""
    return sorted(found for name in names for found in _matches(name))


def _matches(name: str) -> Iterator[Path]:
    if not name.endswith("*"):
        yield TESTS / name
        return
    yield from (TESTS / name[:-2]).rglob("test_*.py")


# What a test may need: whether this machine has it, and the reason if not.
THINGS: dict[str, tuple[Callable[[], bool], str]] = {
    "linux": (lambda: sys.platform == "linux", "only Linux can pretend to be another system"),
    "sandbox": (lambda: sys.platform == "linux", "classes are graded on Linux"),
    "fork": (lambda: hasattr(os, "fork"), "this system cannot fork"),
    "forked runs": (lambda: start.how() == "fork", "runs are not forked on this system"),
    "signals": (lambda: hasattr(signal, "SIGKILL"), "this system has no POSIX signals"),
    "pty": (lambda: _imports("pty"), "a pty is a POSIX terminal"),
    "limits": (lambda: _imports("resource") and Path("/proc/self/statm").exists(), "no limit of memory is enforced"),
    "file limits": (lambda: _imports("resource"), "no limit on the size of a file is set"),
    "proc": (lambda: Path("/proc/self/statm").exists(), "this system has no /proc"),
    "triton": (lambda: sys.platform == "linux", "Triton has builds for Linux only"),
    "modes": (lambda: hasattr(os, "geteuid"), "files have no POSIX modes and owners here"),
    "pipes": (lambda: hasattr(os, "mkfifo"), "this system has no named pipes in folders"),
    "full device": (lambda: sys.platform == "linux", "this system has no device that is always full"),
    "time zones": (lambda: hasattr(time, "tzset"), "a process cannot be given a time zone on this system"),
    "TERM": (lambda: os.name != "nt", "a console of this system can draw and sets no TERM"),
    "moves of open files": (lambda: sys.platform != "win32", "a file that is open cannot be moved on this system"),
    "links": (lambda: sys.platform != "win32", "symbolic links need a privilege here"),
    "names in two cases": (
        lambda: sys.platform == "linux",
        "this system's files have no two names that differ in case",
    ),
    "groff": (lambda: shutil.which("groff") is not None, "groff is not installed"),
    "peers": (lambda: hasattr(socket, "SO_PEERCRED"), "this system does not tell whose the end of a socket is"),
    "unix sockets": (lambda: hasattr(socket, "AF_UNIX"), "this system has no Unix sockets"),
}


def _imports(module: str) -> bool:
    try:
        __import__(module)
    except ImportError:
        return False
    return True


def lacks(item: pytest.Item) -> str:
    """Why this test cannot be run on this machine; empty if it can."""
    for mark in item.iter_markers("needs"):
        for thing in mark.args:
            here, reason = THINGS[thing]
            if not here():
                return reason
    return ""


def command(options: list[str]) -> list[str]:
    """The command that runs the learner's suite with these options of pytest."""
    chosen = [] if any(".py" in option for option in options) else [str(file) for file in files()]
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, *chosen]


if __name__ == "__main__":
    sys.exit(subprocess.run(command(sys.argv[1:]), cwd=TESTS.parent, check=False).returncode)
