"""Odd but honest files get the same verdict at home and when graded, or a note at home that says what will differ.

Each file of `odd/` is an answer to the koan that its docstring names. It says which verdict it gets. Where the sandbox
must forbid something, it also says which verdict it gets when graded, and a part of the note that a learner reads
at home.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from grader.book.verdict import Verdict
from grader.book.workbook import Workbook
from grader.course.grade import grade_all
from grader.course.intake.client import Intake
from grader.course.intake.collect import collect
from grader.judge.runner import Limits, Runner
from grader.judge.targets import Target
from tests.conftest import ROOT, Play, copy_workbook

pytestmark = pytest.mark.skipif(os.name != "posix", reason="not run here: the sandbox needs Linux")
LIMITS = Limits(timeout=60)
FIELDS = re.compile(r"^(koan|verdict|graded|note): (.+)$", re.MULTILINE)
MASK = (
    "import torch\n\n\ndef causal_mask(n_q, n_k):\n    return torch.full((n_q, n_k), -torch.inf).triu(1 + n_k - n_q)\n"
)


@dataclass(frozen=True)
class Case:
    """An odd file: its bytes, its koan, its verdict at home and when graded, and parts of its notes at home."""

    data: bytes
    koan: str = "causal_mask"
    verdict: str = "passed"
    graded: str = "passed"
    notes: tuple[str, ...] = ()


def _case(data: bytes) -> Case:
    fields = FIELDS.findall(data.decode().split('"""')[1])
    one = dict(fields)
    notes = tuple(text for name, text in fields if name == "note")
    return Case(data, one["koan"], one["verdict"], one.get("graded", one["verdict"]), notes)


CASES = {file.stem: _case(file.read_bytes()) for file in sorted((ROOT / "tests/judge/odd").glob("*.py"))}
CASES |= {
    "windows_lines": Case(MASK.replace("\n", "\r\n").encode()),
    "mark_of_byte_order": Case(b"\xef\xbb\xbf" + MASK.encode()),
    "tabs": Case(MASK.replace("    ", "\t").encode()),
    "form_feeds": Case(MASK.replace("\n\n\n", "\n\f\n\f\n").encode()),
    "form_feeds_before_an_error": Case(
        b"import torch\n\f\n\f\ndef causal_mask(n_q, n_k):\n    raise ValueError('no')\n",
        verdict="failed",
        graded="failed",
    ),
    "no_newline_at_the_end": Case(MASK.rstrip().encode()),
    "empty": Case(b"", verdict="broken", graded="broken"),
}


BESIDE = {  # what lies beside each file: at home all of it, when graded only the file of the other koan
    "ch02_forward/gelu.py": "import math\n\n\ndef gelu(x):\n    return 0.5 * x * (1 + (x / math.sqrt(2)).erf())\n",
    "ch07_attention/my_helper.py": "def shift(n_q, n_k):\n    return 1 + n_k - n_q\n",
    "ch07_attention/table.json": "[]",
}


@dataclass(frozen=True)
class Batch:
    """All verdicts, by the name of the case."""

    home: dict[str, Verdict]
    graded: dict[str, Verdict]


@pytest.fixture(scope="session")  # with module, a process that leaves this module and comes back runs all of it again
def batch(tmp_path_factory):
    play = Play(copy_workbook(tmp_path_factory.mktemp("parity")))
    folder = tmp_path_factory.mktemp("class")
    with ThreadPoolExecutor(1) as pool:
        home = pool.submit(_at_home, play)
        graded = _when_graded(play, folder)
        return Batch(home.result(), graded)


def _at_home(play):
    """What `koans run` says about each file, with the learner's other files beside it."""
    book, verdicts = Workbook(play.root), {}
    for name, text in BESIDE.items():
        (play.root / "exercises" / name).write_text(text)
    with Runner(book, LIMITS) as runner:
        for name, case in CASES.items():
            koan = book.koan(case.koan)
            file = book.exercise(koan)
            stub = file.read_bytes()
            file.write_bytes(case.data)
            verdicts[name] = runner.run(koan, Target("learner"), seed=5)
            file.write_bytes(stub)
    return verdicts


def _when_graded(play, folder):
    """What `koans grade` says about each file, as a submission of its own."""
    book, verdicts = play.workbook, {}
    for name, case in CASES.items():
        files = {
            book.koan(case.koan).id + ".py": case.data,
            "ch02_forward/gelu.py": BESIDE["ch02_forward/gelu.py"].encode(),
        }
        for path, data in files.items():
            file = folder / name / "exercises" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if name == "imports_another_koan" or data is case.data:
                file.write_bytes(data)
    with Runner(book, LIMITS, isolated=True) as runner, Intake(book) as intake:
        sources = collect([folder / name for name in CASES], intake, one_each=True).sources
        for grade in grade_all(book, intake.take_all(sources), runner, seed=5, count=len(sources)):
            koan = book.koan(CASES[grade.submission].koan)
            verdicts[grade.submission] = next(g.verdict for g in grade.koans if g.verdict.koan == koan.id)
    return verdicts


@pytest.mark.parametrize("name", CASES)
def test_an_odd_file_gets_its_verdict_at_home_and_when_graded(batch, name):
    case, home, graded = CASES[name], batch.home[name], batch.graded[name]
    assert home.status == case.verdict, home.message
    assert graded.status == case.graded, graded.message
    assert not graded.isolation or graded.isolation.startswith("isolated: ")


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.verdict == case.graded])
def test_the_same_verdict_has_the_same_words_at_home_and_when_graded(batch, name):
    home, graded = batch.home[name], batch.graded[name]
    assert home.message == graded.message
    assert home.headline == graded.headline
    assert home.names == graded.names
    assert {test.name: test.status for test in home.tests} == {test.name: test.status for test in graded.tests}
    assert re.sub(r"/[^ ]*/exercises/", "", home.output) == re.sub(r"/[^ ]*/exercises/", "", graded.output)


@pytest.mark.parametrize("name", CASES)
def test_a_learner_reads_at_home_what_will_differ_and_nothing_else(batch, name):
    notes = batch.home[name].notes
    assert len(notes) == len(CASES[name].notes), notes
    for note, part in zip(notes, CASES[name].notes, strict=True):
        assert note.startswith("when graded: ")
        assert part in note


def test_what_is_printed_is_shown_in_its_order_and_its_end_is_kept(batch):
    for verdict in (batch.home["prints_and_fails"], batch.graded["prints_and_fails"]):
        assert verdict.tests[0].output == "first\nsecond\nWARNING third\nfourth\n"
    for verdict in (batch.home["prints_a_lot"], batch.graded["prints_a_lot"]):
        assert verdict.tests[0].output.endswith("line 2998\nline 2999\n")
        assert verdict.tests[0].output.startswith("line 0\nline 1\n")
        assert len(verdict.tests[0].output) <= 4000
