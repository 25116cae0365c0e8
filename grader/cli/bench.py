"""`koans bench`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from grader.book.errors import KoansError
from grader.cli.base import Json, dump, show, waiting, workbook

if TYPE_CHECKING:
    from grader.gpu.bench.cells import Bench

app = typer.Typer(rich_markup_mode=None, help="Race ways to compute the same thing, and see what bounds them.")


@app.callback()
def benches() -> None:
    """Race ways to compute the same thing, and see what bounds them."""


@app.command()
def attention(
    lengths: Annotated[str, typer.Option(help="Tokens, separated by commas.")] = "512,4096,16384",
    widths: Annotated[str, typer.Option(help="Head widths, separated by commas.")] = "64,128",
    budget: Annotated[float, typer.Option(help="On a CPU: seconds a way may take for a cell.", min=0.1)] = 5.0,
    out: Annotated[Path | None, typer.Option(help="Folder for JSON and plots; default: .koans/bench.")] = None,
    as_json: Json = False,
) -> None:
    """Attention as loops, einsum, Triton (the model's kernel, and yours once written) and torch's SDPA, in bf16.

    On a GPU all are raced in one session. On a CPU what finishes within the budget is timed, and what an H100 would
    need is predicted from counted bytes and FLOPs; predictions are marked as such in table, plot and JSON. Ctrl-C keeps
    what there is.

    \b
    Examples:
      koans bench attention
      koans bench attention --lengths 512,4096 --widths 128
      koans bench attention --out results --json
    """
    from grader.gpu.bench import plot
    from grader.gpu.bench.attention import bench
    from grader.gpu.bench.table import tables

    book = workbook()
    folder = out or book.root / ".koans" / "bench"
    _make(folder)
    found, stopped = None, False
    with waiting("attention") as say:
        try:
            for so_far in bench(book, _numbers(lengths, "--lengths"), _numbers(widths, "--widths"), budget, say):
                found = so_far
                _keep(folder / "attention.json", found)  # as it goes: whatever comes, this much is there
        except KeyboardInterrupt:
            stopped = True
    if found is None:
        print("koans: stopped before anything was measured", file=sys.stderr)
        raise typer.Exit(130)
    try:
        drawn = ", ".join(file.name for file in plot.write(found, folder))
    except (KoansError, OSError) as error:
        drawn = f"no plots: {error}"
    if as_json:
        dump(found)
    else:
        show(tables(found), "", f"in {folder}: attention.json, {drawn}")
    if stopped:
        raise typer.Exit(130)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise KoansError(f"{folder}: cannot be written ({error.strerror})") from None


def _keep(file: Path, found: Bench) -> None:
    """Replace the file whole, so that it can be read at any moment."""
    new = file.with_suffix(".new")
    try:
        new.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
        new.replace(file)
    except OSError as error:
        raise KoansError(f"{file}: cannot be written ({error.strerror})") from None


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        raise KoansError(f"{option} {text}: give whole numbers separated by commas, like 512,4096") from None
    allowed = (16, 32, 64, 128, 256) if option == "--widths" else None
    if allowed and any(n not in allowed for n in numbers):
        raise KoansError(f"{option} {text}: a head is 16, 32, 64, 128 or 256 wide here")
    if any(n < 1 for n in numbers):
        raise KoansError(f"{option} {text}: lengths start at 1")
    return numbers
