"""The process of Dask's scheduler. `commands` starts it."""

from __future__ import annotations


def main() -> None:
    """Run `dask scheduler` with the arguments of this process."""
    from distributed.cli.dask_scheduler import main as command

    command()
