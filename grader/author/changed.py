"""Which koans a change touches, by asking git: `koans verify --changed`.

A koan is touched by a change to its own files, to its entry in chapter.toml, and to what its files import from
`reference`, `solutions` and `exercises`.
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
    """The koans touched, in walking order, and the changed files of the machine, which judges every koan."""

    koans: tuple[Koan, ...]
    machine: tuple[str, ...]

    def among(self, koans: Iterable[Koan]) -> list[Koan]:
        """Those of `koans` that are touched."""
        return [koan for koan in koans if koan in self.koans]


def since(workbook: Workbook, revision: str) -> TouchedKoans:
    """What changed between `revision` and the files on disk. Raises KoansError if git cannot tell."""
    root = workbook.root
    # A word that starts with a hyphen would be an option of git's.
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
    found = {workbook.root / "content" / koan.chapter / f"{koan.name}.md"}
    queue = [workbook.test_file(koan), workbook.reference(koan), workbook.solution(koan), workbook.exercise(koan)]
    while queue:
        file = queue.pop()
        if file not in found:
            found.add(file)
            queue += _imported(workbook.root, file) if file.suffix == ".py" and file.is_file() else ()
    return found


def _imported(root: Path, file: Path) -> tuple[Path, ...]:
    try:
        tree = parse(file.read_text("utf-8"))
    except SyntaxError:
        return ()  # the run that meets it says so
    return tuple(path for name in _modules(tree) for path in _paths(root, name))


def _modules(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _paths(root: Path, module: str) -> Iterator[Path]:
    """The file of a module and the `__init__.py` of each package it is in, as far as they exist."""
    parts = module.split(".")
    if parts[0] in PACKAGES:
        places = [root.joinpath(*parts[:n]) for n in range(1, len(parts) + 1)]
        yield from (p for place in places for p in (place.with_suffix(".py"), place / "__init__.py") if p.is_file())


def _entries_changed(workbook: Workbook, file: Path, base: str) -> list[Koan]:
    """Koans whose entry in this chapter.toml is another one than it was."""
    try:
        before = _koans(tomllib.loads(_git(workbook.root, "show", f"{base}:./{file.relative_to(workbook.root)}")))
    except (KoansError, tomllib.TOMLDecodeError):
        before = {}  # a new chapter
    now = _koans(tomllib.loads(file.read_text("utf-8"))) if file.is_file() else {}
    names = {name for name, entry in now.items() if before.get(name) != entry}
    return [k for k in workbook.koans.values() if k.chapter == file.parent.name and k.name in names]


def _koans(table: dict[str, Any]) -> dict[str, Any]:
    return {entry.get("name", ""): entry for entry in table.get("koans", [])}


def _git(root: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, encoding="utf-8")
    except OSError as error:
        raise KoansError(f"--changed asks git, which cannot be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise KoansError(f"--changed: git {words[0]}: {said[0] if said else 'no such revision'}")
    return done.stdout
