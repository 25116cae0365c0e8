"""The warm process that stays after `koans run`: what uses it, what must not, and how it ends. Also cold runs."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
import pytest

from grader.book.errors import KoansError
from grader.book.stubs import strip_markers
from grader.book.verdict import Status
from grader.judge.runner import Cancelled, Limits, Runner, shared_server
from grader.judge.runner.local_socket import of_this_user
from grader.judge.runner.server_address import folder, socket_path
from grader.judge.runner.shared_server import find_warm
from grader.learn.attempts import LEARNER
from tests.conftest import Play, copy_workbook, end_warm

STAYS = {"KOANS_WARM_SECONDS": "600"}
PATIENCE = 60.0  # the most seconds to wait; most things take one or two, and up to seven after a change of the code
ENDLESS = "while True: pass"
FORK = pytest.param("fork", marks=pytest.mark.needs("forked runs"))


@pytest.fixture(scope="module")
def solved_copy(tmp_path_factory):
    """A workbook in which `dot` is solved. Each run of `dot` writes its parent's pid to the file `who`."""
    play = Play(copy_workbook(tmp_path_factory.mktemp("warm")))
    solution = strip_markers(play.workbook.solution(play.workbook.koan("dot")).read_text())
    who = play.root / "who"
    play.write(
        "dot", f"{solution}\n\nimport os\n\nwith open({str(who)!r}, 'a') as file:\n    print(os.getppid(), file=file)\n"
    )
    yield play
    end_warm(play.root)


@pytest.fixture
def fresh_copy(solved_copy):
    """That workbook, without a warm process before and after the test."""
    end_warm(solved_copy.root)
    (solved_copy.root / "who").unlink(missing_ok=True)
    yield solved_copy
    end_warm(solved_copy.root)


@pytest.fixture(params=[FORK, "spawn"])
def way(request, monkeypatch):
    """How the processes of runs are started."""
    monkeypatch.setenv("KOANS_START", request.param)
    return request.param


@pytest.fixture
def warm_copy(solved_copy, request):
    """That workbook, maybe with the one warm process that runs with `STAYS` use. Tests leave it to the next test.

    A test that starts runs in another way does not use it, so it is ended before.
    """
    chosen = request.getfixturevalue("way") if "way" in request.fixturenames else ""
    last = solved_copy.root / "way"
    if last.exists() and last.read_text("utf-8") != chosen:
        end_warm(solved_copy.root)
    last.write_text(chosen, "utf-8")
    (solved_copy.root / "who").unlink(missing_ok=True)
    return solved_copy


def until(condition):
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def run_dot(play, *more, **env):
    """Run `koans run dot`. Returns the pid of the process that made the run."""
    result = play.koans("run", "dot", *more, env=env)
    assert result.returncode == 0, result.stdout + result.stderr
    return int((play.root / "who").read_text().split()[-1])


def left_pids(play):
    return [each.pid for each in find_warm(play.root)]


def alive(pid):
    try:
        return psutil.Process(pid).status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False


def test_the_second_run_uses_the_process_that_the_first_left_and_imports_no_torch(warm_copy, way):
    first = run_dot(warm_copy, **STAYS)
    assert left_pids(warm_copy) == [first]
    environment = {**os.environ, **STAYS}
    second = warm_copy.python("-X", "importtime", "-m", "grader", "run", "dot", env=environment)
    assert second.returncode == 0
    assert (warm_copy.root / "who").read_text().split() == [str(first)] * 2
    imported = {line.rpartition("|")[2].strip() for line in second.stderr.splitlines()}
    assert "grader.judge.runner.client" in imported
    assert not imported & {"torch", "triton", "numpy", "pytest", "hypothesis", "textual"}


@pytest.mark.needs("proc")
def test_what_is_left_has_no_terminal_no_pipe_and_no_file_of_the_command_that_started_it(warm_copy):
    pid = run_dot(warm_copy, **STAYS)
    assert os.getsid(pid) == pid
    place = f"/proc/{pid}/fd"
    open_files = {int(fd): os.readlink(f"{place}/{fd}") for fd in os.listdir(place)}
    log = str(socket_path_log(warm_copy))
    assert (open_files[0], open_files[1], open_files[2]) == ("/dev/null", log, log)
    # Its own: the pipe that wakes it, the selector, and the socket at which it listens.
    assert sorted(text.partition(":")[0] for fd, text in open_files.items() if fd > 2) == [
        "anon_inode",
        "pipe",
        "pipe",
        "socket",
    ]
    assert folder().stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder().iterdir()} == {0o600}


def socket_path_log(play):
    (path,) = [
        path
        for path in folder().glob("*.sock")
        if (found := shared_server.hello(path)) and found[1].root == str(play.root)
    ]
    return shared_server.log_of(path)


def test_app_and_notebooks_share_it_and_leave_one_too(fresh_copy, monkeypatch, way):
    monkeypatch.setenv("KOANS_WARM_SECONDS", "600")
    monkeypatch.setenv("PYTHONPATH", str(fresh_copy.root))
    with Runner(fresh_copy.workbook) as like_the_app:
        assert like_the_app.warm_up() == "warm"
    (pid,) = left_pids(fresh_copy)
    with Runner(fresh_copy.workbook) as like_a_notebook:
        assert like_a_notebook.warm_up() == "warm, shared"
    assert run_dot(fresh_copy) == pid


def test_it_ends_some_time_after_its_last_run(fresh_copy, way):
    pid = run_dot(fresh_copy, KOANS_WARM_SECONDS="2")
    until(lambda: not alive(pid))
    assert find_warm(fresh_copy.root) == []


def test_it_ends_when_code_changes_and_the_next_run_is_made_by_one_that_knows(fresh_copy, way):
    pid = run_dot(fresh_copy, **STAYS)
    file = fresh_copy.root / "content/ch01_tensors/dot.md"
    file.write_text(file.read_text() + "\nMore.\n")
    other = run_dot(fresh_copy, **STAYS)
    assert other != pid
    until(lambda: not alive(pid))
    assert left_pids(fresh_copy) == [other]


def test_it_ends_when_the_workbook_is_deleted(tmp_path, way):
    play = Play(copy_workbook(tmp_path))
    play.solve("dot")
    assert play.koans("run", "dot", env=STAYS).returncode == 0
    (pid,) = left_pids(play)
    shutil.rmtree(play.root)
    until(lambda: not alive(pid))


def test_none_is_left_with_no_seconds(fresh_copy, way):
    pid = run_dot(fresh_copy, KOANS_WARM_SECONDS="0")
    until(lambda: not alive(pid))
    assert find_warm(fresh_copy.root) == []


@pytest.mark.parametrize("ci, stays", [("", 600.0), ("0", 600.0), ("false", 600.0), ("true", 0.0), ("1", 0.0)])
def test_it_stays_ten_minutes_and_in_ci_not_at_all(monkeypatch, ci, stays):
    monkeypatch.setenv("KOANS_WARM_SECONDS", "")
    monkeypatch.setenv("CI", ci)
    assert shared_server.seconds() == stays


def test_cold_does_not_use_what_is_left_and_leaves_it_alone(warm_copy):
    pid = run_dot(warm_copy, **STAYS)
    cold = run_dot(warm_copy, "--cold", **STAYS)
    assert cold != pid
    until(lambda: not alive(cold))
    assert left_pids(warm_copy) == [pid]


def test_one_that_was_started_in_another_environment_is_not_used(fresh_copy):
    pid = run_dot(fresh_copy, **STAYS)
    other = run_dot(fresh_copy, **STAYS, CUDA_VISIBLE_DEVICES="")
    assert other != pid
    assert sorted(left_pids(fresh_copy)) == sorted([pid, other])
    assert run_dot(fresh_copy, **STAYS) == pid


@pytest.mark.parametrize(
    "name", ["TRITON_CACHE_DIR", "CUDA_VISIBLE_DEVICES", "LANG", "LC_ALL", "PATH", "KOANS_WARM_SECONDS"]
)
def test_each_variable_that_a_run_may_depend_on_has_an_address_of_its_own(fresh_copy, monkeypatch, name):
    before = socket_path(fresh_copy.root)
    monkeypatch.setenv(name, "7")
    assert socket_path(fresh_copy.root) != before


@pytest.mark.parametrize(
    "name", ["COLUMNS", "TERM", "WINDOWID", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "TRITON_INTERPRET", "OMP_X"]
)
def test_what_does_not_change_a_run_does_not_change_the_address(fresh_copy, monkeypatch, name):
    before = socket_path(fresh_copy.root)
    monkeypatch.setenv(name, "7")
    assert socket_path(fresh_copy.root) == before


def test_commands_that_start_at_the_same_time_all_pass_and_leave_one(fresh_copy, way):
    environment = {**os.environ, **STAYS, "PYTHONPATH": str(fresh_copy.root)}
    command = [sys.executable, "-m", "grader", "run", "dot"]
    racing = [
        subprocess.Popen(command, cwd=fresh_copy.root, env=environment, stdout=subprocess.DEVNULL) for _ in range(3)
    ]
    assert [process.wait(PATIENCE) for process in racing] == [0, 0, 0]
    makers = {int(pid) for pid in (fresh_copy.root / "who").read_text().split()}
    until(lambda: len([pid for pid in makers if alive(pid)]) == 1)
    (pid,) = left_pids(fresh_copy)
    assert run_dot(fresh_copy, **STAYS) == pid


@pytest.mark.needs("signals")
def test_ctrl_c_and_a_killed_command_end_the_run_and_the_process_lives_on(warm_copy, way):
    server = run_dot(warm_copy, **STAYS)
    marker = warm_copy.root / "began"
    warm_copy.body("matmul", f"import os; open({str(marker)!r}, 'w').write(str(os.getpid()))", ENDLESS)
    environment = {**os.environ, **STAYS, "PYTHONPATH": str(warm_copy.root)}
    command = [sys.executable, "-m", "grader", "run", "matmul"]
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)):
        marker.unlink(missing_ok=True)
        process = subprocess.Popen(command, cwd=warm_copy.root, env=environment, stderr=subprocess.PIPE, text=True)
        until(lambda: marker.exists() and marker.read_text())
        child = int(marker.read_text())
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE)[1].strip() == ""
        assert process.returncode == code
        until(lambda child=child: not alive(child))
    assert run_dot(warm_copy, **STAYS) == server
    koans = json.loads(warm_copy.koans("list", "--json").stdout)
    assert next(k for k in koans if k["id"] == "ch01_tensors/matmul")["standing"]["attempts"] == 0


@pytest.mark.needs("signals")
def test_one_that_was_killed_is_replaced(fresh_copy, monkeypatch, way):
    pid = run_dot(fresh_copy, **STAYS)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid))
    other = run_dot(fresh_copy, **STAYS)
    assert left_pids(fresh_copy) == [other] != [pid]

    monkeypatch.setenv("PYTHONPATH", str(fresh_copy.root))
    monkeypatch.setenv("KOANS_WARM_SECONDS", "600")
    with Runner(fresh_copy.workbook) as runner:  # as an app that is open
        assert runner.warm_up() == "warm, shared"
        os.kill(other, signal.SIGKILL)
        until(lambda: not alive(other))
        assert runner.run(fresh_copy.workbook.koan("dot"), LEARNER).passed


@pytest.mark.needs("sandbox")
def test_grading_never_uses_it_and_leaves_none(warm_copy, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(warm_copy.root))
    monkeypatch.setenv("KOANS_WARM_SECONDS", "600")
    pid = run_dot(warm_copy)
    with Runner(warm_copy.workbook) as learner, Runner(warm_copy.workbook, isolated=True) as grader:
        assert learner.warm_up() == "warm, shared"
        assert grader.warm_up() == "warm"
    assert left_pids(warm_copy) == [pid]


@pytest.fixture
def elsewhere(monkeypatch):
    """A new runtime folder. Its name is short, because the path of a socket may have about 100 bytes."""
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("XDG_RUNTIME_DIR", short)
        yield Path(short)


@pytest.mark.needs("modes")
@pytest.mark.parametrize("what", ["open to others", "a link", "a file", "not to be made"])
def test_a_place_that_another_user_could_own_is_refused(elsewhere, what, monkeypatch):
    place = elsewhere / f"koans-{os.getuid()}"
    message = "must be a folder that only you can enter; remove it, and koans makes a new one"
    if what == "open to others":
        place.mkdir()
        place.chmod(0o777)
    elif what == "a link":
        (elsewhere / "mine").mkdir(mode=0o700)
        place.symlink_to(elsewhere / "mine")
    elif what == "a file":
        place.touch()
    else:
        monkeypatch.setenv("XDG_RUNTIME_DIR", "/proc/none")
        place, message = f"/proc/none/koans-{os.getuid()}", "cannot be used (No such file or directory)"
    with pytest.raises(KoansError) as error:
        folder()
    assert str(error.value) == f"{place}: {message}"


@pytest.mark.needs("modes")
def test_without_a_safe_place_a_run_has_a_process_of_its_own_and_doctor_says_why(fresh_copy, elsewhere, way):
    place = elsewhere / f"koans-{os.getuid()}"
    place.touch()
    pid = run_dot(fresh_copy, **STAYS)
    until(lambda: not alive(pid))
    assert warm_finding(fresh_copy) == (
        "none",
        f"no run can leave a warm process behind: {place}: must be a folder that only you can enter; remove it, and koans makes a new one",
    )


def warm_finding(play):
    """What `koans doctor` says about the warm process."""
    findings = json.loads(play.koans("doctor", "--json", env=STAYS).stdout)
    return next((f["found"], f["says"]) for f in findings if f["part"] == "warm")


@pytest.mark.needs("peers")
def test_another_users_end_of_a_connection_is_not_trusted(monkeypatch):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert of_this_user(ours)
        monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
        assert not of_this_user(ours)


def test_doctor_shows_it_and_says_how_to_end_it(fresh_copy, way):
    pid = run_dot(fresh_copy, **STAYS)
    process, text = warm_finding(fresh_copy)
    assert process == f"pid {pid}"
    age, rest = text.split(" s old; ")
    assert age.isdigit()
    kill = "taskkill /F /PID" if sys.platform == "win32" else "kill"
    assert rest == f"it ends 10 min after its last run; `{kill} {pid}` ends it now"
    subprocess.run([*kill.split(), str(pid)], check=True)
    until(lambda: not alive(pid))
    assert find_warm(fresh_copy.root) == []


@pytest.mark.parametrize("text", ["soon", "-1", "inf"])
def test_a_time_that_is_none_is_said_in_one_line(fresh_copy, text):
    result = fresh_copy.koans("run", "dot", env={"KOANS_WARM_SECONDS": text})
    assert result.returncode == 2
    assert result.stderr == (
        f"koans: KOANS_WARM_SECONDS={text}: give a number of seconds, 0 or more; 0 leaves no warm process behind\n"
    )


# Runs that are cancelled, and runs that cannot start.


def in_thread(runner, koan):
    """Run the koan in a thread. Returns the thread, and a list that gets the verdict or the error."""
    results = []

    def run():
        try:
            results.append(runner.run(koan, LEARNER))
        except (Cancelled, KoansError) as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


@pytest.mark.parametrize("way", [FORK, "spawn", "cold"], indirect=True)
def test_a_run_that_is_cancelled_has_no_verdict(fresh_copy, way):
    marker = fresh_copy.root / "began"
    marker.unlink(missing_ok=True)
    fresh_copy.body("matmul", f"open({str(marker)!r}, 'w').close()", ENDLESS)
    with Runner(fresh_copy.workbook, Limits(timeout=PATIENCE)) as runner:
        thread, results = in_thread(runner, fresh_copy.workbook.koan("matmul"))
        until(marker.exists)
        runner.cancel()
        thread.join(PATIENCE)
        assert isinstance(results[0], Cancelled), results
        assert runner.run(fresh_copy.workbook.koan("dot"), LEARNER).passed


@pytest.mark.parametrize("way", [FORK, "spawn", "cold"], indirect=True)
def test_a_run_cancelled_while_a_process_starts_is_not_made(fresh_copy, monkeypatch, way):
    fresh_copy.body("matmul", ENDLESS)
    popen = subprocess.Popen
    with Runner(fresh_copy.workbook, Limits(timeout=5)) as runner:

        def cancel_first(*args, **options):
            monkeypatch.setattr(subprocess, "Popen", popen)
            runner.cancel()
            return popen(*args, **options)

        monkeypatch.setattr(subprocess, "Popen", cancel_first)
        with pytest.raises(Cancelled):
            runner.run(fresh_copy.workbook.koan("matmul"), LEARNER)
        verdict = runner.run(fresh_copy.workbook.koan("matmul"), LEARNER)
        assert verdict.status == Status.timed_out


@pytest.mark.parametrize("way", [FORK, "cold"], indirect=True)
def test_a_process_that_cannot_start_is_said_in_one_line(fresh_copy, monkeypatch, tmp_path, way):
    if way == "cold":
        monkeypatch.setattr(sys, "executable", str(tmp_path / "gone"))
        reason = "No such file or directory"
    else:  # a server that may not fork
        (tmp_path / "sitecustomize.py").write_text(
            "import os, sys\n"
            "if 'grader.judge.runner.server' in sys.orig_argv:\n"
            "    def fork(): raise BlockingIOError(11, 'Resource temporarily unavailable')\n"
            "    os.fork = fork\n"
        )
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        reason = "Resource temporarily unavailable"
    with Runner(fresh_copy.workbook) as runner, pytest.raises(KoansError) as error:
        runner.run(fresh_copy.workbook.koan("dot"), LEARNER)
    assert str(error.value) == f"the koan was not run: its process cannot be started ({reason})"
