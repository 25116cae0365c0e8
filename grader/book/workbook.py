"""Reads chapters, koans, cards and questions from `content/` as data, and checks every field."""

from __future__ import annotations

import ast
import difflib
import os
import re
import tomllib
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from grader.book import places
from grader.book.errors import KoansError
from grader.book.syntax import parse

Rung = Literal["name it", "compute it", "vectorize it", "stabilize it", "fuse it", "budget it"]
RUNGS: tuple[str, ...] = ("name it", "compute it", "vectorize it", "stabilize it", "fuse it", "budget it")
# What each rung asks for, and the short name that tables have.
RUNG_MEANINGS: Mapping[str, str] = {
    "name it": "say what happens, or what is at fault",
    "compute it": "write it by its definition",
    "vectorize it": "write it without loops",
    "stabilize it": "keep it right for large and small numbers",
    "fuse it": "do it in one pass, without large intermediates",
    "budget it": "count its bytes, FLOPs and time",
}
HINTS = 3
# Names that mean a file or a folder, and the folders that have something of each koan.
LOOKS_LIKE_A_PATH = re.compile(r"[\\/]|^\.+$|\.(py|md)$|^exercises$")
FOLDERS_OF_KOANS = ("exercises", "solutions", "reference", "content", "stubs")
ID = r"[a-z0-9]+(-[a-z0-9]+)*"  # of a card, a question or a track
WHOLE = "all"  # stands for the whole workbook where the id of a track is expected
# The links to the notebook at the beginning of a chapter. They are for readers on the web.
BADGE = re.compile(r"\n<!-- notebook -->.*<!-- /notebook -->\n")


class Koan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One exercise. Its `id` is "chapter/name".

    In a koan of the kind "kernel" the learner writes Triton kernels and a literal CONFIG. In a "hunt" the file is
    whole, and the learner finds the planted mistake. `needs` are the koans that should pass first. `forbids` names
    functions that an answer must not use, because they would be the whole answer.
    `points` are for the tests without the gpu mark, `fast_points` for the tests with it.
    """

    name: str
    title: str
    rung: Rung
    points: int = 1
    fast_points: int = 0
    needs: tuple[str, ...] = ()
    kind: Literal["function", "kernel", "hunt"] = "function"
    forbids: tuple[str, ...] = ()
    chapter: str = ""

    @property
    def id(self) -> str:
        return f"{self.chapter}/{self.name}"


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A claim of one of the workbook's sources, right or wrong, in our own words.

    `scope` is how far the source's sentence reaches: who or what it is about, where and when, compared with what, and
    its own qualifiers. An erratum must be fair to it.
    """

    id: str
    source: str
    claim: str
    scope: str = ""


ErratumKind = Literal["false", "right only in part", "imprecise", "outdated"]


class Erratum(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a source is wrong: what it says and what holds instead (`text`), and what in it is right (`right`)."""

    kind: ErratumKind
    text: str
    right: str = ""

    @property
    def words(self) -> str:
        """All that a reader sees of it."""
        return f"{self.text} What is right: {self.right}" if self.right else self.text


class Card(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A drill card. It unlocks when every test that names it has passed.

    `facts` are the facts of the sources that it contains; () says that it goes beyond the sources.
    `evidence` is "proved" (by tests) or "cited" (then `citation` says where). `pending` names the koan whose test will
    prove it one day. Until then it never unlocks. `key` is the fact in one line, if it belongs on the cheat sheet.
    `figure` is a file beside cards.toml that illustrates the answer. `tex` maps passages of the text to TeX, for
    programs that can show formulas.
    """

    id: str
    facts: tuple[str, ...]
    front: str
    back: str
    evidence: Literal["proved", "cited"] = "proved"
    citation: str = ""
    erratum: Erratum | None = None
    pending: str = ""
    key: str = ""
    figure: str = ""
    tex: dict[str, str] = {}
    chapter: str = ""


class Option(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One choice of a quiz question. `why` says why it is right or wrong."""

    text: str
    why: str
    correct: bool = False


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question before a chapter (predict), after it (retrieve) or in a quiz (with four options)."""

    id: str
    ask: Literal["predict", "retrieve", "quiz"]
    prompt: str
    facts: tuple[str, ...] = ()
    answer: str = ""
    level: Literal["factual", "conceptual", "synthetic", ""] = ""
    options: tuple[Option, ...] = ()
    chapter: str = ""


class Chapter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A folder of koans, in the order in which learners solve them."""

    title: str
    koans: tuple[Koan, ...]
    id: str = ""


class Track(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A way through some of the koans, for a goal. Learners solve its `koans` in this order.

    `whom` says who it is for, `why` how its koans were chosen, and `after` what to do at its end. No koan comes before
    one that it needs. A koan that is needed is in the track or among `assumes`, which learners can do already.
    """

    id: str
    title: str
    whom: str
    why: str
    after: str
    koans: tuple[str, ...]
    assumes: tuple[str, ...] = ()


class _Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    facts: tuple[Fact, ...] = ()


class _Cards(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cards: tuple[Card, ...] = ()


class _Questions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    questions: tuple[Question, ...] = ()


class _Tracks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tracks: tuple[Track, ...] = ()


class Notes(msgspec.Struct, frozen=True):
    """The texts about a koan: three hints, from a pointer to nearly the answer, and the afterword."""

    hints: tuple[str, ...]
    afterword: str


class CardProof(msgspec.Struct, frozen=True):
    """A test that names a card. `gpu` tests belong to the second claim, `fast`."""

    card: str
    koan: str
    test: str
    gpu: bool


_Table = TypeVar("_Table", bound=msgspec.Struct)


class Workbook:
    """All content of one workbook. Everything is read once, at its first use.

    `root` is the learner's folder: `exercises/` and `.koans/`. In a clone it also has everything else. In a folder that
    `koans init` made, texts, tests and solutions are in `shipped`, and the packages `grader` and `reference` in `code`.
    Content that is missing or malformed raises KoansError when it is read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shipped = places.shipped(root)
        self.code = places.code(root)

    @property
    def _content(self) -> Path:
        return self.shipped / "content"

    @cached_property
    def chapters(self) -> tuple[Chapter, ...]:
        files = sorted(self._content.glob("ch*/chapter.toml"))
        if not files:
            raise KoansError(f"{self._content}: no chapters found; is the checkout complete?")
        return tuple(_chapter(file) for file in files)

    @cached_property
    def koans(self) -> dict[str, Koan]:
        """Every koan by id, in the order of the chapters and of each chapter's list."""
        return {koan.id: koan for chapter in self.chapters for koan in chapter.koans}

    @cached_property
    def facts(self) -> dict[str, Fact]:
        """Every fact of the sources by id, in the order of the sources."""
        file = self._content / "facts.toml"
        facts: dict[str, Fact] = {}
        for fact in _read(file, _Facts).facts:
            if fact.id in facts:
                raise KoansError(f"{file}: '{fact.id}': listed twice")
            facts[fact.id] = fact
        return facts

    @cached_property
    def cards(self) -> dict[str, Card]:
        return _by_id(
            self.facts,
            (
                (file, _card(file, card))
                for file in sorted(self._content.glob("ch*/cards.toml"))
                for card in _read(file, _Cards).cards
            ),
        )

    @cached_property
    def questions(self) -> dict[str, Question]:
        return _by_id(
            self.facts,
            (
                (file, msgspec.structs.replace(question, chapter=file.parent.name))
                for file in sorted(self._content.glob("ch*/questions.toml"))
                for question in _read(file, _Questions).questions
            ),
        )

    @cached_property
    def tracks(self) -> dict[str, Track]:
        """Every track by id, in the order of `content/tracks.toml`. Koans that this edition lacks are left out."""
        file = self._content / "tracks.toml"
        if not file.exists():
            return {}
        tracks: dict[str, Track] = {}
        for track in _read(file, _Tracks).tracks:
            if track.id in tracks:
                raise KoansError(f"{file}: '{track.id}': this id is taken; ids are unique")
            tracks[track.id] = self._track(file, track)
        return {name: track for name, track in tracks.items() if track.koans}

    def _track(self, file: Path, track: Track) -> Track:
        """The track with the ids of its koans. Raises KoansError if a koan is unknown, twice there or too early."""
        where = f"{file}: '{track.id}'"
        if not re.fullmatch(ID, track.id) or track.id == WHOLE:
            raise KoansError(f"{where}: an id is lower-case words joined by hyphens, and is not '{WHOLE}'")
        try:
            koans, assumes = self._present(track.koans), self._present(track.assumes)
        except KoansError as error:
            raise KoansError(f"{where}: {error}") from None
        known = set(assumes)
        for koan in koans:
            if koan in known:
                raise KoansError(f"{where}: {koan}: is named twice")
            for needed in self.koans[koan].needs:
                if needed not in known and needed in self.koans:
                    late = "comes later" if needed in koans else "is neither in the track nor among `assumes`"
                    raise KoansError(f"{where}: {koan} needs {needed}, which {late}")
            known.add(koan)
        return msgspec.structs.replace(track, koans=koans, assumes=assumes)

    def _present(self, names: Sequence[str]) -> tuple[str, ...]:
        """The ids of the koans with these ids or short names, without released koans that this edition lacks."""
        here = {*self.koans, *(koan.name for koan in self.koans.values())}
        lock = self._content / "ids.lock"
        lines = _text(lock).splitlines() if lock.exists() else []
        released = {line.removeprefix("koan ") for line in lines if line.startswith("koan ")}
        released |= {koan.partition("/")[2] for koan in released}
        present = [name for name in names if name in here or name not in released]
        return tuple(name if name in self.koans else self.koan(name).id for name in present)

    @cached_property
    def proofs(self) -> tuple[CardProof, ...]:
        """Every card marker of every test file, read from its syntax tree."""
        return tuple(proof for koan in self.koans.values() for proof in _markers(koan, self.test_file(koan)))

    def track(self, name: str) -> Track:
        """The track with this id. Raises KoansError with similar ids, or with all."""
        if name in self.tracks:
            return self.tracks[name]
        near = difflib.get_close_matches(name.lower(), self.tracks, 3)
        known = f"there are {', '.join(self.tracks)}" if self.tracks else "this edition has none"
        hint = f"did you mean {' or '.join(near)}?" if near else known
        raise KoansError(f"no track is called '{name}': {hint}")

    def koan(self, name: str) -> Koan:
        """The koan with this id, with this short name if it is unique, or of the file at this path.

        Raises KoansError with similar names.
        """
        at_path = self._at_path(name)
        if len(at_path) == 1:
            return at_path[0]
        if at_path:
            raise KoansError(f"'{name}' is a folder of {len(at_path)} koans: name one of them")
        plain = _without_path(name)
        if plain in self.koans:
            return self.koans[plain]
        same = [k for k in self.koans.values() if k.name == plain]
        if len(same) == 1:
            return same[0]
        if same:
            raise KoansError(f"'{name}' could be {' or '.join(k.id for k in same)}: give the full id")
        names = [*self.koans, *(k.name for k in self.koans.values())]
        near = difflib.get_close_matches(plain.lower(), names, 3) or difflib.get_close_matches(
            Path(plain.lower()).name, names, 3
        )
        hint = f"did you mean {' or '.join(near)}?" if near else "`koans list` shows them all"
        raise KoansError(f"no koan is called '{name}': {hint}")

    def _at_path(self, name: str) -> list[Koan]:
        """The koans of the file or folder at this path, from the current folder. Empty if it is of no koan."""
        if not LOOKS_LIKE_A_PATH.search(name):
            return []
        place = _below(self.root, name)
        if place is None or (place.parts and place.parts[0] not in FOLDERS_OF_KOANS):
            return []
        _, chapter, file = (*place.parts, "", "", "")[:3]
        if not file:
            return [koan for koan in self.koans.values() if chapter in ("", koan.chapter)]
        names = (Path(file).stem, Path(file).stem.removeprefix("test_"))
        return [self.koans[f"{chapter}/{one}"] for one in names if f"{chapter}/{one}" in self.koans][:1]

    def chapter(self, name: str) -> Chapter:
        """The chapter with this id, number ("6", "ch06") or name ("numerics"), or of the folder at this path.

        Raises KoansError with all ids.
        """
        in_path = re.search(r"(?:^|[\\/])(ch\d\d_\w+)[\\/]*$", name)
        name = in_path[1] if in_path else name
        number = re.fullmatch(r"(?:ch)?0*(\d+)", name)
        for chapter in self.chapters:
            head, _, tail = chapter.id.partition("_")
            if name in (chapter.id, head, tail) or (number and int(head.removeprefix("ch")) == int(number[1])):
                return chapter
        known = ", ".join(c.id for c in self.chapters)
        raise KoansError(f"no chapter is called '{name}': there are {known}")

    def named(self, names: Sequence[str]) -> list[Koan]:
        """The koans that these names mean, each once: koans by id or short name, chapters by their names, and paths.

        Raises KoansError for an unknown name.
        """
        koans: dict[str, Koan] = {}
        for name in names:
            koans |= {koan.id: koan for koan in self._at_path(name) or self._named(name)}
        return list(koans.values())

    def _named(self, name: str) -> Sequence[Koan]:
        try:
            return [self.koan(name)]
        except KoansError as error:
            try:
                return self.chapter(name).koans
            except KoansError:
                raise error from None

    def questions_of(self, chapter: Chapter) -> list[Question]:
        return [question for question in self.questions.values() if question.chapter == chapter.id]

    def exercise(self, koan: Koan) -> Path:
        return self.root / "exercises" / f"{koan.id}.py"

    def solution(self, koan: Koan) -> Path:
        return self.shipped / "solutions" / f"{koan.id}.py"

    def test_file(self, koan: Koan) -> Path:
        return self.shipped / "exercises" / koan.chapter / f"test_{koan.name}.py"

    def reference(self, koan: Koan) -> Path:
        return self.code / "reference" / f"{koan.id}.py"

    def released_stub(self, koan: Koan) -> Path:
        """The stub that a student edition has in place of the solution."""
        return self.shipped / "stubs" / f"{koan.id}.py"

    def figure(self, card: Card) -> Path | None:
        """The file of the card's figure, if it has one."""
        return self._content / card.chapter / card.figure if card.figure else None

    def folder_of(self, chapter: Chapter) -> Path:
        """The folder with the chapter's text and its figures."""
        return self._content / chapter.id

    def name_of(self, file: Path) -> str:
        """The name of one of the workbook's files: its path in a clone, with slashes."""
        for place in (self.root, self.shipped, self.code):
            if file.is_relative_to(place):
                return file.relative_to(place).as_posix()
        return file.as_posix()

    def notes(self, koan: Koan) -> Notes:
        """Hints and afterword. Raises KoansError if a section is missing."""
        file = self._content / f"{koan.id}.md"
        sections = _sections(_text(file))
        titles = [f"Hint {i + 1}" for i in range(HINTS)] + ["Afterword"]
        for title in titles:
            if not sections.get(title):
                raise KoansError(f"{file}: section '# {title}' is missing or empty; a koan has {', '.join(titles)}")
        return Notes(tuple(sections[t] for t in titles[:-1]), sections["Afterword"])

    def text(self, chapter: Chapter) -> str:
        """The chapter's Markdown. Its figure is a file in the same folder."""
        return BADGE.sub("", _text(self._content / chapter.id / "chapter.md"))

    def text_for_terminal(self, chapter: Chapter) -> str:
        """The chapter's Markdown without pictures: a figure is replaced by its caption and the path of its file."""
        return re.sub(r"!\[([^\]]*)\]\(([^)]+)\)", rf"> Figure (`content/{chapter.id}/\2`): \1", self.text(chapter))

    def prompt(self, koan: Koan) -> str:
        """The module docstring of the exercise: its title, and what it is about."""
        file = self.given_file(koan)
        try:
            return ast.get_docstring(parse(_text(file))) or koan.title
        except (SyntaxError, ValueError):
            return koan.title

    def first_test(self, koan: Koan) -> str:
        """The name of the koan's first test as words."""
        tree = parse(_text(self.test_file(koan)))
        names = [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
        return names[0].removeprefix("test_").replace("_", " ") if names else "its first test"

    def given_file(self, koan: Koan) -> Path:
        """The file with the koan's given text: the solution, or in a student edition the stub."""
        return self.solution(koan) if self.solution(koan).exists() else self.released_stub(koan)


def _without_path(name: str) -> str:
    """The name without what makes it a path: `./exercises/ch06_numerics/softmax.py` is `ch06_numerics/softmax`."""
    name = name.replace("\\", "/").removesuffix(".py").removeprefix("./").strip("/")
    return name.rpartition("exercises/")[2]


def _below(root: Path, name: str) -> Path | None:
    """The path of what exists under this name, relative to the root. None if nothing does, or if it is elsewhere."""
    path = Path(os.path.abspath(name))
    if not path.exists():
        return None
    for own, top in ((path, root.absolute()), (path.resolve(), root.resolve())):
        if own.is_relative_to(top):
            return own.relative_to(top)
    return None


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` whose pyproject.toml has [tool.koans]. Raises KoansError."""
    for folder in (start.resolve(), *start.resolve().parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            try:
                table = tomllib.loads(file.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise KoansError(f"{file}: {error}") from None
            if "koans" in table.get("tool", {}):
                return folder
    raise KoansError(
        f"{start}: there is no workbook in this folder or above it; `koans init koans` makes a folder with the koans, "
        "or change to yours (its pyproject.toml has [tool.koans])"
    )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KoansError(f"{file}: missing; `git checkout -- {file.name}` brings a tracked file back") from None
    except (OSError, UnicodeDecodeError) as error:
        raise KoansError(f"{file}: cannot be read: {error}") from None


def _read(file: Path, table: type[_Table]) -> _Table:
    try:
        return msgspec.toml.decode(_text(file), type=table)
    except msgspec.ValidationError as error:
        raise KoansError(f"{file}: {_entry(file, str(error))}") from None
    except msgspec.DecodeError as error:
        raise KoansError(f"{file}: not valid TOML: {error}") from None


def _entry(file: Path, error: str) -> str:
    """Add the name of the entry to a validation error, which has only its number."""
    place = re.search(r"\$\.(koans|facts|cards|questions|tracks)\[(\d+)\]", error)
    if not place:
        return error
    kind, number = place[1], int(place[2])
    entry = tomllib.loads(file.read_text(encoding="utf-8")).get(kind, [])[number]
    label = entry.get("id") or entry.get("name") or f"number {number + 1}"
    return f"{kind.removesuffix('s')} '{label}': {error}"


def _chapter(file: Path) -> Chapter:
    chapter = _read(file, Chapter)
    name = file.parent.name
    koans = tuple(msgspec.structs.replace(k, chapter=name) for k in chapter.koans)
    seen: set[str] = set()
    for koan in koans:
        if not koan.name.isidentifier():
            raise KoansError(f"{file}: koan '{koan.name}': name must be a Python identifier")
        if koan.name in seen:
            raise KoansError(f"{file}: koan '{koan.name}': listed twice")
        seen.add(koan.name)
    return Chapter(chapter.title, koans, name)


def _card(file: Path, card: Card) -> Card:
    for passage in card.tex:
        erratum = card.erratum.words if card.erratum else ""
        if passage not in "\n".join([card.front, card.back, erratum]):
            raise KoansError(f"{file}: '{card.id}': tex: '{passage}' is in none of front, back and erratum")
    if card.figure and not (file.parent / card.figure).is_file():
        raise KoansError(f"{file}: '{card.id}': figure: {card.figure} is not beside it")
    return msgspec.structs.replace(card, chapter=file.parent.name)


_Entry = TypeVar("_Entry", Card, Question)


def _by_id(facts: Container[str], entries: Iterator[tuple[Path, _Entry]]) -> dict[str, _Entry]:
    """The entries by id. Raises KoansError if an id is taken or malformed, or if an entry names an unknown fact."""
    by_id: dict[str, _Entry] = {}
    for file, entry in entries:
        if entry.id in by_id:
            raise KoansError(f"{file}: '{entry.id}': this id is taken by {by_id[entry.id].chapter}; ids are unique")
        if not re.fullmatch(ID, entry.id):
            raise KoansError(f"{file}: '{entry.id}': an id is lower-case words joined by hyphens")
        for fact in entry.facts:
            if fact not in facts:
                raise KoansError(f"{file}: '{entry.id}': facts: '{fact}' is not a fact in content/facts.toml")
        by_id[entry.id] = entry
    return by_id


def _sections(markdown: str) -> dict[str, str]:
    """The text below each top-level heading. A '#' inside a code fence is no heading."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    fenced = False
    for line in markdown.splitlines():
        fenced ^= line.lstrip().startswith("```")
        if line.startswith("# ") and not fenced:
            current = sections.setdefault(line[2:].strip(), [])
        else:
            current.append(line)
    return {title: "\n".join(lines).strip() for title, lines in sections.items()}


def _markers(koan: Koan, file: Path) -> Iterator[CardProof]:
    """The card markers of a test file, in order."""
    if not file.exists():
        return
    try:
        tree = parse(_text(file))
    except SyntaxError as error:
        raise KoansError(f"{file}:{error.lineno}: {error.msg}") from None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            marks = [_mark(d) for d in node.decorator_list]
            gpu = any(name == "gpu" for name, _ in marks)
            for name, args in marks:
                for card in args if name == "card" else ():
                    yield CardProof(card, koan.id, node.name, gpu)


def _mark(decorator: ast.expr) -> tuple[str, list[str]]:
    """The name and the texts of a pytest mark: ("card", ["x"]) for `@pytest.mark.card("x")`, else ("", [])."""
    call = decorator if isinstance(decorator, ast.Call) else None
    target = call.func if call else decorator
    if not (
        isinstance(target, ast.Attribute) and isinstance(target.value, ast.Attribute) and target.value.attr == "mark"
    ):
        return "", []
    args = call.args if call else []
    return target.attr, [a.value for a in args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
