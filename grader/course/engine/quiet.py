"""Dask calls this in each worker process that has started: it logs no more errors from there.

When a cluster ends, its connections do, and Dask's workers log tracebacks about that. Errors of tasks reach the client,
and the nanny, another process, says that a worker ended.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Worker


def dask_setup(dask_worker: Worker) -> None:
    """Let `distributed` log nothing but what ends this process."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
