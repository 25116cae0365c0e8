"""Classes of students for tests of reports. Their grades are made up, without a run."""

from collections.abc import Iterable, Mapping

from grader.book.verdict import Exit, Status, TestResult, Verdict, judge
from grader.book.workbook import Workbook
from grader.course.grade import Class, Grade, score
from grader.course.intake.ids import identify

SAYS = "exp before subtracting the row maximum: large `scores` overflow"
OTHER = "no maximum kept: a row of -inf is NaN"
FACTS = {"koans": "0.1.0", "python": "3.11.2", "torch": "2.13.0", "triton": "3.9.0", "numpy": "2.4.6"}
HOSTILE = (
    "<script>alert('owned')</script><img src=http://evil.example/x onerror=alert(1)></title></style></pre><!--",
    "=cmd|'/C calc'!A0",
    "\n::error::forged\n  ::set-env name=PATH::forged\n##[error]forged\n::stop-commands::forged\n%0A::error::forged",
    "]]> <!ENTITY x SYSTEM 'file:///etc/passwd'> &x; --> ]]&gt;",
    "\x1b[31m\x1b]0;owned\x07\x9b1m\0\x08\x7f",
    "\ud800\udfff \u202eesrever\u2066 \ufffe\uffff \u2028",
    "| cell | [link](javascript:alert(1)) @everyone #1 `code` **bold** ~~~\n# heading",
    "{{7*7}} ${{ secrets.TOKEN }} \t+1 -1 @SUM(A1)",
)
EVERYTHING = "\n".join(HOSTILE)
HUGE = EVERYTHING * (1_000_000 // len(EVERYTHING) + 1)


def verdict(koan: str, status: Status, *, names: Iterable[str] = (), text: str = "", output: str = "") -> Verdict:
    """One koan's verdict, judged as the verdict of a run is."""
    looks = {name: {"no_max": SAYS, "nan": OTHER}.get(name, name) for name in names}
    finished = Exit(finished=True)
    if status == Status.broken:
        return judge(koan, "x", [], text or "SyntaxError, line 3", finished, seconds=0.1, seed=7, output=output)
    if status == Status.timed_out:
        end = Exit(finished=False, timed_out=20, running="a loop ends")
        return judge(koan, "x", [], "", end, seconds=20.5, seed=7, output=output)
    test = TestResult(
        "test_one",
        "one and one",
        status,
        text or status.value,
        looks=looks,
        function="add",
        output=output,
        headline=text[:200],
    )
    names_of = {"add": tuple(looks)}
    return judge(koan, "x", [test], "", finished, seconds=0.25, seed=7, output=output, names=names_of)


def grade(
    book: Workbook, name: str, verdicts: Iterable[Verdict], *, answers: Mapping[str, str] = {}, **more: object
) -> Grade:
    """`answers` are what the learner wrote, by koan."""
    koans = tuple(score(book.koans[v.koan], v, answers.get(v.koan, "")) for v in verdicts)
    values: dict[str, object] = {
        "submission": name,
        "id": identify([(name, f"forks/{name}")])[0],
        "folder": f"forks/{name}",
        "seed": 7,
        "points": sum(k.points for k in book.koans.values()),
        "earned": sum(k.earned for k in koans),
        "isolation": "isolated: landlock 6, seccomp",
        "trusted": True,
        "koans": koans,
        "cards": ("softmax-subtract-max",),
        "versions": FACTS,
        "device": "CPU (x86_64)",
        "started": "2026-11-22T10:00:00Z",
        "seconds": 3.25,
    }
    return Grade(**{**values, **more})  # type: ignore[arg-type]


def a_class(book: Workbook) -> Class:
    """ada has passed everything, ben has mistakes of all kinds, cyd has not started, dan handed in nothing."""
    order = list(book.koans)
    kinds = [Status.passed, Status.failed, Status.broken, Status.timed_out, Status.not_run_here, Status.not_started]
    half = [
        verdict(koan, kinds[i % 6], names=["no_max"] if i == 1 else ["no_max", "nan"], output="seen\n" * (i % 2))
        for i, koan in enumerate(order)
    ]
    grades = [
        grade(book, "ada", [verdict(koan, Status.passed) for koan in order]),
        grade(
            book,
            "ben",
            half,
            answers={v.koan: f"def add(a, b):\n    return a - {i}" for i, v in enumerate(half) if v.names},
            commit="a1b2c3d4e5f60718293a4b5c6d7e8f9012345678",
            branch="main",
            authored="2026-11-21T20:00:00+01:00",
            handed_in="2026-11-21T20:05:00Z",
            notes=("3 files do not match any koan",),
        ),
        grade(book, "cyd", [verdict(koan, Status.not_started) for koan in order], cards=()),
        grade(book, "dan", [], earned=0, cards=(), problem="forks/dan: has no exercises/ folder"),
    ]
    return Class("Numerics 1", 7, tuple(grades), notes=("notes.txt is no submission",))


def a_hostile_class(book: Workbook) -> Class:
    """A class in which every text that a submission can choose is an attack. One text is a megabyte long."""
    order = list(book.koans)
    kinds = [Status.failed, Status.broken, Status.timed_out, Status.failed]
    grades = []
    for i, text in enumerate((*HOSTILE, EVERYTHING)):
        koans = [
            verdict(koan, kinds[j % 4], names=[text[:300]], text=text, output=text) for j, koan in enumerate(order)
        ]
        # A verdict that `judge` did not clean.
        huge = HUGE if text == EVERYTHING else text
        raw = [Verdict(order[0], "x", Status.crashed, huge, huge, (), (text[:300],), output=huge)]
        origin = dict.fromkeys(("commit", "branch", "authored", "handed_in", "student"), text[:300])
        answers = {**dict.fromkeys(order, text), order[0]: huge}
        more = {"isolation": text[:100], "device": text[:100], "notes": (text[:300],), **origin}
        grades.append(grade(book, f"{text[:400]} {i}", [*raw, *koans[1:]], answers=answers, **more))
    grades.append(grade(book, EVERYTHING, [], problem=EVERYTHING, folder=EVERYTHING, trusted=False))
    return Class(EVERYTHING, 7, tuple(grades), notes=HOSTILE)
