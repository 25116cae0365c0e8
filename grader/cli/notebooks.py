"""`koans notebook export`, `import` and `badges`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from grader.book.errors import KoansError
from grader.book.files import check_ending, write_file
from grader.cli import completion
from grader.cli.base import Json, dump, not_recorded, own_workbook, say, show, waiting, workbook

app = typer.Typer(rich_markup_mode=None, help="Write chapters as notebooks, and read them back.")
SOURCE = "Where a hosted notebook fetches the workbook: owner/name or an https address [default: the remote `origin`]."


@app.command("export", short_help="Write a chapter as a notebook.")
def export(
    chapter: Annotated[
        str | None,
        typer.Argument(
            metavar="CHAPTER",
            help="A chapter: ch06_numerics, ch06, 6 or numerics.",
            show_default=False,
            autocompletion=completion.chapters,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every chapter; -o is then a folder.")] = False,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="PLACE", help="A file, or a folder to write into; - writes to the output."),
    ] = None,
    source: Annotated[str, typer.Option(metavar="PLACE", help=SOURCE)] = "",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace existing notebooks; copies are saved.")
    ] = False,
) -> None:
    """Write a chapter as a notebook: its text, each koan with what you have written so far, a check and folded hints.

    If you open it where there is no workbook, it fetches this one from PLACE, at this commit (push it first).

    \b
    Examples:
      koans notebook export 6
      koans notebook export 6 -o notebooks/
      koans notebook export ch13 -o kernels.ipynb --source ada/tensor-koans
      koans notebook export --all -o notebooks
    """
    from grader.learn.notebook.export import AlreadyThere, notebook_place, source_of, write_notebook
    from grader.learn.notebook.export import export as notebook_of

    if (chapter is None) != everything:
        raise KoansError("name a chapter, or give --all: `koans notebook export 6`")
    book = workbook()
    fetched_from = source_of(book.root, source)
    if everything:
        files = {one: notebook_place(out or "notebooks/", one, several=True) for one in book.chapters}
    else:
        one = book.chapter(chapter or "")
        files = {one: notebook_place(out or "", one)}
        if out != "-":
            check_ending(files[one], (".ipynb",))
    skipped: list[AlreadyThere] = []
    with waiting("exporting") as set_line:
        for number, (one, file) in enumerate(files.items(), 1):
            set_line(f"{number} of {len(files)}: {one.id}")
            text = notebook_of(book, one, fetched_from)
            if str(file) == "-":
                write_file("-", text)
                continue
            try:
                copy = write_notebook(file, text, root=book.root, overwrite=overwrite)
            except AlreadyThere as error:
                skipped.append(error)
                continue
            show(
                f"{file}: {one.title}, {len(one.koans)} koans"
                + (f"; the earlier version is saved at {copy}" * bool(copy))
            )
    if not fetched_from.address:
        say("no public address is known, so these notebooks need a workbook beside them; --source PLACE changes that")
    for other in skipped[:-1]:
        say(str(other))
    if skipped:
        raise skipped[-1]


@app.command("import", short_help="Copy answers from a notebook into exercises/.")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE.ipynb", help="A notebook with answers.")],
    chapter: Annotated[str, typer.Option(metavar="CHAPTER", help="Its chapter, if the notebook does not say.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written; write nothing.")] = False,
    run: Annotated[bool, typer.Option("--run/--no-run", help="Run what was written, for progress and cards.")] = True,
    as_json: Json = False,
) -> None:
    """Copy answers from a notebook into exercises/, by function name, from any cell.

    Your replaced files are saved under .koans/. If a koan has two different answers, it is not changed, the command
    reports it, and the exit code is 1.

    \b
    Examples:
      koans notebook import ch06_numerics.ipynb --dry-run
      koans notebook import ch06_numerics.ipynb
      koans notebook import mine.ipynb --chapter 6
    """
    from grader.book import terminal
    from grader.judge.runner import Runner
    from grader.learn import attempts
    from grader.learn.notebook.import_answers import import_answers
    from grader.learn.notebook.render import import_summary
    from grader.learn.progress import Progress
    from grader.learn.report.standing import unlocked

    book = workbook()
    with Progress(book.root) as progress:
        imported = import_answers(book, progress, file, chapter=chapter, write=not dry_run)
        if not as_json:
            show(import_summary(imported, dry_run))
        steps = []
        if run and not dry_run:
            with Runner(book) as runner:
                for one in imported.to_run:
                    with waiting(f"running {one.koan}"):
                        step = attempts.attempt(book, progress, runner, book.koans[one.koan])
                    steps.append(step)
                    if not as_json:
                        show(terminal.verdict(step.koan, step.verdict), unlocked(step.unlocked))
                        if one.replaced_passed and not step.verdict.passed:
                            show(Text(f"the replaced version had passed; it is saved at {one.copy}", "yellow"))
    if as_json:
        dump({**msgspec.to_builtins(imported), "verdicts": [msgspec.to_builtins(step.verdict) for step in steps]})
    elif steps:
        show(f"{sum(step.verdict.passed for step in steps)} of {len(steps)} passed")
    not_recorded(step.not_recorded for step in steps)
    raise typer.Exit(1 if imported.open else 0)


@app.command(short_help="Write badges that open each chapter's notebook.")
def badges(
    source: Annotated[str, typer.Option(metavar="OWNER/NAME", help="The public repository; empty removes the badges.")],
    branch: Annotated[str, typer.Option(metavar="NAME", help="The branch that has the notebooks.")] = "notebooks",
    opens: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address that opens a notebook, with {source}, {branch} and {chapter} [default: Colab].",
        ),
    ] = None,
) -> None:
    """Write badges that open each chapter's notebook, to README.md and to the top of each chapter.

    For owners of a public repository. .github/workflows/notebooks.yml keeps the notebooks on a branch.

    \b
    Examples:
      koans notebook badges --source ada/tensor-koans
      koans notebook badges --source ada/tensor-koans \\
        --opens 'https://notebooks.example.org/{source}/{branch}/{chapter}'
      koans notebook badges --source ''
    """
    from grader.course.edition.badges import OPENS, write

    book = own_workbook()
    changed = write(book, source, branch=branch, opens=opens or OPENS)
    for file in changed:
        show(file.relative_to(book.root).as_posix())
    if not changed:
        show(Text("nothing to do", "dim"))
