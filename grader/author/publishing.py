"""A release: `prepare` writes its version and its changes, `check` compares its tag with them, `files` looks into it.

The version stands in pyproject.toml. CITATION.cff repeats it, with the date of CHANGELOG.md.

    python -m grader.author.publishing prepare 0.2.0
    python -m grader.author.publishing check v0.2.0 --notes notes.md
    python -m grader.author.publishing files dist/*

It needs the standard library alone, so a workflow can run it before anything is installed.
"""

from __future__ import annotations

import argparse
import datetime
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from grader.book.errors import KoansError, reading
from grader.book.processes import FOLDER

LARGEST = 6_000_000  # bytes of a wheel or of a source archive
VERSION = re.compile(r"\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?")
HEADING = re.compile(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", re.MULTILINE)
START = "<!-- towncrier release notes start -->"
LEFTOVER = re.compile(r"(^|/)(__pycache__|\.koans|\.git|\.venv|\.pytest_cache)(/|$)|\.(pyc|pyo|db|swp)$")


class Section(NamedTuple):
    """The part of CHANGELOG.md about one version. The date is written YYYY-MM-DD."""

    version: str
    date: str
    notes: str


def check(root: Path, tag: str) -> Section:
    """The changes of the version that a tag such as `v0.2.0` names.

    Raises KoansError if pyproject.toml, CHANGELOG.md or CITATION.cff has another version, or if changes still wait in
    changelog.d/.
    """
    version = _version(root)
    newest = _newest(root)
    cited = _fields(_text(root / "CITATION.cff"))
    waiting = sorted(file.name for file in (root / "changelog.d").iterdir() if file.name != "README.md")
    if tag != f"v{version}":
        raise KoansError(f"the tag is {tag}, but pyproject.toml has the version {version}: the tag must be v{version}")
    if waiting:
        raise KoansError(f"changelog.d has {len(waiting)} changes that are not in CHANGELOG.md, such as {waiting[0]}")
    if newest.version != version:
        raise KoansError(f"CHANGELOG.md begins with {newest.version}, but pyproject.toml has the version {version}")
    if not newest.notes:
        raise KoansError(f"CHANGELOG.md says nothing about {version}")
    if (cited.get("version"), cited.get("date-released")) != (version, newest.date):
        raise KoansError(f"CITATION.cff must have version {version} and date-released {newest.date}")
    return newest


def prepare(root: Path, version: str, date: str) -> None:
    """Write the version and its date where they stand, and move the changes of changelog.d/ into CHANGELOG.md.

    Raises KoansError if the version is malformed or not a later one, or if towncrier refuses.
    """
    if not VERSION.fullmatch(version):
        raise KoansError(f"'{version}' is not a version such as 0.2.0 or 0.2.0rc1")
    if _order(version) <= _order(_version(root)):
        raise KoansError(f"{version} is not later than {_version(root)}")
    command = [sys.executable, "-m", "towncrier", "build", "--yes", "--version", version, "--date", date]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if done.returncode:
        raise KoansError(f"towncrier: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    _replace(root / "pyproject.toml", r'^version = ".*"$', f'version = "{version}"')
    _replace(root / "CITATION.cff", r"^version: .*$", f"version: {version}")
    _replace(root / "CITATION.cff", r"^date-released: .*$", f'date-released: "{date}"')


def files(packages: Sequence[Path], version: str) -> list[str]:
    """A line about each package: its name, its size and the number of its files.

    Raises KoansError if there is not one wheel and one source archive of this version, if one is larger than LARGEST,
    or if one holds what a tool left behind.
    """
    expected = {f"tensor_koans-{version}-py3-none-any.whl", f"tensor_koans-{version}.tar.gz"}
    if {file.name for file in packages} != expected:
        raise KoansError(
            f"expected {' and '.join(sorted(expected))}, found {', '.join(f.name for f in packages) or 'none'}"
        )
    lines = []
    for file in packages:
        names, size = _names(file), file.stat().st_size
        left = [name for name in names if LEFTOVER.search(name)]
        if left:
            raise KoansError(f"{file.name} holds {left[0]}, which a tool left behind")
        if size > LARGEST:
            raise KoansError(f"{file.name} has {size} bytes, more than {LARGEST}")
        lines.append(f"{file.name}: {size / 1e6:.2f} MB, {len(names)} files")
    return lines


def _names(file: Path) -> list[str]:
    """The files in a wheel or in a source archive. Raises KoansError if it is damaged."""
    try:
        if file.suffix == ".whl":
            with zipfile.ZipFile(file) as wheel:
                return [name for name in wheel.namelist() if not name.endswith("/")]
        with tarfile.open(file) as archive:
            return [member.name for member in archive if member.isfile()]
    except (zipfile.BadZipFile, tarfile.TarError, OSError) as error:
        raise KoansError(f"{file.name} cannot be read: {error}") from None


def _version(root: Path) -> str:
    return str(tomllib.loads(_text(root / "pyproject.toml"))["project"]["version"])


def _newest(root: Path) -> Section:
    text = _text(root / "CHANGELOG.md").partition(START)[2]
    first = HEADING.search(text)
    if first is None:
        raise KoansError(f"CHANGELOG.md has no heading such as '## 0.2.0 (2027-01-31)' below {START}")
    following = HEADING.search(text, first.end())
    notes = text[first.end() : following.start() if following else None]
    return Section(first[1], first[2], notes.strip())


def _fields(text: str) -> dict[str, str]:
    """The top-level fields of a simple YAML file that have a text of one line."""
    return {name: value.strip('"') for name, value in re.findall(r"^([\w-]+): (.+)$", text, re.MULTILINE)}


def _order(version: str) -> tuple[int, int, int, str]:
    """A key that sorts versions: 0.2.0rc1 comes before 0.2.0."""
    numbers = re.match(r"(\d+)\.(\d+)\.(\d+)(.*)", version)
    if numbers is None:
        raise KoansError(f"'{version}' is not a version such as 0.2.0")
    return int(numbers[1]), int(numbers[2]), int(numbers[3]), numbers[4] or "z"


def _replace(file: Path, pattern: str, line: str) -> None:
    """Replace the first line that matches."""
    text, count = re.subn(pattern, lambda _: line, _text(file), count=1, flags=re.MULTILINE)
    if not count:
        raise KoansError(f"{file.name} has no line that matches {pattern}")
    file.write_text(text, encoding="utf-8")


def _text(file: Path) -> str:
    with reading(file):
        return file.read_text(encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Prepare a release, or check one.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    preparing = verbs.add_parser("prepare", help="write the version and its changes")
    preparing.add_argument("version", help="such as 0.2.0")
    checking = verbs.add_parser("check", help="compare a tag with the version and its changes")
    checking.add_argument("tag", help="such as v0.2.0")
    checking.add_argument("--notes", type=Path, metavar="FILE", help="write the changes of this version")
    looking = verbs.add_parser("files", help="look into a wheel and a source archive")
    looking.add_argument("packages", type=Path, nargs="+", metavar="FILE")
    options = parser.parse_args()
    try:
        if options.verb == "prepare":
            prepare(FOLDER, options.version, datetime.datetime.now(datetime.UTC).date().isoformat())
        elif options.verb == "check":
            section = check(FOLDER, options.tag)
            if options.notes:
                options.notes.write_text(section.notes + "\n", encoding="utf-8")
            print(f"{section.version} of {section.date} can be released")
        else:
            print("\n".join(files(options.packages, _version(FOLDER))))
    except KoansError as error:
        sys.exit(f"publishing: {error}")


if __name__ == "__main__":
    main()
