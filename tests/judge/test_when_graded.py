"""What a learner's file does that the grader's sandbox refuses is found in its syntax tree, and nothing else is."""

import pytest

from grader.book.workbook import Workbook
from grader.judge.when_graded import notes
from tests.conftest import ROOT

BOOK = Workbook(ROOT)
KOAN = BOOK.koan("causal_mask")
# Statements in the function that the koan asks for, and a part of the one note.
REFUSED = {
    "open('table.txt')": "this reads a file (line 3)",
    "open('log.txt', 'a')": "this writes a file",
    "open(file='log.txt', mode='x')": "this writes a file",
    "import pathlib; p = pathlib.Path('a'); (p / 'b').read_text()": "this reads a file",
    "from pathlib import Path; Path(__file__).parent.joinpath('b').open('w')": "this writes a file",
    "import numpy as np; np.load('weights.npy')": "this reads a file",
    "import numpy; numpy.save('weights.npy', n_q)": "this writes a file",
    "import torch; torch.save(n_q, n_k)": "this writes a file",
    "import os; os.scandir('.')": "this reads a folder",
    "from glob import glob; glob('*')": "this reads a folder",
    "from subprocess import run as start; start(['ls'])": "this starts a program",
    "import os; os.system('ls')": "this starts a program",
    "import os; os.fork()": "this starts processes",
    "from concurrent.futures import ProcessPoolExecutor; ProcessPoolExecutor()": "this starts processes",
    "import multiprocessing as mp; mp.get_context('fork').Pool(2)": "this starts processes",
    "import torch.multiprocessing as mp; mp.Process()": "this starts processes",
    "import urllib.request; urllib.request.urlopen('https://example.org')": "this uses the network",
    "import torch; torch.hub.load('a', 'b')": "this uses the network",
    "import asyncio; asyncio.run(n_q)": "this runs an event loop of asyncio",
    "import torch; torch.compile(n_q)": "torch.compile starts a compiler",
    "import torch\n    @torch.compile\n    def inner(): pass": "torch.compile starts a compiler",
    "import os; os.environ['USER']": "this needs the variable USER",
    "import reference": "this imports reference",
    "from solutions.ch07_attention import causal_mask as other": "this imports solutions.ch07_attention",
    "from exercises.ch07_attention import notes": "this imports exercises.ch07_attention.notes",
    "from . import notes": "this imports exercises.ch07_attention.notes",
    "import importlib; importlib.import_module('solutions.ch07_attention.scores')": "this imports solutions.",
    "import sys; sys.path.append('.'); import scores": "this imports scores",
    "import docs": "this imports docs (line 3), and it will fail: only the files of koans are handed in",
    "import scipy.special": "this imports scipy (line 3), which may be missing there",
    "try: open('a')\n    except ValueError: pass": "this reads a file",
    "try: open('a', 'w')\n    except FileNotFoundError: pass": "this writes a file",
    "helper()": "this reads a file",
    "Reader().read()": "this reads a file",
}
# Statements without a note.
ALLOWED = (
    "try: open('a')\n    except OSError: pass",
    "try: open('a')\n    except FileNotFoundError: pass",
    "try:\n        import scipy\n    except ImportError:\n        scipy = None",
    "import contextlib, os\n    with contextlib.suppress(OSError): os.fork()",
    "try: helper()\n    except Exception: pass",
    "import tempfile, os; folder = tempfile.mkdtemp(); open(os.path.join(folder, 'a'), 'w')",
    "import tempfile\n    with tempfile.NamedTemporaryFile() as f: open(f.name)",
    "import tempfile, pathlib; p = pathlib.Path(tempfile.mkdtemp()) / 'a'; p.write_text('x')",
    "import io, torch; s = io.BytesIO(); torch.save(n_q, s); s.seek(0); torch.load(s)",
    "import os; open(os.devnull, 'w')",
    "open('/dev/null', 'w')",
    "open = print; open('a')",
    "import os; os.environ['MINE'] = '1'; os.environ['MINE']; os.environ.get('USER'); os.environ['PATH']",
    "import torch; torch.compile(n_q, backend='eager')",
    "import multiprocessing; multiprocessing.cpu_count()",
    "from concurrent.futures import ThreadPoolExecutor; ThreadPoolExecutor(2)",
    "from exercises.ch06_numerics.softmax import softmax",
    "from ..ch06_numerics import softmax",
    "import json, numpy, torch, jaxtyping, typing_extensions",
    "import scores",  # at home it is not found either
    "import sys; sys.path.append('.'); import no_such_package",
    "import no_such_package",  # at home it fails too
    "n_q.open('a'); n_q.load('b')",
)
FILE = """
def causal_mask(n_q, n_k):
    {statement}


def helper():
    return open("a").read()


class Reader:
    def read(self):
        return open("a").read()


def unused():
    import scipy, os
    os.fork()
    open("b", "w")


if __name__ == "__main__":
    unused()
    print(open("numbers.txt").read())
"""


@pytest.mark.parametrize("statement", REFUSED)
def test_what_the_sandbox_refuses_is_noted_with_its_line(statement):
    found = notes(BOOK, KOAN, FILE.format(statement=statement))
    assert len(found) == 1, found
    assert found[0].startswith("when graded: ")
    assert REFUSED[statement] in found[0]


@pytest.mark.parametrize("statement", ALLOWED)
def test_what_the_sandbox_allows_is_not_noted(statement):
    assert notes(BOOK, KOAN, FILE.format(statement=statement)) == ()


def test_code_that_runs_while_the_file_is_imported_counts():
    text = "import os\n\ntable = [open(name) for name in os.listdir('.')]\n\n\ndef causal_mask(n_q, n_k=open('a')):\n    pass\n"
    assert [note.partition(",")[0] for note in notes(BOOK, KOAN, text)] == [
        "when graded: this reads a file (lines 3",
        "when graded: this reads a folder (line 3)",
    ]


def test_a_file_that_does_not_parse_and_a_kernel_have_no_notes():
    assert notes(BOOK, KOAN, "open('a'") == ()
    assert notes(BOOK, KOAN, "x = " + "-" * 100_000 + "1") == ()
    assert notes(BOOK, BOOK.koan("vector_add"), "open('a')\n") == ()


@pytest.mark.parametrize(
    "koan", [koan for koan in BOOK.koans.values() if koan.kind != "kernel"], ids=lambda koan: koan.id
)
def test_no_solution_has_a_note(koan):
    assert notes(BOOK, koan, BOOK.solution(koan).read_text()) == ()
