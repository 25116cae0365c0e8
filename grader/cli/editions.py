"""`koans init`, `koans update` and `koans release`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from grader.book import terminal
from grader.book.errors import KoansError, needs
from grader.book.workbook import Workbook, find_root
from grader.cli.base import Json, dump, here, own_workbook, show, version, waiting

if TYPE_CHECKING:
    from grader.course.edition.update import Changes

NAMES = 6  # the most names shown of one kind


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    as_json: Json = False,
) -> None:
    """Make a folder with the koans, to begin.

    It has the exercises, a README, and the settings of tools. Tests, hints and texts stay in the package that is
    installed, and `koans update`, run in the folder, brings what a newer package has.

    \b
    Examples:
      koans init koans
      uvx tensor-koans init koans
    """
    from grader.learn.folder import create

    book = create(folder)
    if as_json:
        dump({"folder": str(folder), "koans": len(book.koans), "version": version()})
        return
    koans = "uv run koans" if "UV" in os.environ else "koans"  # uv sets it: `uvx` leaves no command behind
    show(
        f"{folder}: {len(book.koans)} koans in {len(book.chapters)} chapters",
        terminal.next_steps([(f"cd {shlex.quote(str(folder))}", ""), (koans, "the first koan")]),
    )


def release(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help="A new or empty folder, or an empty repository.", show_default=False),
    ] = None,
    source: Annotated[
        str,
        typer.Option(metavar="OWNER/NAME", help="Its future public repository: adds badges that open its notebooks."),
    ] = "",
    assignments: Annotated[
        list[Path] | None,
        typer.Option(
            "--assignment",
            metavar="DIR",
            help="An assignment: its folder, or its file. May be given several times [default: assignment.toml in the "
            "workbook, if there is one].",
            show_default=False,
        ),
    ] = None,
    gradescope: Annotated[
        Path | None,
        typer.Option("--gradescope", metavar="ZIP", help="Write an autograder for Gradescope.", show_default=False),
    ] = None,
    minutes: Annotated[
        int, typer.Option(metavar="N", min=1, max=40, help="The time limit of the assignment on Gradescope.")
    ] = 10,
    require_isolation: Annotated[
        bool,
        typer.Option("--require-isolation", help="The autograder grades nothing if a part of the sandbox is missing."),
    ] = False,
) -> None:
    """Write the student edition: no solutions, its own workflow, and stubs for `koans reset`. For instructors.

    It contains the files that git tracks. If the workbook is not a git checkout, it contains the kinds of files that a
    workbook has. The command lists what it left out. The tests compare with oracles, so the edition contains them in
    reference/, where everybody can read these answers. Grade with your own seed, in your own repository.

    Coding assistants read AGENTS.md in the edition. `assistants` in assignment.toml decides what it says: "tutor" (the
    default) asks questions and never gives the function, "off" asks them not to help, "open" allows everything.

    Of each assignment, students get the title, koans, points, dates and the late rule: `koans list` shows them.

    --gradescope writes a zip file to upload to a programming assignment on Gradescope. It has the whole workbook, with
    solutions, and all of each assignment, also its secret. So it is for you alone.

    \b
    Examples:
      koans release ../koans-autumn
      koans release ../koans-autumn --assignment assignments/koans-1
      koans release --gradescope autograder.zip --assignment assignments/koans-1
      koans release ../koans-autumn --source ada/koans-autumn
    """
    needs("`koans release`", "linux", "darwin")
    if folder is None and gradescope is None:
        raise KoansError("say what to write: a folder for the student edition, or --gradescope ZIP")
    book = own_workbook()
    if folder is not None:
        _write_edition(book, folder, source, assignments or [])
    if gradescope is not None:
        from grader.course.container import Settings
        from grader.course.edition.autograder import write_autograder

        with waiting("writing the autograder"):
            size = write_autograder(book, gradescope, assignments or [], Settings(minutes, require_isolation))
        show(Text(f"{gradescope}: autograder, {size / 1e6:.1f} MB"))
        show(Text("next: upload it to Gradescope; it has the solutions, so give it to nobody else", "dim"))


def _write_edition(book: Workbook, folder: Path, source: str, assignments: Sequence[Path]) -> None:
    from grader.course.edition.release import release as write_edition
    from grader.course.scheme import decided_for

    decided, published = decided_for(book, assignments)
    with waiting("writing the edition"):
        made = write_edition(book, folder, source, decided, published)
    manifest = made.manifest
    show(Text(f"{folder}: edition {manifest.edition}, {len(manifest.learner)} koans, {len(manifest.files)} files"))
    show(Text(f"assistants: {decided.assistants}", "dim"))
    show(*(Text(f"assignment: {one.title}", "dim") for one in published))
    if made.left_out:
        show(Text(f"not copied, because {made.reason}: {len(made.left_out)}", "yellow"), *_names(made.left_out))
    show(Text("next: commit it, let students fork it; INSTRUCTORS.md has the rest", "dim"))


def update(
    place: Annotated[
        str | None,
        typer.Argument(
            metavar="PLACE", help="For a fork: the newer edition, a folder or a git address.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    downgrade: Annotated[bool, typer.Option("--downgrade", help="Go back to an older edition.")] = False,
    as_json: Json = False,
) -> None:
    """Get new koans and fixes for this folder or fork. What you wrote does not change.

    A folder that `koans init` made gets the stubs of the package that is installed now. So upgrade the package first.
    A fork of a course needs the PLACE of the newer edition.

    An edition brings the code that you run next, so take it only from your course. The update uses your git settings to
    reach an address, but it runs nothing that comes from there. If it is interrupted, run it again.

    \b
    Examples:
      koans update
      koans update ../koans-autumn --dry-run
      koans update https://git.example.org/course/koans.git
    """
    if place is None:
        _update_folder(write=not dry_run, as_json=as_json)
        return
    needs("`koans update`", "linux", "darwin")
    from grader.course.edition.update import update as update_fork

    with waiting("updating") as tell:
        changes = update_fork(find_root(here()), place, write=not dry_run, downgrade=downgrade, tell=tell)
    if as_json:
        dump(changes)
    else:
        show(*_lines(changes, dry_run=dry_run))


def _update_folder(*, write: bool, as_json: bool) -> None:
    from grader.learn.folder import update as update_folder

    changes = update_folder(find_root(here()), write=write)
    if as_json:
        dump(changes)
        return
    if not (changes.new or changes.replaced or changes.kept):
        show(Text(f"nothing to do: this folder has what version {changes.to} brings"))
    else:
        show(Text(f"from version {changes.from_ or 'unknown'} to {changes.to}", "bold"))
    for names, predicate in ((changes.new, "new"), (changes.replaced, "replaced")):
        if names:
            show(Text(_count(len(names), predicate, dry_run=not write)), *_names(names))
    for name in changes.kept:
        show(Text(f"{name}: your version is kept; {_new_text_of(name)}", "yellow"))


def _new_text_of(name: str) -> str:
    """How to get the new text of a file that the learner has changed."""
    if name.startswith("exercises/"):
        return f"the stub is another now, and `koans reset {Path(name).stem}` writes it"
    return "the new one is written if you move yours away and run this again"


def _lines(changes: Changes, *, dry_run: bool) -> Iterator[Text]:
    changed = changes.new or changes.replaced or changes.removed
    if not changed:
        yield Text(f"nothing to do: this is edition {changes.to}")
    else:
        yield Text(f"from edition {changes.from_} to {changes.to}", "bold")
    yield Text(f"read from {changes.place}" + (f", commit {changes.commit[:12]}" * bool(changes.commit)), "dim")
    for names, predicate in ((changes.new, "new"), (changes.replaced, "replaced"), (changes.removed, "removed")):
        if names:
            yield Text(_count(len(names), predicate, dry_run=dry_run))
            yield from _names([name for name in names if name.startswith("exercises/")])
    for name in changes.kept:
        reset = f"`koans reset {Path(name).stem}`"
        yield Text(f"{name}: your version is kept; the stub has changed, and {reset} writes the new stub", "yellow")
    if changes.saved:
        where = f"copies are in {changes.copies}" if changes.copies else "copies will be saved"
        yield Text(f"changed here, {where}: {len(changes.saved)}", "yellow")
        yield from _names(changes.saved)
    for warning in changes.warnings:
        yield Text(warning, "yellow")


def _count(number: int, predicate: str, *, dry_run: bool) -> str:
    verb = "would be" if dry_run else "is" if number == 1 else "are"
    return f"{number} {'file' if number == 1 else 'files'} {verb} {predicate}"


def _names(names: Sequence[str]) -> Iterator[Text]:
    shown = names if len(names) <= NAMES else names[: NAMES - 1]
    for name in shown:
        yield Text(f"  {name if name.isprintable() else ascii(name)}", "dim")
    if len(shown) < len(names):
        yield Text(f"  … and {len(names) - len(shown)} more", "dim")
