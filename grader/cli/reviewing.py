"""`koans review`, `again`, `read`, `quiz`, `stats`, `settings` and the listing of `koans cards`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from grader.book import terminal
from grader.book.workbook import Workbook
from grader.cli import completion
from grader.cli.base import Json, dump, new_seed, say, show, waiting, workbook
from grader.learn import due, tracks
from grader.learn import settings as setting
from grader.learn.progress import Progress
from grader.learn.report import recall
from grader.learn.review_ui.keyboard import Keyboard
from grader.learn.review_ui.screens import Screens


def cards(
    context: typer.Context,
    chapter: Annotated[
        str | None, typer.Option("--chapter", metavar="CHAPTER", help="Only this chapter's.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Also list each locked card.")] = False,
    as_json: Json = False,
) -> None:
    """List the drill cards: due, new, later, and locked with the koan that unlocks them.

    A card unlocks when every test that names it has passed. A card that no test can prove unlocks with the last koan of
    its chapter.

    \b
    Examples:
      koans cards
      koans cards --chapter 6 --all
      koans cards --json
      koans cards export deck.tsv
      koans cards import deck.apkg
    """
    if context.invoked_subcommand is not None:
        return
    book, now = workbook(), time.time()
    settings = setting.load(book.root)
    with Progress(book.root, must_write=False) as progress:
        progress.check_readable()
        drill_cards = due.cards(book, progress, settings, now)
        to_review = len(due.review_queue(drill_cards, due.new_cards_left(progress, settings, now)))
        if chapter:
            drill_cards = due.of_chapter(drill_cards, book.chapter(chapter))
        returning = due.returning(book, progress, settings, now)
        misses = progress.misses()
    if as_json:
        dump([recall.record(card, misses) for card in drill_cards])
    else:
        show(recall.listing(book, drill_cards, to_review, returning, now, every=every))


def review(
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", help="Cards this session [default: the setting, 30].", min=1)
    ] = None,
) -> None:
    """Review the cards that are due, then some new ones. Each rating is saved at once.

    Any key shows the answer. Then rate it: 1 again, 2 hard, 3 good, 4 easy; each shows when the card returns. u undoes
    the last rating; q or Ctrl-C quits. Cards about facts that you missed in a quiz come first. Next come cards about
    mistakes that you made in a koan, and the answer names the mistake.

    \b
    Examples:
      koans review
      koans review --limit 10
    """
    from grader.learn.review_ui.review import review as run_review

    book = workbook()
    settings = setting.load(book.root)
    with Progress(book.root) as progress, Keyboard() as keyboard:
        run_review(book, progress, settings, Screens(keyboard, terminal.console()), limit or settings.session)


def settings(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Which; or fit.", show_default=False)] = None,
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="Its new value.", show_default=False)] = None,
    as_json: Json = False,
) -> None:
    """Show or change your settings, stored in .koans/settings.toml.

    `koans settings fit` fits FSRS's parameters to your reviews of cards. It needs 500 reviews that came a day or more
    after the card's last one, and pip install 'tensor-koans[fit]'. It fits them to the earlier four fifths of these
    reviews and judges them on the latest fifth. They are used only if they predict these better than the parameters
    that you have.

    \b
    Examples:
      koans settings
      koans settings new_per_day 5
      koans settings resolve false
      koans settings track essential
      koans settings fit
      koans settings parameters           all numbers, as Anki takes them
      koans settings parameters default   back to FSRS's own
    """
    book = workbook()
    if name == "fit" and value is None:
        _fit(book, as_json)
        return
    if name == "track" and value is not None:
        tracks.choose(book, value)
        current = setting.load(book.root)
    elif name is not None and value is not None:
        current = setting.change(book.root, name, value)
    else:
        current = setting.load(book.root)
    values = msgspec.structs.asdict(current)
    if name is not None:
        setting.check_name(name)
        values = {name: values[name]}
    if as_json:
        dump(values)
        return
    for key, setting_value in values.items():
        text = setting.shown(setting_value, whole=name is not None)
        show(Text.assemble((f"{key} = {text}", "bold"), (f"  {setting.DESCRIPTIONS[key]}", "dim")))


def _fit(book: Workbook, as_json: bool) -> None:
    """Fit FSRS's parameters to the reviews of cards, and use them if they are better."""
    from grader.learn.cards.fit import fit
    from grader.learn.report.fit import fitted

    current = setting.load(book.root)
    with waiting("reading your reviews") as working:
        with Progress(book.root, must_write=False) as progress:
            progress.check_readable()
            histories = progress.recall.reviews("card")
        result = fit(histories, due.card_plan(current), working)
    if result.taken:
        setting.store(book.root, "parameters", result.parameters)
    if as_json:
        dump(result)
    else:
        show(fitted(result, own=bool(current.parameters)))


def again(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="ID",
            help="A passed koan; default: the koan that you started, or the koan that was due first.",
            show_default=False,
            autocompletion=completion.koans,
        ),
    ] = None,
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Give up the koan that you started; it comes back soon.")
    ] = False,
) -> None:
    """Solve a passed koan again, from a fresh stub in a scratch file under .koans/again. exercises/ does not change.

    On a terminal, each save runs the koan's tests. Elsewhere, the first call writes the stub, and each later call runs
    it (exit code 1 until it passes). The clock starts at the first call. When it passes, you see the new answer beside
    your first one and say how hard it was; your rating decides when it returns. `koans settings resolve false` stops
    koans from returning by themselves.

    \b
    Examples:
      koans again                 the one that is due longest
      koans again softmax
      koans again --give-up
    """
    from grader.judge.runner import Runner
    from grader.learn import re_solving
    from grader.learn.report import re_solving as report
    from grader.learn.review_ui import re_solve as re_solve_ui

    book, now = workbook(), time.time()
    settings = setting.load(book.root)
    with Progress(book.root) as progress:
        if give_up:
            koan = re_solving.give_up_begun(book, progress, name, now)
            show(report.given_up(koan, recall.when(re_solving.back_at(book, progress, settings, koan, now), now)))
            return
        choice = re_solving.choose(book, progress, settings, name, now)
        if choice.koan is None:
            show(report.none_due(choice.next, now))
            return
        attempt = re_solving.begin(book, progress, choice.koan, now)
        with Runner(book) as runner, Keyboard() as keyboard:
            screens = Screens(keyboard, terminal.console())
            done = re_solve_ui.solve_again(book, progress, runner, attempt, screens, fresh=attempt.started == now)
    if not done:
        raise typer.Exit(1)


def read(
    chapter: Annotated[
        str,
        typer.Argument(
            metavar="CHAPTER", help="A chapter: ch06_numerics, ch06, 6 or numerics.", autocompletion=completion.chapters
        ),
    ],
    no_questions: Annotated[bool, typer.Option("--no-questions", help="The text alone.")] = False,
) -> None:
    """Read a chapter: answer a question, read, compare, then answer from memory.

    Your answers are saved. You are asked for a prediction only once. Without a terminal, the question is shown above
    the text, and nothing is asked. Long texts are shown with $PAGER.

    \b
    Examples:
      koans read 6
      koans read attention --no-questions
    """
    from grader.learn.questions.reading import begin
    from grader.learn.report import questions as report
    from grader.learn.review_ui.read import read as run_reading

    book = workbook()
    opened = book.chapter(chapter)
    with Keyboard() as keyboard:
        screens = Screens(keyboard, terminal.console())
        if screens.live and not no_questions:
            with Progress(book.root, must_write=False) as progress:
                if not progress.refused:
                    run_reading(book, progress, opened, screens)
                    return
            say(f"answers cannot be saved, so no questions are asked: {progress.refused}")
        if not no_questions:
            for question in begin(book.questions_of(opened), {}).predict:
                show(report.prediction(question), "")
        screens.read(terminal.markdown(book.text_for_terminal(opened)))


def quiz(
    chapter: Annotated[
        str | None,
        typer.Argument(
            metavar="CHAPTER",
            help="Its questions only; default: all.",
            show_default=False,
            autocompletion=completion.chapters,
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Questions at most.", min=1)] = 10,
    seed: Annotated[
        int | None, typer.Option(metavar="N", help="Order of questions and options [default: a new one].", min=0)
    ] = None,
    as_json: Json = False,
) -> None:
    """Answer multiple-choice questions; then see the reason for each option.

    Questions that you missed last time come first, then new ones.

    If you miss a question, the cards about the same facts come first in `koans review`. Without a terminal, answers are
    lines of standard input: a letter or a number each. With --json, the questions go to standard error and the summary
    to standard output.

    \b
    Examples:
      koans quiz
      koans quiz 6
      echo b | koans quiz 6 --limit 1 --seed 1 --json
    """
    from grader.learn.questions.quiz import pick
    from grader.learn.report import questions as report
    from grader.learn.review_ui.quiz import ask

    book = workbook()
    own = book.chapter(chapter) if chapter else None
    seed = new_seed() if seed is None else seed
    with Progress(book.root) as progress, Keyboard() as keyboard:
        chosen = pick(book, own, progress.recall.answers(), limit, seed)
        screens = Screens(keyboard, terminal.console(stderr=as_json))
        done = ask(progress, chosen, seed, screens)
        drill_cards = due.cards(book, progress, setting.load(book.root), time.time())
    raised = due.raised_by(drill_cards, done.missed)
    if as_json:
        dump(report.quiz_record(done, seed, raised))
    else:
        screens.show(report.quiz_summary(done, raised))


def stats(
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE.html", help="Write one HTML page with plots; - writes to the output."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show passes by day, rungs by chapter, your mistakes, retention, time to solve, and what is due.

    Time to solve leaves out breaks of half an hour and more. Retention counts reviews that came a day or more after the
    last one. A mistake is a known wrong answer with the same results as your failed attempt. It counts once for each
    text, so running the same text again adds nothing.

    \b
    Examples:
      koans stats
      koans stats -o stats.html
      koans stats --json
    """
    from grader.book.files import check_ending, write_file
    from grader.learn import stats as statistics
    from grader.learn.report.charts import stats as chart
    from grader.learn.report.stats_page import page

    if file is not None and str(file) != "-":
        check_ending(file, (".html",))
    book, now = workbook(), time.time()
    with waiting("adding up"), Progress(book.root, must_write=False) as progress:
        progress.check_readable()
        gathered = statistics.gather(book, progress, setting.load(book.root), now)
    if file is not None:
        write_file(str(file), page(gathered, due.day_of(now)))
    if as_json:
        dump(gathered)
    elif file is None:
        show(chart(gathered, terminal.console().width))
    elif str(file) != "-":
        show(f"{file} written")
