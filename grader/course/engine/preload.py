"""What Dask calls when a worker process starts, before its first task, and when it ends.

The environment variable KOANS_ENGINE_WORKBOOK names the workbook that judges. Without it, it is the installed one.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from grader.book.places import SHIPPED
from grader.course.engine import worker
from grader.course.engine.commands import WORKBOOK
from grader.course.engine.task import RESOURCES, Resource

if TYPE_CHECKING:
    from distributed import Worker


async def dask_setup(dask_worker: Worker) -> None:
    """Start the runner. The worker takes tasks after that."""
    resource: Resource = next(name for name in RESOURCES if name in dask_worker.state.total_resources)
    root = Path(os.environ.get(WORKBOOK) or SHIPPED)
    await asyncio.to_thread(worker.start, root, resource)


def dask_teardown(dask_worker: Worker) -> None:
    worker.stop()
