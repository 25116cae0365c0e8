"""What was measured of the answers on the model's path (prices.json), and what follows from it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from grader.book.errors import KoansError, reading
from grader.book.oracles import oracles
from grader.book.workbook import Workbook
from grader.model import price, tokenizer, weights
from grader.model.client import folder_of_ours
from grader.model.path import ORACLE, PATH
from grader.model.price import Kind, Run
from grader.model.stories import FILE as STORIES

FILE = Path("prices.json")  # in the model's folder
# "hangs": it did not end, or used up the memory. "NaN": a figure is NaN or infinite. "seen": a figure differs by more
# than luck. "unseen": no figure does. "not met": nothing differs by more than rounding, so the mistake never occurs.
Outcome = Literal["hangs", "crashes", "NaN", "seen", "unseen", "not met"]
OUTCOMES: tuple[Outcome, ...] = ("hangs", "crashes", "NaN", "seen", "unseen", "not met")
HANGS = "hangs: "  # how the error of a run begins that was ended
TRUE = "training.true"  # the figure that nobody sees who trains: what our functions say of the weights
HONEST = 4  # right answers of each function that are measured beside the oracle, to know what rounding does
WITH_WEIGHTS: tuple[Kind, ...] = ("reading", "cache", "writing")  # the kinds of run that need the trained model


class Answer(msgspec.Struct, frozen=True, order=True):
    """A wrong or right answer of a koan on the path, to one of the functions that the model calls.

    The reference's own answer is a right one, too: its name is "oracle".
    """

    koan: str
    kind: Literal["wrong", "right"]
    name: str
    function: str

    @property
    def whose(self) -> str:
        """The choice that `functions.load` takes."""
        return ORACLE if self.name == ORACLE else f"{self.kind}:{self.name}"


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer did in a run of one kind. A figure that is None is NaN or infinite.

    `agreement` is the share of tokens that the model chose as it does with our functions. If `error` is not empty, it
    says how the run failed, and there are no figures.
    """

    answer: Answer
    run: Kind
    digest: str
    figures: dict[str, float | None] = {}
    agreement: float = 0.0
    error: str = ""


class Healthy(msgspec.Struct, frozen=True):
    """The figures of a run with our functions, one of each seed."""

    run: str
    digest: str
    figures: dict[str, tuple[float, ...]]


class Prices(msgspec.Struct, frozen=True):
    """All that was measured, and on what. A digest is of the code and the files that a result rests on."""

    machine: str = ""
    healthy: tuple[Healthy, ...] = ()
    results: tuple[Result, ...] = ()


def load(folder: Path, name: Path = FILE) -> Prices:
    """What was measured of the model in a folder. Raises KoansError if there is no such file, or it is damaged."""
    file = folder / name
    with reading(file):
        data = file.read_bytes()
    try:
        return msgspec.json.decode(data, type=Prices)
    except msgspec.MsgspecError as error:
        raise KoansError(f"{file}: {error}") from None


def encoded(prices: Prices) -> str:
    """The text of prices.json: a line for each result."""
    parts = [
        f'"{name}":[\n' + ",\n".join(msgspec.json.encode(entry).decode() for entry in entries) + "\n]"
        for name, entries in (("healthy", prices.healthy), ("results", prices.results))
    ]
    machine = f'"machine":{msgspec.json.encode(prices.machine).decode()}'
    return "{" + ",\n".join([machine, *parts]) + "}\n"


# ----------------------------------------------------------------------------------------------- what is to be measured


def answers(workbook: Workbook, kind: Literal["wrong", "right"]) -> Iterator[Answer]:
    """The answers on the path, in its order: all wrong ones, or the oracle and some right ones of each function.

    Answers to a function that the model does not call are left out.
    """
    for entry in PATH.values():
        for function, oracle in oracles(workbook.koans[entry.koan]).items():
            if function in entry.functions:
                names = list(oracle.wrongs) if kind == "wrong" else [ORACLE, *list(oracle.rights)[:HONEST]]
                yield from (Answer(entry.koan, kind, name, function) for name in names)


def says(workbook: Workbook, answer: Answer) -> str:
    """The clause that names a wrong answer's mistake."""
    return oracles(workbook.koans[answer.koan])[answer.function].wrongs[answer.name].says


class Digests:
    """Digests of what results rest on: the runs, their texts, the model if they need it, and references."""

    def __init__(self, workbook: Workbook, folder: Path) -> None:
        self._workbook = workbook
        texts = [_bytes(folder / tokenizer.MERGES), _bytes(workbook.root / STORIES)]
        self._runs = _sha(*texts, _code(Path(price.__file__).read_text(encoding="utf-8")))
        self._model = _sha(_bytes(folder / weights.WEIGHTS))
        self._references: dict[str, str] = {}

    def healthy(self, run: Run) -> str:
        """The digest for a run with our functions."""
        return _sha(self._runs, msgspec.json.encode(run), self._model if run.kind in WITH_WEIGHTS else "")

    def answer(self, answer: Answer, run: Run) -> str:
        """The digest for a run with an answer."""
        koan = answer.koan
        if koan not in self._references:
            file = self._workbook.reference(self._workbook.koans[koan])
            self._references[koan] = _sha(_code(file.read_text(encoding="utf-8")))
        return _sha(self.healthy(run), self._references[koan])


def _bytes(file: Path) -> bytes:
    with reading(file):
        return file.read_bytes()


def _sha(*parts: bytes | str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


def _code(text: str) -> bytes:
    """A module's code without comments, docstrings, and decorators, which hold the clauses of wrong answers."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
            if isinstance(node, ast.FunctionDef):
                node.decorator_list = []
    return ast.dump(tree).encode()


def wanted(workbook: Workbook, digests: Digests) -> dict[tuple[Answer, Kind], str]:
    """The results that there must be, with their digests: the wrong answers, then the right ones."""
    every = [*answers(workbook, "wrong"), *answers(workbook, "right")]
    return {(a, run.kind): digests.answer(a, run) for a in every for run in price.runs(a.koan)}


def wanted_healthy(digests: Digests) -> dict[str, tuple[Run, str]]:
    """The runs with our functions that there must be, with their digests, by name."""
    runs = {run.name: run for koan in PATH for run in price.runs(koan)}
    return {name: (run, digests.healthy(run)) for name, run in runs.items()}


def stale(workbook: Workbook) -> list[str]:
    """What the prices no longer match: answers without a result, results of no answer, code or files that changed."""
    folder = folder_of_ours(workbook.root)
    prices, digests = load(folder), Digests(workbook, folder)
    have = {(result.answer, result.run): result.digest for result in prices.results}
    have_healthy = {entry.run: entry.digest for entry in prices.healthy}
    results, runs = wanted(workbook, digests), wanted_healthy(digests)
    return [
        *(f"{name} with our functions" for name in runs if have_healthy.get(name) != runs[name][1]),
        *(f"{a.koan}: {a.whose}, {run}" for a, run in results if have.get((a, run)) != results[a, run]),
        *(f"{a.koan}: {a.whose}, {run}, is gone" for a, run in have if (a, run) not in results),
    ]


# --------------------------------------------------------------------------------------------------- what it amounts to


class Yardstick(msgspec.Struct, frozen=True):
    """A figure of our functions. `spread`: largest minus smallest over the seeds. `noise`: the largest difference that
    an honest answer makes."""

    value: float
    spread: float
    noise: float


class Verdict(msgspec.Struct, frozen=True):
    """How a wrong answer shows. `visibility` is the largest difference that a person who runs it can see, in spreads;
    it is infinite for errors and NaN."""

    outcome: Outcome
    visibility: float


class Price(msgspec.Struct, frozen=True):
    """What a wrong answer costs: its results and how each of them shows, by kind of run, and all together."""

    answer: Answer
    results: dict[Kind, Result]
    verdicts: dict[Kind, Verdict]

    @property
    def verdict(self) -> Verdict:
        """The most visible of its runs."""
        return min(self.verdicts.values(), key=lambda v: (OUTCOMES.index(v.outcome), -v.visibility))

    def figure(self, name: str) -> float | None:
        """A figure, or None if it is NaN or was not measured."""
        result = self.results.get(_kind(name))
        return None if result is None else result.figures.get(name)


Yardsticks = Mapping[str, Mapping[str, Yardstick]]  # by run, then by figure


def yardsticks(prices: Prices) -> Yardsticks:
    """What the figures of our functions are, and what luck and rounding do to them."""
    own = {entry.run: entry.figures for entry in prices.healthy}
    runs = {run.name: run for koan in PATH for run in price.runs(koan)}
    noise: dict[tuple[str, str], float] = {}  # by precision and figure: another route or koan rounds no more coarsely
    for result in prices.results:
        if result.answer.kind == "right":
            run = run_of(result)
            for figure, value in result.figures.items():
                if value is not None:
                    key = run.use.precision, figure
                    noise[key] = max(noise.get(key, 0.0), abs(value - own[run.name][figure][0]))
    return {
        run: {
            figure: Yardstick(values[0], max(values) - min(values), noise.get((runs[run].use.precision, figure), 0.0))
            for figure, values in figures.items()
        }
        for run, figures in own.items()
    }


def priced(prices: Prices) -> list[Price]:
    """The prices of the wrong answers, in the order in which they were measured."""
    sticks = yardsticks(prices)
    by_answer: dict[Answer, dict[Kind, Result]] = {}
    for result in prices.results:
        if result.answer.kind == "wrong":
            by_answer.setdefault(result.answer, {})[result.run] = result
    return [
        Price(answer, results, {kind: verdict(r, sticks[run_of(r).name]) for kind, r in results.items()})
        for answer, results in by_answer.items()
    ]


def verdict(result: Result, sticks: Mapping[str, Yardstick]) -> Verdict:
    """How a result shows, by the yardsticks of its run."""
    if result.error:
        return Verdict("hangs" if result.error.startswith(HANGS) else "crashes", float("inf"))
    differences: dict[str, float] = {}
    for name, stick in sticks.items():
        value = result.figures[name]
        if value is None:
            return Verdict("NaN", float("inf"))
        differences[name] = abs(value - stick.value)
    visibility = max(_ratio(d, sticks[name].spread) for name, d in differences.items() if name != TRUE)
    if visibility > 1:
        return Verdict("seen", visibility)
    met = any(d > sticks[name].noise for name, d in differences.items())
    return Verdict("unseen" if met else "not met", visibility)


def _ratio(difference: float, spread: float) -> float:
    if difference == 0:
        return 0.0
    return difference / spread if spread else float("inf")


def run_of(result: Result) -> Run:
    """The run of a result."""
    return next(run for run in price.runs(result.answer.koan) if run.kind == result.run)


def _kind(figure: str) -> Kind:
    kind: Kind
    for kind in ("text", "reading", "cache", "training", "writing"):
        if figure.startswith(f"{kind}."):
            return kind
    raise ValueError(f"there is no figure {figure}")
