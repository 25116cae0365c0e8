"""Notebooks for tests: exported notebooks with answers, notebooks made of texts, and kernels to run them in."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

from grader.book.notebook_parser.answers import without_header
from grader.book.stubs import strip_markers
from grader.book.workbook import Koan, Workbook

RESET = "get_ipython().reset(new_session=True)"  # it also removes the history


def answer(book: Workbook, koan: Koan) -> str:
    """The solution as the text of a cell."""
    return without_header(strip_markers(book.solution(koan).read_text()))


def solved(book: Workbook, notebook: Any, chapter: str) -> Any:
    """Write the solutions into the cells for them."""
    for cell in notebook.cells:
        if cell.id.startswith("koan-"):
            cell.source = answer(book, book.koan(f"{chapter}/{cell.id.removeprefix('koan-')}"))
    return notebook


def of_cells(*texts: str, chapter: str = "", **metadata: Any) -> dict[str, Any]:
    """A notebook of code cells, as data for JSON."""
    cells = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "execution_count": None, "outputs": [], "source": text}
        for i, text in enumerate(texts, 1)
    ]
    known = {"koans": {"chapter": chapter}} if chapter else {}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {**known, **metadata}, "cells": cells}


def write(file: Path, notebook: Mapping[str, Any]) -> Path:
    file.write_text(json.dumps(notebook), encoding="utf-8")
    return file


class Kernel:
    """A running kernel. `run` runs a notebook from top to bottom in it, as if it had just started."""

    def __init__(self, loop: asyncio.Runner, manager: AsyncKernelManager) -> None:
        self._loop = loop
        self._manager = manager
        self._client = NotebookClient(nbformat.v4.new_notebook(), km=manager, timeout=300, allow_errors=True)

    async def ran(self, notebook: Any) -> Any:
        cells = [nbformat.v4.new_code_cell(RESET), *notebook.cells]
        self._client.nb = nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)
        await self._client.async_execute()
        notebook.cells = self._client.nb.cells[1:]
        return notebook

    def run(self, notebook: Any) -> Any:
        return self._loop.run(self.ran(notebook))

    def texts(self, *cells: str) -> list[str]:
        """The output of each of these cells, run in order."""
        notebook = self.run(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells]))
        return [output_text(cell) for cell in notebook.cells]

    async def close(self) -> None:
        if self._client.kc is not None:
            self._client.kc.stop_channels()
        await self._manager.shutdown_kernel(now=True)


def output_text(cell: Any) -> str:
    """A cell's outputs as text."""
    return "\n".join(
        output.get("text") or "".join(output.get("data", {}).get("text/plain", "")) for output in cell.outputs
    ).strip()


@contextmanager
def kernels(folder: Path, count: int) -> Iterator[tuple[asyncio.Runner, list[Kernel]]]:
    """Kernels that start in this folder, and the event loop of all of them."""
    with asyncio.Runner() as loop:
        running: list[Kernel] = []
        try:
            for _ in range(count):
                manager = AsyncKernelManager(kernel_name="python3")
                loop.run(manager.start_kernel(cwd=str(folder)))
                running.append(Kernel(loop, manager))
            yield loop, running
        finally:
            for kernel in running:
                loop.run(kernel.close())
