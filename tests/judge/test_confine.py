"""A confined process that may run programs: it runs those, on the folders that it may read, and reaches nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.book.processes import environment
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run here: the sandbox needs Linux")
GIT = shutil.which("git") or ""

# Confines itself, then tries one line of Python after another. Prints what each gave, or the name of its exception.
SCRIPT = """
import fcntl, json, os, resource, socket, subprocess, sys, time
from pathlib import Path
from grader.judge.sandbox import users
from grader.judge.sandbox.confine import Confinement, confine

request = json.loads(sys.argv[1])
read, write = os.pipe()
level = confine(Confinement(
    keep=(read, write),
    scratch=Path(request["scratch"]),
    hidden=Path(request["hidden"]) if "hidden" in request else None,
    memory=request.get("memory", 1 << 30),
    seconds=10,
    user=users.free(),
    readable=tuple(map(Path, request["readable"])),
    programs=tuple(map(Path, request["programs"])),
    file_size=request.get("file_size", 1 << 20),
))

def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env={"GIT_CONFIG_NOSYSTEM": "1"})
    return [done.returncode, done.stdout.strip(), done.stderr.strip()]

results = []
for line in request["lines"]:
    try:
        results.append(eval(line))
    except Exception as error:
        results.append(type(error).__name__)
print(json.dumps([level.parts, level.missing, results]))
"""


def confined(tmp_path, lines, readable=(), programs=(GIT,), **more):
    """The parts that confine the process, those that are missing, and the result of each line."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    request = {"scratch": scratch, "readable": readable, "programs": programs, "lines": lines, **more}
    command = [sys.executable, "-c", SCRIPT, json.dumps(request, default=lambda x: str(x))]
    done = subprocess.run(command, env=environment(ROOT), capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def repository(tmp_path):
    """A repository with one commit. Only its owner can enter its folders."""
    folder = tmp_path / "repository"

    def git(*arguments):
        name = ("-c", "user.name=A", "-c", "user.email=a@b")
        subprocess.run([GIT, "-C", folder, *name, *arguments], check=True, capture_output=True)

    folder.mkdir()
    git("init", "-q")
    (folder / "file").write_text("text")
    git("add", "file")
    git("commit", "-qm", "the only commit")
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


def test_git_reads_a_repository_that_may_be_read(tmp_path, repository):
    git = f"run('{GIT}', '-c', 'safe.directory=*', '-C', '{repository}', 'log', '--format=%s')"
    _, missing, [version, log, blob] = confined(
        tmp_path,
        [f"run('{GIT}', '--version')", git, git.replace("'log', '--format=%s'", "'show', 'HEAD:file'")],
        [repository],
    )
    assert missing == []
    assert version[0] == 0 and version[1].startswith("git version")
    assert log == [0, "the only commit", ""]
    assert blob == [0, "text", ""]


def test_a_program_can_be_started_through_git_only_if_it_was_named(tmp_path, repository):
    """git itself starts programs that a repository's configuration names."""
    with (repository / ".git/config").open("a") as config:
        config.write("[alias]\n\tshell = !/bin/echo reached\n")
    _, _, [[code, out, _]] = confined(
        tmp_path, [f"run('{GIT}', '-c', 'safe.directory=*', '-C', '{repository}', 'shell')"], [repository]
    )
    assert code != 0
    assert out == ""


REFUSED = {
    "a shell": "run('/bin/sh', '-c', 'echo reached')",
    "a shell through the loader": "run('{loader}', '/bin/sh', '-c', 'true')[0] and 1 / 0",
    "another folder": "os.listdir('{outside}')",
    "another file": "open('{outside}/secret').read()",
    "another folder, by git": f"run('{GIT}', 'hash-object', '{{outside}}/secret')[0] and 1 / 0",
    "a place to write to": "open('{outside}/left', 'w')",
    "the network": "socket.create_connection(('127.0.0.1', 9), 1)",
    "a socket": "socket.socketpair()",
    "its parent": "os.kill(os.getppid(), 0)",
    "a session of its own": "os.setsid()",
    "a process group of its own": "os.setpgid(0, 0)",
    "a program in a session of its own": f"subprocess.run(['{GIT}', '--version'], start_new_session=True)",
    "more memory": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    "large files": "open('{scratch}/large', 'wb').write(bytes(2 << 20))",
    "another user": "os.setuid(0)",
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_process_that_may_run_programs_cannot_reach(tmp_path, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    loader = next(Path("/").glob("lib64/ld-*.so*"), Path("/none"))
    line = REFUSED[what].format(outside=outside, loader=loader, scratch=tmp_path / "scratch")
    _, _, [result] = confined(tmp_path, [line])
    assert result in ("PermissionError", "ZeroDivisionError", "OSError", "ValueError"), result
    assert [file.name for file in outside.iterdir()] == ["secret"]


def test_without_programs_none_can_be_started(tmp_path):
    assert confined(tmp_path, [f"run('{GIT}', '--version')", "os.pipe()"], programs=())[2] == ["PermissionError"] * 2


def test_the_limits_bind_the_programs_too(tmp_path):
    python = Path(sys.executable).resolve()
    names = ("NPROC", "CPU", "NOFILE", "FSIZE", "AS")
    limits = f"import resource; print(*(resource.getrlimit(getattr(resource, 'RLIMIT_' + n))[1] for n in {names}))"
    large = "print(len(bytes(1 << 30)))"
    lines = [f"run({str(python)!r}, '-I', '-c', {program!r})" for program in (limits, large)]
    _, _, [said, failed] = confined(tmp_path, lines, programs=[python], memory=256 << 20)
    assert said[0] == 0, said
    assert said[1].split()[:4] == ["64", "10", "64", str(1 << 20)]
    assert int(said[1].split()[4]) > 256 << 20
    assert failed[0] == 1 and "MemoryError" in failed[2]


def test_a_thousand_processes_cannot_be_started(tmp_path):
    forks = "[1 for _ in range(1000) if os.fork() == 0 and os._exit(time.sleep(0.5) or 0)]"
    assert confined(tmp_path, [forks])[2] == ["BlockingIOError"]


def test_only_the_named_descriptors_stay_open(tmp_path):
    echo = "os.read(read, os.write(write, b'kept')).decode()"
    is_open = "[fd for fd in range(64) if fcntl.fcntl(fd, fcntl.F_GETFD) >= 0]"
    _, _, [kept, other] = confined(tmp_path, [echo, is_open])
    assert kept == "kept"
    assert other == "OSError"


def test_root_takes_on_another_user(tmp_path):
    parts, _, [user, groups] = confined(tmp_path, ["os.getuid()", "os.getgroups()"])
    own = any(part.startswith("a separate user id") for part in parts)
    assert own == (os.geteuid() == 0)
    assert (user != os.getuid() and groups == []) if own else user == os.getuid()


def test_a_workbook_that_lies_among_the_readable_folders_is_said(tmp_path):
    parts, missing, _ = confined(tmp_path, [], hidden=Path(os.__file__).parent)
    assert not any(part.startswith("files by Landlock") for part in parts)
    assert any("the workbook is inside" in lack for lack in missing)


def test_a_workbook_inside_a_readable_folder_stays_closed_and_the_rest_stays_open(tmp_path):
    """As if the workbook were the package `email`, among the packages that code may import."""
    library = Path(os.__file__).parent
    lines = [
        f"open('{library}/email/message.py').read()",
        f"open('/proc/self/root{library}/email/message.py').read()",
        "__import__('email.mime.audio')",
        f"len(open('{library}/json/decoder.py').read()) > 1000",
        "__import__('tomllib._parser') and __import__('colorsys') and 'imported'",
        f"'message.py' in os.listdir('{library}/email')",
    ]
    parts, _, results = confined(tmp_path, lines, hidden=library / "email")
    assert any(part.startswith("files by Landlock") for part in parts)
    assert results == ["PermissionError"] * 3 + [True, "imported", True]
