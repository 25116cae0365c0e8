"""GitHub Actions: annotations and the step summary.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands ("Setting an error message",
"Stopping and starting workflow commands", "Adding a job summary"). In a command's data % and line ends are written as
%25, %0D and %0A, in its properties : and , as %3A and %2C too (actions/toolkit, packages/core/src/command.ts).
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from grader.book.verdict import Status
from grader.course.grade import Grade
from grader.course.report.common import ReportRow, explained, rows, shown, total

MOST = 10  # annotations of one kind that GitHub shows of a step
SUMMARY = 900_000  # bytes; GitHub drops a summary of more than 1 MiB


def commands(grade: Grade) -> str:
    """Lines for standard output: an error for each koan that does not pass, and the details with commands stopped.

    In the details every line of a submission's begins with a bar, so that it is no command even if the token failed.
    """
    if grade.problem:
        return f"::error title=not graded::{_data(shown(grade.problem))}\n"
    told = [row for row in rows(grade) if row.status not in (Status.passed, Status.not_started)]
    lines = []
    for row in told[:MOST]:
        kind = "notice" if row.status == Status.not_run_here else "error"
        title = _property(f"{row.name}: {row.status.value}")
        says = shown(row.graded.verdict.headline or row.graded.verdict.message, 500)
        file = _property(f"exercises/{row.graded.verdict.koan}.py")
        lines.append(f"::{kind} file={file},line=1,title={title}::{_data(says)}")
    for row in told:
        token = _token(grade, row)
        lines.append(f"::group::{_data(f'{row.name}: {row.status.value}')}")
        lines.append(f"::stop-commands::{token}")
        lines += [f"| {_unlegacy(line)}" for line in explained(row).splitlines()]
        lines += [f"::{token}::", "::endgroup::"]
    earned, points = total(grade)
    lines.append(f"::notice title=Tensor Koans::{earned} of {points} points (seed {grade.seed})")
    return "\n".join(lines) + "\n"


def summary(grade: Grade) -> str:
    """Markdown for $GITHUB_STEP_SUMMARY."""
    earned, points = total(grade)
    parts = [f"## {_markdown(shown(grade.submission, 200))}: {earned} of {points} points", ""]
    if grade.problem:
        return "\n".join([*parts, f"Nothing could be graded: {_markdown(shown(grade.problem))}", ""])
    if not grade.trusted:
        parts += ["**Graded without the whole sandbox: do not trust these points.**", ""]
    parts += ["| koan | rung | verdict | points |", "|---|---|---|---:|"]
    counted = list(rows(grade))
    for row in counted:
        cells = [_markdown(row.name), row.graded.rung, row.status.value, f"{row.earned} of {row.points}"]
        parts.append(f"| {' | '.join(cells)} |")
    parts += ["", f"seed {grade.seed}; {_markdown(shown(grade.isolation))}", ""]
    size = sum(len(part.encode()) + 1 for part in parts)
    for row in counted:
        if row.status in (Status.passed, Status.not_started):
            continue
        body = f"{_markdown(row.name)}: {row.status.value}</summary>\n\n<pre>{_entities(explained(row))}</pre>\n\n"
        text = f"<details><summary>{body}</details>\n"
        size += len(text.encode()) + 1
        if size > SUMMARY:
            parts.append("More did not fit.")
            break
        parts.append(text)
    return "\n".join(parts) + "\n"


def _token(grade: Grade, row: ReportRow) -> str:
    """What ends the stop: nobody can print it who does not know the whole result, its times among it."""
    known = msgspec.json.encode([grade.seed, grade.started, grade.seconds, row.name, row.graded.verdict.seconds])
    text = explained(row)
    token = hashlib.sha256(known + text.encode()).hexdigest()
    while token in text:
        token = hashlib.sha256(token.encode()).hexdigest()
    return token


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(shown(text, 200)).replace(":", "%3A").replace(",", "%2C")


def _unlegacy(line: str) -> str:
    """Runners still take ##[error] for a command, anywhere in a line."""
    return line.replace("##[", "## [")


def _markdown(text: str) -> str:
    """One line in which nothing is markup, a mention or a link."""
    return re.sub(r"[^\w ]|_", lambda found: f"&#{ord(found[0])};", " ".join(text.split()))


def _entities(text: str) -> str:
    return re.sub(r"[&<>\"'`@#]", lambda found: f"&#{ord(found[0])};", text)
