"""A workbook to play in: a copy of the tree, and the command run on it as a learner would."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from grader.stubs import strip_markers
from grader.workbook import Workbook

# No warm process stays behind a test; those of the feature itself ask for some seconds.
os.environ["KOANS_WARM_SECONDS"] = "0"

ROOT = Path(__file__).parent.parent
PARTS = ("exercises", "solutions", "reference", "content", "grader")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The limit of pyproject.toml is for a koan's test; these start processes, on machines that may be slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(400))


@dataclass(frozen=True)
class Play:
    """A copy of the workbook. `koans(...)` runs the command in it."""

    root: Path

    def koans(
        self, *args: str, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", **(env or {})}
        return self.python("-m", "grader", *args, env=environment, cwd=cwd)

    def python(
        self, *args: str, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **(env or {}), "PYTHONPATH": str(self.root)}
        command = [sys.executable, *args]
        return subprocess.run(
            command, cwd=cwd or self.root, env=environment, capture_output=True, text=True, timeout=300
        )

    @property
    def workbook(self) -> Workbook:
        return Workbook(self.root)

    def solve(self, name: str) -> None:
        """Paste the solution in."""
        koan = self.workbook.koan(name)
        self.write(name, strip_markers(self.workbook.solution(koan).read_text()))

    def write(self, name: str, text: str) -> None:
        self.workbook.exercise(self.workbook.koan(name)).write_text(text)

    def body(self, name: str, *lines: str) -> None:
        """Write these lines where the stub says it is the learner's turn."""
        from grader.stubs import STUB, stub_of

        stub = stub_of(self.workbook, self.workbook.koan(name))
        self.write(name, stub.replace(STUB, "\n    ".join(lines)))


def copy_workbook(folder: Path) -> Path:
    """The workbook with every exercise as its stub, whatever this checkout's learner has done."""
    root = folder / "workbook"
    root.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=ignore)
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, root / file)
    from grader.stubs import differing, stub_of

    book = Workbook(root)
    for koan in differing(book):
        book.exercise(koan).write_text(stub_of(book, koan))
    return root


@pytest.fixture
def play(tmp_path: Path) -> Play:
    return Play(copy_workbook(tmp_path))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tensors here are small: on a busy machine threads that wait for each other take 10 s for what one does in 0.3."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def book() -> Workbook:
    return Workbook(ROOT)


@pytest.fixture(scope="session")
def passed_once(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What `koans run softmax` leaves in .koans when it passes."""
    play = Play(copy_workbook(tmp_path_factory.mktemp("passed")))
    play.solve("softmax")
    assert play.koans("run", "softmax").returncode == 0
    return (play.root / ".koans/progress.db").read_bytes()


@pytest.fixture
def proved(play: Play, passed_once: bytes) -> Play:
    """softmax has passed, so its cards are unlocked."""
    play.solve("softmax")
    (play.root / ".koans").mkdir()
    (play.root / ".koans/progress.db").write_bytes(passed_once)
    return play
