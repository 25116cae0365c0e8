"""Opens the engine that `koans grade --on` names: worker processes of this machine, or a cluster's scheduler."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from grader.book.errors import KoansError
from grader.book.processes import cores
from grader.book.workbook import Workbook
from grader.course.engine import addresses
from grader.course.engine import certificates as files
from grader.course.engine.dask_engine import DaskEngine
from grader.course.engine.local import cluster

if TYPE_CHECKING:
    from distributed import Client

CONNECTING = 60.0  # seconds to wait for a scheduler, which may have been started at the same time


@contextlib.contextmanager
def opened(on: str, workbook: Workbook, certificates: Path | None, tell: Callable[[str], None]) -> Iterator[DaskEngine]:
    """The engine at this address. `tell` is called with lines for the user. Raises KoansError.

    A cluster on this machine starts within the block and ends with it.
    """
    where = addresses.parse(on)
    addresses.require_dask()
    import dask
    import distributed  # noqa: F401 - it sets the levels of its loggers

    for name in ("distributed", "distributed.client"):  # what matters to the user is told in our words
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set({"logging": {"distributed": "critical"}}))  # workers started here read it
        if isinstance(where, addresses.Local):
            from distributed import Client

            client = Client(stack.enter_context(cluster(workbook.root, where.processes or cores())))
            tell(f"dashboard: {client.dashboard_link}")
        else:
            client = _connected(where, certificates, tell)
        yield stack.enter_context(DaskEngine(workbook, client, on, tell=tell))


def _connected(where: addresses.Remote, certificates: Path | None, tell: Callable[[str], None]) -> Client:
    """A client of the scheduler there. Raises KoansError."""
    from distributed import Client

    checked = addresses.certificates_for(where, certificates)
    addresses.wait_for(where, checked, patience=CONNECTING, on_wait=lambda: tell(f"waiting for a scheduler at {where}"))
    try:
        return Client(str(where), security=checked and files.security(checked), timeout=CONNECTING)
    except (OSError, TimeoutError, ValueError) as error:
        raise KoansError(f"{where}: cannot be used ({error}); `docs/CLUSTER.md` shows how one is started") from None
