"""The tracks and how far the learner is on each, for a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.book import terminal
from grader.book.terminal import status_text
from grader.book.verdict import Status
from grader.book.workbook import WHOLE, Koan, Track, Workbook
from grader.learn.pace import Pace, Times, estimated
from grader.learn.progress import Standing
from grader.learn.report.recall import count, inline
from grader.learn.tracks import Finished, Overview, TrackStanding

BAR = 12  # width of a bar of progress in cells
NARROW, WIDE = 76, 100  # columns; a narrower terminal gets no titles, and below WIDE there are no rungs
ACTIVE, OTHER = "▸ ", "  "  # before the active track, and before the others


def hours(minutes: float) -> str:
    """A length of time, as exact as an estimate is: "40 min", "3 h 20". Never less than 5 minutes."""
    step = 5 if minutes < 57.5 else 10
    whole = max(5, round(minutes / step) * step)
    if whole < 60:
        return f"{whole} min"
    return f"{whole // 60} h" + (f" {whole % 60}" if whole % 60 else "")


def left(standing: TrackStanding, pace: Pace) -> str:
    """How long the rest takes, and whether that is the estimate alone or the learner's own pace counts."""
    return f"about {hours(standing.left)} left " + ("at your pace" if pace.koans else "(estimated)")


def listing(overview: Overview) -> RenderableType:
    """Every track with its bar, what it takes and whom it is for."""
    parts: list[RenderableType] = []
    for one in overview.tracks:
        parts += [_line(one, overview.pace), Padding(Text(one.track.whom, "dim"), (0, 0, 0, 4))]
    parts += [Text(), Text(_basis(overview.pace), "dim")]
    now = next((one for one in overview.tracks if one.active), overview.tracks[-1])
    other = [(f"koans track {overview.tracks[0].track.id}", "walk a track")] if now.track.id == WHOLE else []
    back = [] if now.track.id == WHOLE else [(f"koans track {WHOLE}", "back to the whole workbook")]
    return Group(*parts, terminal.next_steps([("koans", "the next koan"), *other, *back]))


def _line(one: TrackStanding, pace: Pace) -> Text:
    filled = BAR * one.passed // len(one.track.koans)
    return Text.assemble(
        ACTIVE if one.active else OTHER,
        (f"{one.track.id:<11}", "bold cyan" if one.active else "bold"),
        ("━" * filled, "green"),
        ("─" * (BAR - filled), "dim"),
        f" {f'{one.passed}/{len(one.track.koans)}':>7}  ",
        ("done" if one.done else left(one, pace), "green" if one.done else ""),
    )


def _basis(pace: Pace) -> str:
    """Where the times come from."""
    said = "Times are estimated from each koan's text, points and kind; nobody has measured them."
    if pace.koans:
        return f"{said} Your factor is {pace.factor:.2f}, from {count(pace.koans, 'koan')} that you solved."
    return said


def one(workbook: Workbook, standing: TrackStanding, pace: Pace, finished: Finished | None) -> RenderableType:
    """A track that was chosen: whom it is for, why these koans, how far it is, and what comes next."""
    track = standing.track
    parts: list[RenderableType] = [Text(track.title, "bold"), inline(track.whom), Text()]
    if track.why:
        parts += [inline(_flat(track.why), "dim"), Text()]
    missing = [workbook.koans[koan].name for koan in track.assumes]
    if missing:
        parts += [Text(f"Assumed: {', '.join(missing)}.", "dim"), Text()]
    if finished is not None:
        return Group(*parts, done(finished))
    koan = workbook.koans[standing.next]
    parts += [
        Text(f"{progress(track.id, standing.passed, len(track.koans))}, {left(standing, pace)}"),
        Text.assemble("the next koan: ", (koan.id, "bold"), f", about {estimated(workbook, koan)} min (estimated)"),
    ]
    listed = f"koans list --track {track.id}" if track.id != WHOLE else "koans list"
    steps = [("koans", "work through it"), (listed, "its koans in order")]
    if track.id != WHOLE:
        steps.append((f"koans track {WHOLE}", "back to the whole workbook"))
    return Group(*parts, terminal.next_steps(steps))


def progress(track: str, passed: int, of: int) -> str:
    """How far the learner is on a track: "essential 12 of 40". Of the whole workbook: "12 of 150 koans"."""
    return f"{passed} of {of} koans" if track == WHOLE else f"{track} {passed} of {of}"


def done(finished: Finished) -> RenderableType:
    """The summary of a track whose koans all pass, and what to do next."""
    track = finished.track
    took = f" in {hours(finished.minutes)} of work" if finished.minutes >= 1 else ""
    facts = [f"{finished.first_try} at the first attempt", count(finished.hints, "hint")]
    facts += [f"{count(finished.peeks, 'look')} at a solution"] if finished.peeks else []
    return Group(
        Text.assemble((f"The track {track.id} is done: ", "bold green"), f"{count(len(track.koans), 'koan')}{took}"),
        Text(f"{', '.join(facts)}; the estimate was {hours(finished.estimated)}", "dim"),
        Text(),
        inline(_flat(track.after)),
        *([terminal.next_steps([("koans track", "the other tracks")])] if track.id != WHOLE else []),
    )


def _flat(text: str) -> str:
    """A text of several lines as one, which the terminal wraps."""
    return " ".join(text.split())


def koans(
    workbook: Workbook, track: Track, standings: Mapping[str, Standing], times: Times, width: int
) -> RenderableType:
    """The koans of a track in its order, each with its standing and its minutes, estimated or at the learner's pace."""
    table = Table.grid(padding=(0, 2), expand=False)
    table.add_column(justify="right", no_wrap=True)
    for _ in range(4 if width >= WIDE else 3):
        table.add_column(no_wrap=True)  # so that only the title becomes shorter
    for place, name in enumerate(track.koans, 1):
        koan, standing = workbook.koans[name], standings[name]
        status = status_text(
            standing.status,
            changed=standing.changed and width >= WIDE,
            in_notebook=standing.in_notebook and width >= WIDE,
        )
        row = [Text(f"{place}.", "dim"), status, Text(koan.name), Text(f"{round(times.of(koan.id))} min", "dim")]
        if width >= WIDE:
            row.append(Text(koan.rung, "dim"))
        if width >= NARROW:
            row.append(Text(koan.title, "dim", overflow="ellipsis", no_wrap=True))
        table.add_row(*row)
    passed = sum(standings[koan].status == Status.passed for koan in track.koans)
    basis = "minutes at your pace" if times.pace.koans else "minutes are estimated"
    end = Text(f"{progress(track.id, passed, len(track.koans))} passed; {basis}")
    return Group(Text(track.title, "bold"), table, Text(), end)


def record(standing: TrackStanding, pace: Pace) -> dict[str, Any]:
    """A track as one object for JSON. Minutes are estimates, except `minutes_left_at_your_pace`."""
    track = standing.track
    return {
        "id": track.id,
        "title": track.title,
        "for": track.whom,
        "active": standing.active,
        "passed": standing.passed,
        "total": len(track.koans),
        "next": standing.next or None,
        "estimated_minutes": standing.estimated,
        "estimated_minutes_left": standing.estimated_left,
        "minutes_left_at_your_pace": round(standing.left) if pace.koans else None,
        "koans": list(track.koans),
        "assumes": list(track.assumes),
    }


def koan_record(koan: Koan, standing: Standing, track: Track | None, times: Times) -> dict[str, Any]:
    """A koan as one object for JSON: its content, standing, estimated minutes and place in this track, from 1."""
    on_track = track is not None and koan.id in track.koans
    return {
        **msgspec.to_builtins(koan),
        "id": koan.id,
        "standing": msgspec.to_builtins(standing),
        "estimated_minutes": times.estimated[koan.id],
        "track": {"id": track.id, "place": track.koans.index(koan.id) + 1} if track and on_track else None,
    }


def records(overview: Overview) -> dict[str, Any]:
    """All tracks as one object for JSON."""
    return {
        "active": next((one.track.id for one in overview.tracks if one.active), WHOLE),
        "pace": {"factor": round(overview.pace.factor, 3), "koans": overview.pace.koans},
        "tracks": [record(one, overview.pace) for one in overview.tracks],
    }
