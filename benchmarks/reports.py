"""What the results of a class take: bytes, memory and seconds for each report, beside all results in memory.

    python benchmarks/reports.py --quick
    python benchmarks/reports.py --out benchmarks/results/reports.json

Solutions and wrong answers of all koans are judged once. From their verdicts a class is made: 10 % solved all koans,
40 % half of them, 45 % are at the start, 4 % fail 20 koans, and 1 % fail all. Half of the failing verdicts have a
message of their own. Each report is written by a process of its own, from grades that come one at a time, as they do
when they are graded. The alternative is what `koans grade` did before: all grades with all their tests in memory, and
the JSON as one text. It has a smaller class, because the whole one does not fit.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from _common import ROOT, CannotMeasure, Figures, main, progress
from grading import submit, workbook_of

from grader.book.files import write_file
from grader.book.oracles import oracles
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Workbook
from grader.course.classroom import classroom
from grader.course.grade import Class, Grade, Graded, grade_one
from grader.course.report import formats, read_json
from grader.course.report.common import json_text
from grader.judge.runner import Runner
from grader.judge.targets import Target

SEED = 2**40 + 7
STUDENTS, IN_MEMORY = 2000, 100  # of the class, and of the one that is kept in memory
REPORTS = ("json", "html", "ctrf", "junit", "canvas", "gradescope")
# Of 100 students: how many are of a kind, what share of the koans they solved, and how many more they fail.
KINDS = ((10, 1.0, 0), (40, 0.5, 5), (45, 0.1, 3), (4, 0.3, 20), (1, 0.0, 1000))
WORST = {"solved all": (1.0, 0), "half": (0.5, 5), "20 fail": (0.3, 20), "all fail": (0.0, 1000)}


class Judged(msgspec.Struct):
    """A grade with all koans solved, and a verdict of a wrong answer of each koan."""

    solved: Grade
    wrong: list[Verdict]


def judge(book: Workbook, scratch: Path) -> Judged:
    """Judge the solutions as one submission, in the sandbox, and a wrong answer of each koan."""
    progress("grading the solutions")
    solved = grade_one(submit(book, scratch / "ada", len(book.koans)), SEED, root=book.root)
    if solved.earned < 0.9 * solved.points:  # on a busy machine a run may time out
        raise CannotMeasure(f"the solutions earn {solved.earned} of {solved.points} points")
    progress("judging the wrong answers")
    asks = [
        (koan, Target("wrong", next(n for o in oracles(koan).values() for n in o.wrongs)))
        for koan in book.koans.values()
    ]
    with Runner(book) as runner:
        wrong = {verdict.koan: verdict for verdict in runner.run_many(asks, seed=SEED)}
    isolation = solved.koans[0].verdict.isolation
    return Judged(solved, [msgspec.structs.replace(wrong[koan], isolation=isolation) for koan in book.koans])


def student(judged: Judged, number: int, share: float, failing: int) -> Grade:
    """A student who solved a share of the koans and fails the next ones."""
    rng = random.Random(number)
    solved = round(share * len(judged.wrong))
    koans = [
        _solved(graded, rng)
        if i < solved
        else _failed(graded, wrong, rng)
        if i < solved + failing
        else _untouched(graded)
        for i, (graded, wrong) in enumerate(zip(judged.solved.koans, judged.wrong, strict=True))
    ]
    name = f"student{number:04d}"
    return msgspec.structs.replace(
        judged.solved,
        submission=name,
        id=name,
        folder=f"/srv/courses/autumn/forks/{name}",
        commit=f"{rng.getrandbits(160):040x}",
        handed_in="2026-11-21T20:05:00Z",
        earned=sum(graded.earned for graded in koans),
        koans=tuple(koans),
        cards=judged.solved.cards[: round(share * len(judged.solved.cards))],
    )


def _solved(graded: Graded, rng: random.Random) -> Graded:
    seconds = round(graded.verdict.seconds * rng.uniform(0.8, 1.2), 4)
    return msgspec.structs.replace(graded, verdict=msgspec.structs.replace(graded.verdict, seconds=seconds))


def _failed(graded: Graded, wrong: Verdict, rng: random.Random) -> Graded:
    """With the name and the message of a wrong answer, or with a message that no other student has."""
    verdict = msgspec.structs.replace(wrong, seconds=round(rng.uniform(0.1, 2), 4))
    if rng.random() < 0.5:
        first = next((test for test in wrong.tests if test.status == Status.failed), None)
        message = f"{first.message if first else wrong.message}\n  at {wrong.koan}.py:{rng.randrange(10**9)}"
        headline = message.partition("\n")[0]
        verdict = msgspec.structs.replace(verdict, names=(), message=message, headline=headline)
    return msgspec.structs.replace(graded, verdict=verdict, earned=0, fast_earned=0)


def _untouched(graded: Graded) -> Graded:
    verdict = Verdict(graded.verdict.koan, "", Status.not_started, "not submitted", seed=SEED)
    return msgspec.structs.replace(graded, verdict=verdict, earned=0, fast_earned=0)


def a_class(judged: Judged, students: int) -> Iterator[Grade]:
    kinds = [(share, failing) for percent, share, failing in KINDS for _ in range(percent)]
    random.Random(SEED).shuffle(kinds)
    return (student(judged, i, *kinds[i % len(kinds)]) for i in range(students))


def write(what: str, file: Path, students: int, scratch: Path) -> Figures:
    """Write a report in this process. `what` may also be "nothing", or "all in memory"."""
    judged = msgspec.msgpack.decode((scratch / "judged").read_bytes(), type=Judged)
    grades = a_class(judged, students)
    before = _cpu()
    if what == "all in memory":
        together = Class("Autumn", SEED, tuple(grades))
        write_file(file, json_text(msgspec.to_builtins(together)))
    elif what == "json of a file":
        formats.write([formats.parse(f"json={file}")], read_json.read(scratch / "json"), formats.Options())
    else:
        results = classroom("Autumn", SEED, grades)
        if what != "nothing":
            place = f"{file}-{formats.ID}" if what in formats.PER_SUBMISSION else str(file)
            options = formats.Options(scratch / "gradebook.csv", "Koans")
            formats.write([formats.ReportFile(what, place)], results, options)
    size = sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*"))
    return {"seconds": _cpu() - before, "mib": _peak(), "bytes": size}


def _peak() -> float:
    """The most memory of this process so far. getrusage would count what its parent had when it started this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def in_its_own_process(what: str, students: int, scratch: Path) -> Figures:
    progress(f"writing: {what}, {students} students")
    call = f"import sys, json, pathlib, reports; sys.stdout.write(json.dumps(reports.write({what!r}, "
    call += f"pathlib.Path({str(scratch / what.replace(' ', '_'))!r}), {students}, pathlib.Path({str(scratch)!r}))))"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {[str(ROOT / 'benchmarks'), str(ROOT)]}; {call}"],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise CannotMeasure(f"{what}: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    figures: Figures = json.loads(done.stdout)
    return figures


def gradebook(file: Path, students: int) -> None:
    rows = [f"Student {i},{i},student{i:04d},S" for i in range(students)]
    file.write_text("\n".join(["Student,ID,SIS Login ID,Section", *rows]) + "\n")


def worst(judged: Judged) -> Figures:
    """Bytes of the JSON of one student, alone and as one of 50 such students, and of all details."""
    found = {}
    for name, (share, failing) in WORST.items():
        students = [student(judged, i, share, failing) for i in range(50)]
        alone, full = (
            sum(len(text.encode()) for text in formats.Streamed(form, Class("C", SEED, tuple(students[:1]))))
            for form in ("json", formats.FULL)
        )
        class_ = sum(len(text.encode()) for text in formats.Streamed("json", Class("C", SEED, tuple(students))))
        found[name] = {"alone": alone, "of_50": class_ / 50, "all_details": full}
    return found


def measure(options: argparse.Namespace) -> Figures:
    students, in_memory = (20, 5) if options.quick else (STUDENTS, IN_MEMORY)
    with tempfile.TemporaryDirectory(prefix="koans-bench-") as folder:
        scratch = Path(folder)
        book = Workbook(ROOT)
        if options.quick:
            book = workbook_of(scratch / "workbook", book.chapter("ch06").koans[:2])
        judged = judge(book, scratch / "forks")
        (scratch / "judged").write_bytes(msgspec.msgpack.encode(judged))
        gradebook(scratch / "gradebook.csv", students)
        one = worst(judged)
        names: Sequence[str] = ("nothing", *REPORTS, "json of a file")
        reports = {name: in_its_own_process(name, students, scratch) for name in names}
        before = in_its_own_process("all in memory", in_memory, scratch)
    del reports["nothing"]["bytes"]  # there is no file
    print(f"{len(book.koans)} koans; JSON of one student, in bytes: alone, in a class of 50, with all details")
    for name, bytes_ in one.items():
        print(f"  {name:12} {bytes_['alone']:8,} {bytes_['of_50']:8,.0f} {bytes_['all_details']:10,}")
    print(f"a class of {students:,}: CPU seconds (making up the grades included), most memory, size")
    for name, figures in reports.items():
        size = f"{figures['bytes'] / 1e6:8.2f} MB" if "bytes" in figures else ""
        print(f"  {name:14} {figures['seconds']:7.2f} s {figures['mib']:7.0f} MiB {size}")
    print(f"all in memory, {in_memory} students: {before['seconds']:.2f} s, {before['mib']:.0f} MiB", end=", ")
    print(f"{before['bytes'] / in_memory:,.0f} bytes each")
    return {
        "koans": len(book.koans),
        "students": students,
        "bytes_of_one_student": one,
        "reports": reports,
        "all_in_memory": {"students": in_memory, **before},
    }


if __name__ == "__main__":
    main(__doc__, measure, argparse.ArgumentParser())
