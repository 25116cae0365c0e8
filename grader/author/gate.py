"""The gate every koan passes before it lands: `koans verify`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from grader.author import facts
from grader.book.errors import KoansError
from grader.book.oracles import oracles
from grader.book.stubs import stub_of
from grader.book.verdict import Status, Verdict
from grader.book.workbook import Card, Koan, Question, Workbook
from grader.judge.runner import Ask, Limits, Runner
from grader.judge.targets import Target

SEEDS = 3  # each solution and right variant runs with seeds 0 .. SEEDS-1
LIMITS = Limits(timeout=60.0, brief=True)  # patient, since everything runs at once on a machine that may be slow
LOCK = "content/ids.lock"

Tick = Callable[[int, int, str], None]  # told how many runs are done, of how many, and which was the last


class Problem(msgspec.Struct, frozen=True):
    """One thing to mend: where, and what."""

    where: str
    says: str


class GateReport(msgspec.Struct):
    """What the gate found. `wrong` counts the wrong answers tried, `caught` and `named` those that failed and by name,
    `isolated` the runs that were made in the sandbox too and came to the same verdict.
    """

    koans: int = 0
    runs: int = 0
    wrong: int = 0
    caught: int = 0
    named: int = 0
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
    tick: Tick = lambda done, total, what: None,
) -> GateReport:
    """Check the files of these koans, then run every target of each. `tick` is told how far it is."""
    report = GateReport(koans=len(koans))
    report.problems += static_problems(workbook, koans)
    # The longest koans first, so that no core is left with one at the end.
    asks = [ask for k in sorted(koans, key=lambda k: k.kind != "kernel") for ask in _asks(k, seeds, report, runner)]
    report.runs = sum(ask.twice or not ask.isolated for ask in asks)
    seen = _verdicts(runner, asks, tick)
    for ask in seen:
        report.problems += _problems(ask, seen, report)
    report.problems.sort(key=lambda p: p.where)
    return report


def _verdicts(runner: Runner, asks: Sequence[Ask], tick: Tick) -> dict[Ask, Verdict]:
    """The verdict of each run.

    Calls that agree, in the sandbox and outside, make verdicts that agree. A run that a call has ended says nothing of
    the calls after it: two runs replace it, one outside and one in the sandbox.
    """
    seen = dict(_run(runner, asks, tick))
    cut = [ask for ask in asks if ask.twice and not _whole(seen[ask])]
    apart = [replace(ask, isolated=isolated, twice=False) for ask in cut for isolated in (False, True)]
    seen |= _run(runner, apart, tick, done=len(asks))
    return {ask: seen[ask] for ask in (*asks, *apart) if ask not in cut}


def _run(runner: Runner, asks: Sequence[Ask], tick: Tick, done: int = 0) -> Iterator[tuple[Ask, Verdict]]:
    """Make these runs after `done` others."""
    total = done + len(asks)
    for number, (ask, verdict) in enumerate(runner.run_all(asks), done + 1):
        tick(number, total, f"{verdict.koan} {verdict.target}")
        yield ask, verdict


def _problems(ask: Ask, seen: Mapping[Ask, Verdict], report: GateReport) -> list[Problem]:
    """What a run shows. One in the sandbox alone is compared with the same run outside, which is judged by itself."""
    if ask.isolated and not ask.twice:
        return _same(seen[replace(ask, isolated=False)], seen[ask], report)
    report.isolated += ask.twice
    return _judge(ask.koan, seen[ask], report)


def _whole(verdict: Verdict) -> bool:
    """Did a run in the sandbox and outside go through all its calls?"""
    return verdict.status in (Status.passed, Status.failed) and bool(verdict.isolation)


def _asks(koan: Koan, seeds: int, report: GateReport, runner: Runner) -> Iterator[Ask]:
    """Every run to make for one koan.

    Wrong and right answers run in the sandbox and outside at once, and a solution in each. A kernel's text is
    interpreted in the same way in both.
    """
    try:
        found = oracles(koan)
    except Exception as error:  # a reference file is Python: anything can be wrong with it
        report.problems.append(Problem(f"reference/{koan.id}.py", f"cannot be imported: {error!r}"))
        return
    apart = runner.isolated and koan.kind != "kernel"
    wrongs = [name for oracle in found.values() for name in oracle.wrongs]
    rights = [name for oracle in found.values() for name in oracle.rights]
    report.right += len(rights)
    yield Ask(koan, Target("stub"))
    for target in [Target("solutions"), *(Target("right", name) for name in rights)]:
        both = apart and target.kind == "right"
        yield Ask(koan, target, isolated=both, twice=both)
        yield from (Ask(koan, target, seed) for seed in range(1, seeds))
    if apart:
        yield Ask(koan, Target("solutions"), isolated=True)
    yield from (Ask(koan, Target("wrong", name), isolated=apart, twice=apart) for name in wrongs)
    if not wrongs:
        report.problems.append(
            Problem(f"reference/{koan.id}.py", "has no wrong answers: what do people get wrong here?")
        )


def _judge(koan: Koan, verdict: Verdict, report: GateReport) -> list[Problem]:
    kind, _, name = verdict.target.partition(":")
    if kind == "stub":
        return _judge_stub(verdict)
    if kind == "wrong":
        return _judge_wrong(koan, name, verdict, report)
    return _judge_right(verdict, "the solution" if kind == "solutions" else "a right answer")


def _judge_stub(verdict: Verdict) -> list[Problem]:
    passed = [t.sentence for t in verdict.tests if t.status == Status.passed]
    if verdict.status != Status.not_started and not passed:
        says = f"a stub must be 'not started', but is '{verdict.status}': {_first_line(verdict)}"
        return [Problem(_where(verdict), says)]
    return [Problem(_where(verdict), f"the stub passes '{s}': that test asks nothing") for s in passed]


def _judge_wrong(koan: Koan, name: str, verdict: Verdict, report: GateReport) -> list[Problem]:
    report.wrong += 1
    if verdict.status == Status.passed:
        return [Problem(_where(verdict), "this wrong answer passes: add an input that shows the mistake")]
    if verdict.status == Status.not_run_here:
        return [Problem(_where(verdict), f"could not be run here: {_first_line(verdict)}")]
    report.caught += 1
    if verdict.names != (name,) or _says(koan, name) not in verdict.message:
        looks = " or ".join(verdict.names) or "none"
        says = f"caught ({verdict.status}: {_first_line(verdict)}), but not named; it looks like: {looks}"
        return [Problem(_where(verdict), says)]
    report.named += 1
    return []


def _judge_right(verdict: Verdict, what: str) -> list[Problem]:
    if verdict.status == Status.passed:
        return []
    failing = next((t.sentence for t in verdict.tests if t.status == Status.failed), "")
    message = "\n    ".join(verdict.message.splitlines()[:9])
    says = f"{what} must pass, but is '{verdict.status}' in '{failing}':\n    {message}"
    return [Problem(f"{_where(verdict)} seed {verdict.seed}", says)]


def _where(verdict: Verdict) -> str:
    return f"{verdict.koan} {verdict.target}"


def _first_line(verdict: Verdict) -> str:
    return verdict.message.strip().splitlines()[0] if verdict.message.strip() else ""


def _same(here: Verdict, apart: Verdict, report: GateReport) -> list[Problem]:
    """Does the sandbox give the verdict that a run without it gives?"""
    if (here.status, here.names) == (apart.status, apart.names):
        report.isolated += 1
        return []
    return [
        Problem(
            _where(apart),
            f"isolated it is '{apart.status}' {list(apart.names)}, else '{here.status}' {list(here.names)}: "
            + _first_line(apart),
        )
    ]


def _says(koan: Koan, name: str) -> str:
    return next(o.wrongs[name].says for o in oracles(koan).values() if name in o.wrongs)


def static_problems(workbook: Workbook, koans: Sequence[Koan] | None = None) -> list[Problem]:
    """What can be seen without running anything. With `koans` None, or all of them, the ids are checked too."""
    everything = koans is None or len(koans) == len(workbook.koans)
    problems = [p for koan in koans or workbook.koans.values() for p in _files(workbook, koan)]
    chapters = {koan.chapter for koan in koans or workbook.koans.values()}
    problems += [p for card in workbook.cards.values() if card.chapter in chapters for p in _card(workbook, card)]
    problems += [p for q in workbook.questions.values() if q.chapter in chapters for p in _question(q)]
    for proof in workbook.proofs:
        if proof.card not in workbook.cards and workbook.koans[proof.koan].chapter in chapters:
            problems.append(Problem(f"exercises/{proof.koan}: {proof.test}", f"no card is called '{proof.card}'"))
    if everything:
        problems += [*_strays(workbook), *_lock(workbook)]
        problems += [Problem(f"content/facts.toml: {fact.id}", says) for fact, says in facts.missing(workbook)]
    return problems


def _files(workbook: Workbook, koan: Koan) -> Iterator[Problem]:
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
            yield Problem(f"content/{koan.chapter}/chapter.toml: {koan.name}", f"needs '{name}', which is no koan")
    try:
        workbook.notes(koan)
        if workbook.exercise(koan).exists() and workbook.exercise(koan).read_text("utf-8") != stub_of(workbook, koan):
            yield Problem(
                f"exercises/{koan.id}.py",
                "is not the stub of its solution; `koans stubs --overwrite` writes it",
            )
        title = workbook.prompt(koan).splitlines()[0]
        if title != koan.title:
            yield Problem(
                f"solutions/{koan.id}.py", f"its docstring starts '{title}', chapter.toml says '{koan.title}'"
            )
    except KoansError as error:
        yield Problem(f"{koan.id}", str(error).replace(f"{workbook.root}/", ""))
    except SyntaxError as error:
        yield Problem(f"solutions/{koan.id}.py:{error.lineno}", str(error.msg))


def _card(workbook: Workbook, card: Card) -> Iterator[Problem]:
    where = f"content/{card.chapter}/cards.toml: {card.id}"
    proofs = [p for p in workbook.proofs if p.card == card.id]
    if not card.facts:
        yield Problem(where, "names no fact of the sources")
    if card.pending:
        if card.pending in workbook.koans:
            yield Problem(where, f"its proof is due: {card.pending} exists; mark its test and drop `pending`")
        if proofs:
            yield Problem(where, f"is pending, but {proofs[0].koan} proves it; drop `pending`")
    elif card.evidence == "proved" and not proofs:
        yield Problem(where, f'no test is marked @pytest.mark.card("{card.id}")')
    elif card.evidence == "cited" and not card.citation:
        yield Problem(where, "is cited, but says no citation")


def _question(question: Question) -> Iterator[Problem]:
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


def _strays(workbook: Workbook) -> Iterator[Problem]:
    """Files that look like a koan's and belong to none."""
    known = {f"{k.id}.py" for k in workbook.koans.values()} | {
        f"{k.chapter}/test_{k.name}.py" for k in workbook.koans.values()
    }
    for folder in ("exercises", "solutions", "reference"):
        for file in sorted((workbook.root / folder).glob("ch*/*.py")):
            name = f"{file.parent.name}/{file.name}"
            if name not in known and file.name != "__init__.py":
                yield Problem(f"{folder}/{name}", "belongs to no koan of a chapter.toml")


def ids(workbook: Workbook) -> list[str]:
    """Every id that learners' progress and decks may hold: cards are tagged with their facts."""
    every = [f"koan {k}" for k in workbook.koans] + [f"card {c}" for c in workbook.cards]
    every += [f"question {q}" for q in workbook.questions]
    return sorted(every + [f"fact {f}" for f in workbook.facts])


def _lock(workbook: Workbook) -> Iterator[Problem]:
    locked = _locked(workbook.root)
    now = set(ids(workbook))
    for gone in sorted(locked - now):
        yield Problem(LOCK, f"{gone} has landed and must not go or change its name")
    for new in sorted(now - locked):
        yield Problem(LOCK, f"{new} is new: `koans verify --lock` adds it")


def _locked(root: Path) -> set[str]:
    file = root / LOCK
    return {line for line in file.read_text("utf-8").splitlines() if line} if file.exists() else set()


def lock(workbook: Workbook) -> int:
    """Add new ids to the lock; returns how many. Nothing is ever taken out."""
    locked = _locked(workbook.root)
    new = set(ids(workbook)) - locked
    (workbook.root / LOCK).write_text("\n".join(sorted(locked | new)) + "\n", encoding="utf-8")
    return len(new)
