"""`koans release` and `koans update`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from grader.book.workbook import find_root
from grader.cli.base import Json, dump, show, workbook


def release(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder, or an empty repository.")],
    source: Annotated[
        str, typer.Option(metavar="OWNER/NAME", help="Where it will be public: adds badges that open its notebooks.")
    ] = "",
) -> None:
    """Write the student edition: no solutions, a workflow of its own, stubs for `koans reset`. For instructors.

    Its tests compare with oracles, and oracles are answers: they are in reference/ for anybody to read. Grade with a
    seed of your own, in a repository of your own.

    \b
    Examples:
      koans release ../koans-autumn
      koans release ../koans-autumn --source ada/koans-autumn
    """
    from grader.course.edition.release import release as write_edition

    manifest = write_edition(workbook(), folder, source)
    show(
        f"{folder}: edition {manifest.version}, {len(manifest.learner)} koans, {len(manifest.files)} files",
        Text("next: commit it, let students fork it; INSTRUCTORS.md has the rest", "dim"),
    )


def update(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="The newer edition: a folder, or a git address.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Bring this fork new koans and fixes. What you have written stays as it is.

    \b
    Examples:
      koans update ../koans-autumn --dry-run
      koans update https://git.example.org/course/koans.git
    """
    from grader.course.edition.update import source
    from grader.course.edition.update import update as update_fork

    root = find_root(Path.cwd())
    with source(place) as newer:
        changes = update_fork(root, newer, write=not dry_run)
    if as_json:
        dump(changes)
        return
    verb = "would be" if dry_run else "are"
    for names, predicate in (
        (changes.new, f"{verb} new"),
        (changes.replaced, f"{verb} replaced"),
        (changes.removed, f"{verb} removed"),
    ):
        if names:
            show(
                f"{len(names)} files {predicate}", *(Text(f"  {n}", "dim") for n in names if n.startswith("exercises/"))
            )
    for name in changes.kept:
        koan = Path(name).stem
        show(Text(f"{name}: yours is kept; its stub has changed, and `koans reset {koan}` gives the new one", "yellow"))
    if changes.saved and not dry_run:
        show(Text(f"{len(changes.saved)} files had been changed here; copies are in {changes.copies}", "yellow"))
    if not (changes.new or changes.replaced or changes.removed):
        show(f"nothing to do: this is edition {changes.version}")
