"""The processes of an engine: Dask's own scheduler and workers, with our settings.

Nothing here schedules, restarts or balances. Dask's nanny starts a worker process again if it ends.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.book.errors import KoansError
from grader.book.processes import FOLDER, environment, module
from grader.course.engine.addresses import LOOPBACK, Remote, is_loopback, place
from grader.course.engine.certificates import Certificates

WORKBOOK = "KOANS_ENGINE_WORKBOOK"  # the variable with the root of the workbook that a worker judges with
PRELOAD, QUIET = f"{__package__}.preload", f"{__package__}.quiet"  # what a worker process loads first
# Dask would look at a worker's stack a hundred times a second, but a worker only waits for its runner.
NO_PROFILE = {"DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False"}
ALLOWED_FAILURES = 2  # a task whose worker ended is tried again this often
DEATH_TIMEOUT = "300 s"  # for a worker to start, warm up and be known to the scheduler
# A small web server is there even then. Without an address, all networks could reach it.
NO_DASHBOARD = ("--no-dashboard", "--dashboard-address", f"{LOOPBACK}:0")
VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # as the driver numbers GPUs, so that a device has its own name


@dataclass(frozen=True)
class Command:
    """A process: its arguments, the first of which is the program, and its variables."""

    arguments: tuple[str, ...]
    variables: Mapping[str, str]


def scheduler(
    host: str, port: int, dashboard: tuple[str, int] | None, certificates: Certificates | None, *, verbose: bool = False
) -> Command:
    """Dask's scheduler. An empty host means all networks of this machine."""
    options = ["--port", str(port), "--protocol", "tcp" if certificates is None else "tls"]
    options += ["--host", host] if host else []
    options += ["--dashboard-address", place(*dashboard)] if dashboard else NO_DASHBOARD
    settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(ALLOWED_FAILURES)}
    return _dask("scheduler", options, certificates, settings, verbose)


def workers(
    address: Remote,
    processes: int,
    gpus: Sequence[str],
    certificates: Certificates | None,
    workbook: Path,
    *,
    verbose: bool = False,
) -> tuple[Command, ...]:
    """Dask's workers: processes that judge without a GPU, and one process for each entry of CUDA_VISIBLE_DEVICES."""
    kinds = [(processes, "CPU=1", "")] if processes else []
    kinds += [(1, "GPU=1", gpu) for gpu in gpus]
    return tuple(_workers(address, *kind, certificates, workbook, verbose) for kind in kinds)


def _workers(
    address: Remote,
    processes: int,
    resource: str,
    visible: str,
    certificates: Certificates | None,
    workbook: Path,
    verbose: bool,
) -> Command:
    options = [str(address), "--nworkers", str(processes), "--nthreads", "1", "--memory-limit", "0"]
    options += ["--resources", resource, "--preload", PRELOAD, "--death-timeout", DEATH_TIMEOUT]
    options += [] if verbose else ["--preload", QUIET]
    options += NO_DASHBOARD
    if certificates is None:  # Dask would listen in all networks
        options += ["--host", address.host if is_loopback(address.host) else LOOPBACK]
    return _dask("worker", options, certificates, {WORKBOOK: str(workbook), VISIBLE: visible, **ORDER}, verbose)


def _dask(
    kind: str, options: Sequence[str], certificates: Certificates | None, settings: Mapping[str, str], verbose: bool
) -> Command:
    """A command of Dask. Its settings that were made outside count, but never those that follow."""
    fixed = NO_PROFILE | ({} if verbose else {"DASK_LOGGING__DISTRIBUTED": "warning"})
    if certificates is not None:
        cert, key = str(certificates.cert), str(certificates.key)
        options = [*options, "--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key]
        fixed["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] = "True"
    outside = {name: value for name, value in os.environ.items() if name.startswith("DASK_")}
    arguments = (sys.executable, *module(__package__, "dask_command"), kind, *options)
    return Command(arguments, {**environment(FOLDER), **outside, **fixed, **settings})


def visible_gpus(count: int) -> tuple[str, ...]:
    """The names of the first GPUs that this process may use. Raises KoansError if there are fewer than `count`."""
    if not count:
        return ()
    if VISIBLE in os.environ:
        named = (name.strip() for name in os.environ[VISIBLE].split(","))
        names = [name for name in itertools.takewhile(lambda name: name != "-1", named) if name]  # as CUDA reads it
    else:
        names = [str(number) for number in range(_gpus_here())]
    if count > len(names):
        raise KoansError(
            f"--gpus {count}: this process sees {len(names)} GPU{'s' * (len(names) != 1)} ({VISIBLE}, nvidia-smi)"
        )
    return tuple(names[:count])


def _gpus_here() -> int:
    """How many GPUs the driver lists."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines())


def run(commands: Sequence[Command]) -> int:
    """Run these until they end, and return the exit code. One command takes the place of this process.

    Several end together: if this process is told to end, by Ctrl-C or a signal, they are, too.
    """
    sys.stdout.flush()
    if len(commands) == 1:
        os.execve(commands[0].arguments[0], commands[0].arguments, dict(commands[0].variables))
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for one in commands:
            # In a group of its own: Ctrl-C in a terminal would reach it twice, and Dask ends in order only once.
            processes.append(subprocess.Popen(one.arguments, env=dict(one.variables), process_group=0))
        return max(abs(process.wait()) for process in processes)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()
