"""`koans trace`: what a kernel does to memory, as a page, a picture, text or JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from grader.book.errors import KoansError
from grader.cli import completion
from grader.cli.base import Json, dump, say, show, waiting, workbook
from grader.cli.tracking import koan_or_current
from grader.learn.progress import Progress


def trace(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="A kernel koan; default: the current one.",
            show_default=False,
            autocompletion=completion.koans,
        ),
    ] = None,
    step: Annotated[
        int | None,
        typer.Option(metavar="N", help="Draw only this step, as SVG; needs -o FILE.svg.", show_default=False),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the page as FILE.html, or a step as FILE.svg; - writes to the output.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what your kernel does: which program loads and stores what, step by step.

    Your kernel runs on a small example with your CONFIG: several programs along each axis, and a tail. The text says
    what each line moves, which blocks each program reads, and what L2 could share. The page shows tensors as grids,
    programs as colors, and a slider for the steps. It is one file that works without a network; the default place is
    .koans/trace/NAME.html. If a kernel fails, the trace ends there. `koans run` tells whether the results are right.

    Exit code 0 if the kernel ran to its end, 1 if it failed or is not written yet.

    \b
    Examples:
      koans trace matmul_kernel
      koans trace matmul_kernel -o tiles.html
      koans trace matmul_kernel --step 3 -o step3.svg
      koans trace flash_causal --json
    """
    from grader.book.files import check_ending, write_file
    from grader.learn.trace.as_json import as_data
    from grader.learn.trace.collect import NothingYet, check_is_kernel, traced
    from grader.learn.trace.page import page
    from grader.learn.trace.step_picture import step_picture
    from grader.learn.trace.summary import failure, summary

    _check_options(step, file, as_json)
    if file is not None and str(file) != "-":
        if step is None and file.suffix.lower() == ".svg":
            raise KoansError(f"{file}: a picture shows one step: name the step with --step N")
        check_ending(file, (".svg",) if step is not None else (".html",))
    book = workbook()
    with Progress(book.root, must_write=False) as progress:
        koan = koan_or_current(book, progress, name)
    check_is_kernel(koan, book)
    try:
        with waiting(f"tracing {koan.id}"):
            report = traced(book, koan)
    except NothingYet:
        say(f"exercises/{koan.id}.py is not written yet, so there is nothing to trace")
        raise typer.Exit(1) from None
    if step is not None:
        assert file is not None
        write_file(str(file), step_picture(report, step))
    elif file is not None:
        write_file(str(file), page(report))
    elif not as_json:
        file = book.root / ".koans" / "trace" / f"{koan.name}.html"
        try:
            write_file(str(file), page(report), make_folder=True)
        except KoansError as error:  # the text needs no file
            say(f"no page was written: {error}")
            file = None
    if as_json:
        dump(as_data(report))
    elif file is None or str(file) != "-":
        if step is None:
            show(Text(summary(report)), "")
        elif report.failure:
            say("\n".join(failure(report)))
        if file is not None:
            shown = file.relative_to(book.root).as_posix() if file.is_relative_to(book.root) else file
            show(Text(f"{shown} written" + (": open it in a browser" if step is None else "")))
    raise typer.Exit(1 if report.failure else 0)


def _check_options(step: int | None, file: Path | None, as_json: bool) -> None:
    if step is not None and file is None:
        raise KoansError("--step draws a picture: name its file with -o FILE.svg")
    if as_json and file is not None and str(file) == "-":
        raise KoansError("--json and -o - both write to the output: give one of them")
    if as_json and step is not None:
        raise KoansError("--json has all steps: remove --step")
