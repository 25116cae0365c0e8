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
    """What some formats need beside the grades: Canvas's export and the assignment in it, the environment."""

    gradebook: Path | None = None
    assignment: str = "Tensor Koans"
    environment: Mapping[str, str] = {}


class ReportFile(msgspec.Struct, frozen=True):
    """Where to write what."""

    name: str
    file: str


# One file a submission, and one file for all. Each writer gives its text and what the instructor must be told.
EACH: dict[str, tuple[str, Callable[[Grade, Options], str]]] = {
    "gradescope": ("results.json of an autograder", lambda grade, _: gradescope.results(grade)),
    "classroom50": (
        "result.json of a Classroom 50 autograder",
        lambda grade, o: classroom50.result(grade, o.environment),
    ),
    "github": ("workflow commands for the log (FILE -)", lambda grade, _: github.commands(grade)),
    "github-summary": ("Markdown for $GITHUB_STEP_SUMMARY", lambda grade, _: github.summary(grade)),
}
WHOLE: dict[str, tuple[str, Callable[[Class, Options], str | canvas.Merged]]] = {
    "json": ("everything, as grader/course/report/schema says", lambda found, _: alone_or_all(found)),
    "html": ("one page for the class", lambda found, _: page.page(found)),
    "canvas": ("gradebook CSV: --gradebook merged with the points", lambda found, o: _canvas(found, o)),
    "ctrf": ("Common Test Report Format", lambda found, _: ctrf.report(found)),
    "junit": ("JUnit XML", lambda found, _: junit.report(found)),
}


def alone_or_all(found: Class) -> str:
    """JSON of one submission's grade, or of the class."""
    return as_json.grade(found.grades[0]) if len(found.grades) == 1 else as_json.classroom(found)


def parse(text: str) -> ReportFile:
    """Read NAME=FILE. Raises KoansError."""
    name, equals, file = text.partition("=")
    if name not in EACH and name not in WHOLE:
        raise KoansError(f"--format {text}: there are {', '.join(sorted([*EACH, *WHOLE]))}")
    if not equals or not file:
        raise KoansError(f"--format {text}: say where to, --format {name}=FILE (- is standard output)")
    return ReportFile(name, file)


def check(reports: Sequence[ReportFile], submissions: int, options: Options) -> None:
    """Raise KoansError for what cannot work, before an hour of grading."""
    for report in reports:
        if report.name in EACH and submissions > 1 and report.file != "-" and "{}" not in report.file:
            raise KoansError(
                f"--format {report.name}={report.file}: is one file a submission; put {{}} where its name goes"
            )
        if report.name == "canvas" and options.gradebook is None:
            raise KoansError("--format canvas: needs --gradebook, the CSV that Canvas exports")
        if report.file != "-" and not Path(report.file).absolute().parent.is_dir():
            raise KoansError(f"--format {report.name}={report.file}: its folder does not exist")


def write(reports: Sequence[ReportFile], found: Class, options: Options) -> list[str]:
    """Write them; returns what an instructor must be told. Raises KoansError."""
    notes: list[str] = []
    for report in reports:
        if report.name in EACH:
            render = EACH[report.name][1]
            written: set[str] = set()
            for grade in found.grades:
                file = report.file.replace("{}", grade.submission)
                if file in written and file != "-":
                    raise KoansError(f"{file}: two submissions are called {grade.submission}")
                written.add(file)
                put(file, render(grade, options))
            continue
        text = WHOLE[report.name][1](found, options)
        if isinstance(text, canvas.Merged):
            notes += [f"{report.file}: {note}" for note in text.notes]
            text = text.text
        put(report.file, text)
    return notes


def put(file: str, content: str | bytes) -> None:
    """Write a file whole or not at all; - is standard output (of text). Raises KoansError."""
    if file == "-" and isinstance(content, str):
        sys.stdout.write(content)
        return
    path = Path(file)
    data = content.encode() if isinstance(content, str) else content
    with writing(file):
        if path.exists() and not path.is_file():  # a device or a pipe
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


def _canvas(found: Class, options: Options) -> canvas.Merged:
    assert options.gradebook is not None
    try:
        # Canvas itself writes UTF-8; line ends within a cell stay as they are.
        export = options.gradebook.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise KoansError(f"{options.gradebook}: cannot be read as a CSV of Canvas's ({error})") from None
    return canvas.merge(export, found, options.assignment)
