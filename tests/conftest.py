"""Copies of the workbook for tests, and the `koans` command run in them as a learner runs it."""

import compileall
import contextlib
import importlib.metadata
import io
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from grader.book.stubs import STUB, differing, strip_markers, stub_of
from grader.book.workbook import Workbook
from grader.judge.runner import Runner
from grader.judge.runner.shared_server import find_warm
from tests import suites

# No warm process stays after a test. Tests of the feature itself set some seconds.
os.environ["KOANS_WARM_SECONDS"] = "0"

ROOT = Path(__file__).parent.parent
PARTS = ("exercises", "solutions", "reference", "content", "grader")


def pytest_configure(config: pytest.Config) -> None:
    """Handle Ctrl-C. If a shell runs the tests in the background, it is ignored, and all processes inherit that."""
    config.addinivalue_line("markers", "needs(*things): what this test needs, by the names in tests/suites.py")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Note in the report if a file of tests imports what only [dev] installs."""
    report = yield
    report.in_worker = hasattr(collector.config, "workerinput")
    call = getattr(report, "call", None)
    error = call.excinfo.value.__cause__ if call is not None and call.excinfo is not None else None
    if isinstance(error, ModuleNotFoundError):
        report.missing = _missing_for_development()
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_collectreport(report: pytest.CollectReport) -> None:
    """End with one line at the first such report. A worker of pytest-xdist leaves that to the process that shows it."""
    missing = getattr(report, "missing", [])
    if missing and not report.in_worker:
        raise pytest.UsageError(
            f"the project's own tests need {', '.join(missing)}: `pip install -e '.[dev]'` installs what they need. "
            "`pytest` without arguments runs your exercises."
        )


def _missing_for_development() -> list[str]:
    """The packages of [dev] that are not installed here."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [Requirement(line).name for line in project["optional-dependencies"]["dev"]]
    installed = {canonicalize_name(found.name) for found in importlib.metadata.distributions() if found.name}
    return [name for name in names if canonicalize_name(name) not in installed]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test whose claim does not exist on this machine says so."""
    if reason := suites.lacks(item):
        pytest.skip(suites.NOT_RUN + reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests were not run here, for each reason."""
    skipped = [report.longrepr for report in terminalreporter.stats.get("skipped", ())]
    reasons = Counter(text[2].partition(suites.NOT_RUN)[2] for text in skipped if isinstance(text, tuple))
    for reason, number in sorted(reasons.items()):
        if reason:
            terminalreporter.write_line(f"not run here: {number} test{'s' * (number != 1)}, because {reason}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests more time than pyproject.toml gives a koan's test: they start processes, maybe slow ones."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(400))


@dataclass(frozen=True)
class Play:
    """A copy of the workbook. `koans(...)` runs the command in it, and `says(...)` runs it in this process.

    The second takes a hundredth of the time. It runs the code of the checkout, even if a test has changed the code of
    the copy. So it is for tests of what a command prints and does.
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
        """Run `koans ARGS` in this process, with these lines as its input."""
        from grader import cli

        environment = {"COLUMNS": "80", "NO_COLOR": "1", **(env or {})}
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.root),
            mock.patch.dict(os.environ, environment),
            mock.patch.object(sys, "argv", ["koans", *args]),
            mock.patch.object(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines))),
            mock.patch.object(cli.gc, "freeze"),
            mock.patch.object(cli.grading, "installed", return_value=self.root),  # as if it came with this workbook
            mock.patch.object(cli.similarity, "installed", return_value=self.root),
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
        """Write the solution into the exercise."""
        koan = self.workbook.koan(name)
        self.write(name, strip_markers(self.workbook.solution(koan).read_text()))

    def write(self, name: str, text: str | bytes) -> None:
        data = text if isinstance(text, bytes) else text.encode()
        self.workbook.exercise(self.workbook.koan(name)).write_bytes(data)

    def hand_in(self, folder: Path) -> Path:
        """Copy the exercises into a new folder outside the workbook, as a submission. Returns the folder."""
        shutil.copytree(self.root / "exercises", folder / "exercises")
        return folder

    def body(self, name: str, *lines: str) -> None:
        """Replace the `raise` of the stub by these lines."""
        stub = stub_of(self.workbook, self.workbook.koan(name))
        self.write(name, stub.replace(STUB, "\n    ".join(lines)))


def copy_workbook(folder: Path) -> Path:
    """Copy the workbook into the folder, with every exercise as its stub. Returns the root of the copy."""
    root = folder / "workbook"
    root.mkdir()
    ignore = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        shutil.copytree(ROOT / part, root / part, ignore=ignore)
    for file in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / file, root / file)
    book = Workbook(root)
    for koan in differing(book):
        book.exercise(koan).write_text(stub_of(book, koan))
    return root


class Lasting:
    """A copy that many tests use one after another. `restore` undoes what a test wrote, added or removed in it.

    It also restores modification times. So the tests share a warm process of the copy, until one changes the code.
    """

    def __init__(self, folder: Path, prepare: Callable[[Play], None] = lambda play: None) -> None:
        self.play = Play(copy_workbook(folder))
        prepare(self.play)
        self._grader: Runner | None = None
        # Compile now, because processes that may write no bytecode would compile everything at each start.
        for part in ("grader", "reference"):
            compileall.compile_dir(self.play.root / part, quiet=2)
        self.files = {file: file.read_bytes() for file in _files(self.play.root)}
        self.stamps = {file: _stamp(file) for file in self.files}
        self.folders = set(_folders(self.play.root))

    @contextlib.contextmanager
    def grader(self, book: Workbook, *, isolated: bool) -> Iterator[Runner]:
        """One runner for all `koans grade` in this process, because a runner takes seconds to start."""
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
            compiled.unlink()  # it may be of another text with the same time and size


def _stamp(file: Path) -> tuple[int, int, int]:
    status = file.lstat()
    return status.st_mtime_ns, status.st_size, status.st_mode


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """All files and folders except __pycache__. A folder comes after its entries."""
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
    """Modification time, size, mode and content of every file of a workbook, by path."""
    files = [file for part in PARTS for file in _files(root / part)]
    files += [root / name for name in ("pyproject.toml", "conftest.py")]
    return {str(f.relative_to(root)): (*_stamp(f), b"" if f.is_symlink() else f.read_bytes()) for f in files}


def end_warm(root: Path) -> None:
    """End the warm processes of a workbook, and wait until they have ended."""
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
    """A workbook with nothing solved. Tests share its warm process, as the commands of a learner do."""
    yield from _lend(lasting, monkeypatch)


def _lend(copy: Lasting, monkeypatch: pytest.MonkeyPatch) -> Iterator[Play]:
    """Lend the copy to one test, and restore it afterwards."""
    monkeypatch.setenv("KOANS_WARM_SECONDS", "600")
    monkeypatch.setenv("PYTHONPATH", str(copy.play.root))
    monkeypatch.setattr("grader.cli.grading.Runner", copy.grader)
    yield copy.play
    copy.restore()


FEW = ("ch07_attention/causal_mask", "ch07_attention/scores", "ch06_numerics/exp_overflow")


def _only_few(play: Play) -> None:
    shutil.rmtree(play.root / "content" / "ch15_model" / "model")  # it needs more koans
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
    yield from _lend(lasting_small, monkeypatch)


@pytest.fixture(scope="session")
def lasting_alone(tmp_path_factory: pytest.TempPathFactory) -> Lasting:
    return Lasting(tmp_path_factory.mktemp("alone"))


@pytest.fixture
def alone(lasting_alone: Lasting) -> Iterator[Play]:
    """A workbook with nothing solved and no warm process, for tests that look at processes."""
    yield lasting_alone.play
    lasting_alone.restore()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Use one thread: tensors here are small, and on a busy machine many threads take 10 s for 0.3 s of work."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(scope="session")
def book() -> Workbook:
    return Workbook(ROOT)


@pytest.fixture(scope="session")
def passed_once(lasting: Lasting) -> bytes:
    """The bytes of .koans/progress.db after `koans run softmax` has passed."""
    lasting.play.solve("softmax")
    assert lasting.play.koans("run", "softmax", env={"KOANS_WARM_SECONDS": "600"}).returncode == 0
    data = (lasting.play.root / ".koans/progress.db").read_bytes()
    lasting.restore()
    return data


@pytest.fixture
def proved(play: Play, passed_once: bytes) -> Play:
    """A workbook in which softmax has passed, so that its cards are unlocked."""
    play.solve("softmax")
    (play.root / ".koans").mkdir()
    (play.root / ".koans/progress.db").write_bytes(passed_once)
    return play
