"""A real Slurm of one node grades a class with the script of docs/cluster."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.book.stubs import strip_markers
from tests.conftest import ROOT

SCRIPT = ROOT / "docs/cluster/slurm.sh"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "sinfo")
SBIN = "/usr/sbin:/sbin"
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in servers]


@pytest.fixture
def slurm(tmp_path):
    """Submits a job to a cluster of one node, and gives its state once it has ended. The cluster ends with the test."""
    path = f"{os.environ['PATH']}:{SBIN}"
    if not all(shutil.which(name, path=path) for name in PROGRAMS):
        pytest.skip("not run here: no Slurm (slurm-wlm, munge)")
    if os.geteuid() != 0:
        pytest.skip("not run here: only root can start Slurm's daemons")
    folder = tmp_path / "slurm"
    (folder / "spool").mkdir(parents=True)
    host = socket.gethostname().partition(".")[0]
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(host=host, folder=folder, ports=free_ports(2), cpus=os.cpu_count())
    )
    # There is no plugin of Slurm 22.05 for a machine without cgroups of its own.
    version_1 = Path("/sys/fs/cgroup/cpu").is_dir()
    (folder / "cgroup.conf").write_text(
        "CgroupPlugin=cgroup/v1\n" if version_1 else "CgroupPlugin=cgroup/v2\nIgnoreSystemd=yes\n"
    )
    key = folder / "munge.key"
    key.touch(0o600)
    key.write_bytes(os.urandom(1024))
    places = {"socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    munged = ["munged", "--foreground", "--force", f"--key-file={key}"]
    munged += [f"--{option}={folder}/munge.{name}" for option, name in places.items()]
    env = {**os.environ, "PATH": path, "KOANS_WARM_SECONDS": "0", "SLURM_CONF": str(folder / "slurm.conf")}

    with contextlib.ExitStack() as stack:

        def daemon(*arguments):
            log = stack.enter_context((folder / f"{arguments[0]}.out").open("wb"))
            one = subprocess.Popen(
                arguments, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL, process_group=0
            )
            stack.callback(end, one)

        def command(*arguments, **variables):
            return subprocess.run(arguments, env=env | variables, capture_output=True, text=True)

        daemon(*munged)
        wait(lambda: (folder / "munge.socket").exists(), folder)
        daemon("slurmctld", "-D")
        daemon("slurmd", "-D", "-N", host)
        wait(lambda: "idle" in command("sinfo", "-h").stdout, folder)

        def submit(*arguments, variables):
            sent = command(arguments[0], "--parsable", *arguments[1:], **variables)
            assert sent.returncode == 0, sent.stderr
            stack.callback(command, "scancel", "--full", sent.stdout.strip())
            states = []

            def ended():
                shown = command("scontrol", "--oneliner", "show", "job", sent.stdout.strip()).stdout
                states.extend(word.partition("=")[2] for word in shown.split() if word.startswith("JobState="))
                return states[-1] not in ("PENDING", "RUNNING", "COMPLETING")

            wait(ended, folder, 300)
            return states[-1]

        yield submit


def end(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait(condition, folder, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        logs = {log.name: log.read_text(errors="replace")[-2000:] for log in folder.glob("*.out")}
        assert time.monotonic() < deadline, logs
        time.sleep(0.2)


@pytest.fixture
def koans(small, tmp_path):
    """A folder with the command `koans` of the workbook `small`."""
    command = tmp_path / "bin/koans"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -P -m grader "$@"\n')
    command.chmod(0o755)
    return command.parent


def test_a_slurm_job_grades_twenty_submissions_and_ends(slurm, small, koans, tmp_path):
    names = [f"student{number:02}" for number in range(20)]
    expected = {}
    for number, name in enumerate(names):
        fork = small.hand_in(tmp_path / "forks" / name)
        solved = [koan for bit, koan in enumerate(small.workbook.koans.values()) if number >> bit & 1]
        for koan in solved:
            answer = strip_markers(small.workbook.solution(koan).read_text())
            (fork / f"exercises/{koan.id}.py").write_text(answer)
        expected[name] = sum(koan.points for koan in solved)
    log, result = tmp_path / "job.log", tmp_path / "class.json"
    state = slurm(
        *("sbatch", "--nodes=1", "--cpus-per-task=1", f"--output={log}", "--chdir", tmp_path),
        *(SCRIPT, tmp_path / "forks", "--seed", "1", f"--format=json={result}"),
        variables={"PATH": f"{koans}:{os.environ['PATH']}", "PYTHONPATH": str(small.root), "HOME": str(tmp_path)},
    )
    said = log.read_text()
    assert state == "COMPLETED", said
    graded = json.loads(result.read_text())
    assert {one["submission"]: one["earned"] for one in graded["grades"]} == expected
    assert not re.search(r"Traceback|WARNING|ERROR|CANCELLED", said), said  # it ends in order
    assert not (tmp_path / "forks/.koans").exists()
