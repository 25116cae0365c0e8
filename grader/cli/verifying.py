"""`koans verify`: the gate, the probe and the soak."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from grader.book.workbook import Koan, Workbook
from grader.cli import completion
from grader.cli.base import Json, dump, own_workbook, show, waiting
from grader.judge.runner import Runner

if TYPE_CHECKING:
    from grader.author.gate import GateReport


class ChangedOption(TyperCommand):
    """Makes `--changed` alone mean `--changed HEAD`, because Typer has no options whose value may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for i in reversed(range(len(args))):
            if args[i] == "--changed" and (i + 1 == len(args) or args[i + 1].startswith("-")):
                args.insert(i + 1, "HEAD")
        return super().parse_args(ctx, args)


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ID", help="Koans or chapters; default: all.", autocompletion=completion.koans_and_chapters
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Seeds that solutions and right answers run with.", min=1)
    ] = 3,
    lock: Annotated[bool, typer.Option("--lock", help="Add new ids to content/ids.lock first.")] = False,
    changed: Annotated[
        str | None,
        typer.Option(
            metavar="[REV]",
            help="Only koans that a change since this revision touches; default: the last commit.",
        ),
    ] = None,
    probe: Annotated[
        bool, typer.Option("--probe", help="Also put mechanical mistakes into right answers: do the tests notice?")
    ] = False,
    soak: Annotated[
        int,
        typer.Option(metavar="N", help="Only: do right answers pass at N seeds, and on other CPUs?", min=0),
    ] = 0,
    as_json: Json = False,
) -> None:
    """Run the gate: solutions and right answers pass, wrong answers fail and are named, stubs pass no test, and the
    sandbox gives the same verdicts.

    \b
    Examples:
      koans verify
      koans verify softmax scores
      koans verify ch06 --seeds 20
      koans verify softmax --probe
      koans verify --soak 200
      koans verify --lock
      koans verify --changed
      koans verify --changed main
    """
    from grader.author import changed as changes
    from grader.author import gate
    from grader.author.report import gate as gate_screen

    book = own_workbook()
    koans = book.named(names) if names else list(book.koans.values())
    if changed is not None:
        change = changes.since(book, changed)
        koans = change.among(koans)
        if not as_json:
            show(gate_screen.change(change, koans))
    if lock:
        added = gate.lock(book)
        if not as_json:
            show(f"{added} new ids locked")
    if soak:
        _soak(book, koans, soak, as_json)
        return
    with Runner(book, gate.LIMITS, isolated=True) as runner, waiting("verifying") as set_line:
        report = gate.verify(
            book,
            koans,
            runner,
            seeds=seeds,
            on_progress=lambda done, total, what: set_line(f"{done} of {total}: {what}"),
        )
    if as_json and not probe:
        dump(report)
    elif not as_json:
        show(gate_screen.gate(report))
    if probe:
        _probe(book, koans, report, as_json)
    raise typer.Exit(0 if report.ok else 1)


def _probe(book: Workbook, koans: Sequence[Koan], report: GateReport, as_json: bool) -> None:
    from grader.author import probe
    from grader.author.report import gate as gate_screen

    with Runner(book, probe.LIMITS, share=False) as runner, waiting("probing") as set_line:
        found = probe.probe(
            book, koans, runner, on_progress=lambda done, total, what: set_line(f"{done:,} of {total:,}: {what}")
        )
    if as_json:
        dump({"gate": report, "probe": found})
    else:
        show(gate_screen.probe(found))
    raise typer.Exit(0 if report.ok and found.ok else 1)


def _soak(book: Workbook, koans: Sequence[Koan], seeds: int, as_json: bool) -> None:
    from grader.author import soak
    from grader.author.report import gate as gate_screen

    with waiting("soaking") as set_line:
        report = soak.soak(
            book, koans, seeds, on_progress=lambda done, total, what: set_line(f"{done:,} of {total:,}: {what}")
        )
    if as_json:
        dump(report)
    else:
        show(gate_screen.soak(report))
    raise typer.Exit(0 if report.ok else 1)
