"""Grades the one hand-in that lies in a container of Gradescope: `python -P -m grader.course.container /autograder`.

`run_autograder` starts it. The names of its folders come from
https://gradescope-autograders.readthedocs.io/en/latest/specs/ ("File hierarchy"). There is always a results.json:
before anything else, one is written that says that grading did not finish. What the instructor sees (standard output)
has no seed.
"""

from __future__ import annotations

import contextlib
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.processes import NAME
from grader.course.intake import gradescope_metadata
from grader.course.intake.gradescope_metadata import HandIn

SETTINGS = "autograder.json"
ASSIGNMENT = "assignment"  # the folder with the folder of the assignment
WORKBOOK = "workbook"
SPARE = 30  # seconds before Gradescope's limit
NO_GRADE = "This is no grade: tell your instructor."


class Settings(msgspec.Struct, frozen=True):
    """What `koans release --gradescope` decided. `minutes` is the time limit of the assignment on Gradescope."""

    minutes: int = 10
    require_isolation: bool = False


def main() -> None:
    root = Path(sys.argv[1])
    results = root / "results/results.json"
    _write(results, f"Grading did not finish. {NO_GRADE}")
    try:
        _close(root)
        problem = _graded(root, results)
    except Exception as error:  # whatever it is, the student gets a text, and the instructor sees more
        print(f"koans: {type(error).__name__}: {error}")
        problem = f"The autograder failed. {NO_GRADE}"
    if problem:
        _write(results, problem)


def _close(root: Path) -> None:
    """Leave what holds answers or other students' names to the owner alone, should a part of the sandbox be missing."""
    for name, mode in (("source", 0o700), ("results", 0o700), ("submission_metadata.json", 0o600)):
        with contextlib.suppress(FileNotFoundError):
            (root / name).chmod(mode)


def _graded(root: Path, results: Path) -> str:
    """Grade the hand-in into the file. Returns why there is no result, in words for the student, or an empty string."""
    source = root / "source"
    settings = _settings(source / SETTINGS)
    hand_in = HandIn()
    try:
        hand_in = gradescope_metadata.read(root / "submission_metadata.json")
    except KoansError as error:
        print(f"koans: {error}; the student and the time of the hand-in are unknown")
    with tempfile.TemporaryDirectory(prefix="koans-hand-in-") as folder:
        roster, graded = Path(folder, "roster.csv"), Path(folder, "results.json")
        with roster.open("w", encoding="utf-8", newline="") as file:
            name = hand_in.name or hand_in.student or "submission"
            row = (name, hand_in.student, root / "submission", hand_in.handed_in)
            csv.writer(file).writerows([("name", "id", "path", "handed in"), row])
        command = [sys.executable, "-P", "-m", NAME, "grade", str(roster), f"--format=gradescope={graded}"]
        command += [f"--assignment={place}" for place in _folders(source / ASSIGNMENT)]
        command += ["--require-isolation"] * settings.require_isolation
        try:
            run = subprocess.run(
                command,
                cwd=source / WORKBOOK,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=max(settings.minutes * 60 - SPARE, 1),
            )
        except subprocess.TimeoutExpired:
            return f"Grading took longer than {settings.minutes} minutes. {NO_GRADE}"
        print(*_shown(run.stderr.decode(errors="replace")), sep="\n")
        try:
            text = graded.read_text(encoding="utf-8")
        except FileNotFoundError:
            return f"The autograder failed. {NO_GRADE}"
    write_file(results, text)
    return ""


def _settings(file: Path) -> Settings:
    return msgspec.json.decode(file.read_bytes(), type=Settings) if file.exists() else Settings()


def _folders(place: Path) -> Iterator[str]:
    if place.is_dir():
        yield from sorted(entry.path for entry in os.scandir(place) if entry.is_dir())


def _shown(errors: str) -> Iterator[str]:
    """What the instructor may see of the lines that `koans grade` said: those without a seed."""
    return (line for line in errors.splitlines() if "seed" not in line)


def _write(results: Path, text: str) -> None:
    """Results without points, and with this text for the student."""
    shown = {"score": 0, "output": text, "output_format": "text", "visibility": "visible"}
    results.parent.mkdir(exist_ok=True)
    write_file(results, msgspec.json.encode({**shown, "stdout_visibility": "hidden"}))


if __name__ == "__main__":
    main()
