"""A learner works through the koans with the command."""

import csv
import json
import re

import pytest

from grader.book.verdict import Status, Verdict
from grader.book.workbook import Workbook
from grader.learn import attempts
from grader.learn.progress import Progress


def test_the_path_starts_at_the_first_koan_and_moves_on_when_it_passes(play):
    first, second = list(play.workbook.koans.values())[:2]
    start = play.koans()
    assert start.returncode == 0, start.stderr
    assert f"exercises/{first.id}.py" in start.stdout
    assert "fails first:" in start.stdout
    assert f"0 of {len(play.workbook.koans)} koans passed" in start.stdout

    play.solve(first.id)
    after = play.koans()
    assert f"{first.id}  ✓ passed" in after.stdout
    assert "card unlocked:" in after.stdout
    assert f"exercises/{second.id}.py" in after.stdout
    assert f"1 of {len(play.workbook.koans)} koans passed" in after.stdout


def test_a_pass_unlocks_its_cards_and_they_are_exported_with_ankis_header(play, tmp_path):
    deck = tmp_path / "deck.tsv"
    play.solve("softmax")
    run = play.says("run", "softmax")
    assert run.returncode == 0
    assert "card unlocked: softmax-subtract-max" in run.stdout
    play.says("cards", "export", str(deck))
    lines = deck.read_text().splitlines()
    assert lines[:6] == [
        "#separator:tab",
        "#html:true",
        "#notetype:Tensor Koans",
        "#guid column:1",
        "#deck column:2",
        "#tags column:3",
    ]
    rows = {row[0].partition("/")[2]: row for row in csv.reader(lines[6:], delimiter="\t", quoting=csv.QUOTE_NONE)}
    proved = {p.card for p in Workbook(play.root).proofs if p.koan == "ch06_numerics/softmax"}
    shared = {p.card for p in Workbook(play.root).proofs if p.koan != "ch06_numerics/softmax"}
    assert set(rows) == proved - shared
    row = rows["softmax-subtract-max"]
    assert len(row) == 5
    assert row[1] == "Tensor Koans::06 Numerics is the bug, not the algorithm"
    assert row[2].split() == ["koans::ch06_numerics", "koans::D1-4", "koans::Q6"]
    assert "Proved by ch06_numerics/softmax" in row[4]


def test_a_card_stays_locked_until_every_test_that_names_it_has_passed(play, tmp_path):
    # bf16-range is named by tests of two koans.
    play.solve("overflow_survey")
    assert "card unlocked: bf16-range" not in play.says("run", "overflow_survey").stdout
    play.solve("bf16_by_hand")
    assert "card unlocked: bf16-range" in play.says("run", "bf16_by_hand").stdout


def test_softmax_without_the_maximum_is_told_which_mistake_it_is(play):
    play.body("softmax", "e = torch.exp(x)", "return e / e.sum(dim, keepdim=True)")
    run = play.says("run", "softmax")
    assert run.returncode == 1
    lines = run.stdout.splitlines()
    headline = lines.index("this looks like: exp before subtracting the row maximum: large scores overflow")
    assert "fails: scores of twelve do not overflow [float16]" in run.stdout
    assert "    x = tensor([12., 11., 10.], dtype=float16)" in lines[headline:]
    assert "  actual   tensor([nan, 0., 0.], dtype=float16)" in lines[headline:]
    assert "koans hint softmax" in run.stdout


def test_hints_come_one_tier_at_a_time(play):
    tiers = [play.says("hint", "scores").stdout for _ in range(3)]
    assert [t.splitlines()[0] for t in tiers] == [f"scores, hint {i} of 3" for i in (1, 2, 3)]
    everything = play.says("hint", "scores").stdout
    assert everything.count("of 3") == 3
    assert "--peek" in everything


def test_the_solution_opens_on_passing_and_a_peek_is_recorded(play):
    closed = play.says("solution", "causal_mask")
    assert closed.returncode == 1
    assert "masked_fill" not in closed.stdout
    peeked = play.says("solution", "causal_mask", "--peek")
    assert "masked_fill" in peeked.stdout
    assert "BEGIN SOLUTION" not in peeked.stdout
    standings = {k["id"]: k["standing"] for k in json.loads(play.says("list", "--json").stdout)}
    assert standings["ch07_attention/causal_mask"]["peeked"] is True
    assert standings["ch07_attention/scores"]["peeked"] is False
    play.solve("scores")
    play.says("run", "scores")
    assert "einsum" in play.says("solution", "scores").stdout


def test_reset_puts_the_stub_back_and_keeps_what_it_replaces(play):
    stub = play.workbook.exercise(play.workbook.koan("scores")).read_text()
    play.write("scores", "mine = 1\n")
    output = play.says("reset", "scores").stdout
    assert play.workbook.exercise(play.workbook.koan("scores")).read_text() == stub
    copies = list((play.root / ".koans/replaced/ch07_attention").glob("scores-*.py"))
    assert [f.read_text() for f in copies] == ["mine = 1\n"]
    assert copies[0].name in output.replace("\n", "")


def test_reset_keeps_the_line_ends_of_windows(play):
    stub = play.workbook.exercise(play.workbook.koan("scores")).read_bytes()
    play.write("scores", b"mine = 1\r\n")
    play.says("reset", "scores")
    assert play.workbook.exercise(play.workbook.koan("scores")).read_bytes() == stub.replace(b"\n", b"\r\n")


def test_a_pass_rests_on_the_files_that_it_imports(play):
    play.solve("softmax")
    play.write("accumulate", "from exercises.ch06_numerics.softmax import softmax\n")
    koan = play.workbook.koan("accumulate")
    with Progress(play.root) as progress:
        text = attempts.exercise_text(play.workbook, koan)
        attempts.record_attempt(play.workbook, progress, koan, Verdict(koan.id, "learner", Status.passed), text)
        before = progress.standings(play.workbook, koan)[koan.id]
        play.write("softmax", "x = 1\n")
        after = progress.standings(play.workbook, koan)[koan.id]
    assert (before.status, before.changed) == (Status.passed, False)
    assert (after.passed, after.changed) == (True, True)


def test_a_pass_counts_for_the_text_it_was_given_for(play):
    def standing():
        return next(k["standing"] for k in json.loads(play.says("list", "--json").stdout) if k["name"] == "causal_mask")

    play.solve("causal_mask")
    play.says("run", "causal_mask")
    assert (standing()["status"], standing()["changed"]) == ("passed", False)
    play.body("causal_mask", "return None")
    assert (standing()["status"], standing()["changed"]) == ("failed", True)


def test_a_chapter_can_be_read_and_run(play):
    read = play.says("read", "numerics")
    assert read.returncode == 0
    assert "Figure (content/ch06_numerics/figure.svg)" in read.stdout
    run = play.says("run", "ch07", "--json")
    assert run.returncode == 1
    assert {v["status"] for v in json.loads(run.stdout)} == {"not started"}


@pytest.mark.needs("sandbox")
def test_grading_gives_points_for_what_passes_and_says_that_nothing_is_isolated(play, tmp_path):
    play.solve("scores")
    play.body("causal_mask", "return torch.zeros(n_q, n_k)")
    ada = str(play.hand_in(tmp_path / "ada"))
    human = play.says("grade", ada, "--seed", "1")
    assert "2 of" in human.stdout
    assert "isolated: no new privileges" in human.stdout
    result = json.loads(play.says("grade", ada, "--seed", "1", "--format", "json-full=-").stdout)
    by_koan = {g["verdict"]["koan"]: (g["earned"], g["verdict"]["status"]) for g in result["koans"]}
    assert by_koan.pop("ch07_attention/scores") == (2, "passed")
    assert by_koan.pop("ch07_attention/causal_mask") == (0, "failed")
    assert set(by_koan.values()) == {(0, "not started")}
    assert result["earned"] == 2
    assert result["isolation"].startswith("isolated: ") and result["trusted"]


@pytest.mark.parametrize("width", ["60", "200"])
def test_every_screen_fits_the_terminal(play, width):
    play.body("softmax", "return torch.exp(x) / torch.exp(x).sum(dim, keepdim=True)")
    env = {"COLUMNS": width}
    text = play.workbook.text(play.workbook.chapter("ch13"))
    # Lines of code stay whole, so that they can be copied.
    code = {
        line.strip() for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    }
    for args in (["list"], ["run", "softmax"], ["hint", "softmax"], [], ["read", "ch13"]):
        lines = play.says(*args, env=env).stdout.splitlines()
        assert max(len(line) for line in lines if line.strip() not in code) <= int(width), args


def test_the_test_that_is_named_is_the_one_whose_failure_is_told(play):
    # The first failing test fits more than one mistake; a later one shows which it is.
    play.body(
        "speculative_accept",
        "for i, x in enumerate(drafts):",
        "    if u[i] >= p[i][x] / q[i][x]:",
        "        return [*drafts[:i], draw(p[i] - q[i], v)]",
        "return [*drafts, draw(p[-1], v)]",
    )
    output = play.says("run", "speculative_accept").stdout
    assert "this looks like: the residual was not clipped at 0" in output
    assert "accepted half the time [0.6-gives1]" in output
    assert "u = [0.6]" in output
