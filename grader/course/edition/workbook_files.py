"""Which files of a folder belong to the workbook: what git tracks. Without git, the kind of a file decides."""

from __future__ import annotations

import subprocess
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from grader.course.edition.source import git_environment
from grader.course.edition.tree import BYTECODE, Tree

SUFFIXES = {
    ".css",
    ".ini",
    ".js",
    ".json",
    ".lock",
    ".md",
    ".png",
    ".py",
    ".safetensors",
    ".sh",
    ".svg",
    ".toml",
    ".yml",
}


def files_of_git(root: Path) -> set[str] | None:
    """The files of the workbook that git tracks, or None if the workbook is no git checkout."""
    try:
        run = subprocess.run(
            ["git", "ls-files", "-z"], cwd=root, env=git_environment(), capture_output=True, check=False
        )
    except OSError:
        return None
    names = set(run.stdout.decode(errors="surrogateescape").split("\0"))
    return names if run.returncode == 0 and "pyproject.toml" in names else None


def why_left_out(tracked: Collection[str] | None) -> str:
    return "they are not files of a workbook" if tracked is None else "git does not track them"


def chosen(tree: Tree, parts: Iterable[str], tracked: Collection[str] | None) -> tuple[list[str], list[str]]:
    """The files of these folders that belong to the workbook, and those that do not. `tracked` is what git says."""
    chosen: list[str] = []
    left_out: list[str] = []
    for part in parts:
        for name in tree.walk(part):
            path = PurePosixPath(name)
            if any(p == BYTECODE or (p.startswith(".") and p.endswith("_cache")) for p in path.parts):
                continue
            hidden = any(p.startswith(".") for p in path.parts)
            ours = name in tracked if tracked is not None else path.suffix in SUFFIXES and not hidden
            (chosen if ours and tree.is_plain(name) else left_out).append(name)
    return chosen, left_out
