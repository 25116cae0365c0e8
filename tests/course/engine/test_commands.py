"""What `koans engine scheduler` and `worker` start, and what they refuse before they start anything."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from grader.course.engine import certificates, commands
from tests.conftest import ROOT, Play

PLAY = Play(ROOT)


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("KOANS_CERTIFICATES", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def certs(tmp_path):
    return str(certificates.make(tmp_path / "certs").folder)


@pytest.fixture
def started(monkeypatch):
    """Runs `koans engine ...`, and gives the processes that it would start, as options and variables."""
    found = []

    class Process:
        def __init__(self, arguments, env, process_group):
            assert process_group == 0
            found.append((arguments, env))

        def wait(self):
            return 0

        terminate = wait

    def execve(program, arguments, env):
        found.append((arguments, env))
        raise SystemExit(0)

    monkeypatch.setattr("grader.course.engine.commands.subprocess.Popen", Process)
    monkeypatch.setattr(os, "execve", execve)

    def run(*args):
        said = PLAY.says("engine", *args)
        assert said.returncode == 0, said.stderr
        return said, [([*arguments], env) for arguments, env in found]

    return run


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


@pytest.fixture
def scheduler():
    """The address of something that listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield f"tcp://127.0.0.1:{one.getsockname()[1]}"


def option(arguments, name):
    assert arguments.count(name) == 1
    return arguments[arguments.index(name) + 1]


def test_a_scheduler_with_certificates_requires_encryption_and_shows_its_dashboard_to_this_machine(
    started, certs, port
):
    said, [(arguments, env)] = started(
        "scheduler", "--certificates", certs, "--port", str(port), "--dashboard", f"127.0.0.1:{port}"
    )
    assert (option(arguments, "--protocol"), option(arguments, "--port")) == ("tls", str(port))
    assert option(arguments, "--dashboard-address") == f"127.0.0.1:{port}"
    assert "--host" not in arguments
    assert {option(arguments, name) for name in ("--tls-ca-file", "--tls-cert")} == {f"{certs}/cert.pem"}
    assert option(arguments, "--tls-key") == f"{certs}/key.pem"
    assert env["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] == "True"
    assert env["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] == "2"
    address = f"tls://{socket.gethostname()}:{port} --certificates {certs}"
    assert said.stdout.splitlines() == [
        f"workers:   koans engine worker {address}",
        f"grade:     koans grade CLASS --on {address}",
        f"dashboard: http://127.0.0.1:{port}",
    ]
    assert said.stderr == ""


def test_a_scheduler_without_certificates_is_for_this_machine_and_says_who_could_use_it(started, port):
    said, [(arguments, env)] = started("scheduler", "--port", str(port), "--dashboard", "off")
    assert (option(arguments, "--protocol"), option(arguments, "--host")) == ("tcp", "127.0.0.1")
    assert "--no-dashboard" in arguments
    assert option(arguments, "--dashboard-address") == "127.0.0.1:0"  # Dask has a web server even then
    assert "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION" not in env
    assert "every user of this machine can run code as you" in said.stderr


def test_a_scheduler_for_other_machines_needs_certificates(port):
    said = PLAY.says("engine", "scheduler", "--host", "0.0.0.0", "--port", str(port))
    assert (said.returncode, said.stdout) == (2, "")
    assert "use tls:// and --certificates" in said.stderr


def test_a_dashboard_for_other_machines_comes_with_a_warning(started, certs, port):
    said, [(arguments, _)] = started(
        "scheduler", "--certificates", certs, "--port", str(port), "--dashboard", f"0.0.0.0:{port}"
    )
    assert option(arguments, "--dashboard-address") == f"0.0.0.0:{port}"
    assert said.stderr.startswith("koans: the dashboard has no password: everybody who reaches ")


@pytest.mark.parametrize("flag", ["--port", "--dashboard"])
def test_a_port_that_is_in_use_is_refused_before_dask_starts(flag, port):
    with socket.create_server(("127.0.0.1", 0)) as one:
        used = one.getsockname()[1]
        given = {
            "--port": str(port),
            "--dashboard": "off",
            flag: str(used) if flag == "--port" else f"127.0.0.1:{used}",
        }
        said = PLAY.says("engine", "scheduler", *(word for pair in given.items() for word in pair))
    assert said.returncode == 2
    assert f"cannot listen at 127.0.0.1:{used} (address already in use): {flag} " in said.stderr


def test_cpu_workers_are_one_process_of_dask_that_sees_no_gpu(started, scheduler, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    _, [(arguments, env)] = started("worker", scheduler, "-n", "3")
    wanted = {"--nworkers": "3", "--nthreads": "1", "--memory-limit": "0", "--resources": "CPU=1"}
    assert {name: option(arguments, name) for name in wanted} == wanted
    loaded = [arguments[i + 1] for i, word in enumerate(arguments) if word == "--preload"]
    assert loaded == ["grader.course.engine.preload", "grader.course.engine.quiet"]
    assert env["CUDA_VISIBLE_DEVICES"] == ""
    assert env["KOANS_ENGINE_WORKBOOK"] == str(ROOT)
    # Without certificates, nothing of it may listen in a network.
    assert option(arguments, "--host") == "127.0.0.1"
    assert option(arguments, "--dashboard-address") == "127.0.0.1:0"


def test_each_gpu_gets_a_process_that_sees_no_other(started, scheduler, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-abc,5")
    _, processes = started("worker", scheduler, "-n", "2", "--gpus", "2")
    found = [
        (option(words, "--resources"), option(words, "--nworkers"), env["CUDA_VISIBLE_DEVICES"])
        for words, env in processes
    ]
    assert found == [("CPU=1", "2", ""), ("GPU=1", "1", "3"), ("GPU=1", "1", "GPU-abc")]


def test_more_gpus_than_there_are_and_no_process_at_all_are_refused(scheduler, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,-1,1")  # CUDA sees nothing from -1 on
    said = PLAY.says("engine", "worker", scheduler, "--gpus", "2")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("koans: --gpus 2: this process sees 1 GPU ")
    said = PLAY.says("engine", "worker", scheduler, "-n", "0")
    assert (said.returncode, said.stdout) == (2, "")


def test_a_worker_gets_no_secret_of_the_shell_but_the_settings_of_dask(started, scheduler, monkeypatch):
    monkeypatch.setenv("CLOUD_TOKEN", "secret")
    monkeypatch.setenv("DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT", "90s")
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "50")
    _, [(_, env)] = started("worker", scheduler, "-n", "1")
    assert "CLOUD_TOKEN" not in env
    assert env["DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT"] == "90s"
    assert env["DASK_LOGGING__DISTRIBUTED"] == "warning"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["tls://127.0.0.1:8786"], "tls://127.0.0.1:8786 needs certificates: give --certificates DIR"),
        (["tcp://10.0.0.5:8786"], "tcp://10.0.0.5:8786: without encryption, everybody"),
        (["local:4"], "'local:4' starts its own workers"),
        (["node1"], "'node1' is no address of an engine"),
        (["tcp://127.0.0.1:1", "--workbook", "/none"], "/none"),
    ],
)
def test_what_a_worker_cannot_use_is_one_line(args, says):
    said = PLAY.says("engine", "worker", *args)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.startswith("koans: ") and says in said.stderr
    assert said.stderr.count("\n") == 1


def test_dask_that_ends_with_an_error_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as one:
        used = one.getsockname()[1]
        started = commands.scheduler("127.0.0.1", used, None, None)
        ended = subprocess.run(
            started.arguments, env=dict(started.variables), capture_output=True, text=True, timeout=100
        )
    assert (ended.returncode, ended.stdout) == (1, "")
    assert re.fullmatch(
        r"koans: the scheduler of Dask ended \(.*ddress already in use.*\); --verbose shows more\n", ended.stderr
    )


PARENT = """
import signal, sys
from grader.cli import main
from grader.course.engine import commands
child = "import os, time; print(os.getpid(), flush=True); time.sleep(300)"
commands.workers = lambda *_, **__: [commands.Command((sys.executable, "-c", child), {})] * 3
sys.argv = ["koans", "engine", "worker", sys.argv[1]]
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_all_processes_of_a_worker(number, code, scheduler):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, scheduler], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout.readline().endswith(f", for {scheduler}\n")
    assert len({parent.stdout.readline() for _ in range(3)}) == 3
    parent.send_signal(number)
    out, err = parent.communicate(timeout=60)  # it reads until no process can write any more
    assert (parent.returncode, out, err.strip()) == (code, "", "")
