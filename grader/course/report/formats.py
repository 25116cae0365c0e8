"""The reports that can be written to files, by name."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from grader.book.errors import KoansError, writing
from grader.course.grade import Class, Grade
from grader.course.report import as_json, canvas, classroom50, ctrf, github, gradescope, junit, page


class Options(msgspec.Struct, frozen=True):
    """What some formats need besides the grades: Canvas's export, the assignment in it, the environment variables."""

    gradebook: Path | None = None
    assignment: str = "Tensor Koans"
    environment: Mapping[str, str] = {}


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
    return as_json.grade(results.grades[0]) if len(results.grades) == 1 else as_json.classroom(results)


def parse(text: str) -> ReportFile:
    """Parse NAME=FILE. Raises KoansError."""
    name, equals, file = text.partition("=")
    if name not in PER_SUBMISSION and name not in PER_CLASS:
        raise KoansError(f"--format {text}: there are {', '.join(sorted([*PER_SUBMISSION, *PER_CLASS]))}")
    if not equals or not file:
        raise KoansError(f"--format {text}: say where to, --format {name}=FILE (- is standard output)")
    return ReportFile(name, file)


def check(reports: Sequence[ReportFile], submissions: int, options: Options) -> None:
    """Raise KoansError for a report that cannot be written, so that this is known before an hour of grading."""
    for report in reports:
        if report.name in PER_SUBMISSION and submissions > 1 and report.file != "-" and "{}" not in report.file:
            raise KoansError(
                f"--format {report.name}={report.file}: is one file a submission; put {{}} where its name goes"
            )
        if report.name == "canvas" and options.gradebook is None:
            raise KoansError("--format canvas: needs --gradebook, the CSV that Canvas exports")
        if report.file != "-" and not Path(report.file).absolute().parent.is_dir():
            raise KoansError(f"--format {report.name}={report.file}: its folder does not exist")


def write(reports: Sequence[ReportFile], results: Class, options: Options) -> list[str]:
    """Write the reports. Returns notes for the instructor. Raises KoansError."""
    notes: list[str] = []
    for report in reports:
        if report.name in PER_SUBMISSION:
            _write_each(report, results, options)
            continue
        text = PER_CLASS[report.name][1](results, options)
        if isinstance(text, canvas.Merged):
            notes += [f"{report.file}: {note}" for note in text.notes]
            text = text.text
        write_file(report.file, text)
    return notes


def _write_each(report: ReportFile, results: Class, options: Options) -> None:
    """Write one file for each submission. Raises KoansError if two of them would have the same path."""
    render = PER_SUBMISSION[report.name][1]
    written: set[str] = set()
    for grade in results.grades:
        file = report.file.replace("{}", grade.submission)
        if file in written and file != "-":
            raise KoansError(f"{file}: two submissions are called {grade.submission}")
        written.add(file)
        write_file(file, render(grade, options))


def write_file(file: str, content: str | bytes) -> None:
    """Write a whole file or nothing: a failure leaves the old file. Text to `-` is printed. Raises KoansError."""
    if file == "-" and isinstance(content, str):
        sys.stdout.write(content)
        return
    path = Path(file)
    data = content.encode() if isinstance(content, str) else content
    with writing(file):
        if path.exists() and not path.is_file():  # a device or a pipe cannot be replaced
            path.write_bytes(data)
            return
        handle, draft = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name[:40]}-")
        try:
            with open(handle, "wb") as stream:
                stream.write(data)
            os.chmod(draft, 0o666 & ~_umask())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _canvas(results: Class, options: Options) -> canvas.Merged:
    assert options.gradebook is not None
    try:
        # Canvas writes UTF-8. Bytes are read, because text mode would change line ends within a cell.
        export = options.gradebook.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KoansError(f"{options.gradebook}: cannot be read as a CSV of Canvas's ({error})") from None
    return canvas.merge(export, results, options.assignment)
