"""`koans engine certificates`, `scheduler` and `worker`."""

from __future__ import annotations

import shlex
import socket
from pathlib import Path
from typing import Annotated

import typer

from grader.book.errors import KoansError, needs
from grader.book.processes import cores
from grader.book.workbook import Workbook, find_root
from grader.cli.base import installed, say

HELP = "Grade on several machines, with Dask. docs/CLUSTER.md shows it for ssh, Slurm and Kubernetes."

app = typer.Typer(rich_markup_mode=None, help=HELP)

CertificatesOption = Annotated[
    Path | None,
    typer.Option(
        "--certificates",
        metavar="DIR",
        envvar="KOANS_CERTIFICATES",
        show_envvar=False,
        help="The folder with cert.pem and key.pem [default: KOANS_CERTIFICATES].",
        show_default=False,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show all messages of Dask, not only warnings.")]


@app.command("certificates", short_help="Make the certificates that all machines share.")
def certificates(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write, which need not exist.")],
) -> None:
    """Make the key and the certificate that all machines share. Existing files are never replaced.

    Scheduler, workers and `koans grade` need the same folder. Whoever has it can run code on all machines, so copy it
    only to accounts that you trust. On a shared home folder, nothing has to be copied.

    \b
    Example:
      koans engine certificates ~/koans-certificates
    """
    needs("`koans engine certificates`", "linux")
    from grader.course.engine import addresses
    from grader.course.engine import certificates as files

    addresses.require_dask()
    made = files.make(folder)
    print(f"{made.folder}: certificates, valid until {made.until:%Y-%m-%d}")
    print(f"copy the folder to each machine, for your account only: scp -pr {shlex.quote(str(made.folder))} HOST:")
    print("whoever has it can run code on all machines")


@app.command("scheduler", short_help="Start the scheduler, which workers and `koans grade` reach.")
def scheduler(
    host: Annotated[
        str,
        typer.Option(metavar="HOST", help="Listen here only [default: all networks; 127.0.0.1 without certificates]."),
    ] = "",
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="The port to listen at.")] = 8786,
    dashboard: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where Dask shows what is running; `off`: nowhere.")
    ] = "127.0.0.1:8787",
    certificates: CertificatesOption = None,
    verbose: Verbose = False,
) -> None:
    """Start the scheduler, which hands out submissions to workers. Ctrl-C ends it, and its workers too.

    With certificates, all connections are encrypted, and other machines can connect. Without them, only this machine
    can. The dashboard has no password, so it listens on this machine only: reach it through an ssh tunnel.

    \b
    Examples:
      koans engine scheduler --certificates ~/koans-certificates
      koans engine scheduler
    """
    needs("`koans engine scheduler`", "linux")
    from grader.course.engine import addresses, commands
    from grader.course.engine import certificates as files

    addresses.require_dask()
    found = None if certificates is None else files.read(certificates)
    listens = host or ("" if found else addresses.LOOPBACK)
    # A scheduler for all networks is reached by the name of this machine.
    name = socket.gethostname() if listens in ("", "0.0.0.0", "::") else listens
    address = addresses.scheduler_at(f"{'tls' if found else 'tcp'}://{addresses.place(name, port)}")
    addresses.check_free(listens, port, "--port PORT")
    shown = None if dashboard == "off" else addresses.split(dashboard)
    if shown is not None:
        addresses.check_free(*shown, "--dashboard HOST:PORT")
        if not addresses.is_loopback(shown[0]):
            say(f"the dashboard has no password: everybody who reaches {dashboard} sees what is running")
    if not found:
        say("without certificates, every user of this machine can run code as you; --certificates DIR prevents it")
    own = f" --certificates {shlex.quote(str(found.folder))}" if found else ""
    print(f"workers:   koans engine worker {address}{own}")  # whole lines, to copy
    print(f"grade:     koans grade CLASS --on {address}{own}")
    print(f"dashboard: http://{addresses.place(*shown)}" if shown else "dashboard: off")
    raise typer.Exit(commands.run([commands.scheduler(listens, port, shown, found, verbose=verbose)]))


@app.command("worker", short_help="Start worker processes on this machine.")
def worker(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The scheduler: tls://HOST:PORT.")],
    processes: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--processes",
            metavar="N",
            min=0,
            help="Processes that judge on the CPU [default: one for each core].",
        ),
    ] = None,
    gpus: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="GPUs to time kernels on, each with a process of its own."),
    ] = 0,
    judge: Annotated[
        Path | None,
        typer.Option("--workbook", metavar="DIR", help="The workbook that judges [default: the installed one]."),
    ] = None,
    certificates: CertificatesOption = None,
    verbose: Verbose = False,
) -> None:
    """Start worker processes on this machine. They end when the scheduler ends.

    The scheduler may start later: the command waits for it for ten minutes. The workbook and the versions of koans,
    Python and PyTorch must be the same as where `koans grade` runs.

    \b
    Examples:
      koans engine worker tls://node1:8786 --certificates ~/koans-certificates
      koans engine worker tls://node1:8786 --gpus 2
      koans engine worker tls://node1:8786 -n 0 --gpus 1
      koans engine worker tcp://127.0.0.1:8786 -n 4
    """
    needs("`koans engine worker`", "linux")
    from grader.course.engine import addresses, commands

    at = addresses.scheduler_at(address)
    addresses.require_dask()
    found = addresses.certificates_for(at, certificates)
    book = Workbook(find_root(judge) if judge is not None else installed())
    count = cores() if processes is None else processes
    started = commands.workers(at, count, commands.visible_gpus(gpus), found, book.root, verbose=verbose)
    if not started:
        raise KoansError("-n 0 without --gpus starts nothing")
    addresses.wait_for(at, found, on_wait=lambda: say(f"waiting for a scheduler at {at}"))
    on = f"{count} processes on the CPU" + (f", {gpus} with a GPU each" if gpus else "")
    print(f"{socket.gethostname()}: {on}, for {at}")
    raise typer.Exit(commands.run(started))
