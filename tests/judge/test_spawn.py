"""Runs without fork: how a platform's way is chosen, spare processes, and a server that has no Unix socket."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from grader.book import processes
from grader.book.errors import KoansError
from grader.book.processes import PipeReader, environment
from grader.book.stubs import strip_markers
from grader.book.verdict import Status
from grader.judge.runner import Limits, Runner, spawner, start
from grader.judge.runner.local_socket import Listener, dial
from grader.judge.runner.shared_server import find_warm
from grader.learn.attempts import LEARNER
from tests.conftest import ROOT, Play, copy_workbook, end_warm

PATIENCE = 60.0  # the most seconds to wait


def until(condition):
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def spares(parent):
    """The processes for runs that a process has started: their pids."""
    table = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    return {int(pid) for pid, above, args in rows if int(above) == parent and "grader.judge.runner.spare" in args}


@pytest.mark.parametrize(
    "platform, asked, way",
    [
        ("linux", "", "fork"),
        ("darwin", "", "spawn"),
        ("win32", "", "spawn"),
        ("linux", "spawn", "spawn"),
        ("darwin", "fork", "fork"),
        ("linux", "cold", "cold"),
    ],
)
def test_a_platform_has_its_way_and_a_variable_sets_another(monkeypatch, platform, asked, way):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("KOANS_START", asked)
    assert start.how() == way


def test_without_fork_in_python_processes_are_spawned(monkeypatch):
    monkeypatch.delattr(os, "fork")
    monkeypatch.setenv("KOANS_START", "")
    assert start.how() == "spawn"


@pytest.mark.parametrize(
    "asked, ways, forks", [("warm", "fork, spawn, cold", True), ("fork", "spawn, cold", False)], ids=["none", "fork"]
)
def test_a_way_that_is_none_here_is_said_in_one_line(monkeypatch, asked, ways, forks):
    monkeypatch.setenv("KOANS_START", asked)
    if not forks:
        monkeypatch.delattr(os, "fork")
    with pytest.raises(KoansError) as error:
        start.how()
    assert str(error.value) == f"KOANS_START={asked}: give one of {ways}, or leave it empty"


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """A workbook in which `dot` is solved. Each run of `dot` writes the pid of its process to the file `who`."""
    play = Play(copy_workbook(tmp_path_factory.mktemp("spawn")))
    solution = strip_markers(play.workbook.solution(play.workbook.koan("dot")).read_text())
    who = play.root / "who"
    play.write(
        "dot", f"{solution}\n\nimport os\n\nwith open({str(who)!r}, 'a') as file:\n    print(os.getpid(), file=file)\n"
    )
    yield play
    end_warm(play.root)


@pytest.fixture
def spawning(solved, monkeypatch):
    """That workbook, where processes are spawned."""
    monkeypatch.setenv("KOANS_START", "spawn")
    monkeypatch.setenv("PYTHONPATH", str(solved.root))
    (solved.root / "who").unlink(missing_ok=True)
    yield solved
    end_warm(solved.root)


def made(play):
    """The pids of the processes that made the runs of `dot`."""
    return list(map(int, (play.root / "who").read_text().split()))


def test_a_spare_makes_one_run_and_the_next_one_waits_meanwhile(spawning):
    stays = {"KOANS_WARM_SECONDS": "600"}
    assert spawning.koans("run", "dot", env=stays).returncode == 0
    [server] = find_warm(spawning.root)
    [first] = made(spawning)
    assert not alive(first)
    until(lambda: len(spares(server.pid)) == 1)
    [waiting] = spares(server.pid)
    assert spawning.koans("run", "dot", env=stays).returncode == 0
    assert made(spawning) == [first, waiting]
    until(lambda: len(spares(server.pid) - {waiting}) == 1)
    left = spares(server.pid)
    end_warm(spawning.root)
    until(lambda: not any(map(alive, left)))


def test_a_run_that_goes_on_for_long_gets_a_spare_beside_it(spawning):
    spawning.body("matmul", "import time; time.sleep(600)")
    with Runner(spawning.workbook, Limits(timeout=600)) as runner:
        runner.warm_up()
        [server] = find_warm(spawning.root)
        until(lambda: len(spares(server.pid)) == 1)
        waits = threading.Thread(target=lambda: list(runner.run_many([(spawning.workbook.koan("matmul"), LEARNER)])))
        waits.start()
        until(lambda: len(spares(server.pid)) == 2)
        runner.cancel()
        waits.join(PATIENCE)
        assert not waits.is_alive()
        until(lambda: len(spares(server.pid)) == 1)


@pytest.mark.parametrize("share", [True, False])
def test_nothing_is_left_when_a_runner_closes(spawning, monkeypatch, share):
    monkeypatch.setenv("KOANS_WARM_SECONDS", "0")
    with Runner(spawning.workbook, share=share) as runner:
        assert runner.run(spawning.workbook.koan("dot"), LEARNER).passed
        parents = [server.pid for server in find_warm(spawning.root)] or [os.getpid()]
        started = {pid for parent in parents for pid in spares(parent)}
    until(lambda: not any(map(alive, started)))
    until(lambda: not spares(os.getpid()) and not find_warm(spawning.root))


def test_a_run_that_writes_too_much_is_ended_where_the_system_sets_no_limit(spawning, monkeypatch):
    monkeypatch.setattr(spawner, "HAS_LIMITS", False)
    monkeypatch.setattr(spawner, "OUTPUT", 1 << 20)
    spawning.body("matmul", "import os; os.write(1, bytes(2 << 20))", "while True: pass")
    with Runner(spawning.workbook, Limits(timeout=600), share=False) as runner:
        verdict = runner.run(spawning.workbook.koan("matmul"), LEARNER)
    assert verdict.status == Status.crashed
    assert verdict.message.startswith("the process was killed by SIGKILL")


def test_a_run_ends_with_a_server_that_was_killed(spawning, monkeypatch):
    monkeypatch.setenv("KOANS_WARM_SECONDS", "600")
    marker = spawning.root / "began"
    spawning.body("matmul", f"import os; open({str(marker)!r}, 'w').write(str(os.getpid()))", "while True: pass")
    with Runner(spawning.workbook, Limits(timeout=600)) as runner:
        runner.warm_up()
        [server] = find_warm(spawning.root)

        def run():
            with pytest.raises(KoansError, match="the runner stopped"):
                runner.run(spawning.workbook.koan("matmul"), LEARNER)

        waits = threading.Thread(target=run)
        waits.start()
        until(lambda: marker.exists() and marker.read_text())
        os.kill(server.pid, signal.SIGKILL)
        waits.join(PATIENCE)
    until(lambda: not alive(int(marker.read_text())))


BARE = """
import os, socket, sys
sys.modules["resource"] = None
del socket.AF_UNIX
for name in ("fork", "getuid", "setsid", "killpg", "sched_getaffinity", "sysconf"):
    delattr(os, name)
"""


def test_without_unix_sockets_users_and_limits_commands_share_a_server_all_the_same(spawning, monkeypatch):
    monkeypatch.setenv("KOANS_START", "")
    monkeypatch.setenv("KOANS_WARM_SECONDS", "600")
    file = spawning.root / "sitecustomize.py"
    file.write_text(BARE)
    try:
        first = spawning.koans("run", "dot")
        assert first.returncode == 0, first.stderr
        place = spawning.root.parent / "servers"
        found = spawning.python("-c", FIND, env={"FOUND": str(place)})
        assert found.returncode == 0, found.stderr
        [server] = map(int, place.read_text().split())
        until(lambda: len(spares(server)) == 1)
        [waiting] = spares(server)
        assert spawning.koans("run", "dot").returncode == 0
        assert made(spawning)[1:] == [waiting]
        os.kill(server, signal.SIGTERM)
        until(lambda: not alive(server) and not alive(waiting))
    finally:
        file.unlink()


FIND = """
import os
from pathlib import Path
from grader.judge.runner.shared_server import find_warm
Path(os.environ["FOUND"]).write_text(" ".join(str(server.pid) for server in find_warm(Path.cwd())))
"""


@pytest.fixture
def port(monkeypatch, tmp_path):
    """A listener at a port of this machine, as on a system without Unix sockets."""
    monkeypatch.delattr(socket, "AF_UNIX")
    listener = Listener(tmp_path / "key.sock")
    listener.socket.settimeout(PATIENCE)
    yield listener
    listener.close()


def accepted(listener):
    """What `accept` returns, in a list that another thread fills, and that thread."""
    found = []
    thread = threading.Thread(target=lambda: found.append(listener.accept()))
    thread.start()
    return thread, found


def test_a_client_that_can_read_the_address_is_connected_to_a_port(port):
    assert port.path.stat().st_mode & 0o777 == 0o600
    thread, found = accepted(port)
    with dial(port.path) as client:
        thread.join(PATIENCE)
        with found[0] as server:
            client.sendall(b"hello")
            assert server.recv(5) == b"hello"


def test_a_client_without_the_secret_is_refused(port):
    thread, found = accepted(port)
    with socket.create_connection(port.socket.getsockname()) as stranger:
        stranger.sendall(bytes(32))
        thread.join(PATIENCE)
        assert found == [None]
        assert stranger.recv(1) == b""


def test_another_program_at_the_port_is_not_taken_for_the_server(port):
    thread, found = accepted(port)
    data = port.path.read_bytes()
    port.path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))  # so its answer is not the one in the file
    with pytest.raises(ConnectionRefusedError):
        dial(port.path)
    thread.join(PATIENCE)
    found[0].close()


def test_the_address_of_a_server_that_has_gone_is_refused_and_a_second_server_finds_it_taken(port):
    with pytest.raises(FileExistsError):
        Listener(port.path)
    port.socket.close()
    with pytest.raises(ConnectionRefusedError):
        dial(port.path)
    port.path.write_bytes(b"no address")
    with pytest.raises(ConnectionRefusedError):
        dial(port.path)


# Processes that are started, read and ended.


def begun(text, **options):
    """A Python process that runs this text."""
    return processes.start(["-c", text], env=environment(ROOT), cwd=ROOT, stdout=subprocess.PIPE, **options)


def test_a_pipe_is_read_with_a_limit_and_to_its_end():
    process = begun("import time; print('one', flush=True); time.sleep(0.3); print('two'); print('rest', end='')")
    reader = PipeReader(process.stdout)
    assert reader.line(PATIENCE).rstrip() == b"one"
    with pytest.raises(TimeoutError):
        reader.line(0)
    assert reader.line(PATIENCE).rstrip() == b"two"
    with pytest.raises(EOFError):
        reader.line(PATIENCE)
    assert reader.read(PATIENCE) == b""
    assert process.wait(PATIENCE) == 0


def test_a_process_ends_with_all_that_it_has_started_even_in_another_group():
    process = begun(
        "import subprocess, time\n"
        "for own in (False, True):\n"
        "    print(subprocess.Popen(['sleep', '600'], start_new_session=own).pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    reader = PipeReader(process.stdout)
    started = [int(reader.line(PATIENCE)) for _ in range(2)]
    assert all(map(alive, started))
    processes.end(process)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    until(lambda: not any(map(alive, started)))
    processes.end(process)  # a second time does nothing


def test_a_reader_that_is_closed_lets_go_of_a_writer_that_never_ends():
    process = begun("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    reader = PipeReader(process.stdout)
    assert reader.read(PATIENCE)
    reader.close()
    assert reader.read(PATIENCE) == b""
    processes.end(process)
    process.wait(PATIENCE)
    until(lambda: process.stdout.closed)
