"""JUnit XML, which Jenkins, GitLab and others read.

There is no standard. This module uses the elements and attributes of the Jenkins xUnit plugin's junit-10.xsd
(https://github.com/jenkinsci/xunit-plugin, src/main/resources). A suite is a submission, and a case is a koan. A failed
koan is a `failure`. A koan that is broken, timed out or crashed is an `error`. A koan that was not started, or could
not be run here, is `skipped`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Literal
from xml.etree import ElementTree

from grader.book.verdict import Status, one_line
from grader.course.grade import Class, Grade
from grader.course.report.common import ReportRow, explanation, rows, safe_text, seed_digest, total
from grader.course.report.names import labels

ELEMENTS: dict[Status, Literal["failure", "skipped"]] = {
    Status.failed: "failure",
    Status.not_started: "skipped",
    Status.not_run_here: "skipped",
}  # the rest: error
ORIGIN = ("id", "student", "commit", "branch", "authored", "handed_in")


COUNTS = ("tests", "failures", "errors")


def report(classroom: Class) -> Iterator[str]:
    """The report, a suite at a time. The grades are gone through twice: the counts stand before the suites."""
    counts = Counter(dict.fromkeys(COUNTS, 0))
    for suite in _suites(classroom):
        counts.update({count: int(suite.get(count, "0")) for count in COUNTS})
    root = ElementTree.Element("testsuites", name=one_line(classroom.name))
    for count in COUNTS:
        root.set(count, str(counts[count]))
    start = ElementTree.tostring(root, encoding="unicode", short_empty_elements=False)
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n{start.removesuffix("</testsuites>")}\n'
    for suite in _suites(classroom):
        ElementTree.indent(suite, level=1)
        yield f"  {ElementTree.tostring(suite, encoding='unicode')}\n"
    yield "</testsuites>\n"


def _suites(classroom: Class) -> Iterator[ElementTree.Element]:
    called = labels(classroom.grades)
    return (_suite(label, grade) for label, grade in zip(called, classroom.grades, strict=True))


def _suite(label: str, grade: Grade) -> ElementTree.Element:
    cases = [_case(row) for row in rows(grade)]
    if grade.problem:
        case = ElementTree.Element("testcase", name="submission", classname="koans", time="0")
        ElementTree.SubElement(case, "error", type="not graded", message=safe_text(grade.problem))
        cases = [case]
    suite = ElementTree.Element("testsuite", name=label, tests=str(len(cases)))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("time", f"{grade.seconds:.3f}")
    suite.set("timestamp", grade.started.removesuffix("Z"))
    properties = ElementTree.SubElement(suite, "properties")
    earned, points = total(grade)
    facts = {"seed-digest": seed_digest(grade), "isolation": grade.isolation, "trusted": str(grade.trusted).lower()}
    facts |= {"points": f"{earned}/{points}", "cards": " ".join(grade.cards), "device": grade.device}
    facts |= {name: value for name in ORIGIN if (value := getattr(grade, name))}
    for name, value in [*{**facts, **grade.versions}.items(), *(("note", note) for note in grade.notes)]:
        ElementTree.SubElement(properties, "property", name=safe_text(name), value=safe_text(value))
    suite.extend(cases)
    return suite


def _case(row: ReportRow) -> ElementTree.Element:
    verdict = row.graded.verdict
    chapter, _, name = row.name.partition("/")
    case = ElementTree.Element(
        "testcase", name=safe_text(name), classname=safe_text(chapter), time=f"{verdict.seconds:.3f}"
    )
    if row.status != Status.passed:
        message = safe_text(verdict.headline or verdict.message).partition("\n")[0] or row.status.value
        element = ElementTree.SubElement(
            case, ELEMENTS.get(row.status, "error"), type=row.status.value, message=message
        )
        element.text = explanation(row)
    if verdict.output:
        ElementTree.SubElement(case, "system-out").text = safe_text(verdict.output)
    return case
