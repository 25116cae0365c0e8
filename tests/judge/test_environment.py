"""What is set outside changes no verdict: variables of the shell, and the path of the workbook."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from grader.book.errors import KoansError
from grader.book.processes import SEARCHED_FIRST, environment
from grader.judge.runner import Runner
from tests.conftest import Play, copy_workbook

HOSTILE = {
    "PYTEST_ADDOPTS": "--nonsense",
    "PYTEST_PLUGINS": "nonsense",
    "PYTHONWARNINGS": "error",
    "PYTHONOPTIMIZE": "2",
    "PYTHONHASHSEED": "7",
    "PYTHONINSPECT": "1",
    "PYTHONIOENCODING": "ascii",
    "PYTHONSTARTUP": "/nonsense",
    "HYPOTHESIS_NO_NONSENSE": "1",
    "TRITON_INTERPRET": "0",
    "NVIDIA_TF32_OVERRIDE": "1",
    "TORCH_LOGS": "all",
    "OMP_NUM_THREADS": "nonsense",
}
# The iteration order of a set of texts depends on PYTHONHASHSEED, and print fails on an ASCII stream.
NOSY = """import os, sys
seen = [name for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONWARNINGS", "OMP_NUM_THREADS") if name in os.environ]
if seen or sys.flags.optimize or sys.warnoptions or hash("koan") != {hash}:
    raise RuntimeError(f"{{seen}} {{sys.flags}} {{sys.warnoptions}}")
sys.__stdout__.write("caf\\xe9\\n")
"""


@pytest.fixture(scope="module")
def oddly_placed(tmp_path_factory):
    """A workbook in a folder with every character that something could take for its own."""
    place = tmp_path_factory.mktemp("odd") / "a [b] ::c $HOME ${X} %d 'e\" \u00e9\nf"
    place.mkdir()
    (place.parent / "pytest.ini").write_text("[pytest]\naddopts = --nonsense\n")
    (place.parent / "conftest.py").write_text("raise SystemExit('a stranger')\n")
    return Play(copy_workbook(place))


@pytest.mark.needs("sandbox")
def test_neither_variables_nor_the_path_change_a_verdict(oddly_placed, tmp_path):
    """A koan that looks at its process, at home and in a class, and a kernel, which is compiled."""
    play = oddly_placed
    fixed = play.python("-c", "print(hash('koan'))", env={"PYTHONHASHSEED": "0"}).stdout.strip()
    play.solve("vector_add")
    play.solve("dot")
    dot = play.workbook.exercise(play.workbook.koan("dot"))
    dot.write_text(NOSY.format(hash=fixed) + dot.read_text())
    variables = {**HOSTILE, "KOANS_WARM_SECONDS": "0"}
    run = play.says("run", "dot", "vector_add", "--json", env=variables)
    assert [v["status"] for v in json.loads(run.stdout)] == ["passed", "passed"], run.stdout
    file = tmp_path / "fork [1] ::x $HOME" / "exercises/ch01_tensors/dot.py"
    file.parent.mkdir(parents=True)
    shutil.copy(dot, file)
    grade = play.says("grade", str(file.parents[2]), "--seed", "1", "--format", "json-full=-", env=variables)
    verdicts = [koan["verdict"] for koan in json.loads(grade.stdout)["koans"]]
    statuses = {v["koan"]: (v["status"], v["message"]) for v in verdicts if v["status"] != "not started"}
    assert statuses == {"ch01_tensors/dot": ("passed", "")}


@pytest.mark.parametrize(
    "name",
    [
        *HOSTILE,
        *("PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONTRACEMALLOC", "PYTHONBREAKPOINT", "PYTHONCOERCECLOCALE"),
        *("TORCHDYNAMO_DISABLE", "PYTORCH_CUDA_ALLOC_CONF", "TRITON_DEFAULT_FP_FUSION", "CUDA_LAUNCH_BLOCKING"),
        *("MALLOC_PERTURB_", "NPY_PROMOTION_STATE", "CI", "AWS_SECRET_ACCESS_KEY"),
    ],
)
def test_a_variable_that_could_change_a_verdict_does_not_reach_a_process_of_ours(name):
    for strangers in (True, False):
        assert environment(Path("/w"), {name: "outside"}, strangers=strangers) == environment(
            Path("/w"), {}, strangers=strangers
        )


@pytest.mark.parametrize(
    "name, for_strangers",
    [
        *[(name, True) for name in ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV")],
        *[(name, False) for name in ("HOME", "TMPDIR", "CUDA_VISIBLE_DEVICES", "TRITON_CACHE_DIR", "KOANS_THREADS")],
        *[(name, False) for name in ("COVERAGE_PROCESS_CONFIG", "ATEN_CPU_CAPABILITY", "PYTHONDONTWRITEBYTECODE")],
    ],
)
def test_what_a_process_needs_reaches_it_and_strangers_get_less(name, for_strangers):
    assert environment(Path("/w"), {name: "x"})[name] == "x"
    assert (name in environment(Path("/w"), {name: "x"}, strangers=True)) == for_strangers


def test_packages_are_found_on_absolute_entries_of_pythonpath_after_the_workbook():
    base = {"PYTHONPATH": os.pathsep.join(["relative", "/carried", ""])}
    assert environment(Path("/w"), base)["PYTHONPATH"] == os.pathsep.join(["/w", "/carried"])
    colon = environment(Path("/w::x"), base)  # PYTHONPATH cannot hold it
    assert (colon["PYTHONPATH"], colon[SEARCHED_FIRST]) == ("/carried", "/w::x")


def test_a_path_that_is_no_text_is_said_in_one_line(play):
    book = play.workbook
    book.root = Path(os.fsdecode(b"/w/caf\xe9"))
    with pytest.raises(KoansError) as error:
        Runner(book)
    encoding = sys.getfilesystemencoding()
    assert str(error.value) == (f"{book.root}: this path is not {encoding}; rename the folder, or set LC_ALL=C.UTF-8")
