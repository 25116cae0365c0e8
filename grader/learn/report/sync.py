"""What a sync did, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from grader.learn.sync.merge import Counts, Synced

MOST_NAMES = 8  # files that are listed


def lines(done: Synced, *, dry_run: bool) -> Iterator[Text]:
    """A few lines: what came in, what went out, and each file of which a copy was kept."""
    came, went = ("would come in", "would go out") if dry_run else ("came in", "went out")
    width = max(len(came), len(went)) + 2
    for label, counts in ((came, done.came_in), (went, done.went_out)):
        yield Text.assemble((label.ljust(width), "bold"), _counted(counts) if counts.any else ("nothing new", "dim"))
    yield from _names(done.came_in.exercises)
    for conflict in done.conflicts:
        last, other = ("yours", "the other") if conflict.kept == "here" else ("the one that came in", "yours")
        copy = f"is saved at {conflict.copy}" if conflict.copy else "would be saved under .koans/replaced"
        yield Text(f"{conflict.path} has two texts: {last} counts; {other} {copy}", "yellow")
    for path, why in sorted(done.left_out.items()):
        yield Text(f"{path if path.isprintable() else ascii(path)} is left out: {why}", "yellow")
    if dry_run:
        yield Text("nothing was written", "dim")
    elif done.is_new:
        yield Text(f"{done.file} is new: run the same command on your other machine", "dim")


def _counted(counts: Counts) -> Text:
    passes = f" ({_number(counts.passes, 'pass', 'passes')})" if counts.passes else ""
    parts = [
        _number(counts.attempts, "attempt") + passes if counts.attempts else "",
        _number(counts.reviews, "review") if counts.reviews else "",
        f"{_number(counts.taken_back, 'review')} taken back" if counts.taken_back else "",
        _number(counts.hints, "hint") if counts.hints else "",
        _number(counts.peeks, "peek") if counts.peeks else "",
        _number(counts.answers, "answer") if counts.answers else "",
        _number(counts.re_solve_steps, "step of a re-solve", "steps of re-solves") if counts.re_solve_steps else "",
        _number(len(counts.exercises), "file") if counts.exercises else "",
        f"settings: {', '.join(counts.settings)}" if counts.settings else "",
    ]
    return Text(", ".join(filter(None, parts)))


def _number(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _names(paths: Sequence[str]) -> Iterator[Text]:
    shown = paths if len(paths) <= MOST_NAMES else paths[: MOST_NAMES - 1]
    for path in shown:
        yield Text(f"  {path}", "dim")
    if len(shown) < len(paths):
        yield Text(f"  … and {len(paths) - len(shown)} more", "dim")
