"""Questions: a prediction before a chapter, recall after it, a quiz with reasons. A miss raises cards."""

import io
import json
import subprocess
import sys
import time

import pytest
from rich.console import Console

from grader.learn.cards.schedule import Review
from grader.learn.due import cards, review_queue
from grader.learn.progress import Progress
from grader.learn.questions import quiz, reading
from grader.learn.recall import Answer
from grader.learn.report import questions as screens
from grader.learn.settings import Settings
from tests.terminal import Terminal

START = 1_790_000_000.0

CHAPTER = "ch06_numerics"


def questions_of(book, ask):
    return [q for q in book.questions.values() if q.chapter == CHAPTER and q.ask == ask]


def rendered(renderable):
    out = io.StringIO()
    Console(file=out, width=100).print(renderable)
    return " ".join(out.getvalue().split())


def plain(text):
    return " ".join(text.replace("`", "").split())


# Reading: lines and keys go in, phases and answers for the log come out


def enter(state, *entries):
    """The state after these lines and keys, and the answers for the log."""
    answers = []
    for entry in entries:
        state, answer = reading.step(state, entry)
        answers += [answer] if answer else []
    return state, answers


def test_a_chapter_asks_its_prediction_then_shows_its_text_then_compares_then_asks_what_is_left(book):
    (predict,), retrieve = questions_of(book, "predict"), questions_of(book, "retrieve")
    state = reading.begin([predict, *retrieve], {})
    assert (state.phase, state.question) == ("predict", predict)
    assert plain(predict.answer) not in rendered(screens.reading(state))
    state, answers = enter(state, "gradients underflow")
    assert (state.phase, answers) == ("text", [reading.NewAnswer(predict.id, "gradients underflow")])
    state, answers = enter(state, "")
    assert (state.phase, answers) == ("compare", [])
    compared = rendered(screens.reading(state))
    assert "gradients underflow" in compared and plain(predict.answer) in compared
    state, answers = enter(state, " ")
    for number, question in enumerate(retrieve):
        assert (state.phase, state.question, answers) == ("recall", question, [])
        assert plain(question.answer) not in rendered(screens.reading(state))
        line = "so and so" if number else ""
        state, answers = enter(state, line, "x", "9")
        assert (state.phase, answers) == ("rate", [])
        assert plain(question.answer) in rendered(screens.reading(state))
        state, answers = enter(state, "2")
        assert answers == [reading.NewAnswer(question.id, line, 2)]
        answers = []
    assert state.phase == "ended"
    assert screens.rated(state) == "3 questions: 3 half of it"


def test_an_empty_prediction_is_not_kept_and_one_made_before_is_not_asked_again(book):
    questions = [*questions_of(book, "predict"), *questions_of(book, "retrieve")]
    state, answers = enter(reading.begin(questions, {}), "")
    assert (state.phase, answers) == ("text", [])
    before = {questions[0].id: "what I said last week"}
    state = reading.begin(questions, before)
    assert state.phase == "text"
    assert "what I said last week" in rendered(screens.reading(reading.step(state, "")[0]))


@pytest.mark.parametrize("entry", [None, "q"])
def test_the_end_of_input_and_q_end_a_reading_at_any_point(book, entry):
    questions = [*questions_of(book, "predict"), *questions_of(book, "retrieve")]
    for before in ([], ["a guess"], ["a guess", ""], ["a guess", "", ""], ["a guess", "", "", "an answer"]):
        state, _ = enter(reading.begin(questions, {}), *before)
        assert reading.step(state, entry)[0].phase == "ended"


# A quiz


def test_a_quiz_shuffles_its_options_by_seed_and_gives_the_reason_for_each(book):
    questions = questions_of(book, "quiz")
    one, same, other = (quiz.begin(questions, seed) for seed in (1, 1, 2))
    assert one.orders == same.orders != other.orders
    assert all(sorted(order) == [0, 1, 2, 3] for order in one.orders)
    before = rendered(screens.quiz_question(one))
    assert not any(plain(option.why) in before for option in questions[0].options)
    wrong = next(i for i, option in enumerate(one.options) if not option.correct)
    state, result = quiz.step(one, quiz.LETTERS[wrong])
    assert (result.correct, result.question.options[result.option]) == (False, one.options[wrong])
    after = rendered(screens.quiz_question(state))
    assert all(plain(option.why) in after for option in questions[0].options)
    state, nothing = quiz.step(state, "enter")
    assert (nothing, state.index, state.chosen) == (None, 1, None)
    right = next(i for i, option in enumerate(state.options) if option.correct)
    state, result = quiz.step(state, str(right + 1))
    assert result.correct and state.correct_count == 1
    assert quiz.step(state, "enter")[0].ended == (len(questions) == 2)


def test_the_chosen_option_has_a_sign_and_is_named(book):
    asked = quiz.begin([book.questions["why-subtract-the-row-maximum"]], 0)
    wrong = next(n for n, option in enumerate(asked.options) if not option.correct)
    letter = quiz.LETTERS[wrong]
    text = rendered(screens.quiz_question(quiz.step(asked, letter)[0]))
    assert f"wrong: you chose {letter}" in text
    assert f"▸ ✗ {letter} " in text and text.count("▸") == 1


def test_what_is_no_answer_changes_nothing_and_q_ends(book):
    start = quiz.begin(questions_of(book, "quiz"), 1)
    for key in ("e", "z", "0", "5", "enter", "ab", "²"):
        assert quiz.step(start, key) == (start, None)
    assert quiz.step(start, "q")[0].ended and quiz.step(start, "")[0].ended


def test_what_was_missed_comes_first_then_what_was_never_asked(book):
    questions = list(book.questions.values())
    asked = [q for q in questions if q.ask == "quiz"]
    answers = [Answer(asked[0].id, START, "x", correct=True), Answer(asked[1].id, START, "x", correct=False)]
    order = quiz.choose(questions, answers, 999, seed=5)
    assert order[0] == asked[1] and order[-1] == asked[0]
    assert len(order) == len(asked)
    assert order == quiz.choose(questions, answers, 999, seed=5) != quiz.choose(questions, answers, 999, seed=6)
    answers.append(Answer(asked[1].id, START + 1, "x", correct=True))  # right since then, so it no longer comes first
    assert quiz.choose(questions, answers, 999, seed=5)[0] not in asked[:2]


def test_every_quiz_question_has_a_right_option_and_a_reason_for_each(book):
    for question in book.questions.values():
        if question.ask == "quiz":
            assert sum(option.correct for option in question.options) == 1, question.id
            assert all(option.why.strip() for option in question.options), question.id


# What a miss does


def test_a_miss_raises_the_cards_of_its_facts_until_they_are_reviewed(proved):
    book, now = proved.workbook, time.time()
    question = book.questions["why-subtract-the-row-maximum"]
    with Progress(proved.root) as progress:
        for card in ("softmax-subtract-max", "exp-1000", "softmax-bug-returns"):
            progress.recall.review("card", Review(card, 4, now - 60))
        assert [standing for standing in cards(book, progress, Settings(), now) if standing.state == "due"] == []
        progress.recall.answer(Answer(question.id, now - 30, "x", correct=False))
        standings = cards(book, progress, Settings(), now)
        raised = [standing.card.id for standing in standings if standing.raised and standing.state == "due"]
        assert {"softmax-subtract-max", "exp-1000"} <= set(raised)
        assert "softmax-bug-returns" not in raised
        assert all(set(book.cards[card].facts) & set(question.facts) for card in raised)
        assert [standing.card.id for standing in review_queue(standings, 99)][: len(raised)] == sorted(
            raised, key=lambda c: next(standing.due for standing in standings if standing.card.id == c)
        )
        progress.recall.review("card", Review("exp-1000", 3, now - 10))
        assert not next(
            standing for standing in cards(book, progress, Settings(), now) if standing.card.id == "exp-1000"
        ).raised
        progress.recall.answer(Answer(question.id, now, "x", correct=True))
        assert not any(standing.raised for standing in cards(book, progress, Settings(), now))


# The commands


def piped(play, *args, lines=()):
    return subprocess.run(
        [sys.executable, "-m", "grader", *args],
        cwd=play.root,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(play.root), "NO_COLOR": "1", "COLUMNS": "80"},
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_quiz_through_a_pipe_reads_answers_as_lines_and_sums_up_as_json(proved):
    book = proved.workbook
    seed = next(s for s in range(99) if quiz.choose(questions_of(book, "quiz"), [], 10, s)[0].facts == ("Q6", "D1-4"))
    picked = quiz.choose([q for q in book.questions.values() if q.chapter == CHAPTER], [], 10, seed=seed)
    start = quiz.begin(picked, seed)
    wrong = quiz.LETTERS[next(i for i, o in enumerate(start.options) if not o.correct)]
    run = piped(proved, "quiz", "6", "--seed", str(seed), "--json", lines=["nonsense", wrong])
    assert run.returncode == 0, run.stderr
    summary = json.loads(run.stdout)
    assert (summary["seed"], summary["asked"], summary["right"]) == (seed, 1, 0)
    assert summary["answers"][0]["id"] == picked[0].id
    assert summary["raised"] and all(set(book.cards[c].facts) & set(picked[0].facts) for c in summary["raised"])
    assert "✗" in run.stderr
    second_run = piped(proved, "quiz", "6", "--limit", "1", lines=["q"])
    assert plain(picked[0].prompt)[:40] in second_run.stdout  # missed, so it comes first
    assert "nothing was answered" in second_run.stdout
    with Progress(proved.root) as progress:
        assert progress.misses() == {picked[0].id: 1}


def test_read_through_a_pipe_puts_the_prediction_on_top_and_asks_nothing(play):
    run = play.says("read", "6")
    assert run.returncode == 0
    assert run.stdout.startswith("Before you read\n")
    assert "Number" not in play.says("read", "6", "--no-questions").stdout.partition("\n")[0]
    assert not (play.root / ".koans").exists()


@pytest.mark.needs("pty")
def test_read_on_a_terminal_keeps_answers_and_compares(play):
    book = play.workbook
    terminal = Terminal(play, "read", "6")
    terminal.until("Before you read")
    terminal.until("> ")
    terminal.press("underflow\n")
    terminal.until("Hopper is not the only")
    terminal.until("What you predicted")
    terminal.until("underflow")
    terminal.until("any key continues")
    terminal.press(" ")
    for number in range(len(questions_of(book, "retrieve"))):
        terminal.until(f"{number + 1} of")
        terminal.until("> ")
        terminal.press("bf16, fp32\n")
        terminal.until("4 all of it")
        terminal.press("1")
    terminal.until("3 missed it")
    assert terminal.end() == (0, True)
    with Progress(play.root) as progress:
        answers = progress.recall.answers()
        assert progress.misses() == {q.id: 1 for q in questions_of(book, "retrieve")}
    assert [(a.answer, a.rating) for a in answers] == [("underflow", None)] + [("bf16, fp32", 1)] * 3
