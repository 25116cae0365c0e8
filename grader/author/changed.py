"""Finds the koans that a change touches, with git: `koans verify --changed`.

A change touches a koan if it changes the koan's files, its entry in chapter.toml, or a file of `reference`, `solutions`
or `exercises` that the koan's files import.
"""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from grader.book.errors import KoansError
from grader.book.syntax import parse
from grader.book.workbook import Koan, Workbook

PACKAGES = ("reference", "solutions", "exercises")


class TouchedKoans(msgspec.Struct, frozen=True):
    """The touched koans in the order of the workbook, and the changed files of `grader/`, which judges every koan."""

    koans: tuple[Koan, ...]
    machine: tuple[str, ...]

    def among(self, koans: Iterable[Koan]) -> list[Koan]:
        """The koans of `koans` that are touched."""
        return [koan for koan in koans if koan in self.koans]


def since(workbook: Workbook, revision: str) -> TouchedKoans:
    """The koans touched between `revision` and the files on disk. Raises KoansError if git fails."""
    root = workbook.root
    # --end-of-options, because git would read a revision that starts with a hyphen as an option.
    base = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip()
    names = _git(root, "diff", "--name-only", "--no-renames", "--relative", "-z", base, "--")
    names += _git(root, "ls-files", "--others", "--exclude-standard", "-z")
    changed = {root / name for name in names.split("\0") if name and "__pycache__" not in name}
    koans = [k for k in workbook.koans.values() if not changed.isdisjoint(_files(workbook, k))]
    for file in changed:
        if file.name == "chapter.toml" and file.parent.parent == root / "content":
            koans += _entries_changed(workbook, file, base)
    order = list(workbook.koans.values())
    machine = sorted(str(f.relative_to(root)) for f in changed if f.is_relative_to(root / "grader"))
    return TouchedKoans(tuple(k for k in order if k in koans), tuple(machine))


def _files(workbook: Workbook, koan: Koan) -> set[Path]:
    """The koan's own files, and the modules that they import, directly or not."""
    files = {workbook.root / "content" / koan.chapter / f"{koan.name}.md"}
    queue = [workbook.test_file(koan), workbook.reference(koan), workbook.solution(koan), workbook.exercise(koan)]
    while queue:
        file = queue.pop()
        if file not in files:
            files.add(file)
            queue += _imported(workbook.root, file) if file.suffix == ".py" and file.is_file() else ()
    return files


def _imported(root: Path, file: Path) -> tuple[Path, ...]:
    try:
        tree = parse(file.read_text("utf-8"))
    except SyntaxError:
        return ()  # running the koan reports the error
    return tuple(path for name in _modules(tree) for path in _paths(root, name))


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _paths(root: Path, module: str) -> Iterator[Path]:
    """The file of a module and the `__init__.py` of each package around it, where they exist."""
    parts = module.split(".")
    if parts[0] in PACKAGES:
        stems = [root.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
        yield from (p for stem in stems for p in (stem.with_suffix(".py"), stem / "__init__.py") if p.is_file())


def _entries_changed(workbook: Workbook, file: Path, base: str) -> list[Koan]:
    """The koans whose entry in this chapter.toml has changed since the revision `base`."""
    try:
        before = _entries(tomllib.loads(_git(workbook.root, "show", f"{base}:./{file.relative_to(workbook.root)}")))
    except (KoansError, tomllib.TOMLDecodeError):
        before = {}  # a new chapter
    now = _entries(tomllib.loads(file.read_text("utf-8"))) if file.is_file() else {}
    names = {name for name, entry in now.items() if before.get(name) != entry}
    return [k for k in workbook.koans.values() if k.chapter == file.parent.name and k.name in names]


def _entries(table: dict[str, Any]) -> dict[str, Any]:
    """The entries of a chapter.toml by the name of the koan."""
    return {entry.get("name", ""): entry for entry in table.get("koans", [])}


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, encoding="utf-8", errors="replace")
    except OSError as error:
        raise KoansError(f"--changed asks git, which cannot be run: {error.strerror}") from None
    if done.returncode:
        errors = done.stderr.strip().splitlines()
        raise KoansError(f"--changed: git {words[0]}: {errors[0] if errors else 'no such revision'}")
    return done.stdout
