"""Tracks: their koans, the walk along one, and the minutes that are left."""

import json
import math
import re
from unittest import mock

import msgspec
import pytest
import typer

from grader import cli
from grader.book.stubs import stub_of
from grader.book.verdict import Status, Verdict
from grader.book.workbook import RUNGS
from grader.learn import pace, tracks
from grader.learn.first_solve import BREAK, Activity, first_solves
from grader.learn.progress import Progress
from grader.learn.report.tracks import hours
from tests.conftest import ROOT

TRACKS = ("essential", "numerics", "attention", "train", "serve", "interview", "debug")


def record(play, *args):
    run = play.says(*args, "--json")
    assert (run.returncode, run.stderr) == (0, "")
    return json.loads(run.stdout)


# The tracks of the workbook.


def test_there_are_seven_tracks_and_the_whole_workbook(play):
    told = record(play, "track")
    assert [track["id"] for track in told["tracks"]] == [*TRACKS, "all"]
    assert told["active"] == "all" and told["pace"] == {"factor": 1.0, "koans": 0}
    assert told["tracks"][-1]["koans"] == list(play.workbook.koans)


def test_no_koan_of_a_track_comes_before_one_that_it_needs(play):
    needs = {koan["id"]: koan["needs"] for koan in record(play, "list")}
    for track in record(play, "track")["tracks"][:-1]:
        known = set(track["assumes"])
        assert not known & set(track["koans"]), f"{track['id']}: what is assumed is not also taught"
        for koan in track["koans"]:
            assert set(needs[koan]) <= known, f"{track['id']}: {koan}"
            known.add(koan)


def test_the_essential_forty_are_forty_of_every_rung_and_assume_nothing(play):
    by_id = {koan["id"]: koan for koan in record(play, "list", "--track", "essential")}
    assert len(by_id) == 40
    assert {koan["rung"] for koan in by_id.values()} == set(RUNGS)
    assert record(play, "track")["tracks"][0]["assumes"] == []
    assert {"ch08_block/llama_block", "ch15_model/generate", "ch04_optimization/adam_step"} <= set(by_id)
    assert [koan["track"] for koan in by_id.values()] == [{"id": "essential", "place": n} for n in range(1, 41)]


def test_the_night_before_an_interview_is_short_and_ends_with_the_cheat_sheet_and_a_quiz(play):
    koans = record(play, "list", "--track", "interview")
    track = next(track for track in record(play, "track")["tracks"] if track["id"] == "interview")
    assert len(koans) <= 20 and track["estimated_minutes"] <= 240
    assert track["estimated_minutes"] == sum(koan["estimated_minutes"] for koan in koans)
    assert {koan["kind"] for koan in koans} == {"function"}
    book = play.workbook
    keyed = {proof.koan for proof in book.proofs if book.cards[proof.card].key}
    needed = {need for koan in koans for need in koan["needs"]}
    assert {koan["id"] for koan in koans} <= keyed | needed
    after = book.tracks["interview"].after
    assert after.index("`koans cheatsheet`") < after.index("`koans quiz`")


def test_each_command_in_the_text_of_a_track_exists(book):
    verbs = typer.main.get_command(cli.app).commands
    for track in book.tracks.values():
        commands = re.findall(r"`koans ([^`]+)`", f"{track.whom} {track.why} {track.after}")
        assert commands, track.id
        for verb, *rest in map(str.split, commands):
            assert verb in verbs
            if verb == "track":
                assert rest[0] in book.tracks
            if verb in ("quiz", "read"):
                assert not rest or book.chapter(rest[0])


def test_the_readme_has_the_size_of_each_track(play):
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    told = record(play, "track")["tracks"][:-1]
    assert [(name, int(koans)) for name, koans, _ in rows] == [(track["id"], track["total"]) for track in told]
    for (name, _, said), track in zip(rows, told, strict=True):
        assert abs(60 * int(said) - track["estimated_minutes"]) <= 45, name


MADE = """
[[tracks]]
id = "one"
title = "One"
whom = "For tests."
why = ""
after = ""
koans = ["dot", "ch01_tensors/matmul"]
"""


def make(play, text):
    (play.root / "content/tracks.toml").write_text(text)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            '"dot", "ch01_tensors/matmul"',
            '"matmul", "dot"',
            "ch01_tensors/matmul needs ch01_tensors/dot, which comes late",
        ),
        (
            '"dot", ',
            "",
            "ch01_tensors/matmul needs ch01_tensors/dot, which is neither in the track nor among `assumes`",
        ),
        ('"dot"', '"dott"', "no koan is called 'dott': did you mean dot"),
        ('"dot"', '"dot", "ch01_tensors/dot"', "ch01_tensors/dot: is named twice"),
        ('after = ""', 'after = ""\nassumes = ["dot"]', "ch01_tensors/dot: is named twice"),
        ('"one"', '"all"', "an id is lower-case words joined by hyphens, and is not 'all'"),
        ('"one"', '"One"', "an id is lower-case words joined by hyphens"),
        ('"One"', "1", "track 'one': Expected `str`, got `int`"),
        ('why = ""\n', "", "track 'one': Object missing required field `why`"),
        ('why = ""', 'why = ""\ncolor = ""', "track 'one': Object contains unknown field `color`"),
        ("[[tracks]]", "[[tracks]", "not valid TOML"),
        (MADE, MADE + MADE, "'one': this id is taken"),
    ],
)
def test_an_error_in_a_track_is_one_line_that_names_it(play, old, new, says):
    assert old in MADE
    make(play, MADE.replace(old, new, 1))
    run = play.says("track")
    assert (run.returncode, run.stdout, len(run.stderr.splitlines())) == (2, "", 1)
    assert "tracks.toml" in run.stderr and says in run.stderr


def test_koans_may_be_named_by_their_short_names_and_assumed(play):
    make(play, MADE.replace('"dot", ', "").replace('after = ""', 'after = ""\nassumes = ["dot"]'))
    one, whole = record(play, "track")["tracks"]
    assert (one["koans"], one["assumes"]) == (["ch01_tensors/matmul"], ["ch01_tensors/dot"])
    assert whole["total"] == len(play.workbook.koans)
    assert "Assumed: dot." in play.says("track", "one").stdout


def test_an_edition_with_fewer_koans_skips_those_that_are_not_there(small, tmp_path):
    told = {track["id"]: track["koans"] for track in record(small, "track")["tracks"]}
    assert told == {
        "essential": ["ch07_attention/scores", "ch07_attention/causal_mask"],
        "numerics": ["ch06_numerics/exp_overflow"],
        "attention": ["ch07_attention/scores", "ch07_attention/causal_mask"],
        "serve": ["ch07_attention/scores", "ch07_attention/causal_mask"],
        "interview": ["ch07_attention/scores", "ch07_attention/causal_mask"],
        "all": ["ch06_numerics/exp_overflow", "ch07_attention/scores", "ch07_attention/causal_mask"],
    }  # of the tracks `train` and `debug` nothing is left
    assert small.says("track", "train").stderr == (
        "koans: no track is called 'train': there are essential, numerics, attention, serve, interview\n"
    )


def test_a_workbook_without_tracks_has_only_itself(small):
    (small.root / "content/tracks.toml").unlink()
    assert [track["id"] for track in record(small, "track")["tracks"]] == ["all"]
    assert small.says("track", "essential").stderr == "koans: no track is called 'essential': this edition has none\n"
    assert small.says("track").returncode == small.says("track", "all").returncode == 0


# The walk.


def test_the_next_koan_follows_the_active_track_until_it_is_left(small):
    chosen = small.says("track", "attention")
    assert chosen.returncode == 0
    assert "attention 0 of 2, about" in chosen.stdout and "the next koan: ch07_attention/scores" in chosen.stdout
    assert small.says("hint").stdout.startswith("scores, hint 1 of 3")
    assert small.says("run").stdout.startswith("ch07_attention/scores  · not started")
    lines = small.says().stdout
    assert (
        lines.startswith("attention 0 of 2 · 0 of 3 koans passed\n") and "exercises/ch07_attention/scores.py" in lines
    )
    assert small.says("settings", "track").stdout.startswith("track = attention ")

    assert small.says("track", "--all").returncode == 0
    assert record(small, "settings")["track"] == "all"
    assert small.says("hint").stdout.startswith("exp_overflow, hint 1 of 3")
    assert small.says().stdout.startswith("0 of 3 koans passed\n")

    assert small.says("track", "attention").returncode == 0
    small.solve("exp_overflow")  # by hand, outside the track
    assert small.says("run", "exp_overflow").returncode == 0
    assert small.says("hint").stdout.startswith("scores, hint 2 of 3")


def test_a_finished_track_prints_its_summary_and_the_whole_workbook_goes_on(small):
    small.says("track", "attention")
    small.says("hint", "scores")
    small.solve("scores")
    first = small.says("run")
    assert first.returncode == 0 and "is done" not in first.stdout
    assert small.says("hint").stdout.startswith("causal_mask, hint 1")
    small.solve("causal_mask")
    last = small.says("run")
    assert "The track attention is done: 2 koans" in last.stdout
    assert "2 at the first attempt, 2 hints; the estimate was" in last.stdout
    assert "koans bench attention" in last.stdout
    assert "is done" not in small.says("run", "causal_mask").stdout  # it had passed before

    assert small.says("run").stdout.startswith("ch06_numerics/exp_overflow  · not started")
    assert "the track attention is done: this koan is of the whole workbook" in small.says().stdout
    assert "The track attention is done" in small.says("track", "attention").stdout
    assert re.search(r"▸ attention +━{12} +2/2  done\n", small.says("track").stdout)


def test_plain_lines_follow_the_track_and_say_when_it_is_done(small):
    small.says("track", "attention")
    for name in ("scores", "causal_mask"):
        small.solve(name)
    lines = small.says().stdout
    places = [
        lines.index(text) for text in ("scores  ✓ passed", "causal_mask  ✓ passed", "is done: 2 koans", "exp_overflow")
    ]
    assert places == sorted(places)
    assert "attention 2 of 2 · 2 of 3 koans passed" in lines


def test_a_track_that_is_gone_falls_back_to_the_whole_workbook_with_one_line(small):
    small.says("track", "numerics")
    make(small, MADE.replace('"dot", "ch01_tensors/matmul"', '"scores"'))
    for args in (("hint",), ("run",), ("list",), ("track",)):
        run = small.says(*args)
        assert len(run.stderr.splitlines()) == 1, args
        assert "settings.toml: no track is called 'numerics': there are one; so the whole workbook counts" in run.stderr
    assert small.says("hint").stdout.startswith("exp_overflow, hint 2")
    assert "no track is called 'numerics'" in small.says().stdout
    assert small.says("hint", "scores").stderr == ""  # a named koan needs no track
    assert small.says("track", "all").returncode == 0
    assert small.says("hint").stderr == ""


def test_a_damaged_file_of_tracks_stops_nobody(small):
    small.says("track", "attention")
    make(small, "[[tracks]")
    run = small.says("hint")
    assert run.returncode == 0 and run.stdout.startswith("exp_overflow, hint 1")
    assert "tracks.toml: not valid TOML" in run.stderr and len(run.stderr.splitlines()) == 1


def test_damaged_settings_stop_nobody_and_choosing_a_track_mends_them(small):
    (small.root / ".koans").mkdir()
    (small.root / ".koans/settings.toml").write_text('track = "Not An Id"\nsession = 20\n')
    run = small.says("hint")
    assert run.returncode == 0 and run.stdout.startswith("exp_overflow, hint 1")
    assert "track must be the id of a track, or all, but is Not An Id" in run.stderr
    assert small.says("track", "attention").stderr == ""
    assert record(small, "settings")["track"] == "attention" and record(small, "settings")["session"] == 20


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("track essentail", "no track is called 'essentail': did you mean essential?"),
        ("settings track essentail", "no track is called 'essentail': did you mean essential?"),
        (
            "list --track nothing",
            "no track is called 'nothing': there are essential, numerics, attention, serve, interview",
        ),
        ("track essential --all", "give NAME or --all, not both"),
        ("list ch06 --track numerics", "give CHAPTER or --track, not both"),
    ],
)
def test_an_unknown_track_is_one_line_and_changes_nothing(small, command, says):
    run = small.says(*command.split())
    assert (run.returncode, run.stdout, run.stderr) == (2, "", f"koans: {says}\n")
    assert record(small, "settings")["track"] == "all"


def test_a_setting_chooses_the_track_too(small):
    assert small.says("settings", "track", "attention").returncode == 0
    assert record(small, "track")["active"] == "attention"
    assert small.says("settings", "session", "20").returncode == 0
    assert record(small, "track")["active"] == "attention"  # another setting leaves it
    assert '\ntrack = "attention"\n' in (small.root / ".koans/settings.toml").read_text()


def test_the_list_numbers_the_koans_of_the_active_track(small):
    assert "scores" in small.says("list").stdout and "1." not in small.says("list").stdout
    small.says("track", "attention")
    shown = small.says("list").stdout
    assert re.search(r"^ +2\.  · not started  causal_mask", shown, re.MULTILINE)
    assert re.search(r"^ +1\.  · not started  scores", shown, re.MULTILINE)
    assert re.search(r"^ +· not started  exp_overflow", shown, re.MULTILINE)
    assert "the numbers are the order of your track, attention" in shown
    places = {koan["name"]: koan["track"] for koan in record(small, "list")}
    assert places == {
        "exp_overflow": None,
        "causal_mask": {"id": "attention", "place": 2},
        "scores": {"id": "attention", "place": 1},
    }
    listed = small.says("list", "--track", "numerics").stdout.splitlines()
    assert listed[0] == "Numerics" and listed[1].startswith("1.  · not started  exp_overflow")
    assert listed[-1] == "numerics 0 of 1 passed; minutes are estimated"


def test_every_screen_of_tracks_fits_80_columns_and_the_list_of_tracks_24_lines(play):
    for args in (("track",), ("track", "serve"), ("list",), ("list", "--track", "serve"), ("track", "all")):
        lines = play.says(*args).stdout.splitlines()
        assert max(map(len, lines)) <= 80, args
        assert len(lines) <= 24 or args[0] == "list", args


# Minutes.


def test_an_estimate_is_a_formula_over_what_every_edition_has(book):
    for name, kind in (("dot", 1), ("softmax", 1), ("flash_forward", 2)):
        koan = book.koan(name)
        words = len(stub_of(book, koan).split())
        assert pace.estimated(book, koan) == round(words / 100 + 6 * koan.points * kind)


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (0, "5 min"),
        (12, "10 min"),
        (13, "15 min"),
        (57, "55 min"),
        (58, "1 h"),
        (64, "1 h"),
        (200, "3 h 20"),
        (599, "10 h"),
    ],
)
def test_a_length_of_time_is_as_exact_as_an_estimate(minutes, text):
    assert hours(minutes) == text


NOW = 1_790_000_000.0


def simulated(book, koans, factor, *, start=NOW):
    """The log of a learner who takes `factor` times the estimate at each of these koans, one after another.

    They try twice, and are away for a night in the middle of the third koan. What they did before these koans is
    the first line.
    """
    at, log = start, [Activity("ch01_tensors/l2_norm", start, "passed", "0")]
    for number, name in enumerate(koans):
        seconds = 60 * factor * pace.estimated(book, book.koan(name))
        steps = math.ceil(seconds / (BREAK / 2))  # no step is as long as a break
        for step in range(steps):
            at += seconds / steps
            if number == 2 and step == 0:
                log.append(Activity(name, at, "hint"))
                at += 8 * 3600
                log.append(Activity(name, at, "failed", f"{name} after the night"))
            log.append(Activity(name, at, "passed" if step == steps - 1 else "failed", f"{name} {step}"))
    return log


KOANS = ("dot", "matmul", "softmax", "logsumexp", "scores", "attention", "linear", "encode")


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0, 3.5])
def test_the_learners_own_factor_is_found_in_the_log_and_grows_with_the_data(book, factor):
    ids = [book.koan(name).id for name in KOANS]
    estimates = {koan.id: pace.estimated(book, koan) for koan in book.koans.values()}
    for number in range(1, len(ids) + 1):
        log = simulated(book, ids[:number], factor)
        own = pace.pace(estimates, first_solves(log).values())
        assert own.koans == number  # not the koan before them, of which the log has only the end
        assert own.factor == pytest.approx(factor ** (number / (number + 4)), rel=1e-9)


def test_a_few_odd_times_hardly_move_the_factor(book):
    ids = [book.koan(name).id for name in KOANS]
    estimates = {koan.id: pace.estimated(book, koan) for koan in book.koans.values()}
    log = simulated(book, ids, 2.0)
    even = pace.pace(estimates, first_solves(log).values()).factor
    slow = book.koan("gelu").id
    last = log[-1].at
    steps = [Activity(slow, last + n * 1700, "failed", str(n)) for n in range(1, 40)]
    odd = pace.pace(estimates, first_solves([*log, *steps, Activity(slow, last + 68000, "passed", "x")]).values())
    assert odd.koans == len(KOANS) + 1
    assert odd.factor == pytest.approx(2 ** (9 / 13), rel=1e-9) and odd.factor / even < 1.03


def test_what_is_no_work_at_a_koan_does_not_count(book):
    estimates = {koan.id: pace.estimated(book, koan) for koan in book.koans.values()}
    dot, matmul, gelu, scores = (book.koan(name).id for name in ("dot", "matmul", "gelu", "scores"))
    log = [
        Activity(dot, NOW, "failed", "a"),  # after a break: when work began is not known
        Activity(dot, NOW + 600, "passed", "b"),
        Activity(matmul, NOW + 900, "peek"),  # after a look at the solution
        Activity(matmul, NOW + 1500, "passed", "c"),
        Activity(gelu, NOW + 1510, "passed", "d"),  # pasted
        Activity("ch99_gone/koan", NOW + 1600, "passed", "e"),  # not in this edition
    ]
    assert pace.pace(estimates, first_solves(log).values()) == pace.Pace(1.0, 0)
    log.append(Activity(scores, NOW + 1600 + 60 * estimates[scores], "passed", "f"))
    assert pace.pace(estimates, first_solves(log).values()) == pace.Pace(1.0, 1)


def write_log(play, log):
    with Progress(play.root) as progress:
        for activity in log:
            with mock.patch("time.time", return_value=activity.at):
                if activity.kind == "hint":
                    progress.record_hint(play.workbook.koans[activity.koan], 1)
                    continue
                verdict = Verdict(activity.koan, "learner", Status(activity.kind), seconds=0.1)
                progress.record(verdict, "", activity.content)


def test_the_command_says_how_long_the_rest_takes_at_your_pace(play):
    book = play.workbook
    ids = [book.koan(name).id for name in KOANS]
    before = next(t for t in record(play, "track")["tracks"] if t["id"] == "essential")
    assert before["minutes_left_at_your_pace"] is None
    assert f"about {hours(before['estimated_minutes'])} left (estimated)" in play.says("track", "essential").stdout

    write_log(play, simulated(book, ids, 2.0))
    told = record(play, "track")
    own = next(t for t in told["tracks"] if t["id"] == "essential")
    factor = 2 ** (8 / 12)
    assert told["pace"] == {"factor": round(factor, 3), "koans": 8}
    assert own["estimated_minutes_left"] == before["estimated_minutes_left"]  # the files are still their stubs
    assert own["minutes_left_at_your_pace"] == round(factor * own["estimated_minutes_left"])
    text = play.says("track", "essential").stdout
    assert f"about {hours(own['minutes_left_at_your_pace'])} left at your pace" in text
    listed = play.says("track").stdout
    assert "Your factor is 1.59, from 8 koans that you solved." in " ".join(listed.split())
    dot = round(factor * pace.estimated(book, book.koan("dot")))
    assert re.search(rf"1\.  · not started  dot +{dot} min", play.says("list", "--track", "essential").stdout)
    assert record(play, "list", "--track", "essential")[0]["estimated_minutes"] == pace.estimated(
        book, book.koan("dot")
    )


def test_the_summary_of_a_track_has_the_hours_at_work(book, tmp_path):
    ids = [book.koan(name).id for name in ("scores", "causal_mask")]
    log = simulated(book, ids, 3.0)
    estimated = sum(pace.estimated(book, book.koan(koan)) for koan in ids)
    track = msgspec.structs.replace(book.tracks["attention"], koans=tuple(ids))

    class Made:
        def activities(self):
            return log

    standings = {koan: tracks.Standing(Status.passed) for koan in ids}
    took = tracks.finished(book, Made(), track, standings)
    assert took.minutes == pytest.approx(3 * estimated)
    assert (took.estimated, took.first_try, took.peeks) == (estimated, 0, 0)
    assert tracks.finished(book, Made(), track, {**standings, ids[0]: tracks.Standing(Status.failed)}) is None
