"""`koans update` in forks and with editions that are hostile, odd or interrupted."""

import hashlib
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.course.edition import source
from grader.course.edition.tree import FILE_LIMIT
from tests.conftest import ROOT, Play
from tests.stopping import fill, interrupt, kill, stopped

KOAN, OTHER = "exercises/ch01_a/one.py", "exercises/ch01_a/two.py"
TEST = "exercises/ch01_a/test_one.py"
OLD = {
    "pyproject.toml": "[tool.koans]\n",
    KOAN: "stub 1\nold\n",
    OTHER: "stub 2\nold\n",
    TEST: "test 1\n",
    "grader/machine.py": "a\n",
    "grader/gone/gone.py": "b\n",
}
NEW = {
    "pyproject.toml": "[tool.koans]\n",
    KOAN: "stub 1\nnew\n",
    OTHER: "stub 2\nnew\n",
    TEST: "test 1\nfixed\n",
    "exercises/ch01_a/three.py": "stub 3\n",
    "exercises/ch01_a/test_three.py": "test 3\n",
    "grader/machine.py": "a2\n",
    "content/picture.bin": b"\0\r\n\r\n",
}


def blake(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def write_edition(folder: Path, files: dict[str, str | bytes], **fields: object) -> Path:
    """An edition of these files. `fields` replace fields of its manifest."""
    data = {name: text if isinstance(text, bytes) else text.encode() for name, text in files.items()}
    for name, text in data.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)
    manifest = {
        "version": "1.0",
        "files": {name: blake(text) for name, text in data.items()},
        "learner": [name for name in files if name.startswith("exercises/") and "test_" not in name],
        "schema": 2,
        "released": "2026-09-01T08:00:00Z",
        **fields,
    }
    (folder / "edition.json").write_text(json.dumps(manifest, indent=1))
    return folder


@pytest.fixture
def fork(tmp_path):
    """A fork of the old edition, with an answer in one of its two koans."""
    play = Play(write_edition(tmp_path / "fork", OLD))
    (play.root / OTHER).write_text("my answer\n")
    return play


@pytest.fixture
def newer(tmp_path):
    return write_edition(tmp_path / "newer", NEW, version="1.1", released="2026-10-01T08:00:00Z")


@pytest.fixture
def outside(tmp_path):
    """Files of somebody else."""
    folder = tmp_path / "outside"
    (folder / "gone").mkdir(parents=True)
    for name in ("machine.py", "gone/gone.py", "one.py", "test_one.py", "edition.json"):
        (folder / name).write_text("not yours\n")
    return folder


def everything(root: Path) -> dict[str, str | bytes]:
    """Every file by its path, links by their targets, folders by a slash."""
    found: dict[str, str | bytes] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = path.read_bytes() if path.is_file() else "/"
    return found


def one_line(run: subprocess.CompletedProcess[str]) -> str:
    """The message of a command that refused: one line and exit code 2."""
    assert run.returncode == 2, run
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert run.stderr.startswith("koans: ")
    return run.stderr


def replace(place: Path, make: Callable[[Path], object]) -> None:
    """Put something else at a place."""
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    make(place)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("grader", "outside"),
        ("grader/gone", "outside/gone"),
        ("grader/gone/gone.py", "outside/gone/gone.py"),
        ("grader/machine.py", "outside/machine.py"),
        ("grader/machine.py", "outside/not there"),
        ("exercises/ch01_a", "outside"),
        (TEST, "outside/test_one.py"),
        ("content", "outside"),
        ("edition.json", "outside/edition.json"),
        (".koans", "outside"),
    ],
)
def test_a_link_in_a_fork_stops_the_update_before_anything_changes(fork, newer, outside, name, target):
    replace(fork.root / name, lambda place: place.symlink_to(outside.parent / target))
    before = everything(fork.root), everything(outside)
    assert "is a link, but should be a" in one_line(fork.says("update", str(newer)))
    assert {k: v for k, v in everything(fork.root).items() if k != ".koans"} == {
        k: v for k, v in before[0].items() if k != ".koans"
    }
    assert everything(outside) == before[1]


@pytest.mark.parametrize("name", [".koans/update", ".koans/kept"])
def test_a_link_in_the_place_of_drafts_or_copies_is_not_followed(fork, newer, outside, name):
    (fork.root / TEST).write_text("changed\n")
    replace(fork.root / name, lambda place: place.symlink_to(outside))
    before = everything(outside)
    run = fork.says("update", str(newer))
    assert everything(outside) == before
    if name == ".koans/kept":
        message = one_line(run)
        assert "is a link, but should be a folder" in message and "the update is not complete" not in message
        assert (fork.root / TEST).read_text() == "changed\n"
    else:
        assert run.returncode == 0, run.stderr
        assert not os.path.lexists(fork.root / name)


def test_an_answer_that_is_a_link_stays_one_and_is_named(fork, newer, outside):
    replace(fork.root / KOAN, lambda place: place.symlink_to(outside / "one.py"))
    changes = json.loads(fork.says("update", str(newer), "--json").stdout)
    assert changes["warnings"] == [f"{KOAN}: is not a plain file, so it is not changed"]
    assert (fork.root / KOAN).is_symlink()
    assert (outside / "one.py").read_text() == "not yours\n"
    assert (fork.root / TEST).read_text() == NEW[TEST]


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        os.chdir(place.parent)
        end.bind(place.name)


@pytest.mark.parametrize(
    ("make", "what"), [(os.mkfifo, "a pipe"), (_socket, "a device or a socket"), (Path.mkdir, "a folder")]
)
@pytest.mark.parametrize("name", [TEST, "grader/gone/gone.py", "edition.json"])
@pytest.mark.parametrize("which", ["fork", "newer"])
def test_what_is_no_plain_file_is_neither_waited_for_nor_read(fork, newer, monkeypatch, which, name, make, what):
    if which == "newer" and name not in NEW and name != "edition.json":
        name = "grader/machine.py"
    monkeypatch.chdir(fork.root)
    replace((fork.root if which == "fork" else newer) / name, make)
    message = one_line(fork.says("update", str(newer)))
    assert f"{name}: is {what}, but should be a file" in message
    assert (fork.root / OTHER).read_text() == "my answer\n"


def test_a_file_with_a_second_name_is_replaced_and_not_written_through(fork, newer, outside):
    for name, twin in ((TEST, "test_one.py"), ("grader/machine.py", "machine.py")):
        replace(outside / twin, lambda place, name=name: place.hardlink_to(fork.root / name))
    assert fork.says("update", str(newer)).returncode == 0
    assert ((outside / "test_one.py").read_text(), (fork.root / TEST).read_text()) == (OLD[TEST], NEW[TEST])
    assert (outside / "machine.py").read_text() == OLD["grader/machine.py"]


@pytest.mark.parametrize(("name", "target"), [("grader", "outside"), (TEST, "outside/test_one.py")])
def test_a_link_in_the_newer_edition_is_not_followed(fork, newer, outside, name, target):
    files = {**NEW, "grader/machine.py": "not yours\n", TEST: "not yours\n"}
    write_edition(newer, files, version="1.1")
    replace(newer / name, lambda place: place.symlink_to(outside.parent / target))
    before = everything(fork.root)
    assert "is a link, but should be a" in one_line(fork.says("update", str(newer)))
    assert (fork.root / TEST).read_bytes() == before[TEST]


NAMES = [
    (["../x"], "outside the edition"),
    (["/etc/x"], "outside the edition"),
    (["a//b"], "outside the edition"),
    ([".git/hooks/post-commit"], "outside the edition"),
    ([".GIT/config"], "outside the edition"),
    (["content/.Git/config"], "outside the edition"),
    ([".git /config"], "outside the edition"),
    ([".Koans/progress.db"], "outside the edition"),
    (["\N{FULLWIDTH FULL STOP}git/config"], "outside the edition"),
    (["content/.g\N{ZERO WIDTH NON-JOINER}it/config"], "may have the name"),
    (["git~1/config"], "may have the name"),
    (["./x"], "may have the name"),
    (["a\\..\\b"], "may have the name"),
    (["a:b"], "may have the name"),
    (["a\x1b[2Jb"], "may have the name"),
    (["a\nb"], "may have the name"),
    (["x" * 300], "may have the name"),
    (["/".join("abcdefghijklmnop")], "may have the name"),
    (["edition.json"], "may have the name"),
    (["A/b", "a/B"], "are the same file on some systems"),
    (["a", "a/b"], "is both a file and the folder of"),
    (["A/b", "a"], "is both a file and the folder of"),
    ([f"f{i}" for i in range(20_001)], "an edition has at most 20000"),
]


@pytest.mark.parametrize(("names", "reason"), NAMES, ids=[ascii(names[0][:24]) for names, _ in NAMES])
@pytest.mark.parametrize("which", ["fork", "newer"])
def test_names_that_no_edition_may_have_are_refused(fork, newer, which, names, reason):
    folder = fork.root if which == "fork" else newer
    manifest = json.loads((folder / "edition.json").read_text())
    manifest["files"] |= dict.fromkeys(names, "0")
    (folder / "edition.json").write_text(json.dumps(manifest))
    before = everything(fork.root)
    message = one_line(fork.says("update", str(newer)))
    assert reason in message
    assert message.rstrip("\n").isprintable()
    assert {k: v for k, v in everything(fork.root).items() if k != ".koans"} == before


def test_files_and_manifests_have_limits(fork, newer):
    for name, size in (("grader/machine.py", FILE_LIMIT + 1), ("edition.json", (4 << 20) + 1)):
        os.truncate(newer / name, size)
        assert "is larger than" in one_line(fork.says("update", str(newer)))
    write_edition(newer, NEW, version="1.1")
    os.truncate(fork.root / TEST, 1 << 40)
    assert "is larger than 32 MiB" in one_line(fork.says("update", str(newer)))


def test_it_says_from_which_edition_to_which_and_from_where(fork, newer):
    wide = {"COLUMNS": "400"}  # the place is a long path
    dry = fork.says("update", str(newer), "--dry-run", env=wide).stdout.splitlines()
    assert dry[:2] == ["from edition 1.0 of 2026-09-01 08:00 to 1.1 of 2026-10-01 08:00", f"read from {newer}"]
    assert fork.says("update", str(newer), env=wide).stdout.splitlines()[:2] == dry[:2]
    again = fork.says("update", str(newer), env=wide).stdout.splitlines()
    assert again == ["nothing to do: this is edition 1.1 of 2026-10-01 08:00", f"read from {newer}", *again[2:]]


@pytest.mark.parametrize(
    ("version", "released"), [("0.9", "2026-12-01T00:00:00Z"), ("1.0rc1", ""), ("1.0", "2026-08-31T23:59:59Z")]
)
def test_an_older_edition_is_refused_unless_it_is_asked_for(fork, newer, version, released):
    write_edition(newer, NEW, version=version, released=released)
    before = everything(fork.root)
    for options in ((), ("--dry-run",), ("--json",)):
        assert "older than yours (1.0 of 2026-09-01 08:00); --downgrade" in one_line(
            fork.says("update", str(newer), *options)
        )
    assert {k: v for k, v in everything(fork.root).items() if k != ".koans"} == before
    changes = json.loads(fork.says("update", str(newer), "--downgrade", "--json").stdout)
    assert changes["to"] == {"version": version, "released": released}
    assert "downgrade" in changes["warnings"][0]
    assert (fork.root / TEST).read_text() == NEW[TEST]


@pytest.mark.parametrize("version", ["1.10", "1.0.post1", "2"])
def test_versions_are_compared_as_versions(fork, newer, version):
    write_edition(fork.root, OLD, version="1.0")
    write_edition(newer, NEW, version=version, released="")
    assert fork.says("update", str(newer)).returncode == 0


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"version": "\x1b[2J"}, "is not a version"),
        ({"version": "1" * 5000}, "is not a version"),
        ({"version": "1" * 10_000_000}, "is larger than 4 MiB"),
        ({"released": "\x1b[2J"}, "is not a time"),
        ({"schema": 3}, "cannot read"),
        ({"learner": 3}, "Expected `array`"),
    ],
    ids=["version", "digits", "length", "time", "schema", "type"],
)
def test_a_manifest_that_is_not_valid_is_one_line(fork, newer, fields, reason):
    write_edition(newer, NEW, **fields)
    message = one_line(fork.says("update", str(newer)))
    assert reason in message
    assert message.rstrip("\n").isprintable()


def test_an_edition_that_would_leave_no_workbook_is_refused(fork, newer):
    before = everything(fork.root)
    write_edition(newer, {name: text for name, text in NEW.items() if name != "pyproject.toml"})
    message = one_line(fork.says("update", str(newer)))
    assert "edition.json: does not name pyproject.toml, so this is not an edition of a workbook" in message
    assert {k: v for k, v in everything(fork.root).items() if k != ".koans"} == before


def test_json_has_everything_and_a_trial_changes_nothing(fork, newer):
    (fork.root / TEST).write_text("changed here\n")
    before = everything(fork.root)
    trial = json.loads(fork.says("update", str(newer), "--json", "--dry-run").stdout)
    assert everything(fork.root) == before
    assert trial == {
        "place": str(newer),
        "commit": "",
        "from": {"version": "1.0", "released": "2026-09-01T08:00:00Z"},
        "to": {"version": "1.1", "released": "2026-10-01T08:00:00Z"},
        "new": ["exercises/ch01_a/three.py", "exercises/ch01_a/test_three.py", "content/picture.bin"],
        "replaced": [KOAN, TEST, "grader/machine.py"],
        "removed": ["grader/gone/gone.py"],
        "kept": [OTHER],
        "saved": [TEST],
        "copies": "",
        "warnings": [],
    }
    real = json.loads(fork.says("update", str(newer), "--json").stdout)
    assert {**real, "copies": ""} == trial
    assert (fork.root / real["copies"] / TEST).read_text() == "changed here\n"
    assert sorted(os.listdir(fork.root / ".koans")) == ["kept"]


# Line ends


def _windows(root: Path) -> None:
    """What git makes of a checkout with core.autocrlf: text has the line ends of Windows."""
    for file in root.rglob("*"):
        if file.is_file() and b"\0" not in file.read_bytes():
            file.write_bytes(file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))


@pytest.mark.parametrize("schema", [1, 2])
def test_a_checkout_with_windows_line_ends_counts_as_unchanged_and_keeps_them(fork, newer, schema):
    write_edition(fork.root, OLD, schema=schema)
    (fork.root / OTHER).write_text("my answer\n")
    _windows(fork.root)
    changes = json.loads(fork.says("update", str(newer), "--json").stdout)
    assert (changes["saved"], changes["kept"]) == ([], [OTHER])
    assert changes["replaced"] == [KOAN, TEST, "grader/machine.py"]
    for name in (KOAN, TEST, "grader/machine.py", "exercises/ch01_a/three.py"):
        assert (fork.root / name).read_bytes() == NEW[name].replace("\n", "\r\n").encode(), name
    assert (fork.root / OTHER).read_bytes() == b"my answer\r\n"
    assert (fork.root / "content/picture.bin").read_bytes() == NEW["content/picture.bin"]
    assert (fork.root / "edition.json").read_bytes().count(b"\r\n") > 10
    assert "nothing to do" in fork.says("update", str(newer)).stdout


def test_an_edition_with_windows_line_ends_updates_a_fork_without_them(fork, newer):
    _windows(newer)
    assert fork.says("update", str(newer)).returncode == 0
    assert (fork.root / TEST).read_bytes() == NEW[TEST].encode()
    assert (fork.root / "exercises/ch01_a/three.py").read_bytes() == b"stub 3\n"


def test_a_stub_with_windows_line_ends_is_replaced_by_one_with_them(fork, newer):
    _windows(fork.root / "exercises")
    assert fork.says("update", str(newer)).returncode == 0
    assert (fork.root / KOAN).read_bytes() == b"stub 1\r\nnew\r\n"
    assert (fork.root / "exercises/ch01_a/three.py").read_bytes() == b"stub 3\n"


def test_a_manifest_of_schema_1_is_of_bytes_and_can_still_be_updated(fork, newer):
    old = {**OLD, TEST: "released so\r\n"}
    write_edition(fork.root, old, schema=1, released="")
    (fork.root / OTHER).write_text("my answer\n")
    changes = json.loads(fork.says("update", str(newer), "--json").stdout)
    assert changes["from"] == {"version": "1.0", "released": ""}
    assert (changes["saved"], changes["kept"]) == ([], [OTHER])
    assert (fork.root / TEST).read_bytes() == b"test 1\r\nfixed\r\n"
    assert json.loads((fork.root / "edition.json").read_text())["schema"] == 2


# Stopped


@pytest.mark.parametrize("stop", [kill, interrupt, fill])
def test_an_update_that_was_stopped_anywhere_can_be_run_again_to_the_same_result(fork, newer, tmp_path, stop):
    (fork.root / TEST).write_text("changed here\n")
    (fork.root / "grader/gone/__pycache__").mkdir()
    whole = Play(shutil.copytree(fork.root, tmp_path / "whole"))
    assert whole.says("update", str(newer)).returncode == 0
    expected = {name: data for name, data in everything(whole.root).items() if not name.startswith(".koans")}
    right = {KOAN: {OLD[KOAN], NEW[KOAN]}, OTHER: {"my answer\n"}, TEST: {"changed here\n", NEW[TEST]}}

    number, ends = 0, []
    while not ends or ends[-1] != 0:
        number += 1
        copy = Play(shutil.copytree(fork.root, tmp_path / f"copy{number}"))
        ends.append(stopped(copy, number, stop, "update", str(newer)))
        for name, texts in right.items():
            assert (copy.root / name).read_text() in texts, (number, name)
        if stop is interrupt:
            assert not (copy.root / ".koans/update").exists(), number
            done = {name: data for name, data in everything(copy.root).items() if not name.startswith(".koans")}
            assert done in (expected, everything(fork.root)), number
        again = copy.says("update", str(newer))
        assert again.returncode == 0, again.stderr
        result = everything(copy.root)
        assert {name: data for name, data in result.items() if not name.startswith(".koans")} == expected, number
        assert not [name for name in result if name.startswith(".koans/update")], number
        assert b"changed here\n" in [data for name, data in result.items() if name.startswith(".koans/kept")]
        shutil.rmtree(copy.root)
    assert set(ends[:-1]) == {{kill: -signal.SIGKILL, interrupt: 130, fill: 2}[stop]}
    assert number > 30


def test_a_second_update_at_the_same_time_is_refused(fork, newer):
    (fork.root / ".koans").mkdir()
    import fcntl

    handle = os.open(fork.root / ".koans", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert "another update is running here" in one_line(fork.says("update", str(newer)))
    finally:
        os.close(handle)
    assert fork.says("update", str(newer)).returncode == 0


def test_a_file_that_is_saved_in_an_editor_meanwhile_is_not_lost(fork, newer, monkeypatch):
    from grader.course.edition import update as module

    real = module._commit

    def later(*args):
        (fork.root / KOAN).write_text("written just now\n")
        return real(*args)

    monkeypatch.setattr(module, "_commit", later)
    message = one_line(fork.says("update", str(newer)))
    assert "was changed in the meantime; the update is not complete: run it again" in message
    monkeypatch.undo()
    assert json.loads(fork.says("update", str(newer), "--json").stdout)["kept"] == [KOAN, OTHER]
    assert (fork.root / KOAN).read_text() == "written just now\n"


@pytest.mark.parametrize(("name", "target"), [("grader", "."), ("exercises/ch01_a", "."), ("grader/gone", "gone")])
def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(fork, newer, outside, monkeypatch, name, target):
    from grader.course.edition import update as module

    real = module._commit

    def later(*args):
        replace(fork.root / name, lambda place: place.symlink_to(outside / target))
        return real(*args)

    monkeypatch.setattr(module, "_commit", later)
    before = everything(outside)
    assert "is a link, but should be a folder" in one_line(fork.says("update", str(newer)))
    assert everything(outside) == before


# What the system refuses


def _in_a_process(fork: Play, *command: str, preexec: Callable[[], object] | None = None):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "80"}
    return subprocess.run(
        command, cwd=fork.root, env=environment, preexec_fn=preexec, capture_output=True, text=True, timeout=100
    )


@pytest.mark.parametrize("name", [".", "exercises/ch01_a", "grader/gone"])
def test_a_fork_that_may_not_be_written_is_one_line_and_unchanged(fork, newer, name):
    (fork.root / ".koans").mkdir()
    before = everything(fork.root)
    (fork.root / name).chmod(0o555)
    command = [sys.executable, "-m", "grader", "update", str(newer)]
    if os.geteuid() == 0:  # root without the right to ignore permissions
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    run = _in_a_process(fork, *command)
    (fork.root / name).chmod(0o755)
    assert "cannot be written (Permission denied)" in one_line(run)
    assert everything(fork.root) == before


def test_a_full_disk_is_one_line_and_nothing_is_lost(fork, tmp_path):
    newer = write_edition(tmp_path / "large", {**NEW, "grader/large.py": "#" * 100_000}, version="1.1")
    before = everything(fork.root)

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    run = _in_a_process(fork, sys.executable, "-B", "-m", "grader", "update", str(newer), preexec=limit)
    assert "cannot be written (the file would be larger than the system allows)" in one_line(run)
    assert everything(fork.root) == {**before, ".koans": "/"}


def test_an_edition_that_changes_while_it_is_read_is_refused(fork, newer, monkeypatch):
    real = source.FolderSource.read

    def read(self, name, limit=FILE_LIMIT):
        if name == "grader/machine.py" and self.label == str(newer):
            (newer / name).write_text("changed\n")
        return real(self, name, limit)

    monkeypatch.setattr(source.FolderSource, "read", read)
    before = everything(fork.root)
    assert "grader/machine.py: differs from edition.json" in one_line(fork.says("update", str(newer)))
    assert everything(fork.root) == {**before, ".koans": "/"}


def test_a_fork_and_an_edition_that_are_not_apart_are_refused(fork, newer, tmp_path):
    inside = write_edition(fork.root / "build/newer", NEW, version="1.1")
    (tmp_path / "link").symlink_to(fork.root)
    assert "is this fork itself" in one_line(fork.says("update", "."))
    assert "is this fork itself" in one_line(fork.says("update", str(tmp_path / "link")))
    assert "or contains it" in one_line(fork.says("update", str(inside)))
    write_edition(tmp_path, NEW, version="1.1")
    assert "or contains it" in one_line(fork.says("update", str(tmp_path)))


# From a git address


def _git(folder: Path, *args: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
    return subprocess.run(["git", *who, *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(newer):
    """The newer edition as a repository. Returns its folder; its address is file://…"""
    _git(newer, "init", "-q")
    _git(newer, "add", "-A")
    _git(newer, "commit", "-qm", "x")
    return newer


def test_the_address_and_the_commit_are_shown_without_a_password(fork, repository):
    commit = _git(repository, "rev-parse", "HEAD")
    run = fork.says("update", f"file://{repository}")
    assert run.returncode == 0, run.stderr
    shown = "".join(run.stdout.split())  # a long address is broken at the width of the terminal
    assert f"readfromfile://{repository},commit{commit[:12]}" in shown
    assert (fork.root / "content/picture.bin").read_bytes() == NEW["content/picture.bin"]
    assert not (fork.root / ".koans/update").exists()
    assert json.loads(fork.says("update", f"file://{repository}", "--json").stdout)["commit"] == commit
    message = one_line(fork.says("update", "http://ada:secret@localhost:1/x.git"))
    assert message.startswith("koans: http://localhost:1/x.git: is not a folder, and git could not clone it")
    assert "secret" not in message


def test_nothing_that_an_address_or_a_setting_names_is_run(fork, repository, tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\ntouch {ran}\n")
    tool.chmod(0o755)
    templates = tmp_path / "templates/hooks"
    templates.mkdir(parents=True)
    for hook in ("post-checkout", "post-merge", "reference-transaction"):
        shutil.copy(tool, templates / hook)
    settings = tmp_path / "settings"
    settings.write_text(
        f'[protocol]\nallow = always\n[protocol "ext"]\nallow = always\n[core]\nhooksPath = {templates}\n'
        f'fsmonitor = {tool}\n[init]\ntemplateDir = {templates.parent}\n[filter "x"]\nsmudge = {tool}\nrequired = true\n'
        "[submodule]\nrecurse = true\n"
    )
    (repository / ".gitattributes").write_text("* filter=x\n")
    (repository / ".gitmodules").write_text(f'[submodule "s"]\npath = s\nurl = ext::{tool}\n')
    _git(repository, "add", ".gitattributes", ".gitmodules")
    _git(repository, "commit", "-qm", "y")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:file")
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(templates.parent))
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    for place in (f"ext::{tool}", f"ext::sh -c {tool}% %S", "fd::3"):
        assert "git could not clone it" in one_line(fork.says("update", place))
    for place in (f"--upload-pack={tool}", f"-u{tool}"):
        assert "is neither a folder nor an address" in one_line(fork.says("update", "--", place))
    assert fork.says("update", f"file://{repository}").returncode == 0
    assert (fork.root / TEST).read_text() == NEW[TEST]
    assert not ran.exists()


def test_a_link_or_a_folder_in_a_repository_is_no_file_of_an_edition(fork, repository, outside):
    replace(repository / "grader/machine.py", lambda place: place.symlink_to(outside / "machine.py"))
    _git(repository, "add", "-A")
    _git(repository, "commit", "-qm", "y")
    assert "grader/machine.py is a link, a folder or" in one_line(fork.says("update", f"file://{repository}"))
    replace(repository / "grader/machine.py", lambda place: write_edition(place, {"x": ""}))
    _git(repository, "add", "-A")
    _git(repository, "commit", "-qm", "z")
    assert "grader/machine.py is a link, a folder or" in one_line(fork.says("update", f"file://{repository}"))
    _git(repository, "rm", "-rq", "edition.json")
    _git(repository, "commit", "-qm", "z")
    assert "is not a student edition" in one_line(fork.says("update", f"file://{repository}"))


def test_a_repository_without_a_commit_and_a_place_that_is_nothing_are_one_line(fork, tmp_path):
    (tmp_path / "empty").mkdir()
    _git(tmp_path / "empty", "init", "-q")
    assert "its HEAD is a branch without a commit" in one_line(fork.says("update", f"file://{tmp_path}/empty"))
    for place in (str(tmp_path / "nowhere"), f"file://{tmp_path}/nowhere"):
        assert "git could not clone it" in one_line(fork.says("update", place))
    for place in ("", "a\x1b[2Jb"):
        assert "is neither a folder nor an address" in one_line(fork.says("update", place))


def test_a_server_that_never_answers_is_given_up_and_leaves_no_process(fork, tmp_path, monkeypatch):
    pid = tmp_path / "pid"
    monkeypatch.setattr(source, "SECONDS", 2)
    monkeypatch.setenv("GIT_SSH_COMMAND", f"echo $$ > {pid}; exec sleep 60; :")
    assert "git did not finish within 2 s" in one_line(fork.says("update", "ssh://localhost/x.git"))
    with pytest.raises(ProcessLookupError):
        _wait_until_gone(int(pid.read_text()))
    assert everything(fork.root / ".koans") == {}


def _wait_until_gone(process: int) -> None:
    """Raises ProcessLookupError once there is no such process; a killed one stays until its parent has looked."""
    for _ in range(1000):
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            raise ProcessLookupError
        os.sched_yield()
