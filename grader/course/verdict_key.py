"""The keys of the verdict cache: digests of everything that a verdict depends on.

That is: the koan's text as submitted, and the texts of other koans that it imports; the koan's entry in chapter.toml,
its tests, oracle and solution, and the modules that these import; the grader's code; the versions of libraries; the
device, the isolation, the limits and the seed. If any of them changes, the koan is graded again.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

import msgspec

from grader.book.koan_imports import Imported
from grader.book.syntax import parse
from grader.book.workbook import Koan, Workbook

# The versions of these decide which inputs are drawn and how a test is run. A report does not show them.
LIBRARIES = ("hypothesis", "jaxtyping", "pytest")
GRADER = "grader"


def digest(*parts: str | bytes | int | float) -> str:
    """Digest of a list of values. `"ab", "c"` and `"a", "bc"` have different digests."""
    return hashlib.blake2b(msgspec.msgpack.encode(parts), digest_size=20).hexdigest()


class Keys:
    """The keys of one run. `settings` are what all its verdicts depend on: the device, the limits, and so on.

    Every file of the workbook is read at most once.
    """

    def __init__(self, workbook: Workbook, *settings: str | int | float) -> None:
        self.workbook, self.settings = workbook, settings
        self.imports = Imports(workbook)
        self._koans: dict[str, str] = {}

    def key(
        self, koan: Koan, text: str | None, refusal: str = "", imports: Mapping[str, Imported] = {}, seed: int = 0
    ) -> str:
        """The key of the verdict on this text, which must be the very text that is run.

        The text is None if nothing was handed in. `refusal` says why what was handed in is not accepted. `imports` are
        the submission's files of other koans that the text may import.
        """
        parts = (f"no text: {refusal}",) if text is None else ("text", text)
        others = (part for name in sorted(imports) for part in (name, imports[name].text, imports[name].refusal))
        return digest(self._common, seed, self.koan_digest(koan), *parts, *others)

    @cached_property
    def _common(self) -> str:
        versions = [f"{name} {_version(name)}" for name in LIBRARIES]
        return digest(code_digest(self.workbook.code), *versions, *self.settings)

    def koan_digest(self, koan: Koan) -> str:
        """Digest of the koan's entry in chapter.toml, its own files, and the modules that they import."""
        if koan.id not in self._koans:
            book = self.workbook
            own = [book.test_file(koan), book.reference(koan), book.solution(koan), book.released_stub(koan)]
            files = self.imports.closure(own)
            self._koans[koan.id] = digest(str(koan), *(self.imports.digest(file) for file in files))
        return self._koans[koan.id]


class Imports:
    """What the files of a workbook import from the workbook, by their syntax trees. Nothing is run.

    An import counts wherever it stands, in a function too. The modules of the grader are left out, because a key has
    the digest of them all. So are the exercises of koans, because a submission's text replaces them.
    """

    def __init__(self, workbook: Workbook) -> None:
        self.workbook = workbook
        self.folders = (workbook.shipped, workbook.code)
        self.left_out = {workbook.exercise(koan) for koan in workbook.koans.values()}
        self._texts: dict[Path, bytes | None] = {}
        self._direct: dict[Path, tuple[Path, ...]] = {}

    def closure(self, files: Iterable[Path]) -> list[Path]:
        """These files, which may not exist, and all that they import directly or indirectly, sorted."""
        found: set[Path] = set()
        waiting = list(files)
        while waiting:
            file = waiting.pop()
            if file not in found:
                found.add(file)
                waiting += self._imported(file)
        return sorted(found)

    def digest(self, file: Path) -> str:
        """Digest of the file's name and its content."""
        text = self._text(file)
        return digest(self.workbook.name_of(file), *(() if text is None else (text,)))

    def _text(self, file: Path) -> bytes | None:
        """The content, or None if there is no such file."""
        if file not in self._texts:
            self._texts[file] = file.read_bytes() if file.is_file() else None
        return self._texts[file]

    def _imported(self, file: Path) -> tuple[Path, ...]:
        if file not in self._direct:
            text = self._text(file)
            names = _names(text.decode("utf-8", "replace"), self._package(file)) if text is not None else ()
            self._direct[file] = tuple(found for name in names for found in self._files(name))
        return self._direct[file]

    def _package(self, file: Path) -> list[str]:
        """The names of the package that a module belongs to, for its relative imports."""
        return self.workbook.name_of(file).split("/")[:-1]

    def _files(self, name: str) -> Iterator[Path]:
        """The files of a module and of its packages, if it belongs to the workbook."""
        parts = name.split(".")
        if parts[0] == GRADER:
            return
        for length in range(1, len(parts) + 1):
            for place in {folder.joinpath(*parts[:length]): None for folder in self.folders}:
                for file in (place / "__init__.py", place.with_name(f"{place.name}.py")):
                    if file not in self.left_out and self._text(file) is not None:
                        yield file


_Import = tuple[int, str, tuple[str, ...]]  # how many dots it starts with, the module, and the names imported from it
# An import at the start of a line, with the lines that belong to it.
_STATEMENT = re.compile(r"^[ \t]*((?:from|import)\b[^\n(\\]*(?:\([^)]*\)|(?:\\\n[^\n\\]*)*))", re.MULTILINE)
_WORD = re.compile(r"\bimport\b")


def _names(text: str, package: list[str]) -> Iterator[str]:
    """The names of all modules that a text may import. In `from a import b` that is `a`, and perhaps `a.b`."""
    for level, module, names in _imports(text):
        above = package[: len(package) - level + 1] if level else []
        start = ".".join([*above, *([module] if module else [])])
        yield start
        yield from (f"{start}.{name}" for name in names)


def _imports(text: str) -> list[_Import]:
    """The imports in a text. Its import statements are parsed alone, which takes a quarter of the time.

    The whole text is parsed if another line has the word `import`, or if a line only looks like an import.
    """
    statements = [match[1] for match in _STATEMENT.finditer(text) if "import" in match[1]]
    parsed = [_parsed(statement) for statement in statements]
    if len(_WORD.findall(text)) == sum(len(_WORD.findall(statement)) for statement in statements):
        found = [imports for imports in parsed if imports is not None]
        if len(found) == len(parsed):
            return list(itertools.chain.from_iterable(found))
    return list(_parsed(text) or ())


@cache
def _parsed(text: str) -> tuple[_Import, ...] | None:
    """The imports in a text, or None if it is not Python."""
    try:
        tree = parse(text)
    except (SyntaxError, ValueError):
        return None
    found: list[_Import] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(0, alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
    return tuple(found)


def workbook_digest(workbook: Workbook) -> str:
    """Digest of all that verdicts take from the workbook: the grader's code, and the files of every koan."""
    keys = Keys(workbook)
    return digest(code_digest(workbook.code), *(keys.koan_digest(koan) for koan in workbook.koans.values()))


def code_digest(root: Path) -> str:
    """Digest of the grader's own code in the workbook at `root`. Any change to this code may change any verdict."""
    total = hashlib.blake2b(digest_size=20)
    code = (file for pattern in ("*.py", "*.ini") for file in (root / GRADER).rglob(pattern))
    conftest = [file] if (file := root / "conftest.py").is_file() else []  # an installed package has none
    for file in sorted([*code, root / "reference/__init__.py", *conftest]):
        total.update(str(file.relative_to(root)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
