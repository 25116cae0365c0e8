"""A cluster on this machine, for `--on local:N`: worker processes that end with the command.

Any user of a machine can connect to a port of its loopback interface, and whoever may talk to a scheduler can run code
on its workers. So this cluster is encrypted as well, with a key that only this process and its workers have.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grader.book.errors import KoansError
from grader.course.engine.commands import ALLOWED_FAILURES, PRELOAD, VISIBLE, WORKBOOK
from grader.course.engine.task import Resource
from grader.gpu.devices import present

if TYPE_CHECKING:
    from distributed import SpecCluster

DASHBOARD = "127.0.0.1:0"  # any free port, for this machine only
CLOSING = 30.0  # seconds for workers that end; on a busy machine they take some
SETTINGS = {
    # A worker that was killed is started again. On a busy machine that takes longer than the 15 s that Dask waits.
    "distributed.deploy.lost-worker-timeout": "1 hour",
    # Dask would look at a worker's stack a hundred times a second, but a worker only waits for its runner.
    "distributed.worker.profile.enabled": False,
}


@contextlib.contextmanager
def cluster(root: Path, workers: int) -> Iterator[SpecCluster]:
    """A cluster with so many CPU workers, and one GPU worker if this machine has a GPU.

    `root` is the workbook that judges. Raises KoansError if it does not start.
    """
    import dask
    from distributed import Nanny, Scheduler, SpecCluster
    from distributed.security import Security

    security = Security.temporary()
    common = {"security": security, "protocol": "tls://", "host": "127.0.0.1"}

    def spec(resource: Resource) -> dict[str, Any]:
        hidden = {VISIBLE: ""} if resource == "CPU" else {}
        options = {
            "nthreads": 1,
            "memory_limit": 0,
            "resources": {resource: 1},
            "preload": [PRELOAD],
            "dashboard": False,
            "dashboard_address": DASHBOARD,
            "silence_logs": 50,
        }
        return {"cls": Nanny, "options": {**common, **options, "env": {WORKBOOK: str(root), **hidden}}}

    specs = [spec("CPU") for _ in range(workers)] + ([spec("GPU")] if present() else [])
    has_dashboard = importlib.util.find_spec("bokeh") is not None
    options = {
        **common,
        "allowed_failures": ALLOWED_FAILURES,
        "port": 0,
        "dashboard": has_dashboard,
        "dashboard_address": DASHBOARD,
    }
    scheduler = {"cls": Scheduler, "options": options}
    with dask.config.set(SETTINGS):  # processes that are started here inherit them
        try:
            made = SpecCluster(dict(enumerate(specs)), scheduler, security=security, silence_logs=50)
        except (OSError, RuntimeError, TimeoutError) as error:
            raise KoansError(f"local:{workers}: the workers do not start ({error})") from None
        try:
            yield made
        finally:
            with contextlib.suppress(TimeoutError):  # what is left ends with this process
                made.close(timeout=CLOSING)
