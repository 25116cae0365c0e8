"""The command `koans`. This package parses arguments and prints; the logic is in the other packages."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from grader.book import terminal
from grader.book.errors import KoansError, refusal
from grader.book.verdict import Status
from grader.book.workbook import Workbook, find_root
from grader.cli import bench, editions, exporting, facts, grading, notebooks, reviewing, verifying
from grader.cli.base import Json, dump, say, show, waiting, workbook
from grader.judge.runner import Limits, Runner
from grader.learn import attempts
from grader.learn.progress import Progress
from grader.learn.report.standing import listing, unlocked

app = typer.Typer(
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cards_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True, callback=reviewing.cards)
app.add_typer(cards_app, name="cards")
app.add_typer(notebooks.app, name="notebook")
app.add_typer(bench.app, name="bench")

Seed = Annotated[int, typer.Option(help="Seed of all random inputs.", min=0, max=2**63 - 1)]
KoanId = Annotated[
    str | None, typer.Argument(metavar="ID", help="A koan; default: the current one.", show_default=False)
]


def main() -> None:
    """Run the command. Bad input prints one line and ends with exit code 2."""
    _clean_up_when_ended()
    try:
        app(standalone_mode=True)
    except KoansError as error:
        say(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(141)
    except Exception as error:
        message = refusal(error)
        if not message:
            raise
        say(message)
        sys.exit(2)
    finally:
        if "triton" not in sys.modules:  # triton warns about objects that are left at exit
            gc.freeze()  # the process ends anyway; collecting garbage first would take 50 ms


def _clean_up_when_ended() -> None:
    """Let a signal that ends the process raise SystemExit, so that no process and no temporary file is left behind."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, lambda number, _: sys.exit(128 + number))


@app.callback(invoke_without_command=True)
def where_am_i(
    context: typer.Context,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a screen.")] = False,
    poll: Annotated[bool, typer.Option("--poll", help="Look at files now and then, where no events arrive.")] = False,
) -> None:
    """Tensor Koans: make failing tests pass, one by one.

    Without a verb: the current koan, run again each time you save it. On a terminal this is a screen; where output is
    no terminal or a dumb one (TERM=dumb), or with --plain, it is lines: where am I, what fails first and why, what to
    do.

    \b
    Examples:
      koans                    work through the koans
      koans --plain            the same in lines
      koans run softmax        run one koan
      koans hint               one tier more for the current koan
      koans list               the whole path
    """
    if context.invoked_subcommand is not None:
        return
    book = workbook()
    if plain or not (sys.stdout.isatty() and sys.stdin.isatty() and terminal.can_draw()):
        from grader.learn.app.plain import Plain

        Plain(book, poll=poll).run()
    else:
        from grader.learn.app.screen import KoansApp

        KoansApp(book, poll=poll).run()


@app.command()
def run(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID…]", help="Koans or chapters; default: the current koan."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Run every koan.")] = False,
    seed: Seed = 0,
    timeout: Annotated[float, typer.Option(help="Seconds a koan may take.", min=0.1)] = Limits().timeout,
    cold: Annotated[bool, typer.Option("--cold", help="Use no warm process and leave none behind.")] = False,
    as_json: Json = False,
) -> None:
    """Run koans and say what came of each. Exit code 0 if all passed, 1 if not.

    The first run leaves a warm process behind, so that the next takes half a second. It ends ten minutes after its last
    run, or when the workbook's own code changes; `koans doctor` shows it. KOANS_WARM_SECONDS sets another time, 0 none;
    where CI is set the default is 0.

    \b
    Examples:
      koans run                     the current koan
      koans run softmax scores      two koans
      koans run ch06                a chapter
      koans run --all --json
      koans run softmax --cold      leave nothing behind
    """
    book = workbook()
    with Progress(book.root) as progress, Runner(book, Limits(timeout=timeout), share=not cold) as runner:
        if everything:
            koans = list(book.koans.values())
        else:
            koans = book.named(names) if names else [attempts.koan_or_current(book, progress, None)]
        if len(koans) == 1 and not as_json:
            terminal.prepare()
        steps = []
        for koan in koans:
            with waiting(f"running {koan.id}"):
                step = attempts.attempt(book, progress, runner, koan, seed)
            steps.append(step)
            if not as_json:
                _show_step(book, step, alone=len(koans) == 1)
        if as_json:
            dump([step.verdict for step in steps])
        elif len(steps) > 1:
            passed = sum(step.verdict.passed for step in steps)
            show(f"{passed} of {len(steps)} passed (seed {seed})")
    raise typer.Exit(0 if all(step.verdict.passed for step in steps) else 1)


def _show_step(book: Workbook, step: attempts.Step, *, alone: bool) -> None:
    koan, verdict = step.koan, step.verdict
    show(terminal.verdict(koan, verdict), unlocked(step.unlocked))
    if alone and verdict.passed:
        show("", terminal.markdown(book.notes(koan).afterword))
        show(
            terminal.next_steps(
                [("koans", "the next koan"), (f"koans solution {koan.name}", "the model answer beside yours")]
            )
        )
    elif alone and verdict.status == Status.not_started:
        show("", terminal.prompt(book, koan), terminal.next_steps([(f"edit exercises/{koan.id}.py", "")]))
    elif alone:
        show(terminal.next_steps([(f"edit exercises/{koan.id}.py", ""), (f"koans hint {koan.name}", "a hint")]))
    else:
        show("")


@app.command("list")
def list_koans(
    chapter: Annotated[str | None, typer.Argument(help="Only this chapter.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """The whole path and where you stand on it.

    \b
    Examples:
      koans list
      koans list ch07
      koans list --json
    """
    book = workbook()
    koans = book.chapter(chapter).koans if chapter else tuple(book.koans.values())
    with Progress(book.root) as progress:
        standings = progress.standings(book)
    if as_json:
        dump([{**msgspec.to_builtins(k), "id": k.id, "standing": msgspec.to_builtins(standings[k.id])} for k in koans])
        return
    console = terminal.console()
    console.print(listing(book, {k.id: standings[k.id] for k in koans}, koans, console.width))


@app.command()
def hint(name: KoanId = None) -> None:
    """A hint: one tier more each time, three in all.

    \b
    Examples:
      koans hint
      koans hint softmax
    """
    book = workbook()
    with Progress(book.root) as progress:
        hints = attempts.next_hint(book, progress, attempts.koan_or_current(book, progress, name))
    for tier, text in hints.tiers:
        show(Text(f"{hints.koan.name}, hint {tier} of {hints.total}", "bold"), "", terminal.markdown(text))
        if hints.all_seen:
            show("")
    if hints.all_seen:
        message = f"That was all. `koans solution {hints.koan.name} --peek` shows the model answer, and is recorded."
        show(Text(message, "dim"))


@app.command()
def solution(
    name: Annotated[str, typer.Argument(metavar="ID", help="A koan.")],
    peek: Annotated[bool, typer.Option("--peek", help="Look before your own passes; this is recorded.")] = False,
) -> None:
    """The model answer, once your own has passed.

    \b
    Examples:
      koans solution softmax
      koans solution softmax --peek
    """
    book = workbook()
    koan = book.koan(name)
    with Progress(book.root) as progress:
        text = attempts.open_solution(book, progress, koan, peek=peek)
    if text is None:
        say(f"the solution of {koan.id} opens when your own passes; --peek shows it now")
        raise typer.Exit(1)
    show(terminal.code(text))


@app.command()
def reset(name: Annotated[str, typer.Argument(metavar="ID", help="A koan.")]) -> None:
    """Put a koan's stub back. What it replaces is kept under .koans/replaced.

    \b
    Example:
      koans reset softmax
    """
    book = workbook()
    koan = book.koan(name)
    with Progress(book.root) as progress:
        backup = attempts.reset(book, progress, koan)
    show(f"exercises/{koan.id}.py is the stub again" + (f"; yours is kept as {backup}" if backup else ""))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Is this machine fit: versions, and one known answer from each part. Exit code 1 if something needed is not.

    \b
    Example:
      koans doctor
    """
    from grader.learn.doctor import examine
    from grader.learn.report import doctor as doctor_screen

    with waiting("examining this machine"):
        findings = examine(find_root(Path.cwd()))
    if as_json:
        dump(findings)
    else:
        show(doctor_screen.findings(findings))
    raise typer.Exit(0 if all(f.ok for f in findings) else 1)


app.command("grade")(grading.grade)
app.command("report")(grading.report)
for verb in ("read", "quiz", "review", "again", "stats", "settings"):
    app.command(verb)(getattr(reviewing, verb))
app.command("release")(editions.release)
app.command("update")(editions.update)
cards_app.command("export")(exporting.export)
app.command("cheatsheet")(exporting.cheatsheet)
app.command("facts")(facts.facts)


@app.command()
def stubs(
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also replace files that differ; copies are kept.")
    ] = False,
) -> None:
    """Write the stub of every koan that has no exercise yet. For authors.

    \b
    Examples:
      koans stubs
      koans stubs --overwrite      after a change to solutions
    """
    book = workbook()
    with Progress(book.root) as progress:
        for stub in attempts.write_stubs(book, progress, overwrite=overwrite):
            file = f"exercises/{stub.koan.id}.py"
            if not stub.written:
                show(f"{file} differs from its stub: left as it is (--overwrite replaces it)")
            else:
                show(f"{file} written" + (f"; what was there is kept as {stub.copy}" if stub.copy else ""))


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="CHAPTER/NAME", help="The id of the koan to be.")],
) -> None:
    """Start a koan: its five files and its entry in chapter.toml. For authors.

    \b
    Example:
      koans new ch06_numerics/logsumexp
    """
    from grader.author.scaffold import new_koan

    book = workbook()
    for file in new_koan(book, name):
        show(str(file.relative_to(book.root)))
    show(terminal.next_steps([(f"koans verify {name}", "the gate it must pass (CONTRIBUTING.md says how)")]))


app.command("verify", cls=verifying.ChangedOption)(verifying.verify)
