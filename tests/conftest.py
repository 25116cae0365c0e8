"""A workbook to play in: a copy of the tree, and the command run on it as a learner would."""

import compileall
import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from grader.book.stubs import strip_markers
from grader.book.workbook import Workbook
from grader.judge.runner import Runner
from grader.judge.runner.shared import find_warm

# No warm process stays behind a test. Tests of the feature itself set some seconds.
os.environ["KOANS_WARM_SECONDS"] = "0"

ROOT = Path(__file__).parent.parent
PARTS = ("exercises", "solutions", "reference", "content", "grader")


def pytest_configure() -> None:
    """Where the tests run in the background of a shell, Ctrl-C is ignored, and every process they start inherits that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The limit of pyproject.toml is for a koan's test; these start processes, on machines that may be slow."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(400))


@dataclass(frozen=True)
class Play:
    """A copy of the workbook. `koans(...)` runs the command in it, `says(...)` does so in this process.

    The second takes a hundredth of the time. It is for what a command prints and does, and not for what it is: it runs
    the checkout's own code, whatever a test has changed of the copy's.
    """

    root: Path

    def koans(
        self, *args: str, env: dict[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", **(env or {})}
        return self.python("-m", "grader", *args, env=environment, cwd=cwd)

    def says(
        self, *args: str, env: dict[str, str] | None = None, lines: Sequence[str] = ()
    ) -> subprocess.CompletedProcess[str]:
        """`koans ARGS` in this process, with these lines as its input."""
        from grader import cli

        environment = {"COLUMNS": "80", "NO_COLOR": "1", **(env or {})}
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.root),
            mock.patch.dict(os.environ, environment),
            mock.patch.object(sys, "argv", ["koans", *args]),
            mock.patch.object(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines))),
            mock.patch.object(cli.gc, "freeze"),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as end,
        ):
            cli.main()
        return subprocess.CompletedProcess(args, int(end.value.code or 0), out.getvalue(), err.getvalue())

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
        from grader.book.stubs import STUB, stub_of

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
    from grader.book.stubs import differing, stub_of

    book = Workbook(root)
    for koan in differing(book):
        book.exercise(koan).write_text(stub_of(book, koan))
    return root


class Lasting:
    """A copy that many tests use one after another: what a test wrote, added or removed in it is undone.

    Times are put back, too. So a warm process of the copy is good for the tests after it, until one changes its code.
    """

    def __init__(self, folder: Path, prepare: Callable[[Play], None] = lambda play: None) -> None:
        self.play = Play(copy_workbook(folder))
        prepare(self.play)
        self._grader: Runner | None = None
        # Children then compile nothing, even where they are told to write no bytecode.
        for part in ("grader", "reference"):
            compileall.compile_dir(self.play.root / part, quiet=2)
        self.files = {file: file.read_bytes() for file in _files(self.play.root)}
        self.stamps = {file: _stamp(file) for file in self.files}
        self.folders = set(_folders(self.play.root))

    @contextlib.contextmanager
    def grader(self, book: Workbook, *, isolated: bool) -> Iterator[Runner]:
        """The runner for `koans grade` in this process, which it needs seconds to start. It notices changed code."""
        if self._grader is None:
            self._grader = Runner(book, isolated=isolated)
        self._grader.workbook = book
        yield self._grader

    def close(self) -> None:
        if self._grader is not None:
            self._grader.close()
        end_warm(self.play.root)

    def restore(self) -> None:
        for file in set(_files(self.play.root)) - self.files.keys():
            file.unlink()
        for folder in sorted(set(_folders(self.play.root)) - self.folders, reverse=True):
            shutil.rmtree(folder)
        for file, data in self.files.items():
            if not os.path.lexists(file) or _stamp(file) != self.stamps[file]:
                self._write(file, data, self.stamps[file])

    def _write(self, file: Path, data: bytes, stamp: tuple[int, int, int]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_bytes(data)
        file.chmod(stamp[2])
        os.utime(file, ns=(stamp[0], stamp[0]))
        for compiled in file.parent.glob(f"__pycache__/{file.stem}.*"):
            compiled.unlink()  # of a text that may have had this time and size


def _stamp(file: Path) -> tuple[int, int, int]:
    found = file.lstat()
    return found.st_mtime_ns, found.st_size, found.st_mode


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Files and folders, those inside first; what Python compiled is left alone."""
    for entry in os.scandir(folder):
        if entry.name != "__pycache__":
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry.path))
            yield entry


def _files(root: Path) -> Iterator[Path]:
    return (Path(entry.path) for entry in _entries(root) if not entry.is_dir(follow_symlinks=False))


def _folders(root: Path) -> Iterator[Path]:
    return (Path(entry.path) for entry in _entries(root) if entry.is_dir(follow_symlinks=False))


def tree(root: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Every file of a workbook: when it was written, its size and rights, and what is in it."""
    files = [file for part in PARTS for file in _files(root / part)]
    files += [root / name for name in ("pyproject.toml", "conftest.py")]
    return {str(f.relative_to(root)): (*_stamp(f), b"" if f.is_symlink() else f.read_bytes()) for f in files}


def end_warm(root: Path) -> None:
    """End the warm processes of a workbook, and wait for their ends."""
    deadline = time.monotonic() + 60
    while servers := find_warm(root):
        assert time.monotonic() < deadline, "a warm process does not end"
        for server in servers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(server.pid, signal.SIGTERM)
        time.sleep(0.05)


@pytest.fixture(scope="session")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    copy = Lasting(tmp_path_factory.mktemp("play"))
    yield copy
    copy.close()


@pytest.fixture
def play(lasting: Lasting, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """A workbook as a learner finds it. Tests share its warm process, as the commands of a learner do."""
    yield from _used(lasting, monkeypatch)


def _used(copy: Lasting, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    monkeypatch.setenv("KOANS_WARM_SECONDS", "600")
    monkeypatch.setenv("PYTHONPATH", str(copy.play.root))
    monkeypatch.setattr("grader.cli.grading.Runner", copy.grader)
    yield copy.play
    copy.restore()


FEW = ("ch07_attention/causal_mask", "ch07_attention/scores", "ch06_numerics/exp_overflow")


def _only_few(play: Play) -> None:
    for chapter in play.workbook.chapters:
        folder = play.root / "content" / chapter.id
        mine = [koan for koan in chapter.koans if koan.id in FEW]
        lines = [f'title = "{chapter.title}"']
        for koan in mine:
            lines += ["[[koans]]", f'name = "{koan.name}"', f'title = "{koan.title}"', f'rung = "{koan.rung}"']
        (folder / "chapter.toml").write_text("\n".join(lines or ["koans = []"]) + ("" if mine else "\nkoans = []\n"))
        (folder / "cards.toml").write_text("")
        (folder / "questions.toml").write_text("")


@pytest.fixture(scope="session")
def lasting_small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    copy = Lasting(tmp_path_factory.mktemp("small"), _only_few)
    yield copy
    copy.close()


@pytest.fixture
def small(lasting_small: Lasting, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """A workbook of three koans: grading a class of it takes seconds."""
    yield from _used(lasting_small, monkeypatch)


@pytest.fixture(scope="session")
def lasting_alone(tmp_path_factory: pytest.TempPathFactory) -> Lasting:
    return Lasting(tmp_path_factory.mktemp("alone"))


@pytest.fixture
def alone(lasting_alone: Lasting) -> Iterator[Play]:
    """The same where no warm process stays behind, for tests of what processes there are."""
    yield lasting_alone.play
    lasting_alone.restore()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Tensors here are small: on a busy machine threads that wait for each other take 10 s for what one does in 0.3."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def book() -> Workbook:
    return Workbook(ROOT)


@pytest.fixture(scope="session")
def passed_once(lasting: Lasting) -> bytes:
    """What `koans run softmax` leaves in .koans when it passes."""
    lasting.play.solve("softmax")
    assert lasting.play.koans("run", "softmax", env={"KOANS_WARM_SECONDS": "600"}).returncode == 0
    data = (lasting.play.root / ".koans/progress.db").read_bytes()
    lasting.restore()
    return data


@pytest.fixture
def proved(play: Play, passed_once: bytes) -> Play:
    """softmax has passed, so its cards are unlocked."""
    play.solve("softmax")
    (play.root / ".koans").mkdir()
    (play.root / ".koans/progress.db").write_bytes(passed_once)
    return play
