"""The command `koans`. This package parses arguments and prints; the logic is in the other packages."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from grader.book import output, published, pytorch, terminal
from grader.book.errors import KoansError, refusal
from grader.book.verdict import Status
from grader.book.workbook import Workbook, find_root
from grader.cli import assignments as assignment_verbs
from grader.cli import (
    bench,
    completion,
    debugging,
    editions,
    engine,
    exporting,
    facts,
    grading,
    importing,
    model,
    notebooks,
    reviewing,
    similarity,
    symptoms,
    syncing,
    tracing,
    tracking,
    verifying,
)
from grader.cli.base import Json, Seed, dump, here, not_recorded, own_workbook, say, show, version, waiting, workbook
from grader.cli.sections import Sections
from grader.judge.runner import Limits, Runner
from grader.learn import assignments, attempts, pace, tracks
from grader.learn.progress import Progress
from grader.learn.report import assignments as assignment_report
from grader.learn.report import problems
from grader.learn.report import tracks as track_report
from grader.learn.report.model import runs_now
from grader.learn.report.standing import listing, unlocked
from grader.learn.report.symptom import SymptomView
from grader.learn.report.why import why as explain
from grader.model.path import PATH

app = typer.Typer(
    cls=Sections,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cards_app = typer.Typer(rich_markup_mode=None, invoke_without_command=True, callback=reviewing.cards)
app.add_typer(cards_app, name="cards")
app.add_typer(notebooks.app, name="notebook")
app.add_typer(bench.app, name="bench")
app.add_typer(engine.app, name="engine")
app.add_typer(assignment_verbs.app, name="assignment")
app.add_typer(model.app, name="model")

KoanId = Annotated[
    str | None,
    typer.Argument(
        metavar="ID", help="A koan; default: the current one.", show_default=False, autocompletion=completion.koans
    ),
]


def main() -> None:
    """Run the command. Bad input prints one line and ends with exit code 2."""
    output.prepare()
    _clean_up_when_ended()
    try:
        _run()
    except KoansError as error:
        say(str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        print(file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        _discard_output()
        sys.exit(141)
    except Exception as error:
        message = refusal(error) or pytorch.explain(f"{type(error).__name__}: {error}")
        if not message:
            raise
        _discard_output()  # it may be what refuses
        say(message)
        sys.exit(2)
    finally:
        if "triton" not in sys.modules:  # triton warns about objects that are left at exit
            gc.freeze()  # the process ends anyway; collecting garbage first would take 50 ms


def _run() -> None:
    """Run the command, and write out what is still buffered: a full disk may refuse it only now."""
    try:
        app(standalone_mode=True)
    except SystemExit:
        sys.stdout.flush()
        raise


def _discard_output() -> None:
    """Let what is left of the output go nowhere. Python would try to write it at the end, and fail once more."""
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _clean_up_when_ended() -> None:
    """Let a signal that ends the process raise SystemExit, so that no process and no temporary file is left behind."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, lambda number, _: sys.exit(128 + number))


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"koans {version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def where_am_i(
    context: typer.Context,
    plain: Annotated[bool, typer.Option("--plain", help="Lines instead of a screen.")] = False,
    poll: Annotated[
        bool, typer.Option("--poll", help="Check files regularly, for drives that send no file events.")
    ] = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", callback=_show_version, is_eager=True, help="Show the version of koans and exit."
        ),
    ] = False,
) -> None:
    """Tensor Koans: make failing tests pass, one by one.

    Without a verb, `koans` shows the current koan and runs it each time you save its file. On a terminal this is a
    screen. If the output is not a terminal, or a dumb one (TERM=dumb), or with --plain, it prints lines: the current
    koan, what fails first and why, and what to do next.

    \b
    Examples:
      koans                    work through the koans
      koans --plain            the same in lines
      koans run softmax        run one koan
      koans hint               the next hint for the current koan
      koans list               all koans
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
        typer.Argument(
            metavar="ID",
            help="Koans, chapters or their files; default: the current koan.",
            autocompletion=completion.koans_and_chapters,
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Run every koan.")] = False,
    seed: Seed = 0,
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="Seconds a koan may take.", min=0.1)
    ] = Limits().timeout,
    cold: Annotated[bool, typer.Option("--cold", help="Use no warm process and leave none behind.")] = False,
    as_json: Json = False,
    form: Annotated[
        problems.Format | None,
        typer.Option(
            "--format", help="For an editor: print only the lines at fault, in this form.", show_default=False
        ),
    ] = None,
) -> None:
    """Run koans and show their verdicts. Exit code 0 if all passed, 1 if not.

    The first run leaves a warm process behind, so the next run takes half a second. The process ends ten minutes after
    its last run, or when the workbook's own code changes; `koans doctor` shows it. KOANS_WARM_SECONDS sets another time
    (0: no warm process). If CI is set, the default is 0.

    \b
    Examples:
      koans run                     the current koan
      koans run softmax scores      two koans
      koans run ch06                a chapter
      koans run .                   the koans of this folder
      koans run --all --json
      koans run softmax --cold      leave nothing behind
      koans run --format gcc        only the lines at fault, for an editor
    """
    if as_json and form:
        raise KoansError("give --json or --format, not both")
    book = workbook()
    with (
        Progress(book.root, must_write=False) as progress,
        Runner(book, Limits(timeout=timeout), share=not cold) as runner,
    ):
        if everything:
            koans = list(book.koans.values())
        else:
            koans = book.named(names) if names else [tracking.koan_or_current(book, progress, None)]
        quiet = as_json or form is not None
        if len(koans) == 1 and not quiet:
            terminal.prepare()
        steps = []
        for koan in koans:
            if len(koans) == 1 and koan.kind == "hunt" and not quiet:
                with waiting(f"running {koan.id}"):
                    shown = runner.symptom(koan, attempts.LEARNER, seed)
                show(SymptomView(shown), "")
            with waiting(f"running {koan.id}"):
                step = attempts.attempt(book, progress, runner, koan, seed)
            steps.append(step)
            if not quiet:
                _show_step(book, progress, step, alone=len(koans) == 1)
            for line in problems.lines(book, koan, step.verdict, step.text, form) if form else ():
                print(line, flush=True)
        if as_json:
            dump([step.verdict for step in steps])
        elif len(steps) > 1 and not quiet:
            passed = sum(step.verdict.passed for step in steps)
            show(f"{passed} of {len(steps)} passed (seed {seed})")
        not_recorded(step.not_recorded for step in steps)
    raise typer.Exit(0 if all(step.verdict.passed for step in steps) else 1)


def _show_step(book: Workbook, progress: Progress, step: attempts.Step, *, alone: bool) -> None:
    koan, verdict = step.koan, step.verdict
    show(terminal.verdict(koan, verdict), unlocked(step.unlocked))
    if step.first and koan.id in PATH and (runs := runs_now(book, koan.id, progress.standings(book))) is not None:
        show(Text("  ").append_text(runs))
    if alone and verdict.passed:
        show("", terminal.markdown(book.notes(koan).afterword))
    if step.first and (finished := tracks.finished_by(book, progress, koan)) is not None:
        show("", track_report.done(finished))
    if alone and verdict.passed:
        show(terminal.next_steps([("koans", "the next koan"), (f"koans solution {koan.name}", "the model answer")]))
    elif alone and verdict.status == Status.not_started:
        show("", terminal.prompt(book, koan), terminal.next_steps([(f"edit exercises/{koan.id}.py", "")]))
    elif alone:
        show(terminal.next_steps([(f"edit exercises/{koan.id}.py", ""), (f"koans hint {koan.name}", "a hint")]))
    else:
        show("")


@app.command("list")
def list_koans(
    chapter: Annotated[
        str | None,
        typer.Argument(
            metavar="CHAPTER", help="Only this chapter.", show_default=False, autocompletion=completion.chapters
        ),
    ] = None,
    track: Annotated[
        str | None,
        typer.Option("--track", metavar="NAME", help="The koans of this track, in its order.", show_default=False),
    ] = None,
    assignment: Annotated[
        str | None,
        typer.Option(
            "--assignment", metavar="NAME", help="The koans of this assignment of your course.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List all koans with your verdict on each, its name, rung and title.

    If you walk a track, its koans have the number that they have in it. If your course has assignments, the last lines
    say when they are due and how many points you have.

    A rung is the kind of work that a koan asks for. Name it: say what happens, or what is at fault. Compute it: write
    it by its definition. Vectorize it: without loops. Stabilize it: keep it right for large and small numbers. Fuse it:
    in one pass, without large intermediates. Budget it: count its bytes, FLOPs and time.

    \b
    Examples:
      koans list
      koans list ch07
      koans list --track essential
      koans list --assignment koans-1
      koans list --json
    """
    if chapter and track:
        raise KoansError("give CHAPTER or --track, not both")
    if assignment is not None and (chapter or track):
        raise KoansError("--assignment NAME shows all koans of the assignment: give it alone")
    book = workbook()
    given = published.read_all(book.root)
    chosen = assignments.chosen(given, assignment) if assignment is not None else None
    now = tracks.Active(book.track(track)) if track else tracks.active(book)
    koans = [book.koans[name] for name in now.order(book)] if track else list(book.koans.values())
    if chapter:
        koans = list(book.chapter(chapter).koans)
    with Progress(book.root, must_write=False) as progress:
        progress.check_readable()
        standings = progress.standings(book)
        times = pace.times(book, progress)
    if now.trouble:
        say(now.trouble)
    console = terminal.console()
    time = datetime.now(UTC)
    if chosen is not None:
        found = assignments.standing(chosen, standings, time)
        if as_json:
            dump(assignment_report.record(found))
        else:
            show(assignment_report.listing(found, standings, time))
    elif as_json:
        dump([track_report.koan_record(koan, standings[koan.id], now.track, times) for koan in koans])
    elif track and now.track:
        show(track_report.koans(book, now.track, standings, times, console.width))
    else:
        console.print(listing(book, {k.id: standings[k.id] for k in koans}, koans, console.width, now.track))
        for one in given:
            show(*assignment_report.lines(assignments.standing(one, standings, time), time))


@app.command()
def hint(
    name: KoanId = None,
    why: Annotated[
        bool, typer.Option("--why", help="Print what fails as JSON, for a person or a tutor; show no hint.")
    ] = False,
) -> None:
    """Show the next of three hints.

    With --why, no hint is shown or counted. The command prints one JSON object: the failing test, the call with the
    smallest failing input, expected and actual values, the misconception that the answer looks like (or null), the
    lines at fault, and how many hints you have seen. It runs the koan if its file has changed since the last attempt,
    and records this as `koans run` does. AGENTS.md tells an assistant how to use it.

    \b
    Examples:
      koans hint
      koans hint softmax
      koans hint softmax --why
    """
    book = workbook()
    if why:
        _explain(book, name)
        return
    with Progress(book.root, must_write=False) as progress:
        hints = attempts.next_hint(book, progress, tracking.koan_or_current(book, progress, name))
    for tier, text in hints.tiers:
        show(Text(f"{hints.koan.name}, hint {tier} of {hints.total}", "bold"), "", terminal.markdown(text))
        if hints.all_seen:
            show("")
    if hints.all_seen:
        message = f"No more hints. `koans solution {hints.koan.name} --peek` shows the model answer; this is recorded."
        show(Text(message, "dim"))
    not_recorded([hints.not_recorded])


def _explain(book: Workbook, name: str | None) -> None:
    with Progress(book.root, must_write=False) as progress, Runner(book) as runner:
        koan = attempts.koan_or_current(book, progress, name)
        with waiting(f"running {koan.id}"):
            step = attempts.latest(book, progress, runner, koan)
        dump(explain(book, progress, koan, step.verdict, step.text))
    not_recorded([step.not_recorded])


@app.command()
def solution(
    name: Annotated[str, typer.Argument(metavar="ID", help="A koan.", autocompletion=completion.koans)],
    peek: Annotated[bool, typer.Option("--peek", help="Show it before yours passes; this is recorded.")] = False,
) -> None:
    """Show the model answer, once yours passes.

    \b
    Examples:
      koans solution softmax
      koans solution softmax --peek
    """
    book = workbook()
    koan = book.koan(name)
    with Progress(book.root, must_write=False) as progress:
        text = attempts.open_solution(book, progress, koan, peek=peek)
    if text is None:
        say(f"the model answer of {koan.id} is shown once your answer passes; --peek shows it now")
        raise typer.Exit(1)
    show(terminal.code_to_copy(text))


@app.command()
def reset(name: Annotated[str, typer.Argument(metavar="ID", help="A koan.", autocompletion=completion.koans)]) -> None:
    """Reset a koan to its stub. Your version is saved under .koans/replaced.

    \b
    Example:
      koans reset softmax
    """
    book = workbook()
    koan = book.koan(name)
    with Progress(book.root, must_write=False) as progress:
        backup = attempts.reset(book, progress, koan)
    show(f"exercises/{koan.id}.py was reset to the stub" + (f"; your version is saved at {backup}" if backup else ""))


@app.command()
def doctor(as_json: Json = False) -> None:
    """Check this machine: versions, and one known answer from each part. Exit code 1 if something needed fails.

    It also says which build of PyTorch is installed, how much of the disk it takes, and whether this machine needs it.
    If another build fits better, it shows the command that installs it.

    \b
    Examples:
      koans doctor
      koans doctor --json
    """
    from grader.learn.doctor import examine
    from grader.learn.report import doctor as doctor_screen

    with waiting("examining this machine"):
        findings = examine(find_root(here()))
    if as_json:
        dump(findings)
    else:
        show(doctor_screen.findings(findings))
    raise typer.Exit(0 if all(f.ok for f in findings) else 1)


app.command("grade")(grading.grade)
app.command("report")(grading.report)
app.command("similarity")(similarity.similarity)
app.command("debug")(debugging.debug)
app.command("watch")(debugging.watch)
app.command("track")(tracking.track)
app.command("symptom")(symptoms.symptom)
app.command("trace")(tracing.trace)
for verb in ("read", "quiz", "review", "again", "stats"):
    app.command(verb)(getattr(reviewing, verb))
# A negative number is a value: what is wrong with it is then said in our words.
app.command("settings", context_settings={"ignore_unknown_options": True})(reviewing.settings)
app.command("init")(editions.init)
app.command("sync")(syncing.sync)
app.command("release")(editions.release)
app.command("update")(editions.update)
cards_app.command("export", short_help="Write the unlocked cards for Anki.")(exporting.export)
cards_app.command("import", short_help="Add the reviews that you made in Anki.")(importing.import_)
app.command("cheatsheet")(exporting.cheatsheet)
app.command("facts")(facts.facts)


@app.command()
def stubs(
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Also replace files that differ; copies are saved.")
    ] = False,
) -> None:
    """Write the stub of every koan that has no exercise yet. For authors.

    \b
    Examples:
      koans stubs
      koans stubs --overwrite      after a change to solutions
    """
    book = workbook()
    with Progress(book.root, must_write=False) as progress:
        for stub in attempts.write_stubs(book, progress, overwrite=overwrite):
            file = f"exercises/{stub.koan.id}.py"
            if not stub.written:
                show(f"{file} differs from its stub: not changed (--overwrite replaces it)")
            else:
                show(f"{file} written" + (f"; your version is saved at {stub.copy}" if stub.copy else ""))


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="CHAPTER/NAME", help="The id of the new koan.")],
    hunt: Annotated[bool, typer.Option("--hunt", help="Its file is whole and has a planted mistake to find.")] = False,
) -> None:
    """Start a koan: its five files and its entry in chapter.toml. For authors.

    \b
    Examples:
      koans new ch06_numerics/logsumexp
      koans new ch06_numerics/hunt_sudden_nan --hunt
    """
    from grader.author.scaffold import new_koan

    book = own_workbook()
    for file in new_koan(book, name, hunt=hunt):
        show(file.relative_to(book.root).as_posix())
    gate = (f"koans verify {name}", "the gate it must pass (CONTRIBUTING.md says how)")
    show(terminal.next_steps([gate, ("edit content/tracks.toml", "if it belongs to a track")]))


app.command("verify", cls=verifying.ChangedOption)(verifying.verify)
