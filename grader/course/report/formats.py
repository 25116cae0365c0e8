"""The reports that can be written to files, by name."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, read_file, writing
from grader.book.files import is_device, write_file
from grader.book.workbook import Workbook
from grader.course.grade import Class, Grade
from grader.course.report import (
    as_json,
    canvas,
    classroom50,
    ctrf,
    full_json,
    github,
    gradebook,
    gradescope,
    junit,
    moodle,
    page,
)
from grader.course.report.names import identified

LARGEST_GRADEBOOK = 64 << 20  # bytes
FULL = "json-full"
COLUMN = "Tensor Koans"  # of Canvas's gradebook, without an assignment
ID = "{}"  # stands for the id of a submission in the path of a report


class Options(msgspec.Struct, frozen=True):
    """What some formats need besides the grades: the platform's export, the column in it, environment variables.

    The page also needs the workbook, for what to reread, and an earlier result of the class (`since`), if there is one.
    `inputs` are the other files that the command reads. No report may replace one.
    """

    gradebook: Path | None = None
    column: str = COLUMN
    environment: Mapping[str, str] = {}
    inputs: tuple[Path, ...] = ()
    workbook: Workbook | None = None
    since: Class | None = None


class ReportFile(msgspec.Struct, frozen=True):
    """A report to write: the name of its format, and the path (`-` is standard output)."""

    name: str
    file: str


# Formats with one file for each submission, and formats with one file for the class: description and writer.
PER_SUBMISSION: dict[str, tuple[str, Callable[[Grade, Options], str]]] = {
    "gradescope": ("results.json of an autograder", lambda grade, _: gradescope.results(grade)),
    "classroom50": (
        "result.json of a Classroom 50 autograder",
        lambda grade, o: classroom50.result(grade, o.environment),
    ),
    "github": ("workflow commands for the log (FILE -)", lambda grade, _: github.commands(grade)),
    "github-summary": ("Markdown for $GITHUB_STEP_SUMMARY", lambda grade, _: github.summary(grade)),
}
PER_CLASS: dict[str, tuple[str, Callable[[Class, Options], Iterator[str]]]] = {
    "json": (
        "what the other reports are made from, as schema/grade-v2.json says",
        lambda results, _: as_json.classroom(results),
    ),
    FULL: (
        "the same with the result of each test, as schema/grade-v1.json says",
        lambda results, _: full_json.grade_or_class(results),
    ),
    "html": ("one page for the class", lambda results, o: page.page(results, o.workbook, o.since)),
    "csv": ("a plain gradebook", lambda results, _: gradebook.gradebook(results)),
    "ctrf": ("Common Test Report Format", lambda results, _: ctrf.report(results)),
    "junit": ("JUnit XML", lambda results, _: junit.report(results)),
}
CANVAS, MOODLE = "canvas", "moodle"  # the file that --gradebook names, merged with the points
MERGED = {CANVAS: "the CSV that Canvas exports", MOODLE: "the grading worksheet that Moodle exports"}
NAMES = sorted([*PER_SUBMISSION, *PER_CLASS, *MERGED])


class Streamed(msgspec.Struct, frozen=True):
    """The report of a class, in parts. No two parts are in memory at a time."""

    name: str
    results: Class
    options: Options = Options()

    def __iter__(self) -> Iterator[str]:
        return PER_CLASS[self.name][1](self.results, self.options)


def parse(text: str) -> ReportFile:
    """Parse NAME=FILE. Raises KoansError."""
    name, equals, file = text.partition("=")
    if name not in NAMES:
        raise KoansError(f"--format {text}: there are {', '.join(NAMES)}")
    if not equals or not file:
        raise KoansError(f"--format {text}: say where to write it, --format {name}=FILE (- is standard output)")
    return ReportFile(name, file)


def check(reports: Sequence[ReportFile], submissions: int, options: Options) -> None:
    """Raise KoansError for a report that cannot be written, so that this is known before an hour of grading."""
    for report in reports:
        said = f"--format {report.name}={report.file}"
        if report.name in PER_SUBMISSION and submissions > 1 and report.file != "-" and ID not in report.file:
            raise KoansError(f"{said}: each submission needs its own file; write {ID} where its id goes")
        if report.name not in PER_SUBMISSION and ID in report.file:
            raise KoansError(f"{said}: this is one file for all submissions; remove {ID}")
        if report.name == "classroom50":
            classroom50.check(options.environment)
        if report.name in MERGED:
            if options.gradebook is None:
                raise KoansError(f"--format {report.name}: needs --gradebook, {MERGED[report.name]}")
            (canvas if report.name == CANVAS else moodle).check(_gradebook(options.gradebook))
        if report.file != "-":
            _check_place(said, report.file)
    files = [report.file for report in reports if report.file != "-" and not is_device(Path(report.file))]
    places = [Path(file).resolve() for file in files]
    inputs = {file.resolve() for file in (*options.inputs, *filter(None, [options.gradebook]))}
    for file, place in zip(files, places, strict=True):
        if places.count(place) > 1:
            raise KoansError(f"--format …={file}: two reports have this file")
        if place in inputs:
            raise KoansError(f"--format …={file}: this command reads this file, and the report would replace it")


def _check_place(said: str, file: str) -> None:
    """Raise KoansError if the file cannot be written. Folders with {} in their name are made when it is known."""
    path = Path(file).absolute()
    fixed = next((p for p in reversed([path, *path.parents]) if ID in p.name), path)
    if not fixed.parent.is_dir():
        raise KoansError(f"{said}: its folder does not exist")
    if path.is_dir():
        raise KoansError(f"{said}: is a folder; name a file")
    with writing(said):
        if is_device(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        else:
            tempfile.TemporaryFile(dir=fixed.parent).close()


def is_for_one(report: ReportFile) -> bool:
    """Whether the report is one file about one submission."""
    return report.name in PER_SUBMISSION and report.file != "-" and "{}" not in report.file


def write(reports: Sequence[ReportFile], results: Class, options: Options) -> list[str]:
    """Write the reports. Returns notes for the instructor.

    A file that cannot be written keeps no other from being written. Raises KoansError at the end, with the files that
    could not be written and the notes.
    """
    results = identified(results)
    notes: list[str] = []
    failed: list[str] = []
    for report in reports:
        try:
            for file, content in _rendered(report, results, options, notes):
                try:
                    write_file(file, content, make_folder=ID in str(Path(report.file).parent))
                except KoansError as error:
                    failed.append(str(error))
        except KoansError as error:  # the report cannot be made
            failed.append(str(error))
    if failed:
        first = failed[0] if len(failed) == 1 else f"{len(failed)} files could not be written: {'; '.join(failed)}"
        raise KoansError("\n".join([first, *notes]))
    return notes


def _rendered(
    report: ReportFile, results: Class, options: Options, notes: list[str]
) -> Iterator[tuple[str, str | Streamed]]:
    """The files of a report, each with its content. Notes for the instructor are added to `notes`."""
    if report.name in PER_CLASS:
        yield report.file, Streamed(report.name, results, options)
    elif report.name in MERGED:
        assert options.gradebook is not None
        export = _gradebook(options.gradebook)
        merged = (
            canvas.merge(export, results, options.column) if report.name == CANVAS else moodle.merge(export, results)
        )
        notes += [f"{report.file}: {note}" for note in merged.notes]
        yield report.file, merged.text
    else:
        for grade in results.grades:
            yield report.file.replace(ID, grade.id), PER_SUBMISSION[report.name][1](grade, options)


def _gradebook(file: Path) -> str:
    """Canvas and Moodle write UTF-8. Bytes are read, because text mode would change line ends within a cell."""
    try:
        return read_file(file, LARGEST_GRADEBOOK).decode("utf-8")
    except UnicodeDecodeError as error:
        raise KoansError(f"{file}: cannot be read as a CSV file in UTF-8 ({error})") from None
