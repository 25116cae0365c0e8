"""A warm, clean process that forks one worker for each connection and reports how the worker ended.

Clean means: it has imported torch and this package, and nothing of the workbook's content. So a worker's memory holds
no solution, oracle or test. `python -m grader.judge.sandbox.zygote FOLDER ROOT` listens on FOLDER/socket and ends when
its stdin closes. It has one thread, because a fork copies only the thread that calls it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import itertools
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from grader.book.processes import FORK_PAUSE, fork, is_ours
from grader.book.serialization import Unpacker, pack, pack_result
from grader.judge import settings
from grader.judge.sandbox import answers, confine, users, wire, worker
from grader.judge.sandbox.reaper import Reaper, reset_signals

TAIL = 4000  # bytes: how much of the end of a worker's stderr is passed on
STDIN = 0
LISTENING = b"listening\n"


@dataclass
class Child:
    """A worker: its process, the trusted side's connection, and the file with its stderr.

    Also the CPU core it may use, and its user id if the zygote is root.
    """

    pid: int
    connection: socket.socket
    output: int
    core: int
    user: int | None


class Zygote:
    """One loop over new connections, connections that close, and workers that end."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder, self.root = folder, root
        self.scratch = folder / "scratch"
        self.scratch.mkdir(mode=0o700, exist_ok=True)
        (folder / "socket").unlink(missing_ok=True)  # of a zygote that has died
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(folder / "socket"))
        (folder / "socket").chmod(0o600)
        self.listener.listen(64)
        self.children: dict[int, Child] = {}  # by the descriptor of the connection
        self.numbers = itertools.count()
        self.cores = sorted(os.sched_getaffinity(0))
        self.users = users.block()
        if self.users:  # other users must pass through it to their temporary folder; the socket stays root's
            self.folder.chmod(0o711)
        self.reaper = Reaper()
        self.poll = select.poll()
        for fd in (STDIN, self.reaper.fd, self.listener.fileno()):
            self.poll.register(fd, select.POLLIN)

    def serve(self) -> None:
        while True:
            for fd, _ in self.poll.poll():
                if fd == STDIN:  # the owner has closed it
                    return
                if fd == self.listener.fileno():
                    self._accept()
                elif fd == self.reaper.fd:
                    self.reaper.drain()
                elif fd in self.children:  # the trusted side has closed its end
                    self.poll.unregister(fd)
                    os.kill(self.children[fd].pid, signal.SIGKILL)
            for pid, status in self.reaper.ended():
                self._report_end(pid, status)

    def _accept(self) -> None:
        """Start a worker for a new connection. The connection is closed if the machine has no room for a worker."""
        connection = None
        try:
            connection = self.listener.accept()[0]
            self._fork(connection)
        except OSError as error:
            print(f"no worker could be started: {error}", file=sys.stderr, flush=True)
            if connection is not None:
                connection.close()
            else:
                time.sleep(FORK_PAUSE)

    def _fork(self, connection: socket.socket) -> None:
        """Start a worker. Raises OSError."""
        name = str(self.folder / f"output-{next(self.numbers)}")
        output = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        os.unlink(name)
        # Each worker gets one core, the one with the fewest workers. A hundred busy threads then slow no other core.
        core = min(self.cores, key=lambda c: sum(child.core == c for child in self.children.values()))
        taken = {child.user for child in self.children.values()}
        user = next((user for user in self.users if user not in taken), None)
        try:
            pid = fork()
        except OSError:
            os.close(output)
            raise
        if pid == 0:
            try:
                self._become_worker(connection.fileno(), output, core, user)
            except (EOFError, OSError):
                pass  # the trusted side has gone
            finally:
                os._exit(0)
        self.children[connection.fileno()] = Child(pid, connection, output, core, user)
        self.poll.register(connection.fileno(), 0)  # report only its closing, because the worker reads the messages

    def _become_worker(self, connection: int, output: int, core: int, user: int | None) -> None:
        os.setsid()  # it has no terminal, and some schedulers give each session its own share of CPU time
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, {core})
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")  # if memory runs out, the kernel kills it first
        reset_signals()
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        for fd in (1, 2):
            os.dup2(output, fd)
        faulthandler.enable(file=2)
        worker.main(connection, self.scratch, self.root, user)

    def _report_end(self, pid: int, status: int) -> None:
        """Tell the trusted side how its worker ended, and forget the worker."""
        fd, child = next((fd, c) for fd, c in self.children.items() if c.pid == pid)
        del self.children[fd]
        with contextlib.suppress(KeyError):  # it was unregistered when the connection closed
            self.poll.unregister(fd)
        size = os.lseek(child.output, 0, os.SEEK_END)
        tail = os.pread(child.output, TAIL, max(0, size - TAIL)).decode(errors="replace")
        os.close(child.output)
        with contextlib.suppress(OSError):
            child.connection.send(wire.frame(wire.Ended(status, tail)), socket.MSG_DONTWAIT)
        child.connection.close()


def warm_up() -> None:
    """Import what submissions import, so that a worker does not have to."""
    import torch

    torch.set_num_threads(1)  # before any operation: children of a process that used threads hang
    import collections  # noqa: F401
    import math  # noqa: F401

    import jaxtyping  # noqa: F401
    import numpy  # noqa: F401
    import torch.nn.functional

    import reference  # noqa: F401 - the decorators only, for the gate's runs of right and wrong answers

    settings.seed()  # numpy imports its generators at their first use
    _rehearse()
    gc.collect()
    gc.freeze()


def _rehearse() -> None:
    """Make one call as a worker makes it: torch and msgspec prepare some things at their first use."""
    import torch

    x = torch.ones(2, 2)
    call = wire.Call(1, "f", pack((x, [1.0])), pack({}))
    request = wire.request(wire.frame(call)[wire.HEADER :])
    assert isinstance(request, wire.Call)
    y = Unpacker()(request.args)[0]
    with answers.rules(["torch.softmax"]):
        value = pack_result((y @ y).exp().sum(-1).to(torch.bfloat16))
    wire.frame(wire.Returned(1, value))


def main() -> None:
    folder, root = Path(sys.argv[1]), Path(sys.argv[2])
    warm_up()
    # A worker must not be able to import from the workbook or from the current folder.
    sys.path[:] = [p for p in sys.path if p and not Path(p).resolve().is_relative_to(root.resolve())] + [
        p for p in sys.path if p.endswith(confine.PACKAGES)
    ]
    for name, module in sys.modules.items():
        if (is_ours(name) or name.partition(".")[0] == "reference") and hasattr(module, "__path__"):
            module.__path__ = []  # what is not imported yet cannot be read, so it is not to be found either
    os.chdir("/")
    confine.readable(root)  # the search for Python's folders takes longer than all else that confines a worker
    zygote = Zygote(folder, root)
    os.write(1, LISTENING)
    try:
        zygote.serve()
    finally:
        for child in zygote.children.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
