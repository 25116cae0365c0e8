"""`koans bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.book.errors import KoansError, writing
from grader.cli.base import Json, dump, say, show, waiting, workbook

app = typer.Typer(rich_markup_mode=None, help="Time different ways to compute the same thing, beside their limits.")


@app.callback()
def benches() -> None:
    """Time different ways to compute the same thing, beside their limits."""


@app.command(short_help="Attention: loops, einsum, Triton and torch's SDPA.")
def attention(
    lengths: Annotated[str, typer.Option(metavar="N,N", help="Tokens, separated by commas.")] = "512,4096,16384",
    widths: Annotated[str, typer.Option(metavar="N,N", help="Head widths, separated by commas.")] = "64,128",
    budget: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="On a CPU: the longest time for one way and one cell, in seconds.", min=0.1
        ),
    ] = 5.0,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for JSON and plots; default: .koans/bench.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Time attention in bf16: loops, einsum, Triton (the model kernel, and yours once written) and torch's SDPA.

    With a GPU, all of them take turns in one process. On a CPU, the command times what finishes within the budget. It
    predicts what an H100 would need from counted bytes and FLOPs. Table, plot and JSON mark predictions as such. Ctrl-C
    keeps the results so far.

    \b
    Examples:
      koans bench attention
      koans bench attention --lengths 512,4096 --widths 128
      koans bench attention --out results --json
    """
    from grader.gpu.bench import plot
    from grader.gpu.bench.attention import bench, parse_lengths, parse_widths, save_states
    from grader.gpu.bench.table import tables

    book = workbook()
    folder = out or book.root / ".koans" / "bench"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with waiting("attention") as set_line:
        runs = bench(book, parse_lengths(lengths), parse_widths(widths), budget, set_line)
        result, stopped, trouble = save_states(runs, folder / "attention.json")
    if result is None:
        say("stopped before anything was measured")
        raise typer.Exit(130)
    try:
        written = ", ".join(["attention.json"] * (not trouble) + [file.name for file in plot.write(result, folder)])
    except KoansError as error:
        written = f"no plots: {error}"
    if as_json:
        dump(result)
    else:
        show(tables(result), "", f"in {folder}: {written}")
    if stopped:
        raise typer.Exit(130)
    if trouble:
        raise KoansError(trouble)
