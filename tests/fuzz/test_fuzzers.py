"""A few seconds of each fuzzer, and the inputs that are committed. A failure prints the seed.

The workflow on GitHub sets more seconds and a seed of its own.
"""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.fuzz import archive, notebook, roster
from tests.fuzz.fuzzer import Fuzzer, TooSlowError, fuzz, within

FUZZERS = {fuzzer.name: fuzzer for fuzzer in (archive.FUZZER, notebook.FUZZER, roster.FUZZER)}
SECONDS, SEED = os.environ.get("KOANS_FUZZ_SECONDS", "1"), os.environ.get("KOANS_FUZZ_SEED", "19")


@pytest.mark.parametrize("name, file", [(n, f.name) for n, fuzzer in FUZZERS.items() for f in fuzzer.corpus()])
def test_a_committed_input_has_a_value_or_a_clear_reason(name, file):
    FUZZERS[name].check((ROOT / "tests/fuzz/corpus" / name / file).read_bytes())


@pytest.mark.parametrize("name", FUZZERS)
def test_new_inputs_have_a_value_or_a_clear_reason_within_the_limits(name, tmp_path):
    command = [
        sys.executable,
        "-m",
        f"tests.fuzz.{name}",
        "--seconds",
        SECONDS,
        "--seed",
        SEED,
        "--keep",
        str(tmp_path),
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (run.returncode, run.stderr) == (0, ""), f"{run.stdout}{run.stderr}"
    assert f"{name}: seed {SEED}, " in run.stdout and " 0 faults" in run.stdout


def test_an_input_that_breaks_the_property_is_kept_once_for_each_kind(tmp_path, capsys):
    def check(data):
        assert data[0] % 2
        raise ValueError("odd")

    count, kept = fuzz(Fuzzer("bad", lambda rng: rng.randbytes(3), check), 0.2, 1, tmp_path)
    assert count > 2 and len(kept) == 2
    assert sorted(file.read_bytes()[0] % 2 for file in kept) == [0, 1]
    said = capsys.readouterr()
    assert "2 faults" in said.out and "ValueError: odd" in said.err


def test_an_input_that_takes_for_ever_is_stopped_even_if_all_exceptions_are_caught():
    def forever():
        while True:
            try:
                sum(range(1000))
            except Exception:
                continue

    with pytest.raises(TooSlowError), within(0.05):
        forever()
