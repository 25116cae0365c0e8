"""`koans sync`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.base import Json, dump, show, waiting, workbook


def sync(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file that your machines share, such as koans.zip; may be new.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Work on two machines: take what the other one has done from FILE, and put what you have done into it.

    FILE may be on a USB stick, in a folder of a cloud service, or in a git repository. After each of your machines has
    run this once more, they have the same attempts, hints, reviews, answers, settings and exercises. Nothing gets lost:
    if a file was changed on both, the text that was saved last counts, and the other is saved under .koans/replaced. A
    file that you reset to its stub comes back if FILE has a text of it.

    FILE brings code that you run next. So take it only from yourself.

    \b
    Examples:
      koans sync /media/usb/koans.zip
      koans sync ~/Dropbox/koans.zip --dry-run
      koans sync koans.zip --json
    """
    from grader.learn.report.sync import lines
    from grader.learn.sync.merge import sync as merge

    book = workbook()
    with waiting("syncing"):
        done = merge(book, file, dry_run=dry_run)
    if as_json:
        dump(done)
    else:
        show(*lines(done, dry_run=dry_run))
