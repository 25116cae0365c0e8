"""The gate that every koan must pass before it is merged: `koans verify`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from grader.author import facts, hunts
from grader.book.errors import KoansError
from grader.book.files import write_file
from grader.book.oracles import oracles
from grader.book.stubs import stub_of
from grader.book.symptom_run import SymptomRun
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Card, Koan, Question, Workbook
from grader.judge.runner import Ask, Limits, Runner
from grader.judge.targets import Target

SEEDS = 3  # each solution and right answer runs with seeds 0 .. SEEDS-1
LIMITS = Limits(timeout=60.0, brief=True)  # seconds; long, because many runs share a machine that may be slow
LOCK = "content/ids.lock"

OnProgress = Callable[[int, int, str], None]  # called with: runs done, runs in all, the last one's name


class Problem(msgspec.Struct, frozen=True):
    """One thing to fix. `where` is a file or a run."""

    where: str
    message: str = msgspec.field(name="says")  # the name in JSON (`koans verify --json`)


class GateReport(msgspec.Struct):
    """What the gate found.

    `wrong` counts the wrong answers that ran, `caught` those that failed, `named` those whose failure named them, and
    `misnamed` those whose failure named another one.
    `right` counts the right answers besides the solutions. `isolated` counts the runs that had the same verdict in the
    sandbox and outside.
    """

    koans: int = 0
    runs: int = 0
    wrong: int = 0
    caught: int = 0
    named: int = 0
    misnamed: int = 0
    right: int = 0
    isolated: int = 0
    problems: list[Problem] = msgspec.field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems


def verify(
    workbook: Workbook,
    koans: Sequence[Koan],
    runner: Runner,
    *,
    seeds: int = SEEDS,
    on_progress: OnProgress = lambda done, total, what: None,
) -> GateReport:
    """Check the files of these koans, then run every target of each. `on_progress` is called after each run."""
    report = GateReport(koans=len(koans))
    report.problems += static_problems(workbook, koans)
    # Kernels take longest, so they run first. Otherwise one core would work on the last of them alone.
    asks = [ask for k in sorted(koans, key=lambda k: k.kind != "kernel") for ask in _asks(k, seeds, report, runner)]
    report.runs = sum(ask.twice or not ask.isolated for ask in asks)
    verdicts = _verdicts(runner, asks, on_progress)
    for ask in verdicts:
        report.problems += _problems(ask, verdicts, report)
    report.problems += _symptom_problems([koan for koan in koans if koan.kind == "hunt"], runner, on_progress)
    report.problems.sort(key=lambda p: p.where)
    return report


def _symptom_problems(found: Sequence[Koan], runner: Runner, on_progress: OnProgress) -> Iterator[Problem]:
    """The problems of the symptoms of these hunts."""
    asks = [ask for koan in found for ask in hunts.symptom_asks(koan)]
    runs: dict[Ask, SymptomRun] = {}
    for number, (ask, run) in enumerate(runner.symptoms(asks), 1):
        on_progress(number, len(asks), f"{ask.koan.id} symptom of {ask.target}")
        runs[replace(ask, symptom=False)] = run
    for koan in found:
        if problem := hunts.symptom_problem({ask: runs[ask] for ask in hunts.symptom_asks(koan) if ask in runs}):
            yield Problem(f"reference/{koan.id}.py", problem)


def _verdicts(runner: Runner, asks: Sequence[Ask], on_progress: OnProgress) -> dict[Ask, Verdict]:
    """The verdict of each run.

    If every call gives the same result in the sandbox and outside, both have the same verdict, and one run with
    `twice` is enough. A call may end such a run early. Nothing is known about the calls after it, so two runs replace
    it: one outside the sandbox and one in it.
    """
    verdicts = dict(_run(runner, asks, on_progress))
    ended_early = [ask for ask in asks if ask.twice and not _all_calls_made(verdicts[ask])]
    reruns = [replace(ask, isolated=isolated, twice=False) for ask in ended_early for isolated in (False, True)]
    verdicts |= _run(runner, reruns, on_progress, done=len(asks))
    return {ask: verdicts[ask] for ask in (*asks, *reruns) if ask not in ended_early}


def _run(runner: Runner, asks: Sequence[Ask], on_progress: OnProgress, done: int = 0) -> Iterator[tuple[Ask, Verdict]]:
    """Make these runs after `done` others."""
    total = done + len(asks)
    for number, (ask, verdict) in enumerate(runner.run_all(asks), done + 1):
        on_progress(number, total, f"{verdict.koan} {verdict.target}")
        yield ask, verdict


def _problems(ask: Ask, verdicts: Mapping[Ask, Verdict], report: GateReport) -> list[Problem]:
    """The problems that one run shows. A run in the sandbox alone is only compared with the same run outside."""
    if ask.isolated and not ask.twice:
        return _compare(verdicts[replace(ask, isolated=False)], verdicts[ask], report)
    report.isolated += ask.twice
    return _judge(ask.koan, verdicts[ask], report)


def _all_calls_made(verdict: Verdict) -> bool:
    """Whether a run with `twice` made all its calls, in the sandbox and outside."""
    return verdict.status in (Status.passed, Status.failed) and bool(verdict.isolation)


def _asks(koan: Koan, seeds: int, report: GateReport, runner: Runner) -> Iterator[Ask]:
    """All runs of one koan.

    Wrong and right answers have one run that makes each call in the sandbox and outside. A solution has a run of its
    own in each. A kernel runs outside only, because the tile machine runs its text in both.
    """
    try:
        functions = oracles(koan)
    except Exception as error:  # a reference file is Python: anything can be wrong with it
        report.problems.append(Problem(f"reference/{koan.id}.py", f"cannot be imported: {error!r}"))
        return
    sandboxed = runner.isolated and koan.kind != "kernel"
    wrongs = [name for oracle in functions.values() for name in oracle.wrongs]
    rights = [name for oracle in functions.values() for name in oracle.rights]
    report.right += len(rights)
    yield Ask(koan, Target("stub"))
    for target in [Target("solutions"), *(Target("right", name) for name in rights)]:
        both = sandboxed and target.kind == "right"
        yield Ask(koan, target, isolated=both, twice=both)
        yield from (Ask(koan, target, seed) for seed in range(1, seeds))
    if sandboxed:
        yield Ask(koan, Target("solutions"), isolated=True)
    yield from (Ask(koan, Target("wrong", name), isolated=sandboxed, twice=sandboxed) for name in wrongs)
    if koan.kind == "hunt":
        report.problems += [Problem(f"reference/{koan.id}.py", lack) for lack in hunts.lacks(koan)]
    elif not wrongs:
        report.problems.append(
            Problem(f"reference/{koan.id}.py", "has no wrong answers: what do people get wrong here?")
        )


def _judge(koan: Koan, verdict: Verdict, report: GateReport) -> list[Problem]:
    kind, _, name = verdict.target.partition(":")
    if kind == "stub" and koan.kind == "hunt":
        problem = hunts.planted_problem(verdict)
        return [Problem(_where(verdict), problem)] if problem else []
    if kind == "stub":
        return _judge_stub(verdict)
    if kind == "wrong":
        return _judge_wrong(koan, name, verdict, report)
    return judge_right(verdict, "the solution" if kind == "solutions" else "a right answer")


def _judge_stub(verdict: Verdict) -> list[Problem]:
    passed = [t.sentence for t in verdict.tests if t.status == Status.passed]
    if verdict.status != Status.not_started and not passed:
        message = f"a stub must be 'not started', but is '{verdict.status}': {_first_line(verdict)}"
        return [Problem(_where(verdict), message)]
    return [Problem(_where(verdict), f"the stub passes '{s}': that test checks nothing") for s in passed]


def _judge_wrong(koan: Koan, name: str, verdict: Verdict, report: GateReport) -> list[Problem]:
    report.wrong += 1
    if verdict.status == Status.passed and verdict.uncompiled:
        return [Problem(_where(verdict), f"passes, but {verdict.notes[0]}")]
    if verdict.status == Status.passed:
        return [Problem(_where(verdict), "this wrong answer passes: add an input that shows the mistake")]
    if verdict.status == Status.not_run_here:
        return [Problem(_where(verdict), f"could not be run here: {_first_line(verdict)}")]
    report.caught += 1
    report.misnamed += bool(verdict.names) and name not in verdict.names
    if verdict.names != (name,) or _description(koan, name) not in verdict.message:
        looks = " or ".join(verdict.names) or "none"
        message = f"caught ({verdict.status}: {_first_line(verdict)}), but not named; it looks like: {looks}"
        return [Problem(_where(verdict), message)]
    report.named += 1
    return []


def judge_right(verdict: Verdict, what: str) -> list[Problem]:
    """A problem if an honest answer did not pass. `what` it is called in the message."""
    if verdict.status == Status.passed:
        return []
    failing = next((t.sentence for t in verdict.tests if t.status == Status.failed), "")
    output = "\n    ".join(verdict.message.splitlines()[:9])
    message = f"{what} must pass, but is '{verdict.status}' in '{failing}':\n    {output}"
    return [Problem(f"{_where(verdict)} seed {verdict.seed}", message)]


def _where(verdict: Verdict) -> str:
    return f"{verdict.koan} {verdict.target}"


def _first_line(verdict: Verdict) -> str:
    return verdict.message.strip().splitlines()[0] if verdict.message.strip() else ""


def _compare(outside: Verdict, isolated: Verdict, report: GateReport) -> list[Problem]:
    """A problem if the verdict in the sandbox is not the verdict outside."""
    if (outside.status, outside.names) == (isolated.status, isolated.names):
        report.isolated += 1
        return []
    return [
        Problem(
            _where(isolated),
            f"isolated it is '{isolated.status}' {list(isolated.names)}, "
            f"else '{outside.status}' {list(outside.names)}: {_first_line(isolated)}",
        )
    ]


def _description(koan: Koan, name: str) -> str:
    """The description of a wrong answer of the koan."""
    return next(o.wrongs[name].says for o in oracles(koan).values() if name in o.wrongs)


def static_problems(workbook: Workbook, koans: Sequence[Koan] | None = None) -> list[Problem]:
    """The problems that show without a run. With all koans (the default), ids and facts are checked too."""
    everything = koans is None or len(koans) == len(workbook.koans)
    problems = [p for koan in koans or workbook.koans.values() for p in _file_problems(workbook, koan)]
    chapters = {koan.chapter for koan in koans or workbook.koans.values()}
    problems += [
        p for card in workbook.cards.values() if card.chapter in chapters for p in _card_problems(workbook, card)
    ]
    problems += [p for q in workbook.questions.values() if q.chapter in chapters for p in _question_problems(q)]
    for proof in workbook.proofs:
        if proof.card not in workbook.cards and workbook.koans[proof.koan].chapter in chapters:
            problems.append(Problem(f"exercises/{proof.koan}: {proof.test}", f"no card is called '{proof.card}'"))
    if everything:
        problems += [*_stray_files(workbook), *_lock_problems(workbook)]
        problems += [Problem(f"content/facts.toml: {fact.id}", message) for fact, message in facts.missing(workbook)]
    return problems


def _file_problems(workbook: Workbook, koan: Koan) -> Iterator[Problem]:
    needed = (
        workbook.test_file(koan),
        workbook.reference(koan),
        workbook.solution(koan),
        workbook.exercise(koan),
    )
    for file in needed:
        if not file.exists():
            yield Problem(str(file.relative_to(workbook.root)), "missing")
    for name in koan.needs:
        if name not in workbook.koans:
            yield Problem(f"content/{koan.chapter}/chapter.toml: {koan.name}", f"needs '{name}', which is not a koan")
    try:
        workbook.notes(koan)
        if workbook.exercise(koan).exists() and workbook.exercise(koan).read_text("utf-8") != stub_of(workbook, koan):
            yield Problem(
                f"exercises/{koan.id}.py",
                "is not the stub of its solution; `koans stubs --overwrite` writes it",
            )
        unsaid = [name for name in koan.forbids if not _says_forbidden(stub_of(workbook, koan), name)]
        if unsaid:
            message = f"forbids {', '.join(unsaid)}, but no sentence of the stub says that it is refused"
            yield Problem(f"solutions/{koan.id}.py", message)
        title = workbook.prompt(koan).splitlines()[0]
        if title != koan.title:
            yield Problem(
                f"solutions/{koan.id}.py", f"its docstring starts '{title}', chapter.toml says '{koan.title}'"
            )
    except KoansError as error:
        yield Problem(f"{koan.id}", str(error).replace(f"{workbook.root}/", ""))
    except SyntaxError as error:
        yield Problem(f"solutions/{koan.id}.py:{error.lineno}", str(error.msg))


def _says_forbidden(stub: str, name: str) -> bool:
    """Does a sentence of the stub say that the function of this name is refused?"""
    return re.search(rf"\b{re.escape(name)}\b[^.]*\b(refused|forbidden)\b", stub) is not None


def _card_problems(workbook: Workbook, card: Card) -> Iterator[Problem]:
    where = f"content/{card.chapter}/cards.toml: {card.id}"
    proofs = [p for p in workbook.proofs if p.card == card.id]
    if card.erratum and not card.facts:
        yield Problem(where, "has an erratum, but names no fact of the sources")
    if card.pending:
        if card.pending in workbook.koans:
            yield Problem(
                where, f"its proof can be added now: {card.pending} exists; mark its test and remove `pending`"
            )
        if proofs:
            yield Problem(where, f"is pending, but {proofs[0].koan} proves it; remove `pending`")
    elif card.evidence == "proved" and not proofs:
        yield Problem(where, f'no test is marked @pytest.mark.card("{card.id}")')
    elif card.evidence == "cited" and not card.citation:
        yield Problem(where, "is cited, but has no citation")


def _question_problems(question: Question) -> Iterator[Problem]:
    where = f"content/{question.chapter}/questions.toml: {question.id}"
    if question.ask == "quiz":
        if len(question.options) != 4 or sum(o.correct for o in question.options) != 1:
            yield Problem(where, "a quiz question has four options, one of them correct")
        if not all(o.why.strip() for o in question.options):
            yield Problem(where, "every option says why it is right or wrong")
    elif not question.answer.strip():
        yield Problem(where, "has no model answer")
    if question.ask == "retrieve" and not question.level:
        yield Problem(where, "a retrieve question is factual, conceptual or synthetic")


def _stray_files(workbook: Workbook) -> Iterator[Problem]:
    """Files that look like a koan's but belong to no koan."""
    known = {f"{k.id}.py" for k in workbook.koans.values()} | {
        f"{k.chapter}/test_{k.name}.py" for k in workbook.koans.values()
    }
    for folder in ("exercises", "solutions", "reference"):
        for file in sorted((workbook.root / folder).glob("ch*/*.py")):
            name = f"{file.parent.name}/{file.name}"
            if name not in known and file.name != "__init__.py":
                yield Problem(f"{folder}/{name}", "does not belong to any koan of a chapter.toml")


def ids(workbook: Workbook) -> list[str]:
    """Every id that learners' progress and decks may hold. Decks hold facts, because cards are tagged with them."""
    result = [f"koan {k}" for k in workbook.koans] + [f"card {c}" for c in workbook.cards]
    result += [f"question {q}" for q in workbook.questions]
    return sorted(result + [f"fact {f}" for f in workbook.facts])


def _lock_problems(workbook: Workbook) -> Iterator[Problem]:
    locked = _locked_ids(workbook.root)
    current = set(ids(workbook))
    for removed in sorted(locked - current):
        yield Problem(LOCK, f"{removed} has been released, so it must not be removed or renamed")
    for new in sorted(current - locked):
        yield Problem(LOCK, f"{new} is new: `koans verify --lock` adds it")


def _locked_ids(root: Path) -> set[str]:
    file = root / LOCK
    return {line for line in file.read_text("utf-8").splitlines() if line} if file.exists() else set()


def lock(workbook: Workbook) -> int:
    """Add new ids to the lock. Returns how many. No id is ever removed."""
    locked = _locked_ids(workbook.root)
    new = set(ids(workbook)) - locked
    write_file(workbook.root / LOCK, "\n".join(sorted(locked | new)) + "\n")
    return len(new)
