"""The file of `koans sync`: a zip file of JSON lines, one member for each log, and of the learner's files.

A zip file is small, can be looked into with other tools, and is read with Python's own library and without running
anything in it. It comes from elsewhere, so it is read as a stranger's: every name, size, count and value is checked
before anything is used. The same content gives the same bytes, so that version control sees no change where there is
none.

`format.json` has the version of the format. A change of any kind needs a new version, since an older koans would lose
what it does not know. Files of all earlier versions are read.
"""

from __future__ import annotations

import io
import operator
import struct
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec

from grader.book import source_text
from grader.book.errors import KoansError, read_file
from grader.book.verdict import Status, Verdict
from grader.learn import settings
from grader.learn.logs import ANSWERS, ATTEMPTS, RE_SOLVES, REVIEWS, Log, Place, Row, Time
from grader.learn.settings import Change
from grader.learn.sync import exercises
from grader.learn.sync.exercises import Version

FORMAT = 1
HEAD = "format.json"
LARGEST = 128 << 20  # bytes of the file
LARGEST_UNPACKED = 512 << 20  # bytes
MOST_ROWS = 2_000_000
LONGEST_NAME = 200  # characters of an id
ENTRY = b"PK\1\2"  # an entry in the list of a zip file starts so
SAVED = (1980, 1, 1, 0, 0, 0)  # the first time that a zip file can hold; the same for each member
BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeError,
    ValueError,
    OSError,
)

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
Key = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{32})?\Z")]  # blank: of a review that is not known
Seconds = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]  # negative where a clock was set back
Rating = Annotated[int, msgspec.Meta(ge=1, le=4)]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line of a member. `place` is left out where it is `at`."""


class AttemptLine(_Strict, frozen=True):
    koan: Id
    at: Time
    content: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    status: Status
    fast: Status | None
    seconds: Seconds
    verdict: str
    place: Place | None = None


class ReviewLine(_Strict, frozen=True):
    kind: Literal["card", "koan"]
    item: Id
    at: Time
    rating: Annotated[int, msgspec.Meta(ge=0, le=4)]
    cancels: Key | None = None
    seconds: Seconds = 0.0
    place: Place | None = None


class AnswerLine(_Strict, frozen=True):
    question: Id
    at: Time
    answer: str
    correct: Literal[0, 1] | None = None
    rating: Rating | None = None
    place: Place | None = None


class ReSolveLine(_Strict, frozen=True):
    koan: Id
    at: Time
    event: Literal["started", "failed", "passed", "given up"]
    place: Place | None = None


class HintLine(_Strict, frozen=True):
    koan: Id
    tier: Annotated[int, msgspec.Meta(ge=1, le=99)]
    at: Time


class PeekLine(_Strict, frozen=True):
    koan: Id
    at: Time


class TextLine(_Strict, frozen=True):
    content: Annotated[str, msgspec.Meta(max_length=LONGEST_NAME)]
    text: str


class SettingLine(_Strict, frozen=True):
    name: settings.Name
    to: settings.Value
    at: Place


class _Head(msgspec.Struct, frozen=True):
    format: int


LOGS: dict[str, tuple[Log, type[_Strict]]] = {
    "attempts.jsonl": (ATTEMPTS, AttemptLine),
    "reviews.jsonl": (REVIEWS, ReviewLine),
    "answers.jsonl": (ANSWERS, AnswerLine),
    "re-solves.jsonl": (RE_SOLVES, ReSolveLine),
}
TABLES: dict[str, type[msgspec.Struct]] = {
    "hints.jsonl": HintLine,
    "peeks.jsonl": PeekLine,
    "texts.jsonl": TextLine,
    "settings.jsonl": SettingLine,
    "versions.jsonl": Version,
}


MOST_MEMBERS = exercises.MOST_FILES + len(LOGS) + len(TABLES) + 1


class Pack(msgspec.Struct, frozen=True):
    """What one machine tells another.

    `logs` has the rows of each log and their places, by its table and their keys. `files` has the text of the last
    version of each path.
    """

    logs: Mapping[str, Mapping[str, tuple[Row, float]]] = {}
    hints: Sequence[HintLine] = ()
    peeks: Sequence[PeekLine] = ()
    texts: Sequence[TextLine] = ()
    settings: dict[str, Change] = {}
    versions: Sequence[Version] = ()
    files: dict[str, bytes] = {}


def encode(pack: Pack) -> bytes:
    """The bytes of the file. Raises KoansError if it would be larger than `decode` accepts."""
    members: dict[str, bytes] = {HEAD: msgspec.json.encode(_Head(FORMAT)) + b"\n"}
    for name, (log, line) in LOGS.items():
        members[name] = _lines(_line(log, line, *one) for one in pack.logs.get(log.table, {}).values())
    changes = (SettingLine(name, change.to, change.at) for name, change in sorted(pack.settings.items()))
    tables = (pack.hints, pack.peeks, pack.texts, changes, pack.versions)
    members |= {name: _lines(rows) for name, rows in zip(TABLES, tables, strict=True)}
    members |= dict(sorted(pack.files.items()))
    if sum(map(len, members.values())) > LARGEST_UNPACKED:
        raise KoansError(f"there are more than {LARGEST_UNPACKED >> 20} MiB, which is too much for one file")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, SAVED)
            info.external_attr = 0o644 << 16
            archive.writestr(info, data, zipfile.ZIP_DEFLATED, compresslevel=1)  # a higher level gains little
    if out.tell() > LARGEST:
        raise KoansError(f"the file would have more than {LARGEST >> 20} MiB")
    return out.getvalue()


def _lines(rows: Iterable[Any]) -> bytes:
    return msgspec.json.Encoder().encode_lines(rows)


def _line(log: Log, line: type[_Strict], row: Row, place: float) -> _Strict:
    """The line of a row."""
    values = dict(zip(log.columns, row, strict=True))
    if log is ATTEMPTS:
        values["verdict"] = cast(bytes, values["verdict"]).decode("utf-8", "replace")
    return line(**values, place=None if place == values["at"] else place)


def read(file: Path) -> tuple[Pack, bytes]:
    """What is in the file, and its bytes. Without a file: nothing. Raises KoansError if it is no file of ours."""
    if why := source_text.no_plain_file(file):
        raise KoansError(f"{file} {why}")
    if not file.exists():
        return Pack(), b""
    data = read_file(file, LARGEST)
    try:
        return decode(data), data
    except KoansError as error:
        raise KoansError(f"{file}: {error}; nothing was changed") from None
    except (*BROKEN, msgspec.MsgspecError) as error:
        raise KoansError(f"{file}: damaged ({error}); nothing was changed") from None


def decode(data: bytes) -> Pack:
    """What is in the bytes of a file. Raises KoansError, and one of BROKEN or MsgspecError for damage."""
    if data.count(ENTRY) > MOST_MEMBERS:  # before they become objects
        raise KoansError(f"it has more than {exercises.MOST_FILES} files")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        head = _member(archive, archive.getinfo(HEAD), 1000)
    except (KeyError, zipfile.BadZipFile) as error:
        raise KoansError(f"it is not a file of `koans sync`, or it is damaged ({error})") from None
    version = msgspec.json.decode(head, type=_Head).format
    if version > FORMAT:
        raise KoansError(
            f"a later version of koans wrote it (format {version}, this version reads up to format {FORMAT}): "
            "update this workbook"
        )
    if version < 1:
        raise KoansError(f"it has no format that there is ({version})")
    return _pack(_members(archive))


def _members(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """The members by name. Raises KoansError if they are too large, or if one has no business there."""
    members: dict[str, bytes] = {}
    left = LARGEST_UNPACKED
    for info in archive.infolist():
        name = info.filename
        known = name == HEAD or name in LOGS or name in TABLES
        if name in members:
            raise KoansError(f"damaged ({name!a} twice)")
        if not known and (why := exercises.refusal(name)):
            raise KoansError(f"{name!a} cannot be written: {why}")
        members[name] = _member(archive, info, left if known else min(left, exercises.LARGEST))
        left -= len(members[name])
    return members


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, largest: int) -> bytes:
    with archive.open(info) as stream:
        data = stream.read(largest + 1)
    if len(data) > largest:
        raise KoansError(f"{info.filename} is larger than a sync allows")
    return data


def _pack(members: dict[str, bytes]) -> Pack:
    for name in (*LOGS, *TABLES):
        if name not in members:
            raise KoansError(f"damaged ({name} is missing)")
    count = sum(members[name].count(b"\n") for name in (*LOGS, *TABLES))
    if count > MOST_ROWS:
        raise KoansError(f"it has more than {MOST_ROWS:,} lines")
    logs = {log.table: _rows(log, _decoded(members, name, line)) for name, (log, line) in LOGS.items()}
    hints, peeks, texts, changed, versions = (_decoded(members, name, line) for name, line in TABLES.items())
    changes = {line.name: Change(line.to, line.at) for line in changed}
    settings.check(changes)
    files = {name: data for name, data in members.items() if name.startswith(f"{exercises.FOLDER}/")}
    _check_files(versions, files)
    return Pack(logs, hints, peeks, texts, changes, versions, files)


def _decoded(members: dict[str, bytes], name: str, line: type[Any]) -> list[Any]:
    try:
        return msgspec.json.Decoder(line).decode_lines(members[name])
    except msgspec.MsgspecError as error:
        raise msgspec.ValidationError(f"{name}: {error}") from None


def _rows(log: Log, lines: list[Any]) -> dict[str, tuple[Row, float]]:
    """The rows of these lines with their places, by key. Of two lines of the same row, the first place counts."""
    rows: dict[str, tuple[Row, float]] = {}
    get = operator.attrgetter(*log.columns)
    for line in lines:
        row = _checked(log, line, get(line))
        rows.setdefault(log.key(row), (row, line.at if line.place is None else line.place))
    return rows


def _checked(log: Log, line: Any, row: Row) -> Row:
    """The row of a line. Raises ValidationError if its values contradict each other."""
    if log is ATTEMPTS:
        verdict = msgspec.json.decode(line.verdict, type=Verdict)
        if (verdict.koan, verdict.status) != (line.koan, line.status):
            raise msgspec.ValidationError(f"attempts.jsonl: a verdict on {verdict.koan!a} for {line.koan!a}")
        fast = line.fast and line.fast.value
        return (line.koan, line.at, line.content, line.status.value, fast, line.seconds, line.verdict.encode())
    if log is REVIEWS and (line.rating == 0) != (line.cancels is not None):
        raise msgspec.ValidationError("reviews.jsonl: a review without a rating")
    return row


def _check_files(versions: Sequence[Version], files: dict[str, bytes]) -> None:
    """Raise KoansError unless each path has the text of its last version."""
    by_path = exercises.by_path(versions, ())
    for path in by_path.keys() | files.keys():
        if path not in by_path or path not in files:
            raise KoansError(f"damaged ({path!a} is not complete)")
        if (why := exercises.refusal(path)) or (why := exercises.unfit(files[path])):
            raise KoansError(f"{path!a} cannot be written: {why}")
        newest = exercises.last(by_path[path])
        if newest is None or newest.digest != exercises.digest(files[path]):
            raise KoansError(f"damaged ({path!a} has another text than was sent)")
