"""The process of Dask's worker. `commands` starts it."""

from __future__ import annotations


def main() -> None:
    """Run `dask worker` with the arguments of this process."""
    from distributed.cli.dask_worker import main as command

    command()
