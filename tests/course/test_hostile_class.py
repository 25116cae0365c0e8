"""A class of 40 hostile and 10 honest submissions: the honest ones are graded as if alone, and all 50 have a row."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from grader.book.stubs import strip_markers
from tests.conftest import ROOT
from tests.notebooks import answer, of_cells, write

MIB = 1 << 20
EXPLOITS = (
    *("forge_files", "fork_bomb", "many_threads", "memory", "disk", "output_flood", "os_exit", "exit_on_import"),
    *("patch_worker", "read_proc", "kill_the_grader", "pipes", "peer", "wire_empty_array", "wire_oversized"),
    *("wire_malformed", "terminal", "import_hooks", "cached", "outlive"),
)
FILE = "exercises/ch07_attention/causal_mask.py"


def _git(folder, *args):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *args], cwd=folder, check=True, capture_output=True)


def _fork(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def _bare(folder, files):
    work = _fork(folder.with_name(f"{folder.name}-work"), files)
    _git(work, "init", "-q")
    _git(work, "add", "-A")
    _git(work, "commit", "-qm", "work")
    _git(work, "clone", "-q", "--bare", str(work), str(folder))
    shutil.rmtree(work)
    return folder


def _zip(file, files):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)


# Hostile places. Each gets a class folder, the answers of an honest neighbour, and the neighbour's repository.


def commondir(forks, files, neighbour):
    (_bare(forks / "commondir", {"x": "1"}) / "commondir").write_text(str(neighbour))


def alternates(forks, files, neighbour):
    place = _bare(forks / "alternates", {"x": "1"})
    (place / "objects/info").mkdir(exist_ok=True)
    (place / "objects/info/alternates").write_text(f"{neighbour}/objects\n")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=neighbour, capture_output=True, check=True).stdout
    (place / "HEAD").write_bytes(head)


def linked_refs(forks, files, neighbour):
    place = _bare(forks / "linked_refs", {"x": "1"})
    shutil.rmtree(place / "refs")
    (place / "refs").symlink_to(neighbour / "refs")


def linked_packed_refs(forks, files, neighbour):
    (_bare(forks / "linked_packed_refs", {"x": "1"}) / "packed-refs").unlink(missing_ok=True)
    (forks / "linked_packed_refs/packed-refs").symlink_to("/etc/passwd")


def promisor(forks, files, neighbour):
    place = _bare(forks / "promisor", {FILE: "x = 1\n"})
    with (place / "config").open("a") as config:
        config.write(
            '[protocol "ext"]\n\tallow = always\n[remote "o"]\n\tpromisor = true\n\turl = ext::touch /tmp/koans-owned\n'
        )
    shutil.rmtree(place / "objects")
    (place / "objects").mkdir()


def exercises(forks, files, neighbour):
    _fork(forks / "exercises", {"ch07_attention/causal_mask.py": "x = 1\n"})


def long_link(forks, files, neighbour):
    (forks / "long_link").mkdir()
    (forks / "long_link/exercises").symlink_to("x" * 300)


def link_to_neighbour(forks, files, neighbour):
    (forks / "link_to_neighbour").mkdir()
    (forks / "link_to_neighbour/exercises").symlink_to(forks / "honest0/exercises")


def closed(forks, files, neighbour):
    (forks / "closed").mkdir(mode=0)


def pipe(forks, files, neighbour):
    (forks / "pipe/exercises/ch07_attention").mkdir(parents=True)
    os.mkfifo(forks / "pipe" / FILE)


def markup(forks, files, neighbour):
    _fork(forks / "name[", {FILE: "x = 1\n"})


def closing_markup(forks, files, neighbour):
    _fork(forks / "[bold]name[", {FILE: "x = 1\n"})


def escapes(forks, files, neighbour):
    _fork(forks / "\x1b]0;owned\x07", {FILE: "x = 1\n"})


def newline(forks, files, neighbour):
    _fork(forks / "a\n::error::owned", {FILE: "x = 1\n"})


def not_utf8(forks, files, neighbour):
    os.makedirs(os.fsencode(forks) + b"/\xff\xfe/exercises")


def zip_bomb(forks, files, neighbour):
    _zip(forks / "zip_bomb.zip", {f"exercises/ch07_attention/{i}.ipynb": "0" * (16 * MIB) for i in range(4)})


def zip_upwards(forks, files, neighbour):
    _zip(forks / "zip_upwards.zip", {"../../../../tmp/koans-owned": "x", "/tmp/koans-owned": "x"})


def tar_links(forks, files, neighbour):
    with tarfile.open(forks / "tar_links.tar.gz", "w:gz") as archive:
        link = tarfile.TarInfo(FILE)
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)


def not_a_zip(forks, files, neighbour):
    (forks / "not_a_zip.zip").write_bytes(b"PK\5\6" + b"\xff" * 100)


def deep_notebook(forks, files, neighbour):
    (forks / "deep_notebook.ipynb").write_text('{"cells": ' + "[" * 100_000)


PLACES = (
    *(commondir, alternates, linked_refs, linked_packed_refs, promisor, exercises, long_link, link_to_neighbour),
    *(closed, pipe, markup, closing_markup, escapes, newline, not_utf8, zip_bomb, zip_upwards, tar_links),
    *(not_a_zip, deep_notebook),
)


class PeakMemory:
    """The most memory of a process and all its descendants together, in MiB, sampled ten times a second."""

    def __init__(self, pid):
        self.peak, self._stop = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(pid,), daemon=True)
        self._thread.start()

    def _watch(self, pid):
        while not self._stop.wait(0.1):
            self.peak = max(self.peak, sum(map(_pss, _tree(pid))))

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.peak


def _pss(pid):
    """The proportional set size in MiB: shared pages count once. 0 if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


def _tree(pid):
    pids = [pid]
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            pids += [member for child in file.read_text().split() for member in _tree(int(child))]
        except OSError:
            continue
    return pids


def _state(folder):
    """The mode, owner and content of everything in a folder. Links are not followed."""
    found = {}
    for place, folders, files in os.walk(folder):  # rglob of some Pythons fails at a link to a name that is too long
        for path in (Path(place) / name for name in folders + files):
            status = path.lstat()
            data = path.read_bytes() if stat.S_ISREG(status.st_mode) else b""
            found[path] = (status.st_mode, status.st_uid, hashlib.sha256(data).hexdigest())
    return found


def _changed(before, after):
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


@pytest.mark.timeout(600)
def test_hostile_submissions_cost_their_honest_neighbours_nothing(small, tmp_path):
    book = small.workbook
    solved = {f"exercises/{k.id}.py": strip_markers(book.solution(k).read_text()) for k in book.koans.values()}
    forks, out, temporary = tmp_path / "forks", tmp_path / "out", tmp_path / "tmp"
    for folder in (forks, out, temporary):
        folder.mkdir()
    neighbour = _bare(forks / "honest3.git", solved)
    for i in (0, 1, 2):
        _fork(forks / f"honest{i}", solved)
    _git(forks / "honest2", "init", "-q")
    _bare(forks / "honest4.git", solved)
    for i in (5, 6):
        _zip(forks / f"honest{i}.zip", {f"work/{name}" if i == 6 else name: text for name, text in solved.items()})
    with tarfile.open(forks / "honest7.tar.gz", "w:gz") as archive:
        archive.add(forks / "honest0/exercises", "exercises")
    for i in (8, 9):
        write(forks / f"honest{i}.ipynb", of_cells(*(answer(book, koan) for koan in book.koans.values())))
    for build in PLACES:
        build(forks, solved, neighbour)
    for name in EXPLOITS:
        _fork(forks / f"z_{name}", {FILE: (ROOT / f"tests/exploits/{name}.py").read_text()})
    before, workbook = _state(forks), _state(small.root / "exercises")

    command = [sys.executable, "-m", "grader", "grade", str(forks), "--seed", "7", "--again"]
    command += ["--format", f"json={out}/class.json", "--format", f"gradescope={out}/{{}}.json"]
    environment = {**os.environ, "PYTHONPATH": str(small.root), "TMPDIR": str(temporary), "COLUMNS": "80"}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}  # so that the workbook's folder stays exactly as it was
    process = subprocess.Popen(
        command, cwd=small.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    memory = PeakMemory(process.pid)
    stdout, stderr = process.communicate()
    peak = memory.stop()
    assert process.returncode == 1, stderr  # some could not be graded
    assert "Traceback" not in stderr and "\x1b" not in stdout + stderr

    grades = {g["submission"]: g for g in json.loads((out / "class.json").read_text())["grades"]}
    assert len(grades) == len(PLACES) + len(EXPLOITS) + 10 == 50
    honest = {name: g for name, g in grades.items() if name.startswith("honest")}
    assert {name: g["earned"] for name, g in honest.items()} == {f"honest{i}": 3 for i in range(10)}
    assert {name: g["earned"] for name, g in grades.items() if name not in honest and g["earned"]} == {}
    assert len(list(out.glob("*.json"))) == 51
    assert "root:" not in (out / "class.json").read_text()  # the text of /etc/passwd
    assert peak <= 2048, f"{peak:.0f} MiB"

    assert _changed(before, _state(forks)) == _changed(workbook, _state(small.root / "exercises")) == set()
    assert list(temporary.iterdir()) == []
    assert not Path("/tmp/koans-owned").exists()
