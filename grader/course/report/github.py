"""GitHub Actions: annotations and the step summary.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands ("Setting an error message",
"Stopping and starting workflow commands", "Adding a job summary"). The data of a command has % and line ends escaped as
%25, %0D and %0A. Its properties also have : and , escaped as %3A and %2C (actions/toolkit,
packages/core/src/command.ts).
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from grader.book.verdict import Status, one_line
from grader.course.grade import Grade
from grader.course.report.common import ReportRow, explanation, rows, safe_text, seed_for_students, total, version

MOST_ANNOTATIONS = 10  # GitHub shows no more of one kind for a step
LARGEST_SUMMARY = 900_000  # bytes; GitHub drops a summary of more than 1 MiB


def commands(grade: Grade) -> str:
    """Lines for standard output: an error for each koan that does not pass, then the details.

    Commands are stopped while the details are printed, so that a submission's output cannot give any. Each of its lines
    also starts with a bar, so that it would be no command even if the token that stops commands were guessed.
    """
    earned, points = total(grade)
    last = [f"::notice title=note::{_data(safe_text(note, 500))}" for note in grade.notes[:MOST_ANNOTATIONS]]
    last.append(f"::notice title=Tensor Koans::{earned} of {points} points ({seed_for_students(grade)})")
    if grade.problem:
        return "\n".join([f"::error title=not graded::{_data(safe_text(grade.problem))}", *last]) + "\n"
    not_passed = [row for row in rows(grade) if row.status not in (Status.passed, Status.not_started)]
    lines = []
    for row in not_passed[:MOST_ANNOTATIONS]:
        kind = "notice" if row.status == Status.not_run_here else "error"
        title = _property(f"{row.name}: {row.status.value}")
        message = safe_text(row.graded.verdict.headline or row.graded.verdict.message, 500)
        file = _property(f"exercises/{row.graded.verdict.koan}.py")
        lines.append(f"::{kind} file={file},line=1,title={title}::{_data(message)}")
    for row in not_passed:
        token = _token(grade, row)
        lines.append(f"::group::{_data(f'{row.name}: {row.status.value}')}")
        lines.append(f"::stop-commands::{token}")
        lines += [f"| {_disarm(line)}" for line in explanation(row).splitlines()]
        lines += [f"::{token}::", "::endgroup::"]
    return "\n".join([*lines, *last]) + "\n"


def summary(grade: Grade) -> str:
    """Markdown for $GITHUB_STEP_SUMMARY."""
    earned, points = total(grade)
    parts = [f"## {_markdown(one_line(grade.submission))}: {earned} of {points} points", ""]
    about = [version(grade), *(f"note: {safe_text(note, 500)}" for note in grade.notes)]
    parts += [line for text in about if text for line in (_markdown(text), "")]
    if grade.problem:
        return "\n".join([*parts, f"Nothing could be graded: {_markdown(safe_text(grade.problem))}", ""])
    if not grade.trusted:
        parts += ["**A part of the sandbox was missing: do not trust these points.**", ""]
    parts += ["| koan | rung | verdict | points |", "|---|---|---|---:|"]
    counted = list(rows(grade))
    for row in counted:
        cells = [_markdown(row.name), row.graded.rung, row.status.value, f"{row.earned} of {row.points}"]
        parts.append(f"| {' | '.join(cells)} |")
    parts += ["", f"{seed_for_students(grade)}; {_markdown(safe_text(grade.isolation))}", ""]
    size = sum(len(part.encode()) + 1 for part in parts)
    for row in counted:
        if row.status in (Status.passed, Status.not_started):
            continue
        body = f"{_markdown(row.name)}: {row.status.value}</summary>\n\n<pre>{_entities(explanation(row))}</pre>\n\n"
        text = f"<details><summary>{body}</details>\n"
        size += len(text.encode()) + 1
        if size > LARGEST_SUMMARY:
            parts.append("The rest does not fit into this summary.")
            break
        parts.append(text)
    return "\n".join(parts) + "\n"


def _token(grade: Grade, row: ReportRow) -> str:
    """The token that ends the stop of commands. Nobody can guess it without the whole result, including its times."""
    secret = msgspec.json.encode([grade.seed, grade.started, grade.seconds, row.name, row.graded.verdict.seconds])
    text = explanation(row)
    token = hashlib.sha256(secret + text.encode()).hexdigest()
    while token in text:
        token = hashlib.sha256(token.encode()).hexdigest()
    return token


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(safe_text(text, 200)).replace(":", "%3A").replace(",", "%2C")


def _disarm(line: str) -> str:
    """Runners still obey the old form ##[error] anywhere in a line."""
    return line.replace("##[", "## [")


def _markdown(text: str) -> str:
    """The text as one line in which nothing is markup, a mention or a link."""
    return re.sub(r"[^\w ]|_", lambda match: f"&#{ord(match[0])};", " ".join(text.split()))


def _entities(text: str) -> str:
    return re.sub(r"[&<>\"'`@#]", lambda match: f"&#{ord(match[0])};", text)
