"""Merges the file of another machine into this one, and says what came in and what goes out.

Logs merge as sets (`grader.learn.logs`). Of a file and of a setting, the last text or value counts on every machine. So
it makes no difference which machine is first, and a second sync changes nothing.

All that is written here is first complete, and a sync that was interrupted can be run again: the learner's files are
written first, then the settings, then the progress file in one transaction, and last the file of the sync.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from grader.book.database import Database
from grader.book.errors import KoansError, reading
from grader.book.files import write_file, write_files
from grader.book.workbook import Workbook
from grader.learn import logs, settings
from grader.learn.logs import ANSWERS, ATTEMPTS, LOGS, RE_SOLVES, REVIEWS, Row
from grader.learn.progress import Progress, keep_copy
from grader.learn.settings import Change
from grader.learn.sync import exercises, pack
from grader.learn.sync.exercises import Local, Version
from grader.learn.sync.pack import HintLine, Pack, PeekLine, TextLine

Side = Literal["here", "file"]
Logs = Mapping[str, Mapping[str, tuple[Row, float]]]


class Counts(msgspec.Struct, frozen=True):
    """How much went one way. `passes` are the attempts that passed; `exercises` and `settings` are names."""

    attempts: int = 0
    passes: int = 0
    reviews: int = 0
    taken_back: int = 0
    answers: int = 0
    re_solve_steps: int = 0
    hints: int = 0
    peeks: int = 0
    exercises: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return self != Counts()


class Conflict(msgspec.Struct, frozen=True):
    """A file that was changed on two machines. `kept` says whose text counts. `copy` is the path of the other one.

    The path is empty in a dry run.
    """

    path: str
    kept: Side
    copy: str = ""


class Synced(msgspec.Struct, frozen=True):
    """What a sync did. `left_out` are files below exercises/ that are not part of it, with the reason for each."""

    file: str
    came_in: Counts
    went_out: Counts
    conflicts: tuple[Conflict, ...] = ()
    left_out: dict[str, str] = {}
    is_new: bool = False


class _Written(msgspec.Struct, frozen=True):
    """A text that comes in: its version, its bytes, and the file that it replaces, if there is one."""

    place: Path
    version: Version
    data: bytes
    replaced: bytes


class _Plan(msgspec.Struct, frozen=True):
    """What happens to the learner's files: all versions, texts to write here, and texts of which a copy is kept."""

    versions: dict[str, set[Version]]
    files: dict[str, bytes]  # the text that counts, by path
    written: dict[str, _Written]
    went_out: tuple[str, ...]
    lost: tuple[tuple[str, Side, bytes], ...]


def sync(workbook: Workbook, file: Path, *, dry_run: bool = False) -> Synced:
    """Merge the file, if there is one, into `.koans/` and exercises/, and write what both have to the file.

    With `dry_run` nothing is written. Raises KoansError if the file is not one of ours, or if something cannot be
    read or written.
    """
    theirs, data = pack.read(file)
    of_stubs = exercises.stubs(workbook)
    local = exercises.scan(workbook, of_stubs)
    made = settings.changes(workbook.root)
    changed = settings.merged(made, theirs.settings)
    with Progress(workbook.root) as progress:
        db = progress.recording()
        with db.transaction(keep=not dry_run):
            plan = _plan(workbook, db, local, theirs, of_stubs)
            came_in, went_out, ours = _merge_logs(db, theirs)
            _merge_versions(db, plan)
            union = _union(db, ours, changed, plan)
            merged = pack.encode(union)
            conflicts = [Conflict(path, kept) for path, kept, _ in plan.lost]
            if not dry_run:
                conflicts = _write_exercises(workbook, progress.folder, plan)
                if changed != made:
                    settings.apply(workbook.root, changed)
    if not dry_run and merged != data:
        try:
            write_file(file, merged)
        except KoansError as error:
            raise KoansError(f"{error}; what came in is saved here, and nothing went out") from None
    return Synced(
        str(file),
        msgspec.structs.replace(came_in, exercises=tuple(plan.written), settings=_differing(changed, made)),
        msgspec.structs.replace(went_out, exercises=plan.went_out, settings=_differing(changed, theirs.settings)),
        tuple(conflicts),
        local.left_out,
        not data,
    )


def _differing(changed: Mapping[str, Change], old: Mapping[str, Change]) -> tuple[str, ...]:
    return tuple(name for name, change in sorted(changed.items()) if old.get(name) != change)


def _merge_logs(db: Database, theirs: Pack) -> tuple[Counts, Counts, Logs]:
    """Add what the logs lack. Returns what came in, what the file lacks, and all rows."""
    ours: dict[str, Mapping[str, tuple[Row, float]]] = {}
    new: dict[str, list[Row]] = {}
    missing: dict[str, list[Row]] = {}
    for log in LOGS:
        given = theirs.logs.get(log.table, {})
        new[log.table] = logs.insert(db, log, given)
        ours[log.table] = logs.rows(db, log)
        missing[log.table] = [row for key, (row, _) in ours[log.table].items() if key not in given]
    before = _hints(db), _peeks(db)
    for hint in theirs.hints:
        earlier = "on conflict (koan, tier) do update set at = min(at, excluded.at)"
        db.execute(f"insert into hints values (?,?,?) {earlier}", (hint.koan, hint.tier, hint.at))
    for peek in theirs.peeks:
        db.execute("insert or ignore into peeks values (?,?)", (peek.koan, peek.at))
    for text in theirs.texts:
        one = "on conflict (content) do update set text = min(text, excluded.text)"
        db.execute(f"insert into texts values (?,?) {one}", (text.content, text.text))
    after = _hints(db), _peeks(db)
    sent = {(h.koan, h.tier) for h in theirs.hints}, {(p.koan, p.at) for p in theirs.peeks}
    return (
        _counts(new, len(after[0] - before[0]), len(after[1] - before[1])),
        _counts(missing, len(after[0] - sent[0]), len(after[1] - sent[1])),
        ours,
    )


def _hints(db: Database) -> set[tuple[str, int]]:
    return set(db.execute("select koan, tier from hints"))


def _peeks(db: Database) -> set[tuple[str, float]]:
    return set(db.execute("select koan, at from peeks"))


def _counts(rows: Mapping[str, list[Row]], hints: int, peeks: int) -> Counts:
    attempts, reviews = rows[ATTEMPTS.table], rows[REVIEWS.table]
    status, cancels = ATTEMPTS.columns.index("status"), REVIEWS.columns.index("cancels")
    return Counts(
        len(attempts),
        sum(row[status] == "passed" for row in attempts),
        sum(row[cancels] is None for row in reviews),
        sum(row[cancels] is not None for row in reviews),
        len(rows[ANSWERS.table]),
        len(rows[RE_SOLVES.table]),
        hints,
        peeks,
    )


def _versions(db: Database) -> list[Version]:
    rows = db.execute("select path, digest, saved, after from versions order by path, saved, digest, after")
    return [Version(*row) for row in rows]


def _plan(workbook: Workbook, db: Database, local: Local, theirs: Pack, of_stubs: Mapping[str, str]) -> _Plan:
    """Decide about each file. Nothing is written. Raises KoansError if a file cannot be written where it belongs."""
    known = exercises.by_path(_versions(db), of_stubs)
    ran = {koan for (koan,) in db.execute("select distinct koan from attempts")}
    mine: list[Version] = []
    for path, text in local.texts.items():  # versions of other paths are forgotten: this machine has no text of them
        own = known.get(path, set())
        new = exercises.noticed(path, text, own, ran=path not in of_stubs or _koan(path) in ran)
        mine += [*own, *([new] if new else [])]
    sent = exercises.by_path(theirs.versions, of_stubs)
    given = {path: data for path, data in theirs.files.items() if exercises.is_text(data, of_stubs.get(path))}
    versions = exercises.by_path([*mine, *(v for path in given for v in sent.get(path, ()))], of_stubs)
    files: dict[str, bytes] = {}
    written: dict[str, _Written] = {}
    lost: list[tuple[str, Side, bytes]] = []
    for path, of_path in versions.items():
        newest = max(of_path, key=lambda version: version.rank)
        older = {newest.digest, *exercises.ancestors(newest, of_path)}
        if path in local.texts and local.texts[path].digest == newest.digest:
            files[path] = local.texts[path].data
            seen = {*older, *(version.digest for version in known.get(path, ()))}
            if path in given and exercises.digest(given[path]) not in seen:
                lost.append((path, "here", given[path]))
        else:  # then it is in the file: each side has the text of the newest of its own versions
            files[path] = given[path]
            place = exercises.place(workbook, path, of_stubs)
            with reading(place):
                replaced = place.read_bytes() if place.exists() else b""
            written[path] = _Written(place, newest, given[path], replaced)
            if exercises.is_text(replaced, of_stubs.get(path, exercises.NOTHING)) and (
                exercises.digest(exercises.unix(replaced)) not in older
            ):
                lost.append((path, "file", replaced))
    went_out = tuple(path for path, data in files.items() if given.get(path) != data)
    return _Plan(versions, files, written, went_out, tuple(lost))


def _koan(path: str) -> str:
    return path.removeprefix(f"{exercises.FOLDER}/").removesuffix(".py")


def _merge_versions(db: Database, plan: _Plan) -> None:
    versions = {version for found in plan.versions.values() for version in found}
    if versions != set(_versions(db)):
        db.execute("delete from versions")
        db.executemany(
            "insert into versions (path, digest, saved, after) values (?,?,?,?)",
            [(one.path, one.digest, one.saved, one.after) for one in versions],
        )


def _union(db: Database, ours: Logs, changed: dict[str, Change], plan: _Plan) -> Pack:
    """What both machines have, for the file."""
    return Pack(
        ours,
        [HintLine(*row) for row in db.execute("select koan, tier, at from hints order by koan, tier")],
        [PeekLine(*row) for row in db.execute("select koan, at from peeks order by koan, at")],
        [TextLine(*row) for row in db.execute("select content, text from texts order by content")],
        changed,
        sorted((v for found in plan.versions.values() for v in found), key=msgspec.structs.astuple),
        plan.files,
    )


def _write_exercises(workbook: Workbook, folder: Path, plan: _Plan) -> list[Conflict]:
    """Keep a copy of each text that is lost, then write what came in. Raises KoansError."""
    conflicts = []
    for path, kept, data in plan.lost:
        copy = keep_copy(folder, path.removeprefix(f"{exercises.FOLDER}/"), data)
        conflicts.append(Conflict(path, kept, copy.relative_to(workbook.root).as_posix()))
    write_files({one.place: _with_line_ends(one.data, one.replaced) for one in plan.written.values()})
    for one in plan.written.values():
        exercises.set_saved(one.place, one.version.saved)
    return conflicts


def _with_line_ends(data: bytes, replaced: bytes) -> bytes:
    """The text with the line ends of the file that it replaces."""
    crlf = b"\r\n" in replaced[: replaced.find(b"\n") + 1]
    return data.replace(b"\n", b"\r\n") if crlf else data
