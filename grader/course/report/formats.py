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
from grader.course.grade import Class, Grade
from grader.course.report import as_json, canvas, classroom50, ctrf, github, gradescope, junit, page
from grader.course.report.names import identified

LARGEST_GRADEBOOK = 64 << 20  # bytes
ID = "{}"  # stands for the id of a submission in the path of a report


class Options(msgspec.Struct, frozen=True):
    """What some formats need besides the grades: Canvas's export, the assignment in it, the environment variables.

    `inputs` are the other files that the command reads. No report may replace one.
    """

    gradebook: Path | None = None
    assignment: str = "Tensor Koans"
    environment: Mapping[str, str] = {}
    inputs: tuple[Path, ...] = ()


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
PER_CLASS: dict[str, tuple[str, Callable[[Class, Options], str | canvas.Merged]]] = {
    "json": ("everything, as grader/course/report/schema says", lambda results, _: grade_or_class(results)),
    "html": ("one page for the class", lambda results, _: page.page(results)),
    "canvas": ("gradebook CSV: --gradebook merged with the points", lambda results, o: _canvas(results, o)),
    "ctrf": ("Common Test Report Format", lambda results, _: ctrf.report(results)),
    "junit": ("JUnit XML", lambda results, _: junit.report(results)),
}


def grade_or_class(results: Class) -> str:
    """JSON of the grade if there is one submission, else of the class."""
    if len(results.grades) != 1:
        return as_json.classroom(results)
    (grade,) = results.grades
    return as_json.grade(msgspec.structs.replace(grade, notes=(*grade.notes, *results.notes)))


def parse(text: str) -> ReportFile:
    """Parse NAME=FILE. Raises KoansError."""
    name, equals, file = text.partition("=")
    if name not in PER_SUBMISSION and name not in PER_CLASS:
        raise KoansError(f"--format {text}: there are {', '.join(sorted([*PER_SUBMISSION, *PER_CLASS]))}")
    if not equals or not file:
        raise KoansError(f"--format {text}: say where to write it, --format {name}=FILE (- is standard output)")
    return ReportFile(name, file)


def check(reports: Sequence[ReportFile], submissions: int, options: Options) -> None:
    """Raise KoansError for a report that cannot be written, so that this is known before an hour of grading."""
    for report in reports:
        said = f"--format {report.name}={report.file}"
        if report.name in PER_SUBMISSION and submissions > 1 and report.file != "-" and ID not in report.file:
            raise KoansError(f"{said}: each submission needs its own file; write {ID} where its id goes")
        if report.name in PER_CLASS and ID in report.file:
            raise KoansError(f"{said}: this is one file for all submissions; remove {ID}")
        if report.name == "classroom50":
            classroom50.check(options.environment)
        if report.name == "canvas":
            if options.gradebook is None:
                raise KoansError("--format canvas: needs --gradebook, the CSV that Canvas exports")
            canvas.check(_gradebook(options.gradebook))
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
            for file, text in _rendered(report, results, options):
                if isinstance(text, canvas.Merged):
                    notes += [f"{report.file}: {note}" for note in text.notes]
                    text = text.text
                try:
                    write_file(file, text, make_folder=ID in str(Path(report.file).parent))
                except KoansError as error:
                    failed.append(str(error))
        except KoansError as error:  # the report cannot be made
            failed.append(str(error))
    if failed:
        first = failed[0] if len(failed) == 1 else f"{len(failed)} files could not be written: {'; '.join(failed)}"
        raise KoansError("\n".join([first, *notes]))
    return notes


def _rendered(report: ReportFile, results: Class, options: Options) -> Iterator[tuple[str, str | canvas.Merged]]:
    """The files of a report, each with its content."""
    if report.name in PER_CLASS:
        yield report.file, PER_CLASS[report.name][1](results, options)
        return
    for grade in results.grades:
        yield report.file.replace(ID, grade.id), PER_SUBMISSION[report.name][1](grade, options)


def _canvas(results: Class, options: Options) -> canvas.Merged:
    assert options.gradebook is not None
    return canvas.merge(_gradebook(options.gradebook), results, options.assignment)


def _gradebook(file: Path) -> str:
    """Canvas writes UTF-8. Bytes are read, because text mode would change line ends within a cell."""
    try:
        return read_file(file, LARGEST_GRADEBOOK).decode("utf-8")
    except UnicodeDecodeError as error:
        raise KoansError(f"{file}: cannot be read as a CSV file from Canvas ({error})") from None
