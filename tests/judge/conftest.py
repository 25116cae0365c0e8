"""What several files of these tests need."""

import subprocess
import sys

import pytest

from grader.book.processes import environment
from tests.conftest import ROOT


@pytest.fixture
def zygote(tmp_path):
    """The address of a zygote."""
    command = [sys.executable, "-m", "grader.judge.sandbox.zygote", str(tmp_path), str(ROOT)]
    with subprocess.Popen(command, env=environment(ROOT), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield str(tmp_path / "socket")
        process.stdin.close()
